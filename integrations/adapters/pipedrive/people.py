"""Pipedrive's people: their fields, finding and writing them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from integrations.adapters.base import (
    Contact,
    Field,
    Outcome,
    Receipt,
    Subscription,
    filled,
)
from integrations.adapters.choices import ids_of, names_of
from integrations.adapters.consent import LEFT
from integrations.adapters.each import (
    key_of,
    not_there,
    rejected,
    spellings,
    synced,
)
from integrations.adapters.errors import Reason, TargetError
from integrations.adapters.http import Params
from integrations.adapters.rest import Rest, Write
from integrations.adapters.shapes import Row, dig, id_in, row_in, rows_in

PERSONS, FIELDS = "/api/v2/persons", "/api/v2/personFields"
PEOPLE = "people"  # the audience of everybody
TYPES = {
    **dict.fromkeys(("varchar", "text", "varchar_auto"), "text"),
    **dict.fromkeys(("int", "double"), "number"),
    "phone": "phone",
    "boolean": "boolean",
    "date": "date",
    "enum": "choice",
    "set": "multi_choice",
    "address": "address",
}
CHOICES = ("enum", "set")
LABELS, PHONES = ("label_ids", "label"), ("phone", "phones")  # whichever is listed
# Fields of every person that the write calls of API v2 take, besides custom ones.
WRITABLE = ("name", *PHONES)
NEVER = ("email", "emails", *LABELS, "marketing_status", "doi_status")
NO_CONSENT = "In Pipedrive, which has no marketing consent of theirs on record."
OPTED_OUT = (
    "{0} in Pipedrive Campaigns. The person is up to date there; who has left "
    "marketing stays out of it."
)


class PipedrivePeople(Rest):
    """People are kept up to date whether they opted out or not."""

    size_param, page_size = "limit", 500  # the API's maximum
    place_param, rows_key = "cursor", "data"

    state_key = ""
    states = {each: each for each in ("subscribed", "unsubscribed", "archived")}
    left_keys = ("update_time",)

    kept = frozenset({"subscribed", "unsubscribed", "archived", "unknown"})
    known_as, unknown_as = "Already a person in Pipedrive", "Not in Pipedrive at all."

    def following(self, body: Row, rows: list[Row], place: Any) -> str:
        return str(dig(body, "additional_data", "next_cursor") or "")

    # Fields, and labels among them.

    @cached_property
    def _fields(self) -> dict[str, Row]:
        """Person fields by code, as Pipedrive describes them."""
        return {str(row["field_code"]): row for row in self.rows(FIELDS)}

    def fields(self, audience_id: str) -> list[Field]:
        self.ready(audience_id)
        shown = (row for code, row in self._fields.items() if code not in NEVER)
        return [self.field_of(row) for row in shown]

    def field_of(self, row: Row) -> Field:
        code, kind = str(row["field_code"]), row["field_type"]
        return Field(
            id=code,
            label=str(row["field_name"]),
            type="name" if code == "name" else TYPES.get(kind, "text"),
            read_only=not takes(row),
            options=tuple(options_of(row).values()),
        )

    @property
    def _campaigns(self) -> bool:
        return "marketing_status" in self._fields

    @property
    def _labels(self) -> dict[str, str]:
        rows = [self._fields[code] for code in LABELS if code in self._fields]
        return {str(id): name for row in rows for id, name in options_of(row).items()}

    def ready(self, audience_id: str) -> None:
        if audience_id != PEOPLE and audience_id not in self._labels:
            raise TargetError("This label is no longer in Pipedrive.")

    # Looking people up.

    @cached_property
    def _made(self) -> dict[str, int]:
        """The people of addresses that were just written, while the search lags."""
        return {}

    def _search(self, email: str) -> list[int]:
        found = set()
        for spelling in spellings(email):
            params = {"term": spelling, "fields": "email", "exact_match": "true"}
            body = self.fetch("GET", f"{PERSONS}/search", params=params)
            for row in rows_in(row_in(body, "data"), "items"):
                mails = row["item"].get("emails") or ()
                if key_of(email) in (key_of(str(mail)) for mail in mails):
                    found.add(int(row["item"]["id"]))
        return sorted(found)

    @property
    def more(self) -> Params:
        """What makes people's records tell their marketing status."""
        return {"include_fields": "marketing_status"} if self._campaigns else {}

    def _get(self, number: object) -> Row | None:
        """None for who was deleted; the search may not know yet."""
        body = self.maybe(f"{PERSONS}/{number}", self.more)
        person = row_in(body, "data") if body is not None else {}
        return person if person and not person.get("is_deleted") else None

    def _people(self, email: str) -> Iterator[Row]:
        """Everybody with this address, whichever of theirs it is, the oldest first."""
        made = self._made.get(key_of(email))
        for number in [made] if made else self._search(email):
            if person := self._get(number):
                yield person

    def find_one(self, email: str, audience_id: str) -> Row | None:
        return next(self._people(email), None)

    def status_of(self, row: Row, audience_id: str) -> str:
        return self.states.get(str(row.get("marketing_status")), "unknown")

    def detail_of(self, row: Row, audience_id: str) -> str:
        return NO_CONSENT if self.status_of(row, audience_id) == "unknown" else ""

    def subscriptions(
        self, emails: Sequence[str], audience_id: str
    ) -> list[Subscription]:
        self.ready(audience_id)

        def stand(email: str) -> Subscription:
            people = list(self._people(email))
            fields = self.values_of(people[0]) if people else None  # who is written to
            # Of several records of one person, the one that opted out counts.
            row = max(
                (row for row in people if has_label(row, audience_id)),
                key=lambda row: self.status_of(row, audience_id) in LEFT,
                default=None,
            )
            return replace(self.standing(email, row, audience_id), fields=fields)

        return [stand(email) for email in emails]

    def values_of(self, row: Row) -> dict[str, object]:
        phones = next((code for code in PHONES if code in self._fields), PHONES[0])
        values = {"name": row.get("name"), phones: primary(row.get("phones"))}
        for code, value in (row.get("custom_fields") or {}).items():
            field = self._fields.get(code)
            if field is None or not takes(field):
                continue
            if field["field_type"] in CHOICES:
                value = names_of(value, options_of(field))
            values[code] = value.get("value") if isinstance(value, dict) else value
        return filled(values)

    # Writing without touching marketing consent.

    def turned_away(self, known: Subscription) -> None:
        return None

    def put(self, write: Write) -> Outcome:
        person = write.row or {}
        row = self._row(write.contact, person)
        if not has_label(person, write.audience_id):
            labels = person.get("label_ids") or ()
            row["label_ids"] = [*labels, int(write.audience_id)]
        if not person:
            mail = {"value": write.email, "primary": True}
            new = {"name": write.email, "emails": [mail], **row}
            made = row_in(self.fetch("POST", PERSONS, payload=new), "data")
            self._made[key_of(write.email)] = int(id_in(made))
            return synced(made["id"])
        if row:
            self._patch(person, row)
        status = write.known.status
        gone = OPTED_OUT.format(status.capitalize()) if status in LEFT else ""
        return synced(person["id"], gone)

    def _patch(self, person: Row, row: Row) -> Row:
        with self.still_there():
            body = self.fetch("PATCH", f"{PERSONS}/{person['id']}", payload=row)
        return body.get("data") or {}

    def _row(self, contact: Contact, person: Row) -> Row:
        row: Row = {}
        for code, value in filled(contact.fields).items():
            if code == "name":
                row["name"] = str(value)
            elif code in PHONES:
                row["phones"] = with_phone(person.get("phones") or [], str(value))
            else:
                custom = row.setdefault("custom_fields", {})
                custom[code] = self._value(self._fields.get(code) or {}, value)
        return row

    def _value(self, field: Row, value: object) -> object:
        kind = field.get("field_type")
        if kind == "address" and not isinstance(value, Mapping):
            return {"value": str(value)}
        if kind not in CHOICES:
            return value
        name, several = f"{field['field_name']}: Pipedrive", kind == "set"
        return ids_of(value, options_of(field), name, several=several)

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        return self.each(emails, self._unsubscribe)

    def _unsubscribe(self, email: str) -> Outcome:
        if not self._campaigns:
            return not_there("Without Campaigns, Pipedrive knows no marketing consent.")
        people, out = list(self._people(email)), {"marketing_status": "unsubscribed"}
        for person in people:
            if not out.items() <= person.items():
                answer = self._patch(person, out)
                told = "marketing_status" in answer
                person = answer if told else self._get(person["id"]) or person
            if not out.items() <= person.items():
                words = "Pipedrive kept the marketing status as it was."
                return rejected(Reason.REFUSED, words)
        return synced(people[0]["id"]) if people else not_there(self.unknown_as)

    def erase(self, email: str) -> Receipt:
        """Deletes every person with the address."""
        paths = (f"{PERSONS}/{number}" for number in self._search(email))
        return self.erase_all(paths, self.erasing)


def takes(field: Row) -> bool:
    """Whether a person can be given a value for the field."""
    custom = field.get("is_custom_field") and field["field_type"] in TYPES
    return bool(custom) or field["field_code"] in WRITABLE


def options_of(field: Row) -> dict[Any, str]:
    return {row["id"]: str(row["label"]) for row in field.get("options") or ()}


def has_label(person: Row, audience_id: str) -> bool:
    labels = person.get("label_ids") or ()
    return audience_id == PEOPLE or int(audience_id) in labels


def primary(entries: list[Row] | None) -> str:
    """The primary of a person's addresses or numbers, else the first, else ""."""
    rows = sorted(entries or (), key=lambda row: not row.get("primary"))
    return str(rows[0].get("value") or "") if rows else ""


def with_phone(phones: list[Row], number: str) -> list[Row]:
    digits = re.sub(r"\D", "", number)
    if any(re.sub(r"\D", "", str(row.get("value"))) == digits for row in phones):
        return phones
    return [*phones, {"value": number, "primary": not phones}]
