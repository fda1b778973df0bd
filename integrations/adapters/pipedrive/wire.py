"""Pipedrive's people and their fields."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

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


def takes(code: str, row: Mapping[str, Any]) -> bool:
    """Whether a person can be given a value for the field."""
    return code in WRITABLE or (
        bool(row.get("is_custom_field")) and row.get("field_type") in TYPES
    )


def options_of(row: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    return list((row or {}).get("options") or ())


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
