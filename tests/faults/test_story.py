"""Thousands sign up while everything breaks: nobody is lost, doubled or brought back.

A new seed each time; FAULTS_SEED=N repeats one, and `make soak` runs for longer.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults import story

# Two groups of about the same length share the lane's two workers: these, and "beside".
pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.xdist_group("story")]
ON_SERVERS = (pytest.mark.pg, pytest.mark.redis)


@pytest.mark.parametrize(
    ("engine", "signups", "steps"),
    [
        pytest.param("postgresql", 5_000, 22, marks=ON_SERVERS),
        pytest.param("sqlite", 2_000, 16),
    ],
)
def test_nothing_is_lost_whatever_breaks(
    engine: str,
    signups: int,
    steps: int,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
    capfd: pytest.CaptureFixture[str],
) -> None:
    seed = int(os.environ.get("FAULTS_SEED") or secrets.randbelow(10**6))
    heard: list[str] = []
    with capfd.disabled():
        print(f"\nseed {seed}", flush=True)
    try:
        story.tell(
            seed,
            engine=engine,
            signups=signups,
            steps=steps,
            say=heard.append,
            folder=tmp_path,
        )
    finally:
        record_property("said", heard[0])
        record_property("said", heard[-1])
