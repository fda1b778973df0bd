"""What pages and files say about runs, categories and rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hygiene.catalogue import RULES
from hygiene.cleaning.judging import LONG, NUL, SHORT, UNREADABLE
from hygiene.cleaning.reading import CELL_MAX, LINE_MAX, OPEN_QUOTE, TOO_LARGE
from hygiene.cleaning.results import DUPLICATE, JudgedRow
from hygiene.models import CleaningRun
from hygiene.verdict import Category

Status = CleaningRun.Status

TONES = {
    Status.UPLOADED: "info",
    Status.QUEUED: "info",
    Status.RUNNING: "info",
    Status.PAUSED: "warn",
    Status.CANCELLED: "plain",
    Status.DONE: "ok",
    Status.FAILED: "bad",
}

TALLIES: dict[str, tuple[str, str]] = {
    Category.VALID: ("Clean", "Looks like one person's working address."),
    DUPLICATE: (
        "Duplicate",
        "The same mailbox stands earlier in the file; that row counts.",
    ),
    Category.SYNTAX: ("Not an address", "Mail cannot be sent to what is written."),
    Category.BOT: ("Bot", "Made by a program, or typed to get past a form."),
    Category.ROLE: (
        "Role address",
        "A shared mailbox such as info@ or sales@: nobody consents for the others.",
    ),
    Category.BROADCAST: (
        "Broadcast address",
        "A mailing list or a group: its people have not consented one by one.",
    ),
    Category.TRANSACTIONAL: (
        "Transactional address",
        "A no-reply, bounce or relay address that nobody reads.",
    ),
    Category.DISPOSABLE: (
        "Disposable address",
        "A mailbox made to be thrown away after minutes.",
    ),
    Category.SUPPRESSED: (
        "Suppressed",
        "Unsubscribed, complained or bounced before: nothing may be sent.",
    ),
    Category.DENIED: (
        "On your never-accept list",
        "You listed the address or its domain.",
    ),
}
"""Every tally in the order of the page: a name, and one sentence."""

NOTES = {
    OPEN_QUOTE: (
        "A quotation mark is never closed",
        "The row was read without quotation marks, so its cells may have moved. Check "
        "it, or put the missing mark into the file.",
    ),
    TOO_LARGE: (
        "The row is too large to be one",
        f"A cell holds more than {CELL_MAX:,} characters or the line more than "
        f"{LINE_MAX:,}. The row was refused; mend it in the file.",
    ),
    SHORT: (
        "The row ends before the email column",
        "It counts as an empty address. Check whether a delimiter is missing.",
    ),
    LONG: (
        "The row has more cells than there are headings",
        "A delimiter inside a cell without quotation marks moves the cells after it.",
    ),
    NUL: (
        "The row holds NUL characters",
        "They were kept. Export the list anew if the text looks wrong.",
    ),
    UNREADABLE: (
        "The row holds bytes that are not text in the chosen encoding",
        "They show as \ufffd. Upload the file again and choose another encoding.",
    ),
}
"""Remarks on rows: what is wrong, and what to do about it."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One line of the tally; ``rules`` are (name, rows) below it."""

    key: str
    label: str
    sentence: str
    rows: int
    share: float
    rules: list[tuple[str, int]]


def bars(counts: Mapping[str, int], by_rule: Mapping[str, int]) -> list[Bar]:
    """The tally of a run; clean and duplicate rows always, others where there are."""
    total = sum(counts.values()) or 1
    shown = []
    for key, (label, sentence) in TALLIES.items():
        rows = counts.get(key, 0)
        if rows or key in (Category.VALID, DUPLICATE):
            rules = [
                (name.partition(":")[2], number)
                for name, number in by_rule.items()
                if name.startswith(f"{key}:")
            ]
            shown.append(Bar(key, label, sentence, rows, 100 * rows / total, rules))
    return shown


@dataclass(frozen=True, slots=True)
class Note:
    title: str
    remedy: str
    where: str


def notes(run: CleaningRun) -> list[Note]:
    """The run's remarks as sentences that name rows."""
    return [_note(note) for note in run.notes if note["code"] in NOTES]


def _note(note: Mapping[str, Any]) -> Note:
    title, remedy = NOTES[note["code"]]
    named = ", ".join(f"{row:,}" for row in note["rows"])
    more = note["count"] - len(note["rows"])
    where = f"Row{'s' if note['count'] > 1 else ''} {named}"
    return Note(title, remedy, f"{where} and {more:,} more" if more else where)


def explanation(row: JudgedRow) -> str:
    """What the verdict means, in one sentence."""
    if row.duplicate_of:
        return f"The same mailbox as in row {row.duplicate_of}."
    if row.rule == TOO_LARGE:
        return f"{NOTES[TOO_LARGE][0]}."
    known = RULES.get((Category(row.category), row.rule))
    return known.what if known else TALLIES[row.category][1]


def to_do(row: JudgedRow) -> str:
    """What to do about it."""
    if row.duplicate_of:
        return "Nothing to do: the earlier row counts."
    if row.suggest:
        return f"Did they mean {row.suggest}?"
    if row.rule == TOO_LARGE:
        return NOTES[TOO_LARGE][1]
    known = RULES.get((Category(row.category), row.rule))
    return known.todo if known else ""
