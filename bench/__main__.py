"""Run the benchmarks: ``python -m bench [signup] [drain] [claim] [--engine ...]``.

They bring their own data base and print ratios measured side by side in one run.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile

from tests.services import postgres

CHOICES = ("signup", "drain", "claim")
POSTGRES_ONLY = ("drain", "claim")


def child(which: str, engine: str, url: str, pid: int | None) -> None:
    """One benchmark in a process of its own: its settings come from the environment."""
    with tempfile.TemporaryDirectory(prefix="contactsync-bench-") as home:
        subprocess.run(
            [sys.executable, "-m", "bench.run", which, engine, str(pid or "")],
            check=True,
            env={
                **os.environ,
                "CONTACTSYNC_HOME": home,
                "SECRET_KEY": "bench",
                "DATABASE_URL": url or f"sqlite:///{home}/bench.db",
                "BROKER_URL": "memory://",
                "DJANGO_SETTINGS_MODULE": "bench.settings",
            },
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("which", nargs="*", default=list(CHOICES))
    parser.add_argument("--engine", choices=("postgresql", "sqlite"))
    given = parser.parse_args()
    for which in given.which:
        if which not in CHOICES:
            parser.error(f"unknown benchmark {which!r}: one of {', '.join(CHOICES)}")
    if given.engine != "sqlite":
        with postgres(fsync=True) as server:
            for which in given.which:
                child(which, "postgresql", server.url, server.pid)
    if given.engine != "postgresql":
        for which in given.which:
            if which not in POSTGRES_ONLY:
                child(which, "sqlite", "", None)


if __name__ == "__main__":
    main()
