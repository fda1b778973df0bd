"""Leads and contacts of the simulated organisation: what they show, what they take."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from integrations.sandbox.book import Attribute, Person, now
from integrations.sandbox.booked import BookedSimulator
from integrations.sandbox.faults import Faults
from integrations.sandbox.messages import Json
from integrations.sandbox.salesforce import words

THINGS = {"Lead": "00Q", "Contact": "003"}
OPT_OUT, BOUNCED = "HasOptedOutOfEmail", "EmailBouncedDate"
GONE = ("unsubscribed", "complained")
ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
# Type and whether it may be written; the rest of a description is the same for all.
STANDARD = {
    "Id": ("id", False),
    "IsDeleted": ("boolean", False),
    "CreatedDate": ("datetime", False),
    "LastModifiedDate": ("datetime", False),
    "SystemModstamp": ("datetime", False),
    "Name": ("string", False),
    "Email": ("email", True),
    OPT_OUT: ("boolean", True),
    BOUNCED: ("datetime", True),
    "EmailBouncedReason": ("string", True),
}
LONGEST = 255


class Records(BookedSimulator):
    """A person of the book is one record; several may have one address. Deleted ones
    stay, without a place, until they are erased."""

    def records(self, thing: str, *, deleted: bool = False) -> Iterator[Person]:
        for person in self.book.people.values():
            if person.extra["thing"] == thing and (deleted or not person.deleted_at):
                yield person

    def record(self, key: str, thing: str = "") -> Person | None:
        """By id, of 15 or 18 characters; deleted ones too."""
        found = self.book.people.get(key) or self.book.people.get(f"{key}EAA")
        return found if found and thing in ("", found.extra["thing"]) else None

    def columns(self, thing: str) -> dict[str, Attribute]:
        """Fields of an object that people made, by name."""
        return {
            key.partition(".")[2]: item
            for key, item in self.book.attributes.items()
            if key.startswith(f"{thing}.")
        }

    def names(self, thing: str) -> list[str]:
        more = ["IsConverted"] if thing == "Lead" else []
        return [*STANDARD, *more, *self.columns(thing)]

    def view(self, person: Person) -> Json:
        """All fields of a record."""
        thing = person.extra["thing"]
        place = person.places.get(thing)
        status = place.status if place else person.extra.get("standing", "")
        values = {name: person.values.get(name) for name in self.columns(thing)}
        full = " ".join(str(values.get(n) or "") for n in ("FirstName", "LastName"))
        shown: Json = {
            "Id": person.id,
            "IsDeleted": bool(person.deleted_at),
            "CreatedDate": stamp(person.created_at),
            "LastModifiedDate": stamp(person.changed_at),
            "SystemModstamp": stamp(person.changed_at),
            "Name": full.strip(),
            "Email": person.email or None,
            OPT_OUT: status in GONE,
            BOUNCED: stamp(place.changed_at) if place and status == "cleaned" else None,
            "EmailBouncedReason": "550 no such user" if status == "cleaned" else None,
        }
        if thing == "Lead":
            shown["IsConverted"] = bool(person.extra.get("converted"))
        return {**shown, **values}

    # Writing

    def check_names(self, thing: str, values: Json) -> None:
        """An unknown field spoils the whole call."""
        known = {name.lower() for name in self.names(thing)}
        for name in values:
            if name != "attributes" and name.lower() not in known:
                text = f"No such column '{name}' on sobject of type {thing}"
                raise words.refused(400, "INVALID_FIELD", text)

    def problems(
        self,
        thing: str,
        values: Json,
        person: Person | None,
        faults: Faults,
        *,
        allow: bool = False,
    ) -> list[Json]:
        """What is wrong with a record to be saved. `allow`: duplicates too."""
        if person is not None and person.deleted_at:
            return [words.row("ENTITY_IS_DELETED", "entity is deleted")]
        if person is not None and person.extra.get("converted"):
            text = "cannot reference converted lead"
            return [words.row("CANNOT_UPDATE_CONVERTED_LEAD", text)]
        email = str(values.get("Email", person.email if person else "") or "")
        if found := self._refused(email, faults):
            return [found]
        for name, value in values.items():
            if found := self._value_problem(thing, name, value):
                return [found]
        after = {**(person.values if person else {}), **values}
        missing = [
            name
            for name, item in self.columns(thing).items()
            if item.required and after.get(name) in (None, "")
        ]
        if missing:
            text = f"Required fields are missing: [{', '.join(missing)}]"
            return [words.row("REQUIRED_FIELD_MISSING", text, *missing)]
        if person is None and not allow and self._twin(thing, email, after):
            return [words.row("DUPLICATES_DETECTED", "Use one of these records?")]
        return []

    def _refused(self, email: str, faults: Faults) -> Json | None:
        refusal = self.refusal(email, faults) if email else ""
        if refusal == "fake" or (email and not ADDRESS.fullmatch(email)):
            text = f"Email: invalid email address: {email}"
            return words.row("INVALID_EMAIL_ADDRESS", text, "Email")
        if refusal == "throttled":
            return words.row("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access")
        if refusal:
            text = f"This address cannot be used ({refusal})."
            return words.row("FIELD_CUSTOM_VALIDATION_EXCEPTION", text)
        return None

    def _value_problem(self, thing: str, name: str, value: object) -> Json | None:
        item = self.columns(thing).get(name)
        if name in STANDARD or item is None:
            if name in ("Id", "attributes") or STANDARD.get(name, ("", False))[1]:
                return None
            text = f"Unable to create/update fields: {name}. Please check the security"
            return words.row("INVALID_FIELD_FOR_INSERT_UPDATE", text, name)
        if value is None:
            return None
        text = str(value)
        if item.type == "picklist" and text not in item.options:
            words_ = f"{item.name}: bad value for restricted picklist field: {text}"
            return words.row("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", words_, name)
        if item.type == "double" and isinstance(value, str):
            raise words.refused(
                400, "JSON_PARSER_ERROR", f"Cannot deserialize double from '{text}'"
            )
        if item.type == "string" and len(text) > LONGEST:
            words_ = f"{item.name}: data value too large (max length={LONGEST})"
            return words.row("STRING_TOO_LONG", words_, name)
        return None

    def _twin(self, thing: str, email: str, values: Json) -> bool:
        """The duplicate rule: one address and one last name, among the same kind."""
        name = str(values.get("LastName", "")).lower()
        return any(
            person.email.lower() == email.lower()
            and str(person.values.get("LastName", "")).lower() == name
            for person in self.records(thing)
            if email
        )

    def save(self, thing: str, values: Json, person: Person | None) -> Person:
        """Create or change a record that has no problems."""
        values = {k: v for k, v in values.items() if k not in ("attributes", "Id")}
        email = str(values.pop("Email", person.email if person else "") or "").strip()
        new = person is None
        if person is None:
            number = self.book.next_id()
            key = f"{THINGS[thing]}5e{number:010d}EAA"
            person = self.book.add(email, id=key, extra={"thing": thing})
            self.book.place(person, thing, "subscribed")
        elif email != person.email:
            self.book.rename(person, email)
        if OPT_OUT in values:
            # As in Salesforce, a plain write takes an opt-out back.
            out = values.pop(OPT_OUT) is True
            self.book.place(person, thing, "unsubscribed" if out else "subscribed")
        bounced = person.places[thing].status == "cleaned"
        if values.pop(BOUNCED, True) is None and bounced:
            self.book.place(person, thing, "subscribed")
        values.pop("EmailBouncedReason", None)
        person.values = {**person.values, **values}
        self.book.touch(person)
        self.happened("subscribe" if new else "update", person, thing)
        return person

    def bin(self, person: Person) -> None:
        """Delete a record: it stays in the recycle bin."""
        thing = person.extra["thing"]
        self.happened("delete", person, thing)
        place = person.places.get(thing)
        person.places.clear()  # of campaigns too
        person.extra["standing"] = place.status if place else ""
        person.deleted_at = now()
        self.book.touch(person)


def stamp(text: str) -> str:
    """A time as Salesforce shows it: whole seconds and +0000."""
    at = datetime.fromisoformat(text)
    return at.strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def describe(name: str, item: Attribute | None) -> Json:
    """The description of one field."""
    kind, writable = STANDARD.get(name, ("boolean", False))
    if item is not None:
        kind, writable = item.type, not item.read_only
    options: list[Any] = list(item.options) if item else []
    boolean = kind == "boolean"
    return {
        "name": name,
        "label": item.name if item else name,
        "type": kind,
        "length": LONGEST if kind == "string" else 0,
        "createable": writable,
        "updateable": writable,
        "nillable": not boolean and not (item and item.required) and name != "Id",
        "defaultedOnCreate": boolean or name in ("Id", "CreatedDate", "SystemModstamp"),
        "deprecatedAndHidden": False,
        "custom": name.endswith("__c"),
        "restrictedPicklist": kind == "picklist",
        "picklistValues": [
            {"active": True, "value": v, "label": v, "defaultValue": False}
            for v in options
        ],
    }
