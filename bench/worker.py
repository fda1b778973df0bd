"""The product's Celery app, plus the task that it is compared with."""

from __future__ import annotations

from contactsync.celery import app

app.autodiscover_tasks(["bench"], related_name="baseline")

__all__ = ["app"]
