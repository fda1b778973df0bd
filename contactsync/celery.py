"""The Celery app and the beat schedule.

The broker only carries wake-ups: what there is to do stands in the data base, so
every message may be lost.
"""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "contactsync.settings")

app = Celery("contactsync")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["integrations"])
app.conf.beat_schedule = {
    "sweep": {
        "task": "integrations.sweep",
        "schedule": 10.0,
        "options": {"expires": 20},
    },
    "check-opt-ins": {
        "task": "integrations.check_opt_ins",
        "schedule": 10.0,
        "options": {"expires": 20},
    },
}
