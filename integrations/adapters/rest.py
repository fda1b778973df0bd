"""What adapters of REST providers have in common.

`Rest` tells the story of each operation once. A provider declares how its answers look
(pages, a person's record, refusals) and says in a few methods what only it does:

    find_one   the record of an address
    put        create or update one person, whom nothing speaks against
    leave      opt one person out

All of it can be overridden where a provider is peculiar.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

from integrations.adapters import consent
from integrations.adapters.base import (
    Change,
    Contact,
    Options,
    Outcome,
    Receipt,
    Subscription,
    filled,
)
from integrations.adapters.each import (
    awaiting,
    existing,
    key_of,
    look_ups,
    not_there,
    synced,
    tags_for,
)
from integrations.adapters.errors import TargetError
from integrations.adapters.shapes import Row, as_text, dig, id_in, put_in
from integrations.adapters.shared import moment
from integrations.adapters.walks import Walks

Look = Callable[[str], Row | None]
LookAll = Callable[[str], list[Row]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One contact to be written, and what is known of the person before.

    `row` is the provider's record, None for somebody new; `known` what it says.
    """

    contact: Contact
    audience_id: str
    options: Options
    row: Row | None
    known: Subscription

    @property
    def email(self) -> str:
        return self.contact.email.strip()

    @property
    def fills(self) -> bool:
        """Whether values are written: the rule may leave people alone who are there."""
        return self.row is None or self.options.update_existing

    @property
    def tags(self) -> list[str]:
        return tags_for(self.contact, self.options)


