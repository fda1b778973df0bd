"""Draining the outbox without a network, and what a claim costs as the queue grows."""

from __future__ import annotations

import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any, ClassVar
from uuid import UUID

from django.db import connection

from bench.world import prepare, world
from contactsync.lib.clock import now
from integrations import outbox
from integrations.adapters import ADAPTERS
from integrations.adapters.base import (
    Adapter,
    Audience,
    Contact,
    Options,
    Outcome,
    OutcomeState,
    Reading,
)
from integrations.drain import drain
from integrations.models import Delivery, LinkedAccount, State
from integrations.outbox import Settled

ROWS = 100_000
ONE_WORKER = 30_000
SINGLE = 3_000
WORKERS = 2
ROUNDS = 15


class Instant(Adapter):
    """A provider without a network: it accepts everybody at once."""

    slug = "mailchimp"
    label = "Mailchimp"
    kind = "esp"
    batch_size = 500
    concurrency: ClassVar[int] = 10

    def verify(self) -> Reading:
        return Reading(identity="bench")

    def audiences(self) -> list[Audience]:
        return []

    def upsert(
        self, contacts: Sequence[Contact], audience_id: str, options: Options
    ) -> list[Outcome]:
        done = Outcome(state=OutcomeState.SYNCED)
        return [done for _ in contacts]


def fill(at: dict[str, Any], count: int) -> None:
    """``count`` due rows of one linked account, written by the data base itself."""
    rule = at["rules"][0]
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO integrations_delivery (account_id, linked_account_id,
                target_id, origin, contact_id, signup_id, payload, state, reason,
                detail, due, attempts, remote_id, created_at, changed_at)
            SELECT %s, %s, %s, 'rule', gen_random_uuid(), gen_random_uuid(),
                jsonb_build_object('email', 'mira' || n || '@gmail.com', 'fields',
                    jsonb_build_object('first_name', 'Mira'), 'at', %s),
                'pending', '', '', %s, 0, '', %s, %s
            FROM generate_series(1, %s) n""",
            [at["account"].pk, at["linked"].pk, rule.target_id]
            + [now().isoformat(), now(), now(), now(), count],
        )
        cursor.execute("ANALYZE integrations_delivery")


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and own CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def drain_all(linked_account_id: UUID) -> None:
    while drain(linked_account_id):
        pass


def drain_together(linked_account_id: UUID) -> float:
    """Wall seconds of WORKERS processes that drain one account side by side."""
    connection.close()  # a fork must not share it
    fork = multiprocessing.get_context("fork")
    ready = fork.Barrier(WORKERS + 1)

    def work() -> None:
        connection.ensure_connection()
        ready.wait()
        drain_all(linked_account_id)

    workers = [fork.Process(target=work) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    ready.wait()
    started = time.perf_counter()
    for worker in workers:
        worker.join()
    return time.perf_counter() - started


def one_by_one(linked_account_id: UUID, count: int) -> None:
    """As most projects do it: a task per row that loads, calls, saves."""
    adapter = LinkedAccount.objects.get(pk=linked_account_id).adapter()
    waiting = Delivery.objects.filter(linked_account_id=linked_account_id)
    for pk in list(waiting.filter(state=State.PENDING).values_list("pk", flat=True)):
        row = Delivery.objects.select_related("target", "linked_account").get(pk=pk)
        contact = Contact(email=row.payload["email"], fields=row.payload["fields"])
        outcome = adapter.upsert([contact], row.target.audience_id, Options())[0]
        row.state = outcome.state.value
        row.save()
        count -= 1
        if not count:
            return


def report_drain() -> None:
    prepare()
    ADAPTERS["mailchimp"] = Instant
    at = world()
    fill(at, 2_000)
    drain_all(at["linked"].pk)  # warm
    fill(at, ROWS)
    wall = drain_together(at["linked"].pk)
    mine = Delivery.objects.filter(linked_account=at["linked"])
    assert not mine.exclude(state=State.SYNCED).exists()
    fill(at, SINGLE)
    single_wall, single_cpu = timed(lambda: one_by_one(at["linked"].pk, SINGLE))
    ours, theirs = ROWS / wall, SINGLE / single_wall
    fill(at, ONE_WORKER)
    one_wall, cpu = timed(lambda: drain_all(at["linked"].pk))
    print(f"drain without network on postgresql, {os.cpu_count()} cores, {ROWS:,} rows")
    print(f"{WORKERS} workers       {ours:9.0f} rows/s")
    print(
        f"1 worker        {ONE_WORKER / one_wall:9.0f} rows/s "
        f"{cpu / ONE_WORKER * 1e6:7.1f} us worker CPU/row"
    )
    print(
        f"a task per row  {theirs:9.0f} rows/s "
        f"{single_cpu / SINGLE * 1e6:7.1f} us worker CPU/row"
    )
    print(f"ratio {ours / theirs:.0f}x ('a task per row' leaves out the broker's cost)")


def claim_ms(linked_account_id: UUID) -> float:
    """Median milliseconds of claiming 500 rows, over rounds that settle them."""
    taken = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        claim_id, rows = outbox.claim(linked_account_id, limit=500)
        taken.append(time.perf_counter() - started)
        assert len(rows) == 500
        outbox.settle(claim_id, [Settled(row.id, State.SYNCED) for row in rows])
    return statistics.median(taken) * 1e3


def report_claim() -> None:
    prepare()
    sizes = (10_000, 100_000, 1_000_000)
    found = []
    print("claiming 500 rows on postgresql, by rows waiting")
    for size in sizes:
        at = world()
        Delivery.objects.all().delete()
        with connection.cursor() as cursor:
            cursor.execute("VACUUM FULL integrations_delivery")
        fill(at, size)
        found.append(claim_ms(at["linked"].pk))
        print(f"{size:9,} {found[-1]:7.2f} ms")
    print(f"ratio 1M to 10k {found[-1] / found[0]:.2f}")
