"""The memory of the workers while they drain 200,000 rows over HTTP."""

from __future__ import annotations

import time

from bench.e2e import ACCOUNTS, PROCESSES, drained, fill_all
from bench.procs import Samples, family, provider_stub, workers
from bench.world import prepare, world

ROWS = 200_000
WARM = 10_000


def report() -> None:
    prepare()
    worlds = [world() for _ in range(ACCOUNTS)]
    with provider_stub() as stub, workers(stub, processes=PROCESSES) as worker:
        fill_all(worlds, WARM, "warm")
        drained(worlds, stub, {}, WARM)
        fill_all(worlds, ROWS, "r")
        pool = [pid for pid in family(worker.pid) if pid != worker.pid]
        samples = Samples(pool)
        samples.start()
        started = time.perf_counter()
        drained(worlds, stub, {}, ROWS)
        taken = time.perf_counter() - started
        samples.stop()
    print(f"memory of {len(pool)} worker processes over {ROWS:,} rows, sent over HTTP")
    print(f"in {taken:.0f} s, after {WARM:,} to warm up; resident MB")
    print(f"{'':10}{'start':>8}{'max':>8}{'end':>8}{'end/start':>11}")
    for number, values in enumerate(samples.seen.values(), start=1):
        print(
            f"process {number:<2}{values[0]:8.1f}{max(values):8.1f}{values[-1]:8.1f}"
            f"{values[-1] / values[0]:11.2f}"
        )
