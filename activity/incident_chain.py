"""Checking the consent ledgers by itself: new links soon, the whole chain day by day.

A run goes on where the last one ended, account by account, those first that nobody
looked at for longest. What it finds stands in `ChainCheck`; the look of every minute
opens the incident, and closes it once a whole pass has found nothing.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from activity.models import ChainCheck
from contacts.consent_seals import FIRST, Flaw, Place, check_part, lost_at
from contacts.models import Consent
from contactsync.lib.clock import now
from contactsync.tenancy.models import Account
from integrations.lease import lease_end, lease_take

LEASE = "consent_chains"
LEASE_SECONDS = 300.0
RUN_SECONDS = 20.0
PARTS = 10
"""Of a long chain, so many parts (of 1,000 links) before another account's turn."""
REST = timedelta(days=1)
"""Between the end of a whole pass and the next one."""
BROKEN_REST = timedelta(minutes=30)
"""The same for a chain that does not hold: somebody is mending it."""
NEVER = datetime.min.replace(tzinfo=UTC)
KEPT = (
    *("seq", "hash", "head", "head_hash", "flaws", "first", "known", "broken"),
    *("checked_at", "passed_at"),
)


def check_chains(*, seconds: float = RUN_SECONDS) -> int | None:
    """Look at links for up to ``seconds``. Returns at how many; None: another worker
    is at it."""
    holder, deadline = uuid4(), time.monotonic() + seconds
    if not lease_take(LEASE, holder, LEASE_SECONDS):
        return None
    links, turns = 0, waiting()
    try:
        while turns:
            again = []
            for check in turns:
                if time.monotonic() > deadline:
                    return links
                done, more = take_turn(check)
                links += done
                if more:
                    again.append(check)
            turns = again
    finally:
        lease_end(LEASE, holder)
    return links


def waiting() -> list[ChainCheck]:
    """Every account's place, who was looked at last being last."""
    known = {check.account_id: check for check in ChainCheck.objects.all()}
    new = Account.objects.exclude(pk__in=known).order_by("pk")
    ChainCheck.objects.bulk_create(
        [ChainCheck(account=account) for account in new], ignore_conflicts=True
    )
    return sorted(ChainCheck.objects.all(), key=lambda check: check.checked_at or NEVER)


def take_turn(check: ChainCheck) -> tuple[int, bool]:
    """Walk on for up to PARTS parts. Returns how many links, and whether there are
    more."""
    if check.passed_at is not None and check.passed_at < now() - rest(check):
        begin(check)
    start, more = check.seq, True
    for _ in range(PARTS):
        walk = check_part(check.account_id, Place(check.seq, check.hash or FIRST))
        check.flaws += len(walk.flaws)
        if walk.flaws and not check.first:
            check.first = told(walk.flaws[0])
        check.seq, check.hash, more = walk.place.seq, walk.place.hash, walk.more
        if not more:
            break
    settle(check, ended=not more)
    return check.seq - start, more


def rest(check: ChainCheck) -> timedelta:
    return BROKEN_REST if check.broken else REST


def begin(check: ChainCheck) -> None:
    """Another pass, from the first link."""
    check.seq, check.hash, check.passed_at = 0, "", None
    check.flaws, check.first = 0, {}


def told(flaw: Flaw) -> dict[str, Any]:
    about = Consent.objects.filter(pk=flaw.consent_id).values_list("contact_id")
    return {
        "link": flaw.seq,
        "consent": flaw.consent_id,
        "what": flaw.what,
        "contact": str(about[0][0]) if about else "",
    }


def settle(check: ChainCheck, *, ended: bool) -> None:
    """Keep what was found; that all is well takes a whole pass to say."""
    lost = lost_at(check.account_id, Place(check.head, check.head_hash))
    if lost is None and check.seq > check.head:
        check.head, check.head_hash = check.seq, check.hash
    first, count = check.first, check.flaws
    if lost is not None:
        first, count = first or told(lost), count + 1
    whole = ended and check.passed_at is None
    if whole:
        check.passed_at = now()
    if whole or count > check.known.get("count", 0):
        check.broken = count > 0
        check.known = {**first, "count": count} if count else {}
    check.checked_at = now()
    kept = {name: getattr(check, name) for name in KEPT}
    ChainCheck.objects.filter(pk=check.pk).update(**kept)
