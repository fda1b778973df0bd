"""Retention, as workers run it: a minute at a time, once a day."""

from __future__ import annotations

from celery import shared_task

from integrations import retention

EXPIRES = 3600


@shared_task(name="integrations.prune")
def prune(cursor: int = 0) -> int:
    """Delete what is old, and leave the rest of it to the next message. Should that be
    lost, the next hour begins anew. Returns how many rows are gone."""
    done = retention.prune(cursor)
    if done is None:
        return 0
    if done.cursor is not None:
        prune.apply_async([done.cursor], expires=EXPIRES)
    return done.deliveries + done.attempts
