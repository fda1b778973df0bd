"""Workers are replaced one by one while they send: nothing twice, nothing late."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.crowded import Tenant, fill, tenant
from tests.faults.product import Product, product, wait_until
from tests.faults.programs import Program
from tests.faults.stub import Stub, running_stub

pytestmark = [pytest.mark.faults, pytest.mark.pg, pytest.mark.redis, pytest.mark.slow]

ROWS = 15_000
SECONDS = 0.8  # that the provider takes for a batch
GRACE = 20.0  # seconds that whoever stops a worker waits before killing it
OPEN = (
    "SELECT count(*) FROM integrations_delivery WHERE state IN ('pending', 'sending')"
)


@dataclass(frozen=True, slots=True)
class World:
    product: Product
    stub: Stub
    acme: Tenant

    def worker(self, name: str) -> Program:
        """Start one and wait until it takes work."""
        one = self.product.worker(name)
        wait_until(lambda: one.log.exists() and one.said(" ready."), 120, name)
        return one

    def stop_mid_batch(self, worker: Program) -> None:
        """SIGTERM while a batch is at the provider."""
        wait_until(lambda: self.stub.open[self.acme.api_key] > 0, 60, "a batch")
        took = worker.stop(GRACE)
        assert took < GRACE, f"{worker.name} had to be killed:\n{worker.tail()}"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with ExitStack() as stack:
        stub = stack.enter_context(running_stub())
        it = stack.enter_context(
            product(
                "postgresql",
                tmp_path,
                {"mailchimp": stub.url},
                hurried=False,
                durable=False,
                lease=600,  # nobody may need it: no lease ends within this test
            )
        )
        acme = tenant(it, "Acme")
        stub.seconds[acme.api_key] = SECONDS
        yield World(it, stub, acme)


def test_a_rolling_restart_sends_nothing_twice_and_leaves_nothing(world: World) -> None:
    it = world.product
    first, second = world.worker("first"), world.worker("second")
    fill(it, world.acme, ROWS, prefix="before")
    world.stop_mid_batch(first)
    third = world.worker("third")
    fill(it, world.acme, ROWS, prefix="after")
    world.stop_mid_batch(second)
    left = it.rows(OPEN)[0][0]
    assert left, "all was sent before the restarts: they were not put to the test"
    wait_until(lambda: it.rows(OPEN)[0][0] == 0, 120, "everything is sent")
    assert len(world.stub.times) == 2 * ROWS
    assert set(world.stub.times.values()) == {1}
    assert it.rows("SELECT state, count(*) FROM integrations_delivery GROUP BY 1") == [
        ("synced", 2 * ROWS)
    ]
    third.stop(GRACE)


def test_the_last_worker_leaves_nothing_leased(world: World) -> None:
    """It finishes its batch; what it has not begun stays free for the next one."""
    it = world.product
    alone = world.worker("alone")
    fill(it, world.acme, ROWS, prefix="roll")
    wait_until(lambda: world.stub.counts[world.acme.api_key] > 0, 60, "the first batch")
    world.stop_mid_batch(alone)
    assert it.rows(
        "SELECT count(*) FROM integrations_delivery WHERE state = 'sending'"
    ) == [(0,)]
    assert it.rows("SELECT count(*) FROM integrations_slot") == [(0,)]
    sent = it.rows("SELECT count(*) FROM integrations_delivery WHERE state = 'synced'")
    assert 0 < sent[0][0] < ROWS
    assert world.stub.counts[world.acme.api_key] == sent[0][0]
