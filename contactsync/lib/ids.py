"""Ids that are public and sort by time."""

from __future__ import annotations

import os
import time
from datetime import datetime, timedelta
from uuid import UUID


def uuid7() -> UUID:
    """A new UUID, version 7 (RFC 9562): 48 bits of Unix milliseconds, then random.

    New rows land at the end of the index, and a list ordered by id is a list
    ordered by time.
    """
    millis = time.time_ns() // 1_000_000
    tail = int.from_bytes(os.urandom(10), "big")
    value = (millis & 0xFFFF_FFFF_FFFF) << 80 | tail
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=value)


def floor(at: datetime) -> UUID:
    """An id below those of all rows that were made from a day before ``at`` on.

    For queries about a time, beside the column that says it exactly: rows are found by
    id, and an id is never older than what its row tells of.
    """
    millis = max(0, round((at - timedelta(days=1)).timestamp() * 1000))
    return UUID(int=millis << 80)
