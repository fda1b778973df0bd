"""iContact's searches: a term per field, operators, sorting, paging."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from integrations.sandbox.booked import Refused
from integrations.sandbox.messages import Json, json_response

USUAL_LIMIT = 20  # when none is asked for
MOST = 500
PAGING = ("limit", "offset", "orderby")

Row = Mapping[str, Any]


def refused(status: int, *words: str) -> Refused:
    """iContact's form of an error."""
    return Refused(json_response({"errors": list(words)}, status))


def page(name: str, rows: Sequence[Row], query: Mapping[str, str]) -> Json:
    """The rows that a query asks for, as a collection answers."""
    terms = {
        key: value
        for key, value in query.items()
        if key not in PAGING and not key.endswith("SearchType")
    }
    found = [row for row in rows if all(_fits(row, k, query) for k in terms)]
    for key in reversed(query.get("orderby", "").split(",")):
        field, _, way = key.partition(":")
        if field:
            found.sort(key=lambda row: _order(row.get(field)), reverse=way == "desc")
    limit = _whole(query, "limit", USUAL_LIMIT) or USUAL_LIMIT
    offset = _whole(query, "offset", 0)
    limit = min(limit, MOST)
    return {
        name: found[offset : offset + limit],
        "total": len(found),
        "limit": limit,
        "offset": offset,
    }


def _whole(query: Mapping[str, str], name: str, usual: int) -> int:
    text = query.get(name, "")
    if text and not text.isdecimal():
        raise refused(400, f"{name} must be a whole number")
    return int(text) if text else usual


def _fits(row: Row, field: str, query: Mapping[str, str]) -> bool:
    wanted = query[field]
    if not wanted or field not in row:
        return False  # "a term without a value gives no rows"
    have = _order(row[field])
    kind = query.get(f"{field}SearchType", "eq")
    if kind == "bet":
        low, _, high = wanted.partition(",")
        return _order(low) <= have <= _order(high)
    if kind in COMPARED:
        return COMPARED[kind](have, _order(wanted))
    shape = ".*".join(re.escape(part) for part in wanted.split("*"))
    return re.fullmatch(shape, str(row[field]), re.IGNORECASE) is not None


def _order(value: object) -> tuple[float, str]:
    """Numbers by their value, before all other texts."""
    text = "" if value is None else str(value)
    return (float(text), "") if text.isdecimal() else (float("inf"), text.lower())


COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "gt": lambda have, wanted: have > wanted,
    "gte": lambda have, wanted: have >= wanted,
    "lt": lambda have, wanted: have < wanted,
    "lte": lambda have, wanted: have <= wanted,
}
