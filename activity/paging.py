"""Pages that begin after a row, not at a number, so new rows shift nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Model, Q, QuerySet

M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class Page:
    """``rows`` of a page, and the ``?after=`` that gets the next ("" at the end)."""

    rows: Sequence[Any]
    after: str


def by_last_seen(queryset: QuerySet[Any], after: str, size: int) -> Page:
    """Newest first by (last_seen_at, id).

    A contact who comes back moves to the front, so it may be seen twice by somebody who
    pages on and starts again, and is never lost. An ``after`` that cannot be read gives
    the first page.
    """
    place = read_place(after)
    if place:
        at, pk = place
        # The first condition is implied by the second, and is what the index can use.
        queryset = queryset.filter(last_seen_at__lte=at).filter(
            Q(last_seen_at__lt=at) | Q(last_seen_at=at, pk__lt=pk)
        )
    rows = list(queryset.order_by("-last_seen_at", "-id")[: size + 1])
    last = rows[size - 1] if len(rows) > size else None
    return Page(
        rows[:size], f"{last.last_seen_at.isoformat()}~{last.pk}" if last else ""
    )


def read_place(after: str) -> tuple[datetime, UUID] | None:
    """The moment, in UTC, and the id that ``after`` names; None if it names none."""
    moment, tilde, pk = after.partition("~")
    try:
        at = datetime.fromisoformat(moment)
        return (at.astimezone(UTC), UUID(pk)) if tilde and at.tzinfo else None
    except (ValueError, OverflowError):  # year 1 or 9999 may have no moment in UTC
        return None


def by_id(queryset: QuerySet[Any], after: str, size: int) -> Page:
    """Newest first by a bigint id."""
    if after.isdecimal() and len(after) < 19:
        queryset = queryset.filter(pk__lt=int(after))
    rows = list(queryset.order_by("-id")[: size + 1])
    more = len(rows) > size
    return Page(rows[:size], str(rows[size - 1].pk) if more else "")
