"""What claiming and settling cost as the queue grows, and as it is worked off."""

from __future__ import annotations

import os
import shutil
import statistics
import time
from typing import Any
from uuid import UUID

from django.db import connection

from bench.procs import cpu_ms
from bench.rows import fill
from bench.world import prepare, world
from integrations import outbox
from integrations.models import Delivery, State
from integrations.outbox import Settled

BATCH = 500
ROUNDS = 15
SIZES = (10_000, 100_000, 1_000_000)
LONG = (10_000, 1_000_000, 10_000_000)
# A row with its index entries, and as much again for the log and what VACUUM leaves.
BYTES_PER_ROW = 2_000
DRAINED = 200_000
WINDOW = 10_000


def batch_ms(linked_account_id: UUID, session: int) -> tuple[float, float, float]:
    """Milliseconds of claiming and of settling one batch, and of the data base's CPU
    for the claim. ``session``: the process that serves us."""
    cpu, started = cpu_ms(session), time.perf_counter()
    claim_id, rows = outbox.claim(linked_account_id, limit=BATCH)
    claimed, cpu = time.perf_counter(), cpu_ms(session) - cpu
    assert len(rows) == BATCH
    done = [Settled(row.id, State.SYNCED, remote_id=str(row.id)) for row in rows]
    assert outbox.settle(claim_id, done) == BATCH
    outbox.end_claim(claim_id)
    return (claimed - started) * 1e3, (time.perf_counter() - claimed) * 1e3, cpu


def session_pid() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def room_for(size: int) -> bool:
    """Whether the disk that the data base is on has place for so many rows."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW data_directory")
        free = shutil.disk_usage(cursor.fetchone()[0]).free
    return free > size * BYTES_PER_ROW


def take_indexes(cursor: Any) -> list[str]:
    """Drop the indexes that are no constraints; what makes them again. Building one
    over many rows is faster than adding each row to it."""
    cursor.execute(
        """SELECT indexname, indexdef FROM pg_indexes
        WHERE tablename = 'integrations_delivery' AND indexname NOT IN (
            SELECT conname FROM pg_constraint
            WHERE conrelid = 'integrations_delivery'::regclass)"""
    )
    found = cursor.fetchall()
    for name, _ in found:
        cursor.execute(f'DROP INDEX "{name}"')
    return [definition for _, definition in found]


def report_claim(*, long: bool = False) -> None:
    """``long`` leaves the write-ahead log out, or filling would take too long."""
    prepare()
    if long:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE integrations_delivery SET UNLOGGED")
    print(f"claiming {BATCH} rows on postgresql by rows waiting, medians of {ROUNDS}")
    print("the data base's CPU says more than the time where others use the machine")
    session = session_pid()
    found: dict[int, tuple[float, float]] = {}
    for size in LONG if long else SIZES:
        if not room_for(size):
            print(f"{size:11,} left out: not enough room on the disk")
            continue
        at = world()
        started = time.perf_counter()
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE integrations_delivery")
            indexes = take_indexes(cursor) if long else []
            fill(at, size)
            for definition in indexes:
                cursor.execute(definition)
            cursor.execute("VACUUM ANALYZE integrations_delivery")
        taken = time.perf_counter() - started
        rounds = [batch_ms(at["linked"].pk, session) for _ in range(ROUNDS)]
        wall = statistics.median(each[0] for each in rounds)
        cpu = statistics.median(each[2] for each in rounds)
        found[size] = wall, cpu
        print(
            f"{size:11,}{wall:8.2f} ms{cpu:8.2f} ms CPU (filled in {taken:.0f} s, "
            f"load {os.getloadavg()[0]:.1f})",
            flush=True,
        )
    least, most = min(found), max(found)
    wall, cpu = (found[most][n] / found[least][n] for n in (0, 1))
    print(f"ratio {most:,} to {least:,}: {wall:.2f}, of CPU {cpu:.2f}")


def report_drift() -> None:
    """One account's rows are worked off, with autovacuum as the product sets it."""
    prepare()
    at = world()
    fill(at, DRAINED)
    load = os.getloadavg()[0]
    session = session_pid()
    taken = [batch_ms(at["linked"].pk, session) for _ in range(DRAINED // BATCH)]
    assert not Delivery.objects.exclude(state=State.SYNCED).exists()
    few = WINDOW // BATCH
    print(f"claim and settle {BATCH} rows on postgresql over {DRAINED:,} drained rows,")
    print(f"median ms of each {WINDOW:,}, load before {load:.1f}")
    print(f"{'':12}{'claim':>9}{'settle':>9}{'both':>9}")
    medians = []
    for name, part in (("first", taken[:few]), ("last", taken[-few:])):
        claim = statistics.median(each[0] for each in part)
        settle = statistics.median(each[1] for each in part)
        medians.append(claim + settle)
        print(f"{name:12}{claim:9.1f}{settle:9.1f}{claim + settle:9.1f}")
    print(f"ratio last to first {medians[1] / medians[0]:.2f}")
