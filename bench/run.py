"""One benchmark, in a process whose settings are in place."""

from __future__ import annotations

import sys

import django

django.setup()

from bench import drain, signup  # noqa: E402


def main(which: str, engine: str, database_pid: str) -> None:
    match which:
        case "signup":
            signup.report(engine, signup.measure(int(database_pid or 0) or None))
        case "drain":
            drain.report_drain()
        case "claim":
            drain.report_claim()


if __name__ == "__main__":
    main(*sys.argv[1:4])
