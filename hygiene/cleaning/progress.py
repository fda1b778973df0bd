"""How far a run is, how fast, and how long it still takes."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from hygiene.cleaning.results import JUDGED
from hygiene.models import CleaningChunk, CleaningRun

LATEST = 20
"""Chunks by which the speed is told."""
GAP_SECONDS = 10.0
"""Between two chunks: more is a pause, not work."""


@dataclass(frozen=True, slots=True)
class Progress:
    """``rate`` is rows a second, ``seconds_left`` a guess; ``None``: not known yet."""

    done: int
    total: int
    rate: int | None
    seconds_left: int | None

    @property
    def percent(self) -> int:
        return 100 * self.done // self.total if self.total else 0


def progress(run: CleaningRun) -> Progress:
    rate = _rate(run) if run.status == CleaningRun.Status.RUNNING else None
    left = (run.rows_total - run.rows_done) // rate + 1 if rate else None
    return Progress(run.rows_done, run.rows_total, rate, left)


def _rate(run: CleaningRun) -> int | None:
    """By when the latest chunks were written, which their ids tell."""
    latest = CleaningChunk.objects.filter(run=run, kind=JUDGED).order_by("-seq")
    found = list(latest.values_list("id", "rows")[:LATEST])
    rows, seconds = 0, 0.0
    for (later, count), (earlier, _) in zip(found, found[1:], strict=False):
        took = _seconds(later) - _seconds(earlier)
        if 0 <= took < GAP_SECONDS:
            rows, seconds = rows + count, seconds + took
    return int(rows / seconds) if seconds > 0 else None


def _seconds(uuid7: UUID) -> float:
    """The time in an id: its first 48 bits are milliseconds (RFC 9562)."""
    return (uuid7.int >> 80) / 1000
