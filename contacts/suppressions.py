"""Addresses nothing is sent to: how they get on the list, and how off it.

Only our own acts (admin, merge) are taken back by us. A person, a bounce and a
complaint stand until the person's own confirmed opt-in, later than when they left.

Whoever suppresses or lifts locks the contact first. So the newer act wins, whichever
of the two is committed last: a confirmation that is being written is waited for, and
seen by, an older unsubscribe, and the other way round.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models.signals import post_save

from contacts.models import Contact, Event, Suppression
from contactsync.lib.email import email_key
from contactsync.tenancy.models import Account
from contactsync.tenancy.services import audit

Actor = Suppression.Actor
OURS = frozenset((Actor.ADMIN, Actor.MERGE))
"""What the team or we decided, and may take back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """One address that is to be suppressed.

    ``actor`` is a `Suppression.Actor`, ``left_at`` when they left, ``detail`` what a
    person is told about it; ``linked_account_id`` where, None: here.
    """

    email: str
    actor: str
    left_at: datetime
    linked_account_id: UUID | None = None
    reason: str = ""
    detail: str = ""


def suppress(
    *,
    account_id: int,
    email: str,
    actor: str,
    left_at: datetime,
    linked_account_id: UUID | None = None,
    reason: str = "",
    detail: str = "",
) -> bool:
    """Send nothing to an address any more. True when that is new, or stronger now.

    False, too, when the person confirmed an opt-in later than ``left_at``: then
    nothing is suppressed.
    """
    leaving = Leaving(
        email=email,
        actor=actor,
        left_at=left_at,
        linked_account_id=linked_account_id,
        reason=reason,
        detail=detail,
    )
    return bool(suppress_all(account_id=account_id, leavings=[leaving]))


def suppress_all(*, account_id: int, leavings: Sequence[Leaving]) -> set[str]:
    """As ``suppress``, for many in a few statements. Returns the keys of those that
    are new or stronger now."""
    by_key = {email_key(each.email): each for each in latest(leavings)}
    with transaction.atomic():
        contacts = locked_contacts(account_id, by_key)
        known = {
            row.email_key: row
            for row in Suppression.objects.select_for_update()
            .filter(account_id=account_id, email_key__in=list(by_key))
            .order_by("email_key")
        }
        fresh: list[Suppression] = []
        changed: list[Suppression] = []
        told: set[str] = set()
        for key, leaving in by_key.items():
            contact, row = contacts.get(key), known.get(key)
            if (
                contact
                and contact.confirmed_at
                and (contact.confirmed_at > leaving.left_at)
            ):
                continue
            if row is None:
                fresh.append(Suppression(account_id=account_id, email_key=key))
                put(fresh[-1], leaving)
                told.add(key)
            elif stronger(leaving, row):
                # A later act of the same kind only moves the time.
                before = row.actor
                cover(row, leaving)
                told |= {key} if row.actor != before else set()
                changed.append(row)
        Suppression.objects.bulk_create(fresh, ignore_conflicts=True)
        Suppression.objects.bulk_update(
            changed, ["actor", "reason", "detail", "linked_account_id", "left_at"]
        )
        if fresh:
            # bulk_create tells nobody, and the filter remembers who suppresses anybody.
            post_save.send(Suppression, instance=fresh[0], created=True, raw=False)
        Event.objects.bulk_create(
            Event(
                account_id=account_id,
                contact_id=contacts[row.email_key].pk,
                kind="suppression.added",
                data=as_data(row),
            )
            for row in (*fresh, *changed)
            if row.email_key in told and row.email_key in contacts
        )
    return told


def lift(
    *, account_id: int, email_key: str, confirmed_at: datetime, consent_id: int
) -> bool:
    """Take an address off the list because the person confirmed an opt-in after they
    had left. False when nothing was suppressed, or they left later than that."""
    with transaction.atomic():
        contacts = locked_contacts(account_id, [email_key])
        row = (
            Suppression.objects.select_for_update()
            .filter(
                account_id=account_id,
                email_key=email_key,
                left_at__lt=confirmed_at,
            )
            .first()
        )
        if row is None:
            return False
        data = as_data(row) | {
            "confirmed_at": confirmed_at.isoformat(),
            "consent": consent_id,
        }
        row.delete()
        if email_key in contacts:
            Event.objects.create(
                account_id=account_id,
                contact_id=contacts[email_key].pk,
                kind="suppression.lifted",
                data=data,
            )
        audit(
            None,
            account=Account.objects.get(pk=account_id),
            action="suppression.lift",
            subject=email_key,
            actor_label="the person's confirmed opt-in",
            **data,
        )
    return True


def take_back(row: Suppression) -> bool:
    """Undo an act of our own. False when it is not ours, or not any more: then
    nothing is changed."""
    with transaction.atomic():
        contacts = locked_contacts(row.account_id, [row.email_key])
        ours = Suppression.objects.select_for_update().filter(pk=row.pk, actor__in=OURS)
        current = ours.first()
        if current is None:
            return False
        data = as_data(current)
        current.delete()
        if row.email_key in contacts:
            Event.objects.create(
                account_id=row.account_id,
                contact_id=contacts[row.email_key].pk,
                kind="suppression.lifted",
                data=data,
            )
    return True


def latest(leavings: Iterable[Leaving]) -> list[Leaving]:
    """One per address: what the person did before what we did, a complaint before all,
    then the newest."""
    return sorted(
        leavings,
        key=lambda each: (
            each.actor not in OURS,
            each.actor == Actor.COMPLAINT,
            each.left_at,
        ),
    )


def stronger(leaving: Leaving, row: Suppression) -> bool:
    """Whether it changes what stands: a later act of the person's, a complaint, or any
    over ours; ours change nothing."""
    if leaving.actor in OURS:
        return False
    complains = leaving.actor == Actor.COMPLAINT != row.actor
    return row.actor in OURS or complains or leaving.left_at > row.left_at


def cover(row: Suppression, leaving: Leaving) -> None:
    """Put a stronger one in place of what stands. Who complained stays one who did:
    providers tell of the unsubscribing as well that follows from it."""
    ours, at = row.actor in OURS, max(row.left_at, leaving.left_at)
    if row.actor != Actor.COMPLAINT or leaving.actor == Actor.COMPLAINT:
        put(row, leaving)
    if not ours:
        row.left_at = at


def put(row: Suppression, leaving: Leaving) -> None:
    row.actor = leaving.actor
    row.reason = leaving.reason[:200]
    row.detail = leaving.detail
    row.linked_account_id = leaving.linked_account_id
    row.left_at = leaving.left_at


def locked_contacts(account_id: int, keys: Iterable[str]) -> dict[str, Contact]:
    """The contacts by key, locked until the transaction ends, always in one order."""
    found = (
        Contact.objects.select_for_update()
        .filter(account_id=account_id, email_key__in=list(keys))
        .only("id", "email_key", "confirmed_at")
        .order_by("email_key")
    )
    return {contact.email_key: contact for contact in found}


def as_data(row: Suppression) -> dict[str, Any]:
    """What the timeline says about it."""
    where = row.linked_account_id
    return {
        "actor": row.actor,
        "reason": row.reason,
        "detail": row.detail,
        "left_at": row.left_at.isoformat(),
        "linked_account": str(where) if where else None,
    }
