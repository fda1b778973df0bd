"""The product's settings, made quick and quiet."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

_home = tempfile.mkdtemp(prefix="contactsync-tests-")
atexit.register(shutil.rmtree, _home, ignore_errors=True)
os.environ["CONTACTSYNC_HOME"] = _home
os.environ.setdefault("SECRET_KEY", "tests-only")
os.environ.setdefault("BROKER_URL", "memory://")
os.environ["EMAIL_URL"] = "memorymail://"

from contactsync.settings import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
LOG_LEVEL = "WARNING"
HYGIENE_LISTS_SECONDS = 0
# Each of Django's test clients makes the middleware anew; nothing is to be read then.
WHITENOISE_AUTOREFRESH = True
if os.environ.get("TESTS_ON_FILE") and DATABASES["default"]["ENGINE"].endswith("lite3"):  # noqa: F405
    # As in production: in memory, whoever reads is turned away while another writes.
    DATABASES["default"]["TEST"] = {"NAME": f"{_home}/tests.db"}  # noqa: F405
