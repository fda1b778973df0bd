"""The product's settings, plus one minimal view to compare with."""

from __future__ import annotations

from contactsync.settings import *  # noqa: F403
from contactsync.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "bench.apps.BenchConfig"]
ROOT_URLCONF = "bench.urls"
SIGNUP_RATE_PER_IP = SIGNUP_RATE_PER_KEY = "100000000/min"
LOG_LEVEL = "WARNING"
