"""What the broker carries for imports: ids, never truth."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task

from connections import work
from connections.services import IMPORT_TASK

EXPIRES = 60


@shared_task(name="connections.sweep")
def sweep() -> int:
    """Go on with every open import that no worker holds."""
    found = work.open_imports()
    for import_id in found:
        import_list.apply_async([str(import_id)], expires=EXPIRES)
    return len(found)


@shared_task(name=IMPORT_TASK)
def import_list(import_id: str) -> int:
    return work.advance(UUID(import_id))
