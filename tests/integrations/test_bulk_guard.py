"""The guard counts by audience, and nothing is done behind its back."""

from __future__ import annotations

import pytest

from contactsync.tenancy.models import Account
from displays.models import Display, SyncRule
from integrations import bulk_work
from integrations.bulk import (
    ConfirmError,
    bulk_cancel,
    bulk_plan_create,
    bulk_start,
    bulk_undo,
)
from integrations.bulk_guard import guard_of, undo_guard
from integrations.drain import drain
from integrations.models import BulkRun, Delivery, LinkedAccount
from integrations.sandbox.testing import RunningSandbox
from tests.integrations.bulk_world import (
    FRESH,
    NEWS,
    item,
    planned,
    rule_made,
    signed_up,
    worked,
    write_there,
)
from tests.integrations.world import delivery, rule_to

pytestmark = pytest.mark.django_db


@pytest.fixture
def rules(acme: Account, display: Display, linked: LinkedAccount) -> list[SyncRule]:
    """Two displays whose rules send to one audience, where twelve people are known."""
    second = Display.objects.create(account=acme, name="Footer")
    made = [rule_to(each, linked, audience_id=NEWS) for each in (display, second)]
    for n in range(12):
        delivery(made[0], email=f"p{n}@example.org", state="synced")
    return made


def counts(update: int) -> dict[str, object]:
    none = dict.fromkeys(("create", "same", "send"), 0)
    return {"label": "Newsletter", "acts": update, "asked": update, **none} | {
        "update": update
    }


def test_two_rules_of_one_audience_are_one_share(
    acme: Account, rules: list[SyncRule]
) -> None:
    plan = {"targets": {str(each.target_id): counts(2) for each in rules}, "acts": 4}
    run = BulkRun.objects.create(account=acme, kind="replay", plan=plan)
    guard = guard_of(run)
    assert guard["fires"], "4 of 12 would change, through two rules"
    assert len(guard["why"]) == 1
    assert "4 contacts of the 12 we know there" in guard["why"][0]

    run.plan = {**plan, "targets": {str(rules[1].target_id): counts(2)}}
    assert not guard_of(run)["fires"], "2 of 12 are no more than a fifth"


def test_an_undo_counts_who_was_sent_after_the_last_look(
    sandbox: RunningSandbox, display: Display, linked: LinkedAccount
) -> None:
    people = [f"p{n}.test@gmail.com" for n in range(3)]
    for email in people:
        signed_up(display, email)
    run = planned(rule_made(display, linked))
    bulk_start(run=run, confirm=run.guard["count"])
    worked(run, sending=False)
    drain(linked.pk)
    assert {each.outcome for each in run.items.all()} == {"waiting"}

    assert bulk_cancel(run=run) == 0
    assert {each.outcome for each in run.items.all()} == {"synced"}
    assert run.progress["ended"] == {"synced": 3}
    assert undo_guard(run)["count"] == 3
    with pytest.raises(ConfirmError):
        bulk_undo(run=run)


def test_a_run_that_broke_off_is_undone_with_all_that_it_sent(
    sandbox: RunningSandbox, display: Display, linked: LinkedAccount
) -> None:
    signed_up(display, FRESH)
    run = planned(rule_made(display, linked))
    bulk_start(run=run, confirm=run.guard["count"])
    worked(run, sending=False)
    drain(linked.pk)
    BulkRun.objects.filter(pk=run.pk).update(state="failed")
    run.refresh_from_db()
    assert undo_guard(run)["count"] == 1
    bulk_undo(run=run, confirm=1)
    assert worked(run).undo["counts"] == {"removed": 1}


def test_more_than_planned_is_counted_by_audience_too(
    sandbox: RunningSandbox, acme: Account, display: Display, linked: LinkedAccount
) -> None:
    """Each rule alone stays below the share."""
    second = Display.objects.create(account=acme, name="Footer")
    made = [rule_made(each, linked) for each in (display, second)]
    for n in range(9):
        delivery(made[0], email=f"known{n}@example.org", state="synced")
    people = {"one.new@gmail.com": made[0], "two.new@gmail.com": made[1]}
    for email, rule in people.items():
        signed_up(rule.display, email)
    Delivery.objects.filter(state="pending").update(state="failed", reason="server")
    run = worked(bulk_plan_create(account=acme, kind="retry", what={}))
    assert (run.state, run.plan["found"]) == ("planned", {"create": 2})
    for email in people:  # meanwhile they are there, with other values
        write_there(linked, email, FNAME="Somebody")
    bulk_start(run=run)
    bulk_work.advance(run.pk)
    run.refresh_from_db()
    assert run.state == "stopped", run.progress
    assert not Delivery.objects.filter(state="pending").exists()
    assert item(run, "one.new@gmail.com").outcome == ""
