"""One worker's turn at one linked account: claim a batch, send it, settle it, again.

Whatever happens here, a row is never lost: unsettled rows come back when their lease
ends.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings

from contactsync.lib.clock import now
from contactsync.lib.crypto import SealError
from contactsync.lib.sql import rows
from integrations import limits, outbox, shutdown
from integrations.adapters.base import Adapter
from integrations.adapters.each import OneByOne
from integrations.adapters.errors import Reason, SetupError, TransientError
from integrations.holding import account_break
from integrations.models import LinkedAccount
from integrations.oauth_tokens import ends_soon, ready_adapter
from integrations.outcomes import SLOW_DOWN_SECONDS, postpone
from integrations.sending import send

log = structlog.get_logger(__name__)

# After that, whoever else waits goes first.
TURN_SECONDS = 0.5
# What one batch may take: among accounts that answer fast, where what was done before
# the end stays done (one contact a call) or not. Slow ones have what a lease allows.
FAST_CALLS_SECONDS = 5.0
FAST_SECONDS = 20.0
# Batches that say which of the two an account is.
SLOW_BATCH = 3.0
FAST_BATCH = 1.0


@dataclass(slots=True)
class Drained:
    """``settled`` deliveries. ``again``: seconds after which somebody should go on;
    None: nothing is left, or nothing can be done now. ``slow``: by slow workers.
    ``ticket``: of the slot that is kept for them."""

    settled: int = 0
    again: float | None = None
    slow: bool = False
    ticket: UUID | None = None


def drain(linked_account_id: UUID) -> int:
    """Send what is due. Returns the number of deliveries that were settled."""
    return take_turn(linked_account_id).settled


def take_turn(
    linked_account_id: UUID, *, ticket: UUID | None = None, keep: float = 0.0
) -> Drained:
    """Send what is due, until it is somebody else's turn. ``keep``: the slot is kept
    for who goes on within so many seconds."""
    done = Drained()
    account = load(linked_account_id)
    if account is None:
        return done
    if not may_send(account):
        if cause_to_hold(account) and outbox.can_claim(account.pk):
            done.again = 0.0  # there was more to hold than one turn could
        return done
    done.slow = account.slow
    adapter = adapter_or_hold(account)
    if adapter is None:
        return done
    with limits.Turn(account.pk, adapter.concurrency, ticket) as turn:
        if turn.got:
            drain_batches(account, adapter, turn, done)
            if done.again is not None and done.again < keep:
                done.ticket = turn.keep_for(done.again)
    if turn.got and done.again is None and outbox.can_claim(account.pk):
        # It came after our last look, and whoever was woken for it found no slot.
        done.again = again_in(load(account.pk))
    return done


def drain_batches(
    account: LinkedAccount, adapter: Adapter, turn: limits.Turn, done: Drained
) -> None:
    """Batch after batch; what is to happen next stands in ``done``."""
    began, sealed = time.monotonic(), account.sealed
    seen: tuple[Any, ...] | None = ()  # what ``account`` is read after; not known yet
    while not shutdown.asked() and turn.keep():
        permit = limits.Permit(
            account, adapter, seconds=batch_seconds(account, adapter)
        )
        adapter.permit = permit
        claim_id, claimed = outbox.claim(account.pk, limit=adapter.batch_size)
        if not claimed:
            done.again = None
            return
        started = time.monotonic()
        done.settled += send(account, adapter, claim_id, claimed)
        ended = time.monotonic()
        done.again = permit.wait or 0.0
        if note_pace(account, ended - started) or permit.wait:
            done.slow = account.slow
            return
        if ended - began > settings.DRAIN_SECONDS:
            return
        if ended - began > TURN_SECONDS and outbox.others_wait(account.pk):
            return
        now_seen = standing(account.pk)
        if now_seen == seen and not ends_soon(account):
            continue
        seen, fresh = now_seen, load(account.pk)
        if fresh is None or not may_send(fresh):
            done.again = again_in(fresh)
            return
        if fresh.sealed != sealed or ends_soon(fresh):
            new = adapter_or_hold(fresh)
            if new is None:
                done.again = None
                return
            adapter, sealed = new, fresh.sealed
        account = fresh


def again_in(account: LinkedAccount | None) -> float | None:
    """Seconds until an account may be sent to; None: not before somebody mends it."""
    if account is None or not may_send(account, but_for_time=True):
        return None
    wait = (account.not_before - now()).total_seconds() if account.not_before else 0.0
    return max(wait, 0.0)


def batch_seconds(account: LinkedAccount, adapter: Adapter) -> float:
    if account.slow:
        return float(settings.BATCH_SECONDS)
    most = FAST_CALLS_SECONDS if isinstance(adapter, OneByOne) else FAST_SECONDS
    return min(most, float(settings.BATCH_SECONDS))


def load(linked_account_id: UUID) -> LinkedAccount | None:
    return (
        LinkedAccount.objects.select_related("account")
        .filter(pk=linked_account_id)
        .first()
    )


def standing(linked_account_id: UUID) -> tuple[Any, ...] | None:
    """What decides whether to go on. Asked before every batch, so without a model."""
    found = rows(
        """SELECT l.status, l.removed_at, l.not_before, l.sealed, a.suspended_at
        FROM integrations_linkedaccount l JOIN tenancy_account a ON a.id = l.account_id
        WHERE l.id = %s""",
        [linked_account_id],
    )
    return found[0] if found else None


def note_pace(account: LinkedAccount, seconds: float) -> bool:
    """Whether the account changes to the slow workers, or back from them."""
    if (seconds <= SLOW_BATCH) if not account.slow else (seconds >= FAST_BATCH):
        return False
    account.slow = not account.slow
    LinkedAccount.objects.filter(pk=account.pk).update(slow=account.slow)
    return True


def adapter_or_hold(account: LinkedAccount) -> Adapter | None:
    """An adapter that may be used now; None when nothing can be sent, which is noted:
    the account is put on hold, or left alone for a while."""
    try:
        return ready_adapter(account)
    except SetupError as error:
        account_break(account, error.reason.value, error.detail)
    except SealError as error:
        account_break(account, Reason.AUTH_REVOKED, str(error))
    except TransientError as error:
        log.info("no new token", provider=account.provider, why=error.detail)
        postpone(account, error.retry_after or SLOW_DOWN_SECONDS)
    return None


def may_send(account: LinkedAccount, *, but_for_time: bool = False) -> bool:
    """Whether anything may go out now; what may not is put on hold with the cause."""
    cause = cause_to_hold(account)
    if cause is not None:
        outbox.hold(account.pk, reason=cause[0], detail=cause[1])
        return False
    return but_for_time or account.not_before is None or account.not_before <= now()


def cause_to_hold(account: LinkedAccount) -> tuple[str, str] | None:
    """Reason and detail, where somebody has to act before anything may be sent."""
    if account.account.suspended_at:
        return Reason.SUSPENDED.value, ""
    if account.status == LinkedAccount.Status.PAUSED:
        return account.reason or Reason.PAUSED.value, ""
    if account.status == LinkedAccount.Status.BROKEN:
        return account.reason, account.detail
    return None
