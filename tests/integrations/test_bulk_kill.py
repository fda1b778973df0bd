"""Workers of a bulk run are killed (kill -9) while they plan, send and undo.

On PostgreSQL, two processes at a time, at a simulated provider: nobody is lost or
doubled, and what was undone is undone once.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import psycopg2
import pytest

from contactsync.lib.crypto_keys import new_key
from integrations.sandbox.testing import RunningSandbox, running_sandbox
from tests.hygiene.cleaning.test_kill import BEGIN, ROOT, end, environment
from tests.services import Postgres, postgres

pytestmark = [pytest.mark.pg, pytest.mark.slow]
PEOPLE, SEED = 40, 11
NUMBERS = f"PEOPLE = {PEOPLE}\n"
MAKE = """
from django.core.management import call_command
call_command("migrate", verbosity=0)
from contactsync.tenancy.models import User
from contactsync.tenancy.services import account_create
from displays.backfill import backfill_create
from displays.services import display_create
from integrations.bulk import bulk_waker
from integrations.services import linked_account_create
from tests.integrations.bulk_world import rule_made, signed_up
bulk_waker.wake = lambda ids: None
alice = User.objects.create_user("a@b.de", "x")
account = account_create(name="Acme", owner=alice)
linked = linked_account_create(account=account, provider="mailchimp", label="Acme",
    credentials={"api_key": "0123456789abcdef0123456789abcdef-us21"}, by=alice)
display = display_create(account=account, name="D", kind="popup", status="live")
for n in range(PEOPLE):
    signed_up(display, f"p{n}.person@outlook.com")
print(backfill_create(rule=rule_made(display, linked)).pk)
"""
WORK = """
import time
from datetime import timedelta
from integrations import bulk_plan, bulk_send, bulk_undo, bulk_work
from integrations.bulk import bulk_waker
from integrations.drain import drain
from integrations.models import LinkedAccount
from integrations.outbox import reclaim
from integrations.waker import waker
waker.wake = bulk_waker.wake = lambda ids: None
bulk_work.LEASE = timedelta(seconds=5)
bulk_plan.PAGE = bulk_send.SLICE = bulk_undo.SLICE = 5
print("ready", flush=True)
while True:
    LinkedAccount.objects.update(not_before=None)
    reclaim()
    for run_id in bulk_work.open_runs():
        bulk_work.advance(run_id)
    for linked in LinkedAccount.objects.all():
        drain(linked.pk)
    time.sleep(0.01)
"""
GO = """
from integrations.bulk import bulk_start, bulk_undo, bulk_waker
from integrations.models import BulkRun
bulk_waker.wake = lambda ids: None
run = BulkRun.objects.get()
if run.state == "done":
    bulk_undo(run=run, confirm=PEOPLE)
else:
    bulk_start(run=run, confirm=run.guard["count"])
"""
CHECK = """
from collections import Counter
from integrations.models import BulkItem, BulkRun, Delivery
run = BulkRun.objects.get()
wanted = {f"p{n}.person@outlook.com" for n in range(PEOPLE)}
rows = list(Delivery.objects.values_list("payload__email", "state", "reason"))
items = list(BulkItem.objects.values_list("delivery_id", "outcome", "undone"))
assert len(rows) == PEOPLE and {row[0] for row in rows} == wanted, len(rows)
assert len(items) == PEOPLE and len({item[0] for item in items}) == PEOPLE
assert {item[1] for item in items} == {"synced"}, Counter(item[1] for item in items)
assert run.plan["acts"] == run.plan["seen"] == run.plan["total"] == PEOPLE, run.plan
assert run.progress["enqueued"] == PEOPLE, run.progress
assert run.progress["ended"] == {"synced": PEOPLE}, run.progress
if run.state == "undone":
    assert {row[1:] for row in rows} == {("skipped", "rule.undone")}
    assert {item[2] for item in items} == {"removed"}
    assert run.undo["counts"] == {"removed": PEOPLE}, run.undo
print(run.state)
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as found:
        yield found


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with running_sandbox() as running:
        yield running


class World:
    def __init__(self, server: Postgres, sandbox: RunningSandbox) -> None:
        urls = {"mailchimp": sandbox.base_url("mailchimp")}
        self.server = server
        self.environment = {
            **environment(server),
            "CONTACTSYNC_PROVIDER_URLS": json.dumps(urls),
            "LEASE_SECONDS": "8",
            "CREDENTIAL_KEYS": new_key("k1"),
        }

    def python(self, code: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", f"{BEGIN}{NUMBERS}{code}"],
            env=self.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def workers(self) -> list[subprocess.Popen[str]]:
        """Two processes, when both are ready."""
        both = [
            subprocess.Popen(
                [sys.executable, "-c", BEGIN + WORK],
                env=self.environment,
                cwd=ROOT,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(2)
        ]
        for process in both:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        return both

    def ask(self, question: str) -> Any:
        session = psycopg2.connect(self.server.url)
        try:
            with session.cursor() as cursor:
                cursor.execute(question)
                found = cursor.fetchone()
                return found[0] if found else None
        finally:
            session.close()

    @property
    def state(self) -> str:
        return str(self.ask("SELECT state FROM integrations_bulkrun"))


def killed(world: World, steps: str, state: str, chance: random.Random) -> bool:
    """Kill both workers in the middle of a phase, and let two others end it. Whether
    one died that held the run. ``steps`` counts what was done."""
    both, deadline = world.workers(), time.monotonic() + 180
    try:
        while not world.ask(steps) and time.monotonic() < deadline:
            time.sleep(0.002)
        time.sleep(chance.random() * 0.2)
    finally:
        for process in both:
            end(process)
    held = bool(world.ask("SELECT claim_id FROM integrations_bulkrun"))
    assert world.state == state, "they were too quick to be killed at work"
    assert 0 < world.ask(steps) < PEOPLE
    both, deadline = world.workers(), time.monotonic() + 180
    try:
        while world.state == state:
            assert time.monotonic() < deadline, f"it stays {state}"
            time.sleep(0.05)
    finally:
        for process in both:
            end(process)
    return held


def test_killed_workers_lose_and_double_nobody(
    server: Postgres, sandbox: RunningSandbox
) -> None:
    world, chance = World(server, sandbox), random.Random(SEED)
    world.python(MAKE)
    seen = "SELECT count(*) FROM integrations_bulkitem"
    held = [killed(world, seen, "planning", chance)]
    world.python(GO)
    enqueued = "SELECT count(*) FROM integrations_delivery"
    held.append(killed(world, enqueued, "running", chance))
    assert world.python(CHECK + GO) == "done"
    assert len(there(sandbox, "subscribed")) == PEOPLE
    undone = "SELECT count(*) FROM integrations_bulkitem WHERE undone = 'removed'"
    held.append(killed(world, undone, "undoing", chance))
    assert world.python(CHECK) == "undone"
    assert len(there(sandbox, "unsubscribed")) == PEOPLE
    assert sum(held) >= 2, "hardly a worker was killed while it held the run"


def there(sandbox: RunningSandbox, status: str) -> list[str]:
    return [
        member["email"]
        for member in sandbox.members()
        if member["email"].endswith("@outlook.com") and member["status"] == status
    ]
