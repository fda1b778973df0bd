"""The files to download: streamed, and safe to open in a spreadsheet program."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum

from django.http import StreamingHttpResponse

from hygiene.cleaning.columns import column_names
from hygiene.cleaning.results import (
    DUPLICATE,
    JudgedRow,
    detailed,
    judged_rows,
)
from hygiene.cleaning.words import explanation, to_do
from hygiene.models import CleaningRun

ADDED = ("row", "category", "rule", "evidence", "explanation", "what_to_do", "suggest")
FORMULA = tuple("=+-@\t\r\n＝＋－＠")
"""What makes a cell a formula to some spreadsheet program (OWASP, "CSV Injection")."""
NUMBER = re.compile(r"[+-] ?[(]?[0-9][0-9 ().,/-]*")
"""A telephone or negative number: digits, brackets and separators after a sign hold
no function and no reference, so they stay as they are."""

BOM = "\ufeff"
_IGNORED = " \u00a0\u200b\x00\x0b\x0c" + BOM
_NEXT_CELL = re.compile("((?:;|(?<!^)\t)[ \u00a0]*)(?=[=@＝＠]|[-+＋－][^ 0-9;\t])")
"""Where a program that expects another delimiter would find a cell with a formula."""
LINES_AT_ONCE = 500


class Which(StrEnum):
    """``CLEAN`` and ``REJECTED`` together hold every row once, as ``ALL`` does."""

    CLEAN = "clean"
    REJECTED = "rejected"
    ALL = "all"


def safe(text: str) -> str:
    """``text`` as a cell that no spreadsheet program takes for a formula."""
    if ";" in text or "\t" in text:
        text = _NEXT_CELL.sub(r"\1'", text)
    if text and text.lstrip(_IGNORED).startswith(FORMULA):
        return text if NUMBER.fullmatch(text) else f"'{text}"
    return text


def filename(run: CleaningRun, which: Which) -> str:
    """A name for the download: ``customers-clean.csv``."""
    stem = re.sub(r"\.(csv|txt|tsv)$", "", run.filename, flags=re.IGNORECASE)
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-.") or "list"
    return f"{plain[:80]}-{which}.csv"


def lines(
    run: CleaningRun, which: Which, *, bom: bool = True, details: bool = True
) -> Iterator[str]:
    """The file, some hundred lines at a time; memory does not grow with the list.

    The original columns in their order and all original cells. ``details`` adds the
    verdict's columns; without it a file without headings has none here either.
    """
    width = len(run.columns)
    yield BOM if bom else ""
    out: list[str] = []
    write = csv.writer(_Into(out.append)).writerow
    if details:
        write([*map(safe, column_names(run.columns)), *ADDED])
    elif run.has_header:
        write(list(map(safe, run.columns)))
    for seq, _, counts in detailed(run):
        if not _holds(which, counts):
            continue
        for row in judged_rows(run, seq):
            if which is Which.ALL or row.clean == (which is Which.CLEAN):
                cells = list(map(safe, row.cells))
                if details:
                    cells += [""] * (width - len(cells))
                    cells += told(row)
                write(cells)
            if len(out) >= LINES_AT_ONCE:
                yield "".join(out)
                out.clear()
    yield "".join(out)


def response(
    run: CleaningRun, which: Which, *, bom: bool, details: bool
) -> StreamingHttpResponse:
    """The file as a download."""
    name = filename(run, which)
    return StreamingHttpResponse(
        lines(run, which, bom=bom, details=details),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


class _Into:
    """What ``csv.writer`` writes into."""

    def __init__(self, take: Callable[[str], None]) -> None:
        self.write = take


def told(row: JudgedRow) -> Sequence[str]:
    """The added cells of a row, in the order of ``ADDED``."""
    return (
        str(row.row),
        row.tally,
        f"row-{row.duplicate_of}" if row.duplicate_of else row.rule,
        safe(row.evidence),
        explanation(row),
        to_do(row),
        safe(row.suggest),
    )


def _holds(which: Which, counts: dict[str, int]) -> bool:
    tallies = {key.partition(":")[0] for key in counts}
    if which is Which.CLEAN:
        return "valid" in tallies
    return which is Which.ALL or bool(tallies - {"valid"} or DUPLICATE in tallies)
