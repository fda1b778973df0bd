"""Draining the outbox without a network: rows a second, and what a row costs."""

from __future__ import annotations

import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any, ClassVar
from uuid import UUID

from django.db import connection

from bench.procs import Meter
from bench.rows import fill
from bench.world import prepare, world
from integrations.adapters import ADAPTERS
from integrations.adapters.base import (
    Adapter,
    Audience,
    Contact,
    Options,
    Outcome,
    OutcomeState,
    Reading,
)
from integrations.drain import drain
from integrations.models import Delivery, LinkedAccount, State

ROUNDS = 3
ROWS = 60_000
ONE_WORKER = 30_000
SINGLE = 2_000
WORKERS = 2
TOGETHER, ALONE, EACH = f"{WORKERS} workers", "1 worker", "a task per row"


class Instant(Adapter):
    """A provider without a network: it accepts everybody at once."""

    slug = "mailchimp"
    label = "Mailchimp"
    kind = "esp"
    batch_size = 500
    concurrency: ClassVar[int] = 10

    def verify(self) -> Reading:
        return Reading(identity="bench")

    def audiences(self) -> list[Audience]:
        return []

    def upsert(
        self, contacts: Sequence[Contact], audience_id: str, options: Options
    ) -> list[Outcome]:
        done = Outcome(state=OutcomeState.SYNCED)
        return [done for _ in contacts]


def drain_all(linked_account_id: UUID) -> None:
    while drain(linked_account_id):
        pass


def drain_together(linked_account_id: UUID) -> float:
    """Wall seconds of WORKERS processes that drain one account side by side."""
    connection.close()  # a fork must not share it
    fork = multiprocessing.get_context("fork")
    ready = fork.Barrier(WORKERS + 1)

    def work() -> None:
        connection.ensure_connection()
        ready.wait()
        drain_all(linked_account_id)

    workers = [fork.Process(target=work) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    ready.wait()
    started = time.perf_counter()
    for worker in workers:
        worker.join()
    return time.perf_counter() - started


def one_by_one(linked_account_id: UUID, count: int) -> None:
    """As most projects do it: a task per row that loads, calls, saves."""
    adapter = LinkedAccount.objects.get(pk=linked_account_id).adapter()
    waiting = Delivery.objects.filter(linked_account_id=linked_account_id)
    for pk in list(waiting.filter(state=State.PENDING).values_list("pk", flat=True)):
        row = Delivery.objects.select_related("target", "linked_account").get(pk=pk)
        contact = Contact(email=row.payload["email"], fields=row.payload["fields"])
        outcome = adapter.upsert([contact], row.target.audience_id, Options())[0]
        row.state = outcome.state.value
        row.save()
        count -= 1
        if not count:
            return


def costs(
    work: Callable[[], float | None], count: int, database_pid: int
) -> dict[str, float]:
    """Rows a second, and microseconds of CPU per row here and in the data base."""
    meter = Meter({"worker": os.getpid(), "data base": database_pid})
    started = time.perf_counter()
    wall = work() or time.perf_counter() - started
    spent = {name: value / count * 1e6 for name, value in meter.spent().items()}
    return {"rate": count / wall, **spent}


def report_drain(database_pid: int) -> None:
    prepare()
    ADAPTERS["mailchimp"] = Instant
    at: dict[str, Any] = world()
    linked = at["linked"].pk
    fill(at, 2_000)
    drain_all(linked)  # warm
    ways: dict[str, tuple[int, Callable[[], float | None]]] = {
        TOGETHER: (ROWS, lambda: drain_together(linked)),
        ALONE: (ONE_WORKER, lambda: drain_all(linked)),
        EACH: (SINGLE, lambda: one_by_one(linked, SINGLE)),
    }
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in ways}
    load = os.getloadavg()[0]
    for _ in range(ROUNDS):
        for name, (count, work) in ways.items():
            fill(at, count)
            rounds[name].append(costs(work, count, database_pid))
            mine = Delivery.objects.filter(linked_account=at["linked"])
            assert not mine.exclude(state=State.SYNCED).exists(), name
    print(f"drain without network on postgresql, {os.cpu_count()} cores, medians of")
    print(f"{ROUNDS} rounds in turn, load before {load:.1f}; CPU in us per row")
    print(f"{'':16}{'rows/s':>9}{'worker':>9}{'data base':>11}{'together':>10}")
    medians: dict[str, dict[str, float]] = {}
    for name, found in rounds.items():
        one = {key: statistics.median(each[key] for each in found) for key in found[0]}
        one["cpu"] = one["worker"] + one["data base"]
        medians[name] = one
        print(
            f"{name:16}{one['rate']:9,.0f}{one['worker']:9.1f}"
            f"{one['data base']:11.1f}{one['cpu']:10.1f}"
        )
    theirs = medians[EACH]
    print(
        f"ratio {medians[TOGETHER]['rate'] / theirs['rate']:.0f}x rows/s, "
        f"{theirs['cpu'] / medians[ALONE]['cpu']:.0f}x less CPU per row "
        f"({EACH!r} leaves out the broker's cost)"
    )
