"""The statements behind the books. Days are UTC; a delivery counts on the day of the
signup it is for, one without a signup on the day it was made.

Each takes what it should group by: names of ``DIMENSIONS``. Signups are found by their
id, which begins with the time, so a day's books cost what a day holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from activity.ledger_duties import Duty, owed_sql
from contactsync.lib.ids import floor
from contactsync.lib.sql import as_uuid, is_postgres, rows
from integrations.outbox_write import TABLE

DISPLAY, RULE, DAY = "display", "rule", "day"
LAST = datetime.max.replace(tzinfo=UTC)
ACCEPTED_AT = "COALESCE(s.released_at, s.at)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Whose books, and which part. ``since`` and ``until`` are days, both counted.
    Without an account: everybody's."""

    account_id: int | None
    display: UUID | None = None
    rule: UUID | None = None
    since: date | None = None
    until: date | None = None

    @property
    def whole(self) -> bool:
        """All of an account, from its first day on."""
        parts = (self.display, self.rule, self.since, self.until)
        return all(part is None for part in parts)

    def signups(self) -> tuple[str, list[Any]]:
        """A condition on ``displays_signup s``, and its parameters."""
        parts = ["TRUE" if is_postgres() else "1"]
        params: list[Any] = []
        if self.account_id is not None:
            parts.append("s.account_id = %s")
            params.append(self.account_id)
        if self.display is not None:
            parts.append("s.display_id = %s")
            params.append(self.display)
        if self.since is not None:
            begins = midnight(self.since)
            parts.append("s.id >= %s AND s.at >= %s")
            params += [floor(begins), begins]
        if self.until is not None:
            parts.append("s.at < %s")
            params.append(day_after(self.until))
        return " AND ".join(parts), params


def midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)


def day_after(day: date) -> datetime:
    """When the day is over; also of the last day that there can be."""
    return midnight(day) + timedelta(days=1) if day < date.max else LAST


def day_of(column: str) -> str:
    """The UTC day of a time, as an expression."""
    if is_postgres():
        return f"({column} AT TIME ZONE 'UTC')::date"
    return f"substr({column}, 1, 10)"


def as_day(item: Any) -> date:
    return item if isinstance(item, date) else date.fromisoformat(item)


def captured(scope: Scope, by: str) -> list[tuple[Any, str, str, int]]:
    """(display or day, status, category, signups); the first is None for no ``by``."""
    what = {DISPLAY: "s.display_id", DAY: day_of("s.at")}.get(by, "NULL")
    where, params = scope.signups()
    found = rows(
        f"""SELECT {what}, s.status, s.category, count(*) FROM displays_signup s
        WHERE {where} GROUP BY 1, 2, 3""",
        params,
    )
    return [(_key(by, key), *rest) for key, *rest in found]


def owed(scope: Scope, found: Sequence[Duty], by: str) -> dict[Any, int]:
    """How many deliveries accepted signups should have led to."""
    what = {DISPLAY: "s.display_id", RULE: "u.rule_id", DAY: day_of("s.at")}
    table, params = owed_sql(found)
    if not table:
        return {}
    rest, more = _owing(scope)
    counted = rows(
        f"WITH {table} SELECT {what.get(by, 'NULL')}, count(*) {rest} GROUP BY 1",
        [*params, *more],
    )
    return {_key(by, key): n for key, n in counted}


def _owing(scope: Scope) -> tuple[str, list[Any]]:
    """FROM and WHERE of the signups ``s`` that a rule ``u`` owed a delivery."""
    where, params = scope.signups()
    return (
        f"""FROM displays_signup s
        JOIN u ON u.display_id = s.display_id AND u.environment = s.environment
        WHERE {where} AND s.status = 'accepted' AND {ACCEPTED_AT} >= u.since
        AND (u.until IS NULL OR {ACCEPTED_AT} < u.until)""",
        params,
    )


@dataclass(frozen=True, slots=True)
class Missing:
    """``count`` accepted signups of one day that a live rule got no delivery for."""

    account_id: int
    display_id: UUID
    rule_id: UUID
    day: date
    count: int


def missing(scope: Scope, found: Sequence[Duty]) -> list[Missing]:
    """What was owed and is not there, by display, rule and day."""
    lost, params = _lost(scope, found)
    if not lost:
        return []
    counted = rows(
        f"""{lost} SELECT s.account_id, s.display_id, s.rule_id, {day_of("s.at")},
            count(*) FROM lost s GROUP BY 1, 2, 3, 4""",
        params,
    )
    return [
        Missing(account, as_uuid(display), as_uuid(rule), as_day(day), count)
        for account, display, rule, day, count in counted
    ]


