"""People, lists and fields of a simulated account, in memory, saved as they change."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from integrations.sandbox.messages import Json
from integrations.sandbox.store import Change, Store


def now() -> str:
    """The moment in ISO 8601 with microseconds and Z."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def made_up(text: str, length: int = 10) -> str:
    """A stable made-up identifier of hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()[:length]


@dataclass(slots=True)
class Place:
    """Where a person stands on one list.

    `status` is subscribed, pending, unsubscribed, cleaned (bounced), complained or
    archived. Times are ISO 8601 or "". `left_by` is person, admin, api or "".
    """

    status: str
    changed_at: str = ""
    asked_at: str = ""
    confirmed_at: str = ""
    left_by: str = ""
    opt_in_mails: int = 0


@dataclass(slots=True)
class Person:
    """One contact. `values` is what the provider stores, by its own names; `extra` is
    for whatever else a simulator has to remember, as JSON."""

    id: str
    email: str
    values: Json = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    places: dict[str, Place] = field(default_factory=dict)  # by list id
    created_at: str = ""
    changed_at: str = ""
    deleted_at: str = ""
    extra: Json = field(default_factory=dict)


@dataclass(slots=True)
class List:
    id: str
    name: str
    double_opt_in: bool = False
    extra: Json = field(default_factory=dict)


@dataclass(slots=True)
class Attribute:
    """A field of people. `type` is the provider's own word."""

    id: str
    name: str
    type: str = "text"
    required: bool = False
    read_only: bool = False
    options: list[str] = field(default_factory=list)
    extra: Json = field(default_factory=dict)


class Book:
    """One account's data. Not locked: its simulator is.

    `notes` is a simulator's own JSON: jobs, webhooks, suppressions; call
    `touch_notes` after changing it.
    """

    def __init__(self, slug: str, store: Store) -> None:
        self._slug = slug
        self._store = store
        self._changes: dict[tuple[str, str], Change] = {}
        self._by_email: dict[str, str] = {}
        self.people: dict[str, Person] = {}
        self.lists: dict[str, List] = {}
        self.attributes: dict[str, Attribute] = {}
        self.forgotten: set[str] = set()  # addresses erased for good
        self.notes: Json = {}
        self._last = 1000
        self._load()

    def _load(self) -> None:
        for kind, key, document in self._store.load(self._slug):
            if kind == "list":
                self.lists[key] = List(**document)
            elif kind == "attribute":
                self.attributes[key] = Attribute(**document)
            elif kind == "person":
                document["places"] = {
                    k: Place(**v) for k, v in document["places"].items()
                }
                self._file(Person(**document))
            elif kind == "notes":
                self.notes = document["notes"]
                self.forgotten = set(document["forgotten"])
                self._last = document["last"]
        # Documents come by their keys; what counts is the order of making.
        for books in (self.lists, self.attributes, self.people):
            ordered: list[tuple[str, Any]] = sorted(books.items(), key=_age)  # type: ignore[arg-type]
            books.clear()  # type: ignore[attr-defined]
            books.update(ordered)  # type: ignore[attr-defined]

    @property
    def empty(self) -> bool:
        """Whether nothing was ever put in: the seed is to be planted."""
        return not self.lists and not self.attributes and not self.people

    def next_id(self) -> int:
        """A number that was never given before."""
        self._last += 1
        self.touch_notes()
        return self._last

    def find(self, email: str) -> Person | None:
        """By address, ignoring case."""
        return self.people.get(self._by_email.get(email.strip().lower(), ""))

    def list_named(self, name: str) -> List | None:
        """By id or name."""
        return self.lists.get(name) or next(
            (item for item in self.lists.values() if item.name == name), None
        )

    def on(self, list_id: str) -> Iterator[tuple[Person, Place]]:
        """Everybody with a place on the list, in the order of creation."""
        for person in self.people.values():
            if list_id in person.places:
                yield person, person.places[list_id]

    def add(self, email: str, id: str = "", **more: Any) -> Person:
        """A new person; the address must be free."""
        stamp = now()
        person = Person(
            id=id or str(self.next_id()),
            email=email.strip(),
            created_at=stamp,
            changed_at=stamp,
            **more,
        )
        self._file(person)
        self.touch(person)
        return person

    def rename(self, person: Person, email: str) -> None:
        """Another address for the same person."""
        self._by_email.pop(person.email.lower(), None)
        person.email = email.strip()
        self._file(person)
        self.touch(person)

    def place(self, person: Person, list_id: str, status: str, **more: Any) -> Place:
        """Put the person on the list, or change where they stand there."""
        place = person.places.get(list_id)
        if place is None:
            place = person.places[list_id] = Place(status=status)
        place.status, place.changed_at = status, now()
        if status == "pending":
            place.asked_at = place.changed_at
            place.opt_in_mails += 1
        for name, value in more.items():
            setattr(place, name, value)
        self.touch(person)
        return place

    def remove(self, person: Person, *, forget: bool = False) -> None:
        """Delete the person; `forget` remembers that the address was erased."""
        self.people.pop(person.id, None)
        self._by_email.pop(person.email.lower(), None)
        self._changes["person", person.id] = ("person", person.id, None)
        if forget:
            self.forgotten.add(person.email.lower())
            self.touch_notes()

    def add_list(self, name: str, id: str = "", **more: Any) -> List:
        item = List(id=id or str(self.next_id()), name=name, **more)
        item.extra.setdefault("created_at", now())
        self.lists[item.id] = item
        self.touch_list(item)
        return item

    def remove_list(self, item: List) -> None:
        self.lists.pop(item.id, None)
        self._changes["list", item.id] = ("list", item.id, None)
        for person, _ in list(self.on(item.id)):
            del person.places[item.id]
            self.touch(person)

    def set_attribute(self, attribute: Attribute) -> None:
        """Add the field, or change the one of the same id."""
        attribute.extra.setdefault("created_at", now())
        self.attributes[attribute.id] = attribute
        document = asdict(attribute)
        self._changes["attribute", attribute.id] = (
            "attribute",
            attribute.id,
            document,
        )

    def touch(self, person: Person) -> None:
        """The person changed: note the time, save at the next flush."""
        person.changed_at = now()
        self._changes["person", person.id] = ("person", person.id, asdict(person))

    def touch_list(self, item: List) -> None:
        self._changes["list", item.id] = ("list", item.id, asdict(item))

    def touch_notes(self) -> None:
        document = {
            "notes": self.notes,
            "forgotten": sorted(self.forgotten),
            "last": self._last,
        }
        self._changes["notes", ""] = ("notes", "", document)

    def flush(self) -> None:
        """Save what changed since the last call, in one transaction."""
        if self._changes:
            changes, self._changes = self._changes, {}
            self._store.save(self._slug, changes.values())

    def _file(self, person: Person) -> None:
        self.people[person.id] = person
        if person.email:
            self._by_email[person.email.lower()] = person.id


def _age(entry: tuple[str, Person | List | Attribute]) -> tuple[str, str]:
    key, item = entry
    made = item.created_at if isinstance(item, Person) else item.extra["created_at"]
    return str(made), key
