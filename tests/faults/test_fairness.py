"""One tenant's million rows, or its slow provider, keep nobody else waiting."""

from __future__ import annotations

import contextlib
import re
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import psycopg2
import pytest

from tests.faults.crowded import Tenant, delays, fill, tenant, told
from tests.faults.product import Product, product, wait_until
from tests.faults.stub import Stub, running_stub

pytestmark = [pytest.mark.faults, pytest.mark.pg, pytest.mark.redis, pytest.mark.slow]

Record = Callable[[str, object], None]
MANY = 1_000_000
SINGLES = 12
PROMISE = 2.0  # seconds more than when nobody else is there
# A machine that needs long for one signup when idle is a slow one: so many times that.
SLOW_MACHINE = 20


@dataclass(frozen=True, slots=True)
class World:
    product: Product
    stub: Stub
    big: Tenant
    small: Tenant
    slow: Tenant
    idle: list[float]

    def promised(self) -> float:
        """Seconds that a single signup may take beside others."""
        usual = statistics.median(self.idle)
        return usual + max(PROMISE, SLOW_MACHINE * usual)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Two worker processes that send, and the background worker."""
    with ExitStack() as stack:
        stub = stack.enter_context(running_stub())
        it = stack.enter_context(
            product(
                "postgresql",
                tmp_path_factory.mktemp("fairness"),
                {"mailchimp": stub.url},
                tenants=("Big", "Small", "Slow"),
                hurried=False,
                durable=False,
                lease=120,
            )
        )
        for name in ("deliver1", "deliver2"):
            it.worker(name, "--queues", "deliver", processes=1)
        it.worker("background", "--queues", "slow,background")
        big, small, slow = (tenant(it, name) for name in ("Big", "Small", "Slow"))
        for program in it.workers:
            wait_until(lambda p=program: p.said(" ready."), 120, program.name)  # type: ignore[misc]
        delays(it, stub, small, "warm", 3)
        idle = delays(it, stub, small, "idle", SINGLES)
        yield World(it, stub, big, small, slow, idle)


def test_a_slow_provider_delays_nobody_else(
    world: World, record_property: Record
) -> None:
    """Ten seconds a call; at first nobody knows, then it has workers of its own."""
    world.stub.seconds[world.slow.api_key] = 10.0
    fill(world.product, world.slow, 5_000)
    it = world.product
    wait_until(lambda: world.stub.counts[world.slow.api_key] > 0, 60, "first answer")
    wait_until(lambda: world.stub.open[world.slow.api_key] > 0, 60, "the next call")
    before = background_tasks(it)
    found = delays(it, world.stub, world.small, "beside.slow", SINGLES)
    record_property("said", told("idle", world.idle))
    record_property("said", told("beside a slow provider", found))
    assert max(found) <= world.promised(), it.logs()
    # What is neither fast nor slow goes on too.
    wait_until(lambda: background_tasks(it) >= before + 2, 30, "background tasks")
    assert world.stub.open[world.slow.api_key] > 0
    drop(it)


@pytest.mark.parametrize("seconds", [0.0, 1.0])
def test_a_million_rows_of_one_tenant_delay_no_other(
    world: World, seconds: float, record_property: Record
) -> None:
    it, stub, big = world.product, world.stub, world.big
    stub.seconds[big.api_key] = seconds
    waiting = it.rows(
        "SELECT count(*) FROM integrations_delivery WHERE state = 'pending'"
    )
    fill(it, big, MANY - waiting[0][0])
    started = stub.counts[big.api_key]
    wait_until(lambda: stub.counts[big.api_key] > started, 60, "the big tenant's turn")
    before = stub.counts[big.api_key]
    found = delays(it, stub, world.small, f"beside.{seconds:g}", SINGLES)
    sent = stub.counts[big.api_key] - before
    record_property("said", told("idle", world.idle))
    record_property(
        "said",
        told(f"beside {MANY:,} rows, {seconds:g} s a batch", found)
        + f"; {sent:,} of them sent meanwhile",
    )
    assert sent > 0, "the other tenant was not served at all"
    assert max(found) <= world.promised(), it.logs()
    if seconds:
        drop(it)


def background_tasks(product: Product) -> int:
    """How many tasks of the background queue have ended well."""
    log = next(p for p in product.workers if p.name == "background").log.read_text()
    return len(re.findall(r"integrations\.check_(?:jobs|opt_ins)\[\S+ succeeded", log))


def drop(product: Product) -> None:
    """Nothing waits any more."""
    assert product.database
    with contextlib.closing(psycopg2.connect(product.database.url)) as session:
        session.cursor().execute("TRUNCATE integrations_delivery")
        session.commit()
    time.sleep(1)
