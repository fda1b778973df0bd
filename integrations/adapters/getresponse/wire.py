"""What GetResponse's answers and webhooks mean, and what its search wants."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from integrations.adapters.base import Change, Field, filled
from integrations.adapters.shared import moment

LEFT = {
    "unsubscribe": "unsubscribed",
    "api": "unsubscribed",  # ours, or another tool's
    "bounce": "bounced",
    "complaint": "complained",
}
TURNS = ("deletedOn", "changedOn", "createdOn")  # of a walk; the first has the last
EVENTS = {
    "contact_added": ("upsert", "subscribed"),
    "contact_custom_field_changed": ("upsert", "subscribed"),
    "contact_removed_link": ("status", "unsubscribed"),
    "contact_removed_bounce": ("status", "bounced"),
}
TYPES = {"number", "date", "datetime", "phone", "url"}
CYCLES = ["receiving_autoresponder", "not_receiving_autoresponder"]
SEVERAL = {"checkbox", "multi_select"}


def search(kind: str, audience_id: str, email: str) -> dict[str, object]:
    """A search for a list's contacts of one kind, or for one address among them."""
    by = {"conditionType": "email", "operatorType": "string_operator"}
    condition = {**by, "operator": "is", "value": email.strip()}
    section = {
        "campaignIdsList": [audience_id],
        "logicOperator": "and",
        "subscriberCycle": CYCLES,
        "subscriptionDate": "all_time",
        "conditions": [condition] if email else [],
    }
    return {
        "subscribersType": [kind],
        "sectionLogicOperator": "and",
        "section": [section],
    }


def contact_path(id: object) -> str:
    return f"/v3/contacts/{quote(str(id), safe='')}"


def field_of(row: Mapping[str, Any]) -> Field:
    kind = str(row.get("valueType") or row.get("type"))
    form = row.get("format") or row.get("fieldType")
    options = tuple(str(value) for value in row.get("values") or ())
    type = kind if kind in TYPES else "text"
    if options:
        type = "multi_choice" if form in SEVERAL else "choice"
    return Field(
        id=str(row["customFieldId"]),
        label=str(row.get("name", "")),
        type=type,
        options=options,
    )


def texts(value: object) -> list[str]:
    items = value if isinstance(value, (list, tuple)) else [value]
    return [str(v).lower() if isinstance(v, bool) else str(v) for v in items]


def gone(row: Mapping[str, Any], audience_id: str) -> Change:
    return Change(
        email=str(row.get("email", "")),
        kind="status",
        status=LEFT.get(str(row.get("reason")), "archived"),
        at=moment(row.get("deletedOn")),
        audience_id=audience_id,
    )


def heard(event: Any) -> Iterator[Change]:
    if not isinstance(event, dict) or event.get("type") not in EVENTS:
        return
    person = event.get("contact") or {}
    kind, status = EVENTS[event["type"]]
    if email := str(person.get("email") or ""):
        yield Change(
            email=email,
            kind=kind,
            status=status,
            at=moment((event.get("event") or {}).get("occurredAt")),
            audience_id=str((person.get("campaign") or {}).get("campaignId") or ""),
        )


def change_of(row: Mapping[str, Any], audience_id: str) -> Change:
    """A contact read on its own."""
    values: dict[str, object] = {"name": row.get("name")}
    for item in row.get("customFieldValues") or ():
        written = item.get("value") or [None]
        several = item.get("fieldType") in SEVERAL
        values[str(item.get("customFieldId"))] = written if several else written[0]
    return Change(
        email=str(row.get("email", "")),
        kind="upsert",
        status="subscribed",
        fields=filled(values),
        tags=tuple(str(tag.get("name")) for tag in row.get("tags") or ()),
        at=moment(row.get("changedOn") or row.get("createdOn")),
        audience_id=audience_id,
    )
