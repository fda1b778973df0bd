"""What the broker carries for bulk runs: ids, never truth."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task

from integrations import bulk_work
from integrations.bulk import BULK_TASK

EXPIRES = 60


@shared_task(name="integrations.sweep_bulk")
def sweep_bulk() -> int:
    """Go on with every run that no worker holds; forget what nobody undoes any more."""
    bulk_work.forget_old()
    bulk_work.collect_ended()
    found = bulk_work.open_runs()
    for run_id in found:
        advance_bulk.apply_async([str(run_id)], expires=EXPIRES)
    return len(found)


@shared_task(name=BULK_TASK)
def advance_bulk(run_id: str) -> int:
    return bulk_work.advance(UUID(run_id))
