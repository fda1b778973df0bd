"""A Mailchimp account's data, in memory, with the changes still to be saved."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from integrations.sandbox.messages import Json
from integrations.sandbox.store import Change, Store

LISTED = ("subscribed", "unsubscribed", "cleaned", "pending", "transactional")


def now() -> str:
    """The moment as Mailchimp writes it: whole seconds, +00:00."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@functools.lru_cache(maxsize=65_536)
def member_hash(email: str) -> str:
    """The md5 of the lower-cased address: Mailchimp's member id."""
    return hashlib.md5(email.lower().encode(), usedforsecurity=False).hexdigest()


@functools.lru_cache(maxsize=65_536)
def short_hash(text: str, length: int = 10) -> str:
    """A stable made-up identifier of Mailchimp's look."""
    return hashlib.sha256(text.encode()).hexdigest()[:length]


class Document:
    """Mixin: slots as a JSON document, without copying deeper."""

    __slots__: tuple[str, ...] = ()

    def document(self) -> Json:
        """Shallow: for writing out at once, under the account's lock."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(slots=True)
class Member(Document):
    """One contact of one audience. Times are ISO 8601 text or ""."""

    email: str
    status: str
    web_id: int
    merge: Json = field(default_factory=dict)  # tag -> value, as given
    email_type: str = "html"
    language: str = ""
    vip: bool = False
    location: Json = field(default_factory=dict)
    ip_signup: str = ""
    timestamp_signup: str = ""
    ip_opt: str = ""
    timestamp_opt: str = ""
    last_changed: str = ""
    left_by: str = ""  # "person", "admin" or "api" when unsubscribed
    left_reason: str = ""
    status_before: str = ""  # the status an archived member had
    source: str = "API - Generic"
    tags: dict[str, str] = field(default_factory=dict)  # segment id -> date added
    opt_in_mails: int = 0

    @property
    def id(self) -> str:
        return member_hash(self.email)

    @property
    def locked(self) -> bool:
        """Only the person can come back: they left, or the address bounced."""
        status = self.status_before if self.status == "archived" else self.status
        return status == "cleaned" or (
            status == "unsubscribed" and self.left_by == "person"
        )


@dataclass(slots=True)
class MergeField(Document):
    """One audience field besides the address."""

    merge_id: int
    tag: str
    name: str
    type: str = "text"
    required: bool = False
    default_value: str = ""
    public: bool = False
    display_order: int = 1
    options: Json = field(default_factory=dict)
    help_text: str = ""


@dataclass(slots=True)
class Segment(Document):
    """A static segment, which is what Mailchimp calls a tag."""

    id: int
    name: str
    created_at: str
    updated_at: str


@dataclass(slots=True)
class Webhook(Document):
    id: str
    url: str
    events: dict[str, bool]
    sources: dict[str, bool]


@dataclass(slots=True)
class Audience:
    """One list."""

    id: str
    name: str
    double_optin: bool
    web_id: int
    date_created: str
    fields: list[MergeField] = field(default_factory=list)
    segments: dict[str, Segment] = field(default_factory=dict)
    webhooks: dict[str, Webhook] = field(default_factory=dict)
    forgotten: set[str] = field(default_factory=set)  # member ids
    members: dict[str, Member] = field(default_factory=dict)
    last_segment: int = 100
    contacts: dict[str, Member] = field(default_factory=dict)  # by contact id

    def put(self, member: Member) -> None:
        """Add the member, or file it anew."""
        self.members[member.id] = member
        self.contacts[contact_id(self, member)] = member

    def remove(self, member: Member) -> None:
        self.members.pop(member.id, None)
        self.contacts.pop(contact_id(self, member), None)

    def find(self, slot: str) -> Member | None:
        """By id, address or contact id."""
        found = self.members.get(slot.lower())
        if found is None and "@" in slot:
            found = self.members.get(member_hash(slot))
        return found or self.contacts.get(slot)

    def segment_named(self, name: str) -> Segment | None:
        wanted = name.casefold()
        return next(
            (s for s in self.segments.values() if s.name.casefold() == wanted), None
        )

    def document(self) -> Json:
        """Everything but the members, which are documents of their own."""
        return {
            "id": self.id,
            "name": self.name,
            "double_optin": self.double_optin,
            "web_id": self.web_id,
            "date_created": self.date_created,
            "fields": [item.document() for item in self.fields],
            "segments": [item.document() for item in self.segments.values()],
            "webhooks": [item.document() for item in self.webhooks.values()],
            "forgotten": sorted(self.forgotten),
            "last_segment": self.last_segment,
        }

    @classmethod
    def from_document(cls, document: Json) -> Audience:
        """The reverse of `document`."""
        values: dict[str, Any] = dict(document)
        values["fields"] = [MergeField(**item) for item in document["fields"]]
        values["segments"] = {
            str(item["id"]): Segment(**item) for item in document["segments"]
        }
        values["webhooks"] = {
            item["id"]: Webhook(**item) for item in document["webhooks"]
        }
        values["forgotten"] = set(document["forgotten"])
        return cls(**values)


def contact_id(audience: Audience, member: Member) -> str:
    """Mailchimp's id of the person, the same whatever their address becomes."""
    return short_hash(f"contact {audience.id} {member.web_id}", 32)


class Account:
    """All audiences of the simulated account. Not locked: its simulator is."""

    def __init__(self, slug: str, store: Store) -> None:
        self._slug = slug
        self._store = store
        self._changes: dict[tuple[str, str], Change] = {}
        self.audiences: dict[str, Audience] = {}
        self.last_web_id = 1000
        self._load()

    def _load(self) -> None:
        documents = sorted(self._store.load(self._slug))
        for kind, key, document in documents:
            if kind == "audience":
                self.audiences[key] = Audience.from_document(document)
        for kind, key, document in documents:
            if kind == "member":
                member = Member(**document)
                audience = self.audiences[key.partition("/")[0]]
                audience.put(member)
                self.last_web_id = max(self.last_web_id, member.web_id)

    def next_web_id(self) -> int:
        self.last_web_id += 1
        return self.last_web_id

    def touch(self, audience: Audience, *members: Member) -> None:
        """These members changed; with none given, the audience itself did."""
        for member in members:
            key = f"{audience.id}/{member.id}"
            self._changes["member", key] = ("member", key, member.document())
        if not members:
            self._changes["audience", audience.id] = (
                "audience",
                audience.id,
                audience.document(),
            )

    def drop(self, audience: Audience, member: Member) -> None:
        """Take the member out."""
        audience.remove(member)
        key = f"{audience.id}/{member.id}"
        self._changes["member", key] = ("member", key, None)

    def drop_audience(self, audience: Audience) -> None:
        for member in list(audience.members.values()):
            self.drop(audience, member)
        self.audiences.pop(audience.id, None)
        self._changes["audience", audience.id] = ("audience", audience.id, None)

    def flush(self) -> None:
        """Save what changed since the last call, in one transaction."""
        if self._changes:
            changes, self._changes = self._changes, {}
            self._store.save(self._slug, changes.values())

    def tag(self, audience: Audience, name: str) -> Segment:
        """The static segment of that name, made when there is none."""
        segment = audience.segment_named(name)
        if segment is None:
            audience.last_segment += 1
            stamp = now()
            segment = Segment(audience.last_segment, name, stamp, stamp)
            audience.segments[str(segment.id)] = segment
            self.touch(audience)
        return segment
