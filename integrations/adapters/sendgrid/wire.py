"""Rows, errors and events of SendGrid."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integrations.adapters.base import Change, filled
from integrations.adapters.http import Answer
from integrations.adapters.shared import moment

RESERVED = {
    **{"first_name": "text", "last_name": "text", "phone_number_id": "phone"},
    **{"address_line_1": "text", "address_line_2": "text", "city": "text"},
    **{"state_province_region": "text", "postal_code": "zip", "country": "text"},
}
TYPES = {"Number": "number", "Date": "date"}
EVENTS = {"unsubscribe": "unsubscribed", "spamreport": "complained"}


def problem(answer: Answer) -> tuple[str, str]:
    """Message and field of the first error."""
    rows = answer.object().get("errors")
    row = rows[0] if isinstance(rows, list) and rows else {}
    if not isinstance(row, dict):
        return "", ""
    field = row.get("field")
    return str(row.get("message") or ""), field if isinstance(field, str) else ""


def row_of(email: str, fields: Mapping[str, object]) -> dict[str, object]:
    values = filled(fields)
    row: dict[str, object] = {"email": email}
    row |= {name: str(value) for name, value in values.items() if name in RESERVED}
    if custom := {k: v for k, v in values.items() if k not in RESERVED}:
        row["custom_fields"] = custom
    return row


def values_of(
    contact: Mapping[str, Any], definitions: Mapping[str, Any]
) -> dict[str, object]:
    """A contact's values by our field ids; SendGrid names custom ones here, and takes
    them by their ids."""
    ids = {
        row.get("name"): str(row["id"])
        for row in definitions.get("custom_fields") or ()
    }
    custom = contact.get("custom_fields") or {}
    return filled(
        {name: contact.get(name) for name in RESERVED}
        | {ids[name]: value for name, value in custom.items() if name in ids}
    )


def posted(row: Any) -> list[Change]:
    """The change in one event; a "blocked" bounce is one for the moment."""
    if not isinstance(row, dict) or not row.get("email"):
        return []
    status = EVENTS.get(str(row.get("event")))
    if row.get("event") == "bounce" and row.get("type") != "blocked":
        status = "bounced"
    if status is None:
        return []
    at = moment(row.get("timestamp"))
    return [Change(email=str(row["email"]), kind="status", status=status, at=at)]
