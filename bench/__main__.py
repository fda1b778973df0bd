"""Run the benchmarks: ``python -m bench [NAME ...] [--engine ...] [--long]``.

They bring their own data base and broker and print ratios measured side by side in one
run. Names: signup, drain, claim, drift, e2e, memory, wake; all of them when none is
given.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile

from tests.services import Postgres, postgres, redis_server

CHOICES = ("signup", "drain", "claim", "drift", "e2e", "memory", "wake")
POSTGRES_ONLY = ("drain", "claim", "drift", "e2e", "memory")
WITH_REDIS = ("e2e", "memory", "wake")


def child(which: str, engine: str, *words: str, **env: str) -> None:
    """One benchmark in a process of its own: its settings come from the environment."""
    with tempfile.TemporaryDirectory(prefix="contactsync-bench-") as home:
        defaults = {"DATABASE_URL": f"sqlite:///{home}/bench.db"}
        subprocess.run(
            [sys.executable, "-m", "bench.run", which, engine, *words],
            check=True,
            env={
                **os.environ,
                "CONTACTSYNC_HOME": home,
                "SECRET_KEY": "bench",
                "DJANGO_SETTINGS_MODULE": "bench.settings",
                **defaults,
                **env,
            },
        )


def on_postgres(which: str, server: Postgres, *words: str) -> None:
    """Each in a data base of its own: what one leaves behind slows no other."""
    server.create_database(which)
    url, database = server.url_of(which), ("--database-pid", str(server.pid))
    if which not in WITH_REDIS:
        return child(
            which,
            "postgresql",
            *(*database, *words),
            DATABASE_URL=url,
            BROKER_URL="memory://",
        )
    with redis_server() as broker:
        child(
            which,
            "postgresql",
            *(*database, "--broker-pid", str(broker.pid), *words),
            DATABASE_URL=url,
            BROKER_URL=broker.url,
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("which", nargs="*", default=list(CHOICES))
    parser.add_argument("--engine", choices=("postgresql", "sqlite"))
    parser.add_argument(
        "--long", action="store_true", help="claim: with 10,000,000 rows as well"
    )
    given = parser.parse_args()
    names = list(dict.fromkeys(given.which))
    for which in names:
        if which not in CHOICES:
            parser.error(f"unknown benchmark {which!r}: one of {', '.join(CHOICES)}")
    words = ["--long"] if given.long else []
    if given.engine != "sqlite":
        with postgres(fsync=True) as server:
            for which in names:
                on_postgres(which, server, *words)
    if given.engine != "postgresql":
        for which in names:
            if which == "wake":
                child(which, "sqlite", BROKER_URL="filesystem://localhost")
            elif which not in POSTGRES_ONLY:
                child(which, "sqlite", BROKER_URL="memory://")


if __name__ == "__main__":
    main()
