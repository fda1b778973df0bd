"""What we know of how people stand at a provider, and what is news to that.

Webhooks bring acts ("unsubscribed at 10:04"), looking brings states ("is
unsubscribed"). Both may come twice, late, and in any order, and what we wrote ourselves
comes back as well. The contact's timeline is the memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from contacts.models import Contact, Event, Suppression
from contactsync.lib.clock import now
from integrations.adapters.base import Change
from integrations.models import LinkedAccount, Target

Actor = Suppression.Actor
LEFT: Mapping[str, tuple[Actor, str]] = {
    "unsubscribed": (Actor.PERSON, "Unsubscribed"),
    "bounced": (Actor.BOUNCE, "Mail bounced"),
    "complained": (Actor.COMPLAINT, "Complained about mail"),
}
"""How somebody can have left, who acted, and the words for it."""
GONE = frozenset(("archived", "absent"))
DELETED = "deleted"
LEAVES, RETURNS, DELETES = "provider.left", "provider.returned", "provider.deleted"
MOVES = "provider.email_changed"
REMEMBERED = (LEAVES, RETURNS, DELETES, MOVES, "delivery.synced")


@dataclass(frozen=True, slots=True)
class Seen:
    """How somebody stood at the account when we heard of it: what the provider told,
    or that a delivery of ours was synced."""

    status: str
    at: datetime
    audience_id: str
    ours: bool = False


@dataclass(frozen=True, slots=True)
class News:
    """A change of somebody we know, and the kind of event that tells of it, if any."""

    contact: Contact
    change: Change
    at: datetime
    kind: str


class Memory:
    """How each person stood at one account, and where their addresses moved."""

    def __init__(self, linked: LinkedAccount, contact_ids: Iterable[UUID]) -> None:
        self._seen: dict[UUID, list[Seen]] = {}
        self._moved: set[tuple[UUID, str]] = set()
        self.targets: dict[UUID, str] = dict(
            Target.objects.filter(linked_account=linked).values_list(
                "pk", "audience_id"
            )
        )
        events = Event.objects.filter(
            contact_id__in=list(contact_ids), kind__in=REMEMBERED
        ).order_by("id")
        for contact_id, kind, data, at in events.values_list(
            "contact_id", "kind", "data", "at"
        ):
            if kind == "delivery.synced":
                target_id = UUID(data["target"]) if data.get("target") else None
                if target_id in self.targets:
                    audience_id = self.targets[target_id]
                    seen = Seen("subscribed", at, audience_id, ours=True)
                    self.add(contact_id, seen)
            elif data.get("linked_account") != str(linked.pk):
                continue
            elif kind == MOVES:
                self._moved.add((contact_id, data["to"]))
            else:
                said = datetime.fromisoformat(data["at"])
                self.add(contact_id, Seen(data["status"], said, data["audience"]))

    def add(self, contact_id: UUID, seen: Seen) -> None:
        self._seen.setdefault(contact_id, []).append(seen)

    def last(self, contact_id: UUID, audience_id: str, *, ours: bool) -> Seen | None:
        """The newest that is about this audience, or about all of them."""
        for seen in reversed(self._seen.get(contact_id, ())):
            same = not (seen.audience_id and audience_id) or (
                seen.audience_id == audience_id
            )
            if same and seen.ours == ours:
                return seen
        return None

    def gone(self, contact_id: UUID, audience_id: str) -> Seen | None:
        """How somebody left the audience, or was deleted there, as the provider told
        last; None when they are back, or were sent there since."""
        told = self.last(contact_id, audience_id, ours=False)
        if told is None or not (told.status in LEFT or told.status == DELETED):
            return None
        sent = self.last(contact_id, audience_id, ours=True)
        return told if sent is None or sent.at <= told.at else None

    def moves(self, contact_id: UUID, to: str) -> bool:
        """Whether this is a new address; from now on it is known."""
        known = (contact_id, to) in self._moved
        self._moved.add((contact_id, to))
        return not known


def gone_from(
    linked: LinkedAccount, audience_id: str, contact_ids: Sequence[UUID]
) -> dict[UUID, str]:
    """Who left the audience or was deleted there since they were sent, and how, as the
    provider told us. No suppression says so where leaving counts for one account."""
    memory = Memory(linked, contact_ids)
    found = ((each, memory.gone(each, audience_id)) for each in contact_ids)
    return {contact_id: seen.status for contact_id, seen in found if seen}


def judged(contact: Contact, change: Change, how: str, memory: Memory) -> News:
    """A change, and whether it is news; the memory then holds it too."""
    at = change.at or now()
    if change.kind == "email":
        kind = MOVES if memory.moves(contact.pk, change.email) else ""
        return News(contact, change, at, kind)
    gone = change.kind == "delete" or change.status in GONE
    status = DELETED if gone else change.status
    told = memory.last(contact.pk, change.audience_id, ours=False)
    kind = kind_of(status, told.status if told else "")
    if kind and told is not None:
        ours = memory.last(contact.pk, change.audience_id, ours=True)
        if not is_news(change, how, status, told, ours):
            kind = ""
    if kind:
        memory.add(contact.pk, Seen(status, at, change.audience_id))
    return News(contact, change, at, kind)


def kind_of(status: str, before: str) -> str:
    if status in LEFT:
        return LEAVES
    if status == DELETED:
        return DELETES
    if status == "subscribed" and (before in LEFT or before == DELETED):
        return RETURNS
    return ""


def is_news(
    change: Change, how: str, status: str, told: Seen, ours: Seen | None
) -> bool:
    """What differs from what we were told counts unless it is older. The same once more
    counts when it is an act, and newer; a state only where a delivery went through in
    between, and it is newer than that."""
    if status != told.status:
        return change.at is None or change.at >= told.at
    if is_act(change, how) and change.at is not None:
        return change.at > told.at
    if ours is None or ours.at <= told.at:
        return False
    return how == "webhook" if change.at is None else change.at > ours.at


def is_act(change: Change, how: str) -> bool:
    return how == "webhook" and change.kind == "status"
