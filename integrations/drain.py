"""One drain of one linked account: claim a batch, call the adapter, settle.

No transaction is open while the provider is called. Whatever happens here, a row is
never lost: unsettled rows come back when their lease ends.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import timedelta
from itertools import groupby
from typing import Protocol
from uuid import UUID

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import DatabaseError

from contacts.models import Suppression
from contactsync.lib.clock import now
from contactsync.lib.crypto import SealError
from contactsync.lib.email import email_key
from integrations import outbox, retry
from integrations.adapters.base import (
    Adapter,
    Contact,
    Options,
    Outcome,
    OutcomeState,
)
from integrations.adapters.errors import (
    AdapterError,
    DriftError,
    Reason,
    RejectedError,
    SetupError,
    TargetError,
    TransientError,
)
from integrations.mapping import Prepared, matches, prepare
from integrations.models import Attempt, LinkedAccount, State, Target
from integrations.oauth_tokens import answered, ends_soon, ready_adapter
from integrations.outbox import Claimed, Settled
from integrations.services import account_break, target_break

log = structlog.get_logger(__name__)

DIRECT = {
    OutcomeState.SYNCED: State.SYNCED,
    OutcomeState.AWAITING_OPT_IN: State.AWAITING_OPT_IN,
    OutcomeState.SUBMITTED: State.SUBMITTED,
    OutcomeState.REJECTED: State.REJECTED,
    OutcomeState.SKIPPED: State.SKIPPED,
}
# The person is welcome and the rule does not fit the provider's fields: a corrected
# rule sends what waits.
MENDABLE = {Reason.REQUIRED_FIELD, Reason.FIELD_TYPE, Reason.OPTION_MISSING}
# The provider wants less, which says nothing about the row.
NOT_NOW = {Reason.RATE, Reason.QUOTA}
SLOW_DOWN_SECONDS = 30.0
MARKETING = {"esp", "sms"}


def drain(linked_account_id: UUID) -> int:
    """Send what is due. Returns the number of deliveries that were settled."""
    deadline = time.monotonic() + settings.DRAIN_SECONDS
    settled, sealed = 0, ""
    adapter: Adapter | None = None
    while time.monotonic() < deadline:
        account = (
            LinkedAccount.objects.select_related("account")
            .filter(pk=linked_account_id)
            .first()
        )
        if account is None or not may_send(account):
            break
        if adapter is None or account.sealed != sealed or ends_soon(account):
            adapter = adapter_or_hold(account)
            if adapter is None:
                break
            sealed = account.sealed
        claim_id, claimed = outbox.claim(account.pk, limit=adapter.batch_size)
        if not claimed:
            break
        settled += send(account, adapter, claim_id, claimed)
    return settled


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


def may_send(account: LinkedAccount) -> bool:
    """Whether anything may go out now; what may not is put on hold with the cause."""
    if account.account.suspended_at:
        outbox.hold(account.pk, reason=Reason.SUSPENDED)
        return False
    if account.status == LinkedAccount.Status.PAUSED:
        outbox.hold(account.pk, reason=account.reason or Reason.PAUSED)
        return False
    if account.status == LinkedAccount.Status.BROKEN:
        outbox.hold(account.pk, reason=account.reason, detail=account.detail)
        return False
    return account.not_before is None or account.not_before <= now()


def send(
    account: LinkedAccount,
    adapter: Adapter,
    claim_id: UUID,
    claimed: Sequence[Claimed],
) -> int:
    """Send one claimed batch, target by target. Returns how many were settled."""
    targets = Target.objects.for_account(account.account).in_bulk(
        {row.target_id for row in claimed}
    )
    settled = 0
    by_target = sorted(claimed, key=lambda row: str(row.target_id))
    for target_id, group in groupby(by_target, key=lambda row: row.target_id):
        rows = list(group)
        target = targets.get(target_id)
        if target is None:
            results = [Settled(row.id, State.SKIPPED, Reason.CONDITION) for row in rows]
            settled += outbox.settle(claim_id, results)
        else:
            settled += send_to_target(account, adapter, target, claim_id, rows)
    return settled


def send_to_target(
    account: LinkedAccount,
    adapter: Adapter,
    target: Target,
    claim_id: UUID,
    rows: Sequence[Claimed],
) -> int:
    wanted, skipped = [], []
    left = suppressed(account, rows)
    for row in rows:
        if row.attempts > retry.MAX_ATTEMPTS:  # its workers died, again and again
            skipped.append(Settled(row.id, State.FAILED, Reason.INTERNAL))
            continue
        reason = not_wanted(adapter, target, row)
        if left and email_key(row.payload["email"]) in left:
            reason = Reason.SUPPRESSED
        if reason:
            skipped.append(Settled(row.id, State.SKIPPED, reason))
        else:
            wanted.append(row)
    settled = outbox.settle(claim_id, skipped)
    if not wanted:
        return settled
    if target.held_reason:
        held = [
            Settled(row.id, State.HELD, target.held_reason, target.held_detail)
            for row in wanted
        ]
        return settled + outbox.settle(claim_id, held)
    ready, unfit = prepared(target, wanted)
    settled += outbox.settle(claim_id, unfit)
    if not ready:
        return settled
    wanted = [row for row, _ in ready]
    contacts = [made.contact for _, made in ready]
    started = time.monotonic()
    adapter.exchanges.clear()
    error = ""
    try:
        outcomes = answered(
            account, adapter, lambda current: upsert(current, target, contacts)
        )
        slow_down(account, outcomes)
        results = [
            noted(settled_from(row, outcome), made)
            for (row, made), outcome in zip(ready, outcomes, strict=True)
        ]
    except AdapterError as failure:
        error = failure.reason.value
        results = after_failure(account, target, wanted, failure)
    except SoftTimeLimitExceeded:
        # The provider is slow, which is nobody's bug; an upsert may be repeated.
        error = Reason.TIMEOUT.value
        results = [later(row, error, "", None) for row in wanted]
    except Exception:
        # Our bug: these rows stop here, the queue goes on, and nothing is lost.
        log.exception("adapter bug", provider=account.provider, rows=len(wanted))
        error = Reason.INTERNAL.value
        results = [Settled(row.id, State.FAILED, Reason.INTERNAL) for row in wanted]
    ms = round((time.monotonic() - started) * 1000)
    attempt_id = note_attempt(account, adapter, len(wanted), error, ms)
    return settled + outbox.settle(claim_id, results, attempt_id=attempt_id)


def prepared(
    target: Target, rows: Sequence[Claimed]
) -> tuple[list[tuple[Claimed, Prepared]], list[Settled]]:
    """What each row's signup is for the provider, and the rows that cannot be sent as
    the rule maps them."""
    made = [(row, prepare(row.payload, target.mapping, target.tags)) for row in rows]
    unfit = [
        Settled(row.id, State.HELD, each.reason, each.detail)
        for row, each in made
        if each.reason is not None
    ]
    return [(row, each) for row, each in made if each.reason is None], unfit


def noted(settled: Settled, made: Prepared) -> Settled:
    """What the mapping left out is said where the row's outcome is shown."""
    if not made.notes:
        return settled
    return replace(settled, detail=" ".join((settled.detail, *made.notes)).strip())


