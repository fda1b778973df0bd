"""The measures themselves: what they count must be what was spent."""

from __future__ import annotations

import os
import time

import pytest

from bench.procs import Meter, Samples, cpu_of, family, rss_mb, running, until

BURN = "import time\nwhile time.process_time() < 0.3: pass\ntime.sleep(60)"


def test_cpu_of_a_family_is_what_it_burned() -> None:
    meter = Meter({"us": os.getpid()})
    with running(["-c", BURN]) as process:
        until(lambda: cpu_of([process.pid]) >= 0.2, 30, "it did not burn")
        assert process.pid in family(os.getpid())
        assert meter.spent()["us"] >= 0.2


def test_memory_is_seen_to_grow() -> None:
    before = rss_mb(os.getpid())
    held = b"x" * (30 << 20)
    assert 25 < rss_mb(os.getpid()) - before < 60
    del held


def test_samples_are_kept_per_process() -> None:
    samples = Samples([os.getpid()])
    samples.start()
    time.sleep(0.6)
    samples.stop()
    values = samples.seen[os.getpid()]
    assert len(values) >= 2
    assert min(values) > 1


def test_what_never_comes_true_is_an_error() -> None:
    with pytest.raises(TimeoutError, match="nothing"):
        until(lambda: False, 0.05, "nothing happened")
