"""Klaviyo's resources and errors as JSON:API."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from integrations.sandbox.book import List, Person
from integrations.sandbox.booked import Refused
from integrations.sandbox.messages import Json, Response, json_response

JSON_API = "application/vnd.api+json"
FIXED = (
    *("email", "phone_number", "external_id", "first_name", "last_name"),
    *("organization", "locale", "title", "image"),
)
TITLES = {
    400: ("invalid", "Invalid input."),
    401: ("authentication_failed", "Incorrect authentication credentials."),
    403: ("permission_denied", "You do not have permission to perform this action."),
    404: ("not_found", "Not found."),
    405: ("method_not_allowed", "Method not allowed."),
    409: ("duplicate_profile", "Conflict."),
    415: ("unsupported_media_type", "Unsupported media type in request."),
    429: ("throttled", "Request was throttled."),
}


def answer(document: object, status: int = 200) -> Response:
    return json_response(document, status, content_type=JSON_API)


def problem(
    status: int, detail: str = "", pointer: str = "/data/", **meta: Any
) -> Response:
    """An error document of one error."""
    code, title = TITLES.get(status, ("error", "A server error occurred."))
    error = {
        "id": str(uuid.uuid4()),
        "status": status,
        "code": code,
        "title": title,
        "detail": detail or title,
        "source": {"pointer": pointer},
        "links": {},
        "meta": meta,
    }
    return answer({"errors": [error]}, status)


def refuse(status: int, detail: str = "", pointer: str = "/data/") -> Refused:
    return Refused(problem(status, detail, pointer))


def links(base: str, path: str) -> Json:
    return {"self": f"{base}{path}"}


def list_row(item: List, base: str) -> Json:
    made = item.extra["created_at"]
    return {
        "type": "list",
        "id": item.id,
        "attributes": {
            "name": item.name,
            "created": made,
            "updated": made,
            "opt_in_process": "double_opt_in"
            if item.double_opt_in
            else "single_opt_in",
        },
        "links": links(base, f"/api/lists/{item.id}/"),
    }


def profile_row(
    person: Person, base: str, *, subscriptions: bool = False, joined: str = ""
) -> Json:
    """`joined` is when they came to the list, for the profiles of a list."""
    attributes: Json = {name: person.values.get(name) for name in FIXED}
    attributes |= {
        "email": person.email,
        "created": person.created_at,
        "updated": person.changed_at,
        "last_event_date": None,
        "location": person.values.get("location") or {},
        "properties": person.values.get("properties") or {},
    }
    if joined:
        attributes["joined_group_at"] = joined
    if subscriptions:
        attributes["subscriptions"] = {"email": {"marketing": marketing(person)}}
    return {
        "type": "profile",
        "id": person.id,
        "attributes": attributes,
        "links": links(base, f"/api/profiles/{person.id}/"),
    }


def marketing(person: Person) -> Json:
    """What is known about consent to e-mail."""
    extra = person.extra
    suppression = extra.get("suppression", [])
    told = {
        "can_receive_email_marketing": not suppression,
        "consent": extra.get("consent", "NEVER_SUBSCRIBED"),
        "consent_timestamp": extra.get("consent_at"),
        "last_updated": extra.get("consent_at"),
        "double_optin": extra.get("double_optin"),
        "suppression": suppression,
        "list_suppressions": extra.get("list_suppressions", []),
    }
    return {name: value for name, value in told.items() if value is not None}


def import_errors(job: str, errors: Iterable[Json], base: str) -> list[Json]:
    return [
        {
            "type": "import-error",
            "id": f"{job}-{number}",
            "attributes": error,
            "links": links(base, f"/api/import-errors/{job}-{number}/"),
        }
        for number, error in enumerate(errors)
    ]
