"""`make soak`: stories one after the other, each with a seed of its own.

    python -m tests.faults.soak [--minutes 30] [--seed N] [--engine sqlite]

With a seed, that one story alone is told.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import time
from collections.abc import Sequence

from tests.faults import story
from tests.faults.product import ENGINES

SIGNUPS = 10_000
STEPS = 60


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--engine", choices=ENGINES)
    parser.add_argument("--signups", type=int, default=SIGNUPS)
    parser.add_argument("--steps", type=int, default=STEPS)
    chosen = parser.parse_args(arguments)
    end = time.monotonic() + 60 * chosen.minutes
    engines = [chosen.engine] if chosen.engine else list(ENGINES)
    told = 0
    while told == 0 or (chosen.seed is None and time.monotonic() < end):
        seed = secrets.randbelow(10**6) if chosen.seed is None else chosen.seed
        try:
            story.tell(
                seed,
                engine=engines[told % len(engines)],
                signups=chosen.signups,
                steps=chosen.steps,
                say=lambda line: print(line, flush=True),
            )
        except story.Failed as failure:
            print(failure, flush=True)
            return 1
        told += 1
        print(f"Nothing was lost. Stories told: {told}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
