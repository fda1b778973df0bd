"""Finding and writing people in MessageMedia: a phone number is who somebody is.

* There is no upsert and no look-up by e-mail address. Numbers are looked up, all of a
  batch in one call; those found are changed by id, the others created; then all that
  are not on the list are added to it in one call.
* Opting out is a matter of numbers: STOP puts one on the account's blacklist, and a
  contact's SMS channel can be UNSUBSCRIBED. After either nothing is written. No channel
  is ever sent for somebody who is there already, so nobody's state changes.
* What PATCH does to custom fields that it leaves out is not documented: those that are
  there are sent along. What is there already as wanted is not sent.

In here, a person's record is the contact with two things more: the `numbers` that
count, the first of them for the SMS channel, and whether one is `blocked`. Who is no
contact has a record, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from urllib.parse import quote

from integrations.adapters.base import (
    Contact,
    Options,
    Outcome,
    OutcomeState,
    Receipt,
    Subscription,
    filled,
    is_blank,
)
from integrations.adapters.each import (
    again,
    key_of,
    merged,
    not_there,
    rejected,
    synced,
)
from integrations.adapters.errors import (
    Reason,
    RejectedError,
    TargetError,
    TransientError,
)
from integrations.adapters.http import Params
from integrations.adapters.paging import batches
from integrations.adapters.rest import Write
from integrations.adapters.shapes import Row, id_in, rows_in
from integrations.adapters.together import Together

API = "/api/v1/contacts"
CONTACTS, LISTS, CUSTOM = f"{API}/contacts", f"{API}/lists", f"{API}/custom-fields"
NUMBERS = "/v1/number_authorisation"
BLACKLIST = f"{NUMBERS}/mt/blacklist"
AT_ONCE = 100  # numbers in one URL
BLACKLISTED_AT_ONCE = 10  # by the description of that call
E164 = re.compile(r"\+[1-9][0-9]{6,14}")
NOBODY = {"id": ""}
NO_NUMBER = (
    "Mobile number: there is none, and MessageMedia knows people by it. Map a field "
    "with a phone number to it."
)
NOT_E164 = (
    "Mobile number: it must be in international form, like +61491570156. Set the "
    "mapping to convert phone numbers."
)
NOTHING_TO_STOP = "This contact has no mobile number, so there is nothing to stop."
BLOCKED = "The number is on the account's blacklist, as after a STOP."
NO_ADDRESS = "Kept without the e-mail address: there is no custom field of that type."


class MessageMediaPeople(Together):
    """The half of the adapter that finds and writes people."""

    look_up = "many"
    id_key, state_key = "", ""  # who is no contact has a record, but no id
    custom_key = "customFields"

    # Finding.

    @cached_property
    def custom_fields(self) -> list[Row]:
        return list(self.rows(CUSTOM))

    @property
    def email_field(self) -> str:
        """The id of the custom field that keeps the address, "" when there is none: one
        whose merge tag is "email" before the first of the type."""
        found = [field for field in self.custom_fields if field.get("type") == "EMAIL"]
        found.sort(key=lambda field: str(field.get("mergeTag", "")).lower() != "email")
        return str(found[0]["id"]) if found else ""

    def ready(self, audience_id: str) -> None:
        self.fetch("GET", self.at(f"{LISTS}/{{audience}}", audience_id))

    def by_number(self, numbers: Sequence[str]) -> dict[str, Row]:
        """The contacts with these numbers as SMS channel, at most AT_ONCE."""
        params: Params = {"channelIds": ",".join(numbers), "channelTypes": "SMS"}
        return {
            str(channel["channelId"]): {**row, "id": id_in(row)}
            for row in self.rows(CONTACTS, params)
            for channel in texted(row)
        }

    def having(
        self, emails: Sequence[str], audience_id: str = ""
    ) -> dict[str, list[Row]]:
        """Contacts of a list, or of the account, by the `key_of` their address. Reads
        all there are, because the API does not search for addresses."""
        found: dict[str, list[Row]] = {key_of(email): [] for email in emails}
        asked: Params = {"listIds": audience_id} if audience_id else {}
        for row in self.rows(CONTACTS, asked):
            for address in addresses_of(row):
                if address in found:
                    found[address].append(row)
        if audience_id and not any(found.values()):
            self.ready(audience_id)
        return found

    def find(self, emails: Sequence[str], audience_id: str) -> dict[str, Row]:
        found = self.having(emails, audience_id)
        rows = {key: found[key][0] for key in found if found[key]}
        records = self.records((row, numbers_of(row)) for row in rows.values())
        return dict(zip(rows, records, strict=True))

    def blocked(self, numbers: Iterable[str]) -> set[str]:
        """Which of these numbers are on the blacklist."""
        wanted = set(numbers)
        told: dict[str, object] = {}
        for some in batches(sorted(wanted), AT_ONCE):
            asked = quote(",".join(some), safe="+,")
            body = self.fetch("GET", f"{NUMBERS}/is_authorised/{asked}")
            for row in rows_in(body, "numbers"):
                # The documented answers write numbers without the plus.
                number = str(row.get("number", "")).lstrip("+")
                told[f"+{number}"] = row.get("authorised")
        if not told.keys() >= wanted:
            raise TransientError(
                "Sinch MessageMedia did not tell of all numbers whether they opted out."
            )
        return {number for number in wanted if told[number] is not True}

    def records(self, found: Iterable[tuple[Row, list[str]]]) -> list[Row]:
        """The records of contacts, each with the numbers that count of theirs."""
        each = list(found)
        blocked = self.blocked(number for _, numbers in each for number in numbers)
        return [
            {**row, "numbers": numbers, "blocked": not blocked.isdisjoint(numbers)}
            for row, numbers in each
        ]

    # A person's record.

    def status_of(self, row: Row, audience_id: str) -> str:
        states = [
            channel.get("subscriptionState")
            for channel in texted(row)
            if channel["channelId"] in row["numbers"][:1]
        ]
        if row["blocked"] or "UNSUBSCRIBED" in states:
            return "unsubscribed"
        if audience_id not in [str(item.get("id")) for item in row.get("lists") or ()]:
            return "absent"
        return "subscribed" if "SUBSCRIBED" in states else "unknown"

    def detail_of(self, row: Row, audience_id: str) -> str:
        return BLOCKED if row["blocked"] else ""

    def values_of(self, row: Row) -> dict[str, object]:
        """The address that is kept in a custom field is ours to fill."""
        own = {field.id: row.get(field.id) for field in self.own_fields}
        custom = {
            str(field["id"]): field.get("value")
            for field in row.get("customFields") or ()
            if field.get("type") != "EMAIL"
        }
        return filled({**own, **custom, "phone": "".join(numbers_of(row)[:1])})

    def record_of(self, contact: Contact) -> Row:
        """The number is not among the values: it tells who somebody is."""
        record = super().record_of(contact)
        record.pop("phone", None)
        if self.email_field:
            record.setdefault("customFields", {})
            record["customFields"][self.email_field] = contact.email.strip()
        return record

    def standing(self, email: str, row: Row | None, audience_id: str) -> Subscription:
        known = super().standing(email, row, audience_id)
        return replace(known, remote_id=str(row["id"])) if row else known

    # Writing.

    def upsert(
        self, contacts: Sequence[Contact], audience_id: str, options: Options
    ) -> list[Outcome]:
        people: dict[str, Contact] = {}
        for contact in contacts:
            number = number_of(contact)
            if E164.fullmatch(number):
                people[number] = merged(people.get(number, contact), contact)
        outcomes = self._write(people, audience_id, options) if people else {}
        return [
            outcomes.get(number_of(contact)) or unusable(number_of(contact))
            for contact in contacts
        ]

    def _write(
        self, people: Mapping[str, Contact], audience_id: str, options: Options
    ) -> dict[str, Outcome]:
        there = self.by_number(list(people))
        found = self.records((there.get(n, NOBODY), [n]) for n in people)
        rows = dict(zip(people, found, strict=True))
        outcomes, writes = self.told_apart(people, rows, audience_id, options)
        joining = [key for key in writes if writes[key].known.status == "absent"]
        if joining:
            self.ready(audience_id)
        outcomes |= zip(writes, self.each(writes.values(), self.put), strict=True)
        added = {
            number: outcomes[number].remote_id
            for number in joining
            if outcomes[number].state is OutcomeState.SYNCED
        }
        if added:
            path = self.at(f"{LISTS}/{{audience}}/contacts", audience_id)
            new = {"contactsToAddIds": list(added.values())}
            try:
                self.request("PATCH", path, payload=new)
            except TransientError as error:
                outcomes |= dict.fromkeys(added, again(error))
        return outcomes

    def put(self, write: Write) -> Outcome:
        """Where what was looked up proves wrong, it is tried once more."""
        row, number = write.row or NOBODY, number_of(write.contact)
        record = self.record_of(write.contact)
        try:
            return self._save(write, row, record)
        except RejectedError as error:
            taken = error.reason is Reason.DUPLICATE and not row["id"]
            there = self.by_number([number]) if taken else {}
            if number not in there:
                raise
        except TargetError:
            there = {}
            if not row["id"]:
                raise
        now = {**there.get(number, NOBODY), "numbers": [number], "blocked": False}
        if refused := self.turned_away(self.standing("", now, write.audience_id)):
            return refused
        with self.still_there():
            return self._save(write, now, record)

    def _save(self, write: Write, row: Row, record: Row) -> Outcome:
        note = "" if self.email_field else NO_ADDRESS
        values = {**record}
        custom = values.pop(self.custom_key, {})
        if not row["id"]:
            channel = {"channelId": number_of(write.contact), "type": "SMS"}
            channel["subscriptionState"] = "SUBSCRIBED"
            made = {**values, "channels": [channel], **custom_rows(custom)}
            return synced(id_in(self.fetch("POST", CONTACTS, payload=made)), note)
        there = {
            str(field["id"]): str(field["value"])
            for field in row.get("customFields") or ()
            if not is_blank(field.get("value"))
        }
        change = {name: new for name, new in values.items() if row.get(name) != new}
        if {**there, **custom} != there:
            change |= custom_rows({**there, **custom})
        if change and write.options.update_existing:
            self.request("PATCH", self.at(self.one_path, id=row["id"]), payload=change)
        return synced(row["id"], note)

    # Leaving.

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        """Puts the numbers on the account's blacklist, as a STOP does."""
        found = self.having(emails, audience_id)
        rows = [row for rows in found.values() for row in rows]
        numbers = sorted({number for row in rows for number in numbers_of(row)})
        for some in batches(numbers, BLACKLISTED_AT_ONCE):
            self.request("POST", BLACKLIST, payload={"numbers": some})
        return [left_now(found[key_of(email)]) for email in emails]

    def erase(self, email: str) -> Receipt:
        """Deletes every contact of the account that has the address."""
        [found] = self.having([email]).values()
        ids = [id_in(row) for row in found]
        return self.erase_all(
            (self.at(self.one_path, id=id) for id in ids), self.erasing
        )


