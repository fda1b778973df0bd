"""How much a provider lets us do: calls in a time, and drains at a time.

Both are kept in the data base, so that all workers on all machines share them, on
either engine, and a broker that forgets everything changes nothing. Times are seconds
since 1970 by the caller's clock.
"""

from __future__ import annotations

import time
from types import TracebackType
from uuid import UUID, uuid4

from django.conf import settings

from contactsync.lib.sql import rows
from integrations.adapters.base import Adapter
from integrations.adapters.declare import Rate
from integrations.adapters.errors import Reason, TransientError
from integrations.models import LinkedAccount

# Of a provider's allowance: what may go out at once; the rest refills it. Together
# they never exceed it, whatever window the provider counts in.
BURST = 0.1
# Who would have to wait longer than that gives its worker to somebody else.
PATIENCE_SECONDS = 1.5
# For how long a slot is kept for whoever goes on after a pause, beside the pause.
KEPT_SECONDS = 15.0


class Permit:
    """What an adapter asks before every call (``Adapter.permit``): how many seconds
    it may take.

    Waits a moment where the provider's rate limit says so. Raises TransientError when
    it would be long, or the time for this batch is over; ``wait`` then says for how
    many seconds. What was not sent is not at fault.
    """

    def __init__(
        self, account: LinkedAccount, adapter: Adapter, *, seconds: float = 60.0
    ) -> None:
        self.account = account
        self.label = adapter.label
        self.rate = adapter.rate
        self.seconds = seconds
        self.wait: float | None = None
        self.begin()

    def begin(self) -> None:
        """Another batch: it has all of its time."""
        self.ends = time.monotonic() + self.seconds
        self.wait = None

    def __call__(self) -> float:
        left = self.ends - time.monotonic()
        if left <= 0:
            raise self.refused(0.0)
        if self.rate is not None:
            while wait := take_call(rate_key(self.account, self.rate), self.rate):
                if wait > min(PATIENCE_SECONDS, left):
                    raise self.refused(wait)
                time.sleep(wait)
                left = self.ends - time.monotonic()
        return max(left, 0.0) + settings.CALL_GRACE_SECONDS

    def refused(self, wait: float) -> TransientError:
        self.wait = wait
        return TransientError(
            f"Waiting for its turn at {self.label}.",
            reason=Reason.TURN,
            retry_after=wait,
        )


def rate_key(account: LinkedAccount, rate: Rate) -> str:
    """Whose calls are counted together: the account's, or all of our app's."""
    return f"app:{account.provider}" if rate.shared else f"account:{account.pk}"


def take_call(key: str, rate: Rate) -> float:
    """Take one call from the allowance. Returns 0, or the seconds to wait before
    asking again, in which case nothing was taken."""
    burst = max(1.0, rate.calls * BURST)
    each = rate.seconds / max(1.0, rate.calls - burst)
    at = time.time()
    latest = at + (burst - 1) * each
    taken = rows(
        """INSERT INTO integrations_limit (key, tat) VALUES (%s, %s)
        ON CONFLICT (key) DO UPDATE SET tat = %s + CASE
            WHEN integrations_limit.tat > %s THEN integrations_limit.tat ELSE %s END
        WHERE integrations_limit.tat <= %s RETURNING tat""",
        [key, at + each, each, at, at, latest],
        lax=True,
    )
    if taken:
        return 0.0
    found = rows("SELECT tat FROM integrations_limit WHERE key = %s", [key])
    return max(0.001, found[0][0] - latest) if found else 0.001


class Turn:
    """One of the drains that a provider allows at a time; ``with`` gives it back.

    ``got`` is False when all of them are taken. A worker that dies has it until the
    lease of the rows that it was sending ends. ``ticket`` is the ``holder`` of a turn
    that was kept: who comes with it goes on in its slot.

    There are never more wake-ups under way for an account than it has slots: only who
    has one sends another.
    """

    def __init__(self, account_id: UUID, most: int, ticket: UUID | None = None) -> None:
        self.key = f"account:{account_id}"
        self.most = most
        self.holder = ticket or uuid4()
        self._has_ticket = ticket is not None
        self._kept = False
        self.number: int | None = None
        self.renew_at = 0.0

    def __enter__(self) -> Turn:
        if self._has_ticket and (number := self._go_on()) is not None:
            self.number = number
            return self
        for number in range(self.most):
            if self._take(number):
                self.number = number
                break
        return self

    @property
    def got(self) -> bool:
        return self.number is not None

    def keep(self) -> bool:
        """Before every batch: still ours? Then it is, for a batch at least."""
        if time.time() < self.renew_at:
            return True
        return bool(
            rows(
                """UPDATE integrations_slot SET until = %s
                WHERE key = %s AND number = %s AND holder = %s RETURNING number""",
                [self._until(), self.key, self.number, self.holder],
                lax=True,
            )
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.got and not self._kept:
            rows(
                """DELETE FROM integrations_slot
                WHERE key = %s AND number = %s AND holder = %s""",
                [self.key, self.number, self.holder],
                lax=True,
            )

    def keep_for(self, seconds: float) -> UUID:
        """Keep the slot for who goes on in so many seconds; returns their ticket."""
        self._kept = True
        rows(
            """UPDATE integrations_slot SET until = %s
            WHERE key = %s AND number = %s AND holder = %s""",
            [time.time() + seconds + KEPT_SECONDS, self.key, self.number, self.holder],
            lax=True,
        )
        return self.holder

    def _go_on(self) -> int | None:
        found = rows(
            """UPDATE integrations_slot SET until = %s
            WHERE key = %s AND holder = %s RETURNING number""",
            [self._until(), self.key, self.holder],
            lax=True,
        )
        return found[0][0] if found else None

    def _take(self, number: int) -> bool:
        return bool(
            rows(
                """INSERT INTO integrations_slot (key, number, holder, until)
                VALUES (%s, %s, %s, %s)
                ON CONFLICT (key, number) DO UPDATE
                SET holder = excluded.holder, until = excluded.until
                WHERE integrations_slot.until < %s RETURNING number""",
                [self.key, number, self.holder, self._until(), time.time()],
                lax=True,
            )
        )

    def _until(self) -> float:
        self.renew_at = time.time() + settings.LEASE_SECONDS / 4
        return time.time() + settings.LEASE_SECONDS
