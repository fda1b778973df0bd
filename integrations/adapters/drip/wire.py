"""What Drip's answers and webhooks mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from integrations.adapters.base import Change, Contact, filled
from integrations.adapters.errors import Reason, TargetError
from integrations.adapters.http import Answer
from integrations.adapters.shapes import row_in
from integrations.adapters.shared import moment

EVERYBODY = "everybody"
CUSTOM = "custom_fields."  # before a custom field's identifier
NAMES = {"first_name": "First name", "last_name": "Last name", "phone": "Phone"}
ADDRESS = {
    "address1": "Address",
    "address2": "Address, line 2",
    "city": "City",
    "state": "State",
    "zip": "Zip",
    "country": "Country",
}
TYPES = {"first_name": "name", "last_name": "name", "phone": "phone", "zip": "zip"}
STATUS = {
    "active": "subscribed",
    "unsubscribed": "unsubscribed",
    "removed": "unsubscribed",
    "undeliverable": "bounced",
    "unconfirmed": "pending",
}
CODES = {
    "email_error": Reason.ADDRESS_INVALID,
    "uniqueness_error": Reason.DUPLICATE,
    "sms_error": Reason.FIELD_TYPE,
    "time_error": Reason.FIELD_TYPE,
    "format_error": Reason.FIELD_TYPE,
}
# Event -> kind and status of the change; "" is the person's own.
EVENTS = {
    "subscriber.created": ("upsert", ""),
    "subscriber.updated_custom_field": ("upsert", ""),
    "subscriber.applied_tag": ("upsert", ""),
    "subscriber.subscribed_to_email_marketing": ("status", ""),
    "subscriber.reactivated": ("status", ""),
    "subscriber.subscribed_to_campaign": ("status", "subscribed"),
    "subscriber.unsubscribed_from_campaign": ("status", "unsubscribed"),
    "subscriber.removed_from_campaign": ("status", "unsubscribed"),
    "subscriber.unsubscribed_all": ("status", "unsubscribed"),
    "subscriber.marked_as_undeliverable": ("status", "bounced"),
    "subscriber.complained": ("status", "complained"),
    "subscriber.deleted": ("delete", "absent"),
}


def errors_of(answer: Answer) -> Iterator[dict[str, Any]]:
    rows = answer.object().get("errors")
    yield from (row for row in rows or () if isinstance(row, dict))


def pages_of(body: Mapping[str, Any]) -> int:
    return int(row_in(body, "meta").get("total_pages") or 1)


def target_of(audience_id: str) -> tuple[str, str]:
    """Kind and id; raises TargetError unless it is one of ours."""
    kind, _, name = audience_id.partition(":")
    if audience_id == EVERYBODY or (kind in ("campaign", "tag") and name):
        return kind, name
    raise TargetError("Choose a campaign or a tag of Drip.")


def status_of(row: Mapping[str, Any]) -> str:
    return STATUS.get(str(row.get("status")), "unknown")


def values_of(contact: Contact) -> dict[str, Any]:
    values: dict[str, Any] = {}
    custom = {}
    for name, value in filled(contact.fields).items():
        items = value if isinstance(value, (list, tuple)) else [value]
        text = ", ".join(map(str, items))
        if name.startswith(CUSTOM):
            custom[name.removeprefix(CUSTOM)] = text
        else:
            values[name] = text
    if contact.ip:
        values["ip_address"] = contact.ip
    return values | ({"custom_fields": custom} if custom else {})


def known_of(row: Mapping[str, Any]) -> dict[str, object]:
    """A person's values by our field ids, blank ones left out."""
    values = {name: row.get(name) for name in (*NAMES, *ADDRESS)}
    custom = row.get("custom_fields") or {}
    return filled(values | {f"{CUSTOM}{name}": custom[name] for name in custom})


def tags_of(row: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(tag) for tag in row.get("tags") or ())


def change_of(
    row: Mapping[str, Any],
    kind: str,
    status: str,
    audience_id: str,
    at: datetime | None = None,
) -> Change:
    return Change(
        email=row["email"].strip(),
        kind=kind,
        status=status or status_of(row),
        fields=known_of(row) if kind == "upsert" else {},
        tags=tags_of(row),
        at=at or moment(row.get("created_at")),
        audience_id=audience_id,
    )
