"""The field mapping of a rule or an import: what goes into which provider field. Pure.

It is stored as a list of entries, one for each provider field that is filled:

    {"field": "FNAME", "source": ["name"], "transforms": ["first_name", "title"]}
    {"field": "PHONE", "source": ["phone"], "transforms": ["phone:GB"], "type": "phone"}
    {"field": "SIZE", "source": ["size"], "blank": "default", "default": "M"}
    {"field": "ORIGIN", "constant": "popup"}

Several sources are joined. ``blank`` says what happens without a value that the field
takes: ``skip`` leaves the field out, ``default`` sends ``default``, ``hold`` keeps the
signup until the mapping is changed. ``type``, ``format``, ``options``, ``required`` and
``label`` are what the provider said of the field when the mapping was saved, so that
sending needs no question. The short form {signup field: provider field} is read too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from integrations.adapters.base import Field
from integrations.transforms import (
    Step,
    UnknownTransform,
    Unusable,
    Wanted,
    apply,
    fits_type,
    option_of,
    read_step,
)

BLANK = {
    "skip": "Leave it out",
    "default": "Send this instead",
    "hold": "Hold the signup",
}
MAX_ENTRIES = 100
MAX_NAME = 64
MAX_FIELD = 200
MAX_VALUE = 500
MAX_SOURCES = 5
MAX_STEPS = 8
MAX_OPTIONS = 1000
WHAT = frozenset({"field", "source", "transforms", "blank", "default", "constant"})


class EntryError(ValueError):
    """What is wrong with an entry; ``part`` is its key, the message says what helps."""

    def __init__(self, part: str, sentence: str) -> None:
        super().__init__(sentence)
        self.part = part


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What one provider field is filled with; see the module.

    Without ``source`` it is the ``constant``.
    """

    field: str
    source: tuple[str, ...] = ()
    transforms: tuple[str, ...] = ()
    blank: str = "skip"
    default: str = ""
    constant: str = ""
    type: str = ""
    format: str = ""
    options: tuple[str, ...] = ()
    required: bool = False
    label: str = ""

    @property
    def wanted(self) -> Wanted:
        return Wanted(type=self.type, format=self.format, options=self.options)

    @property
    def name(self) -> str:
        """What people know the provider's field by."""
        return self.label or self.field

    @property
    def is_simple(self) -> bool:
        """Whether the short form says it all."""
        plain = not self.transforms and self.blank == "skip"
        return plain and len(self.source) == 1

    def steps(self) -> list[Step]:
        """Raises UnknownTransform."""
        return [read_step(text) for text in self.transforms]

    def value_of(self, value: Any) -> Any:
        """``value`` as the field takes it. Raises Unusable."""
        return apply(value, self.steps(), self.wanted)

    def fixed(self) -> Any:
        """The constant or default as the field takes it. Raises Unusable."""
        return apply(self.default if self.source else self.constant, [], self.wanted)

    def described(self, known: Field) -> Entry:
        """The entry with what the provider says of its field now."""
        return replace(
            self,
            type=known.type,
            format=known.format,
            # Without options nothing is checked, which the provider then does.
            options=known.options if len(known.options) <= MAX_OPTIONS else (),
            required=known.required,
            label=known.label[:MAX_FIELD],
        )

    def stored(self) -> dict[str, Any]:
        """Without what has its default."""
        values = {
            each.name: getattr(self, each.name)
            for each in fields(self)
            if getattr(self, each.name) != each.default
        }
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in values.items()
        }


STORED = {each.name for each in fields(Entry)}
LISTS = ("source", "transforms", "options")


def entries_of(stored: Any) -> list[Entry]:
    """The entries of a stored mapping, of the list or of the short form."""
    if isinstance(stored, Mapping):
        return [
            Entry(field=target, source=(source,))
            for source, target in stored.items()
            if target
        ]
    return [_entry_of(each) for each in stored]


def _entry_of(stored: Mapping[str, Any]) -> Entry:
    values: dict[str, Any] = {
        name: tuple(value) if name in LISTS else value
        for name, value in stored.items()
        if name in STORED
    }
    return Entry(**values)


