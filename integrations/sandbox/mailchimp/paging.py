"""`count` and `offset`."""

from __future__ import annotations

from typing import TypeVar

from integrations.sandbox.mailchimp import problems

MAX_COUNT = 1_000
DEFAULT_COUNT = 10

Row = TypeVar("Row")


def page(query: dict[str, str], rows: list[Row]) -> tuple[list[Row], int]:
    """The asked-for rows and how many there are in all. Raises Problem."""
    count = _whole(query, "count", DEFAULT_COUNT, MAX_COUNT)
    offset = _whole(query, "offset", 0, None)
    return rows[offset : offset + count], len(rows)


def _whole(query: dict[str, str], name: str, default: int, most: int | None) -> int:
    text = query.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit():
        raise problems.invalid((name, "Schema describes integer, string found instead"))
    value = int(text)
    if most is not None and value > most:
        raise problems.invalid((name, f"This value should be {most} or less."))
    return value
