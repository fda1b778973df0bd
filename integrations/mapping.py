"""From a signup's fields to what a provider is sent. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from integrations.adapters.base import Contact, Field, is_blank
from integrations.adapters.errors import Reason
from integrations.dates import quoted
from integrations.entries import Entry, EntryError, check_entry, check_fixed, entries_of
from integrations.transforms import TEXT_TYPES, Unusable, join
from integrations.transforms import text as text

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


@dataclass(slots=True, kw_only=True)
class Prepared:
    """A signup made ready for one provider.

    ``notes`` are sentences on fields that were left out or got their default. With a
    ``reason`` it is not to be sent: it waits, with ``detail``, for a changed mapping.
    """

    contact: Contact
    notes: tuple[str, ...] = ()
    reason: Reason | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Filled:
    """What one entry makes of a signup; ``value`` "": the field is left out."""

    value: Any
    note: str = ""
    reason: Reason | None = None


def fill(entry: Entry, payload: Mapping[str, Any]) -> Filled:
    """A value that does not fit is never sent as something else.

    An optional field is left out for it, or gets its default; a signup with one in a
    required field waits. Whether a blank required field matters only the provider
    knows: it may have a value already.
    """
    why: Unusable | None = None
    value: Any = ""
    try:
        if not entry.source:
            return Filled(entry.fixed())
        values = [lookup(payload, name) for name in entry.source]
        value = entry.value_of(join(values, entry.steps()))
    except Unusable as error:
        why = error
    if why is None and not is_blank(value):
        return Filled(value)
    said = f"{entry.name}: {why}" if why else f"{entry.name} is empty."
    if entry.blank == "default" and entry.default:
        try:
            note = f"{said} Sent {quoted(entry.default)} instead." if why else ""
            return Filled(entry.fixed(), note)
        except Unusable as error:
            why, said = error, f"{entry.name}, what is sent instead: {error}"
    if entry.blank == "hold" or (why and entry.required):
        return Filled("", said, why.reason if why else Reason.REQUIRED_FIELD)
    return Filled("", f"{said} The field was left out." if why else "")


def prepare(payload: Mapping[str, Any], mapping: Any, tags: Sequence[str]) -> Prepared:
    """The contact for one provider, and what is to be said about it.

    ``mapping`` as it is stored: see ``entries``. Blank values are left out: they
    overwrite nothing.
    """
    return preparer(mapping, tags)(payload)


def preparer(
    mapping: Any, tags: Sequence[str]
) -> Callable[[Mapping[str, Any]], Prepared]:
    """``prepare`` for many signups of one rule, whose mapping is read once."""
    # A text that is left out when it is blank needs no more than its name.
    entries = [
        (entry, entry.source[0] if is_plain(entry) else "")
        for entry in entries_of(mapping)
    ]

    def made(payload: Mapping[str, Any]) -> Prepared:
        fields: dict[str, object] = {}
        notes: list[str] = []
        reason: Reason | None = None
        detail = ""
        for entry, name in entries:
            if name:
                value = lookup(payload, name)
                if not is_blank(value):
                    fields[entry.field] = text(value)
                continue
            filled = fill(entry, payload)
            if filled.reason is not None:
                reason = reason or filled.reason
                detail = f"{detail} {filled.note}".strip()
            elif filled.note:
                notes.append(filled.note)
            if not is_blank(filled.value):
                fields[entry.field] = filled.value
        return Prepared(
            contact=contact_of(payload, fields, tags),
            notes=tuple(notes),
            reason=reason,
            detail=detail,
        )

    return made


def is_plain(entry: Entry) -> bool:
    return entry.is_simple and entry.type in TEXT_TYPES


def contact_of(
    payload: Mapping[str, Any], fields: Mapping[str, object], tags: Sequence[str]
) -> Contact:
    at = payload.get("at")
    return Contact(
        email=payload["email"],
        fields=fields,
        tags=tuple(dict.fromkeys((*tags, *payload.get("tags", ())))),
        ip=payload.get("ip") or "",
        signed_up_at=datetime.fromisoformat(at) if at else None,
    )


def to_contact(
    payload: Mapping[str, Any], mapping: Any, tags: Sequence[str]
) -> Contact:
    """The contact alone; what does not fit is left out."""
    return prepare(payload, mapping, tags).contact


def described(entries: Iterable[Entry], known: Iterable[Field]) -> list[Entry]:
    """``entries`` with what the provider says of their fields now.

    One whose field is not among ``known`` stays as it is.
    """
    by_id = {field.id: field for field in known}
    return [
        entry.described(by_id[entry.field]) if entry.field in by_id else entry
        for entry in entries
    ]


def remembered(entries: Iterable[Entry], saved: Iterable[Entry]) -> list[Entry]:
    """``entries`` with what ``saved`` know of their fields."""
    by_field = {entry.field: entry for entry in saved}
    return [
        replace(
            entry,
            type=old.type,
            format=old.format,
            options=old.options,
            required=old.required,
            label=old.label,
        )
        if (old := by_field.get(entry.field))
        else entry
        for entry in entries
    ]


def check(
    entries: Sequence[Entry],
    known: Sequence[Field] | None,
    *,
    free: bool,
    noun: str,
    provider: str,
) -> tuple[list[Entry], dict[int, EntryError]]:
    """The entries described, and what is wrong by index.

    ``known`` are the provider's fields, None when it could not be asked. ``free``: it
    takes any field. ``noun`` is what it calls a field.
    """
    by_id = {field.id: field for field in known or ()}
    checked: list[Entry] = []
    errors: dict[int, EntryError] = {}
    used: dict[str, int] = {}
    for at, entry in enumerate(entries):
        field = by_id.get(entry.field)
        entry = entry.described(field) if field else entry
        checked.append(entry)
        try:
            if entry.field in used:
                raise EntryError(
                    "field",
                    f"{_from(entries[used[entry.field]])} goes to the same {noun}. "
                    "One of them can.",
                )
            used[entry.field] = at
            if field is None and known is not None and not free:
                raise EntryError(
                    "field",
                    f"This {noun} is not there any more. Choose another.",
                )
            if field is not None and field.read_only:
                raise EntryError(
                    "field",
                    f"{provider} fills {entry.name} itself: it is read-only. Choose "
                    f"another {noun}.",
                )
            check_entry(entry)
            check_fixed(entry)
        except EntryError as error:
            errors[at] = error
    return checked, errors


def _from(entry: Entry) -> str:
    """What an entry takes its value from, for people."""
    if not entry.source:
        return f"The fixed value {quoted(entry.constant)}"
    names = " and ".join(name.replace("_", " ") for name in entry.source)
    return names[:1].upper() + names[1:]
