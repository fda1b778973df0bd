"""The lines of a field mapping while it is edited: from entries, the form, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict

from integrations.adapters.base import Field
from integrations.countries import countries
from integrations.entries import BLANK, MAX_ENTRIES, MAX_SOURCES, Entry
from integrations.transforms import FORMATS, TEXT_TYPES

MAP = "map:"
# Keys of lines that somebody added: a field once more or joined, and a fixed value.
ADDED, FIXED = "+", "="
PARTS = {
    "": "All of it",
    "first_name": "First name only",
    "last_name": "Last name only",
}
CASES = {
    "": "As submitted",
    "title": "Like a Name",
    "lower": "lower case",
    "upper": "UPPER CASE",
}
ORDERS = {
    "": "Only dates that are certain",
    "day_first": "Day first: 31/12",
    "month_first": "Month first: 12/31",
}
DATES = tuple(FORMATS)
# What a field's type does to a value by itself, in words.
IMPLIED = {
    "phone": "As an international number",
    "number": "As a number",
    "boolean": "As yes or no",
    "choice": "One of its options",
    "multi_choice": "Those of its options",
}


@dataclass(slots=True, kw_only=True)
class Row:
    """One line of the form. ``key`` is a signup field's name, or of an added line.

    ``kept`` are transforms that the form has no controls for: they stay as they are.
    """

    key: str
    target: str = ""
    sources: list[str] = field(default_factory=list)
    constant: str = ""
    part: str = ""
    case: str = ""
    country: str = ""
    order: str = ""
    blank: str = "skip"
    default: str = ""
    kept: tuple[str, ...] = ()

    @property
    def is_fixed(self) -> bool:
        return self.key.startswith(FIXED)

    @property
    def is_added(self) -> bool:
        return self.key.startswith((ADDED, FIXED))

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be sent."""
        return not (self.target or (self.is_added and (self.sources or self.constant)))

    @property
    def id(self) -> str:
        """For the page: the key may hold anything."""
        return f"map-{self.key.encode().hex()}"

    def transforms(self, type: str) -> tuple[str, ...]:
        """Those that fit a field of ``type``."""
        if self.kept:
            return self.kept
        steps = []
        if type in TEXT_TYPES:
            steps = [self.part, self.case]
        elif type == "phone" and self.country:
            steps = [f"phone:{self.country}"]
        elif type in DATES and self.order:
            steps = [f"date:{self.order}"]
        return tuple(step for step in steps if step)

    def entry(self, known: Field | None) -> Entry:
        """As it is stored; ``known`` is its field as far as it is known."""
        made = Entry(
            field=self.target,
            source=() if self.is_fixed else tuple(self.sources or [self.key]),
            transforms=() if self.is_fixed else self.transforms(known_type(known)),
            blank=self.blank if not self.is_fixed else "skip",
            default=self.default
            if self.blank == "default" and not self.is_fixed
            else "",
            constant=self.constant if self.is_fixed else "",
        )
        return made.described(known) if known else made


def known_type(known: Field | None) -> str:
    return known.type if known else ""


def rows_of(entries: Iterable[Entry]) -> list[Row]:
    """The lines that a stored mapping is shown as."""
    rows: list[Row] = []
    taken: set[str] = set()
    for entry in entries:
        if not entry.source:
            rows.append(Row(key=new_key(rows, FIXED), constant=entry.constant))
        elif len(entry.source) == 1 and entry.source[0] not in taken:
            rows.append(Row(key=entry.source[0]))
            taken.add(entry.source[0])
        else:
            rows.append(Row(key=new_key(rows, ADDED), sources=list(entry.source)))
        row = rows[-1]
        row.target, row.blank, row.default = entry.field, entry.blank, entry.default
        _show_transforms(row, entry)
    return rows


def _show_transforms(row: Row, entry: Entry) -> None:
    given = entry.transforms
    row.part = next((step for step in given if step and step in PARTS), "")
    row.case = next((step for step in given if step and step in CASES), "")
    for step in given:
        name, _, rest = step.partition(":")
        if name == "phone":
            row.country = rest
        elif name == "date" and rest in ORDERS:
            row.order = rest
    if row.transforms(entry.type) != given:
        row.kept = given


