"""Walks through lists that are sorted by the time of their rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from integrations.adapters.shapes import Row
from integrations.adapters.shared import moment, parse_place, to_place

OVERLAP = timedelta(seconds=5)

# The rows since a time (None: all) at a mark ("": the first), and the next mark.
Read = Callable[[datetime | None, str], tuple[list[Row], str]]


def stepped(read: Read, time_key: str, since: str, place: str) -> tuple[list[Row], str]:
    """A page as `Rest.turn` gives it, and the place of the next one, which begins at
    the time of this one's last row, less a little.

    Whoever changes meanwhile moves to the end, and moves others into pages that were
    read already. So marks are only used inside a stretch too dense to step over.
    """
    begun, mark = parse_place(place, str, str) or (since, "")
    start = moment(begun)
    rows, following = read(start, mark)
    if not following:
        return rows, ""
    latest = moment(rows[-1].get(time_key))
    if latest and (start is None or latest - OVERLAP > start):
        return rows, to_place((latest - OVERLAP).isoformat(), "")
    return rows, to_place(begun, following)