def stored_of(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """As it is stored."""
    return [entry.stored() for entry in entries]


def shown_of(stored: Any) -> dict[str, str] | list[dict[str, Any]]:
    """As the API shows it: the short form where that says it all, else the list."""
    entries = entries_of(stored)
    short = {entry.source[0]: entry.field for entry in entries if entry.is_simple}
    if len(short) == len(entries):
        return short
    return [
        {name: value for name, value in entry.stored().items() if name in WHAT}
        for entry in entries
    ]


def sources_of(stored: Any) -> set[str]:
    """The signup fields that a stored mapping takes values from."""
    return {source for entry in entries_of(stored) for source in entry.source}


def read_mapping(given: Any) -> list[Entry]:
    """Entries as somebody wrote them, each checked for itself.

    Takes the list, the short form, and the short form with entries as its values.
    Raises MappingError.
    """
    rows: list[tuple[str, Any, tuple[str, ...]]] = []
    if isinstance(given, Mapping):
        for source, value in given.items():
            if not 1 <= len(source) <= MAX_NAME or unstorable(source):
                raise MappingError(
                    {"": f"A signup field's name has 1 to {MAX_NAME} characters."}
                )
            rows.append((f".{source}", value, (source,)))
    elif isinstance(given, list):
        rows = [(f"[{at}]", value, ()) for at, value in enumerate(given)]
    else:
        raise MappingError({"": "Must be an object or a list of entries."})
    if len(rows) > MAX_ENTRIES:
        raise MappingError({"": f"At most {MAX_ENTRIES} fields are mapped."})
    entries, errors = [], {}
    for place, value, source in rows:
        short = bool(source) and isinstance(value, str)
        try:
            entries.append(read_entry({"field": value} if short else value, source))
        except EntryError as error:
            part = error.part and not short
            errors[f"{place}.{error.part}" if part else place] = str(error)
    if errors:
        raise MappingError(errors)
    return entries


class MappingError(ValueError):
    """What is wrong with a mapping: place below ``mapping``, as in ``[0].default`` or
    ``.first_name``, "" for the whole, to a sentence."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("; ".join(errors.values()))
        self.errors = dict(errors)


def read_entry(given: Any, source: tuple[str, ...] = ()) -> Entry:
    """One entry as somebody wrote it. Raises EntryError."""
    if not isinstance(given, Mapping):
        raise EntryError("", 'Must be a field id or an entry such as {"field": "X"}.')
    unknown = set(given) - WHAT
    if unknown:
        name = str(min(unknown, key=str))[:MAX_NAME]
        raise EntryError(name, f"Unknown. An entry has: {', '.join(sorted(WHAT))}.")
    target = _text(given, "field", MAX_FIELD)
    if not target:
        raise EntryError("field", "Name the provider's field, by an id of /fields.")
    entry = Entry(
        field=target,
        source=source or _names(given),
        transforms=_list(given, "transforms", MAX_STEPS),
        blank=_text(given, "blank", 10) or "skip",
        default=_text(given, "default", MAX_VALUE),
        constant=_text(given, "constant", MAX_VALUE),
    )
    if source and "source" in given:
        raise EntryError("source", "The name of the entry is its source already.")
    check_entry(entry)
    return replace(
        entry, transforms=tuple(str(read_step(step)) for step in entry.transforms)
    )


def check_entry(entry: Entry) -> None:
    """What can be said without the provider. Raises EntryError."""
    if bool(entry.source) == bool(entry.constant):
        raise EntryError(
            "source", "Give a source or a constant, and not both: what is sent there?"
        )
    if entry.blank not in BLANK:
        raise EntryError("blank", f"Must be one of: {', '.join(BLANK)}.")
    if (entry.blank == "default") != bool(entry.default):
        raise EntryError(
            "default", "Say what to send instead, with blank set to default."
        )
    if entry.constant and (entry.transforms or entry.blank != "skip"):
        raise EntryError("constant", "A constant is sent as it is, whatever comes in.")
    for text in entry.transforms:
        try:
            step = read_step(text)
        except UnknownTransform as error:
            raise EntryError("transforms", str(error)) from None
        if entry.type and not fits_type(step, entry.type):
            raise EntryError(
                "transforms", f"{step.name} does not fit a field of type {entry.type}."
            )


def check_fixed(entry: Entry) -> None:
    """That a constant or default is one the field takes. Raises EntryError."""
    if not entry.constant and not entry.default:
        return
    part = "default" if entry.source else "constant"
    if entry.type in ("choice", "multi_choice") and entry.options:
        given = entry.default or entry.constant
        many = entry.type == "multi_choice"
        asked = [given, *given.split(",")] if many else [given]
        if not any(option_of(each.strip(), entry.options) for each in asked):
            some = ", ".join(entry.options[:20])
            raise EntryError(
                part, f"{entry.name} takes one of: {some}. Choose one of them."
            )
    try:
        entry.fixed()
    except Unusable as error:
        raise EntryError(part, f"{entry.name}: {error}") from None


def _text(given: Mapping[str, Any], name: str, longest: int) -> str:
    value = given.get(name, "")
    if not isinstance(value, str):
        raise EntryError(name, "Must be a string.")
    if len(value) > longest or unstorable(value):
        raise EntryError(
            name, f"Must be at most {longest} characters that can be stored."
        )
    return value.strip()


def _list(given: Mapping[str, Any], name: str, most: int) -> tuple[str, ...]:
    value = given.get(name, [])
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise EntryError(name, "Must be a list of strings.")
    if len(value) > most:
        raise EntryError(name, f"At most {most}.")
    return tuple(value)


def _names(given: Mapping[str, Any]) -> tuple[str, ...]:
    value = given.get("source", [])
    one = {"source": [value] if isinstance(value, str) else value}
    names = tuple(name.strip() for name in _list(one, "source", MAX_SOURCES))
    if any(not 1 <= len(name) <= MAX_NAME or unstorable(name) for name in names):
        raise EntryError("source", f"Names have 1 to {MAX_NAME} characters.")
    return names


def unstorable(text: str) -> bool:
    return any(
        char < " " or char == "\x7f" or "\ud800" <= char <= "\udfff" for char in text
    )
