"""Judging a batch of rows: pure work on one processor, no data base."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from hygiene.case import Facts, Lookup, Person
from hygiene.cleaning.reading import OPEN_QUOTE, REPLACED, TOO_LARGE, Record
from hygiene.cleaning.results import DUPLICATE, Seen, encode, pack
from hygiene.judge import judge
from hygiene.models import CleaningRun
from hygiene.policy import Policy
from hygiene.verdict import Category, printable

SYNTAX, VALID = Category.SYNTAX.value, Category.VALID.value
READER = "csv@reader"
"""Source in the evidence of a row that could not be read."""

NO_COLUMN = 2**31

SHORT, LONG, NUL, UNREADABLE = "short", "long", "nul", "unreadable"
"""Remarks on rows, beside the problems of ``reading``."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Where in a row the address and the names are, and how many cells are usual.

    ``NO_COLUMN`` lies beyond every row.
    """

    email: int
    first_name: int
    last_name: int
    width: int

    @classmethod
    def of(cls, run: CleaningRun) -> Columns:
        """The columns chosen for a run; as many cells as headings, if there are any."""
        named = [at for at, name in enumerate(run.columns, 1) if name]
        places = (run.email_column, run.first_name_column, run.last_name_column)
        email, first, last = (NO_COLUMN if at is None else at for at in places)
        return cls(email, first, last, max(named, default=len(run.columns)))


@dataclass(slots=True)
class Judged:
    """A batch's result as it is stored, and what was remarkable: code to rows."""

    data: bytes
    rows: int
    counts: dict[str, int]
    remarks: dict[str, list[int]] = field(default_factory=dict)


def judge_batch(
    batch: list[Record],
    columns: Columns,
    *,
    facts: Facts,
    policy: Policy,
    suppressed: Lookup | None,
    seen: Seen,
) -> Judged:
    """Judge the rows in order; ``seen`` knows the mailboxes of the rows before."""
    out: list[tuple[object, ...]] = []
    counts: Counter[str] = Counter()
    remarks: dict[str, list[int]] = {}
    email, first_name, last_name = columns.email, columns.first_name, columns.last_name
    named = min(first_name, last_name) < NO_COLUMN
    for row, cells, problem in batch:
        size = len(cells)
        if size != columns.width or problem:
            _remark(remarks, row, size, problem, columns)
        if problem == TOO_LARGE:
            out.append(_refused(row, cells))
            counts[f"{SYNTAX}:{TOO_LARGE}"] += 1
            continue
        address = cells[email] if email < size else ""
        person = None
        if named:
            first = cells[first_name] if first_name < size else ""
            last = cells[last_name] if last_name < size else ""
            if first or last:
                person = Person(first, last)
        verdict = judge(
            address, facts=facts, policy=policy, person=person, suppressed=suppressed
        )
        category, finding = verdict.category.value, verdict.finding
        mailbox, earlier = verdict.address, 0
        if category != SYNTAX:
            earlier = seen.first(mailbox.lower(), row)
        rule, evidence = "", ""
        if finding is not None:
            rule, evidence = finding.rule, finding.evidence
        counts[_tally(category, rule, earlier)] += 1
        out.append(
            (
                *(row, cells, mailbox, category, rule, evidence),
                *(verdict.suggest, earlier or None),
            )
        )
    text = encode(out)
    _remark_text(remarks, text, batch)
    return Judged(pack(text), len(out), dict(counts), remarks)


def _tally(category: str, rule: str, earlier: int) -> str:
    if earlier:
        return DUPLICATE
    return f"{category}:{rule}" if rule else category


def _refused(row: int, cells: list[str]) -> tuple[object, ...]:
    evidence = f"{SYNTAX}:{TOO_LARGE}:{printable(''.join(cells[:1]))}:{READER}"
    return (row, cells, "", SYNTAX, TOO_LARGE, evidence, "", None)


def _remark(
    remarks: dict[str, list[int]], row: int, size: int, problem: str, columns: Columns
) -> None:
    if problem in (OPEN_QUOTE, TOO_LARGE):
        remarks.setdefault(problem, []).append(row)
    elif size <= columns.email:
        remarks.setdefault(SHORT, []).append(row)
    elif size > columns.width:
        remarks.setdefault(LONG, []).append(row)


def _remark_text(remarks: dict[str, list[int]], text: str, batch: list[Record]) -> None:
    """Look for bytes that made no sense; most batches hold none."""
    for code, char, stored in (
        (UNREADABLE, REPLACED, REPLACED),
        (NUL, "\0", "\\u0000"),
    ):
        if stored in text:
            found = [row for row, cells, _ in batch if char in "".join(cells)]
            if found:
                remarks.setdefault(code, []).extend(found)
