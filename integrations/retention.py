"""Deleting what is finished and old, in small steps that nobody has to wait for.

Of each contact at each target the newest delivery stays, and so does the newest one
that was synced: they are what the product knows of the contact, and what keeps old
values from overwriting newer ones. What is deleted is added to ``DayTotal`` in the
same transaction, so the books balance before, between and after. Attempts (what was
said) are deleted by age alone; the deliveries keep the provider's words.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db import transaction

from contactsync.lib.clock import now
from contactsync.lib.sql import is_postgres, rows
from integrations.lease import lease_end, lease_take
from integrations.models.engine import NO_DISPLAY
from integrations.outbox_write import TABLE

LEASE = "retention"
LEASE_SECONDS = 300.0
STEP = 1000
"""Rows that one short transaction looks at."""
PAUSE_SECONDS = 0.02
RUN_SECONDS = 60.0
REST = timedelta(hours=20)
"""How long nothing is done after a whole pass."""
FAILED_FACTOR = 2
"""Failed deliveries can be sent again by hand: they stay so many times longer."""


@dataclass(slots=True)
class Pruned:
    """What a run did. ``cursor``: where the next one goes on; None: all was seen."""

    deliveries: int = 0
    attempts: int = 0
    cursor: int | None = 0


@dataclass(frozen=True, slots=True)
class Step:
    """One transaction: ``last`` is the id it got to, ``more`` whether to go on."""

    deleted: int
    last: int
    more: bool


def prune(cursor: int = 0, *, seconds: float = RUN_SECONDS) -> Pruned | None:
    """Go on deleting after the delivery ``cursor`` for up to ``seconds``.

    None: another worker is at it, or a pass has ended lately. Whatever ends this, no
    step is half done; a pass that was broken off is begun anew.
    """
    holder = uuid4()
    if not lease_take(LEASE, holder, LEASE_SECONDS):
        return None
    done = Pruned(cursor=cursor)
    rest = 0.0
    try:
        done = _run(cursor, time.monotonic() + seconds)
        rest = REST.total_seconds() if done.cursor is None else 0.0
    finally:
        lease_end(LEASE, holder, rest)
    return done


def _run(cursor: int, deadline: float) -> Pruned:
    done = Pruned(cursor=cursor)
    before = cutoff(settings.KEEP_DELIVERIES_DAYS)
    if before is not None:
        more = True
        while more:
            if time.monotonic() > deadline:
                return done
            step = prune_deliveries(cursor, before)
            done.deliveries += step.deleted
            done.cursor = cursor = step.last
            more = step.more
            time.sleep(PAUSE_SECONDS)
    before = cutoff(settings.KEEP_ATTEMPTS_DAYS)
    while before is not None:
        if time.monotonic() > deadline:
            return done
        step = prune_attempts(before)
        done.attempts += step.deleted
        if not step.more:
            break
        time.sleep(PAUSE_SECONDS)
    done.cursor = None
    return done


def cutoff(days: int) -> datetime | None:
    """What is older may go; None: nothing, it is kept for ever."""
    return now() - timedelta(days=days) if days > 0 else None


def prune_deliveries(cursor: int, before: datetime) -> Step:
    """Look at the next ``STEP`` deliveries after ``cursor``, by id."""
    window = rows(
        f"""SELECT id, created_at < %s FROM {TABLE} WHERE id > %s
        ORDER BY id LIMIT %s""",
        [before, cursor, STEP],
    )
    # Ids are given in the order of time: where all are too young, so is the rest.
    if not any(old for _, old in window):
        return Step(0, window[-1][0] if window else cursor, False)
    last = window[-1][0]
    with transaction.atomic():
        ids = [row[0] for row in rows(*_finished(cursor, last, before))]
        if ids:
            _count(ids)
            rows(f"DELETE FROM {TABLE} WHERE id {_among(ids)}", _listed(ids))
    return Step(len(ids), last, len(window) == STEP)


def _finished(cursor: int, last: int, before: datetime) -> tuple[str, list[Any]]:
    """The rows that may go; those that somebody is changing are left for next time."""
    lock = "FOR UPDATE OF d SKIP LOCKED" if is_postgres() else ""
    long_before = now() - FAILED_FACTOR * (now() - before)
    return (
        f"""SELECT d.id FROM {TABLE} d WHERE d.id > %s AND d.id <= %s
        AND d.changed_at < %s
        AND (d.state IN ('synced', 'rejected', 'skipped')
            OR (d.state = 'failed' AND d.changed_at < %s))
        AND EXISTS (SELECT 1 FROM {TABLE} n WHERE n.contact_id = d.contact_id
            AND n.id > d.id AND n.target_id = d.target_id
            AND (d.state <> 'synced' OR n.state = 'synced'))
        ORDER BY d.id {lock}""",
        [cursor, last, before, long_before],
    )


def _count(ids: list[int]) -> None:
    """Add rows to the totals of their display, target and day: the signup's, or for
    one that no signup led to the day it was made."""
    at = "COALESCE(s.at, d.created_at)"
    day = (
        f"({at} AT TIME ZONE 'UTC')::date" if is_postgres() else f"substr({at}, 1, 10)"
    )
    none = "%s::uuid" if is_postgres() else "%s"
    rows(
        f"""INSERT INTO integrations_daytotal
            (account_id, display_id, target_id, day, state, reason, count)
        SELECT d.account_id, COALESCE(s.display_id, {none}), d.target_id, {day},
            d.state, d.reason, count(*)
        FROM {TABLE} d LEFT JOIN displays_signup s ON s.id = d.signup_id
        WHERE d.id {_among(ids)} GROUP BY 1, 2, 3, 4, 5, 6
        ON CONFLICT (account_id, display_id, target_id, day, state, reason)
        DO UPDATE SET count = integrations_daytotal.count + excluded.count""",
        [NO_DISPLAY, *_listed(ids)],
    )


def prune_attempts(before: datetime) -> Step:
    """Delete the oldest attempts, up to ``STEP``, by id."""
    window = rows(
        "SELECT id, at < %s FROM integrations_attempt ORDER BY id LIMIT %s",
        [before, STEP],
    )
    ids = [row_id for row_id, old in window if old]
    if ids:
        rows(f"DELETE FROM integrations_attempt WHERE id {_among(ids)}", _listed(ids))
    return Step(len(ids), ids[-1] if ids else 0, len(ids) == STEP)


def _among(ids: list[int]) -> str:
    return "= ANY(%s)" if is_postgres() else f"IN ({', '.join(['%s'] * len(ids))})"


def _listed(ids: list[int]) -> list[Any]:
    return [ids] if is_postgres() else list(ids)
