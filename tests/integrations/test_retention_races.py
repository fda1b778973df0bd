"""Retention beside workers, on a real PostgreSQL: nobody waits for anybody."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from activity.ledger import ledger
from contactsync.lib.clock import now
from contactsync.tenancy.models import Account
from displays.models import Display, SyncRule
from integrations import outbox, retention
from integrations.models import DayTotal, Delivery, LinkedAccount, LivePeriod, State
from integrations.outbox import Settled
from tests.activity import factories as make

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True)]

OLD = timedelta(days=500)
PEOPLE = 40


@pytest.fixture
def rule(display: Display, linked: LinkedAccount) -> SyncRule:
    found = make.rule(display, linked)
    LivePeriod.objects.update(since=now() - 3 * OLD)
    return found


def history(rule: SyncRule) -> None:
    """Of each person two old synced deliveries, and a new one that waits."""
    for number in range(PEOPLE):
        email = f"p{number}@example.org"
        make.signup(rule.display, email, at=now() - OLD - timedelta(days=1))
        make.signup(rule.display, email, at=now() - OLD)
    Delivery.objects.update(state=State.SYNCED, changed_at=now() - OLD)
    for number in range(PEOPLE):
        make.signup(rule.display, f"p{number}@example.org")


@contextmanager
def impatient() -> Iterator[None]:
    """Waiting for a lock is an error."""
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '200ms'")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET lock_timeout")


def in_thread(work: Any) -> threading.Thread:
    def inner() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=inner)
    thread.start()
    return thread


def test_workers_claim_and_settle_while_a_step_is_open(
    acme: Account, rule: SyncRule, linked: LinkedAccount
) -> None:
    history(rule)
    deleted, may_end = threading.Event(), threading.Event()

    def step() -> None:
        with transaction.atomic():
            done = retention.prune_deliveries(0, now() - timedelta(days=400))
            assert done.deleted == PEOPLE
            deleted.set()
            assert may_end.wait(20)

    thread = in_thread(step)
    try:
        assert deleted.wait(20)
        with impatient():
            claim_id, rows = outbox.claim(linked.pk, limit=PEOPLE)
            results = [Settled(row.id, State.SYNCED) for row in rows]
            assert outbox.settle(claim_id, results) == PEOPLE
            make.signup(rule.display, "new@example.org")
            assert outbox.release() == outbox.reclaim() == 0
    finally:
        may_end.set()
        thread.join()
    assert Delivery.objects.count() == 2 * PEOPLE + 1
    assert sum(row.count for row in DayTotal.objects.for_account(acme)) == PEOPLE
    assert ledger(acme).unexplained == 0


def test_rows_that_somebody_changes_are_left_for_the_next_time(
    acme: Account, rule: SyncRule
) -> None:
    history(rule)
    busy = list(Delivery.objects.order_by("id").values_list("pk", flat=True)[:10])
    locked, may_end = threading.Event(), threading.Event()

    def change() -> None:
        with transaction.atomic():
            list(Delivery.objects.select_for_update().filter(pk__in=busy))
            locked.set()
            assert may_end.wait(20)

    thread = in_thread(change)
    try:
        assert locked.wait(20)
        with impatient():
            done = retention.prune_deliveries(0, now() - timedelta(days=400))
        assert 0 < done.deleted < PEOPLE
    finally:
        may_end.set()
        thread.join()
    rest = retention.prune_deliveries(0, now() - timedelta(days=400))
    assert done.deleted + rest.deleted == PEOPLE
    assert ledger(acme).deliveries[State.SYNCED] == 2 * PEOPLE
    assert ledger(acme).unexplained == 0


def test_many_workers_and_a_pruner_end_with_balanced_books(
    acme: Account, rule: SyncRule, linked: LinkedAccount, monkeypatch: Any
) -> None:
    monkeypatch.setattr(retention, "STEP", 5)
    monkeypatch.setattr(retention, "PAUSE_SECONDS", 0.0)
    history(rule)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            with impatient():
                while True:
                    claim_id, rows = outbox.claim(linked.pk, limit=3)
                    if not rows:
                        return
                    results = [Settled(row.id, State.SYNCED) for row in rows]
                    assert outbox.settle(claim_id, results) == len(rows)
        except BaseException as error:
            failures.append(error)

    threads = [in_thread(work) for _ in range(3)]
    with impatient():
        done = retention.prune()
    for thread in threads:
        thread.join()
    work()  # what SKIP LOCKED let everybody pass by
    assert failures == []
    assert done is not None
    assert done.deliveries >= PEOPLE
    book = ledger(acme)
    assert book.deliveries[State.SYNCED] == 3 * PEOPLE == book.owed
    assert (book.unexplained, book.beyond) == (0, 0)