class Rest(Walks):
    """A provider where people are looked up before each write."""

    # A person's record. Fields are `own_fields`, where dots lead inwards, and those in
    # the object `custom_key`.
    email_key: ClassVar[str] = "email"
    id_key: ClassVar[str] = "id"  # "": people have none
    state_key: ClassVar[str] = "status"  # "": `status_of` reads more than one
    states: ClassVar[Mapping[str, str]] = {}  # their words -> those of `Subscription`
    left_keys: ClassVar[tuple[str, ...]] = ()  # times of the state; the first filled
    time_keys: ClassVar[tuple[str, ...]] = ()  # times of the record, if others
    tags_key: ClassVar[str] = ""
    custom_key: ClassVar[str] = ""
    custom_texts: ClassVar[bool] = True  # custom fields take nothing else

    # How many addresses a look-up takes: one, many, or many ahead of a batch's writes.
    look_up: ClassVar[Literal["one", "many", "ahead"]] = "one"
    search_size: ClassVar[int] = 0  # addresses that `search` takes
    as_entered: ClassVar[bool] = False  # it tells them apart by their case
    gone: ClassVar[frozenset[str]] = frozenset({"unsubscribed"})  # need no opt-out
    kept: ClassVar[frozenset[str]] = frozenset({"subscribed", "pending", "unknown"})
    known_as: ClassVar[str] = "Already on this list"
    unknown_as: ClassVar[str] = "Not on this list at all."
    asked_as: ClassVar[str] = ""  # what is said of those who have yet to confirm

    # A person's record.

    def status_of(self, row: Row, audience_id: str) -> str:
        return self.states.get(str(row.get(self.state_key)), "unknown")

    def left_at(self, row: Row, audience_id: str) -> datetime | None:
        """When the status came about, for those who left."""
        return first_time(row, self.left_keys)

    def time_of(self, row: Row, audience_id: str) -> datetime | None:
        """The time of a record in a walk or a webhook."""
        if not self.time_keys:
            return self.left_at(row, audience_id)
        return first_time(row, self.time_keys)

    def values_of(self, row: Row) -> dict[str, object]:
        """A person's values by our field ids, blank ones left out."""
        custom = row.get(self.custom_key) or {}
        values = {f"{self.custom_prefix}{name}": custom[name] for name in custom}
        own = {own.id: dig(row, *own.id.split(".")) for own in self.own_fields}
        return filled(values | own)

    def record_of(self, contact: Contact) -> Row:
        """A contact's values as they are written: texts, as `values_of` reads them."""
        own = {field.id for field in self.own_fields}
        record: Row = {}
        custom: Row = {}
        for id, value in filled(contact.fields).items():
            if id in own:
                put_in(record, as_text(value), *id.split("."))
            elif not self.custom_key:
                record[id] = as_text(value)
            else:
                custom[id.removeprefix(self.custom_prefix)] = self.custom_value(value)
        return {**record, **({self.custom_key: custom} if custom else {})}

    def custom_value(self, value: object) -> object:
        """A value as custom fields take it."""
        return as_text(value) if self.custom_texts else value

    def tags_of(self, row: Row) -> tuple[str, ...]:
        return tuple(str(tag) for tag in row.get(self.tags_key) or ())

    def standing(self, email: str, row: Row | None, audience_id: str) -> Subscription:
        """Where somebody stands. Raises TransientError for a record without a state: it
        might be of somebody who left."""
        if row is None:
            return Subscription(email=email, status="absent")
        if self.state_key:
            id_in(row, self.state_key)
        return Subscription(
            email=email,
            status=self.status_of(row, audience_id),
            changed_at=self.left_at(row, audience_id),
            remote_id=id_in(row, self.id_key) if self.id_key else "",
            fields=self.values_of(row),
            tags=self.tags_of(row) if self.tags_key else None,
            detail=self.detail_of(row, audience_id),
        )

    def detail_of(self, row: Row, audience_id: str) -> str:
        """What else there is to say about where somebody stands."""
        return ""

    def change(
        self,
        row: Row,
        audience_id: str,
        kind: str = "upsert",
        *,
        status: str = "",
        at: datetime | None = None,
    ) -> Change:
        """What a record in a walk or a webhook tells."""
        return Change(
            email=row[self.email_key].strip(),
            kind=kind,
            status=status or self.status_of(row, audience_id),
            fields=self.values_of(row) if kind == "upsert" else {},
            tags=self.tags_of(row),
            at=at or self.time_of(row, audience_id),
            audience_id=audience_id,
        )

    def changed(
        self, rows: Sequence[Row], audience_id: str, since: str
    ) -> Iterable[Change]:
        """What a page of a walk tells."""
        there = (row for row in rows if self.belongs(row, audience_id))
        return (self.change(row, audience_id) for row in there)

    def belongs(self, row: Row, audience_id: str) -> bool:
        """Whether a record in a walk is of the audience's people."""
        return True

    # Looking people up.

    def find_one(self, email: str, audience_id: str) -> Row | None:
        """The record of an address."""
        return self.find([email], audience_id).get(key_of(email))

    def find(self, emails: Sequence[str], audience_id: str) -> dict[str, Row]:
        """The records of many addresses, by `key_of`, where `look_up` says so."""
        found = self.all_records(emails, audience_id)
        return {key: rows[0] for key, rows in found.items()}

    def all_records(
        self, emails: Sequence[str], audience_id: str
    ) -> dict[str, list[Row]]:
        """All records of many addresses, by `search`, as `left_first` has them. Both
        forms of an internationalised address are one person, who may be there twice."""
        found: dict[str, dict[str, Row]] = {}
        for some in look_ups(emails, self.search_size, as_entered=self.as_entered):
            for row in self.search(some, audience_id):
                theirs = found.setdefault(key_of(id_in(row, self.email_key)), {})
                theirs[id_in(row, self.id_key)] = row
        return {
            key: self.left_first(rows.values(), audience_id)
            for key, rows in found.items()
        }

    def search(self, emails: Sequence[str], audience_id: str) -> Iterable[Row]:
        """The records of some spellings of addresses, maybe of others beside them."""
        raise NotImplementedError

    def left_first(self, rows: Iterable[Row], audience_id: str) -> list[Row]:
        """One person's records: first those who left, then who might have; who is not
        there comes last. As they are where nobody asks about an audience."""

        def rank(row: Row) -> tuple[bool, bool, bool]:
            status = self.standing("", row, audience_id).status
            return status not in consent.LEFT, status != "unknown", status == "absent"

        found = list(rows)
        return sorted(found, key=rank) if audience_id and len(found) > 1 else found

    def by_email(self, rows: Iterable[Row]) -> dict[str, Row]:
        """Records by `key_of` their address."""
        return {key_of(id_in(row, self.email_key)): row for row in rows}

    def looking(self, emails: Sequence[str], audience_id: str, *, ahead: bool) -> Look:
        """Finds people's records: all of them now, or each when it is asked for."""
        if not ahead:
            return lambda email: self.find_one(email, audience_id)
        found = self.find(emails, audience_id)
        return lambda email: found.get(key_of(email))

    def looking_all(self, emails: Sequence[str], audience_id: str) -> LookAll:
        """Finds all of people's records, who may be there more than once."""
        if self.search_size:
            found = self.all_records(emails, audience_id)
            return lambda email: found.get(key_of(email), [])
        find = self.looking(emails, audience_id, ahead=self.look_up != "one")
        return lambda email: [row for row in [find(email)] if row is not None]

    def subscriptions(
        self, emails: Sequence[str], audience_id: str
    ) -> list[Subscription]:
        find = self.looking(emails, audience_id, ahead=self.look_up != "one")
        return [self.standing(email, find(email), audience_id) for email in emails]

    # Writing.

    def upsert(
        self, contacts: Sequence[Contact], audience_id: str, options: Options
    ) -> list[Outcome]:
        emails = [contact.email for contact in contacts]
        find = self.looking(emails, audience_id, ahead=self.look_up == "ahead")

        def write(contact: Contact) -> Outcome:
            self.ready(audience_id)
            row = find(contact.email)
            new = self.to_write(contact, row, audience_id, options)
            return self.held_back(new) or self.put(new)

        return self.each(contacts, write)

    def to_write(
        self, contact: Contact, row: Row | None, audience_id: str, options: Options
    ) -> Write:
        return Write(
            contact=contact,
            audience_id=audience_id,
            options=options,
            row=row,
            known=self.standing(contact.email, row, audience_id),
        )

    def held_back(self, write: Write) -> Outcome | None:
        """The outcome of somebody who is not to be written, None for others."""
        known, options = write.known, write.options
        may_ask = consent.may_ask_again(known, write.contact, options)
        if may_ask and (asked := self.ask_again(write)):
            return asked
        if refused := self.turned_away(known):
            return refused
        if known.status in self.kept and not options.update_existing:
            return existing(known.remote_id, self.known_as)
        return None

    def ready(self, audience_id: str) -> None:
        """Called before anybody is written: raises TargetError for an audience that is
        gone, where the calls that follow would not."""

    def turned_away(self, known: Subscription) -> Outcome | None:
        """The outcome of somebody to whom nothing is written, None for others."""
        return consent.left(known, self.label)

    def ask_again(self, write: Write) -> Outcome | None:
        """Asks somebody who left to confirm, None where the provider cannot."""
        return None

    def put(self, write: Write) -> Outcome:
        """Creates or updates somebody who has not left.

        Keeps what `Adapter.upsert` promises; a RejectedError is this contact's outcome.
        """
        raise NotImplementedError

    def settled(self, now: Subscription, lost: str = "") -> Outcome:
        """What a write came to, by where the person stands after it. `lost`: what was
        refused beside it."""
        if refused := self.turned_away(now):
            return refused
        if now.status == "pending":
            return awaiting(now.remote_id, f"{self.asked_as} {lost}".strip())
        return synced(now.remote_id, lost)

    # Leaving.

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        find = self.looking_all(emails, audience_id)

        def opt_out(email: str) -> Outcome:
            known = [self.standing(email, row, audience_id) for row in find(email)]
            there = [one for one in known if one.status != "absent"]
            for one in there:
                if one.status not in self.gone:
                    self.leave(one, audience_id)
            return synced(there[0].remote_id) if there else not_there(self.unknown_as)

        return self.each(emails, opt_out)

    def opting_out(
        self, emails: Sequence[str], do: Callable[[str], object]
    ) -> list[Outcome]:
        """`do` for each address without a look-up. It gives their id; a TargetError
        means nobody."""

        def leave(email: str) -> Outcome:
            try:
                return synced(do(email))
            except TargetError:
                return not_there(self.unknown_as)

        return self.each(emails, leave)

    def leave(self, known: Subscription, audience_id: str) -> None:
        """Opts out somebody who is there."""
        raise NotImplementedError

    def erase(self, email: str) -> Receipt:
        self.needs("erase")
        rows = self.looking_all([email], "")(email)
        for row in rows:
            with suppress(TargetError):  # somebody else was faster
                self.remove(row)
        return self.erased(rows, self.erasing)


def first_time(row: Row, names: Sequence[str]) -> datetime | None:
    """The time under the first of the names that is filled."""
    return moment(next((row[name] for name in names if row.get(name)), None))
