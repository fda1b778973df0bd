"""The little that two engines need to share one raw statement."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection


def is_postgres() -> bool:
    return connection.vendor == "postgresql"


def value(item: Any) -> Any:
    """``item`` as the engine's driver stores it (SQLite: UUID as hex, time as text)."""
    if is_postgres():
        return json.dumps(item) if isinstance(item, dict) else item
    match item:
        case UUID():
            return item.hex
        case datetime():
            return connection.ops.adapt_datetimefield_value(item)
        case dict() | list():
            return json.dumps(item)
    return item


def values(items: Iterable[Any]) -> list[Any]:
    return [value(item) for item in items]


def rows(sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Run one statement and fetch what it returns."""
    with connection.cursor() as cursor:
        cursor.execute(sql, values(params))
        return list(cursor.fetchall()) if cursor.description else []


def as_json(item: Any) -> Any:
    """A JSON column as a driver gives it back: parsed by one, text by the other."""
    return json.loads(item) if isinstance(item, str) else item


def as_uuid(item: Any) -> UUID:
    return item if isinstance(item, UUID) else UUID(item)
