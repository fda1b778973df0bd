"""Klaviyo's jobs: imports, subscriptions, erasure. Imports are done at the second
poll; the others answer 202 without an id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from integrations.sandbox.book import List, Person, made_up, now
from integrations.sandbox.booked import Call
from integrations.sandbox.klaviyo.listing import page_of
from integrations.sandbox.klaviyo.profiles import (
    EMAIL,
    attributes_in,
    check,
    leave,
    leave_list,
    made_id,
    member,
    upsert,
)
from integrations.sandbox.klaviyo.render import (
    answer,
    import_errors,
    links,
    refuse,
)
from integrations.sandbox.messages import Json, Response

if TYPE_CHECKING:
    from integrations.sandbox.klaviyo.simulator import Klaviyo

LIFTED = frozenset({"UNSUBSCRIBE", "SPAM_COMPLAINT", "USER_SUPPRESSED"})
ROWS = "/data/attributes/profiles/data"


def _rows(attributes: Json, most: int) -> list[Json]:
    profiles = attributes.get("profiles")
    rows = profiles.get("data") if isinstance(profiles, dict) else None
    if not isinstance(rows, list) or not rows:
        raise refuse(400, "At least one profile is required.", ROWS)
    if len(rows) > most:
        raise refuse(400, f"No more than {most} profiles are allowed.", ROWS)
    for number, row in enumerate(rows):
        good = isinstance(row, dict) and row.get("type") == "profile"
        if not good or not isinstance(row.get("attributes"), dict):
            raise refuse(400, "This is not a profile.", f"{ROWS}/{number}")
    return rows


def bring_in_many(sim: Klaviyo, call: Call) -> Response:
    rows = _rows(attributes_in(call, "profile-bulk-import-job"), 10_000)
    errors = []
    for number, row in enumerate(rows):
        given = row["attributes"]
        wrong = check(sim, given, call.faults)
        if wrong is None and upsert(sim, given)[0] is None:
            wrong = ("A profile already exists with one of these identifiers.", "")
        if wrong:
            pointer = f"{ROWS}/{number}/attributes/{wrong[1]}".rstrip("/")
            errors.append(
                {
                    "code": "invalid" if wrong[1] else "duplicate_profile",
                    "title": "Invalid input.",
                    "detail": wrong[0],
                    "source": {"pointer": pointer},
                    "original_payload": given,
                }
            )
    job = {
        "id": made_up(f"import{sim.book.next_id()}", 16),
        "created": now(),
        "completed": None,
        "polls": 0,
        "total": len(rows),
        "errors": errors,
    }
    sim.book.notes.setdefault("imports", {})[job["id"]] = job
    sim.book.touch_notes()
    return answer({"data": _job_row(job, call)}, 202)


def _job_row(job: Json, call: Call) -> Json:
    done = job["completed"] is not None
    failed = len(job["errors"])
    status = "complete" if done else "processing" if job["polls"] else "queued"
    return {
        "type": "profile-bulk-import-job",
        "id": job["id"],
        "attributes": {
            "status": status,
            "created_at": job["created"],
            "total_count": job["total"],
            "completed_count": job["total"] - failed if done else 0,
            "failed_count": failed if done else 0,
            "completed_at": job["completed"],
        },
        "links": links(
            call.request.base_url, f"/api/profile-bulk-import-jobs/{job['id']}/"
        ),
    }


def _job(sim: Klaviyo, call: Call) -> Json:
    job = sim.book.notes.get("imports", {}).get(call.params["id"])
    if job is None:
        raise refuse(404, f"A job with id {call.params['id']} does not exist.")
    found: Json = job
    return found


def import_job(sim: Klaviyo, call: Call) -> Response:
    job = _job(sim, call)
    job["polls"] += 1
    if job["polls"] >= 2 and job["completed"] is None:
        job["completed"] = now()
    sim.book.touch_notes()
    return answer({"data": _job_row(job, call)})


def errors_of(sim: Klaviyo, call: Call) -> Response:
    job = _job(sim, call)
    rows = import_errors(job["id"], job["errors"], call.request.base_url)
    return answer(page_of(rows, call.request))


def _list_in(sim: Klaviyo, call: Call) -> List | None:
    related = call.json()["data"].get("relationships") or {}
    named = ((related.get("list") or {}).get("data") or {}).get("id")
    if named is None:
        return None
    item = sim.book.lists.get(named)
    if item is None:
        raise refuse(404, f"A list with id {named} does not exist.")
    return item


def _emails(rows: list[Json], wanted: str) -> list[str]:
    """The addresses whose e-mail consent is to be `wanted`. Raises Refused."""
    emails = []
    for number, row in enumerate(rows):
        at = f"{ROWS}/{number}/attributes"
        given = row["attributes"]
        unknown = set(given) - {
            *("email", "phone_number", "subscriptions"),
            *("anonymous_id", "age_gated_date_of_birth"),
        }
        if unknown:
            name = sorted(unknown)[0]
            raise refuse(400, f"'{name}' is not a valid field.", f"{at}/{name}")
        email = given.get("email")
        if not isinstance(email, str) or not EMAIL.fullmatch(email.strip()):
            raise refuse(400, "Invalid email address.", f"{at}/email")
        consent: Any = given.get("subscriptions")
        for name in ("email", "marketing", "consent"):
            consent = consent.get(name) if isinstance(consent, dict) else None
        if consent != wanted:
            raise refuse(400, f"consent must be {wanted}.", f"{at}/subscriptions")
        emails.append(email.strip())
    return emails


def subscribe(sim: Klaviyo, call: Call) -> Response:
    kind = "profile-subscription-bulk-create-job"
    attributes = attributes_in(call, kind)
    emails = _emails(_rows(attributes, 1000), "SUBSCRIBED")
    item = _list_in(sim, call)
    historical = bool(attributes.get("historical_import"))
    for email in emails:
        address = email.lower()
        dropped = address in call.faults.fake or address.startswith("fake")
        if not dropped and address not in call.faults.compliance:
            _subscribe(sim, email, item, ask=not historical)
    return Response(status=202)


def _subscribe(sim: Klaviyo, email: str, item: List | None, *, ask: bool) -> None:
    person = sim.book.find(email)
    asks = ask and item is not None and item.double_opt_in
    if person is None:
        person = sim.book.add(email, made_id(email + now()))
        person.extra["hidden"] = asks
    extra = person.extra
    extra["suppression"] = [
        entry for entry in extra.get("suppression", []) if entry["reason"] not in LIFTED
    ]
    list_id = item.id if item else ""
    extra["list_suppressions"] = [
        entry
        for entry in extra.get("list_suppressions", [])
        if entry["list_id"] != list_id
    ]
    there = member(person, list_id) and extra.get("consent") == "SUBSCRIBED"
    if asks and not there:
        sim.book.place(person, list_id, "pending")
        return
    if not there or item is None:
        extra |= {"consent": "SUBSCRIBED", "consent_at": now(), "double_optin": False}
        sim.happened("subscribe", person, list_id)
    if item is not None:
        _join(sim, person, list_id)
    sim.book.touch(person)


def _join(sim: Klaviyo, person: Person, list_id: str) -> None:
    joined = person.extra.setdefault("joined", {})
    if not member(person, list_id):
        joined[list_id] = now()
    if person.extra.get("suppression"):
        sim.book.place(person, list_id, "cleaned")
    else:
        sim.book.place(person, list_id, "subscribed", left_by="")


def unsubscribe(sim: Klaviyo, call: Call) -> Response:
    kind = "profile-subscription-bulk-delete-job"
    emails = _emails(_rows(attributes_in(call, kind), 100), "UNSUBSCRIBED")
    item = _list_in(sim, call)
    for email in emails:
        person = sim.book.find(email)
        if person is None:
            continue
        if item is not None and member(person, item.id):
            leave_list(person, item.id)
            sim.book.place(person, item.id, "unsubscribed", left_by="api")
        else:  # whoever is not on the list leaves everything
            leave(person)
            for list_id in list(person.places):
                sim.book.place(person, list_id, "unsubscribed", left_by="api")
        sim.book.touch(person)
        sim.happened("unsubscribe", person, item.id if item else "")
    return Response(status=202)


def erase(sim: Klaviyo, call: Call) -> Response:
    profile = attributes_in(call, "data-privacy-deletion-job").get("profile")
    data = (profile or {}).get("data") or {}
    named = data.get("attributes") or {}
    given = [value for value in (data.get("id"), *named.values()) if value]
    if len(given) != 1:
        raise refuse(400, "Exactly one identifier is required.", "/data/attributes")
    person = sim.book.find(str(named.get("email") or "")) or sim.book.people.get(
        str(data.get("id"))
    )
    if person is not None:
        sim.book.remove(person)
    return Response(status=202)
