"""Reading what ActiveCampaign answers and posts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from integrations.adapters.base import Change, Incoming, filled
from integrations.adapters.errors import RejectedError, TargetError
from integrations.adapters.redact import clean
from integrations.adapters.shared import moment

STATUS = {"0": "pending", "1": "subscribed", "2": "unsubscribed", "3": "bounced"}
FIXED = {"firstName": "First name", "lastName": "Last name", "phone": "Phone"}
EVENTS = {"subscribe": "subscribed", "unsubscribe": "unsubscribed"}
POSTED = {"first_name": "firstName", "last_name": "lastName", "phone": "phone"}


def membership(
    rows: Sequence[Mapping[str, Any]], contact_id: str, audience_id: str
) -> Mapping[str, Any]:
    """The contact's membership of the list, {} when there is none."""
    wanted = (contact_id, audience_id)
    return next(
        (r for r in rows if (str(r.get("contact")), str(r.get("list"))) == wanted), {}
    )


def bounced(contact: Mapping[str, Any]) -> bool:
    return str(contact.get("bounced_hard") or "0") != "0"


def status_of(row: Mapping[str, Any], contact: Mapping[str, Any]) -> str:
    status = STATUS.get(str(row.get("status")), "unknown")
    return "bounced" if status == "pending" and bounced(contact) else status


def to_text(value: object) -> str:
    """Several values of one field stand between double bars."""
    if isinstance(value, (list, tuple)):
        return f"||{'||'.join(str(part) for part in value)}||"
    return str(value)


def from_text(text: object) -> object:
    parts = str(text).strip("|").split("||")
    return parts if str(text).startswith("||") else text


def own(
    contact: Mapping[str, Any], body: Mapping[str, Any], name: str
) -> list[Mapping[str, Any]]:
    """The rows of one kind that came along and belong to the contact."""
    rows = body.get(name) or ()
    return [row for row in rows if str(row.get("contact")) == str(contact.get("id"))]


def values_of(contact: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, object]:
    """A contact's values by our field ids, blank ones left out."""
    fields = {name: contact.get(name) for name in FIXED}
    fields |= {
        str(row.get("field")): from_text(row.get("value"))
        for row in own(contact, body, "fieldValues")
    }
    return filled(fields)


def tags_of(contact: Mapping[str, Any], body: Mapping[str, Any]) -> tuple[str, ...]:
    names = {str(tag.get("id")): str(tag.get("tag")) for tag in body.get("tags") or ()}
    ids = [str(row.get("tag")) for row in own(contact, body, "contactTags")]
    return tuple(names[id] for id in ids if id in names)


def contact_change(
    contact: Mapping[str, Any], body: Mapping[str, Any], audience_id: str
) -> Change:
    rows = own(contact, body, "contactLists")
    row = membership(rows, str(contact.get("id")), audience_id)
    return Change(
        email=str(contact.get("email", "")),
        kind="upsert",
        status=status_of(row, contact) if row else "unknown",
        fields=values_of(contact, body),
        tags=tags_of(contact, body),
        at=moment(contact.get("udate")),
        audience_id=audience_id,
    )


def webhook_changes(request: Incoming) -> list[Change]:
    """The change in a form-encoded webhook: type, date_time, list, contact[email] ...

    Which bounce it was is not told, so its status is left open. Raises RejectedError
    when it is no form at all.
    """
    try:
        pairs = parse_qsl(request.body.decode(), max_num_fields=1000)
    except ValueError:
        raise RejectedError("This is not an ActiveCampaign webhook.") from None
    data = {clean(name): clean(value) for name, value in pairs}
    kind = data.get("type", "")
    email = data.get("contact[email]", "")
    if not email or kind not in (*EVENTS, "update", "bounce"):
        return []
    profile = kind in ("subscribe", "update")
    fields = {ours: data.get(f"contact[{name}]") for name, ours in POSTED.items()}
    audience = data.get("list", "")
    return [
        Change(
            email=email,
            kind="upsert" if profile else "status",
            status=EVENTS.get(kind, ""),
            fields=filled(fields) if profile else {},
            at=moment(data.get("date_time")),
            audience_id=audience if audience != "0" else "",
        )
    ]


def list_number(audience_id: str) -> int:
    """The number of a list. Raises TargetError when it is none."""
    if not (audience_id.isascii() and audience_id.isdigit()):
        raise TargetError("ActiveCampaign has no such list: choose another.")
    return int(audience_id)


def total_of(body: Mapping[str, Any]) -> int | None:
    """How many rows there are behind an answer, which is told as text."""
    total = str((body.get("meta") or {}).get("total"))
    return int(total) if total.isdecimal() else None
