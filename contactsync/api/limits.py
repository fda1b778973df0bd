"""Counting requests per key and per address.

Each web process counts for itself: nothing to hang on, microseconds per request.
With N processes a caller may get up to N times the limit; README says so.
"""

from __future__ import annotations

import threading
import time
from functools import lru_cache

UNITS = {"s": 1, "sec": 1, "second": 1, "m": 60, "min": 60, "minute": 60, "hour": 3600}
MAX_CALLERS = 50_000


@lru_cache(maxsize=32)
def parse_rate(rate: str) -> tuple[int, int]:
    """``"300/min"`` to (300, 60 seconds). Raises ValueError."""
    count, slash, unit = rate.partition("/")
    if not slash or unit not in UNITS or not count.isdigit() or int(count) < 1:
        raise ValueError(f"{rate!r} is no rate: write for example 300/min")
    return int(count), UNITS[unit]


class Limiter:
    """Fixed windows, one per caller."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._windows: dict[str, tuple[float, int]] = {}

    def hit(self, caller: str, rate: str) -> float:
        """Count one request. 0, or the seconds until the caller may come again."""
        limit, seconds = parse_rate(rate)
        now = time.monotonic()
        with self._lock:
            start, count = self._windows.get(caller, (now, 0))
            if now - start >= seconds:
                start, count = now, 0
            if count >= limit:
                return start + seconds - now
            if len(self._windows) >= MAX_CALLERS and caller not in self._windows:
                self._windows.clear()  # a flood of addresses must not eat memory
            self._windows[caller] = (start, count + 1)
        return 0.0

    def reset(self) -> None:
        with self._lock:
            self._windows.clear()


limiter = Limiter()
