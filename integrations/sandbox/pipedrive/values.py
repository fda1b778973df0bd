"""Person fields: what they are called, which values they take."""

from __future__ import annotations

from datetime import date
from typing import Any

from integrations.sandbox.book import Attribute, Book, List
from integrations.sandbox.messages import Json
from integrations.sandbox.pipedrive.words import invalid

EVERYBODY = "people"  # the list of all; the others are labels
FIELD_TYPES = (
    *("varchar", "text", "double", "int", "boolean", "date", "phone"),
    *("enum", "set", "address", "monetary", "user"),
)
STATUSES = ("no_consent", "unsubscribed", "subscribed", "archived")
TAKEN = {"name", "emails", "phones", "label_ids", "custom_fields", "marketing_status"}
TAKEN |= {"owner_id", "org_id", "add_time", "update_time", "visible_to"}


def labels_of(book: Book) -> list[List]:
    return [item for item in book.lists.values() if item.id != EVERYBODY]


def options_of(attribute: Attribute) -> list[Json]:
    """Options have numbers, which stay as long as their order does."""
    return [{"id": n, "label": text} for n, text in enumerate(attribute.options, 1)]


def field_of(attribute: Attribute, options: list[Json]) -> Json:
    return {
        "field_name": attribute.name,
        "field_code": attribute.id,
        "field_type": attribute.type,
        "options": options or None,
        "subfields": None,
        "is_custom_field": attribute.extra.get("custom", True),
        "is_optional_response_field": attribute.id == "marketing_status",
    }


def check_custom(book: Book, given: Any) -> Json:
    """The custom fields of a write; raises Refused for one that is not there or a
    value that is none of its type. Null clears."""
    if not isinstance(given, dict):
        raise invalid("custom_fields", "Expected object")
    for code, value in given.items():
        attribute = book.attributes.get(code)
        if attribute is None or not attribute.extra.get("custom", True):
            raise invalid("custom_fields", f"Unrecognized key(s) in object: '{code}'")
        if value is not None and not _fits(attribute, value):
            raise invalid(f"custom_fields.{code}", f"Expected {attribute.type}")
    return given


def _fits(attribute: Attribute, value: Any) -> bool:
    numbers = {option["id"] for option in options_of(attribute)}
    match attribute.type:
        case "enum":
            return value in numbers
        case "set":
            return isinstance(value, list) and bool(value) and set(value) <= numbers
        case "double" | "int":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "boolean":
            return isinstance(value, bool)
        case "address" | "monetary":
            return isinstance(value, dict) and "value" in value
        case "date":
            try:
                return bool(date.fromisoformat(value))
            except (TypeError, ValueError):
                return False
    return isinstance(value, str)


def check_entries(name: str, given: Any) -> list[Json]:
    """Addresses or numbers: {value, primary, label}, one of them primary."""
    if not isinstance(given, list) or not all(
        isinstance(row, dict) and isinstance(row.get("value"), str) for row in given
    ):
        raise invalid(name, "Expected array of {value, primary, label}")
    rows = [
        {
            "value": row["value"],
            "primary": bool(row.get("primary")),
            "label": row.get("label") or "work",
        }
        for row in given
    ]
    if rows and not any(row["primary"] for row in rows):
        rows[0]["primary"] = True
    return rows
