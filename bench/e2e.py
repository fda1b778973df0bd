"""From the outbox to a provider over HTTP, through real processes.

PostgreSQL, Redis, a Celery worker with two processes, and a provider stub in a process
of its own that takes batches of 500 through the real adapter. It is compared with a
task and an HTTP call per signup: same broker, same workers, same stub, same run, in
alternating rounds. Both start with everything waiting and end when the last row is
saved; publishing the task messages is left out, in the baseline's favour.
"""

from __future__ import annotations

import os
import statistics
import time
from typing import Any

from celery import current_app

from bench.baseline import QUEUE
from bench.models import PlainSignup
from bench.procs import Meter, Stub, provider_stub, until, workers
from bench.rows import fill, waiting
from bench.world import prepare, world
from integrations.models import Delivery, State
from integrations.waker import waker

ACCOUNTS = 4
ROWS = 60_000  # per round, over all accounts
PLAIN = 1_500  # per round
ROUNDS = 3
PROCESSES = 2
PATIENCE = 900.0  # seconds

OURS, PLAINLY = "contactsync", "a task each"

Figures = dict[str, float]
Roots = dict[str, int]


def fill_all(worlds: list[dict[str, Any]], count: int, tag: str) -> None:
    for number, at in enumerate(worlds):
        fill(at, count // len(worlds), f"{tag}.{number}.")


def ours(worlds: list[dict[str, Any]], stub: Stub, roots: Roots, tag: str) -> Figures:
    fill_all(worlds, ROWS, tag)
    return drained(worlds, stub, roots, ROWS)


def drained(
    worlds: list[dict[str, Any]], stub: Stub, roots: Roots, count: int
) -> Figures:
    """Wake the accounts; until every row is at the provider and settled."""
    before, meter = stub.contacts(), Meter(roots)
    started = time.perf_counter()
    waker.wake([at["linked"].pk for at in worlds])
    until(lambda: stub.contacts() - before >= count, PATIENCE, "not all were sent")
    until(lambda: not waiting(), PATIENCE, "not all were settled")
    return measured(meter, count, time.perf_counter() - started)


def plain(stub: Stub, roots: Roots, tag: str) -> Figures:
    """The baseline: messages wait in a queue until the workers are told of it."""
    made = PlainSignup.objects.bulk_create(
        PlainSignup(email=f"{tag}{n}@gmail.com", first_name="Mira", last_name="Okafor")
        for n in range(PLAIN)
    )
    for signup in made:
        current_app.send_task("bench.send_signup", [signup.pk], queue=QUEUE)
    left = PlainSignup.objects.filter(status="pending")
    before, meter = stub.contacts(), Meter(roots)
    started = time.perf_counter()
    current_app.control.add_consumer(QUEUE)
    until(lambda: stub.contacts() - before >= PLAIN, PATIENCE, "not all were sent")
    until(lambda: not left.exists(), PATIENCE, "not all were saved")
    found = measured(meter, PLAIN, time.perf_counter() - started)
    current_app.control.cancel_consumer(QUEUE)
    return found


def measured(meter: Meter, count: int, seconds: float) -> Figures:
    """Contacts a second, and microseconds of CPU per contact of each part."""
    spent = {name: value / count * 1e6 for name, value in meter.spent().items()}
    return {"rate": count / seconds, **spent}


def median_of(rounds: list[Figures]) -> Figures:
    return {
        name: statistics.median(figures[name] for figures in rounds)
        for name in rounds[0]
    }


def report(database_pid: int, broker_pid: int) -> None:
    prepare()
    worlds = [world() for _ in range(ACCOUNTS)]
    with provider_stub() as stub, workers(stub, processes=PROCESSES) as worker:
        roots = {"workers": worker.pid, "data base": database_pid}
        roots |= {"Redis": broker_pid, "stub": stub.pid}
        fill_all(worlds, ACCOUNTS * 1000, "warm")
        drained(worlds, stub, roots, ACCOUNTS * 1000)
        found: dict[str, list[Figures]] = {OURS: [], PLAINLY: []}
        for number in range(ROUNDS):
            for name, rounds in found.items():
                load = os.getloadavg()[0]
                tag = f"r{number}"
                rounds.append(
                    ours(worlds, stub, roots, tag)
                    if name == OURS
                    else plain(stub, roots, tag)
                )
                rate = rounds[-1]["rate"]
                print(f"  {name}: {rate:,.0f} contacts/s, load before {load:.1f}")
        unsettled = Delivery.objects.exclude(state=State.SYNCED).count()
        assert not unsettled, f"{unsettled:,} rows are not synced"
    show({name: median_of(rounds) for name, rounds in found.items()})


def show(medians: dict[str, Figures]) -> None:
    print(f"end to end on {os.cpu_count()} cores, medians of {ROUNDS} rounds in turn;")
    print("CPU in microseconds per contact")
    parts = list(medians[OURS])
    print(f"{'':13}" + "".join(f"{name:>11}" for name in parts))
    for name, figures in medians.items():
        cells = (f"{figures[part]:11,.1f}" for part in parts)
        print(f"{name:13}" + "".join(cells))
    mine, theirs = medians[OURS], medians[PLAINLY]
    print(f"ratio {mine['rate'] / theirs['rate']:.0f}x")
