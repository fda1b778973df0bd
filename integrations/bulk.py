"""Bulk actions: planned, seen by a person, started, and undone. The writes.

    plan -> planned -> (start) running -> done -> (undo) undoing -> undone
         -> stopped -> (start, with the number typed) running ...

The work itself is done by ``bulk_work``; everything here is one conditional UPDATE of
the run, so two people who press at once do not both win.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from contactsync.lib.clock import now
from contactsync.lib.wake import Waker, publisher
from contactsync.tenancy.models import Account, User
from integrations.bulk_guard import WAITING, undo_guard
from integrations.bulk_send import collect
from integrations.bulk_undo import give_up
from integrations.models import BulkRun, Delivery, State, Target

BULK_TASK = "integrations.advance_bulk"

bulk_waker = Waker(publisher(BULK_TASK))

Run = BulkRun.State
GIVEN_UP = "given_up"
"""Outcome of an item whose row waited when its run was cancelled."""
STARTABLE = (Run.PLANNED, Run.STOPPED)
CANCELLABLE = (Run.PLANNING, *STARTABLE, Run.RUNNING, Run.PAUSED)
UNDOABLE = (Run.DONE, Run.CANCELLED, Run.FAILED)


class BulkStateError(Exception):
    """What was asked for does not fit the run's state; nothing was changed."""


class ConfirmError(BulkStateError):
    """The guard wants the number of contacts, and another or none was given.

    ``count`` is the number, ``why`` says in sentences what would happen.
    """

    def __init__(self, count: int, why: Sequence[str]) -> None:
        self.count, self.why = count, list(why)
        super().__init__(
            f"{' '.join(self.why)} Confirm it with the number of contacts: {count}."
        )


def bulk_plan_create(
    *,
    account: Account,
    kind: str,
    what: dict[str, Any],
    target: Target | None = None,
    most: int | None = None,
    by: User | None = None,
    by_label: str = "",
) -> BulkRun:
    """Have a run planned. ``what`` as in ``bulk_source.rows_of``, for a backfill
    ``display``; ``most`` limits how many are sent. Changes nothing else."""
    with transaction.atomic():
        run = BulkRun.objects.create(
            account=account,
            kind=kind,
            what=what,
            target=target,
            most=most,
            created_by=by,
            created_by_label=by_label[:160] or (str(by)[:160] if by else ""),
        )
        _wake(run)
    return run


def bulk_start(*, run: BulkRun, confirm: int | None = None, by: str = "") -> None:
    """Start a planned run. Raises ConfirmError while the guard's number is not given,
    BulkStateError when it is not planned, or has nobody to send."""
    with transaction.atomic():
        run.refresh_from_db()
        if run.state not in STARTABLE:
            raise BulkStateError(_now(run))
        if not run.plan.get("acts"):
            raise BulkStateError("There is nobody to send: see the plan for why.")
        guard = run.guard
        if guard.get("fires"):
            if confirm != guard["count"]:
                raise ConfirmError(guard["count"], guard["why"])
            guard = {**guard, "confirmed": confirm, "confirmed_by": by[:160]}
        _change(
            run,
            STARTABLE,
            state=Run.RUNNING,
            guard=guard,
            started_at=run.started_at or now(),
            progress={**run.progress, "note": ""},
        )
        _wake(run)


def bulk_pause(*, run: BulkRun) -> None:
    """Enqueue nobody else for now. Raises BulkStateError."""
    _change(run, (Run.RUNNING, Run.PAUSED), state=Run.PAUSED)


def bulk_resume(*, run: BulkRun) -> None:
    """Go on where it was paused. Raises BulkStateError."""
    with transaction.atomic():
        _change(run, (Run.PAUSED, Run.RUNNING), state=Run.RUNNING)
        _wake(run)


def bulk_cancel(*, run: BulkRun) -> int:
    """Stop for good. What waits goes back to what it was, what was sent stays sent.

    Returns how many were given up. Raises BulkStateError.
    """
    with transaction.atomic():
        _change(run, CANCELLABLE, state=Run.CANCELLED, ended_at=now())
        items = list(run.items.filter(outcome=WAITING))
        # Locked: what is claimed in this moment still goes out, and is not given up.
        waits = set(
            Delivery.objects.select_for_update()
            .filter(
                pk__in=[item.delivery_id for item in items],
                state__in=(State.PENDING, State.HELD),
            )
            .order_by("pk")
            .values_list("pk", flat=True)
        )
        back = [item for item in items if item.delivery_id in waits]
        given_up = give_up(back)
        run.items.filter(pk__in=[item.pk for item in back]).update(outcome=GIVEN_UP)
        collect(run, BulkRun.objects.filter(pk=run.pk))
        return given_up


def bulk_undo(*, run: BulkRun, confirm: int | None = None) -> None:
    """Take a run back, as far as that may be (``bulk_undo``). Raises ConfirmError,
    BulkStateError."""
    with transaction.atomic():
        run.refresh_from_db()
        if run.state not in UNDOABLE:
            raise BulkStateError(_now(run))
        if not can_undo(run):
            raise BulkStateError(cannot_undo(run))
        guard = undo_guard(run)
        if guard["fires"] and confirm != guard["count"]:
            raise ConfirmError(guard["count"], guard["why"])
        _change(
            run,
            UNDOABLE,
            state=Run.UNDOING,
            undo={
                "counts": run.undo.get("counts", {}),
                "before": run.state,
                "total": guard["count"],
            },
        )
        _wake(run)


def can_undo(run: BulkRun) -> bool:
    return run.state in UNDOABLE and not cannot_undo(run)


def cannot_undo(run: BulkRun) -> str:
    """Why there is nothing to undo; "" when there is."""
    if run.undo.get("forgotten") or (
        run.ended_at and run.ended_at < now() - timedelta(days=settings.BULK_KEEP_DAYS)
    ):
        return (
            f"It ended more than {settings.BULK_KEEP_DAYS} days ago: how the contacts "
            "were before is not kept any longer."
        )
    if not run.progress.get("enqueued"):
        return "Nobody was sent, so there is nothing to undo."
    return ""


def _change(run: BulkRun, fitting: Sequence[str], **values: Any) -> None:
    """Take it from its worker as well: who resumes it need not wait for the lease."""
    if not run.move(fitting, **values):
        raise BulkStateError(_now(run))


def _now(run: BulkRun) -> str:
    return f"That does not fit: it is {run.get_state_display().lower()} now."


def _wake(run: BulkRun) -> None:
    transaction.on_commit(lambda: bulk_waker.wake([run.pk]), robust=True)
