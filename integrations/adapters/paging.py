"""Reading all of what a provider gives page by page, or takes so many at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from integrations.adapters.shapes import unreadable

Place = TypeVar("Place", str, int, str | int)
Item = TypeVar("Item")


def all_pages(
    read: Callable[[Place], tuple[Iterable[Item], Place | None]], start: Place
) -> Iterator[Item]:
    """The items of all pages. `read` gives those of the page at a place, and the place
    of the next page; None, "" or 0 at the end.

    Raises TransientError where a provider names a place twice, or has the same at two
    numbered ones in a row: its pages would never end.
    """
    seen: set[str | int] = set()
    place: Place | None = start
    before: list[Item] = []
    while place is not None:
        found, following = read(place)
        page = list(found)
        seen.add(place)
        stuck = isinstance(place, int) and page and page == before
        if stuck or (following and following in seen):
            raise unreadable()
        yield from page
        place, before = following or None, page


def batches(items: Sequence[Item], most: int) -> Iterator[Sequence[Item]]:
    """The items, up to so many at a time."""
    for start in range(0, len(items), most):
        yield items[start : start + most]
