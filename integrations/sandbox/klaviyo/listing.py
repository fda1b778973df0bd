"""Filters, sorting and pages of Klaviyo's collections."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from integrations.sandbox.klaviyo.render import refuse
from integrations.sandbox.messages import Json, Request

_FILTER = re.compile(r"([a-z-]+)\(([a-z_.]+),(.+)\)", re.DOTALL)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "greater-than": lambda a, b: a > b,
    "greater-or-equal": lambda a, b: a >= b,
    "less-than": lambda a, b: a < b,
    "less-or-equal": lambda a, b: a <= b,
}


def value_at(row: Json, path: str) -> list[Any]:
    """The values at a dotted path of a resource; lists give all of theirs."""
    found: list[Any] = [row["id"]] if path == "id" else [row["attributes"]]
    for name in () if path == "id" else path.split("."):
        nested: list[Any] = []
        for value in found:
            nested += value if isinstance(value, list) else [value]
        found = [item.get(name) for item in nested if isinstance(item, dict)]
    flat: list[Any] = []
    for value in found:
        flat += value if isinstance(value, list) else [value]
    return [value for value in flat if value is not None]


def fits(row: Json, text: str, allowed: Sequence[str]) -> bool:
    """Whether a resource passes a filter. Raises Refused for one that is not
    allowed there."""
    match = _FILTER.fullmatch(text.strip())
    if match is None or match[2] not in allowed:
        raise refuse(400, f"{text!r} is not a valid filter.", "/query/filter")
    operator, field, given = match.groups()
    values = value_at(row, field)
    if operator in _COMPARE:
        try:
            bound = datetime.fromisoformat(given)
            return any(
                _COMPARE[operator](datetime.fromisoformat(v), bound) for v in values
            )
        except (TypeError, ValueError):
            raise refuse(400, "Expected a datetime.", "/query/filter") from None
    try:
        wanted = json.loads(given.replace("'", '"') if "'" in given[:2] else given)
    except ValueError:
        raise refuse(400, f"{given!r} is not a value.", "/query/filter") from None
    if operator == "equals" and isinstance(wanted, str):
        wanted = [wanted]
    if operator not in ("equals", "any") or not isinstance(wanted, list):
        raise refuse(400, f"{operator} is not allowed here.", "/query/filter")
    lowered = {str(item).lower() for item in wanted}
    return any(str(value).lower() in lowered for value in values)


def page_of(
    rows: Sequence[Json],
    request: Request,
    *,
    filters: Sequence[str] = (),
    sorts: Sequence[str] = (),
    largest: int = 100,
    usual: int = 20,
) -> Json:
    """The page that the query asks for, with its links."""
    query = request.query
    found = list(rows)
    if text := query.get("filter"):
        found = [row for row in found if fits(row, text, filters)]
    if order := query.get("sort"):
        field = order.removeprefix("-")
        if field not in sorts:
            raise refuse(400, f"{order!r} is not a valid sort.", "/query/sort")
        found = [row for row in found if value_at(row, field)]
        found.sort(
            key=lambda row: (max(map(str, value_at(row, field))), row["id"]),
            reverse=order.startswith("-"),
        )
    size = query.get("page[size]", str(usual))
    if not size.isdecimal() or not 1 <= int(size) <= largest:
        detail = f"page[size] must be between 1 and {largest}."
        raise refuse(400, detail, "/query/page[size]")
    start = _start(query.get("page[cursor]", ""))
    links = {"self": f"{request.base_url}{request.target}"}
    end = start + int(size)
    if end < len(found):
        cursor = base64.urlsafe_b64encode(f"next:{end}".encode()).decode().rstrip("=")
        kept = {name: v for name, v in query.items() if name != "page[cursor]"}
        text = "&".join(f"{quote(n)}={quote(v, safe='')}" for n, v in kept.items())
        more = f"{text}&" if text else ""
        links["next"] = (
            f"{request.base_url}{request.path}?{more}page%5Bcursor%5D={quote(cursor)}"
        )
    return {"data": found[start:end], "links": links}


def _start(cursor: str) -> int:
    if not cursor:
        return 0
    try:
        kind, _, number = (
            base64.urlsafe_b64decode(cursor + "==").decode().partition(":")
        )
        if kind == "next" and number.isdecimal():
            return int(number)
    except ValueError:
        pass
    raise refuse(400, "Invalid page cursor.", "/query/page[cursor]")
