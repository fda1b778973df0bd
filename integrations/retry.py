"""When to try again. Pure: no clock, no data base."""

from __future__ import annotations

import random

# Seconds. About eleven hours in all: an evening's outage costs nobody a contact.
DELAYS = (5, 30, 120, 600, 1800, 3600, 3 * 3600, 6 * 3600)
MAX_ATTEMPTS = len(DELAYS) + 1


def delay(attempts: int, retry_after: float | None = None) -> float | None:
    """Seconds until the next try after ``attempts`` tries, or None to give up.

    The provider's own ``retry_after`` is a lower bound. Up to a fifth is added at
    random, so that rows which failed together do not come back together.
    """
    if attempts >= MAX_ATTEMPTS:
        return None
    return jittered(max(float(DELAYS[max(attempts, 1) - 1]), retry_after or 0.0))


def jittered(seconds: float) -> float:
    """Up to a fifth more, at random."""
    return seconds * (1 + random.random() / 5)


def opt_in_check(age: float) -> float:
    """Seconds until a double opt-in asked ``age`` seconds ago is looked up again.

    Most people confirm within minutes: often at first, then hourly, then daily.
    """
    if age < 600:
        return 10
    if age < 86_400:
        return min(3600, age / 4)
    return 6 * 3600


def job_check(age: float) -> float:
    """Seconds until a job submitted ``age`` seconds ago is looked up again."""
    return min(max(5.0, age / 4), 1800.0)
