"""Limits that several workers share, on a real PostgreSQL."""

from __future__ import annotations

import threading
import time
from uuid import uuid4

import pytest

from integrations import limits
from integrations.adapters.declare import Rate
from integrations.models import Slot
from tests.integrations.test_races import together

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True)]


def test_workers_together_take_no_more_than_is_allowed() -> None:
    rate = Rate(calls=200, seconds=1)  # 20 at once, then 180 a second
    began = time.time()

    def work(_: int) -> int:
        taken = 0
        while time.time() < began + 1.5:
            wait = limits.take_call("shared", rate)
            taken += not wait
            time.sleep(min(wait, 0.05))
        return taken

    taken = sum(together(work))
    passed = time.time() - began
    assert taken <= 20 + 180 * passed + 1
    # They do get more than the first ones, also on a busy machine.
    assert taken > 20


def test_workers_together_hold_no_more_slots_than_are_allowed() -> None:
    account, held, most = uuid4(), [0], [0]
    lock = threading.Lock()

    def work(_: int) -> int:
        turns = 0
        for _ in range(40):
            with limits.Turn(account, 3) as turn:
                if not turn.got:
                    continue
                turns += 1
                with lock:
                    held[0] += 1
                    most[0] = max(most[0], held[0])
                assert turn.keep()
                time.sleep(0.002)
                with lock:
                    held[0] -= 1
        return turns

    assert sum(together(work)) > 40
    assert most[0] == 3
    assert not Slot.objects.exists()
