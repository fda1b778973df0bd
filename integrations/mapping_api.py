"""The field mapping in bodies and answers of the API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from contactsync.api.problems import FieldError, Problem
from integrations.entries import (
    BLANK,
    MAX_ENTRIES,
    MAX_FIELD,
    MAX_NAME,
    MAX_SOURCES,
    MAX_STEPS,
    MAX_VALUE,
    Entry,
    EntryError,
    MappingError,
    read_mapping,
    shown_of,
    stored_of,
)
from integrations.mapping import check, remembered
from integrations.models import LinkedAccount
from integrations.options import read_options

HELP = (
    'Signup field to provider field id: `{"first_name": "FNAME"}`. Or a list of '
    "entries, one for each provider field: with `transforms`, several sources joined, "
    "a `constant`, or what is sent without a value that fits. See docs/mapping.md."
)
ENTRY = {
    "type": "object",
    "required": ["field"],
    "additionalProperties": False,
    "properties": {
        "field": {
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_FIELD,
            "description": "An id of the audience's /fields.",
        },
        "source": {
            "type": "array",
            "maxItems": MAX_SOURCES,
            "items": {"type": "string", "minLength": 1, "maxLength": MAX_NAME},
            "description": "Signup fields; several are joined. Or give a constant.",
        },
        "transforms": {
            "type": "array",
            "maxItems": MAX_STEPS,
            "items": {"type": "string"},
            "description": "In this order: trim, spaces, lower, upper, title, "
            "first_name, last_name, truncate:50, join:, phone:GB, "
            "date:day_first:DD/MM/YYYY, number, boolean.",
        },
        "blank": {
            "type": "string",
            "enum": list(BLANK),
            "description": "Without a value that fits: skip the field, send the "
            "default, or hold the signup.",
        },
        "default": {"type": "string", "maxLength": MAX_VALUE},
        "constant": {"type": "string", "maxLength": MAX_VALUE},
    },
}
SCHEMA = {
    "oneOf": [
        {
            "type": "object",
            "maxProperties": MAX_ENTRIES,
            "additionalProperties": {"type": "string"},
        },
        {"type": "array", "maxItems": MAX_ENTRIES, "items": ENTRY},
    ]
}


@dataclass(frozen=True, slots=True)
class Given:
    """A mapping as a caller gave it; ``named``: as an object, not as a list."""

    entries: list[Entry]
    named: bool

    def place(self, at: int, part: str) -> str:
        """The path of an entry's part, for an error."""
        if not self.named:
            return f"mapping[{at}].{part}"
        name = f"mapping.{self.entries[at].source[0]}"
        return name if self.entries[at].is_simple else f"{name}.{part}"


@extend_schema_field(SCHEMA)
class MappingField(serializers.Field):
    """Reads to ``Given``; shows the short form where that says it all."""

    def to_internal_value(self, data: Any) -> Given:
        try:
            return Given(read_mapping(data), isinstance(data, Mapping))
        except MappingError as error:
            raise ValidationError(nested(error.errors)) from None

    def to_representation(self, value: Any) -> Any:
        return shown_of(value)


def nested(errors: dict[str, str]) -> Any:
    """Places such as ``[0].default`` as the detail that names them in the answer."""
    if "" in errors:
        return [errors[""]]
    found: dict[Any, Any] = {}
    for place, sentence in errors.items():
        head, _, part = place.lstrip(".[").partition("]." if place[0] == "[" else ".")
        at: Any = int(head.rstrip("]")) if place[0] == "[" else head
        found[at] = {part: [sentence]} if part else [sentence]
    return found


def checked_mapping(
    linked: LinkedAccount,
    audience_id: str,
    given: Given,
    saved: Sequence[Entry] = (),
) -> list[dict[str, Any]]:
    """The mapping as it is stored, checked against the fields the provider has now.

    A provider that cannot be asked is taken to have them: what ``saved``, for the same
    audience, know of the fields stays. Raises Problem 422.
    """
    checked, wrong = _checked(linked, audience_id, given, saved, fresh=False)
    if wrong:  # the field may be newer than what is remembered of the provider
        checked, wrong = _checked(linked, audience_id, given, saved, fresh=True)
    errors = [
        FieldError(given.place(at, error.part), "mapping", str(error))
        for at, error in wrong.items()
    ]
    if errors:
        said = errors[0].detail if len(errors) == 1 else "Check the mapping."
        raise Problem(422, said, errors)
    return stored_of(checked)


def _checked(
    linked: LinkedAccount,
    audience_id: str,
    given: Given,
    saved: Sequence[Entry],
    *,
    fresh: bool,
) -> tuple[list[Entry], dict[int, EntryError]]:
    adapter = linked.adapter_class
    options = read_options(linked, audience_id, fresh=fresh)
    return check(
        given.entries if options.fields_read else remembered(given.entries, saved),
        options.fields if options.fields_read else None,
        free="free_fields" in adapter.supports,
        noun=adapter.field_noun,
        provider=adapter.label,
    )
