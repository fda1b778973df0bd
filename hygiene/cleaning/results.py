"""What became of every row: how it is stored, and reading it back."""

from __future__ import annotations

import json
import re
import zlib
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate

from hygiene.models import CleaningChunk, CleaningRun

DUPLICATE = "duplicate"
"""The tally of rows whose mailbox stood earlier in the file, whatever their verdict."""

RAW, JUDGED = CleaningChunk.Kind.RAW, CleaningChunk.Kind.JUDGED

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class JudgedRow:
    """One row of the file and the verdict on it.

    ``row`` is its number in the file (the heading is row 1), ``cells`` are the
    original ones, ``email`` the normalised address. ``duplicate_of`` is the number of
    an earlier row with the same mailbox, or ``None``.
    """

    row: int
    cells: list[str]
    email: str
    category: str
    rule: str
    evidence: str
    suggest: str
    duplicate_of: int | None

    @property
    def tally(self) -> str:
        """Where the row is counted: its category, or ``DUPLICATE``."""
        return DUPLICATE if self.duplicate_of else self.category

    @property
    def clean(self) -> bool:
        return self.category == "valid" and not self.duplicate_of


def encode(rows: list[tuple[object, ...]]) -> str:
    """Rows as text: a JSON array a line.

    ``[row, [cell, ...], email, category, rule, evidence, suggest, duplicate_of]``
    """
    return "\n".join(map(_encode, rows))


def pack(text: str) -> bytes:
    """What ``encode`` made as it is stored."""
    return zlib.compress(text.encode(), 1)


def unpack(data: bytes | memoryview) -> list[str]:
    """The stored lines. They hold no line feed but between them: JSON escapes it."""
    text = zlib.decompress(data).decode()
    return text.split("\n") if text else []


def parse(line: str) -> JudgedRow:
    return JudgedRow(*json.loads(line))


def chunk_lines(run: CleaningRun, seq: int) -> list[str]:
    data = (
        CleaningChunk.objects.filter(run=run, kind=JUDGED, seq=seq)
        .values_list("data", flat=True)
        .first()
    )
    return unpack(data) if data is not None else []


def judged_rows(run: CleaningRun, seq: int) -> Iterator[JudgedRow]:
    """The rows of one judged chunk, in the file's order; none when there is no such."""
    return map(parse, chunk_lines(run, seq))


def detailed(run: CleaningRun) -> list[tuple[int, int, dict[str, int]]]:
    """(seq, rows, counts) per judged chunk; keys are ``tally`` or ``tally:rule``."""
    return list(
        CleaningChunk.objects.filter(run=run, kind=JUDGED)
        .order_by("seq")
        .values_list("seq", "rows", "counts")
    )


def chunks(run: CleaningRun) -> list[tuple[int, int, dict[str, int]]]:
    """(seq, rows, counts per tally) of the judged chunks in the file's order."""
    return [(seq, rows, by_tally(counts)) for seq, rows, counts in detailed(run)]


def by_tally(counts: Mapping[str, int]) -> dict[str, int]:
    """Counts per rule added up per category."""
    found: Counter[str] = Counter()
    for key, count in counts.items():
        found[key.partition(":")[0]] += count
    return dict(found)


def rules_of(run: CleaningRun) -> dict[str, int]:
    """Rows per ``tally:rule`` in the whole run, most first within a category."""
    found: Counter[str] = Counter()
    for _, _, counts in detailed(run):
        found.update(counts)
    return dict(found.most_common())