def note_attempt(
    account: LinkedAccount, adapter: Adapter, contacts: int, error: str, ms: int
) -> int | None:
    """Keep what was said. That it cannot be kept never keeps rows from settling."""
    try:
        attempt = Attempt.objects.create(
            account_id=account.account_id,
            linked_account=account,
            contacts=contacts,
            error=error,
            exchanges=[asdict(exchange) for exchange in adapter.exchanges],
            ms=ms,
        )
    except (DatabaseError, ValueError):
        log.exception("attempt not kept", provider=account.provider)
        return None
    return attempt.pk


def suppressed(account: LinkedAccount, rows: Sequence[Claimed]) -> set[str]:
    """Whose address was suppressed since the signup, by identity."""
    known = Suppression.objects.for_account(account.account)
    if not known.exists():
        return set()
    return set(
        known.filter(
            email_key__in=[email_key(row.payload["email"]) for row in rows]
        ).values_list("email_key", flat=True)
    )


def not_wanted(adapter: Adapter, target: Target, row: Claimed) -> Reason | None:
    """Why a signup is not one that the rule sends, or None when it is.

    Somebody who was asked for consent and did not give it is never put on a mailing
    or SMS list; a CRM or a webhook is told, with the answer.
    """
    if row.payload.get("consent") is False and adapter.kind in MARKETING:
        return Reason.NO_CONSENT
    if not matches(target.conditions, target.match, row.payload):
        return Reason.CONDITION
    return None


