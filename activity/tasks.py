"""What the workers do for the deliverability of accounts, and for the books."""

from __future__ import annotations

from collections.abc import Iterable

import structlog
from celery import shared_task
from django.db import DatabaseError

from activity import incident_chain
from activity.deliverability_figures import (
    ACTORS,
    GRACE,
    NOT_REAL,
    WINDOW,
    limit,
    score_now,
)
from activity.deliverability_todo import evidence
from activity.incident_work import look
from activity.score import suspends
from contacts.models import Suppression
from contactsync.lib.clock import now
from contactsync.tenancy.models import Account, Suspension
from contactsync.tenancy.suspension import suspension_open
from integrations import outbox
from integrations.models import Delivery, LinkedAccount, State
from integrations.waker import waker

log = structlog.get_logger(__name__)


@shared_task(name="activity.watch_deliverability")
def watch_deliverability() -> int:
    """Suspend who is below the limit. Returns how many were suspended."""
    if not limit():
        return 0
    suspended = 0
    for account in suspects():
        try:
            suspended += judge(account) is not None
        except DatabaseError:  # one account's trouble is no other's
            log.exception("score not computed", account=account.pk)
    return suspended


def suspects() -> Iterable[Account]:
    """Accounts that may be below the limit: something came back to them lately.

    Asked first, because the score itself is dear and most accounts have nothing.
    """
    since = now() - WINDOW
    came_back = set(
        Suppression.objects.filter(actor__in=list(ACTORS), created_at__gt=since)
        .order_by()
        .values_list("account_id", flat=True)
        .distinct()
    ) | set(
        Delivery.objects.filter(
            state=State.REJECTED, reason__in=NOT_REAL, changed_at__gt=since
        )
        .order_by()
        .values_list("account_id", flat=True)
        .distinct()
    )
    return list(Account.objects.filter(pk__in=came_back, suspended_at=None))


def judge(account: Account) -> Suspension | None:
    """Suspend ``account`` if its score says so; the suspension, if it did."""
    found = score_now(account)
    if not suspends(found, limit()):
        return None
    return suspension_open(
        account=account,
        reason=f"The deliverability score fell to {found.value}, below {limit()}.",
        evidence=evidence(account, found),
        unless_cleared_since=now() - GRACE,
    )


def release(account: Account) -> int:
    """Let go at once what an account that was cleared had waiting. Returns how many.

    What the sweep would do within seconds: should this fail, it does.
    """
    released = outbox.release()
    linked = LinkedAccount.objects.for_account(account).filter(
        status=LinkedAccount.Status.CONNECTED, removed_at=None
    )
    waker.wake(linked.values_list("pk", flat=True))
    return released


@shared_task(name="activity.release_held")
def release_held(account_id: str) -> int:
    account = Account.objects.filter(pk=account_id).first()
    return release(account) if account else 0


@shared_task(name="activity.check_chains")
def check_chains() -> int:
    """Go on checking the consent ledgers. Returns how many links were looked at."""
    return incident_chain.check_chains() or 0


@shared_task(name="activity.check_books")
def check_books() -> int:
    """Open and close incidents: what is recent, and all that may be stuck."""
    return look() or 0


@shared_task(name="activity.check_all_books")
def check_all_books() -> int:
    """The same, for all days that there are."""
    return look(all_days=True) or 0
