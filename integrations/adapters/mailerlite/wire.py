"""Paths, rows and events of MailerLite."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any
from urllib.parse import quote

from integrations.adapters.base import Contact, Options, Subscription, filled
from integrations.adapters.http import Answer, to_json

EVENTS = {
    "subscriber.created": "",
    "subscriber.updated": "",
    "subscriber.unsubscribed": "unsubscribed",
    "subscriber.bounced": "bounced",
    "subscriber.spam_reported": "complained",
    "subscriber.added_to_group": "",
    "subscriber.removed_from_group": "absent",
}
PROFILE = {"subscriber.created", "subscriber.updated", "subscriber.added_to_group"}


def errors_of(answer: Answer) -> dict[str, Any]:
    errors = answer.object().get("errors")
    return errors if isinstance(errors, dict) else {}


def answer_of(row: Any) -> Answer:
    """One answer within a batch: {"code": 200, "body": {...}}, or the body as text."""
    code = row.get("code") if isinstance(row, dict) else None
    body = row.get("body") if isinstance(row, dict) else None
    data = body.encode() if isinstance(body, str) else to_json(body)
    return Answer(status=code if isinstance(code, int) else 502, headers={}, body=data)


def person_path(email: str) -> str:
    return f"api/subscribers/{quote(email.strip().lower(), safe='')}"


def group_path(audience_id: str) -> str:
    return f"api/groups/{quote(audience_id, safe='')}"


def groups_of(row: Mapping[str, Any]) -> set[str]:
    return {str(group.get("id")) for group in row.get("groups") or ()}


def row_of(
    contact: Contact, standing: Subscription, audience_id: str, options: Options
) -> dict[str, object]:
    row: dict[str, object] = {"email": contact.email.strip(), "groups": [audience_id]}
    new = not standing.remote_id
    values = filled(contact.fields)
    if values and (new or options.update_existing):
        row["fields"] = values
    if new and options.double_opt_in:
        row["status"] = "unconfirmed"
    if new and contact.ip:
        row["ip_address"] = contact.ip
    if new and contact.signed_up_at:
        at = contact.signed_up_at.astimezone(UTC)
        row["subscribed_at"] = f"{at:%Y-%m-%d %H:%M:%S}"
    return row
