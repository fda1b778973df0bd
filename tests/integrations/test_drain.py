"""What the engine makes of each answer an adapter can give."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.core import mail

from contactsync.lib.clock import now
from integrations import drain as drain_module
from integrations import outbox, retry
from integrations.adapters.base import (
    Contact,
    Options,
    Outcome,
    OutcomeState,
)
from integrations.adapters.errors import (
    CredentialsError,
    Reason,
    RejectedError,
    TargetError,
    TransientError,
)
from integrations.drain import drain
from integrations.models import Attempt, Delivery, LinkedAccount, State
from integrations.services import linked_account_pause, linked_account_test
from tests.integrations.scripted import SYNCED, fail_with, state_of
from tests.integrations.world import delivery, rule_to

pytestmark = pytest.mark.django_db


def test_a_batch_is_sent_mapped_and_settled(provider, linked, display) -> None:
    rule = rule_to(display, linked, tags=["spring"], double_opt_in=True)
    rows = [delivery(rule, email=f"p{n}@example.org") for n in range(12)]
    assert drain(linked.pk) == 12
    assert [len(call) for call in provider.calls] == [10, 2]
    assert provider.options[0] == Options(double_opt_in=True, tags=("spring",))
    assert {state_of(row) for row in rows} == {("synced", "")}
    attempt = Attempt.objects.get(pk=rows[0].attempt_id)
    assert (attempt.contacts, attempt.error) == (10, "")
    assert attempt.exchanges[0]["method"] == "POST"


def test_outcomes_land_on_their_own_rows(provider, linked, display) -> None:
    rule = rule_to(display, linked)
    refused = delivery(rule, email="sales@example.org")
    asked = delivery(rule, email="mira@example.org")
    again = delivery(rule, email="busy@example.org")
    outcomes = {
        "sales@example.org": Outcome(
            state=OutcomeState.REJECTED, reason=Reason.ADDRESS_ROLE, detail="role"
        ),
        "mira@example.org": Outcome(state=OutcomeState.AWAITING_OPT_IN),
        "busy@example.org": Outcome(
            state=OutcomeState.RETRY,
            reason=Reason.TOO_MANY_SIGNUPS,
            retry_after=7200,
        ),
    }
    provider.answer = staticmethod(lambda cs: [outcomes[c.email] for c in cs])
    drain(linked.pk)
    assert state_of(refused) == ("rejected", "address.role")
    assert state_of(asked) == ("awaiting_opt_in", "")
    assert state_of(again) == ("pending", "limit.too_many_signups")
    assert again.due > now() + timedelta(seconds=7100)
    assert asked.due > now()


def test_transient_failure_waits_and_honours_retry_after(
    provider, linked, display
) -> None:
    row = delivery(rule_to(display, linked), email="mira@example.org")
    provider.answer = fail_with(
        TransientError("slow down", reason=Reason.RATE, retry_after=90)
    )
    assert drain(linked.pk) == 1
    assert state_of(row) == ("pending", "limit.rate")
    assert row.due > now() + timedelta(seconds=85)
    linked.refresh_from_db()
    assert linked.not_before > now() + timedelta(seconds=85)
    Delivery.objects.update(due=now())
    assert drain(linked.pk) == 0, "nothing is sent before Retry-After"


def test_gives_up_after_the_cap(provider, linked, display) -> None:
    row = delivery(
        rule_to(display, linked),
        email="mira@example.org",
        attempts=retry.MAX_ATTEMPTS - 1,
    )
    provider.answer = fail_with(TransientError("down"))
    drain(linked.pk)
    assert state_of(row) == ("failed", "server")


def test_bad_credentials_hold_the_account_and_tell_admins_once(
    provider, linked, display, bob, django_capture_on_commit_callbacks
) -> None:
    rule = rule_to(display, linked)
    rows = [delivery(rule, email=f"p{n}@example.org") for n in range(12)]
    provider.answer = fail_with(CredentialsError("API Key Invalid", status=401))
    drain(linked.pk)
    assert {state_of(row) for row in rows} == {("held", "auth.revoked")}
    assert len(provider.calls) == 1
    linked.refresh_from_db()
    assert linked.status == LinkedAccount.Status.BROKEN
    assert [m.to for m in mail.outbox] == [["alice@acme.test"]]
    assert "12 contacts wait" in mail.outbox[0].body
    drain(linked.pk)
    provider.verdict = CredentialsError("API Key Invalid", status=401)
    assert linked_account_test(linked).ok is False
    assert len(mail.outbox) == 1

    provider.verdict = None
    provider.answer = staticmethod(lambda cs: [SYNCED for _ in cs])
    reading = linked_account_test(linked)
    assert (reading.ok, reading.title) == (True, "Connection Successful")
    assert len(mail.outbox) == 2 and "works again" in mail.outbox[1].subject
    drain(linked.pk)
    assert {state_of(row) for row in rows} == {("synced", "")}


def test_a_missing_audience_holds_only_its_own_rows(provider, linked, display) -> None:
    gone = delivery(rule_to(display, linked, audience_id="gone"), email="a@example.org")
    fine = delivery(rule_to(display, linked), email="b@example.org")

    def answer(contacts: Sequence[Contact]) -> list[Outcome]:
        if contacts[0].email == "a@example.org":
            raise TargetError("The audience is gone", status=404)
        return [SYNCED for _ in contacts]

    provider.answer = staticmethod(answer)
    drain(linked.pk)
    assert state_of(gone) == ("held", "target.missing")
    assert state_of(fine) == ("synced", "")
    linked.refresh_from_db()
    assert linked.status == LinkedAccount.Status.CONNECTED
    gone.target.refresh_from_db()
    assert gone.target.held_reason == "target.missing"


def test_a_poisoned_row_does_not_block_the_rest(provider, linked, display) -> None:
    rule = rule_to(display, linked)
    rows = {
        email: delivery(rule, email=email)
        for email in [f"p{n}@example.org" for n in range(9)] + ["poison@example.org"]
    }

    def answer(contacts: Sequence[Contact]) -> list[Outcome]:
        if any(contact.email == "poison@example.org" for contact in contacts):
            raise RejectedError("Invalid Resource", status=400)
        return [SYNCED for _ in contacts]

    provider.answer = staticmethod(answer)
    assert drain(linked.pk) == 10
    poison = rows.pop("poison@example.org")
    assert state_of(poison) == ("rejected", "provider.refused")
    assert {state_of(row) for row in rows.values()} == {("synced", "")}


def test_our_own_bug_fails_the_row_and_the_queue_goes_on(
    provider, linked, display
) -> None:
    rule = rule_to(display, linked)
    row = delivery(rule, email="mira@example.org")
    provider.answer = fail_with(KeyError("oops"))
    drain(linked.pk)
    assert state_of(row) == ("failed", "internal")


def test_an_adapter_that_answers_too_few_is_a_bug_not_a_loss(
    provider, linked, display
) -> None:
    rule = rule_to(display, linked)
    rows = [delivery(rule, email=f"p{n}@example.org") for n in range(3)]
    provider.answer = staticmethod(lambda contacts: [SYNCED])
    drain(linked.pk)
    assert {state_of(row) for row in rows} == {("failed", "internal")}


def test_paused_and_suspended_accounts_send_nothing(
    provider, linked, display, acme
) -> None:
    row = delivery(rule_to(display, linked), email="mira@example.org")
    linked_account_pause(linked)
    assert state_of(row) == ("held", "held.paused")
    LinkedAccount.objects.update(status="connected", reason="")
    Delivery.objects.update(state=State.PENDING)
    acme.suspended_at = now()
    acme.save()
    assert drain(linked.pk) == 0
    assert state_of(row) == ("held", "held.suspended")
    assert provider.calls == []


def test_a_pause_as_the_turn_begins_is_noticed_after_one_batch(
    provider, linked, display, monkeypatch
) -> None:
    """Between reading the account and the first batch."""
    rule = rule_to(display, linked)
    rows = [delivery(rule, email=f"p{n}@example.org") for n in range(12)]
    ready = drain_module.adapter_or_hold

    def paused_now(account: LinkedAccount):
        adapter = ready(account)
        linked_account_pause(linked=LinkedAccount.objects.get(pk=account.pk))
        return adapter

    monkeypatch.setattr(drain_module, "adapter_or_hold", paused_now)
    LinkedAccount.objects.filter(pk=linked.pk).update(status="connected")
    claim = outbox.claim
    monkeypatch.setattr(
        outbox, "claim", lambda pk, *, limit: unheld(pk) or claim(pk, limit=limit)
    )

    def unheld(pk) -> None:  # the pause holds what waits; more came in since
        Delivery.objects.filter(state="held").update(state="pending", reason="")

    drain(linked.pk)
    assert [len(call) for call in provider.calls] == [10]
    assert sum(state_of(row)[0] == "synced" for row in rows) == 10


def test_an_account_that_is_gone_or_cannot_be_opened(linked, display, provider) -> None:
    row = delivery(rule_to(display, linked), email="mira@example.org")
    LinkedAccount.objects.update(sealed="v1.other.AAAA")
    assert drain(linked.pk) == 0
    assert state_of(row) == ("held", "auth.revoked")
    assert drain(row.contact_id) == 0


def test_a_rate_limit_in_the_middle_of_a_batch_slows_the_account_down(
    provider, linked, display
) -> None:
    rule = rule_to(display, linked)
    done = delivery(rule, email="a@example.org")
    rest = delivery(rule, email="b@example.org")
    limited = Outcome(state=OutcomeState.RETRY, reason=Reason.RATE, retry_after=40)
    provider.answer = staticmethod(lambda contacts: [SYNCED, limited])
    drain(linked.pk)
    assert state_of(done) == ("synced", "")
    assert state_of(rest) == ("pending", "limit.rate")
    linked.refresh_from_db()
    assert linked.not_before > now() + timedelta(seconds=35)


def test_a_provider_too_slow_for_a_task_is_tried_again(
    provider, linked, display
) -> None:
    row = delivery(rule_to(display, linked), email="mira@example.org")
    provider.answer = fail_with(SoftTimeLimitExceeded())
    drain(linked.pk)
    assert state_of(row) == ("pending", "timeout")


def test_a_row_that_kills_its_workers_is_given_up(provider, linked, display) -> None:
    row = delivery(
        rule_to(display, linked), email="a@example.org", attempts=retry.MAX_ATTEMPTS
    )
    drain(linked.pk)
    assert state_of(row) == ("failed", "internal")
    assert provider.calls == []


def test_an_attempt_that_cannot_be_kept_keeps_no_row_from_settling(
    provider, linked, display, monkeypatch
) -> None:
    row = delivery(rule_to(display, linked), email="mira@example.org")

    def refuse(**_: object) -> None:
        raise ValueError("a NUL character")

    monkeypatch.setattr(Attempt.objects, "create", refuse)
    drain(linked.pk)
    assert state_of(row) == ("synced", "")
