"""What the filter costs: time per address, memory, and time to load."""

from __future__ import annotations

import gc
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from email_validator import EmailNotValidError, validate_email

from bench.hygiene.rows import Row
from hygiene.case import Facts
from hygiene.judge import judge
from hygiene.policy import Policy

ROUNDS = 7
MIX = 40_000
OTHERS = 0.08
"""The share of the natural mix that comes from the labelled sets."""

_CHILD = """
import sys, time
def rss():
    for line in open("/proc/self/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
bare = rss()
started = time.process_time()
from hygiene.judge import judge
from hygiene import facts as module
imported = time.process_time()
code = rss()
facts = module.load(breadth={breadth})
loaded = time.process_time()
judge("jo.smith@gmail.com", facts=facts)
print(bare, code, rss(), imported - started, loaded - imported)
"""


@dataclass(frozen=True, slots=True)
class Speed:
    """Addresses a second on one core, and seconds for a slow single address."""

    ours: float
    theirs: float
    p50: float
    p99: float

    @property
    def ratio(self) -> float:
        return self.ours / self.theirs


@dataclass(frozen=True, slots=True)
class Load:
    """Megabytes added by code and by data; processor seconds to import and to load."""

    code_mb: float
    data_mb: float
    import_s: float
    load_s: float


def natural_mix(people: Sequence[str], rows: Sequence[Row], seed: int = 6) -> list[str]:
    """What a signup form sees: mostly people, some of everything else, shuffled."""
    rng = random.Random(seed)
    others = int(MIX * OTHERS)
    mix = rng.sample(people, MIX - others)
    mix += [row.address for row in rng.choices(rows, k=others)]
    rng.shuffle(mix)
    return mix


def _theirs(address: str) -> None:
    with suppress(EmailNotValidError, ValueError):
        validate_email(address, check_deliverability=False)


def _rate(check: Callable[[str], object], addresses: Sequence[str]) -> float:
    started = time.process_time()
    for address in addresses:
        check(address)
    return len(addresses) / (time.process_time() - started)


def speed(addresses: Sequence[str], facts: Facts, policy: Policy) -> Speed:
    """Time ``judge`` and ``email_validator`` in turn; the ratio is of the medians.

    All in processor time, so that other work on the machine counts for less. The
    percentiles are of one address at a time, beginning with no domain remembered.
    """

    def ours(address: str) -> object:
        return judge(address, facts=facts, policy=policy)

    ours_rates, theirs_rates = [], []
    # The 200,000 people that this process also holds are not the filter's garbage.
    gc.collect()
    gc.freeze()
    _rate(ours, addresses)
    for _ in range(ROUNDS):
        ours_rates.append(_rate(ours, addresses))
        theirs_rates.append(_rate(_theirs, addresses[: len(addresses) // 5]))
    gc.collect()
    facts.reports.clear()
    times = []
    for address in addresses:
        started = time.thread_time()
        judge(address, facts=facts, policy=policy)
        times.append(time.thread_time() - started)
    cuts = statistics.quantiles(times, n=100)
    return Speed(
        statistics.median(ours_rates),
        statistics.median(theirs_rates),
        cuts[49],
        cuts[98],
    )


def loading(breadth: bool) -> Load:
    """Load in fresh processes; medians of five."""
    runs = []
    for _ in range(5):
        child = subprocess.run(
            [sys.executable, "-c", _CHILD.format(breadth=breadth)],
            check=True,
            capture_output=True,
            text=True,
        )
        runs.append([float(figure) for figure in child.stdout.split()])
    bare, code, full, imported, loaded = (
        statistics.median(column) for column in zip(*runs, strict=True)
    )
    return Load(code - bare, full - code, imported, loaded)
