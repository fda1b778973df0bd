"""Persons: create, read, find, list, change, delete."""

from __future__ import annotations

import base64
import json
from datetime import datetime
from typing import Any

from integrations.sandbox.book import List, Person
from integrations.sandbox.booked import BookedSimulator, Call
from integrations.sandbox.messages import Json, Response, json_response
from integrations.sandbox.pipedrive import words
from integrations.sandbox.pipedrive.values import (
    EVERYBODY,
    STATUSES,
    TAKEN,
    check_custom,
    check_entries,
    field_of,
    labels_of,
    options_of,
)

MOST = 500  # rows on a page
PLAIN = ("name", "emails", "phones")
LEFT = ("unsubscribed", "complained", "cleaned")
SORTS = {"id": "id", "update_time": "changed_at", "add_time": "created_at"}


class Persons(BookedSimulator):
    """The part of the simulator that keeps people."""

    def fields(self, call: Call) -> Json:
        rows = []
        for attribute in self.book.attributes.values():
            options = options_of(attribute)
            if attribute.id == "label_ids":
                options = [
                    {"id": int(item.id), "label": item.name}
                    for item in labels_of(self.book)
                ]
            rows.append(field_of(attribute, options))
        return self._page(call, rows)

    def search(self, call: Call) -> Json:
        term = call.query.get("term", "").strip().lower()
        exact = call.query.get("exact_match") == "true"
        if len(term) < (1 if exact else 2):
            raise words.invalid("term", "search term must be at least 2 characters")
        wanted = call.query.get("fields", "name,email,phone").split(",")
        found = [
            person
            for person in self.book.people.values()
            if any(
                text.lower() == term if exact else term in text.lower()
                for text in self._texts(person, wanted)
            )
        ]
        return self._page(call, [self._hit(person) for person in found], items=True)

    def _texts(self, person: Person, wanted: list[str]) -> list[str]:
        texts: list[str] = []
        for name in wanted:
            if name == "name":
                texts.append(str(person.values.get("name", "")))
            elif name in ("email", "phone"):
                rows = person.values.get(f"{name}s") or []
                texts += [row["value"] for row in rows]
        return texts

    def _hit(self, person: Person) -> Json:
        item = {
            "id": int(person.id),
            "type": "person",
            "name": person.values.get("name"),
            "phones": [row["value"] for row in person.values.get("phones") or ()],
            "emails": [row["value"] for row in person.values.get("emails") or ()],
            "visible_to": 3,
            "owner": {"id": 1},
            "custom_fields": [],
            "notes": [],
        }
        return {"result_score": 0.5, "item": item}

    def listing(self, call: Call) -> Json:
        query = call.query
        rows = list(self.book.people.values())
        if ids := query.get("ids"):
            rows = [person for person in rows if person.id in ids.split(",")]
        if since := query.get("updated_since"):
            at = _time(since)
            rows = [person for person in rows if _whole(person.changed_at) >= at]
        sort = SORTS.get(query.get("sort_by", "id"))
        if sort is None:
            raise words.invalid("sort_by", "Expected id, update_time or add_time")
        rows.sort(key=lambda person: (_key(person, sort), int(person.id)))
        if query.get("sort_direction") == "desc":
            rows.reverse()
        return self._page(call, [self.render(call, person) for person in rows])

    def _page(self, call: Call, rows: list[Json], *, items: bool = False) -> Json:
        try:
            limit = int(call.query.get("limit", "100"))
        except ValueError:
            limit = 0
        if not 1 <= limit <= MOST:
            raise words.invalid("limit", f"Expected a number from 1 to {MOST}")
        start = _offset(call.query.get("cursor", ""))
        shown = rows[start : start + limit]
        more = start + limit < len(rows)
        following = _cursor(start + limit) if more else None
        return {
            "success": True,
            "data": {"items": shown} if items else shown,
            "additional_data": {"next_cursor": following},
        }

    def read(self, call: Call) -> Json:
        return {"success": True, "data": self.render(call, self._person(call))}

    def create(self, call: Call) -> Json:
        body = self._body(call)
        name = body.get("name")
        if not isinstance(name, str) or not name.strip():
            raise words.invalid("name", "Required")
        emails = check_entries("emails", body.get("emails") or [])
        email = _primary(emails)
        self._refuse(email, call)
        values = self._values(body)
        # Two people may have the same address: nothing here looks for another.
        person = self.book.add("", values={"phones": [], "custom_fields": {}, **values})
        self._file(person, email)
        self._consent(person, body)
        self.happened("subscribe", person)
        return {"success": True, "data": self.render(None, person)}

    def update(self, call: Call) -> Json:
        person = self._person(call)
        body = self._body(call)
        self._refuse(person.email, call)
        before = {
            name: person.values.get(name) for name in ("name", "emails", "phones")
        }
        values = self._values(body)
        custom = {**person.values["custom_fields"], **values.pop("custom_fields", {})}
        person.values |= {**values, "custom_fields": custom}
        if "emails" in values:
            self._file(person, _primary(values["emails"]))
        self._consent(person, body)
        self.book.touch(person)
        now = {name: person.values.get(name) for name in before}
        person.extra["previous"] = {n: v for n, v in before.items() if v != now[n]}
        self.happened("update", person)
        return {"success": True, "data": self.render(None, person)}

    def remove(self, call: Call) -> Json:
        person = self._person(call)
        self.happened("delete", person)
        self.book.remove(person)
        return {"success": True, "data": {"id": int(person.id)}}

    def _person(self, call: Call) -> Person:
        person = self.book.people.get(call.params["id"])
        if person is None:
            raise words.refused(404, "Person not found")
        return person

    def _body(self, call: Call) -> Json:
        body = call.json()
        if not isinstance(body, dict):
            raise words.refused(400, "Validation failed: body: Expected object")
        if strange := sorted(set(body) - TAKEN):
            raise words.invalid("body", f"Unrecognized key(s): {', '.join(strange)}")
        return body

    def _refuse(self, email: str, call: Call) -> None:
        if email and (why := self.refusal(email, call.faults)):
            raise words.invalid("emails", f"refused by the sandbox ({why})")

    def _values(self, body: Json) -> Json:
        values: Json = {}
        if "name" in body:
            values["name"] = str(body["name"])
        for name in ("emails", "phones"):
            if name in body:
                values[name] = check_entries(name, body[name])
        if "custom_fields" in body:
            values["custom_fields"] = check_custom(self.book, body["custom_fields"])
        if "label_ids" in body:
            known = {int(item.id) for item in labels_of(self.book)}
            wanted = body["label_ids"]
            if not isinstance(wanted, list) or not set(wanted) <= known:
                raise words.invalid("label_ids", "no such label")
            values["label_ids"] = wanted
        return values

    def _file(self, person: Person, email: str) -> None:
        """On everybody's list, and on those of the labels."""
        if email != person.email and (email or person.email):
            other = self.book.find(email)
            if other is None or other is person:
                self.book.rename(person, email)
            else:  # the book knows an address once: the older person keeps it
                person.email = email
        if EVERYBODY not in person.places:
            self.book.place(person, EVERYBODY, "subscribed")

    def _consent(self, person: Person, body: Json) -> None:
        """A status can be given once from outside, also to somebody who left: that is
        the door that a careless caller would go through."""
        labels = person.values.pop("label_ids", None)
        if labels is not None:
            everybody = person.places[EVERYBODY].status
            for item in labels_of(self.book):
                if int(item.id) in labels and item.id not in person.places:
                    self.book.place(person, item.id, everybody)
                elif int(item.id) not in labels:
                    person.places.pop(item.id, None)
        wanted = body.get("marketing_status")
        if wanted is None:
            return
        if wanted not in STATUSES:
            raise words.invalid("marketing_status", f"Expected {'|'.join(STATUSES)}")
        if wanted != self.consent_of(person) and not person.extra.get("given"):
            person.extra |= {"given": True, "consent": wanted}
            status = wanted if wanted in ("unsubscribed", "archived") else "subscribed"
            for list_id in person.places:
                self.book.place(person, list_id, status, left_by="api")

    def consent_of(self, person: Person) -> str:
        status = person.places[EVERYBODY].status
        if status in LEFT:
            return "unsubscribed"
        if status == "archived":
            return "archived"
        return str(person.extra.get("consent", "no_consent"))

    def render(self, call: Call | None, person: Person) -> Json:
        """A person as an answer shows them; with no call, as after a write: with the
        marketing status, which reading has to ask for."""
        first, _, last = str(person.values.get("name") or "").partition(" ")
        document = {
            "id": int(person.id),
            "name": person.values.get("name"),
            "first_name": first,
            "last_name": last,
            "owner_id": 1,
            "add_time": _shown(person.created_at),
            "update_time": _shown(person.changed_at),
            "emails": person.values.get("emails") or [],
            "phones": person.values.get("phones") or [],
            "is_deleted": False,
            "visible_to": 3,
            "label_ids": [int(id) for id in person.places if id != EVERYBODY],
            "custom_fields": {
                attribute.id: person.values["custom_fields"].get(attribute.id)
                for attribute in self.book.attributes.values()
                if attribute.extra.get("custom", True)
            },
        }
        wanted = call.query.get("include_fields", "") if call else "marketing_status"
        if "marketing_status" in wanted.split(","):
            document["marketing_status"] = self.consent_of(person)
        return document

    def _view(self, item: List, person: Person) -> Json:
        """With fields as people read them: by their names, options in words."""
        phones = [row["value"] for row in person.values.get("phones") or ()]
        fields: Json = {"name": person.values.get("name")}
        if phones:
            fields["phone"] = ", ".join(phones)
        for code, value in person.values["custom_fields"].items():
            attribute = self.book.attributes.get(code)
            if attribute is None or value is None:
                continue
            words_of = {row["id"]: row["label"] for row in options_of(attribute)}
            if words_of:
                chosen = value if isinstance(value, list) else [value]
                value = ", ".join(words_of.get(item, str(item)) for item in chosen)
            fields[attribute.name] = value
        fields["marketing_status"] = self.consent_of(person)
        return {**super()._view(item, person), "fields": fields}

    def hooks(self, call: Call) -> Json:
        return {"success": True, "status": "ok", "data": self._hooks}

    @property
    def _hooks(self) -> list[Json]:
        found: list[Json] = self.book.notes.setdefault("hooks", [])
        return found

    def hook(self, call: Call) -> Response:
        body = call.json() or {}
        url = str(body.get("subscription_url", ""))
        if not url.startswith(("http://", "https://")):
            errors = {"subscription_url": ["invalid or non-reachable URL"]}
            refusal = {"success": False, "status": "error", "errors": errors}
            return json_response(refusal, 400)
        names = ("event_action", "event_object", "name", "http_auth_user")
        hook = {
            "id": self.book.next_id(),
            "subscription_url": url,
            "version": body.get("version", "2.0"),
            "is_active": 1,
            **{name: body.get(name) for name in (*names, "http_auth_password")},
        }
        self._hooks.append(hook)
        self.book.touch_notes()
        return json_response({"success": True, "status": "ok", "data": hook}, 201)

    def unhook(self, call: Call) -> Json:
        left = [hook for hook in self._hooks if str(hook["id"]) != call.params["id"]]
        if len(left) == len(self._hooks):
            raise words.refused(404, "Webhook not found")
        self.book.notes["hooks"] = left
        self.book.touch_notes()
        return {"success": True, "status": "ok"}


def _primary(rows: list[Json]) -> str:
    return next((str(row["value"]) for row in rows if row["primary"]), "")


def _key(person: Person, sort: str) -> Any:
    return int(person.id) if sort == "id" else _whole(getattr(person, sort))


def _whole(at: str) -> datetime:
    return datetime.fromisoformat(at).replace(microsecond=0)


def _shown(at: str) -> str:
    return _whole(at).isoformat().replace("+00:00", "Z")


def _time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = datetime.min
    if at.tzinfo is None:
        raise words.invalid("updated_since", "Expected RFC3339")
    return at


def _cursor(offset: int) -> str:
    return base64.urlsafe_b64encode(json.dumps({"offset": offset}).encode()).decode()


def _offset(cursor: str) -> int:
    if not cursor:
        return 0
    try:
        return int(json.loads(base64.urlsafe_b64decode(cursor))["offset"])
    except (ValueError, KeyError, TypeError):
        raise words.invalid("cursor", "Invalid cursor") from None
