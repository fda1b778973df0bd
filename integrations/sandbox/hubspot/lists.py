"""Lists, properties and e-mail subscriptions of the simulated HubSpot."""

from __future__ import annotations

from integrations.sandbox.book import Attribute, List, now
from integrations.sandbox.booked import Call, Refused
from integrations.sandbox.hubspot import words
from integrations.sandbox.hubspot.batches import Batches, finished
from integrations.sandbox.hubspot.contacts import (
    COMPUTED,
    EVERYBODY,
    GONE,
    number,
    paging,
)
from integrations.sandbox.hubspot.values import stamp
from integrations.sandbox.messages import Json, Response, json_response

FIELD_TYPES = {
    "string": "text",
    "number": "number",
    "date": "date",
    "datetime": "date",
    "bool": "booleancheckbox",
    "enumeration": "select",
}
STATES = {"subscribed": "SUBSCRIBED", "unsubscribed": "UNSUBSCRIBED"}


class Lists(Batches):
    """A place on a static list is a membership, one on a subscription type a status."""

    # Properties

    def property_list(self, call: Call) -> Json:
        rows = [_property(item) for item in self.book.attributes.values()]
        for name, kind in (("email", "string"), *COMPUTED):
            fixed = name != "email"
            rows.append(_property(Attribute(name, name, kind, read_only=fixed)))
        return {"results": rows}

    def property_create(self, call: Call) -> Response:
        body = call.json() or {}
        name = str(body.get("name", ""))
        if body.get("type") not in FIELD_TYPES or not name:
            raise words.refused(400, "Property type is not valid")
        if name in self.known_names():
            raise words.refused(409, f"Property {name} already exists", "CONFLICT")
        item = Attribute(
            name,
            str(body.get("label") or name),
            str(body["type"]),
            options=[str(row["value"]) for row in body.get("options") or []],
            extra={"field_type": body.get("fieldType")},
        )
        self.book.set_attribute(item)
        return json_response(_property(item), 201)

    # Lists

    def list_search(self, call: Call) -> Json:
        body = call.json() or {}
        count, offset = int(body.get("count") or 20), int(body.get("offset") or 0)
        text = str(body.get("query") or "").lower()
        kinds = body.get("processingTypes") or ["MANUAL", "SNAPSHOT", "DYNAMIC"]
        found = [
            self._list(item)
            for item in self.book.lists.values()
            if item.extra.get("kind") == "list" and text in item.name.lower()
        ]
        found = [row for row in found if row["processingType"] in kinds]
        page = found[offset : offset + count]
        return {
            "lists": page,
            "total": len(found),
            "offset": offset + len(page),
            "hasMore": offset + len(page) < len(found),
        }

    def list_create(self, call: Call) -> Json:
        body = call.json() or {}
        name = str(body.get("name") or "")
        if not name or self.book.list_named(name):
            raise words.refused(400, "A list with that name already exists.")
        kind = str(body.get("processingType") or "MANUAL")
        item = self.book.add_list(name, extra={"kind": "list", "processing": kind})
        return {"list": self._list(item)}

    def list_read(self, call: Call) -> Json:
        return {"list": self._list(self._static(call))}

    def list_delete(self, call: Call) -> Response:
        self.book.remove_list(self._static(call))
        return Response(status=204)

    def _static(self, call: Call) -> List:
        item = self.book.lists.get(call.params["list_id"])
        if item is None or item.extra.get("kind") != "list":
            text = f"List does not exist with ID {call.params['list_id']}."
            raise words.refused(404, text)
        return item

    def _list(self, item: List) -> Json:
        size = sum(1 for _ in self.book.on(item.id))
        return {
            "listId": item.id,
            "listVersion": 1,
            "name": item.name,
            "objectTypeId": "0-1",
            "processingStatus": "COMPLETE",
            "processingType": item.extra.get("processing", "MANUAL"),
            "createdAt": stamp(item.extra["created_at"]),
            "additionalProperties": {"hs_list_size": str(size)},
        }

    def members_change(self, call: Call) -> Json:
        item = self._static(call)
        if item.extra.get("processing") == "DYNAMIC":
            raise words.refused(400, "Memberships of a DYNAMIC list cannot be changed.")
        add = call.request.path.rstrip("/").endswith("/add")
        changed, missing = [], []
        for key in call.json() or []:
            person = self.book.people.get(str(key))
            if person is None:
                missing.append(str(key))
            elif add and item.id not in person.places:
                self.book.place(person, item.id, "subscribed")
                changed.append(person.id)
            elif not add and item.id in person.places:
                del person.places[item.id]
                self.book.touch(person)
                changed.append(person.id)
        return {
            "recordsIdsAdded": changed if add else [],
            "recordIdsRemoved": [] if add else changed,
            "recordIdsMissing": missing,
        }

    def members_list(self, call: Call) -> Json:
        item = self._static(call)
        limit = number(call.query.get("limit", "100"), 1, 250)
        after = int(call.query.get("after") or 0)
        rows = sorted(
            (int(person.id), place) for person, place in self.book.on(item.id)
        )
        rows = [row for row in rows if row[0] > after]
        answer: Json = {
            "total": len(rows),
            "results": [
                {
                    "recordId": str(key),
                    "membershipTimestamp": stamp(place.changed_at or now()),
                }
                for key, place in rows[:limit]
            ],
        }
        if len(rows) > limit:
            answer["paging"] = paging(str(rows[limit - 1][0]))
        return answer

    def members_read(self, call: Call) -> Response:
        results = []
        for row in self.inputs(call):
            person = self.book.people.get(str(row.get("recordId")))
            held = person.places if person else {}
            results.append(
                {
                    "objectTypeId": "0-1",
                    "recordId": str(row.get("recordId")),
                    "recordListMemberships": [
                        {"listId": item.id, "listVersion": 1}
                        for item in self.book.lists.values()
                        if item.id in held and item.extra.get("kind") == "list"
                    ],
                }
            )
        return finished(results)

    # Subscriptions

    def definitions(self, call: Call) -> Response:
        return finished(
            [
                {
                    "id": item.id,
                    "name": item.name,
                    "description": "",
                    "purpose": "Marketing",
                    "communicationMethod": "Email",
                    "isActive": True,
                    "isDefault": True,
                    "isInternal": False,
                    "createdAt": stamp(item.extra["created_at"]),
                    "updatedAt": stamp(item.extra["created_at"]),
                }
                for item in self._types()
            ]
        )

    def _types(self) -> list[List]:
        lists = self.book.lists.values()
        return [item for item in lists if item.extra.get("kind") == "subscription"]

    def _status(self, email: str, item: List, **more: str) -> Json:
        status, at = self._held(email, item.id)
        everybody, _ = self._held(email, EVERYBODY)
        if everybody in GONE:
            status = "unsubscribed"
        return {
            "channel": "EMAIL",
            "source": "API",
            "status": STATES.get(status, "NOT_SPECIFIED"),
            "subscriberIdString": email,
            "subscriptionId": int(item.id),
            "subscriptionName": item.name,
            "timestamp": stamp(at or now()),
            **more,
        }

    def _held(self, email: str, list_id: str) -> tuple[str, str]:
        """A status and its time; HubSpot keeps them by address."""
        person = self.person(email, "email")
        if person is None:
            left = self.book.notes.get("left", {}).get(email.lower(), {})
            return str(left.get(list_id, "")), ""
        place = person.places.get(list_id)
        return (place.status, place.changed_at) if place else ("", "")

    def statuses(self, call: Call) -> Response:
        self._channel(call.query.get("channel"))
        email = call.params["email"]
        return finished([self._status(email, item) for item in self._types()])

    def status_set(self, call: Call) -> Response:
        """Subscribes even who had opted out, as HubSpot does."""
        body = call.json() or {}
        self._channel(body.get("channel"))
        email = call.params["email"]
        item = self.book.lists.get(str(body.get("subscriptionId")))
        if item is None or item.extra.get("kind") != "subscription":
            text = f"Subscription {body.get('subscriptionId')} does not exist."
            raise words.refused(400, text)
        state = str(body.get("statusState"))
        if state not in (*STATES.values(), "NOT_SPECIFIED"):
            raise words.refused(400, f"Invalid statusState: {state}")
        before = self._status(email, item)["status"]
        self._hold(email, item.id, state)
        reason = "REQUESTED_CHANGE_OCCURRED"
        if before == state:
            reason = "NO_STATUS_CHANGE"
        elif before == "UNSUBSCRIBED" and state == "SUBSCRIBED":
            reason = "RESUBSCRIBE_OCCURRED"
            if self._held(email, EVERYBODY)[0] in GONE:
                self._hold(email, EVERYBODY, "SUBSCRIBED")
        return finished([self._status(email, item, setStatusSuccessReason=reason)])

    def _hold(self, email: str, list_id: str, state: str) -> None:
        status = next((k for k, v in STATES.items() if v == state), "")
        person = self.person(email, "email")
        if person is None:
            left = self.book.notes.setdefault("left", {}).setdefault(email.lower(), {})
            left[list_id] = status
            self.book.touch_notes()
        elif status:
            self.book.place(
                person, list_id, status, left_by="api" if status != "subscribed" else ""
            )
            self.happened("update", person, list_id)
        else:
            person.places.pop(list_id, None)
            self.book.touch(person)

    def unsubscribe_all(self, call: Call) -> Response:
        self._channel(call.query.get("channel"))
        self._hold(call.params["email"], EVERYBODY, "UNSUBSCRIBED")
        return finished([])

    def unsubscribed_all(self, call: Call) -> Response:
        self._channel(call.query.get("channel"))
        email = call.params["email"]
        status, at = self._held(email, EVERYBODY)
        if status not in GONE:
            return finished([])
        return finished(
            [
                {
                    "channel": "EMAIL",
                    "status": "UNSUBSCRIBED",
                    "subscriberIdString": email,
                    "timestamp": stamp(at or now()),
                    "wideStatusType": "PORTAL_WIDE",
                }
            ]
        )

    def _channel(self, channel: object) -> None:
        if channel != "EMAIL":
            raise Refused(words.answer(400, "channel must be EMAIL"))


def _property(item: Attribute) -> Json:
    return {
        "name": item.id,
        "label": item.name,
        "type": item.type,
        "fieldType": item.extra.get("field_type") or FIELD_TYPES.get(item.type, "text"),
        "groupName": "contactinformation",
        "description": "",
        "options": [
            {"label": value, "value": value, "hidden": False, "displayOrder": order}
            for order, value in enumerate(item.options)
        ],
        "hidden": False,
        "calculated": False,
        "hasUniqueValue": item.id == "email",
        "formField": True,
        "modificationMetadata": {
            "archivable": True,
            "readOnlyDefinition": False,
            "readOnlyValue": item.read_only,
        },
    }
