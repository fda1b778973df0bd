"""Constant Contact's contacts: what signing up and changing does to permission.

https://developer.constantcontact.com/api_guide/contacts_create_or_update.html and
contacts_re-subscribe.html (read 2026-11-22).
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from integrations.sandbox.book import Person, now
from integrations.sandbox.booked import Call
from integrations.sandbox.constantcontact.render import (
    CORE,
    contact_row,
    memberships,
    opened,
    page_of,
    refuse,
    uid,
)
from integrations.sandbox.messages import Json, Response, json_response

if TYPE_CHECKING:
    from integrations.sandbox.constantcontact.simulator import ConstantContact

EMAIL = re.compile(r"[^\s@\"']+@[^\s@]+\.[^\s@]+")
SIGN_UP = frozenset(
    {
        *("email_address", "list_memberships", "phone_number", "custom_fields"),
        *("street_address", "sms_channel", *CORE),
    }
)
PUT = frozenset(
    {
        *("email_address", "list_memberships", "phone_numbers", "custom_fields"),
        *("street_addresses", "taggings", "notes", "update_source", *CORE),
    }
)
TEXT_LIMIT = 255
LISTS_LIMIT = 50


def body_of(call: Call, known: frozenset[str]) -> Json:
    """The JSON object in a body with known properties only. Raises Refused."""
    body = call.json()
    if not isinstance(body, dict):
        raise refuse(400, "The JSON was malformed.")
    unknown = sorted(set(body) - known)
    if unknown:
        raise refuse(400, f"{unknown[0]}: this property is not known.")
    return body


def lists_in(sim: ConstantContact, given: Any) -> list[str]:
    """The ids of lists that exist. Raises Refused."""
    if not isinstance(given, list) or not 1 <= len(given) <= LISTS_LIMIT:
        raise refuse(400, f"list_memberships: 1 to {LISTS_LIMIT} lists are needed.")
    for list_id in given:
        if list_id not in sim.book.lists:
            raise refuse(400, f"list_memberships: list {list_id} does not exist.")
    return given


def _good_email(sim: ConstantContact, call: Call, given: Any) -> str:
    if not isinstance(given, str) or not EMAIL.fullmatch(given.strip()):
        raise refuse(400, "email_address: the address is not valid.")
    # A deleted contact may come back.
    if sim.refusal(given, call.faults) not in ("", "forgotten"):
        raise refuse(400, "email_address: the address cannot be used.")
    return given.strip()


def set_values(sim: ConstantContact, person: Person, body: Json) -> None:
    """Take the properties that are given. Raises Refused."""
    for name in CORE:
        if name in body:
            value = body[name]
            if isinstance(value, str) and len(value) > TEXT_LIMIT:
                raise refuse(400, f"{name} is too long.")
            person.values[name] = value
    if ("birthday_month" in body) != ("birthday_day" in body):
        raise refuse(400, "birthday_month and birthday_day go together.")
    for name in ("phone_number", "street_address"):
        if name in body:
            person.values[name] = body[name]
    for row in body.get("custom_fields") or ():
        field = sim.book.attributes.get(str(row.get("custom_field_id")))
        if field is None:
            raise refuse(400, "custom_field_id: there is no such custom field.")
        value = str(row.get("value"))
        if field.options and value not in field.options:
            raise refuse(400, f"custom_fields: {value} is not a choice.")
        person.values.setdefault("custom_fields", {})[field.id] = value


def permit(person: Person, permission: str) -> None:
    """Another permission to send; an opt-out is dated, a permission ends it."""
    person.extra["permission"] = permission
    if permission in ("explicit", "implicit"):
        person.extra |= {"opt_in_date": now(), "opt_out_date": None}


def opt_out(person: Person, source: str, reason: str = "") -> None:
    person.extra |= {
        "permission": "unsubscribed",
        "opt_out_date": now(),
        "opt_out_source": source,
        "opt_out_reason": reason,
        "confirm_status": "off",
    }
    for place in person.places.values():
        place.status, place.left_by = "unsubscribed", "person"


def sign_up(sim: ConstantContact, call: Call) -> Response:
    """Creates or updates. An existing contact's permission becomes explicit, whatever
    it was."""
    body = body_of(call, SIGN_UP)
    lists = lists_in(sim, body.get("list_memberships"))
    email = _good_email(sim, call, body.get("email_address"))
    person = sim.book.find(email)
    new = person is None
    if person is None:
        person = sim.book.add(email, uid(f"{email}{sim.book.next_id()}"))
        asks = sim.confirmed_opt_in
        permit(person, "pending_confirmation" if asks else "explicit")
        person.extra |= {
            "opt_in_source": "Contact",
            "confirm_status": "pending" if asks else "off",
        }
    else:
        permit(person, "explicit")
        person.deleted_at = ""
    try:
        set_values(sim, person, body)
    except Exception:
        if new:
            sim.book.remove(person)
        raise
    pending = person.extra["permission"] == "pending_confirmation"
    for list_id in lists:
        sim.book.place(person, list_id, "pending" if pending else "subscribed")
    action = "created" if new else "updated"
    return json_response(
        {"contact_id": person.id, "action": action}, 201 if new else 200
    )


def all_of_them(sim: ConstantContact, call: Call) -> Json:
    opened(call.request)
    query = call.query
    people = [p for p in sim.book.people.values() if _wanted(p, query)]
    include = [name for name in query.get("include", "").split(",") if name]
    rows = [contact_row(person, include) for person in people]
    document = page_of("contacts", rows, call.request, 500)
    if query.get("include_count") == "true":
        document["contacts_count"] = len(rows)
    return document


def _wanted(person: Person, query: dict[str, str]) -> bool:
    permission = person.extra.get("permission", "not_set")
    states = {"deleted"} if person.deleted_at else {permission, "all"}
    if permission in ("explicit", "implicit") and not person.deleted_at:
        states.add("active")
    asked = query.get("status", "")
    if asked == "all":
        states.add("all")
    if not states & set((asked or "all").split(",")):
        return False
    if "email" in query and query["email"].lower() != person.email.lower():
        return False
    if "lists" in query and not set(query["lists"].split(",")) & set(
        memberships(person)
    ):
        return False
    out = str(person.extra.get("opt_out_date") or "")
    return _after(person.changed_at, query.get("updated_after")) and _after(
        out, query.get("optout_after")
    )


def _after(moment: str, bound: str | None) -> bool:
    if bound is None:
        return True
    try:
        limit = datetime.fromisoformat(bound)
        return bool(moment) and datetime.fromisoformat(moment) > limit
    except (TypeError, ValueError):
        raise refuse(400, f"{bound} is not an ISO 8601 date.") from None


def _person(sim: ConstantContact, call: Call) -> Person:
    person = sim.book.people.get(call.params["id"])
    if person is None:
        raise refuse(404)
    return person


def one(sim: ConstantContact, call: Call) -> Json:
    include = [name for name in call.query.get("include", "").split(",") if name]
    return contact_row(_person(sim, call), include)


def create(sim: ConstantContact, call: Call) -> Response:
    body = body_of(call, (PUT - {"update_source"}) | {"create_source"})
    given = body.get("email_address") or {}
    email = _good_email(sim, call, given.get("address"))
    if sim.book.find(email):
        raise refuse(409, f"Validation failed: Email already exists: {email}.")
    person = sim.book.add(email, uid(f"{email}{sim.book.next_id()}"))
    permit(person, str(given.get("permission_to_send") or "implicit"))
    set_values(sim, person, body)
    for list_id in body.get("list_memberships") or ():
        sim.book.place(person, lists_in(sim, [list_id])[0], "subscribed")
    return json_response(contact_row(person), 201)


def change(sim: ConstantContact, call: Call) -> Json:
    """Empties the core properties that are left out, revives who was deleted."""
    person = _person(sim, call)
    body = body_of(call, PUT)
    if body.get("update_source") not in ("Contact", "Account"):
        raise refuse(400, "update_source must be Contact or Account.")
    given = body.get("email_address") or {}
    if not given.get("address"):
        raise refuse(400, "email_address: an address is needed.")
    for name in CORE:
        person.values.pop(name, None)
    set_values(sim, person, body)
    person.deleted_at = ""
    person.extra["update_source"] = body["update_source"]
    permission = given.get("permission_to_send")
    if permission == "unsubscribed":
        reason = str(given.get("opt_out_reason") or "")
        opt_out(person, body["update_source"], reason)
    elif permission:
        permit(person, permission)
    if "list_memberships" in body:
        for list_id in list(person.places):
            if list_id not in body["list_memberships"]:
                del person.places[list_id]
        for list_id in body["list_memberships"]:
            sim.book.place(person, lists_in(sim, [list_id])[0], "subscribed")
    sim.book.touch(person)
    return contact_row(person)


def delete(sim: ConstantContact, call: Call) -> Response:
    """Strips the lists and hides the contact; the rest is kept."""
    bury(sim, _person(sim, call))
    return Response(status=204)


def bury(sim: ConstantContact, person: Person) -> None:
    person.deleted_at = now()
    person.places.clear()
    sim.book.touch(person)


def resubscribe(sim: ConstantContact, call: Call) -> Response:
    """Asks an unsubscribed contact to come back: once."""
    person = _person(sim, call)
    lists = lists_in(sim, body_of(call, frozenset({"list_ids"})).get("list_ids"))
    if person.extra.get("permission") != "unsubscribed":
        raise refuse(400, "The contact is not unsubscribed.")
    if person.extra.get("resubscribe_sent"):
        raise refuse(409, "A resubscribe email was sent to this contact before.")
    person.extra |= {"resubscribe_sent": now(), "confirm_status": "pending"}
    for list_id in lists:
        sim.book.place(person, list_id, "pending")
    return json_response({}, 200)
