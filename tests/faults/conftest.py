"""A product that is only watched and a provider that only counts, for the tests that
need no wreckage; and what the runs have to say, at the end of pytest's output."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import psycopg2
import pytest

from tests.faults.crowded import Tenant, tenant
from tests.faults.product import PATIENCE, Product, product, wait_until
from tests.faults.programs import Program
from tests.faults.stub import Stub, running_stub

TENANTS = ("Rolling", "Big", "Small", "Slow")


@dataclass(frozen=True, slots=True)
class World:
    """The product as it is in production, with a fast provider and no workers yet."""

    product: Product
    stub: Stub
    tenants: dict[str, Tenant]

    def worker(self, name: str, *words: str, processes: int = 2) -> Program:
        """Start one and wait until it takes work."""
        one = self.product.worker(name, *words, processes=processes)
        wait_until(lambda: one.log.exists() and one.said(" ready."), PATIENCE, name)
        return one

    def nothing_waits(self) -> None:
        """Forget all deliveries."""
        assert self.product.database
        url = self.product.database.url
        with contextlib.closing(psycopg2.connect(url)) as session:
            session.cursor().execute("TRUNCATE integrations_delivery")
            session.commit()


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with ExitStack() as stack:
        stub = stack.enter_context(running_stub())
        it = stack.enter_context(
            product(
                "postgresql",
                tmp_path_factory.mktemp("plain"),
                {"mailchimp": stub.url},
                tenants=TENANTS,
                hurried=False,
                durable=False,
                lease=120,
            )
        )
        yield World(it, stub, {name: tenant(it, name) for name in TENANTS})


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests have recorded as "said": seeds, and measured seconds."""
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            for name, text in getattr(report, "user_properties", ()):
                if name == "said" and report.when == "call":
                    terminalreporter.write_line(str(text))
