"""Reading what ActiveCampaign answers and posts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from integrations.adapters.base import Change, Incoming, filled
from integrations.adapters.errors import RejectedError, TargetError
from integrations.adapters.redact import clean
from integrations.adapters.shapes import Row
from integrations.adapters.shared import moment

STATUS = {"0": "pending", "1": "subscribed", "2": "unsubscribed", "3": "bounced"}
FIXED = {"firstName": "First name", "lastName": "Last name", "phone": "Phone"}
EVENTS = {"subscribe": "subscribed", "unsubscribe": "unsubscribed"}
POSTED = {"first_name": "firstName", "last_name": "lastName", "phone": "phone"}


def membership(contact: Row, audience_id: str) -> Row:
    """The contact's membership of the list, {} when there is none."""
    wanted = (str(contact.get("id")), audience_id)
    rows = contact["lists"]
    return next(
        (r for r in rows if (str(r.get("contact")), str(r.get("list"))) == wanted), {}
    )


def bounced(contact: Mapping[str, Any]) -> bool:
    return str(contact.get("bounced_hard") or "0") != "0"


def to_text(value: object) -> str:
    """Several values of one field stand between double bars."""
    if isinstance(value, (list, tuple)):
        return f"||{'||'.join(str(part) for part in value)}||"
    return str(value)


def from_text(text: object) -> object:
    parts = str(text).strip("|").split("||")
    return parts if str(text).startswith("||") else text


def whole(contact: Row, body: Row) -> Row:
    """A contact with what came along: `values` by our field ids, `tags`, `lists`."""

    def own(name: str) -> list[Row]:
        rows = body.get(name) or ()
        return [r for r in rows if str(r.get("contact")) == str(contact.get("id"))]

    values = {name: contact.get(name) for name in FIXED}
    custom = {
        str(r.get("field")): from_text(r.get("value")) for r in own("fieldValues")
    }
    names = {str(tag.get("id")): str(tag.get("tag")) for tag in body.get("tags") or ()}
    tags = [str(row.get("tag")) for row in own("contactTags")]
    return {
        **contact,
        "values": filled(values | custom),
        "tags": [names[id] for id in tags if id in names],
        "lists": own("contactLists"),
    }


def options_of(field: Row, body: Row) -> tuple[str, ...]:
    """A field's choices, which stand beside the fields."""
    rows = body.get("fieldOptions") or ()
    ours = [row for row in rows if str(row.get("field")) == str(field["id"])]
    return tuple(str(row.get("value", "")) for row in ours)


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
