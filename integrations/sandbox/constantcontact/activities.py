"""Constant Contact's activities: jobs that are done at the second poll."""

from __future__ import annotations

from typing import TYPE_CHECKING

from integrations.sandbox.book import Person, now
from integrations.sandbox.booked import Call
from integrations.sandbox.constantcontact.contacts import (
    EMAIL,
    body_of,
    lists_in,
    permit,
)
from integrations.sandbox.constantcontact.render import (
    CORE,
    opened,
    page_of,
    refuse,
    uid,
)
from integrations.sandbox.messages import Json, Response, json_response

if TYPE_CHECKING:
    from integrations.sandbox.constantcontact.simulator import ConstantContact

CONTACTS_LIMIT = 500


def _queued(sim: ConstantContact, **status: int) -> Response:
    activity = {
        "activity_id": uid(f"activity {sim.book.next_id()}"),
        "state": "initialized",
        "created_at": now(),
        "percent_done": 0,
        "activity_errors": [],
        "status": status,
        "polls": 0,
    }
    sim.book.notes.setdefault("activities", {})[activity["activity_id"]] = activity
    sim.book.touch_notes()
    return json_response(_shown(activity), 201)


def _shown(activity: Json) -> Json:
    shown = {name: value for name, value in activity.items() if name != "polls"}
    href = f"/v3/activities/{activity['activity_id']}"
    return {**shown, "_links": {"self": {"href": href}}}


def one(sim: ConstantContact, call: Call) -> Json:
    activity = sim.book.notes.get("activities", {}).get(call.params["id"])
    if activity is None:
        raise refuse(404)
    activity["polls"] += 1
    done = activity["polls"] >= 2
    activity["state"] = "completed" if done else "processing"
    activity["percent_done"] = 100 if done else 50
    sim.book.touch_notes()
    return _shown(activity)


def _people(sim: ConstantContact, body: Json) -> list[Person]:
    ids = (body.get("source") or {}).get("contact_ids")
    if not isinstance(ids, list) or not 1 <= len(ids) <= CONTACTS_LIMIT:
        raise refuse(400, f"source: 1 to {CONTACTS_LIMIT} contact_ids are needed.")
    return [sim.book.people[key] for key in ids if key in sim.book.people]


def add_to_lists(sim: ConstantContact, call: Call) -> Response:
    """Leaves permission as it is; who unsubscribed is not added."""
    body = body_of(call, frozenset({"source", "exclude", "list_ids"}))
    lists = lists_in(sim, body.get("list_ids"))
    people = _people(sim, body)
    for person in people:
        permission = person.extra.get("permission")
        if permission == "unsubscribed" or person.deleted_at:
            continue
        status = "pending" if permission == "pending_confirmation" else "subscribed"
        for list_id in lists:
            sim.book.place(person, list_id, status)
    return _queued(sim, items_total_count=len(people), list_count=len(lists))


def remove_from_lists(sim: ConstantContact, call: Call) -> Response:
    body = body_of(call, frozenset({"source", "exclude", "list_ids"}))
    lists = lists_in(sim, body.get("list_ids"))
    people = _people(sim, body)
    for person in people:
        for list_id in lists:
            person.places.pop(list_id, None)
        sim.book.touch(person)
    return _queued(sim, items_total_count=len(people), list_count=len(lists))


def add_tags(sim: ConstantContact, call: Call) -> Response:
    body = body_of(call, frozenset({"source", "exclude", "tag_ids"}))
    known = sim.book.notes.get("tags", {})
    wanted = body.get("tag_ids") or []
    if not wanted or not set(wanted) <= set(known):
        raise refuse(400, "tag_ids: there is no such tag.")
    people = _people(sim, body)
    for person in people:
        held = person.extra.setdefault("taggings", [])
        held += [tag for tag in wanted if tag not in held]
        person.tags = [known[tag]["name"] for tag in held]
        sim.book.touch(person)
    return _queued(sim, items_total_count=len(people))


def bring_in(sim: ConstantContact, call: Call) -> Response:
    """New contacts become implicit; those who unsubscribed join no list. Which rows
    failed is never told, only how many."""
    body = body_of(call, frozenset({"import_data", "list_ids"}))
    lists = lists_in(sim, body.get("list_ids"))
    counts = {"error_count": 0, "correctable_count": 0, "cannot_add_to_list_count": 0}
    rows = body.get("import_data") or []
    for row in rows:
        email = str(row.get("email") or "")
        if not EMAIL.fullmatch(email):
            counts["correctable_count"] += 1
            continue
        person = sim.book.find(email)
        if person is None:
            person = sim.book.add(email, uid(f"{email}{sim.book.next_id()}"))
            permit(person, "implicit")
            person.extra["opt_in_source"] = "Account"
        person.values |= {name: row[name] for name in CORE if name in row}
        if person.extra.get("permission") == "unsubscribed":
            counts["cannot_add_to_list_count"] += 1
            continue
        person.deleted_at = ""
        for list_id in lists:
            sim.book.place(person, list_id, "subscribed")
    return _queued(sim, person_count=len(rows), **counts)


def all_tags(sim: ConstantContact, call: Call) -> Json:
    opened(call.request)
    tags = list(sim.book.notes.get("tags", {}).values())
    return page_of("tags", tags, call.request, 500)


def new_tag(sim: ConstantContact, call: Call) -> Response:
    name = body_of(call, frozenset({"name", "tag_source"})).get("name")
    if not isinstance(name, str) or not name.strip():
        raise refuse(400, "name: a name is needed.")
    tags = sim.book.notes.setdefault("tags", {})
    if any(tag["name"].lower() == name.lower() for tag in tags.values()):
        raise refuse(409, "A tag of this name exists.")
    tag_id = uid(f"tag {sim.book.next_id()}")
    tags[tag_id] = {
        "tag_id": tag_id,
        "name": name,
        "created_at": now(),
        "tag_source": "Contact",
    }
    sim.book.touch_notes()
    return json_response(tags[tag_id], 201)
