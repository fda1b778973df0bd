"""One benchmark, in a process whose settings are in place."""

from __future__ import annotations

import argparse

import django

django.setup()

from bench import drain, e2e, memory, outbox, signup, wake  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("which")
    parser.add_argument("engine")
    parser.add_argument("--database-pid", type=int, default=0)
    parser.add_argument("--broker-pid", type=int, default=0)
    parser.add_argument("--long", action="store_true")
    given = parser.parse_args()
    match given.which:
        case "signup":
            found = signup.measure(given.database_pid or None)
            signup.report(given.engine, found)
        case "drain":
            drain.report_drain(given.database_pid)
        case "claim":
            outbox.report_claim(long=given.long)
        case "drift":
            outbox.report_drift()
        case "e2e":
            e2e.report(given.database_pid, given.broker_pid)
        case "memory":
            memory.report()
        case "wake":
            wake.report(given.engine)


if __name__ == "__main__":
    main()
