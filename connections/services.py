"""Writes to imports."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from connections.models import ListImport
from contactsync.lib.clock import now
from contactsync.lib.wake import Waker, publisher
from contactsync.tenancy.jobs import OPEN
from contactsync.tenancy.models import User
from hygiene.models import CleaningRun
from integrations.models import LinkedAccount, Target
from integrations.outbox_list import cancel_target

IMPORT_TASK = "connections.import_list"

import_waker = Waker(publisher(IMPORT_TASK))


class ImportStateError(Exception):
    """What was asked for does not fit the import's state; nothing was changed."""


class ListNotReadyError(ImportStateError):
    """The list is not cleaned yet, or holds nobody to import."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportSettings:
    """Where the people of a list go. ``mapping`` as it is stored: see
    ``integrations.entries``; its sources are fields of the list."""

    linked_account: LinkedAccount
    audience_id: str
    consent: str
    audience_label: str = ""
    double_opt_in: bool = False
    update_existing: bool = False
    mapping: dict[str, str] | list[dict[str, Any]] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)


def import_create(
    *, run: CleaningRun, settings: ImportSettings, by: User | None = None
) -> ListImport:
    """Start sending the accepted rows of a cleaned list.

    Raises ListNotReadyError, and ImportStateError while an earlier import of it into
    the same audience has not ended.
    """
    with transaction.atomic():
        # Two people press Start at once, or one deletes the list: one after the other.
        locked = CleaningRun.objects.select_for_update(no_key=True).filter(pk=run.pk)
        _check(locked.defer("policy").first(), settings)
        target = Target.objects.create(
            account_id=run.account_id,
            linked_account=settings.linked_account,
            audience_id=settings.audience_id,
            audience_label=settings.audience_label,
            double_opt_in=settings.double_opt_in,
            update_existing=settings.update_existing,
            mapping=settings.mapping,
            tags=settings.tags,
        )
        job = ListImport.objects.create(
            account_id=run.account_id,
            run=run,
            filename=run.filename,
            target=target,
            environment=settings.linked_account.environment,
            consent=settings.consent,
            rows_total=run.rows_done,
            created_by=by,
        )
        _wake(job)
    return job


def _check(run: CleaningRun | None, settings: ImportSettings) -> None:
    if run is None:
        raise ListNotReadyError("The list was deleted meanwhile.")
    if run.status != CleaningRun.Status.DONE:
        raise ListNotReadyError("The list is not cleaned yet. Wait until it is done.")
    if not run.counts.get("valid"):
        raise ListNotReadyError("No row of this list was accepted.")
    under_way = ListImport.objects.filter(
        run=run,
        status__in=(*OPEN, ListImport.Status.PAUSED),
        target__linked_account=settings.linked_account,
        target__audience_id=settings.audience_id,
    )
    if under_way.exists():
        raise ImportStateError("This list is on its way to that audience already.")


def import_pause(*, job: ListImport) -> None:
    """Enqueue nobody else for now. Raises ImportStateError when it has ended."""
    _change(job, (*OPEN, ListImport.Status.PAUSED), status=ListImport.Status.PAUSED)


def import_resume(*, job: ListImport) -> None:
    """Go on where it was paused. Raises ImportStateError when it has ended."""
    with transaction.atomic():
        job.refresh_from_db(fields=["status"])
        if job.status not in OPEN:
            _change(job, (ListImport.Status.PAUSED,), status=ListImport.Status.QUEUED)
        _wake(job)


def import_cancel(*, job: ListImport) -> int:
    """Stop for good, and give up what waits; what was sent stays sent.

    Returns how many were given up. Raises ImportStateError.
    """
    with transaction.atomic():
        stoppable = (*OPEN, ListImport.Status.PAUSED)
        _change(
            job,
            stoppable,
            status=ListImport.Status.CANCELLED,
            finished_at=now(),
        )
        return cancel_target(job.target_id)


def _change(job: ListImport, fitting: tuple[str, ...], **values: Any) -> None:
    """Take it from its worker as well: who resumes it need not wait for the lease."""
    if not job.move(fitting, **values):
        raise ImportStateError(
            f"The import has ended: {job.get_status_display().lower()}."
        )


def _wake(job: ListImport) -> None:
    transaction.on_commit(lambda: import_waker.wake([job.pk]), robust=True)
