"""What is still to be done for runs that nobody works on any more."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import LazySettings

from contactsync.lib.clock import now
from displays.models import Display
from integrations import bulk_work, outbox
from integrations.adapters.base import Outcome, OutcomeState
from integrations.adapters.errors import Reason
from integrations.adapters.mailchimp import Mailchimp
from integrations.bulk import bulk_cancel, bulk_start, bulk_undo
from integrations.models import BulkRun, LinkedAccount, State
from integrations.outbox import Settled
from integrations.sandbox.testing import RunningSandbox
from tests.integrations.bulk_world import (
    ADA,
    planned,
    rule_made,
    sent,
    signed_up,
    worked,
)

pytestmark = pytest.mark.django_db


def outcomes(run: BulkRun) -> list[str]:
    return sorted(run.items.values_list("outcome", flat=True))


def test_what_was_being_sent_at_a_cancel_gets_its_outcome(
    sandbox: RunningSandbox, display: Display, linked: LinkedAccount
) -> None:
    for email in ("one.test@gmail.com", "two.test@gmail.com"):
        signed_up(display, email)
    run = planned(rule_made(display, linked))
    bulk_start(run=run, confirm=run.guard.get("count"))
    bulk_work.advance(run.pk)
    claim_id, [first] = outbox.claim(linked.pk, limit=1)
    bulk_cancel(run=run)
    assert bulk_work.collect_ended() == 0, "not known yet"
    assert outcomes(run) == ["given_up", "waiting"]
    outbox.settle(claim_id, [Settled(first.id, State.REJECTED, Reason.REFUSED.value)])
    assert bulk_work.collect_ended() == 1
    assert bulk_work.collect_ended() == 0
    assert outcomes(run) == ["given_up", "rejected"]
    run.refresh_from_db()
    assert run.state == "cancelled"
    assert run.progress["ended"]["rejected"] == 1


def test_a_plan_that_nobody_starts_is_given_up(
    sandbox: RunningSandbox,
    display: Display,
    linked: LinkedAccount,
    settings: LazySettings,
) -> None:
    signed_up(display, "one.test@gmail.com")
    run = planned(rule_made(display, linked))
    assert bulk_work.forget_old() == 0
    old = now() - timedelta(days=settings.BULK_KEEP_DAYS + 1)
    BulkRun.objects.update(created_at=old)
    assert bulk_work.forget_old() == 1
    run.refresh_from_db()
    assert run.state == "cancelled"
    assert run.plan["sample"] == []
    assert run.ended_at is not None


def test_values_that_a_provider_writes_later_are_not_said_to_be_there(
    sandbox: RunningSandbox,
    display: Display,
    linked: LinkedAccount,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    signed_up(display, ADA, fields={"first_name": "Augusta"})
    run = sent(planned(rule_made(display, linked, mapping={"first_name": "FNAME"})))
    taken = Outcome(state=OutcomeState.SUBMITTED, job="7")
    monkeypatch.setattr(Mailchimp, "upsert", lambda *_: [taken])
    bulk_undo(run=run, confirm=1)
    worked(run)
    [item] = run.items.all()
    assert item.undone == "partly"
    assert item.detail == (
        "Mailchimp writes the values later and does not tell us here how that ended."
    )
