"""Constant Contact's resources, pages and errors."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode
from uuid import NAMESPACE_URL, uuid5

from integrations.sandbox.book import Person
from integrations.sandbox.booked import Refused
from integrations.sandbox.messages import Json, Request, Response, json_response

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
CORE = (
    *("first_name", "last_name", "job_title", "company_name"),
    *("birthday_month", "birthday_day", "anniversary"),
)
# (key, words); the gateway's own errors are one object, the others an array of them.
GATEWAY = {
    401: ("unauthorized", "Unauthorized"),
    403: ("access_denied", "Request forbidden due to insufficient user privileges."),
    429: ("throttled", "Too many requests."),
}
KEYS = {
    400: ("contacts.api.validation.error", "Bad request."),
    404: ("contacts.api.not_found", "The requested resource was not found."),
    405: ("contacts.api.method_not_allowed", "The method is not supported."),
    409: ("contacts.api.conflict", "The resource conflicts with an existing one."),
    415: ("contacts.api.unsupported_media_type", "Unsupported media type."),
}


def uid(text: str) -> str:
    """A stable made-up identifier of Constant Contact's looks."""
    return str(uuid5(NAMESPACE_URL, f"constant contact sandbox {text}"))


def problem(status: int, message: str = "") -> Response:
    if status in GATEWAY:
        key, words = GATEWAY[status]
        return json_response(
            {"error_key": key, "error_message": message or words}, status
        )
    key, words = KEYS.get(status, ("contacts.api.server_error", "Server error."))
    return json_response(
        [{"error_key": key, "error_message": message or words}], status
    )


def refuse(status: int, message: str = "") -> Refused:
    return Refused(problem(status, message))


def memberships(person: Person) -> list[str]:
    """The lists a contact is on: none once unsubscribed or deleted."""
    if person.deleted_at or person.extra.get("permission") == "unsubscribed":
        return []
    on = ("subscribed", "pending", "cleaned")
    return [key for key, place in person.places.items() if place.status in on]


def contact_row(person: Person, include: Sequence[str] = ()) -> Json:
    extra = person.extra
    address = {
        "address": person.email,
        "permission_to_send": extra.get("permission", "not_set"),
        "created_at": person.created_at,
        "updated_at": person.changed_at,
        "confirm_status": extra.get("confirm_status", "off"),
    }
    for name in (
        *("opt_in_date", "opt_in_source"),
        *("opt_out_date", "opt_out_source", "opt_out_reason"),
    ):
        if extra.get(name):
            address[name] = extra[name]
    row: Json = {"contact_id": person.id, "email_address": address}
    row |= {name: person.values[name] for name in CORE if name in person.values}
    row |= {
        "create_source": "Contact",
        "update_source": extra.get("update_source", "Contact"),
        "created_at": person.created_at,
        "updated_at": person.changed_at,
    }
    if person.deleted_at:
        row["deleted_at"] = person.deleted_at
    subresources: dict[str, Any] = {
        "list_memberships": memberships(person),
        "taggings": list(extra.get("taggings", [])),
        "custom_fields": [
            {"custom_field_id": key, "value": value}
            for key, value in person.values.get("custom_fields", {}).items()
        ],
        "phone_numbers": [
            {"phone_number": number, "kind": "other"}
            for number in [person.values.get("phone_number")]
            if number
        ],
        "street_addresses": [
            place for place in [person.values.get("street_address")] if place
        ],
        "notes": [],
    }
    unknown = set(include) - set(subresources)
    if unknown:
        raise refuse(400, f"include: {sorted(unknown)[0]} is not valid.")
    return row | {name: subresources[name] for name in include}


def page_of(key: str, rows: Sequence[Json], request: Request, most: int) -> Json:
    """The page that the query asks for. A cursor holds the whole query."""
    limit = request.query.get("limit", "50")
    if not limit.isdecimal() or not 1 <= int(limit) <= most:
        raise refuse(400, f"limit must be between 1 and {most}.")
    start = int(request.query.get("next", "0"))
    end = start + int(limit)
    document: Json = {key: list(rows[start:end])}
    if end < len(rows):
        text = urlencode({**request.query, "next": str(end)})
        cursor = base64.urlsafe_b64encode(text.encode()).decode()
        href = f"{request.path}?{urlencode({'cursor': cursor})}"
        document["_links"] = {"next": {"href": href}}
    return document


def opened(request: Request) -> None:
    """Replaces the query by the one in its cursor. Raises Refused."""
    if cursor := request.query.get("cursor"):
        try:
            text = base64.urlsafe_b64decode(cursor).decode()
        except ValueError:
            raise refuse(400, "cursor is not valid.") from None
        query = dict(parse_qsl(text, keep_blank_values=True))
        if not query.get("next", "").isdecimal():
            raise refuse(400, "cursor is not valid.")
        request.query = query
    else:
        request.query.pop("next", None)
