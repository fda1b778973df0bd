"""How much may be sent at a time: rates, slots and turns."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any, ClassVar
from uuid import uuid4

import pytest
from django.conf import settings

from integrations import drain as engine
from integrations import limits, outbox, shutdown, tasks
from integrations.adapters.base import Outcome, OutcomeState
from integrations.adapters.declare import Rate
from integrations.adapters.errors import Reason, TransientError
from integrations.drain import drain, take_turn
from integrations.models import Delivery, LinkedAccount, Slot, State
from integrations.services import linked_account_create
from tests.integrations.scripted import SYNCED, fail_with, state_of
from tests.integrations.world import delivery, rule_to

pytestmark = pytest.mark.django_db
RATE = Rate(calls=100, seconds=10)  # 10 at once, then 9 a second


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """``time.time`` as ``limits`` sees it; sleeping moves it."""

    class Clock:
        at = 1_000_000.0
        slept: ClassVar[list[float]] = []

        def time(self) -> float:
            return self.at

        def monotonic(self) -> float:
            return self.at

        def sleep(self, seconds: float) -> None:
            self.slept.append(seconds)
            self.at += seconds

    clock = Clock()
    monkeypatch.setattr(limits, "time", clock)
    return clock


# --- the rate ---------------------------------------------------------------------
def test_no_window_sees_more_calls_than_are_allowed(clock: Any) -> None:
    """Whoever counts, from whatever moment on: 100 in 10 seconds, no more."""
    taken: list[float] = []
    while clock.at < 1_000_030:
        if limits.take_call("k", RATE):
            clock.at += 0.01
        else:
            taken.append(clock.at)
    assert len(taken) > 260
    for start in taken:
        assert sum(start <= at < start + 10 for at in taken) <= 100


def test_a_refusal_takes_nothing_and_says_when(clock: Any) -> None:
    while not (wait := limits.take_call("k", RATE)):
        pass
    assert limits.take_call("k", RATE) == pytest.approx(wait)
    clock.at += wait + 0.001
    assert limits.take_call("k", RATE) == 0


def test_keys_do_not_share_and_an_app_does(linked: LinkedAccount) -> None:
    other = linked_account_create(
        account=linked.account,
        provider="mailchimp",
        label="b",
        credentials={"api_key": "k"},
    )
    assert limits.rate_key(linked, RATE) != limits.rate_key(other, RATE)
    shared = Rate(calls=4, seconds=1, shared=True)
    assert limits.rate_key(linked, shared) == limits.rate_key(other, shared)


def test_a_short_wait_is_slept_and_a_long_one_is_somebody_elses_turn(
    clock: Any, linked: LinkedAccount, provider: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider, "rate", Rate(calls=1, seconds=1))
    permit = limits.Permit(linked, linked.adapter())
    assert permit() > settings.CALL_GRACE_SECONDS
    assert clock.slept == []
    permit()
    assert sum(clock.slept) == pytest.approx(1, abs=0.01)
    monkeypatch.setattr(provider, "rate", Rate(calls=1, seconds=60))
    permit = limits.Permit(linked, linked.adapter())
    permit()
    with pytest.raises(TransientError) as caught:
        permit()
    assert caught.value.reason is Reason.TURN
    assert permit.wait == caught.value.retry_after == pytest.approx(59, abs=2)


def test_a_batch_has_its_time_and_no_more(
    clock: Any, linked: LinkedAccount, provider: Any
) -> None:
    permit = limits.Permit(linked, linked.adapter(), seconds=20)
    clock.at += 15
    assert permit() == pytest.approx(5 + settings.CALL_GRACE_SECONDS)
    clock.at += 6
    with pytest.raises(TransientError):
        permit()
    permit.begin()
    assert permit() > 20


# --- slots ------------------------------------------------------------------------
def test_only_so_many_drains_at_a_time(linked: LinkedAccount) -> None:
    with limits.Turn(linked.pk, 2) as one, limits.Turn(linked.pk, 2) as two:
        assert (one.got, two.got) == (True, True)
        with limits.Turn(linked.pk, 2) as three:
            assert not three.got
        with limits.Turn(uuid4(), 2) as elsewhere:
            assert elsewhere.got
    with limits.Turn(linked.pk, 2) as again:
        assert again.number == 0
    assert not Slot.objects.exists()


def test_the_slot_of_a_dead_worker_is_taken_over_and_it_notices(
    linked: LinkedAccount,
) -> None:
    dead = limits.Turn(linked.pk, 1).__enter__()
    assert dead.keep()
    Slot.objects.update(until=time.time() - 1)
    with limits.Turn(linked.pk, 1) as heir:
        assert heir.got
        dead.renew_at = 0.0
        assert not dead.keep()
        dead.__exit__(None, None, None)
        assert heir.keep()


def test_a_drain_without_a_slot_claims_nothing(
    provider: Any, linked: LinkedAccount, display: Any
) -> None:
    row = delivery(rule_to(display, linked), email="mira@example.org")
    with limits.Turn(linked.pk, 1):
        assert drain(linked.pk) == 0
    assert state_of(row) == ("pending", "")
    assert drain(linked.pk) == 1


# --- turns ------------------------------------------------------------------------
def rows_for(linked: LinkedAccount, display: Any, count: int) -> list[Delivery]:
    rule = rule_to(display, linked)
    return [delivery(rule, email=f"p{n}@example.org") for n in range(count)]


def test_who_has_had_a_turn_lets_others_go_first(
    provider: Any,
    linked: LinkedAccount,
    display: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine, "TURN_SECONDS", 0.0)
    other = linked_account_create(
        account=linked.account,
        provider="mailchimp",
        label="b",
        credentials={"api_key": "k"},
    )
    rows_for(linked, display, 25)
    assert take_turn(linked.pk).settled == 25  # nobody else waits
    rows_for(linked, display, 25)
    delivery(rule_to(display, other), email="one@example.org")
    done = take_turn(linked.pk)
    assert (done.settled, done.again) == (10, 0.0)
    LinkedAccount.objects.filter(pk=other.pk).update(slow=True)  # not our workers
    assert take_turn(linked.pk).settled == 15


def test_a_worker_that_is_to_stop_begins_nothing(
    provider: Any, linked: LinkedAccount, display: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows_for(linked, display, 25)

    def stop_after_one(contacts: Any) -> Any:
        monkeypatch.setattr(shutdown, "asked", lambda: True)
        return [SYNCED for _ in contacts]

    provider.answer = staticmethod(stop_after_one)
    assert drain(linked.pk) == 10
    left = Delivery.objects.filter(linked_account=linked, state=State.PENDING)
    assert left.count() == 15
    assert not Slot.objects.exists()


def test_the_slow_have_workers_of_their_own(
    provider: Any, linked: LinkedAccount, display: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[tuple[Any, ...]] = []
    monkeypatch.setattr(
        tasks.drain_linked_account,
        "apply_async",
        lambda args, **more: woken.append((*args[:2], more["queue"])),
    )
    monkeypatch.setattr(engine, "SLOW_BATCH", -1.0)  # any batch is slow
    rows_for(linked, display, 25)
    assert tasks.drain_linked_account(str(linked.pk)) == 10
    assert woken == [(str(linked.pk), True, "slow")]
    assert tasks.drain_linked_account(str(linked.pk)) == 0  # for somebody else now
    assert woken[1:] == [(str(linked.pk), True, "slow")]
    monkeypatch.setattr(engine, "FAST_BATCH", 1e9)  # any batch is fast
    Slot.objects.all().delete()
    assert tasks.drain_linked_account(str(linked.pk), True) == 10
    assert woken[2:] == [(str(linked.pk), False, "deliver")]


# --- what counts as an attempt ----------------------------------------------------
@pytest.mark.parametrize("reason", [Reason.RATE, Reason.QUOTA])
def test_being_told_to_slow_down_is_nobodys_attempt(
    provider: Any, linked: LinkedAccount, display: Any, reason: Reason
) -> None:
    row = delivery(rule_to(display, linked), email="mira@example.org")
    provider.answer = fail_with(TransientError("Slow down.", reason=reason))
    for _ in range(20):
        Delivery.objects.update(due=row.created_at)
        LinkedAccount.objects.update(not_before=None)
        assert drain(linked.pk) == 1
    assert state_of(row) == ("pending", reason.value)
    assert row.attempts == 0


def test_a_batch_of_which_a_part_has_to_wait_counts_only_the_part_that_was_tried(
    provider: Any, linked: LinkedAccount, display: Any
) -> None:
    rows = rows_for(linked, display, 2)
    wait = Outcome(state=OutcomeState.RETRY, reason=Reason.TURN, retry_after=2.0)
    flaky = Outcome(state=OutcomeState.RETRY, reason=Reason.SERVER)
    provider.answer = staticmethod(lambda contacts: [flaky, wait])
    drain(linked.pk)
    for row in rows:
        row.refresh_from_db()
    assert [row.attempts for row in rows] == [1, 0]
    linked.refresh_from_db()
    assert linked.not_before is None  # ours, not the provider's


def test_rows_that_failed_go_in_smaller_parts_until_one_is_alone(
    provider: Any, linked: LinkedAccount, display: Any
) -> None:
    """One contact makes the provider answer 500 for everything sent with it."""
    rows = rows_for(linked, display, 8)

    def choke(contacts: Any) -> Any:
        if any(contact.email == "p5@example.org" for contact in contacts):
            raise TransientError("Internal error.")
        return [SYNCED for _ in contacts]

    provider.answer = staticmethod(choke)
    for _ in range(12):
        LinkedAccount.objects.update(not_before=None)
        Delivery.objects.filter(state=State.PENDING).update(due=rows[0].created_at)
        while drain(linked.pk):
            pass
    states = [state_of(row)[0] for row in rows]
    assert states.count("synced") == 7
    assert states[5] == "failed"
    assert rows[5].attempts == 9


def test_what_was_not_tried_is_given_back_untouched(
    provider: Any, linked: LinkedAccount, display: Any
) -> None:
    rows = rows_for(linked, display, 8)
    Delivery.objects.update(attempts=2)  # claimed now for the third time: parts of 2
    provider.answer = fail_with(TransientError("Internal error."))
    drain(linked.pk)
    for row in rows:
        row.refresh_from_db()
    assert [row.attempts for row in rows[:2]] == [3, 3]
    assert {(row.state, row.attempts, row.claim_id) for row in rows[2:]} >= {
        ("pending", 2, None)
    }
    linked.refresh_from_db()
    assert linked.not_before is not None
    claim_id, claimed = outbox.claim(linked.pk, limit=10)
    assert outbox.put_back(uuid4(), [row.id for row in claimed]) == 0
    kept = Delivery.objects.filter(claim_id=claim_id, state=State.SENDING)
    assert kept.count() == len(claimed) > 0


def test_what_comes_while_the_last_slot_is_given_back_is_not_left_to_the_sweep(
    provider: Any, linked: LinkedAccount, display: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = rule_to(display, linked)
    delivery(rule, email="first@example.org")
    real, found = outbox.claim, []

    def claim(*args: Any, **more: Any) -> Any:
        found.append(real(*args, **more))
        if not found[-1][1]:  # nothing is left, we think
            delivery(rule, email="second@example.org")
            with limits.Turn(linked.pk, 1) as woken:
                assert not woken.got
        return found[-1]

    monkeypatch.setattr(outbox, "claim", claim)
    done = take_turn(linked.pk)
    assert (done.settled, done.again) == (1, 0.0)


def test_a_row_behind_one_that_is_not_due_yet_keeps_nobody_busy(
    provider: Any, linked: LinkedAccount, display: Any
) -> None:
    rule = rule_to(display, linked)
    first = delivery(rule, email="mira@example.org")
    Delivery.objects.update(due=first.due + timedelta(hours=6))
    delivery(rule, email="mira@example.org", contact_id=first.contact_id)
    assert take_turn(linked.pk).again is None


def test_a_short_retry_after_is_not_left_to_the_sweep_either(
    provider: Any, linked: LinkedAccount, display: Any
) -> None:
    rows_for(linked, display, 1)
    provider.answer = fail_with(
        TransientError("Slow down.", reason=Reason.RATE, retry_after=2)
    )
    again = take_turn(linked.pk).again
    assert again is not None and 1 < again < 2.5
    assert take_turn(linked.pk).again is None  # woken meanwhile: that one comes back


def test_wake_ups_do_not_multiply_while_an_account_is_busy(
    provider: Any, linked: LinkedAccount, display: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each signup and each sweep wakes somebody; all but one have nothing to do."""
    other = linked_account_create(
        account=linked.account, provider="mailchimp", label="b", credentials={"k": "k"}
    )
    monkeypatch.setattr(engine, "TURN_SECONDS", 0.0)
    queue: list[Any] = []
    monkeypatch.setattr(
        tasks.drain_linked_account, "apply_async", lambda args, **_: queue.append(args)
    )
    rows_for(linked, display, 60)
    delivery(rule_to(display, other), email="one@example.org")  # somebody waits
    queue += [[str(linked.pk), False, None]] * 9
    settled, most = [], 0
    while queue:
        settled.append(tasks.drain_linked_account(*queue.pop(0)))
        most = max(most, len(queue))
    assert most == 9, "what was woken too often goes away"
    assert sum(settled) == 60
    assert settled[1:9] == [0] * 8
    assert not Slot.objects.filter(key=f"account:{linked.pk}").exists()


def test_a_ticket_that_came_too_late_is_worth_no_more_than_any_wake_up(
    provider: Any, linked: LinkedAccount, display: Any
) -> None:
    with limits.Turn(linked.pk, 1) as first:
        ticket = first.keep_for(0.0)
    assert not limits.Turn(linked.pk, 1).__enter__().got
    with limits.Turn(linked.pk, 1, ticket) as again:
        assert again.got and again.number == 0
    with limits.Turn(linked.pk, 1) as other, limits.Turn(linked.pk, 1, ticket) as late:
        assert (other.got, late.got) == (True, False)
