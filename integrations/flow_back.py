"""What happened to people at a provider, applied to our side.

What is not news (``flow_back_memory``) changes nothing: a message may come twice, late,
out of order, and tell us what we did ourselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from contacts.models import Contact, Event, Suppression
from contacts.suppressions import Leaving, suppress_all
from contactsync.lib.clock import now
from contactsync.lib.email import email_key
from integrations import bulk_undo, opt_ins, outbox
from integrations.adapters.base import Change, Subscription
from integrations.adapters.errors import Reason
from integrations.flow_back_memory import (
    DELETES,
    LEAVES,
    LEFT,
    MOVES,
    RETURNS,
    Memory,
    News,
    is_act,
    judged,
)
from integrations.models import BulkItem, Delivery, LinkedAccount, State

# Clocks differ, and a provider notes the asking a moment before we do.
SLACK = timedelta(minutes=1)
# Our own merge unsubscribes the record that is given up, and the provider tells us so.
MERGE_ECHO = timedelta(hours=1)
# Whoever leaves so long after an undo was not taken out by it.
UNDO_ECHO = timedelta(days=1)
PART = 500
HOW = {
    "webhook": "told by the provider at once",
    "poll": "found when we looked",
    "reconcile": "found when the books were compared",
}


@dataclass(slots=True)
class Applied:
    """What a message changed. ``unknown``: addresses that never signed up here."""

    known: int = 0
    unknown: int = 0
    left: int = 0
    returned: int = 0
    ended: int = 0  # deliveries that awaited a confirmation

    def add(self, other: Applied) -> None:
        for name in ("known", "unknown", "left", "returned", "ended"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


def apply(
    *,
    linked: LinkedAccount,
    changes: Sequence[Change],
    how: str,
    audience_id: str = "",
) -> Applied:
    """Apply changes in one transaction: all of them, or none.

    ``how`` is "webhook", "poll" or "reconcile". ``audience_id`` is for changes that do
    not name theirs.
    """
    if audience_id:
        changes = [
            change if change.audience_id else replace(change, audience_id=audience_id)
            for change in changes
        ]
    applied = Applied()
    with transaction.atomic():
        for start in range(0, len(changes), PART):
            applied.add(_apply(linked, changes[start : start + PART], how))
    return applied


def _apply(linked: LinkedAccount, changes: Sequence[Change], how: str) -> Applied:
    people = known_people(linked.account_id, changes)
    memory = Memory(linked, [contact.pk for contact in people.values()])
    applied = Applied()
    news: list[News] = []
    for change in in_order(changes):
        contact = people.get(email_key(change.email)) or people.get(old_key(change))
        if contact is None:
            applied.unknown += 1
            continue
        applied.known += 1
        news.append(judged(contact, change, how, memory))
    ours = echoes(linked, news, memory, how)
    told = [each for each in news if each.kind and each.contact.pk not in ours]
    left = [each for each in told if each.kind == LEAVES]
    applied.left = len({each.contact.pk for each in left})
    applied.returned = sum(each.kind == RETURNS for each in told)
    Event.objects.bulk_create(event_of(linked, each, how) for each in told)
    leave(linked, left)
    applied.ended = end_opt_ins(linked, news, how)
    return applied


def known_people(account_id: int, changes: Iterable[Change]) -> dict[str, Contact]:
    """Those we know, by key. Locked, in the order in which all lock them: the same
    message may be in work twice at a time."""
    keys = {email_key(change.email) for change in changes}
    keys |= {old_key(change) for change in changes}
    found = (
        Contact.objects.for_account(account_id)
        .select_for_update()
        .filter(email_key__in=keys - {""})
        .only("id", "email", "email_key", "confirmed_at")
        .order_by("email_key")
    )
    return {contact.email_key: contact for contact in found}


def old_key(change: Change) -> str:
    """Of the address before it was changed; "" where it was not."""
    return (
        email_key(str(change.fields.get("old_email") or ""))
        if (change.kind == "email")
        else ""
    )


def in_order(changes: Iterable[Change]) -> list[Change]:
    """Oldest first; what does not say when it was, where it stood."""
    told = sorted(
        (change for change in changes if change.at is not None),
        key=lambda change: change.at or now(),
    )
    waiting = iter(told)
    return [change if change.at is None else next(waiting) for change in changes]


def echoes(
    linked: LinkedAccount, news: Sequence[News], memory: Memory, how: str
) -> set[UUID]:
    """Whose leaving is our own doing: a merge, or a bulk run that was undone. Both
    unsubscribe; nothing of ours makes anybody bounce or complain."""
    leaves = [each for each in news if each.kind == LEAVES]
    theirs = {
        each.contact.pk for each in leaves if each.change.status != "unsubscribed"
    }
    left = {
        each.contact.email_key: each for each in leaves if each.contact.pk not in theirs
    }
    if not left:
        return set()
    merged = Suppression.objects.for_account(linked.account_id).filter(
        email_key__in=list(left), actor=Suppression.Actor.MERGE
    )
    found = {
        left[row.email_key].contact.pk
        for row in merged
        if abs(left[row.email_key].at - row.left_at) <= MERGE_ECHO
    }
    people = {each.contact.pk: each for each in left.values()}
    removed = BulkItem.objects.filter(
        contact_id__in=list(people),
        target_id__in=list(memory.targets),
        undone__in=(bulk_undo.REMOVING, bulk_undo.REMOVED),
    )
    for contact_id, target_id, ended in removed.values_list(
        "contact_id", "target_id", "run__ended_at"
    ):
        audience_id, act = memory.targets[target_id], people[contact_id].change
        if act.audience_id not in ("", audience_id):
            continue
        if ended and act.at and is_act(act, how) and act.at > ended + UNDO_ECHO:
            continue
        sent = memory.last(contact_id, audience_id, ours=True)
        if ended is None or sent is None or sent.at <= ended:
            found.add(contact_id)
    return found


def event_of(linked: LinkedAccount, news: News, how: str) -> Event:
    change = news.change
    data: dict[str, Any] = {
        "status": "deleted" if news.kind == DELETES else change.status,
        "at": news.at.isoformat(),
        "linked_account": str(linked.pk),
        "where": str(linked),
        "audience": change.audience_id,
        "how": how,
        "reason": f"On {news.at.day} {news.at:%B %Y, %H:%M} UTC, {HOW[how]}.",
    }
    if news.kind == LEAVES:
        data["what"] = LEFT[change.status][1]
    if news.kind == MOVES:
        data |= {"from": change.fields.get("old_email", ""), "to": change.email}
    return Event(
        account_id=linked.account_id,
        contact_id=news.contact.pk,
        kind=news.kind,
        data=data,
    )


def words_for(linked: LinkedAccount, news: News) -> str:
    """``Unsubscribed at Mailchimp · Shop on 3 May 2026.``"""
    _, word = LEFT[news.change.status]
    return f"{word} at {linked} on {news.at.day} {news.at:%B %Y}."


def leave(linked: LinkedAccount, left: Sequence[News]) -> None:
    """What follows when people leave at the account, by its policy."""
    if not left:
        return
    if is_local(linked):
        skip_waiting(
            [each.contact.pk for each in left],
            detail=words_for(linked, left[-1]) if len(left) == 1 else left_at(linked),
            linked_account_id=linked.pk,
        )
        return
    suppress_all(
        account_id=linked.account_id,
        leavings=[
            Leaving(
                email=each.contact.email,
                actor=LEFT[each.change.status][0],
                left_at=each.at,
                linked_account_id=linked.pk,
                reason=f"{LEFT[each.change.status][1]} at {linked}",
                detail=words_for(linked, each),
            )
            for each in left
        ],
    )
    keys = {each.contact.email_key: each.contact.pk for each in left}
    # Those who confirmed an opt-in after they had left are not among them.
    stands = Suppression.objects.for_account(linked.account_id).filter(
        email_key__in=list(keys), linked_account_id=linked.pk
    )
    skip_waiting(
        [keys[key] for key in stands.values_list("email_key", flat=True)],
        detail=left_at(linked),
    )


def policy_save(*, linked: LinkedAccount, leaving: str, repair: str) -> dict[str, str]:
    """What follows from now on. Returns what changed, as name: "before → after"."""
    wanted = {"leaving": leaving, "repair": repair}
    changed = {
        name: f"{getattr(linked, name)} → {value}"
        for name, value in wanted.items()
        if getattr(linked, name) != value
    }
    if changed:
        linked.leaving, linked.repair = leaving, repair
        linked.save(update_fields=["leaving", "repair"])
    return changed


def is_local(linked: LinkedAccount) -> bool:
    """Whether leaving there counts for that account alone. STOP by SMS is about the
    phone: it says nothing about mail."""
    return (
        linked.leaving == LinkedAccount.Leaving.HERE
        or linked.adapter_class.kind == "sms"
    )


def left_at(linked: LinkedAccount) -> str:
    return f"They left at {linked}."


def skip_waiting(
    contact_ids: Sequence[UUID],
    *,
    detail: str,
    linked_account_id: UUID | None = None,
) -> int:
    """Skip what waits for these people, everywhere or at one account.

    Rows with a confirmation that we or another provider asked for stay: they are the
    person's own way back.
    """
    if not contact_ids:
        return 0
    where = f"contact_id IN ({', '.join(['%s'] * len(contact_ids))})"
    params: list[Any] = [*contact_ids]
    if linked_account_id is not None:
        where += " AND linked_account_id = %s"
        params.append(linked_account_id)
    return outbox.move_rows(
        to=State.SKIPPED,
        reason=Reason.SUPPRESSED.value,
        detail=detail,
        where=f"{where} AND state IN ('pending', 'held')",
        params=params,
        event="delivery.skipped",
    )


def end_opt_ins(linked: LinkedAccount, news: Sequence[News], how: str) -> int:
    """Settle deliveries that awaited a confirmation at this account: it has come, or
    the person left instead."""
    latest = {
        each.contact.pk: each for each in news if each.change.status in opt_ins.ENDS
    }
    waiting = (
        Delivery.objects.filter(
            linked_account=linked,
            contact_id__in=list(latest),
            state=State.AWAITING_OPT_IN,
        )
        .exclude(asked_by="us")
        .select_related("target")
        .order_by("id")
    )
    rows, found = [], []
    for row in waiting:
        each = latest[row.contact_id]
        change = each.change
        if change.audience_id and change.audience_id != row.target.audience_id:
            continue
        # An act from before they were asked says nothing about it.
        if is_act(change, how) and each.at < row.changed_at - SLACK:
            continue
        rows.append(row)
        found.append(
            Subscription(email=change.email, status=change.status, changed_at=change.at)
        )
    return opt_ins.conclude(rows, found)
