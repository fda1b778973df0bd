"""A worker is killed (kill -9) again and again, on PostgreSQL: no row is lost."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from tests.services import Postgres, postgres

pytestmark = [pytest.mark.pg, pytest.mark.slow]
ROOT = Path(__file__).parents[3]
ROWS = 30_000
KILLS = 6
BEGIN = "import django; django.setup()\n"
MAKE = """
from contactsync.tenancy.models import User
from contactsync.tenancy.services import account_create
from hygiene.cleaning.waker import waker
from tests.hygiene.cleaning.world import started
waker.wake = lambda ids: None
account = account_create(name="Acme", owner=User.objects.create_user("a@b.de", "x"))
rows = (f"p.{n - (n % 10 == 9)}@gmail.com,{n}\\n" for n in range(ROWS))
print(started(account, ("Email,N\\n" + "".join(rows)).encode()).pk)
"""
WORK = """
import sys
from uuid import UUID
from datetime import timedelta
from hygiene.cleaning import work
work.BATCH_ROWS = 500
work.LEASE = timedelta(seconds=1)
print("ready", flush=True)
while work.due() or sys.argv[1:] == ["wait"]:
    for run_id in work.due():
        work.clean(run_id, seconds=2)
"""
CHECK = """
from hygiene.models import CleaningRun
from tests.hygiene.cleaning.world import rows_of
run = CleaningRun.objects.get()
rows = rows_of(run)
assert run.status == "done", run.status
assert [row.row for row in rows] == list(range(2, ROWS + 2))
assert [row.cells[1] for row in rows] == [str(n) for n in range(ROWS)]
assert run.rows_done == run.rows_total == ROWS
assert run.counts == {"valid": ROWS * 9 // 10, "duplicate": ROWS // 10}, run.counts
twice = [row for row in rows if row.duplicate_of]
assert all(row.duplicate_of == row.row - 1 for row in twice)
print("complete")
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as found:
        yield found


def environment(server: Postgres) -> dict[str, str]:
    return {
        **os.environ,
        "DATABASE_URL": server.url,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
    }


def python(server: Postgres, code: str) -> str:
    program = f"{BEGIN}ROWS = {ROWS}\n{code}"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment(server),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def worker(server: Postgres) -> subprocess.Popen[str]:
    """A process that works on whatever there is; returned when it is ready."""
    process = subprocess.Popen(
        [sys.executable, "-c", BEGIN + WORK, "wait"],
        env=environment(server),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def rows_done(server: Postgres) -> int:
    session = psycopg2.connect(server.url)
    try:
        with session.cursor() as cursor:
            cursor.execute("SELECT rows_done FROM hygiene_cleaningrun")
            found: Any = cursor.fetchone()
            return int(found[0])
    finally:
        session.close()


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def test_a_killed_worker_loses_and_doubles_no_row(server: Postgres) -> None:
    python(
        server,
        "from django.core.management import call_command\n"
        "call_command('migrate', verbosity=0)\n",
    )
    python(server, MAKE)
    chance = random.Random(11)
    killed_within = 0
    for _ in range(KILLS):
        process, before = worker(server), rows_done(server)
        deadline = time.monotonic() + 60
        try:
            while rows_done(server) <= before and time.monotonic() < deadline:
                time.sleep(0.01)
            time.sleep(chance.random() * 0.1)
        finally:
            end(process)
        killed_within += before < rows_done(server) < ROWS
    assert killed_within >= 3, "the worker was too quick to be killed at work"
    process = worker(server)
    deadline = time.monotonic() + 120
    try:
        while rows_done(server) < ROWS and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(1)
    finally:
        end(process)
    assert python(server, CHECK) == "complete\n"
