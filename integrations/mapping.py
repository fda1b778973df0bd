"""From a signup's fields to what a provider is sent. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from integrations.adapters.base import Contact

OPERATORS = {
    "is": "is",
    "is_not": "is not",
    "contains": "contains",
    "starts_with": "starts with",
    "is_set": "is set",
    "is_not_set": "is not set",
}


def lookup(payload: Mapping[str, Any], field: str) -> Any:
    """A value of the snapshot by name: ``utm.campaign``, ``consent``, ``first_name``.

    A bare name is one of the signup's own fields.
    """
    head, dot, rest = field.partition(".")
    if dot and isinstance(payload.get(head), Mapping):
        return payload[head].get(rest)
    if head in payload.get("fields", {}):
        return payload["fields"][head]
    return payload.get(head)


def text(value: Any) -> str:
    """A submitted value as a provider's text field takes it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(text(item) for item in value if item not in ("", None))
    return str(value).strip()


def holds(condition: Mapping[str, Any], payload: Mapping[str, Any]) -> bool:
    """One condition ``{"field", "op", "value"}``; comparisons ignore case."""
    actual = text(lookup(payload, condition["field"])).casefold()
    wanted = text(condition.get("value", "")).casefold()
    match condition.get("op", "is"):
        case "is":
            return actual == wanted
        case "is_not":
            return actual != wanted
        case "contains":
            return wanted in actual
        case "starts_with":
            return actual.startswith(wanted)
        case "is_set":
            return bool(actual)
        case "is_not_set":
            return not actual
    raise ValueError(f"unknown operator {condition.get('op')!r}")


def matches(
    conditions: Sequence[Mapping[str, Any]], match: str, payload: Mapping[str, Any]
) -> bool:
    """Whether a signup is one that the rule is for; no condition: every signup."""
    if not conditions:
        return True
    combine = any if match == "any" else all
    return combine(holds(condition, payload) for condition in conditions)


def to_contact(
    payload: Mapping[str, Any], mapping: Mapping[str, str], tags: Sequence[str]
) -> Contact:
    """The contact for one provider. Blank values are left out: they overwrite nothing.

    ``mapping`` is signup field -> provider field id.
    """
    fields: dict[str, object] = {}
    for source, destination in mapping.items():
        value = text(lookup(payload, source))
        if value and destination:
            fields[destination] = value
    at = payload.get("at")
    return Contact(
        email=payload["email"],
        fields=fields,
        tags=tuple(dict.fromkeys((*tags, *payload.get("tags", ())))),
        ip=payload.get("ip") or "",
        signed_up_at=datetime.fromisoformat(at) if at else None,
    )
