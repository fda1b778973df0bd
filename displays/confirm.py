"""Asking people ourselves to confirm: who is to be asked, and what became of it.

A delivery of a rule with a confirmation of our own waits (``outbox_confirm``). One
`Confirmation` per address and account stands for all of a person's that do. Sending is
in ``confirm_send``; everything here may run twice and at the same time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, cast
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q

from contacts.consents import consent_confirmed
from contacts.models import Contact, Suppression
from contactsync.lib.clock import now
from displays import confirm_links, confirm_words
from displays.confirm_limits import AGAIN
from displays.confirm_texts import choices_of
from displays.models import Confirmation, Signup
from integrations import outbox_confirm
from integrations.adapters.base import Adapter
from integrations.adapters.errors import Reason
from integrations.models import Delivery
from integrations.outbox import Claimed
from integrations.outbox_confirm import Waiting
from integrations.sending import not_wanted
from integrations.waker import waker

State = Confirmation.State
GATHERED = 500
LOOK_AGAIN = timedelta(hours=1)
HOW = "mail"
TOO_FRESH = timedelta(minutes=1)
CONFIRMABLE = (*Confirmation.OPEN, State.BOUNCED)
REASONS = {
    State.QUEUED: Reason.OPT_IN_QUEUED,
    State.SENT: Reason.OPT_IN_SENT,
    State.DELIVERED: Reason.OPT_IN_DELIVERED,
}


def unclaimed(at: datetime) -> Q:
    """Confirmations that no worker is sending."""
    return Q(lease_until=None) | Q(lease_until__lt=at)


def gather() -> int:
    """See to the deliveries that are due for a look; how many people they are of."""
    people: dict[tuple[int, UUID], list[Waiting]] = {}
    for row in outbox_confirm.due_rows(GATHERED):
        people.setdefault((row.account_id, row.contact_id), []).append(row)
    for (account_id, contact_id), found in people.items():
        attend(account_id, contact_id, found)
    return len(people)


def attend(account_id: int, contact_id: UUID, found: Sequence[Waiting]) -> None:
    """Make sure that one person is asked, was asked, or is not to be."""
    contact = Contact.objects.for_account(account_id).filter(pk=contact_id).first()
    if contact is None:
        outbox_confirm.not_confirmed(account_id=account_id, contact_id=contact_id)
        return
    left = (
        Suppression.objects.for_account(account_id)
        .filter(email_key=contact.email_key)
        .first()
    )
    if contact.confirmed_at and left is None:  # by a provider's mail, meanwhile
        let_go(account_id, contact_id)
        return
    fresh = [row.id for row in found if row.reason == Reason.OPT_IN_QUEUED]
    turn_away(account_id, fresh, left)
    waiting = outbox_confirm.waiting_of(account_id, contact_id)
    if not waiting:
        return
    at = now()
    current = open_of(account_id, contact.email_key)
    queued = [row for row in waiting if row.id in fresh]
    if current is not None:
        join(current, waiting, queued, at)
    elif queued:
        ask(contact, queued, at)
    else:
        outbox_confirm.not_confirmed(account_id=account_id, contact_id=contact_id)


def let_go(account_id: int, contact_id: UUID) -> None:
    wake = outbox_confirm.confirmed(account_id=account_id, contact_id=contact_id)
    transaction.on_commit(lambda: waker.wake(wake))


def turn_away(account_id: int, ids: Sequence[int], left: Suppression | None) -> None:
    """Skip the deliveries whose rule is not for them: nobody is asked in vain."""
    rows = Delivery.objects.for_account(account_id).filter(pk__in=list(ids))
    for row in rows.select_related("target__linked_account"):
        target, linked = row.target, row.target.linked_account
        claimed = Claimed(row.pk, target.pk, row.payload, row.attempts)
        # It only looks at the kind of provider, which its class knows.
        reason = not_wanted(cast(Adapter, linked.adapter_class), target, claimed)
        by_person = left is not None and left.actor == Suppression.Actor.PERSON
        if left is not None and not (by_person and target.reconfirm):
            reason = Reason.SUPPRESSED
        if reason is not None:
            outbox_confirm.not_asked(delivery_id=row.pk, reason=reason.value)


def open_of(account_id: int, email_key: str) -> Confirmation | None:
    found: Confirmation | None = (
        Confirmation.objects.for_account(account_id)
        .filter(email_key=email_key, state__in=Confirmation.OPEN)
        .first()
    )
    return found


def ask(contact: Contact, queued: Sequence[Delivery], at: datetime) -> None:
    """A new confirmation. Another worker may have been quicker."""
    try:
        with transaction.atomic():
            Confirmation.objects.create(
                account_id=contact.account_id,
                contact_id=contact.pk,
                email=contact.email,
                email_key=contact.email_key,
                due=at,
                **asked_by(queued[-1]),
            )
    except IntegrityError:
        return
    outbox_confirm.look_later([row.id for row in queued], at + LOOK_AGAIN)


def asked_by(row: Delivery) -> dict[str, Any]:
    """What a confirmation keeps of the signup that it is for."""
    signup = Signup.objects.for_account(row.account_id).filter(pk=row.signup_id).first()
    usual = choices_of(row.account_id).language
    if signup is None:
        return {"signup_id": row.signup_id, "language": usual}
    liked = signup.context.get("language")
    return {
        "signup_id": signup.pk,
        "display_id": signup.display_id,
        "language": confirm_words.chosen(signup.fields, liked, usual),
        "ip": signup.ip,
    }


def join(
    current: Confirmation,
    waiting: Sequence[Delivery],
    queued: Sequence[Delivery],
    at: datetime,
) -> None:
    """Let deliveries wait for a confirmation that is open; who signed up again some
    time after the mail gets it again."""
    ids = [row.id for row in waiting]
    if not queued or current.state == State.QUEUED:
        until = current.expires_at if not queued else None
        outbox_confirm.look_later(ids, max(until or at, at + LOOK_AGAIN))
        return
    if current.sent_at and current.sent_at > at - AGAIN:
        outbox_confirm.told(
            account_id=current.account_id,
            contact_id=current.contact_id,
            reason=REASONS[State(current.state)].value,
            due=current.expires_at or at + LOOK_AGAIN,
        )
        return
    if requeue(current, at, **asked_by(queued[-1])):
        outbox_confirm.look_later(ids, at + LOOK_AGAIN)


def requeue(current: Confirmation, at: datetime, **values: Any) -> bool:
    """Have an open confirmation sent again. False: a worker is sending it."""
    still = Confirmation.objects.filter(pk=current.pk, state__in=Confirmation.OPEN)
    again = still.filter(unclaimed(at))
    return bool(again.update(state=State.QUEUED, due=at, detail="", **values))


class Answer(StrEnum):
    """What a click on the link led to."""

    UNKNOWN = "unknown"
    EXPIRED = "expired"
    ALREADY = "already"
    OPEN = "open"
    CONFIRMED = "confirmed"


@dataclass(frozen=True, slots=True)
class Looked:
    answer: Answer
    confirmation: Confirmation | None = None


def look(token: str) -> Looked:
    """What a link is good for. Reads only."""
    if not confirm_links.SHAPE(token):
        return Looked(Answer.UNKNOWN)
    row = (
        Confirmation.objects.select_related("account")
        .filter(token_hash=confirm_links.hash_of(token))
        .first()
    )
    if row is None:
        return Looked(Answer.UNKNOWN)
    if row.state == State.CONFIRMED or confirmed_since(row):
        return Looked(Answer.ALREADY, row)
    live = row.state in CONFIRMABLE and row.expires_at and row.expires_at > now()
    # A worker that died after the mail was out has not written when it expires.
    sending = row.state == State.QUEUED and row.expires_at is None
    return Looked(Answer.OPEN if live or sending else Answer.EXPIRED, row)


def confirmed_since(row: Confirmation) -> bool:
    """Whether the person confirmed by a newer mail than this one."""
    newer = Confirmation.objects.for_account(row.account_id).filter(
        email_key=row.email_key, state=State.CONFIRMED, confirmed_at__gt=row.created_at
    )
    return newer.exists()


def confirm(token: str, *, ip: str | None, evidence: Mapping[str, Any]) -> Looked:
    """The person clicked: write it down and let everything that waited go. Safe to
    repeat, and to run while the confirmation expires: one of the two wins."""
    found = look(token)
    row = found.confirmation
    if found.answer != Answer.OPEN or row is None:
        return found
    at = now()
    with transaction.atomic():
        still = Q(expires_at=None) | Q(expires_at__gt=at)
        won = Confirmation.objects.filter(still, pk=row.pk, state__in=CONFIRMABLE)
        if not won.update(
            state=State.CONFIRMED,
            confirmed_at=at,
            detail="",
            claim_id=None,
            lease_until=None,
        ):
            return look(token)
        waiting = outbox_confirm.waiting_of(row.account_id, row.contact_id)
        signups = dict.fromkeys([row.signup_id, *(each.signup_id for each in waiting)])
        for signup_id in signups:
            consent_confirmed(
                account_id=row.account_id,
                contact_id=row.contact_id,
                signup_id=signup_id,
                how=HOW,
                at=at,
                ip=ip,
                evidence={
                    "confirmation": str(row.pk),
                    "message_id": row.message_id,
                    "sent_at": row.sent_at.isoformat() if row.sent_at else None,
                    **evidence,
                },
            )
        let_go(row.account_id, row.contact_id)
    row.refresh_from_db()
    return Looked(Answer.CONFIRMED, row)


def close(row: Confirmation, state: str, *, claim_id: UUID | None = None) -> bool:
    """End an open confirmation; True when we did. Call it in a transaction."""
    mine = Confirmation.objects.filter(pk=row.pk, state__in=Confirmation.OPEN)
    if claim_id is not None:
        mine = mine.filter(claim_id=claim_id)
    return bool(
        mine.update(state=state, detail=row.detail, claim_id=None, lease_until=None)
    )


def expire(row: Confirmation, *, claim_id: UUID) -> bool:
    """Nobody confirmed in time: give up what waited. A signup of this very moment is
    left alone, and asked anew."""
    with transaction.atomic():
        if not close(row, State.EXPIRED, claim_id=claim_id):
            return False
        outbox_confirm.not_confirmed(
            account_id=row.account_id,
            contact_id=row.contact_id,
            before=now() - TOO_FRESH,
            detail=row.detail,
        )
    return True


def bounce(row: Confirmation, detail: str, *, claim_id: UUID | None = None) -> bool:
    """The mail came back. What waits says so until the link would have expired."""
    row.detail = detail
    with transaction.atomic():
        if not close(row, State.BOUNCED, claim_id=claim_id):
            return False
        until = row.expires_at or now() + choices_of(row.account_id).expires_after
        Confirmation.objects.filter(pk=row.pk).update(expires_at=until)
        outbox_confirm.told(
            account_id=row.account_id,
            contact_id=row.contact_id,
            reason=Reason.OPT_IN_BOUNCED.value,
            detail=detail,
            due=until,
        )
    return True
