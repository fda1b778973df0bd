"""The Celery app and the beat schedule.

The broker only carries wake-ups: what there is to do stands in the data base, so
every message may be lost.
"""

from __future__ import annotations

import os

from celery import Celery
from celery.signals import task_prerun

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "contactsync.settings")

app = Celery("contactsync")
app.config_from_object("django.conf:settings", namespace="CELERY")
# Celery's Django support closes the data base connection around every task, whatever
# CONN_MAX_AGE says; opening one costs PostgreSQL more than most tasks do.
app.conf.CELERY_DB_REUSE_MAX = 10**9
app.autodiscover_tasks(
    ["integrations", "hygiene", "hygiene.cleaning", "displays", "connections"]
    + ["activity", "contacts"]
)
EVERY = {
    "integrations.sweep": 10.0,
    "integrations.check_opt_ins": 10.0,
    "integrations.check_jobs": 10.0,
    "integrations.sweep_bulk": 10.0,
    "integrations.watch": 60.0,
    "integrations.register_hooks": 30.0,
    "integrations.look_for_changes": 60.0,
    "integrations.reconcile": 60.0,
    # Hourly, for what was renewed a day ago: a restart of beat postpones no day.
    "integrations.refresh_tokens": 3600.0,
    "integrations.prune": 3600.0,
    "displays.sweep_mail_hosts": 10.0,
    "displays.confirm": 10.0,
    "displays.prune_confirmations": 3600.0,
    "contacts.seal_consents": 10.0,
    "hygiene.sweep_cleaning": 10.0,
    "connections.sweep": 10.0,
    "activity.watch_deliverability": 600.0,
    "activity.check_books": 60.0,
    "activity.check_all_books": 3600.0,
    "activity.check_chains": 300.0,
}


@task_prerun.connect
def fresh_connections(**_: object) -> None:
    """What a request does at its start: a connection that broke is replaced. One that
    the caller's transaction is on (a task that is run in place) is left alone."""
    from django.db import connections  # needs settings, which need this app

    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()


app.conf.beat_schedule = {
    task: {"task": task, "schedule": every, "options": {"expires": 2 * every}}
    for task, every in EVERY.items()
}
