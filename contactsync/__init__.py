"""The project: settings, and the ground every app stands on."""

from __future__ import annotations

from contactsync.celery import app as celery_app

__all__ = ["celery_app"]
