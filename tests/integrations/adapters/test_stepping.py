"""Walks by time: whoever changes meanwhile moves to the end, and nobody is missed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from integrations.adapters.errors import Reason, RejectedError
from integrations.adapters.stepping import stepped

SIZE = 3


class People:
    """A list by the time of the last change, in pages of three."""

    def __init__(self, *seconds: int) -> None:
        self.rows: list[Any] = [
            {"id": number, "at": 1_800_000_000 + second}
            for number, second in enumerate(seconds)
        ]

    def read(self, since: datetime | None, mark: str) -> tuple[list[Any], str]:
        start = since.timestamp() if since else 0
        found = sorted(
            (row for row in self.rows if row["at"] >= start), key=lambda row: row["at"]
        )
        first = int(mark or 0)
        more = len(found) > first + SIZE
        return found[first : first + SIZE], str(first + SIZE) if more else ""

    def walk(self, since: str = "", change: int | None = None) -> list[int]:
        """The ids of a whole walk; `change` is touched after the first page."""
        seen, place = [], ""
        for turn in range(20):
            rows, place = stepped(self.read, "at", since, place)
            seen += [row["id"] for row in rows]
            if turn == 0 and change is not None:
                self.rows[change]["at"] = 1_800_000_000 + 900
            if not place:
                return seen
        raise AssertionError("it never ends")


def test_everybody_even_where_many_share_a_second() -> None:
    spread = People(*range(0, 100, 7))
    assert set(spread.walk()) == set(range(15))
    assert set(People(*[5] * 10, 30).walk()) == set(range(11))


@pytest.mark.parametrize("change", [0, 1, 2])
def test_who_changes_meanwhile_hides_nobody(change: int) -> None:
    people = People(*range(0, 100, 10))
    assert set(people.walk(change=change)) == set(range(10))


def test_what_came_since() -> None:
    people = People(*range(0, 100, 10))
    assert set(people.walk(since="2027-01-15T08:00:45+00:00")) == {5, 6, 7, 8, 9}


def test_a_foreign_place_is_expired() -> None:
    with pytest.raises(RejectedError) as caught:
        stepped(People(1).read, "at", "", "[1]")
    assert caught.value.reason is Reason.CURSOR_EXPIRED
