"""Each arrow of the state diagram, on both engines."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from contacts.models import Event
from contactsync.lib.clock import now
from displays.models import Display
from integrations import outbox, tasks
from integrations.models import Delivery, Lease, LinkedAccount, State
from integrations.outbox import Settled
from tests.integrations.world import delivery, rule_to

pytestmark = pytest.mark.django_db


@pytest.fixture
def row(linked: LinkedAccount, display) -> Delivery:
    return delivery(rule_to(display, linked), email="mira@example.org")


def kinds(row: Delivery) -> list[str]:
    events = Event.objects.filter(contact_id=row.contact_id).order_by("id")
    return [event.kind for event in events]


def claimed(row: Delivery):
    claim_id, rows = outbox.claim(row.linked_account_id, limit=10)
    assert [r.id for r in rows] == [row.pk]
    return claim_id


def test_claim_leases_the_row_and_counts_the_attempt(row: Delivery) -> None:
    claim_id = claimed(row)
    row.refresh_from_db()
    assert (row.state, row.claim_id, row.attempts) == ("sending", claim_id, 1)
    assert row.lease_until > now() + timedelta(seconds=100)
    assert outbox.claim(row.linked_account_id, limit=10)[1] == []


def test_claim_takes_only_what_is_due_oldest_first(linked, display) -> None:
    rule = rule_to(display, linked)
    late = delivery(rule, email="late@example.org", due=now() + timedelta(minutes=1))
    second = delivery(rule, email="b@example.org", due=now() - timedelta(minutes=1))
    first = delivery(rule, email="a@example.org", due=now() - timedelta(minutes=2))
    _, rows = outbox.claim(linked.pk, limit=1)
    assert [r.id for r in rows] == [first.pk]
    _, rows = outbox.claim(linked.pk, limit=10)
    assert [r.id for r in rows] == [second.pk]
    assert Delivery.objects.get(pk=late.pk).state == "pending"


def test_a_contacts_changes_keep_their_order(linked, display) -> None:
    rule = rule_to(display, linked)
    first = delivery(rule, email="a@example.org")
    second = delivery(rule, contact_id=first.contact_id, email="a@example.org")
    claim_id, rows = outbox.claim(linked.pk, limit=10)
    assert [r.id for r in rows] == [first.pk]
    assert outbox.claim(linked.pk, limit=10)[1] == []
    later = now() + timedelta(minutes=5)
    outbox.settle(claim_id, [Settled(first.pk, State.PENDING, "server", due=later)])
    assert outbox.claim(linked.pk, limit=10)[1] == [], "the first is to be retried"
    Delivery.objects.filter(pk=first.pk).update(due=now())
    claim_id, rows = outbox.claim(linked.pk, limit=10)
    outbox.settle(claim_id, [Settled(rows[0].id, State.SYNCED)])
    assert [r.id for r in outbox.claim(linked.pk, limit=10)[1]] == [second.pk]


@pytest.mark.parametrize(
    "state", [State.SYNCED, State.REJECTED, State.SKIPPED, State.FAILED, State.HELD]
)
def test_settle_writes_the_state_and_one_event(row: Delivery, state: str) -> None:
    claim_id = claimed(row)
    settled = Settled(row.pk, state, "server", "said so", remote_id="r1")
    assert outbox.settle(claim_id, [settled], attempt_id=7) == 1
    row.refresh_from_db()
    assert (row.state, row.reason, row.detail) == (state, "server", "said so")
    assert (row.remote_id, row.attempt_id) == ("r1", 7)
    assert row.claim_id is None and row.lease_until is None
    event = Event.objects.get(contact_id=row.contact_id)
    assert event.kind == f"delivery.{state}"
    assert (event.delivery_id, event.attempt_id) == (row.pk, 7)
    assert event.data["detail"] == "said so"
    assert event.data["target"] == str(row.target_id)


def test_who_lost_the_lease_overwrites_nothing(row: Delivery) -> None:
    stale = claimed(row)
    Lease.objects.update(until=now() - timedelta(seconds=1))
    assert outbox.reclaim() == 1
    fresh = claimed(row)
    assert outbox.settle(stale, [Settled(row.pk, State.REJECTED)]) == 0
    assert outbox.settle(fresh, [Settled(row.pk, State.SYNCED)]) == 1
    assert outbox.settle(fresh, [Settled(row.pk, State.FAILED)]) == 0
    row.refresh_from_db()
    assert row.state == State.SYNCED
    assert kinds(row) == ["delivery.reclaimed", "delivery.synced"]


def test_reclaim_leaves_living_leases_alone(row: Delivery) -> None:
    claimed(row)
    assert outbox.reclaim() == 0


def test_hold_and_resume(row: Delivery) -> None:
    assert outbox.hold(row.linked_account_id, reason="auth.revoked", detail="no") == 1
    row.refresh_from_db()
    assert (row.state, row.reason) == ("held", "auth.revoked")
    assert outbox.claim(row.linked_account_id, limit=10)[1] == []
    Delivery.objects.filter(pk=row.pk).update(attempts=8)
    assert outbox.resume(row.linked_account_id) == 1
    row.refresh_from_db()
    assert (row.state, row.reason, row.attempts) == ("pending", "", 0)
    assert kinds(row) == ["delivery.held", "delivery.resumed"]


def test_resuming_an_account_leaves_a_broken_target_held(row: Delivery) -> None:
    row.target.held_reason = "target.missing"
    row.target.save()
    outbox.hold(row.linked_account_id, reason="auth.revoked")
    assert outbox.resume(row.linked_account_id) == 0
    assert outbox.resume_target(row.target_id) == 1


def test_retry_by_hand_only_what_can_be_retried(row: Delivery) -> None:
    account = row.account_id
    assert outbox.retry(row.pk, account_id=account + 1) is False
    for state, wins in [("failed", True), ("rejected", False), ("synced", False)]:
        Delivery.objects.filter(pk=row.pk).update(state=state)
        assert outbox.retry(row.pk, account_id=account) is wins


def test_opt_ins_are_settled_once(row: Delivery) -> None:
    claim_id = claimed(row)
    outbox.settle(claim_id, [Settled(row.pk, State.AWAITING_OPT_IN)])
    done = [Settled(row.pk, State.SYNCED)]
    assert outbox.settle_opt_ins(done) == 1
    assert outbox.settle_opt_ins(done) == 0
    assert kinds(row) == ["delivery.awaiting_opt_in", "delivery.synced"]


def test_due_accounts_and_oldest_due(row: Delivery, linked: LinkedAccount) -> None:
    assert outbox.due_accounts() == [(linked.pk, False)]
    assert outbox.oldest_due() == row.due
    linked.not_before = now() + timedelta(minutes=1)
    linked.save()
    assert outbox.due_accounts() == []
    outbox.hold(linked.pk, reason="auth.revoked")
    assert outbox.oldest_due() is None


def test_settling_nothing_is_fine() -> None:
    assert outbox.settle(uuid4(), []) == 0


@pytest.mark.parametrize(
    ("reason", "change", "freed"),
    [
        ("auth.revoked", {}, 1),
        ("held.suspended", {}, 1),
        ("schema.required_field", {}, 0),
        ("auth.revoked", {"status": "broken"}, 0),
        ("held.paused", {"status": "paused"}, 0),
        ("held.paused", {"removed_at": now()}, 0),
    ],
)
def test_the_sweep_lets_go_what_nothing_holds(
    row: Delivery, linked: LinkedAccount, reason: str, change: dict, freed: int
) -> None:
    Delivery.objects.update(state=State.HELD, reason=reason)
    LinkedAccount.objects.update(**change)
    assert outbox.release() == freed
    row.refresh_from_db()
    assert row.state == ("pending" if freed else "held")


def test_the_sweep_leaves_suspended_tenants_and_missing_audiences_held(
    row: Delivery, linked: LinkedAccount, acme
) -> None:
    Delivery.objects.update(state=State.HELD, reason="held.suspended")
    acme.suspended_at = now()
    acme.save()
    assert outbox.release() == 0
    acme.suspended_at = None
    acme.save()
    row.target.held_reason = "target.missing"
    row.target.save()
    assert outbox.release() == 0


@pytest.mark.parametrize("newer", ["synced", "awaiting_opt_in", "sending", "rejected"])
def test_old_values_do_not_overwrite_newer_ones(
    row: Delivery, linked: LinkedAccount, newer: str
) -> None:
    """A held row that a newer signup of the same person overtook is not sent."""
    Delivery.objects.update(state=State.HELD, reason="schema.type")
    later = delivery(row.target.rule, contact_id=row.contact_id, email="mira@b.org")
    claim_id, _ = outbox.claim(linked.pk, limit=1)
    if newer != "sending":
        outbox.settle(claim_id, [Settled(later.pk, newer)])
    freed = outbox.resume_target(row.target_id)
    row.refresh_from_db()
    if newer == "rejected":
        assert (freed, row.state) == (1, "pending")
    else:
        assert (freed, row.state, row.reason) == (0, "skipped", "rule.superseded")


def test_what_a_data_base_cannot_keep_is_replaced(row: Delivery) -> None:
    claim_id = claimed(row)
    settled = Settled(row.pk, State.REJECTED, "server", "a\x00b\ud800c", "r\x00")
    assert outbox.settle(claim_id, [settled]) == 1
    row.refresh_from_db()
    assert (row.detail, row.remote_id) == ("a\ufffdb\ufffdc", "r\ufffd")


def test_very_many_rows_move_in_pieces(
    row: Delivery,
    linked: LinkedAccount,
    display: Display,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rule = rule_to(display, linked)
    for n in range(6):
        delivery(rule, email=f"p{n}@example.org")
    monkeypatch.setattr(outbox, "PIECE", 3)
    assert outbox.hold(linked.pk, reason="auth.revoked") == 7
    assert outbox.resume(linked.pk) == 7
    monkeypatch.setattr(outbox, "PIECES_SECONDS", -1.0)
    assert outbox.hold(linked.pk, reason="auth.revoked") == 3
    assert outbox.hold(linked.pk, reason="auth.revoked") == 3
    assert outbox.hold(linked.pk, reason="auth.revoked") == 1
    assert outbox.hold(linked.pk, reason="auth.revoked") == 0
    events = Event.objects.filter(kind="delivery.held")
    assert events.count() == 14, "each row was told about it once each time"


def test_what_one_request_had_no_time_for_goes_on(
    row: Delivery,
    linked: LinkedAccount,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    outbox.hold(linked.pk, reason="auth.revoked")
    LinkedAccount.objects.update(status="broken")
    assert outbox.resume_connected(linked.pk) == 0
    LinkedAccount.objects.update(status="connected")
    again: list[str] = []
    for task in (tasks.release_rest, tasks.drain_linked_account):
        monkeypatch.setattr(
            task, "apply_async", lambda args, **_: again.append(args[0])
        )
    assert tasks.release_rest(str(linked.pk)) == 1
    assert again == [str(linked.pk)] * 2
    assert tasks.release_rest(str(linked.pk)) == 0
    assert len(again) == 2