def raw_pieces(run: CleaningRun) -> Iterator[bytes]:
    """The uploaded bytes, a piece at a time: no cursor stays open in between."""
    seq = 0
    while True:
        found = CleaningChunk.objects.filter(run=run, kind=RAW, seq=seq)
        data = found.values_list("data", flat=True).first()
        if data is None:
            return
        yield zlib.decompress(data)
        seq += 1


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows to show. Empty fields do not narrow; ``q`` is part of an address."""

    tally: str = ""
    rule: str = ""
    q: str = ""

    def in_chunk(self, counts: Mapping[str, int]) -> bool:
        if not self.tally and not self.rule:
            return True
        if self.tally and self.rule:
            return f"{self.tally}:{self.rule}" in counts
        if self.rule:
            return any(key.partition(":")[2] == self.rule for key in counts)
        return any(key.partition(":")[0] == self.tally for key in counts)

    def finds(self, row: JudgedRow, needle: str, column: int) -> bool:
        if self.tally and row.tally != self.tally:
            return False
        if self.rule and row.rule != self.rule:
            return False
        if not needle:
            return True
        cell = row.cells[column] if column < len(row.cells) else ""
        return needle in row.email.lower() or needle in cell.lower()


@dataclass(frozen=True, slots=True)
class Page:
    """``rows`` of a run; ``after`` leads to the following ones, ``None`` to none."""

    rows: list[JudgedRow]
    after: int | None


LOOKED_THROUGH = 250
"""Chunks opened for one page; a search that needs more goes on from there."""


def page(run: CleaningRun, wanted: Wanted, *, after: int = 0, limit: int = 50) -> Page:
    """Rows with a number above ``after`` that are wanted, in the file's order.

    May hold fewer than ``limit`` although there is more: then ``after`` is given.
    """
    column, needle = run.email_column or 0, wanted.q.strip().lower()
    parts = detailed(run)
    found: list[JudgedRow] = []
    opened = 0
    for at in range(_first_chunk(run, parts, after), len(parts)):
        seq, _, counts = parts[at]
        if not wanted.in_chunk(counts):
            continue
        if opened == LOOKED_THROUGH:
            return Page(found, after)
        opened += 1
        stored = chunk_lines(run, seq)
        for line in _likely(stored, wanted, needle):
            row = parse(line)
            if row.row > after and wanted.finds(row, needle, column):
                if len(found) == limit:
                    return Page(found, found[-1].row)
                found.append(row)
        if stored:
            after = max(after, parse(stored[-1]).row)
    return Page(found, None)


_PLAIN = re.compile(r"[\w@.+-]+", re.ASCII).fullmatch
"""What JSON writes as it is."""


def _likely(stored: Iterable[str], wanted: Wanted, needle: str) -> Iterable[str]:
    """Lines that may be wanted, found by their text: most need no parsing then."""
    if wanted.rule:
        mark = f',"{wanted.rule}",'
        stored = (line for line in stored if mark in line)
    if _PLAIN(needle):
        # Without regard to case, and much quicker than lowering every line.
        match = re.compile(re.escape(needle), re.IGNORECASE).search
        stored = (line for line in stored if match(line))
    return stored


def _first_chunk(
    run: CleaningRun, parts: list[tuple[int, int, dict[str, int]]], after: int
) -> int:
    """The index of the chunk in which the row after ``after`` is.

    A row's number is its place among the rows, plus the heading and the blank lines
    before it: so it is in the chunk of that place or in an earlier one.
    """
    if not after:
        return 0
    ends = list(accumulate(rows for _, rows, _ in parts))
    low, high = 0, len(parts)
    high = next((at for at, end in enumerate(ends) if end >= after), len(parts) - 1)
    while low < high:
        middle = (low + high) // 2
        stored = chunk_lines(run, parts[middle][0])
        if stored and parse(stored[-1]).row > after:
            high = middle
        else:
            low = middle + 1
    return max(low, 0)


class Seen:
    """The mailboxes of a file so far, with the row each first stood in.

    A table of 12 bytes per place instead of a dict: 24 MB for a million rows, whatever
    they hold. Two mailboxes share a mark once in 10^7 files of that size.
    """

    def __init__(self, rows: int) -> None:
        size = 1 << max(10, (2 * rows).bit_length())
        self._mask = size - 1
        self._marks = array("q", bytes(8 * size))
        self._rows = array("I", bytes(4 * size))

    def first(self, mailbox: str, row: int) -> int:
        """The row in which ``mailbox`` stood before, or 0; then it is remembered."""
        mark = hash(mailbox) or 1
        marks, mask = self._marks, self._mask
        at = mark & mask
        while there := marks[at]:
            if there == mark:
                return self._rows[at]
            at = (at + 1) & mask
        marks[at] = mark
        self._rows[at] = row
        return 0
