"""What the broker carries: ids of runs. Any message may be lost or doubled."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task

from hygiene.cleaning import services, work
from hygiene.cleaning.waker import TASK

WAKE_EXPIRES = 60


@shared_task(name=TASK)
def clean_list(run_id: str) -> int:
    """Work on a run for a minute at most, then get back in line."""
    judged = work.clean(UUID(run_id))
    if judged and UUID(run_id) in work.due():
        clean_list.apply_async([run_id], expires=WAKE_EXPIRES)
    return judged


@shared_task(name="hygiene.sweep_cleaning")
def sweep_cleaning() -> int:
    """Delete what is too old, wake who has runs that nobody works on."""
    services.delete_old()
    due = work.due()
    for run_id in due:
        clean_list.apply_async([str(run_id)], expires=WAKE_EXPIRES)
    return len(due)
