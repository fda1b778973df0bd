"""Klaviyo's profiles: reading and writing them, and their consent."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from integrations.sandbox.book import Person, made_up, now
from integrations.sandbox.booked import Call
from integrations.sandbox.faults import Faults
from integrations.sandbox.klaviyo.listing import page_of
from integrations.sandbox.klaviyo.render import (
    FIXED,
    answer,
    problem,
    profile_row,
    refuse,
)
from integrations.sandbox.messages import Json, Response

if TYPE_CHECKING:
    from integrations.sandbox.klaviyo.simulator import Klaviyo

EMAIL = re.compile(r"[^\s@\"']+@[^\s@]+\.[^\s@]+")
PHONE = re.compile(r"\+[1-9]\d{6,14}")
MARKETING = "subscriptions.email.marketing"
FILTERS = (
    *("id", "email", "phone_number", "external_id", "created", "updated"),
    *(f"{MARKETING}.suppression.timestamp", f"{MARKETING}.suppression.reason"),
    *(
        f"{MARKETING}.list_suppressions.timestamp",
        f"{MARKETING}.list_suppressions.list_id",
        f"{MARKETING}.list_suppressions.reason",
    ),
)
SORTS = (
    *("id", "email", "created", "updated"),
    *(f"{MARKETING}.suppression.timestamp", f"{MARKETING}.list_suppressions.timestamp"),
)


def made_id(text: str) -> str:
    """An id of Klaviyo's looks."""
    return f"01{made_up(text, 24).upper()}"


def member(person: Person, list_id: str) -> bool:
    """Whether the profile is on the list: not before it has confirmed, and no longer
    once the person left it themselves."""
    place = person.places.get(list_id)
    if place is None or place.status == "pending":
        return False
    return place.status != "unsubscribed" or place.left_by == "admin"


def leave(person: Person) -> None:
    """The person unsubscribes from everything."""
    person.extra |= {"consent": "UNSUBSCRIBED", "consent_at": now()}
    suppress(person, "UNSUBSCRIBE")


def leave_list(person: Person, list_id: str) -> None:
    entry = {"list_id": list_id, "reason": "UNSUBSCRIBE", "timestamp": now()}
    person.extra.setdefault("list_suppressions", []).append(entry)


def suppress(person: Person, reason: str) -> None:
    entry = {"reason": reason, "timestamp": now()}
    person.extra.setdefault("suppression", []).append(entry)


def refused_email(sim: Klaviyo, email: Any, faults: Faults) -> str:
    """Why an address is not taken, "" when it is."""
    if not isinstance(email, str) or not EMAIL.fullmatch(email.strip()):
        return "Invalid email address."
    # An erased profile may come back.
    if sim.refusal(email, faults) not in ("", "forgotten"):
        return "Invalid email address. It looks fake."
    return ""


def check(sim: Klaviyo, given: Json, faults: Faults) -> tuple[str, str] | None:
    """What is wrong with a profile's attributes: detail and name, or None."""
    unknown = set(given) - {*FIXED, "location", "properties", "_kx"}
    if unknown:
        name = sorted(unknown)[0]
        return f"'{name}' is not a valid field for the resource 'profile'.", name
    if not any(given.get(name) for name in ("email", "phone_number", "external_id")):
        return "One of email, phone_number or external_id is required.", "email"
    if given.get("email") is not None:
        wrong = refused_email(sim, given["email"], faults)
        if wrong:
            return wrong, "email"
    phone = given.get("phone_number")
    if phone is not None and not PHONE.fullmatch(str(phone)):
        return (
            "Invalid phone number format (Example of a valid format: +12345678901)",
            ("phone_number"),
        )
    for name in ("location", "properties"):
        if not isinstance(given.get(name, {}), dict):
            return f"{name} must be an object.", name
    return None


def with_phone(sim: Klaviyo, phone: Any) -> Person | None:
    return next(
        (p for p in sim.visible() if phone and p.values.get("phone_number") == phone),
        None,
    )


def write(sim: Klaviyo, person: Person, given: Json) -> None:
    """Set what is given; null clears, what is left out stays."""
    for name, value in given.items():
        if name in ("location", "properties"):
            kept = {**person.values.get(name, {}), **value}
            person.values[name] = {k: v for k, v in kept.items() if v is not None}
        elif name == "email":
            if value.lower() != person.email.lower():
                sim.book.rename(person, value)
        elif value is None:
            person.values.pop(name, None)
        else:
            person.values[name] = value
    person.extra["hidden"] = False
    sim.book.touch(person)


