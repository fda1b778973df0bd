"""One at a time, over all machines: work that only one worker should do."""

from __future__ import annotations

import time
from uuid import UUID

from contactsync.lib.sql import rows


def lease_take(key: str, holder: UUID, seconds: float) -> bool:
    """Take ``key`` for so long, or make it ours for longer. False: somebody has it."""
    at = time.time()
    return bool(
        rows(
            """INSERT INTO integrations_slot (key, number, holder, until)
            VALUES (%s, 0, %s, %s)
            ON CONFLICT (key, number) DO UPDATE
            SET holder = excluded.holder, until = excluded.until
            WHERE integrations_slot.until < %s OR integrations_slot.holder = %s
            RETURNING number""",
            [key, holder, at + seconds, at, holder],
        )
    )


def lease_end(key: str, holder: UUID, seconds: float = 0.0) -> None:
    """Nobody needs to take it for another ``seconds``; 0: it is free at once."""
    rows(
        """UPDATE integrations_slot SET until = %s
        WHERE key = %s AND number = 0 AND holder = %s""",
        [time.time() + seconds, key, holder],
    )


def lease_until(key: str) -> float | None:
    """Until when ``key`` is or was taken, in seconds since 1970; None: never."""
    found = rows(
        "SELECT until FROM integrations_slot WHERE key = %s AND number = 0", [key]
    )
    return float(found[0][0]) if found else None
