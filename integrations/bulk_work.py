"""The work of bulk runs: planning, sending and undoing, by one worker at a time.

A worker holds a run by a claim with a lease; every step writes what it did together
with the cursor. A worker that is killed loses and doubles nothing; another takes over
when the lease ends.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.db.models import Exists, F, OuterRef

from contactsync.lib.clock import now
from contactsync.lib.crypto import SealError
from contactsync.lib.sql import is_postgres
from integrations import bulk_plan, bulk_send, bulk_undo, shutdown
from integrations.adapters.errors import AdapterError
from integrations.bulk_guard import WAITING
from integrations.bulk_look import said
from integrations.models import BulkItem, BulkRun

log = structlog.get_logger(__name__)

State = BulkRun.State
LEASE = timedelta(seconds=150)
# Short: whoever waits for this worker has its turn then.
SECONDS = 10.0
# On SQLite, after a slice: a signup that waits to write looks every 100 ms at most.
BREATH = 0.15
# A row that was on its way has ended by then.
COLLECTED_FOR = timedelta(days=7)
Step = Callable[[BulkRun, Any], bool]
STEPS: dict[str, Step] = {
    State.PLANNING: bulk_plan.step,
    State.RUNNING: bulk_send.step,
    State.UNDOING: bulk_undo.step,
}
OURS = "contactsync ran into an error of its own. Report it with the time shown."


def open_runs() -> list[UUID]:
    """Runs that a worker should go on with now."""
    return list(BulkRun.objects.free().order_by("pk").values_list("pk", flat=True))


def advance(run_id: UUID) -> int:
    """Go on with a run for a while. Returns the number of steps that were made."""
    claim = BulkRun.take(run_id, LEASE)
    if claim is None:
        return 0
    deadline, steps = time.monotonic() + SECONDS, 0
    try:
        while time.monotonic() < deadline and not shutdown.asked():
            if not one_step(run_id, claim):
                break
            steps += 1
            if not is_postgres():
                time.sleep(BREATH)
    except (OperationalError, InterfaceError, SoftTimeLimitExceeded):
        # A deadlock, a lost connection, a slow machine: the sweep comes back to it.
        log.warning("bulk run interrupted", run_id=str(run_id), exc_info=True)
    except Exception:
        # Our bug: it would come back for ever. What is enqueued already stays so.
        log.exception("bulk run failed", run_id=str(run_id))
        fail(run_id, claim)
    finally:
        BulkRun.objects.filter(pk=run_id, claim_id=claim).update(
            claim_id=None, lease_until=None
        )
    return steps


def one_step(run_id: UUID, claim: UUID) -> bool:
    """Renew the lease and make the step that the run's state asks for."""
    run = BulkRun.objects.filter(pk=run_id, claim_id=claim).first()
    if run is None or run.state not in STEPS:
        return False
    mine = BulkRun.objects.held(run_id, claim, run.state)
    if not mine.update(lease_until=now() + LEASE):
        return False
    try:
        return STEPS[run.state](run, mine)
    except bulk_plan.NotNow:
        return False
    except (AdapterError, SealError) as error:
        hindered(run, mine, error)
        return False


def hindered(run: BulkRun, mine: Any, error: AdapterError | SealError) -> None:
    """The provider cannot be asked now: the run says so and goes on later."""
    if run.state == State.UNDOING:
        bulk_undo.hindered(run, mine, error)
        return
    detail = said(error)
    mine.update(progress={**run.progress, "note": detail})


def fail(run_id: UUID, claim: UUID) -> None:
    run = BulkRun.objects.filter(pk=run_id, claim_id=claim).first()
    if run is not None:
        BulkRun.objects.filter(pk=run_id, claim_id=claim).update(
            state=State.FAILED,
            ended_at=now(),
            progress={**run.progress, "note": OURS},
        )


def collect_ended() -> int:
    """Note what became of rows that were on their way when their run was cancelled or
    failed. Returns how many runs there was news of."""
    over = BulkRun.objects.filter(
        state__in=(State.CANCELLED, State.FAILED), ended_at__gt=now() - COLLECTED_FOR
    )
    waiting = BulkItem.objects.filter(run=OuterRef("pk"), outcome=WAITING)
    told = 0
    for run in over.filter(Exists(waiting)):
        before = run.progress
        bulk_send.collect(run, BulkRun.objects.filter(pk=run.pk, state=run.state))
        told += run.progress != before
    return told


def forget_old() -> int:
    """Forget the before-images and samples of runs that ended long ago, and give up
    plans as old that nobody started: people's data is kept as long as it is of use.
    Returns how many runs were concerned."""
    long_ago = now() - timedelta(days=settings.BULK_KEEP_DAYS)
    BulkRun.objects.filter(
        state__in=(State.PLANNED, State.STOPPED),
        started_at=None,
        created_at__lt=long_ago,
    ).update(state=State.CANCELLED, ended_at=F("created_at"))
    ended = BulkRun.objects.filter(ended_at__lt=long_ago)
    # An undo that is under way still reads them.
    old = ended.exclude(state=State.UNDOING).exclude(undo__has_key="forgotten")
    found = list(old.values_list("pk", flat=True)[:20])
    for pk in found:
        BulkItem.objects.filter(run_id=pk).update(before=None)
        run = BulkRun.objects.get(pk=pk)
        BulkRun.objects.filter(pk=pk).update(
            plan={**run.plan, "sample": []}, undo={**run.undo, "forgotten": True}
        )
    return len(found)