def upsert(
    adapter: Adapter, target: Target, contacts: Sequence[Contact]
) -> list[Outcome]:
    """The adapter's upsert; a batch refused as a whole is halved until one is left.

    Raises TransientError and SetupError of the first half that meets one, which is
    safe: an upsert is idempotent.
    """
    options = Options(
        double_opt_in=target.double_opt_in,
        update_existing=target.update_existing,
        reconfirm=target.reconfirm,
        tags=tuple(target.tags),
    )
    try:
        return adapter.upsert(contacts, target.audience_id, options)
    except RejectedError as refusal:
        if len(contacts) == 1:
            return [
                Outcome(
                    state=OutcomeState.REJECTED,
                    reason=refusal.reason,
                    detail=refusal.detail,
                )
            ]
        half = len(contacts) // 2
        return [
            *upsert(adapter, target, contacts[:half]),
            *upsert(adapter, target, contacts[half:]),
        ]


class Row(Protocol):
    """A delivery, claimed or read."""

    @property
    def id(self) -> int: ...
    @property
    def attempts(self) -> int: ...


def settled_from(row: Row, outcome: Outcome) -> Settled:
    """One contact's outcome as the state of its row."""
    reason = outcome.reason.value if outcome.reason else ""
    if outcome.state is OutcomeState.REJECTED and outcome.reason in MENDABLE:
        return Settled(row.id, State.HELD, reason, outcome.detail)
    if outcome.state is OutcomeState.RETRY:
        return later(row, reason, outcome.detail, outcome.retry_after)
    settled = Settled(
        row.id,
        DIRECT[outcome.state],
        reason,
        outcome.detail,
        outcome.job or outcome.remote_id,
    )
    if outcome.state is OutcomeState.AWAITING_OPT_IN:
        return replace(settled, due=now() + timedelta(seconds=retry.opt_in_check(0)))
    if outcome.state is OutcomeState.SUBMITTED:
        return replace(settled, due=now() + timedelta(seconds=retry.job_check(0)))
    return settled


def slow_down(account: LinkedAccount, outcomes: Sequence[Outcome]) -> None:
    """A batch that was half done when the provider said 429: the rest has to wait."""
    limited = [o for o in outcomes if o.reason in NOT_NOW]
    if limited:
        waits = (o.retry_after or SLOW_DOWN_SECONDS for o in limited)
        postpone(account, max(waits))


def postpone(account: LinkedAccount, seconds: float) -> None:
    """Send nothing to this account for so long."""
    LinkedAccount.objects.filter(pk=account.pk).update(
        not_before=now() + timedelta(seconds=seconds)
    )


def later(row: Row, reason: str, detail: str, retry_after: float | None) -> Settled:
    """The row again after a while, or failed when it was tried often enough."""
    wait = retry.delay(row.attempts, retry_after)
    if wait is None:
        return Settled(row.id, State.FAILED, reason, detail)
    due = now() + timedelta(seconds=wait)
    return Settled(row.id, State.PENDING, reason, detail, due=due)


def after_failure(
    account: LinkedAccount,
    target: Target,
    rows: Sequence[Claimed],
    failure: AdapterError,
) -> list[Settled]:
    """What becomes of the rows of a call that failed as a whole.

    The account or target is marked first: should we die before the rows are settled,
    their leases end and the next drain holds them.
    """
    reason, detail = failure.reason.value, failure.detail
    if isinstance(failure, SetupError):
        if isinstance(failure, (TargetError, DriftError)):
            target_break(target, reason, detail)
        else:
            account_break(account, reason, detail)
        return [Settled(row.id, State.HELD, reason, detail) for row in rows]
    wait = failure.retry_after if isinstance(failure, TransientError) else None
    if wait:
        postpone(account, wait)
    return [later(row, reason, detail, wait) for row in rows]
