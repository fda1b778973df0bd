"""Contacts, lists and custom fields of the simulated account.

As described: numbers are unique, there is no upsert, lists are given by id. Where the
description says nothing, the worst for whoever is careless happens: PATCH replaces the
channels, lists and custom fields it names, a channel's state is taken as it is sent,
and a STOP is known to the blacklist only.
"""

from __future__ import annotations

import base64
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from integrations.sandbox.book import Attribute, List, Person
from integrations.sandbox.booked import BookedSimulator, Call
from integrations.sandbox.messagemedia.words import invalid, refused
from integrations.sandbox.messages import Json, Response, json_response

ACCOUNT = {"accountId": "Sandbox7000", "vendorId": "SinchEU"}
STANDARD = ("firstName", "lastName", "alias", "country", "state", "location", "note")
E164 = re.compile(r"\+[1-9][0-9]{6,14}")
MOST = 1000
STATES = ("SUBSCRIBED", "UNSUBSCRIBED")
WORDS = {
    "compliance": "The number is blocked.",
    "forgotten": "The number is blocked.",
    "throttled": "Try again later.",
    "fake": "must be a real person's",
    "failed": "could not be saved",
}


def identifier(text: object) -> str:
    """A stable made-up UUID."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"messagemedia/{text}"))


class Contacts(BookedSimulator):
    """The part of the simulator that is about people."""

    # Contacts

    def contact_view(self, person: Person) -> Json:
        values = person.values
        names = [values.get("firstName", ""), values.get("lastName", "")]
        view: Json = {
            "id": person.id,
            **ACCOUNT,
            **{name: values.get(name, "") for name in STANDARD},
            "fullName": " ".join(name for name in names if name),
            "createdDate": person.created_at,
            "lastModifiedDate": person.changed_at,
            "customFields": [
                {
                    "id": key,
                    "mergeTag": merge_tag(self.book.attributes[key]),
                    "type": self.book.attributes[key].type,
                    "value": value,
                }
                for key, value in person.extra["custom"].items()
                if key in self.book.attributes
            ],
            "channels": person.extra["channels"],
            "lists": [
                {"id": key, "name": self.book.lists[key].name}
                for key in person.places
                if key in self.book.lists
            ],
        }
        if values.get("dateOfBirth"):
            view["dateOfBirth"] = values["dateOfBirth"]
        return view

    def contact_list(self, call: Call) -> Json:
        wanted: dict[str, set[str]] = {
            name: set(call.query[name].split(","))
            for name in ("listIds", "contactIds", "channelIds", "channelTypes")
            if name in call.query
        }
        state = call.query.get("channelSubscriptionState")
        if state is not None and state not in STATES:
            raise invalid("channelSubscriptionState", "is not known")
        rows = [
            self.contact_view(person)
            for person in self.book.people.values()
            if _fits(person, wanted, state)
        ]
        return paged(rows, call)

    def contact_read(self, call: Call) -> Json:
        return self.contact_view(self.person(call))

    def contact_create(self, call: Call) -> Response:
        body = _object(call)
        if not body.get("channels"):
            raise invalid("channels", "must not be empty", "must_not_be_empty")
        person = Person(id=identifier(self.book.next_id()), email="")
        person.extra = {"channels": [], "custom": {}}
        self._apply(call, person, body)
        made = self.book.add(
            person.email, person.id, values=person.values, extra=person.extra
        )
        for key in person.places:
            self.put_on(made, key)
        return json_response(self.contact_view(made), 201)

    def contact_update(self, call: Call) -> Json:
        person = self.person(call)
        self._apply(call, person, _object(call))
        self.book.touch(person)
        self.happened("update", person)
        return self.contact_view(person)

    def contact_delete(self, call: Call) -> Response:
        self.book.remove(self.person(call))
        return Response(status=204)

    def _apply(self, call: Call, person: Person, body: Json) -> None:
        """Check everything, then change the person."""
        channels = [self._channel(row, person) for row in body.get("channels") or ()]
        custom = self._custom(body.get("customFields") or ())
        lists = [str(row.get("id")) for row in body.get("lists") or ()]
        for key in lists:
            if key not in self.book.lists:
                raise invalid("lists", f"{key} does not exist", "invalid_reference")
        born = body.get("dateOfBirth")
        if born and not _date(str(born)):
            raise invalid("dateOfBirth", "must be a date")
        alias = body.get("alias")
        others = [p for p in self.book.people.values() if p.id != person.id]
        if alias and alias in {p.values.get("alias") for p in others}:
            raise refused(409, "The alias is in use.")
        email = next(
            (v for k, v in custom.items() if self.book.attributes[k].type == "EMAIL"),
            "",
        )
        reason = self.refusal(email or person.email, call.faults)
        if reason:
            raise invalid("customFields", WORDS[reason], "constraint_violation")
        names = (*STANDARD, "dateOfBirth")
        person.values |= {name: body[name] for name in names if name in body}
        if "channels" in body:
            person.extra["channels"] = channels
        if "customFields" in body:
            person.extra["custom"] = custom
            self._rename(person, email)
        if "lists" in body:
            for key in [key for key in person.places if key not in lists]:
                del person.places[key]
            for key in lists:
                self.put_on(person, key)

    def _rename(self, person: Person, email: str) -> None:
        if person.id in self.book.people:
            self.book.rename(person, email)
        else:
            person.email = email

    def _channel(self, row: Mapping[str, Any], person: Person) -> Json:
        number, kind = str(row.get("channelId")), row.get("type")
        state = row.get("subscriptionState", "SUBSCRIBED")
        if kind not in ("SMS", "WHATSAPP"):
            raise invalid("channels.type", "must be SMS or WHATSAPP", "type_mismatch")
        if not E164.fullmatch(number):
            raise invalid("channels.channelId", "must be in E.164 format")
        if state not in STATES:
            raise invalid("channels.subscriptionState", "is not known")
        owner = self.owner(number)
        if owner is not None and owner.id != person.id:
            raise refused(409, f"A contact with {number} exists already.")
        return {"channelId": number, "type": kind, "subscriptionState": state}

    def _custom(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
        values = {}
        for row in rows:
            key, value = str(row.get("id")), row.get("value")
            if key not in self.book.attributes:
                raise invalid(
                    "customFields", f"{key} does not exist", "invalid_reference"
                )
            field = self.book.attributes[key]
            if not isinstance(value, str):
                raise invalid(field.name, "must be a text", "type_mismatch")
            if len(value) > max_length(field):
                raise invalid(field.name, "is too long", "invalid_length")
            if value and not VALID[field.type](value):
                raise invalid(field.name, f"is not a valid {field.type}")
            values[key] = value
        return values

    def owner(self, number: str) -> Person | None:
        """The contact with this number."""
        for person in self.book.people.values():
            if any(c["channelId"] == number for c in person.extra["channels"]):
                return person
        return None

    def person(self, call: Call) -> Person:
        person = self.book.people.get(call.params["contact"])
        if person is None:
            raise refused(404, "There is no such contact.")
        return person

    def put_on(self, person: Person, list_id: str) -> None:
        """On the list; the control interface shows who cannot be written to."""
        out = any(
            channel["subscriptionState"] == "UNSUBSCRIBED"
            or channel["channelId"] in self.blacklist
            for channel in person.extra["channels"]
        )
        self.book.place(person, list_id, "unsubscribed" if out else "subscribed")

    @property
    def blacklist(self) -> list[str]:
        numbers: list[str] = self.book.notes.setdefault("blacklist", [])
        return numbers

    # Lists

    def list_view(self, item: List) -> Json:
        stamp = item.extra["created_at"]
        return {
            "id": item.id,
            **ACCOUNT,
            "name": item.name,
            "alias": item.extra.get("alias", ""),
            "createdDate": stamp,
            "lastModifiedDate": stamp,
        }

    def lists(self, call: Call) -> Json:
        rows = [self.list_view(item) for item in self.book.lists.values()]
        return paged(_matching(rows, call, "listIds", "name", "alias"), call)

    def list_create(self, call: Call) -> Response:
        name = str(_object(call).get("name") or "")
        if not name:
            raise invalid("name", "must not be empty", "must_not_be_empty")
        if self.book.list_named(name):
            raise refused(409, "A list of this name exists.")
        item = self.book.add_list(name, identifier(self.book.next_id()))
        return json_response(self.list_view(item), 201)

    def list_read(self, call: Call) -> Json:
        return self.list_view(self.wanted_list(call))

    def list_delete(self, call: Call) -> Response:
        self.book.remove_list(self.wanted_list(call))
        return Response(status=204)

    def wanted_list(self, call: Call) -> List:
        item = self.book.lists.get(call.params["list"])
        if item is None:
            raise refused(404, "There is no such list.")
        return item

    def list_members(self, call: Call) -> Json:
        item, body = self.wanted_list(call), _object(call)
        for name in ("contactsToAddIds", "contactsToRemoveIds"):
            ids = body.get(name) or []
            if len(ids) > MOST:
                raise invalid(name, "has more than 1000 ids", "invalid_length")
            unknown = [key for key in ids if key not in self.book.people]
            if unknown:
                raise invalid(name, f"{unknown} do not exist", "invalid_reference")
        for key in body.get("contactsToAddIds") or ():
            self.put_on(self.book.people[key], item.id)
        for key in body.get("contactsToRemoveIds") or ():
            self.take_off(self.book.people[key], item.id)
        return self.list_view(item)

    def member_add(self, call: Call) -> Json:
        item = self.wanted_list(call)
        self.put_on(self.person(call), item.id)
        return self.list_view(item)

    def member_remove(self, call: Call) -> Response:
        self.take_off(self.person(call), self.wanted_list(call).id)
        return Response(status=204)

    def take_off(self, person: Person, list_id: str) -> None:
        person.places.pop(list_id, None)
        self.book.touch(person)

    # Custom fields

    def field_view(self, field: Attribute) -> Json:
        stamp = field.extra["created_at"]
        return {
            "id": field.id,
            **ACCOUNT,
            "label": field.name,
            "mergeTag": merge_tag(field),
            "maxLength": max_length(field),
            "type": field.type,
            "createdDate": stamp,
            "lastModifiedDate": stamp,
        }

    def custom_fields(self, call: Call) -> Json:
        rows = [self.field_view(field) for field in self.book.attributes.values()]
        found = _matching(rows, call, "customFieldIds", "label", "mergeTag")
        return paged(found, call)

    def field_create(self, call: Call) -> Response:
        body = _object(call)
        for name in ("label", "mergeTag", "maxLength", "type"):
            if not body.get(name):
                raise invalid(name, "must not be empty", "must_not_be_empty")
        if body["type"] not in VALID:
            raise invalid("type", "is not known", "type_mismatch")
        field = Attribute(
            identifier(self.book.next_id()),
            str(body["label"]),
            str(body["type"]),
            extra={"merge_tag": body["mergeTag"], "max_length": body["maxLength"]},
        )
        self.book.set_attribute(field)
        return json_response(self.field_view(field), 201)


def paged(rows: Sequence[Json], call: Call) -> Json:
    """One page of a collection."""
    size = call.query.get("pageSize", "25")
    if not size.isdecimal() or not 1 <= int(size) <= MOST:
        raise invalid("pageSize", "must be between 1 and 1000")
    try:
        start = int(base64.b64decode(call.query.get("nextPageToken", "MA==")))
    except ValueError:
        raise invalid("nextPageToken", "is not valid") from None
    end = start + int(size)
    answer: Json = {"content": list(rows[start:end]), "totalElements": len(rows)}
    if end < len(rows):
        answer["nextPageToken"] = base64.b64encode(str(end).encode()).decode()
    return answer


def _matching(rows: Sequence[Json], call: Call, ids: str, *names: str) -> list[Json]:
    keys = set(call.query[ids].split(",")) if ids in call.query else None
    return [
        row
        for row in rows
        if (keys is None or row["id"] in keys)
        and all(row[name] == call.query.get(name, row[name]) for name in names)
    ]


def _fits(person: Person, wanted: Mapping[str, set[str]], state: str | None) -> bool:
    have = {
        "listIds": set(person.places),
        "contactIds": {person.id},
        "channelIds": {c["channelId"] for c in person.extra["channels"]},
        "channelTypes": {c["type"] for c in person.extra["channels"]},
    }
    if any(not values & have[name] for name, values in wanted.items()):
        return False
    states = {c["subscriptionState"] for c in person.extra["channels"]}
    return state is None or state in states


def merge_tag(field: Attribute) -> str:
    return str(field.extra.get("merge_tag", field.id))


def max_length(field: Attribute) -> int:
    return int(field.extra.get("max_length", 255))


def _object(call: Call) -> Json:
    body = call.json()
    if not isinstance(body, dict):
        raise invalid("body", "is not readable", "missing_parameter")
    return body


def _date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


VALID: dict[str, Callable[[str], object]] = {
    "DATE": _date,
    "NUMBER": re.compile(r"-?\d+(\.\d+)?").fullmatch,
    "PHONE": re.compile(r"[+0-9 ()-]{4,}").fullmatch,
    "TEXT": bool,
    "URL": re.compile(r"https?://\S+").fullmatch,
    "ZIP_CODE": re.compile(r"[A-Za-z0-9 -]{3,10}").fullmatch,
    "NAME": bool,
    "EMAIL": re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+").fullmatch,
}
