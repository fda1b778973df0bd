"""Ids that are public and sort by time."""

from __future__ import annotations

import os
import time
from datetime import datetime
from uuid import UUID

DAY_SECONDS = 86_400


def uuid7() -> UUID:
    """A new UUID, version 7 (RFC 9562): 48 bits of Unix milliseconds, 12 of the
    fraction of one, then 62 random ones.

    New rows land at the end of the index, and a list ordered by id is a list ordered
    by time, to a quarter of a microsecond.
    """
    millis, rest = divmod(time.time_ns(), 1_000_000)
    fraction = (rest << 12) // 1_000_000
    tail = int.from_bytes(os.urandom(8), "big") >> 2
    head = (millis & 0xFFFF_FFFF_FFFF) << 16 | 0x7 << 12 | fraction
    return UUID(int=head << 64 | 0x2 << 62 | tail)


def floor(at: datetime) -> UUID:
    """An id below those of all rows that were made from a day before ``at`` on.

    For queries about a time, beside the column that says it exactly: rows are found by
    id, and an id is never older than what its row tells of.
    """
    millis = max(0, round((at.timestamp() - DAY_SECONDS) * 1000))
    return UUID(int=millis << 80)
