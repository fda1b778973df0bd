"""The little that two engines need to share one raw statement."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

from django.db import DatabaseError, connection

PLACEHOLDER = re.compile(r"%\((\w+)\)s")
UNKNOWN_STATEMENT = "26000"
DUPLICATE_STATEMENT = "42P05"


class _Sessions(threading.local):
    """Which statements the connection of this thread has prepared."""

    session: Any = None
    known: set[str] | None = None


_sessions = _Sessions()


def is_postgres() -> bool:
    return connection.vendor == "postgresql"


def value(item: Any) -> Any:
    """``item`` as the engine's driver stores it."""
    if is_postgres():
        return json.dumps(item) if isinstance(item, dict) else item
    return sqlite_value(item)


def sqlite_value(item: Any) -> Any:
    """UUIDs as hex, times as text in UTC, the way Django's models keep them."""
    if item is None or isinstance(item, (str, int)):
        return item
    if isinstance(item, UUID):
        return item.hex
    if isinstance(item, datetime):
        return str(item.astimezone(UTC).replace(tzinfo=None))
    return json.dumps(item) if isinstance(item, (dict, list)) else item


def values(items: Iterable[Any]) -> list[Any]:
    convert = value if is_postgres() else sqlite_value
    return [convert(item) for item in items]


def rows(
    sql: str, params: Sequence[Any] = (), *, lax: bool = False
) -> list[tuple[Any, ...]]:
    """Run one statement and fetch what it returns.

    ``lax``: a crash of PostgreSQL may forget it, so nobody waits for the disk. For what
    the next durable statement makes durable too, or what may be lost. In a transaction
    it is as durable as that.
    """
    if lax and is_postgres() and not connection.in_atomic_block:
        sql = f"SET LOCAL synchronous_commit TO off; {sql}"
    with connection.cursor() as cursor:
        cursor.execute(sql, values(params))
        return list(cursor.fetchall()) if cursor.description else []


def as_json(item: Any) -> Any:
    """A JSON column as a driver gives it back: parsed by one, text by the other."""
    return json.loads(item) if isinstance(item, str) else item


def as_uuid(item: Any) -> UUID:
    return item if isinstance(item, UUID) else UUID(item)


class Prepared:
    """A statement that PostgreSQL plans once per connection, not once per call.

    Planning a statement of several parts costs it more than running it. Named
    parameters, ``%(name)s``. Behind a pooler that hands out another session for
    every transaction the statement is not there: then it is sent in full.
    """

    def __init__(self, name: str, sql: str) -> None:
        order: list[str] = []

        def number(match: re.Match[str]) -> str:
            if match[1] not in order:
                order.append(match[1])
            return f"${order.index(match[1]) + 1}"

        self.name = name
        self.sql = sql
        self._prepare = f"PREPARE {name} AS {PLACEHOLDER.sub(number, sql)}"
        self._execute = f"EXECUTE {name} ({', '.join(f'%({n})s' for n in order)})"

    def one(self, params: Mapping[str, Any]) -> tuple[Any, ...]:
        """Run it and return its only row."""
        with connection.cursor() as cursor:
            if self._ready(cursor):
                try:
                    cursor.execute(self._execute, params)
                    return cast(tuple[Any, ...], cursor.fetchone())
                except DatabaseError as error:
                    if sqlstate(error) != UNKNOWN_STATEMENT:
                        raise
                    _sessions.known = None
            cursor.execute(self.sql, params)
            return cast(tuple[Any, ...], cursor.fetchone())

    def in_full(self, params: Mapping[str, Any]) -> tuple[Any, ...]:
        """The same, not prepared: in a transaction there is no second try, should a
        pooler's session not know the statement."""
        with connection.cursor() as cursor:
            cursor.execute(self.sql, params)
            return cast(tuple[Any, ...], cursor.fetchone())

    def _ready(self, cursor: Any) -> bool:
        """Prepare on a session that has not seen the statement. False: do not use."""
        if _sessions.session is not connection.connection:
            _sessions.session, _sessions.known = connection.connection, set()
        if _sessions.known is None:
            return False
        if self.name not in _sessions.known:
            try:
                cursor.execute(self._prepare)
            except DatabaseError as error:
                if sqlstate(error) != DUPLICATE_STATEMENT:
                    raise
                _sessions.known = None
                return False
            _sessions.known.add(self.name)
        return True


def sqlstate(error: DatabaseError) -> str:
    """PostgreSQL's five-character code of an error, or an empty string."""
    return getattr(error.__cause__, "pgcode", None) or ""
