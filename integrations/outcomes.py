"""What becomes of a row, by what the adapter answered or raised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Protocol

from contactsync.lib.clock import now
from integrations import retry
from integrations.adapters.base import Outcome, OutcomeState
from integrations.adapters.errors import (
    AdapterError,
    DriftError,
    Reason,
    SetupError,
    TargetError,
    TransientError,
)
from integrations.holding import account_break, target_break
from integrations.models import LinkedAccount, State, Target
from integrations.outbox import Settled

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
# None of these is an attempt of the row's.
UNCOUNTED = {*NOT_NOW, Reason.TURN}
SLOW_DOWN_SECONDS = 30.0
# Who cannot answer at all is not asked for everybody else at once.
BREATH_SECONDS = 5.0
# A plan's limit is lifted by a person, or at the turn of a month.
QUOTA_SECONDS = 1800.0


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
        postpone(account, retry.jittered(max(waits)))


def postpone(account: LinkedAccount, seconds: float) -> None:
    """Send nothing to this account for so long."""
    LinkedAccount.objects.filter(pk=account.pk).update(
        not_before=now() + timedelta(seconds=seconds)
    )


def later(row: Row, reason: str, detail: str, retry_after: float | None) -> Settled:
    """The row again after a while, or failed when it was tried often enough.

    That a provider wants less counts as nobody's attempt, however often it says so.
    """
    if reason in UNCOUNTED:
        wait: float | None = retry_after
        if wait is None:
            wait = QUOTA_SECONDS if reason == Reason.QUOTA else SLOW_DOWN_SECONDS
    else:
        wait = retry.delay(row.attempts, retry_after)
    if wait is None:
        return Settled(row.id, State.FAILED, reason, detail)
    due = now() + timedelta(seconds=wait)
    uncounted = reason in UNCOUNTED
    return Settled(row.id, State.PENDING, reason, detail, due=due, uncounted=uncounted)


def after_failure(
    account: LinkedAccount,
    target: Target,
    rows: Sequence[Row],
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
    if failure.reason is Reason.TURN and wait:
        return [later(row, reason, detail, wait) for row in rows]
    if failure.reason is Reason.TURN:
        # The batch had all of its time: next time it is a smaller one.
        reason, wait = Reason.TIMEOUT.value, None
    breath = SLOW_DOWN_SECONDS if failure.reason in NOT_NOW else BREATH_SECONDS
    postpone(account, retry.jittered(wait or breath))
    return [later(row, reason, detail, wait) for row in rows]
