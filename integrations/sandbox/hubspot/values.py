"""Values of properties: what fits, how they compare, how times are written."""

from __future__ import annotations

import re
from datetime import date, datetime

from integrations.sandbox.book import Attribute
from integrations.sandbox.hubspot import words
from integrations.sandbox.messages import Json


def fits(value: str | None, item: Json) -> bool:
    """Whether a property's value passes a search filter."""
    operator = item.get("operator")
    if operator in ("HAS_PROPERTY", "NOT_HAS_PROPERTY"):
        return bool((value is not None) == (operator == "HAS_PROPERTY"))
    if operator in ("IN", "NOT_IN"):
        among = (value or "").lower() in [
            str(v).lower() for v in item.get("values", [])
        ]
        return bool(among == (operator == "IN"))
    mine, other = comparable(value), comparable(str(item.get("value", "")))
    if operator == "NEQ":
        return mine != other
    if value is None:
        return False
    if operator == "CONTAINS_TOKEN":
        return str(item.get("value", "")).lower().strip("*") in value.lower()
    tests: dict[object, bool] = {
        "EQ": mine == other,
        "GT": mine > other,
        "GTE": mine >= other,
        "LT": mine < other,
        "LTE": mine <= other,
    }
    if operator not in tests:
        raise words.refused(400, f"There was a problem with the request: {operator}")
    return tests[operator]


def comparable(value: str | None) -> tuple[int, float, str]:
    """A sort key: times and numbers by size, the rest by letters."""
    text = (value or "").strip().lower()
    try:
        return (0, float(text), "")
    except ValueError:
        pass
    if re.fullmatch(r"\d{4}-\d\d-\d\dt.*z", text):
        at = datetime.fromisoformat(text.upper())
        return (0, round(at.timestamp() * 1000), "")
    return (1, 0.0, text)


def fault_of(item: Attribute, value: str) -> str:
    """The code for a value that does not fit its property, "" when it does."""
    if item.type == "number":
        return "" if re.fullmatch(r"-?\d+(\.\d+)?", value) else "INVALID_NUMBER"
    if item.type == "bool":
        return "" if value in ("true", "false") else "INVALID_OPTION"
    if item.type == "enumeration":
        good = all(part in item.options for part in value.split(";"))
        return "" if good else "INVALID_OPTION"
    if item.type in ("date", "datetime"):
        try:
            (date if item.type == "date" else datetime).fromisoformat(value)
        except ValueError:
            return "" if value.isdigit() else "INVALID_DATE"
    return ""


def stamp(text: str) -> str:
    """A time with milliseconds, as HubSpot shows it."""
    if not text:
        return ""
    at = datetime.fromisoformat(text)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
