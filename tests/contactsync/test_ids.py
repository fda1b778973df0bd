"""Public ids sort by time."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from contactsync.lib.ids import floor, uuid7


def test_ids_are_of_version_7_and_hold_the_time() -> None:
    made = uuid7()
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert abs((made.int >> 80) / 1000 - time.time()) < 5


def test_ids_made_in_one_millisecond_keep_their_order() -> None:
    made = []
    for _ in range(500):
        made.append(uuid7())
        time.sleep(0)
        at = time.time_ns() + 1000
        while time.time_ns() < at:
            pass
    assert made == sorted(made)
    assert len({each.int >> 80 for each in made}) < len(made)
    assert len({each.int & (2**62 - 1) for each in made}) == len(made)


def test_the_floor_of_a_time_is_below_every_id_of_its_day() -> None:
    at = datetime.now(UTC)
    assert floor(at) < uuid7()
    assert floor(at + timedelta(days=2)) > uuid7()