def new_key(rows: Sequence[Row], kind: str) -> str:
    taken = {row.key for row in rows}
    return next(
        key for at in range(1, len(rows) + 2) if (key := f"{kind}{at}") not in taken
    )


def rows_of_post(data: QueryDict) -> list[Row]:
    """The lines as they came; nothing is checked yet, only cut to size."""
    rows: list[Row] = []
    for name in list(data):
        if not name.startswith(MAP) or len(rows) >= MAX_ENTRIES:
            continue
        key = name[len(MAP) :]

        def given(what: str, most: int = 500, key: str = key) -> str:
            return str(data.get(f"{what}:{key}", "")).strip()[:most]

        country, blank = given("country"), given("blank")
        row = Row(
            key=key,
            target=given("map", 201),
            sources=[
                str(source)
                for source in data.getlist(f"source:{key}")[:MAX_SOURCES]
                if source
            ],
            constant=given("constant"),
            part=given("part") if given("part") in PARTS else "",
            case=given("case") if given("case") in CASES else "",
            country=country if country in countries() else "",
            order=given("order") if given("order") in ORDERS else "",
            blank=blank if blank in BLANK else "skip",
            default=given("default"),
        )
        if given("keep") == "on":
            row.kept = tuple(data.getlist(f"kept:{key}")[:8])
        rows.append(row)
    return rows


def apply_row_action(rows: list[Row], action: str) -> list[Row]:
    """``add_field``, ``add_fixed``, ``fix:CITY``, ``remove_row:+1``: buttons."""
    name, _, given = action.partition(":")
    if name == "remove_row":
        return [row for row in rows if row.key != given or not row.is_added]
    if name in ("add_field", "add_fixed", "fix") and len(rows) < MAX_ENTRIES:
        kind = ADDED if name == "add_field" else FIXED
        return [*rows, Row(key=new_key(rows, kind), target=given)]
    return rows


@dataclass(frozen=True, slots=True, kw_only=True)
class MapRow:
    """A line as the page shows it. ``known``: its field, as far as it is known."""

    row: Row
    label: str
    error: str
    known: Field | None
    missing: bool  # the mapped field is not among those the provider offers
    names: Mapping[str, str]

    @property
    def type(self) -> str:
        return known_type(self.known)

    @property
    def takes_text(self) -> bool:
        return self.type in TEXT_TYPES

    @property
    def takes_date(self) -> bool:
        return self.type in DATES

    @property
    def options(self) -> tuple[str, ...]:
        """What a fixed or default value is chosen from; none: any may be entered."""
        known = self.known
        return known.options if known and known.type == "choice" else ()

    @property
    def sources(self) -> list[str]:
        """The chosen sources and an empty one to choose another, two at least."""
        chosen = self.row.sources
        return [*chosen, *[""] * max(2 - len(chosen), 1)][:MAX_SOURCES]

    @property
    def words(self) -> str:
        """What happens to the value, in a line."""
        row = self.row
        if row.kept:
            said = [f"Set through the API: {', '.join(row.kept)}"]
        elif self.takes_text:
            said = [PARTS[row.part]] if row.part else []
            said += [CASES[row.case]] if row.case or not said else []
        elif self.takes_date:
            assert self.known is not None
            format = self.known.format or FORMATS[self.type]
            said = [f"Date as {format}" if "D" in format else "As a date"]
            said += [ORDERS[row.order]] if row.order else []
        else:
            said = [IMPLIED.get(self.type, "As submitted")]
            said += [countries()[row.country]] if row.country else []
        if row.blank == "default" and row.default:
            said.append(f"otherwise “{row.default}”")
        elif row.blank == "hold":
            said.append("otherwise held")
        return " · ".join(said)


CHOICES: dict[str, Any] = {
    "parts": PARTS,
    "cases": CASES,
    "orders": ORDERS,
    "blanks": BLANK,
}
