"""Stopping an account's sending, and letting it go again: who may, and what is told.

Capture never stops. What waits is held by the drain as long as
``Account.suspended_at`` is set, and these functions are the only ones that set it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet

from contactsync.lib.clock import now
from contactsync.tenancy.mail import mail_admins
from contactsync.tenancy.models import (
    Account,
    AuditEntry,
    Membership,
    Suspension,
    User,
)
from contactsync.tenancy.services import audit

log = structlog.get_logger(__name__)

APPEAL_MAX = 4000
REASON_MAX = 2000
AUDITED = ("suspension.opened", "suspension.appealed", "suspension.decided")


class ReviewerError(Exception):
    """This person may not decide on this account; the message says why."""


def open_suspension(account: Account) -> Suspension | None:
    found: Suspension | None = (
        Suspension.objects.for_account(account).filter(closed_at=None).first()
    )
    return found


def last_cleared(account: Account) -> datetime | None:
    """When a reviewer last cleared the account."""
    at: datetime | None = (
        Suspension.objects.for_account(account)
        .filter(decision=Suspension.Decision.CLEARED)
        .order_by("-closed_at")
        .values_list("closed_at", flat=True)
        .first()
    )
    return at


def history(account: Account) -> QuerySet[AuditEntry]:
    """What happened, newest first; ``detail`` holds texts and reasons."""
    return (
        AuditEntry.objects.for_account(account)
        .filter(action__in=AUDITED)
        .order_by("-id")
    )


def may_review(user: User, account: Account) -> str:
    """Why ``user`` may not review ``account``; "" when they may.

    Somebody who works there, or did, does not decide on it. Who left to decide is
    found in the account's own audit log.
    """
    if not (user.is_staff and user.is_active):
        return "Only staff of this installation review accounts."
    if Membership.objects.filter(account=account, user=user).exists():
        return (
            f"You work in {account}, so you cannot decide on it. "
            "Ask another member of the staff."
        )
    left = AuditEntry.objects.for_account(account).filter(
        Q(action="member.left", actor=user)
        | Q(action="member.removed", subject=user.email)
    )
    if left.exists():
        return (
            f"You worked in {account} before, so you cannot decide on it. "
            "Ask another member of the staff."
        )
    return ""


def suspension_open(
    *,
    account: Account,
    reason: str,
    evidence: Mapping[str, Any],
    by: User | None = None,
    unless_cleared_since: datetime | None = None,
) -> Suspension | None:
    """Stop sending. None when it is stopped already.

    ``by`` is the reviewer, or nobody when the score did it; then
    ``unless_cleared_since`` keeps an account that a reviewer cleared after that
    moment from being stopped again. Raises ReviewerError.
    """
    if by is not None and (refusal := may_review(by, account)):
        raise ReviewerError(refusal)
    with transaction.atomic():
        locked = _lock(account)
        cleared = last_cleared(account) if unless_cleared_since else None
        if cleared and unless_cleared_since and cleared >= unless_cleared_since:
            return None
        try:
            with transaction.atomic():
                opened = Suspension.objects.create(
                    account=account,
                    opened_by=by,
                    reason=reason,
                    evidence=dict(evidence),
                )
        except IntegrityError:  # somebody else was first: at most one is open
            return None
        Account.objects.filter(pk=locked.pk, suspended_at=None).update(
            suspended_at=opened.opened_at
        )
        _audit(account, "suspension.opened", by, reason=reason)
        transaction.on_commit(lambda: _tell_opened(opened), robust=True)
    account.refresh_from_db(fields=["suspended_at"])
    return opened


def suspension_appeal(*, account: Account, text: str, by: User) -> Suspension | None:
    """Ask for a review. None when nothing is open, or one was asked for already."""
    with transaction.atomic():
        won = (
            Suspension.objects.for_account(account)
            .filter(closed_at=None)
            .filter(Q(appealed_at=None) | Q(decided_at__gte=F("appealed_at")))
            .update(appeal=text, appealed_at=now(), appealed_by=by)
        )
        if not won:
            return None
        audit(
            None,
            account=account,
            action="suspension.appealed",
            subject=account.name,
            actor=by,
            appeal=text,
        )
        return open_suspension(account)


def suspension_decide(
    *,
    suspension: Suspension,
    decision: str,
    reason: str,
    by: User,
    read_at: datetime | None = None,
) -> bool:
    """A reviewer clears it, or keeps it. False when it was closed meanwhile.

    ``read_at`` is when the reviewer saw the page. To keep it would also answer an
    appeal that came after that, which nobody read: then it is False too. Raises
    ReviewerError.
    """
    account = suspension.account
    if refusal := may_review(by, account):
        raise ReviewerError(refusal)
    decision = Suspension.Decision(decision)
    at = now()
    cleared = decision == Suspension.Decision.CLEARED
    with transaction.atomic():
        _lock(account)
        found = Suspension.objects.filter(pk=suspension.pk, closed_at=None)
        if read_at and not cleared:
            found = found.exclude(appealed_at__gt=read_at)
        won = found.update(
            decision=decision,
            decision_reason=reason,
            decided_at=at,
            decided_by=by,
            closed_at=at if cleared else None,
        )
        if not won:
            return False
        if cleared:
            Account.objects.filter(pk=account.pk).update(suspended_at=None)
        _audit(
            account, "suspension.decided", by, decision=decision.label, reason=reason
        )
        suspension.refresh_from_db()
        transaction.on_commit(lambda: _tell_decided(suspension), robust=True)
    account.refresh_from_db(fields=["suspended_at"])
    return True


def is_waiting(suspension: Suspension) -> bool:
    """Whether an appeal waits for an answer."""
    if suspension.closed_at or suspension.appealed_at is None:
        return False
    return (
        suspension.decided_at is None or suspension.decided_at < suspension.appealed_at
    )


def _lock(account: Account) -> Account:
    """One change at a time per account; signups and members are not kept waiting."""
    return Account.objects.select_for_update(no_key=True).get(pk=account.pk)


def _audit(account: Account, action: str, by: User | None, **detail: Any) -> None:
    """In the tenant's log: "Reviewer" and who, and no address on the network."""
    audit(
        None,
        account=account,
        action=action,
        subject=account.name,
        actor_label=f"Reviewer {by}"[:160] if by else "Deliverability score",
        **detail,
    )