def missing_signups(
    scope: Scope, found: Sequence[Duty], *, before: UUID | None, most: int
) -> list[UUID]:
    """The signups themselves, the newest first."""
    lost, params = _lost(scope, found)
    if not lost:
        return []
    where = ""
    if before is not None:
        where = "WHERE s.id < %s"
        params = [*params, before]
    counted = rows(
        f"{lost} SELECT DISTINCT s.id FROM lost s {where} "
        f"ORDER BY s.id DESC LIMIT {most:d}",
        params,
    )
    return [as_uuid(row[0]) for row in counted]


def _lost(scope: Scope, found: Sequence[Duty]) -> tuple[str, list[Any]]:
    """A WITH that ends in the table ``lost``, and its parameters; "" for no duties.

    First those without a delivery to where the rule pointed, which the data base finds
    by one pass over two indexes. They are few, and asked about: was it sent to where
    the rule points now, or pointed before? Did retention take it? On a day it was at,
    a later delivery of the same person speaks for it.
    """
    table, params = owed_sql(found)
    if not table:
        return "", []
    rest, more = _owing(scope)
    aimed = "strpos(s.targets, {}.target_id::text) > 0"
    if not is_postgres():
        aimed = "instr(s.targets, {}.target_id) > 0"
    return (
        f"""WITH {table}, missed AS MATERIALIZED (
            SELECT s.id, s.account_id, s.display_id, s.contact_id, s.at, u.rule_id,
                u.targets {rest}
            AND NOT EXISTS (SELECT 1 FROM {TABLE} d
                WHERE d.signup_id = s.id AND d.target_id = u.target_id)),
        lost AS (SELECT s.* FROM missed s
            WHERE NOT EXISTS (SELECT 1 FROM {TABLE} d
                WHERE d.signup_id = s.id AND {aimed.format("d")})
            AND NOT (
                EXISTS (SELECT 1 FROM integrations_daytotal t
                    WHERE t.account_id = s.account_id AND t.day = {day_of("s.at")}
                    AND t.display_id = s.display_id AND {aimed.format("t")})
                AND EXISTS (SELECT 1 FROM {TABLE} n
                    WHERE n.contact_id = s.contact_id AND {aimed.format("n")}
                    AND n.signup_id > s.id)))""",
        [*params, *more],
    )


def delivered(scope: Scope, by: str) -> list[tuple[Any, UUID, str, int]]:
    """(display or day, target, state, deliveries) of signups."""
    what = {DISPLAY: "s.display_id", DAY: day_of("s.at")}.get(by, "NULL")
    where, params = scope.signups()
    found = rows(
        f"""SELECT {what}, d.target_id, d.state, count(*) FROM displays_signup s
        JOIN {TABLE} d ON d.signup_id = s.id WHERE {where} GROUP BY 1, 2, 3""",
        params,
    )
    return [
        (_key(by, key), as_uuid(target), state, n) for key, target, state, n in found
    ]


def delivered_in_all(account_id: int) -> list[tuple[Any, UUID, str, int]]:
    """All deliveries of an account, from lists too, without looking at signups."""
    found = rows(
        f"""SELECT target_id, state, count(*) FROM {TABLE} WHERE account_id = %s
        GROUP BY 1, 2""",
        [account_id],
    )
    return [(None, as_uuid(target), state, n) for target, state, n in found]


def delivered_lists(scope: Scope, by: str) -> list[tuple[Any, UUID, str, int]]:
    """The same for deliveries that no signup led to: lists, connections."""
    if scope.display is not None or scope.account_id is None:
        return []
    what = day_of("d.created_at") if by == DAY else "NULL"
    where = ""
    params: list[Any] = [scope.account_id, scope.account_id]
    if scope.since is not None:
        where += " AND d.created_at >= %s"
        params.append(midnight(scope.since))
    if scope.until is not None:
        where += " AND d.created_at < %s"
        params.append(day_after(scope.until))
    found = rows(
        f"""SELECT {what}, d.target_id, d.state, count(*) FROM {TABLE} d
        WHERE d.signup_id IS NULL AND d.account_id = %s AND d.target_id IN (
            SELECT id FROM integrations_target WHERE account_id = %s){where}
        GROUP BY 1, 2, 3""",
        params,
    )
    return [
        (_key(by, key), as_uuid(target), state, n) for key, target, state, n in found
    ]


def _key(by: str, key: Any) -> Any:
    """A grouping column as Python knows it."""
    if key is None or not by:
        return None
    return as_day(key) if by == DAY else as_uuid(key)
