"""What is old and finished goes, in small steps; what the product relies on stays."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from activity.ledger import ledger
from contacts.models import Contact
from contactsync.lib.clock import now
from contactsync.tenancy.models import Account, User
from displays.models import Display, SyncRule
from integrations import outbox, retention
from integrations.adapters.errors import Reason
from integrations.lease import lease_take
from integrations.models import (
    Attempt,
    DayTotal,
    Delivery,
    LinkedAccount,
    LivePeriod,
    Slot,
    State,
)
from integrations.models.engine import NO_DISPLAY
from integrations.retention import prune, prune_deliveries
from integrations.retention_tasks import prune as prune_task
from tests.activity import factories as make

pytestmark = pytest.mark.django_db

OLD = timedelta(days=500)
FINISHED = (State.SYNCED, State.REJECTED, State.SKIPPED)


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "PAUSE_SECONDS", 0.0)


@pytest.fixture
def rule(display: Display, linked: LinkedAccount) -> SyncRule:
    found = make.rule(display, linked)
    LivePeriod.objects.update(since=now() - 3 * OLD)
    return found


def sent(
    rule: SyncRule, state: str, *, email: str = "mira@example.com", age: timedelta = OLD
) -> Delivery:
    """A signup ``age`` ago and its delivery, in ``state`` since then."""
    at = now() - age
    contact = make.signup(rule.display, email, at=at)
    row = make.delivery_of(contact)
    more: dict[str, Any] = {}
    if state == State.SENDING:
        make.claim(contact)
        more = {"lease_until": now() + timedelta(minutes=1)}
    Delivery.objects.filter(pk=row.pk).update(state=state, changed_at=at, **more)
    row.refresh_from_db()
    return row


def left() -> set[int]:
    return set(Delivery.objects.values_list("pk", flat=True))


def again() -> None:
    """As if the rest after a whole pass were over."""
    Slot.objects.all().delete()


@pytest.mark.parametrize("state", FINISHED)
def test_old_finished_deliveries_that_a_newer_one_replaced_go(
    acme: Account, rule: SyncRule, state: str
) -> None:
    gone = [sent(rule, state, age=OLD + timedelta(days=n)) for n in (3, 2, 1)]
    newest = sent(rule, State.SYNCED)
    before = ledger(acme), ledger(acme, by="day"), ledger(acme, by="rule")

    done = prune()

    assert done is not None
    assert (done.deliveries, done.cursor) == (3, None)
    assert left() == {newest.pk}
    totals = DayTotal.objects.for_account(acme)
    assert {(row.day, row.count) for row in totals} == {
        (row.created_at.date(), 1) for row in gone
    }
    assert {row.display_id for row in totals} == {rule.display_id}
    for book, old in zip(
        (ledger(acme), ledger(acme, by="day"), ledger(acme, by="rule")),
        before,
        strict=True,
    ):
        assert book.deliveries == old.deliveries
        assert (book.unexplained, book.owed, book.beyond) == (0, 4, 0)
        assert [line.deliveries for line in book.lines] == [
            line.deliveries for line in old.lines
        ]


def test_two_passes_on_one_day_add_up(acme: Account, rule: SyncRule) -> None:
    sent(rule, State.SYNCED)
    sent(rule, State.SYNCED)
    prune()
    sent(rule, State.SYNCED)
    again()
    prune()
    assert [row.count for row in DayTotal.objects.for_account(acme)] == [2]
    assert ledger(acme).deliveries[State.SYNCED] == 3


def test_the_newest_and_the_newest_synced_of_a_contact_at_a_target_stay(
    acme: Account, rule: SyncRule, linked: LinkedAccount
) -> None:
    synced = sent(rule, State.SYNCED, age=OLD + timedelta(days=2))
    between = sent(rule, State.SKIPPED, age=OLD + timedelta(days=1))
    newest = sent(rule, State.REJECTED)
    other = sent(rule, State.SYNCED, email="omar@example.com")

    prune()

    assert left() == {synced.pk, newest.pk, other.pk}
    assert between.pk not in left()


def test_what_is_young_or_not_finished_stays(rule: SyncRule) -> None:
    stays = [
        sent(rule, state, age=OLD + timedelta(days=1))
        for state in (
            *(State.PENDING, State.HELD, State.SUBMITTED, State.AWAITING_OPT_IN),
            State.SENDING,
        )
    ]
    stays.append(sent(rule, State.SYNCED, age=timedelta(days=399)))
    stays.append(sent(rule, State.SYNCED, age=timedelta(days=1)))
    prune()
    assert left() == {row.pk for row in stays}


def test_failed_deliveries_stay_twice_as_long(rule: SyncRule) -> None:
    first = sent(rule, State.FAILED, age=timedelta(days=801))
    second = sent(rule, State.FAILED, age=timedelta(days=799))
    newest = sent(rule, State.SYNCED)
    prune()
    assert left() == {second.pk, newest.pk}
    assert first.pk not in left()


def test_old_values_still_never_overwrite_newer_ones(
    acme: Account, rule: SyncRule
) -> None:
    failed = sent(rule, State.FAILED, age=timedelta(days=700))
    gone = sent(rule, State.SYNCED, age=timedelta(days=650))
    sent(rule, State.SYNCED, age=timedelta(days=600))
    sent(rule, State.SKIPPED, age=timedelta(days=500))
    prune()
    assert gone.pk not in left()

    outbox.retry(failed.pk, account_id=acme.pk)

    failed.refresh_from_db()
    assert (failed.state, failed.reason) == (State.SKIPPED, Reason.SUPERSEDED)


def test_a_list_s_deliveries_are_counted_on_the_day_they_were_made(
    acme: Account, rule: SyncRule
) -> None:
    row = sent(rule, State.SYNCED)
    sent(rule, State.SYNCED)
    Delivery.objects.filter(pk=row.pk).update(signup_id=None, origin="list")
    prune()
    total = DayTotal.objects.for_account(acme).get()
    assert (total.display_id, total.day) == (NO_DISPLAY, row.created_at.date())


def test_zero_days_keep_everything(rule: SyncRule, settings: Any) -> None:
    settings.KEEP_DELIVERIES_DAYS = settings.KEEP_ATTEMPTS_DAYS = 0
    rows = {sent(rule, State.SYNCED).pk, sent(rule, State.SYNCED).pk}
    make.attempt(rule.target.linked_account)
    Attempt.objects.update(at=now() - OLD)
    prune()
    assert left() == rows
    assert Attempt.objects.count() == 1


def test_it_stops_between_steps_and_goes_on_where_it_was(
    rule: SyncRule, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "STEP", 2)
    rows = [sent(rule, State.SYNCED, age=OLD + timedelta(days=9 - n)) for n in range(7)]
    before = now() - timedelta(days=400)

    step = prune_deliveries(0, before)
    assert (step.deleted, step.last, step.more) == (2, rows[1].pk, True)
    stopped = prune(step.last, seconds=-1)
    assert stopped is not None
    assert (stopped.deliveries, stopped.cursor) == (0, rows[1].pk)

    done = prune(stopped.cursor or 0)
    assert done is not None
    assert (done.deliveries, done.cursor) == (4, None)
    assert left() == {rows[-1].pk}


def test_the_task_passes_on_what_it_could_not_do_in_time(
    rule: SyncRule, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent(rule, State.SYNCED)
    sent(rule, State.SYNCED)
    asked: list[Any] = []
    monkeypatch.setattr(prune_task, "apply_async", lambda args, **_: asked.append(args))
    monkeypatch.setattr(retention.prune, "__kwdefaults__", {"seconds": -1.0})
    assert prune_task() == 0
    assert asked == [[0]]
    monkeypatch.setattr(retention.prune, "__kwdefaults__", {"seconds": 60.0})
    assert prune_task(*asked[0]) == 1
    assert len(asked) == 1


def test_one_worker_prunes_and_once_a_day(rule: SyncRule) -> None:
    somebody = rule.pk
    assert lease_take(retention.LEASE, somebody, 60)
    assert prune() is None
    Slot.objects.update(until=0.0)
    assert prune() is not None
    assert prune() is None  # a whole pass: nothing to do until tomorrow
    rests = Slot.objects.get(key=retention.LEASE).until - now().timestamp()
    assert 19 * 3600 < rests <= 20 * 3600


def test_a_step_that_fails_leaves_rows_and_totals_as_they_were(
    acme: Account, rule: SyncRule, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = {sent(rule, State.SYNCED).pk, sent(rule, State.SYNCED).pk}
    real = retention.rows

    def dies(sql: str, *more: Any) -> Any:
        if sql.startswith("DELETE"):
            raise OSError("the machine stopped")
        return real(sql, *more)

    monkeypatch.setattr(retention, "rows", dies)
    with pytest.raises(OSError, match="stopped"):
        prune()
    monkeypatch.undo()
    assert left() == rows
    assert not DayTotal.objects.for_account(acme).exists()
    assert prune() is not None  # the lease was given back
    assert len(left()) == 1


def test_attempts_go_by_age_and_the_page_says_so(
    acme: Account,
    rule: SyncRule,
    linked: LinkedAccount,
    client_of: Callable[[User], Client],
    alice: User,
) -> None:
    contact = make.signup(rule.display, "mira@example.com")
    old, young = make.attempt(linked), make.attempt(linked)
    make.settle(contact, State.SYNCED, attempt=old)
    Attempt.objects.filter(pk=old.pk).update(at=now() - timedelta(days=91))

    done = prune()

    assert done is not None
    assert done.attempts == 1
    assert list(Attempt.objects.values_list("pk", flat=True)) == [young.pk]
    person = Contact.objects.for_account(acme).get()
    html = client_of(alice).get(f"/a/acme-outdoor/contacts/{person.pk}/")
    assert "deleted by the retention policy" in html.content.decode()


def test_many_attempts_go_in_steps(
    linked: LinkedAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "STEP", 3)
    for _ in range(8):
        make.attempt(linked)
    Attempt.objects.update(at=now() - timedelta(days=91))
    fresh = make.attempt(linked)
    done = prune()
    assert done is not None
    assert done.attempts == 8
    assert list(Attempt.objects.values_list("pk", flat=True)) == [fresh.pk]