def page_url(account: Account) -> str:
    return f"{settings.BASE_URL}/a/{account.slug}/deliverability/"


def _tell_opened(suspension: Suspension) -> None:
    evidence = suspension.evidence
    parts = [
        f"- {part['title']}: {part['sentence']} ({part['limits']})"
        for part in evidence.get("parts", ())
        if part.get("points")
    ]
    todo = [f"- {step}" for step in evidence.get("todo", ())]
    blocks = [
        f"Sending is suspended for {suspension.account}. Your displays still collect "
        "signups; they wait here, and nothing is lost.",
        suspension.reason,
        "\n".join(["What we saw:", *parts]) if parts else "",
        "\n".join(["What to do:", *todo]) if todo else "",
        "When you have done it, or if you think that we are wrong, ask for a review:\n"
        f"{page_url(suspension.account)}",
    ]
    mail_admins(
        suspension.account,
        subject=f"Sending is suspended for {suspension.account}",
        body="\n\n".join(filter(None, blocks)) + "\n",
    )


def _tell_decided(suspension: Suspension) -> None:
    account = suspension.account
    if suspension.decision == Suspension.Decision.CLEARED:
        subject = f"Sending works again for {account}"
        said = "A reviewer cleared the account. What waited is being sent now."
    else:
        subject = f"Sending stays suspended for {account}"
        said = (
            "A reviewer looked at the account and kept the suspension. Your signups "
            "are still collected and wait here. You can ask for another review."
        )
    mail_admins(
        account,
        subject=subject,
        body=f"{said}\n\nThe reviewer's reason:\n{suspension.decision_reason}\n\n"
        f"{page_url(account)}\n",
    )
