"""Workers are replaced one by one while they send: nothing twice, nothing late."""

from __future__ import annotations

import pytest

from tests.faults.conftest import World
from tests.faults.crowded import Tenant, fill
from tests.faults.product import PATIENCE, wait_until
from tests.faults.programs import Program

pytestmark = [pytest.mark.faults, pytest.mark.pg, pytest.mark.redis, pytest.mark.slow]
pytestmark += [pytest.mark.xdist_group("plain")]  # one product for both files

ROWS = 12_000
SECONDS = 0.8  # that the provider takes for a batch
GRACE = 90.0  # seconds that whoever stops a worker waits, as in docker-compose.yml
OPEN = """SELECT count(*) FROM integrations_delivery
WHERE state IN ('pending', 'sending')"""
LEASED = """SELECT (SELECT count(*) FROM integrations_slot),
(SELECT count(*) FROM integrations_delivery WHERE state = 'sending')"""


def stop_mid_batch(world: World, tenant: Tenant, worker: Program) -> None:
    """SIGTERM while a batch is at the provider."""
    wait_until(lambda: world.stub.open[tenant.api_key] > 0, PATIENCE, "a batch")
    took = worker.stop(GRACE)
    assert took < GRACE, f"{worker.name} had to be killed:\n{worker.tail()}"


def test_a_rolling_restart_sends_nothing_twice_and_leaves_nothing(world: World) -> None:
    it, stub, mine = world.product, world.stub, world.tenants["Rolling"]
    stub.seconds[mine.api_key] = SECONDS
    first, second = world.worker("first"), world.worker("second")
    fill(it, mine, ROWS, prefix="before")
    stop_mid_batch(world, mine, first)
    third = world.worker("third")
    fill(it, mine, ROWS, prefix="after")
    stop_mid_batch(world, mine, second)
    assert it.rows(OPEN)[0][0], "all was sent before the restarts could do harm"
    # The last one: it finishes its batch, and what it has not begun stays free.
    wait_until(lambda: stub.open[mine.api_key] > 0, PATIENCE, "a batch of the third")
    stop_mid_batch(world, mine, third)
    assert it.rows(LEASED) == [(0, 0)]
    assert it.rows(OPEN)[0][0], "all was sent before the last worker stopped"
    fourth = world.worker("fourth")
    stub.seconds[mine.api_key] = 0.0
    wait_until(lambda: it.rows(OPEN)[0][0] == 0, PATIENCE, "everything is sent")
    fourth.stop(GRACE)
    ours = {e: n for e, n in stub.times.items() if e.startswith(("before", "after"))}
    assert len(ours) == 2 * ROWS
    assert set(ours.values()) == {1}
    assert it.rows("SELECT state, count(*) FROM integrations_delivery GROUP BY 1") == [
        ("synced", 2 * ROWS)
    ]
    world.nothing_waits()
