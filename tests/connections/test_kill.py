"""Import workers are killed (kill -9) again and again: nobody is lost or doubled.

On PostgreSQL, with several processes whose leases end while they still work.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import psycopg2
import pytest

from tests.hygiene.cleaning.test_kill import BEGIN, ROOT, end, environment
from tests.services import Postgres, postgres

pytestmark = [pytest.mark.pg, pytest.mark.slow]
CHUNKS, SIZE, KILLS = 80, 100, 6
ROWS = CHUNKS * SIZE
NUMBERS = f"CHUNKS, SIZE = {CHUNKS}, {SIZE}\n"
MAKE = """
from django.core.management import call_command
call_command("migrate", verbosity=0)
from connections.services import ImportSettings, import_create, import_waker
from contactsync.tenancy.models import User
from contactsync.tenancy.services import account_create
from integrations.services import linked_account_create
from tests.connections.world import cleaned
import_waker.wake = lambda ids: None
alice = User.objects.create_user("a@b.de", "x")
account = account_create(name="Acme", owner=alice)
linked = linked_account_create(account=account, provider="mailchimp", label="Acme",
    credentials={"api_key": "0123456789abcdef0123456789abcdef-us21"}, by=alice)
chunks = [[(f"p.{c}.{n}@outlook.com", "Mira", "") for n in range(SIZE)]
    for c in range(CHUNKS)]
import_create(run=cleaned(account, *chunks), settings=ImportSettings(
    linked_account=linked, audience_id="a6b5da1054", consent="In our shop"))
"""
WORK = """
import time
from datetime import timedelta
from connections import work
from integrations.waker import waker
waker.wake = lambda ids: None
work.LEASE = timedelta(seconds=1)
work.BACKLOG = 10**9
judged = work.turned_away
def slowly(*given):
    time.sleep(0.2)
    return judged(*given)
work.turned_away = slowly
print("ready", flush=True)
while True:
    for import_id in work.open_imports():
        work.advance(import_id)
"""
CHECK = """
from connections.models import ListImport
from contacts.models import Consent, Contact, Event
from integrations.models import Delivery
job = ListImport.objects.get()
rows = CHUNKS * SIZE
wanted = {f"p.{c}.{n}@outlook.com" for n in range(SIZE) for c in range(CHUNKS)}
sent = list(Delivery.objects.values_list("payload__email", flat=True))
assert job.status == "done", (job.status, job.error)
assert (job.rows_done, job.enqueued, job.next_chunk) == (rows, rows, CHUNKS)
assert len(sent) == rows and set(sent) == wanted, (len(sent), len(set(sent)))
assert Contact.objects.count() == Consent.objects.count() == rows
assert Event.objects.filter(kind="import.added").count() == rows
print("complete")
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as found:
        yield found


def python(server: Postgres, code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", f"{BEGIN}{NUMBERS}{code}"],
        env=environment(server),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def workers(server: Postgres) -> list[subprocess.Popen[str]]:
    """Two processes that work on whatever there is, started together: on a busy
    machine the first would be done before a second one had begun."""
    both = [
        subprocess.Popen(
            [sys.executable, "-c", BEGIN + WORK],
            env=environment(server),
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


def ask(server: Postgres, question: str) -> Any:
    session = psycopg2.connect(server.url)
    try:
        with session.cursor() as cursor:
            cursor.execute(question)
            found = cursor.fetchone()
            return found[0] if found else None
    finally:
        session.close()


def test_killed_workers_lose_and_double_nobody(server: Postgres) -> None:
    python(server, MAKE)
    done = "SELECT rows_done FROM connections_listimport"
    chance, at_work, inside = random.Random(5), 0, 0
    for _ in range(KILLS):
        if ask(server, done) == ROWS:
            break
        before, deadline = ask(server, done), time.monotonic() + 60
        both = workers(server)
        try:
            while ask(server, done) <= before and time.monotonic() < deadline:
                time.sleep(0.002)
            time.sleep(chance.random() * 0.05)
        finally:
            for process in both:
                end(process)
        at_work += before < ask(server, done) < ROWS
        inside += bool(ask(server, "SELECT claim_id FROM connections_listimport"))
    assert at_work >= 3, "the workers were too quick to be killed at work"
    assert inside >= 2, "no worker was killed while it held the import"
    last, deadline = workers(server), time.monotonic() + 120
    try:
        while ask(server, "SELECT status FROM connections_listimport") != "done":
            assert time.monotonic() < deadline, "the import does not end"
            time.sleep(0.2)
    finally:
        for process in last:
            end(process)
    assert python(server, CHECK) == "complete\n"
