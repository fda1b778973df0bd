"""The product with shorter waits: what takes minutes in production takes seconds.

Nothing else is changed. Worker, beat and web server of the fault runs are started
from this module: ``celery -A tests.faults.hurried``, ``gunicorn
tests.faults.hurried:application``.
"""

from __future__ import annotations

from contactsync.celery import app as app
from contactsync.wsgi import application as application

# isort: split
from datetime import timedelta

from contactsync.api import idempotency
from displays import confirm_send
from integrations import retry
from integrations.adapters.mailchimp.adapter import Mailchimp

READ_SECONDS = 4.0
TASK_SECONDS = 20  # below LEASE_SECONDS, as in production
# Half a minute in all instead of eleven hours, and as many tries.
DELAYS = (1, 2, 3, 4, 5, 5, 5, 5)
assert len(DELAYS) == len(retry.DELAYS)

retry.DELAYS = DELAYS
Mailchimp.read_timeout = READ_SECONDS
Mailchimp.total_timeout = 2 * READ_SECONDS
idempotency.STALE = timedelta(seconds=5)
confirm_send.LEASE = timedelta(seconds=15)
confirm_send.SECONDS = 10.0  # below TASK_SECONDS, as in production
app.conf.task_time_limit = TASK_SECONDS
app.conf.task_soft_time_limit = TASK_SECONDS - 4