def number_of(contact: Contact) -> str:
    """The number that a contact is to be known by, "" when there is none."""
    return str(contact.fields.get("phone") or "").strip()


def texted(row: Row) -> list[Row]:
    """A contact's SMS channels."""
    return [c for c in row.get("channels") or () if c.get("type") == "SMS"]


def numbers_of(row: Row) -> list[str]:
    """A contact's SMS numbers; others than E.164 nobody can be asked about."""
    numbers = [str(channel["channelId"]) for channel in texted(row)]
    return [number for number in numbers if E164.fullmatch(number)]


def addresses_of(row: Row) -> list[str]:
    """A contact's e-mail addresses by `key_of`, each once: of custom fields, then of
    e-mail channels."""
    places = (("customFields", "value"), ("channels", "channelId"))
    found = [
        str(item.get(name) or "")
        for key, name in places
        for item in row.get(key) or ()
        if item.get("type") == "EMAIL"
    ]
    return list(dict.fromkeys(key_of(address) for address in found if address.strip()))


def custom_rows(values: Mapping[str, str]) -> Row:
    rows = [{"id": number, "value": value} for number, value in values.items()]
    return {"customFields": rows} if rows else {}


def unusable(number: str) -> Outcome:
    if not number:
        return rejected(Reason.REQUIRED_FIELD, NO_NUMBER)
    return rejected(Reason.FIELD_TYPE, NOT_E164)


def left_now(rows: Sequence[Row]) -> Outcome:
    if not rows:
        return not_there("No contact on this list has the address.")
    if not any(map(numbers_of, rows)):
        return not_there(NOTHING_TO_STOP)
    return synced(rows[0].get("id"))
