"""The look of every minute, and the trace that it leaves: that somebody is at work."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from activity import incident_checks as checks
from activity import incident_words as kinds
from activity import words
from activity.incidents import (
    Finding,
    incident_open,
    incidents_settle,
)
from activity.models import Incident
from contactsync.lib.clock import now
from contactsync.tenancy.models import Account
from integrations.lease import lease_end, lease_take, lease_until
from integrations.models import LinkedAccount

LEASE = "incidents"
LEASE_SECONDS = 240.0
SILENT_SECONDS = 120.0
"""Nobody looked for so long: no worker, or no beat, is running."""
GAP_SECONDS = 300.0
"""A gap that is written down afterwards; a restart is shorter."""


def look(*, all_days: bool = False) -> int | None:
    """Look at everything once. ``all_days``: also at what is older than two days.

    Returns how many incidents were opened; None: another worker is looking.
    """
    holder, last = uuid4(), last_look()
    if not lease_take(LEASE, holder, LEASE_SECONDS):
        return None
    try:
        if last is not None and time.time() - last > GAP_SECONDS:
            note_gap(last)
        return _look(all_days)
    finally:
        lease_end(LEASE, holder)


def _look(all_days: bool) -> int:
    since = None if all_days else (now() - checks.RECENT).date()
    found: list[Finding] = [
        *checks.unexplained(since),
        *checks.stuck(),
        *checks.slowed(),
        *checks.jobs(),
        *checks.reconciled(),
        *checks.chains(),
    ]
    hourly = (kinds.UNJUDGED, kinds.UNKNOWN_STATE)
    if all_days:
        found += checks.misfits()

    def looked_at(incident: Incident) -> bool:
        if all_days:
            return True
        if incident.kind == kinds.UNEXPLAINED:
            return str(incident.detail.get("from", "")) >= str(since)
        return incident.kind not in hourly

    return incidents_settle(found, looked_at)


def last_look() -> float | None:
    """When a worker last looked, in seconds since 1970; None: never."""
    until = lease_until(LEASE)
    return None if until is None else min(until, time.time())


def silent_for() -> float | None:
    """For how many seconds no worker has reported; None while all is well."""
    last = last_look()
    seconds = 0.0 if last is None else time.time() - last
    return seconds if seconds > SILENT_SECONDS else None


def notice(account: Account) -> None:
    """Called where somebody looks: no worker can say that there is none. It is closed,
    and mailed, by the first worker that is there again."""
    seconds = silent_for()
    if seconds is not None:
        incident_open(account=account, **_stopped(time.time() - seconds))


def open_count(account: Account) -> dict[str, int]:
    """For the menu."""
    mine = Incident.objects.for_account(account).filter(closed_at=None)
    silent = silent_for() is not None and not mine.filter(kind=kinds.ENGINE).exists()
    return {"incidents": mine.count() + silent}


def note_gap(last: float) -> None:
    """Nobody was at work since ``last``: an incident for everybody who relies on it.
    Its mail is the one that says that all is right again."""
    accounts = Account.objects.filter(
        pk__in=LinkedAccount.objects.filter(removed_at=None).values("account_id")
    )
    begun = datetime.fromtimestamp(last, UTC)
    for account in accounts:
        incident_open(account=account, **_stopped(last))
        mine = Incident.objects.for_account(account)
        mine.filter(kind=kinds.ENGINE, closed_at=None).update(
            opened_at=begun, mailed_at=now()
        )


def _stopped(last: float) -> dict[str, Any]:
    begun = datetime.fromtimestamp(last, UTC)
    return {
        "kind": kinds.ENGINE,
        "key": "",
        "title": f"No worker has reported since {words.day(begun)}, {begun:%H:%M} UTC",
        "detail": {"count": 1, "since": begun.isoformat()},
    }
