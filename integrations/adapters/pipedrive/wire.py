"""Reading what Pipedrive answers: people, their fields, cursors, webhooks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from integrations.adapters.base import Change, filled
from integrations.adapters.shared import moment

STATUS = {
    "subscribed": "subscribed",
    "unsubscribed": "unsubscribed",
    "archived": "archived",
}
TYPES = {
    "varchar": "text",
    "text": "text",
    "varchar_auto": "text",
    "phone": "phone",
    "int": "number",
    "double": "number",
    "boolean": "boolean",
    "date": "date",
    "enum": "choice",
    "set": "multi_choice",
    "address": "address",
}
LABELS = ("label_ids", "label")
PHONES = ("phone", "phones")
# Fields of every person that the write calls of API v2 take, besides custom ones.
WRITABLE = ("name", *PHONES)
NEVER = ("email", "emails", *LABELS, "marketing_status", "doi_status")


def heard(
    action: str, now: Mapping[str, Any], before: Mapping[str, Any], at: object
) -> Iterator[Change]:
    old, new = primary(before.get("emails")), primary(now.get("emails"))
    when = moment(at)
    if action == "delete":
        if old:
            yield Change(email=old, kind="delete", status="absent", at=when)
        return
    if old and new and old.lower() != new.lower():
        yield Change(email=new, kind="email", fields={"old_email": old}, at=when)
    if new:
        values = {"name": now.get("name"), "phone": primary(now.get("phones"))}
        status = status_of(now) if now.get("marketing_status") else ""
        yield Change(
            email=new, kind="upsert", status=status, fields=filled(values), at=when
        )


def takes(code: str, row: Mapping[str, Any]) -> bool:
    """Whether a person can be given a value for the field."""
    return code in WRITABLE or (
        bool(row.get("is_custom_field")) and row.get("field_type") in TYPES
    )


def options_of(row: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    return list((row or {}).get("options") or ())


def status_of(person: Mapping[str, Any]) -> str:
    return STATUS.get(str(person.get("marketing_status")), "unknown")


def has_label(person: Mapping[str, Any], label: int | None) -> bool:
    return label is None or label in (person.get("label_ids") or ())


def primary(entries: object) -> str:
    """The primary of a person's addresses or numbers, else the first, else ""."""
    found = entries if isinstance(entries, list) else []
    rows = [row for row in found if isinstance(row, dict)]
    first = sorted(rows, key=lambda row: not row.get("primary"))[:1]
    return str(first[0].get("value") or "") if first else ""


def with_phone(phones: list[dict[str, Any]], number: str) -> list[dict[str, Any]]:
    digits = re.sub(r"\D", "", number)
    if any(re.sub(r"\D", "", str(row.get("value"))) == digits for row in phones):
        return phones
    return [*phones, {"value": number, "primary": not phones}]