def upsert(sim: Klaviyo, given: Json) -> tuple[Person | None, bool]:
    """The profile with these attributes, and whether it is new. None when another
    profile has the phone number."""
    person = sim.book.find(str(given.get("email") or ""))
    other = with_phone(sim, given.get("phone_number"))
    if person is not None and other is not None and other is not person:
        return None, False
    person = person or other
    new = person is None or bool(person.extra.get("hidden"))
    if person is None:
        email = str(given.get("email") or "")
        person = sim.book.add(email, made_id(email + now()))
    write(sim, person, given)
    sim.happened("update", person)
    return person, new


def attributes_in(call: Call, kind: str) -> Json:
    """The attributes of the resource in a body. Raises Refused."""
    body = call.json()
    data = body.get("data") if isinstance(body, dict) else None
    if not isinstance(data, dict):
        raise refuse(400, "The body must hold an object named data.")
    if data.get("type") != kind:
        raise refuse(400, f"type must be '{kind}'.", "/data/type")
    attributes = data.get("attributes")
    if not isinstance(attributes, dict):
        raise refuse(400, "attributes is required.", "/data/attributes")
    return attributes


def all_of_them(sim: Klaviyo, call: Call) -> Response:
    base, shown = call.request.base_url, _shows_subscriptions(call)
    rows = [profile_row(p, base, subscriptions=True) for p in sim.visible()]
    return _page(call, rows, shown, FILTERS, SORTS)


def of_list(sim: Klaviyo, call: Call) -> Response:
    item, base = sim.list_of(call), call.request.base_url
    rows = [
        profile_row(
            person,
            base,
            subscriptions=True,
            joined=person.extra.get("joined", {}).get(item.id) or person.created_at,
        )
        for person in sim.visible()
        if member(person, item.id)
    ]
    return _page(
        call,
        rows,
        _shows_subscriptions(call),
        ("email", "phone_number", "joined_group_at"),
        ("joined_group_at",),
    )


def _shows_subscriptions(call: Call) -> bool:
    wanted = call.query.get("additional-fields[profile]", "")
    if wanted and set(wanted.split(",")) - {"subscriptions", "predictive_analytics"}:
        detail = f"{wanted!r} is not a valid additional field."
        raise refuse(400, detail, "/query/additional-fields[profile]")
    return "subscriptions" in wanted


def _page(
    call: Call,
    rows: list[Json],
    shown: bool,
    filters: tuple[str, ...],
    sorts: tuple[str, ...],
) -> Response:
    page = page_of(rows, call.request, filters=filters, sorts=sorts)
    if not shown:
        for row in page["data"]:
            del row["attributes"]["subscriptions"]
    return answer(page)


def _person(sim: Klaviyo, call: Call) -> Person:
    person = sim.book.people.get(call.params["id"])
    if person is None or person.extra.get("hidden"):
        raise refuse(404, f"A profile with id {call.params['id']} does not exist.")
    return person


def one(sim: Klaviyo, call: Call) -> Response:
    row = profile_row(
        _person(sim, call),
        call.request.base_url,
        subscriptions=_shows_subscriptions(call),
    )
    return answer({"data": row})


def _checked(sim: Klaviyo, call: Call) -> Json:
    given = attributes_in(call, "profile")
    wrong = check(sim, given, call.faults)
    if wrong:
        raise refuse(400, wrong[0], f"/data/attributes/{wrong[1]}")
    return given


def create(sim: Klaviyo, call: Call) -> Response:
    given = _checked(sim, call)
    there = sim.book.find(str(given.get("email") or ""))
    if there is not None and not there.extra.get("hidden"):
        return _taken(there)
    return _brought(sim, call, given)


def bring_in(sim: Klaviyo, call: Call) -> Response:
    return _brought(sim, call, _checked(sim, call))


def _brought(sim: Klaviyo, call: Call, given: Json) -> Response:
    person, new = upsert(sim, given)
    if person is None:
        other = with_phone(sim, given.get("phone_number"))
        assert other is not None
        return _taken(other)
    row = profile_row(
        person, call.request.base_url, subscriptions=_shows_subscriptions(call)
    )
    return answer({"data": row}, 201 if new else 200)


def _taken(person: Person) -> Response:
    return problem(
        409,
        "A profile already exists with one of these identifiers.",
        "/data/attributes",
        duplicate_profile_id=person.id,
    )


def change(sim: Klaviyo, call: Call) -> Response:
    person = _person(sim, call)
    given = attributes_in(call, "profile")
    wrong = check(sim, {"email": person.email, **given}, call.faults)
    if wrong:
        raise refuse(400, wrong[0], f"/data/attributes/{wrong[1]}")
    owner = sim.book.find(str(given.get("email") or ""))
    if owner is not None and owner is not person:
        return _taken(owner)
    write(sim, person, given)
    row = profile_row(
        person, call.request.base_url, subscriptions=_shows_subscriptions(call)
    )
    return answer({"data": row})
