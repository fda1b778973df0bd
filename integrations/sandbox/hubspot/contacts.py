"""Contacts of the simulated HubSpot: reading, writing, searching, deleting."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import parse_qsl

from integrations.sandbox.book import Person, now
from integrations.sandbox.booked import BookedSimulator, Call
from integrations.sandbox.faults import Faults
from integrations.sandbox.hubspot import words
from integrations.sandbox.hubspot.values import comparable, fault_of, fits, stamp
from integrations.sandbox.messages import Json, Response, json_response

EVERYBODY = "contacts"
BATCH = 100
CEILING = 10_000
DEFAULTS = ("createdate", "email", "firstname", "hs_object_id", "lastmodifieddate")
ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
GONE = ("unsubscribed", "complained")
MISSING = (
    "Could not get some CONTACT objects, they may be deleted or not exist. "
    "Check that ids are valid."
)
COMPUTED = (
    ("createdate", "datetime"),
    ("lastmodifieddate", "datetime"),
    ("hs_object_id", "number"),
    ("hs_additional_emails", "enumeration"),
    ("hs_email_optout", "bool"),
    ("hs_email_hard_bounce_reason_enum", "enumeration"),
)


class Contacts(BookedSimulator):
    """The CRM half. A place on `contacts` is how somebody stands with e-mail."""

    # Records

    def properties_of(self, person: Person) -> dict[str, str]:
        """Everything HubSpot knows, computed properties too."""
        place = person.places.get(EVERYBODY)
        status = place.status if place else ""
        known = {
            **{name: str(value) for name, value in person.values.items()},
            "email": person.email,
            "createdate": stamp(person.created_at),
            "lastmodifieddate": stamp(person.changed_at),
            "hs_object_id": person.id,
        }
        if status in GONE:
            known["hs_email_optout"] = "true"
        if status == "cleaned":
            known["hs_email_hard_bounce_reason_enum"] = "UNKNOWN_USER"
        for item in self.book.lists.values():
            other = person.places.get(item.id)
            left = other is not None and other.status in GONE
            if left and item.extra.get("kind") == "subscription":
                known[f"hs_email_optout_{item.id}"] = "true"
        return known

    def record(self, person: Person, wanted: Sequence[str] = (), **more: Any) -> Json:
        known = self.properties_of(person)
        names = dict.fromkeys([*DEFAULTS, "lastname", *wanted])
        return {
            "id": person.id,
            "properties": {name: known.get(name) for name in names},
            "createdAt": stamp(person.created_at),
            "updatedAt": stamp(person.changed_at),
            "archived": bool(person.deleted_at),
            **({"archivedAt": stamp(person.deleted_at)} if person.deleted_at else {}),
            **more,
        }

    def person(
        self, key: str, by: str = "", *, archived: bool = False
    ) -> Person | None:
        """By record id, or by address."""
        if archived:
            rows = (Person(**row) for row in self.archive().values())
            return next(
                (row for row in rows if key in (row.id, row.email if by else "")), None
            )
        if by != "email":
            return self.book.people.get(key)
        return self.book.find(key)

    def archive(self) -> Json:
        found: Json = self.book.notes.setdefault("archived", {})
        return found

    def known_names(self) -> set[str]:
        return {"email", *self.book.attributes, *(name for name, _ in COMPUTED)}

    # Writing

    def check(
        self, email: str, values: Json, *, new: bool, faults: Faults
    ) -> list[Json]:
        """What is wrong with a write, in HubSpot's words."""
        found = []
        refusal = self.refusal(email, faults)
        if not ADDRESS.fullmatch(email) or refusal == "fake":
            text = f"Email address {email} is invalid"
            found.append(words.problem("email", "INVALID_EMAIL", text))
        elif refusal:
            text = f"{email} cannot be used in this account ({refusal})"
            found.append(words.problem("email", "BLOCKED", text))
        for name, value in values.items():
            if problem := self._check_value(name, str(value)):
                found.append(problem)
        if new:
            # HubSpot enforces these on its 2026-09 paths; here it can be seen on v3.
            found += [
                words.problem(
                    item.id, "MISSING_REQUIRED_PROPERTY", f"{item.id} is required"
                )
                for item in self.book.attributes.values()
                if item.required and not str(values.get(item.id) or "").strip()
            ]
        return found

    def _check_value(self, name: str, value: str) -> Json | None:
        if name == "email":
            return None
        item = self.book.attributes.get(name)
        if item is None and name not in self.known_names():
            text = f'Property "{name}" does not exist'
            return words.problem(name, "PROPERTY_DOESNT_EXIST", text)
        if item is None or item.read_only:
            text = f'"{name}" is a read only property; its value cannot be set.'
            return words.problem(name, "READ_ONLY_VALUE", text)
        code = fault_of(item, value) if value else ""
        return words.problem(name, code, f"{value} was not valid.") if code else None

    def write(self, person: Person, values: Json) -> None:
        email = str(values.pop("email", person.email)).strip()
        if email.lower() != person.email.lower():
            person.extra.setdefault("history", []).insert(
                0, {"value": person.email, "timestamp": now(), "sourceType": "API"}
            )
            self.book.rename(person, email)
        changed = {k: str(v) for k, v in values.items()}
        if any(person.values.get(k) != v for k, v in changed.items()):
            person.values |= changed
            person.values = {k: v for k, v in person.values.items() if v != ""}
        self.book.touch(person)
        self.happened("update", person)

    def create(self, email: str, values: Json) -> Person:
        person = self.book.add(
            email, values={k: str(v) for k, v in values.items() if v}
        )
        # Opt-outs are kept by address, longer than the record.
        left = self.book.notes.setdefault("left", {}).pop(email.lower(), {})
        self.book.place(person, EVERYBODY, left.pop(EVERYBODY, "subscribed"))
        for list_id, status in left.items():
            if list_id in self.book.lists:
                self.book.place(person, list_id, status)
        self.book.touch_notes()
        self.happened("subscribe", person)
        return person

    def put_away(self, person: Person, *, forget: bool = False) -> None:
        """Archive, or erase for good."""
        left = {
            list_id: place.status
            for list_id, place in person.places.items()
            if place.status not in ("subscribed", "pending")
        }
        if left and not forget:
            self.book.notes.setdefault("left", {})[person.email.lower()] = left
        self.happened("delete", person)
        self.book.remove(person, forget=forget)
        if not forget:
            person.deleted_at = now()
            self.archive()[person.id] = {
                "id": person.id,
                "email": person.email,
                "values": person.values,
                "created_at": person.created_at,
                "changed_at": person.changed_at,
                "deleted_at": person.deleted_at,
            }
        self.book.touch_notes()

    # Single objects

    def contact_list(self, call: Call) -> Json:
        limit = number(call.query.get("limit", "10"), 1, BATCH)
        after = int(call.query.get("after") or 0)
        rows: Iterable[Person] = self.book.people.values()
        if call.query.get("archived", "").lower() == "true":
            rows = (Person(**row) for row in self.archive().values())
        found = sorted((p for p in rows if int(p.id) > after), key=lambda p: int(p.id))
        page = found[:limit]
        more = len(found) > limit
        answer: Json = {"results": [self.record(p, _names(call)) for p in page]}
        if more:
            answer["paging"] = paging(page[-1].id)
        return answer

    def contact_create(self, call: Call) -> Response:
        values = dict((call.json() or {}).get("properties") or {})
        email = str(values.pop("email", "")).strip()
        existing = self.person(email, "email") if email else None
        if existing is not None:
            text = f"Contact already exists. Existing ID: {existing.id}"
            raise words.refused(409, text, "CONFLICT")
        if problems := self.check(email, values, new=True, faults=call.faults):
            raise words.refused(400, words.invalid(problems), errors=details(problems))
        return json_response(self.record(self.create(email, values), list(values)), 201)

    def contact_read(self, call: Call) -> Json:
        return self.record(self._one(call), _names(call))

    def contact_update(self, call: Call) -> Json:
        person = self._one(call)
        values = dict((call.json() or {}).get("properties") or {})
        email = str(values.get("email") or person.email)
        if problems := self.check(email, values, new=False, faults=call.faults):
            raise words.refused(400, words.invalid(problems), errors=details(problems))
        other = self.person(email, "email")
        if other is not None and other.id != person.id:
            raise words.refused(
                400, f"{email} belongs to contact {other.id}", "CONFLICT"
            )
        self.write(person, values)
        return self.record(person, list(values))

    def contact_archive(self, call: Call) -> Response:
        person = self.person(call.params["id"])
        if person is not None:
            self.put_away(person)
        return Response(status=204)

    def gdpr_delete(self, call: Call) -> Response:
        body = call.json() or {}
        key = str(body.get("objectId", ""))
        person = self.person(key, str(body.get("idProperty") or ""))
        if person is not None:
            self.put_away(person, forget=True)
        elif body.get("idProperty") == "email":
            self.book.forgotten.add(key.strip().lower())
            self.book.touch_notes()
        return Response(status=204)

    def _one(self, call: Call) -> Person:
        person = self.person(call.params["id"], call.query.get("idProperty", ""))
        if person is None:
            raise words.refused(404)
        return person

    # Searching

    def search(self, call: Call) -> Json:
        body = call.json() or {}
        limit = body.get("limit", 10)
        after = str(body.get("after") or "0")
        if not isinstance(limit, int) or not 0 < limit <= 200:
            raise words.refused(400, "limit must be between 1 and 200")
        if not after.isdigit() or int(after) + limit > CEILING:
            raise words.refused(400, "the query would go beyond 10,000 results")
        groups = body.get("filterGroups") or []
        rows = [
            person
            for person in self.book.people.values()
            if not groups or any(self._fits(person, group) for group in groups)
        ]
        for sort in reversed(body.get("sorts") or []):
            name = sort["propertyName"] if isinstance(sort, dict) else str(sort)
            down = name.startswith("-") or (
                isinstance(sort, dict) and sort.get("direction") == "DESCENDING"
            )
            name = name.lstrip("-")
            rows.sort(
                key=lambda p: comparable(self.properties_of(p).get(name)), reverse=down
            )
        start = int(after)
        page = rows[start : start + limit]
        wanted = list(body.get("properties") or ())
        answer: Json = {
            "total": len(rows),
            "results": [self.record(person, wanted) for person in page],
        }
        if start + limit < len(rows):
            answer["paging"] = paging(str(start + limit))
        return answer

    def _fits(self, person: Person, group: Json) -> bool:
        known = self.properties_of(person)
        return all(
            fits(known.get(str(item.get("propertyName"))), item)
            for item in group.get("filters") or []
        )


def details(problems: Sequence[Json]) -> list[Json]:
    return [
        {
            "message": problem["message"],
            "code": problem["error"],
            "context": {"propertyName": [problem["name"]]},
        }
        for problem in problems
    ]


def paging(after: str) -> Json:
    return {"next": {"after": after, "link": f"?after={after}"}}


def number(text: str, low: int, high: int) -> int:
    if not text.isdigit() or not low <= int(text) <= high:
        raise words.refused(400, f"limit must be between {low} and {high}")
    return int(text)


def _names(call: Call) -> list[str]:
    given = [v for k, v in parse_qsl(call.request.query_string) if k == "properties"]
    return [name for value in given for name in value.split(",") if name]
