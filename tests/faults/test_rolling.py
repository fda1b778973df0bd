"""Workers are replaced one by one while they send: nothing twice, nothing late."""

from __future__ import annotations

import threading

import pytest

from tests.faults.conftest import World
from tests.faults.crowded import Tenant, fill, forget
from tests.faults.product import PATIENCE, wait_until
from tests.faults.programs import Program

pytestmark = [pytest.mark.faults, pytest.mark.pg, pytest.mark.redis, pytest.mark.slow]
pytestmark += [pytest.mark.xdist_group("story")]

ROWS = 12_000
SECONDS = 0.8  # that the provider takes for a batch, one after the other
GRACE = 90.0  # seconds that whoever stops a worker waits, as in docker-compose.yml
OPEN = """SELECT count(*) FROM integrations_delivery
WHERE state IN ('pending', 'sending')"""
# A slot may be kept, for seconds, for whoever goes on.
LEASED = """SELECT (SELECT count(*) FROM integrations_slot WHERE key LIKE 'account:%'
    AND until > extract(epoch FROM now()) + 20),
(SELECT count(*) FROM integrations_delivery WHERE state = 'sending')"""


def stop_mid_batch(world: World, tenant: Tenant, worker: Program) -> None:
    """SIGTERM while a batch is at the provider."""
    wait_until(lambda: world.stub.open[tenant.api_key] > 0, PATIENCE, "a batch")
    took = worker.stop(GRACE)
    assert took < GRACE, f"{worker.name} had to be killed:\n{worker.tail()}"


def test_a_rolling_restart_sends_nothing_twice_and_leaves_nothing(world: World) -> None:
    it, stub, mine = world.product, world.stub, world.tenants["Rolling"]
    forget(it)
    stub.seconds[mine.api_key] = SECONDS
    stub.queue[mine.api_key] = threading.Lock()  # as many workers as there are
    workers = [world.worker("first"), world.worker("second")]
    for turn in range(3):
        fill(it, mine, ROWS, prefix=f"turn{turn}.")
        stop_mid_batch(world, mine, workers.pop(0))
        assert it.rows(OPEN)[0][0], "all was sent before the restart could do harm"
        if turn == 0:
            workers.append(world.worker("third"))
    # The last one has finished its batch, and what it had not begun is free.
    assert it.rows(LEASED) == [(0, 0)]
    last = world.worker("fourth")
    stub.seconds[mine.api_key] = 0.0
    wait_until(lambda: it.rows(OPEN)[0][0] == 0, PATIENCE, "everything is sent")
    last.stop(GRACE)
    ours = [number for email, number in stub.times.items() if email.startswith("turn")]
    assert len(ours) == 3 * ROWS
    assert set(ours) == {1}
    assert it.rows("SELECT state, count(*) FROM integrations_delivery GROUP BY 1") == [
        ("synced", 3 * ROWS)
    ]
    world.nothing_waits()
