"""One tenant's million rows, or its slow provider, keep nobody else waiting."""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.faults.conftest import World
from tests.faults.crowded import delays, fill, told
from tests.faults.product import PATIENCE, Product, wait_until

pytestmark = [pytest.mark.faults, pytest.mark.pg, pytest.mark.redis, pytest.mark.slow]
pytestmark += [pytest.mark.xdist_group("beside")]  # one product for all of them

Record = Callable[[str, object], None]
MANY = 1_000_000
SINGLES = 12
PROMISE = 2.0  # seconds more than when nobody else is there
# A machine that needs long for one signup when idle is a slow one: so many times that.
SLOW_MACHINE = 20


@dataclass(frozen=True, slots=True)
class Beside:
    """The workers run as `manage.py up` starts them: two processes that send, others
    for what is slow and for the background. And how long a single signup takes when
    nobody else is there, in seconds."""

    world: World
    idle: list[float]

    def promised(self) -> float:
        """Seconds that a single signup may take beside others."""
        usual = statistics.median(self.idle)
        return usual + max(PROMISE, SLOW_MACHINE * usual)


@pytest.fixture(scope="module")
def beside(world: World) -> Iterator[Beside]:
    workers = [
        world.worker("deliver", "--queues", "deliver"),
        world.worker("slow", "--queues", "slow"),
        world.worker("background", "--queues", "background"),
    ]
    it, stub, small = world.product, world.stub, world.tenants["Small"]
    delays(it, stub, small, "warm", 3)
    yield Beside(world, delays(it, stub, small, "idle", SINGLES))
    for worker in workers:
        worker.stop(5)


def test_a_slow_provider_delays_nobody_else(
    beside: Beside, record_property: Record
) -> None:
    """Ten seconds a call; at first nobody knows, then it has workers of its own."""
    world = beside.world
    it, stub, slow = world.product, world.stub, world.tenants["Slow"]
    stub.seconds[slow.api_key] = 10.0
    fill(it, slow, 20_000)
    wait_until(lambda: stub.counts[slow.api_key] > 0, PATIENCE, "the first answer")
    wait_until(lambda: stub.open[slow.api_key] > 0, PATIENCE, "the next call")
    before = background_tasks(it)
    found = delays(it, stub, world.tenants["Small"], "beside.slow", SINGLES)
    record_property("said", told("idle", beside.idle))
    record_property("said", told("beside a slow provider", found))
    assert max(found) <= beside.promised(), it.logs()
    # What is neither fast nor slow goes on too.
    wait_until(lambda: background_tasks(it) >= before + 2, 60, "background tasks")
    assert stub.open[slow.api_key] > 0
    world.nothing_waits()


@pytest.mark.parametrize("seconds", [0.0, 1.0])
def test_a_million_rows_of_one_tenant_delay_no_other(
    beside: Beside, seconds: float, record_property: Record
) -> None:
    world = beside.world
    it, stub, big = world.product, world.stub, world.tenants["Big"]
    stub.seconds[big.api_key] = seconds
    waiting = it.rows(
        "SELECT count(*) FROM integrations_delivery WHERE state = 'pending'"
    )
    fill(it, big, MANY - waiting[0][0])
    started = stub.counts[big.api_key]
    wait_until(lambda: stub.counts[big.api_key] > started, PATIENCE, "a turn")
    before = stub.counts[big.api_key]
    found = delays(it, stub, world.tenants["Small"], f"beside.{seconds:g}", SINGLES)
    sent = stub.counts[big.api_key] - before
    record_property("said", told("idle", beside.idle))
    record_property(
        "said",
        told(f"beside {MANY:,} rows, {seconds:g} s a batch", found)
        + f"; {sent:,} of them sent meanwhile",
    )
    assert sent > 0, "the other tenant was not served at all"
    assert max(found) <= beside.promised(), it.logs()
    if seconds:
        world.nothing_waits()


def background_tasks(product: Product) -> int:
    """How many tasks of the background queue have ended well."""
    log = next(p for p in product.workers if p.name == "background").log.read_text()
    return len(re.findall(r"integrations\.check_(?:jobs|opt_ins)\[\S+ succeeded", log))
