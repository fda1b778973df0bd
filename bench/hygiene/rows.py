"""The labelled sets: addresses, what each of them is, and where that is known from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from hygiene.case import Person
from hygiene.verdict import Category

SETS = Path(__file__).parent / "sets"

SPLITS = ("dev", "held")
"""Failures in ``dev`` may be read one by one; of ``held`` only shares are looked at."""

CATEGORIES = (
    Category.VALID,
    Category.SYNTAX,
    Category.DISPOSABLE,
    Category.ROLE,
    Category.BROADCAST,
    Category.TRANSACTIONAL,
    Category.BOT,
)

_ESCAPE = re.compile(r"\\(\\|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})")


@dataclass(frozen=True, slots=True)
class Row:
    """One labelled address, with the name given beside it where there is one."""

    category: Category
    stratum: str
    source: str
    address: str
    first_name: str = ""
    last_name: str = ""

    @property
    def person(self) -> Person | None:
        if not (self.first_name or self.last_name):
            return None
        return Person(self.first_name, self.last_name)


def unescape(text: str) -> str:
    r"""Read ``\xNN``, ``\uNNNN``, ``\UNNNNNNNN`` and ``\\``: how odd characters stand
    in a table."""
    if "\\" not in text:
        return text
    return _ESCAPE.sub(lambda m: "\\" if m[1] == "\\" else chr(int(m[1][1:], 16)), text)


def read(path: Path) -> list[Row]:
    """Read one file: tab-separated category, stratum, source, address, first, last.

    The two names may be missing; lines that start with ``#`` say where the rows come
    from. Raises ``ValueError``, naming the line, for anything else.
    """
    rows = []
    lines = path.read_text(encoding="utf-8").split("\n")
    for number, line in enumerate(lines, start=1):
        if not line or line.startswith("#"):
            continue
        fields = line.split("\t")
        if not 4 <= len(fields) <= 6 or not all(fields[:3]):
            raise ValueError(f"{path.name}:{number}: not a row: {line!r}")
        category, stratum, source, address, *names = fields
        rows.append(Row(Category(category), stratum, source, unescape(address), *names))
    return rows


def load(split: str) -> list[Row]:
    """Read every file of one split, in the order of their names."""
    return [row for path in sorted((SETS / split).glob("*.tsv")) for row in read(path)]
