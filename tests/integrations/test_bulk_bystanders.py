"""What a run did not do, it does not take back; what happened since, it leaves."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import LazySettings

from contactsync.lib.clock import now
from contactsync.tenancy.models import Account
from displays.models import Display, SyncRule
from integrations import bulk_work, outbox
from integrations.adapters.errors import TargetError
from integrations.bulk import (
    bulk_cancel,
    bulk_plan_create,
    bulk_start,
    bulk_undo,
)
from integrations.drain import drain
from integrations.models import BulkRun, Delivery, LinkedAccount
from integrations.sandbox.testing import RunningSandbox
from tests.integrations.bulk_world import (
    FRESH,
    NEWS,
    item,
    planned,
    rule_made,
    sent,
    signed_up,
    worked,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def rule(sandbox: RunningSandbox, display: Display, linked: LinkedAccount) -> SyncRule:
    return rule_made(display, linked)


def test_what_a_cancelled_replay_never_sent_is_not_undone(
    sandbox: RunningSandbox, acme: Account, display: Display, rule: SyncRule
) -> None:
    """A row that was synced before is synced again after the cancel, and that is not
    the run's doing."""
    signed_up(display, FRESH)
    Delivery.objects.update(state="synced")  # and is not there: somebody removed them
    run = worked(bulk_plan_create(account=acme, kind="replay", what={}))
    assert run.plan["found"] == {"create": 1}
    bulk_start(run=run, confirm=run.guard.get("count"))
    worked(run, sending=False)
    assert bulk_cancel(run=run) == 1
    assert item(run, FRESH).outcome == "given_up"
    row = Delivery.objects.get()
    assert row.state == "synced"

    Delivery.objects.update(state="pending", due=now())  # sent by hand since
    drain(rule.target.linked_account_id)
    bulk_undo(run=run)
    assert worked(run).state == "undone"
    assert sandbox.member(FRESH, audience=NEWS)["status"] == "subscribed"


def test_what_was_held_and_went_out_since_is_taken_back(
    sandbox: RunningSandbox, display: Display, linked: LinkedAccount
) -> None:
    signed_up(display, FRESH)
    run = planned(rule_made(display, linked))
    bulk_start(run=run, confirm=run.guard.get("count"))
    bulk_work.advance(run.pk)
    outbox.hold(linked.pk, reason="account.paused")
    bulk_work.advance(run.pk)
    assert item(run, FRESH).outcome == "held"
    run.refresh_from_db()
    assert run.state == "done"
    outbox.resume(linked.pk)
    drain(linked.pk)
    assert sandbox.member(FRESH, audience=NEWS)["status"] == "subscribed"

    bulk_undo(run=run, confirm=1)
    assert worked(run).undo["counts"] == {"removed": 1}
    assert sandbox.member(FRESH, audience=NEWS)["status"] == "unsubscribed"
    assert item(run, FRESH).outcome == "synced"


def test_who_signed_up_at_another_display_of_the_audience_stays(
    sandbox: RunningSandbox, acme: Account, display: Display, linked: LinkedAccount
) -> None:
    signed_up(display, FRESH)
    run = sent(planned(rule_made(display, linked)))
    footer = Display.objects.create(account=acme, name="Footer", status="live")
    rule_made(footer, linked)
    signed_up(footer, FRESH)
    drain(linked.pk)

    bulk_undo(run=run, confirm=1)
    worked(run)

    assert run.undo["counts"] == {"left": 1}
    assert sandbox.member(FRESH, audience=NEWS)["status"] == "subscribed"


def test_an_older_row_of_another_display_keeps_nobody_in(
    sandbox: RunningSandbox, acme: Account, display: Display, linked: LinkedAccount
) -> None:
    """Sent there before the run, and not there any more when it looked."""
    footer = Display.objects.create(account=acme, name="Footer", status="live")
    rule_made(footer, linked)
    signed_up(footer, FRESH)
    Delivery.objects.update(state="synced", changed_at=now() - timedelta(days=1))
    signed_up(display, FRESH)
    run = sent(planned(rule_made(display, linked)))

    bulk_undo(run=run, confirm=1)
    assert worked(run).undo["counts"] == {"removed": 1}


def test_before_images_stay_while_they_are_being_used(
    sandbox: RunningSandbox,
    display: Display,
    linked: LinkedAccount,
    settings: LazySettings,
) -> None:
    signed_up(display, FRESH)
    run = sent(planned(rule_made(display, linked)))
    bulk_undo(run=run, confirm=1)
    long_ago = now() - timedelta(days=settings.BULK_KEEP_DAYS, minutes=1)
    BulkRun.objects.update(ended_at=long_ago)
    assert bulk_work.forget_old() == 0
    assert worked(run).undo["counts"] == {"removed": 1}


def test_an_undo_that_broke_off_goes_on_counting(
    sandbox: RunningSandbox, display: Display, linked: LinkedAccount
) -> None:
    signed_up(display, FRESH)
    run = sent(planned(rule_made(display, linked)))
    undo = {"counts": {"restored": 4}}
    BulkRun.objects.filter(pk=run.pk).update(state="failed", undo=undo)
    bulk_undo(run=run, confirm=1)
    assert worked(run).undo["counts"] == {"restored": 4, "removed": 1}


def test_an_undo_ends_where_the_audience_was_deleted(
    sandbox: RunningSandbox,
    display: Display,
    linked: LinkedAccount,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody can cancel an undo, so it must not wait for what never comes back."""
    signed_up(display, FRESH)
    run = sent(planned(rule_made(display, linked)))
    bulk_undo(run=run, confirm=1)

    def gone(*_: object) -> None:
        raise TargetError("There is no such audience.", status=404)

    monkeypatch.setattr(linked.adapter_class, "subscriptions", gone)
    assert worked(run).state == "undone"
    assert run.undo["counts"] == {"impossible": 1}
    assert "not there any more" in item(run, FRESH).detail
