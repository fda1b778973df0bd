"""A bulk run at the sandbox's Mailchimp: planned, guarded, and run."""

from __future__ import annotations

import pytest
from django.conf import LazySettings

from contacts.models import Consent, Suppression
from contactsync.lib.clock import now
from displays.models import Display, SyncRule
from integrations import bulk_plan, bulk_send, bulk_work
from integrations.bulk import (
    BulkStateError,
    ConfirmError,
    bulk_cancel,
    bulk_pause,
    bulk_resume,
    bulk_start,
)
from integrations.drain import drain
from integrations.models import Delivery, LinkedAccount
from integrations.sandbox.testing import RunningSandbox
from tests.integrations.bulk_world import (
    ADA,
    ALAN,
    FRESH,
    GRACE,
    NEWS,
    backfilled,
    item,
    planned,
    rule_made,
    sent,
    signed_up,
    states,
    values,
    worked,
    write_there,
)

pytestmark = pytest.mark.django_db


def test_a_plan_says_what_would_happen_and_changes_nothing(
    sandbox: RunningSandbox, display: Display, linked: LinkedAccount
) -> None:
    signed_up(display, FRESH)
    signed_up(display, "omar.gone@gmail.com")
    signed_up(display, "rita.no@gmail.com", consent_given=False)
    Suppression.objects.create(
        account=display.account, email_key="omar.gone@gmail.com", actor="person"
    )
    before = sandbox.members(audience=NEWS)

    run = planned(rule_made(display, linked))

    assert run.state == "planned", run.progress
    assert (run.plan["total"], run.plan["seen"], run.plan["acts"]) == (3, 3, 1)
    assert run.plan["skipped"] == {"rule.suppressed": 1, "rule.no_consent": 1}
    assert run.plan["found"] == {"create": 1}
    assert not Delivery.objects.exists()
    assert sandbox.members(audience=NEWS) == before


def test_the_plan_names_the_differences(
    sandbox: RunningSandbox, display: Display, linked: LinkedAccount
) -> None:
    run = backfilled(sandbox, display, linked)

    assert run.plan["found"] == {
        "create": 1,
        "update": 1,
        "same": 1,
        "consent.unsubscribed": 1,
    }
    assert (run.plan["acts"], run.plan["asked"]) == (3, 4)
    first = run.plan["sample"][0]
    assert (first["email"], first["plan"]) == (ADA, "update")
    assert first["fields"] == [
        {
            "field": "FNAME",
            "label": "FNAME",
            "ours": "Augusta",
            "theirs": "Ada",
        }
    ]


def test_the_guard_wants_the_number_typed(
    sandbox: RunningSandbox, display: Display, linked: LinkedAccount
) -> None:
    run = backfilled(sandbox, display, linked)
    assert run.state == "stopped"
    assert run.guard["count"] == 3
    assert "1 contact of the 2 we know there would change" in run.guard["why"][0]

    for wrong in (None, 0, 4):
        with pytest.raises(ConfirmError, match="number of contacts: 3"):
            bulk_start(run=run, confirm=wrong)
    run.refresh_from_db()
    assert run.state == "stopped"
    assert not Delivery.objects.exists()

    bulk_start(run=run, confirm=3, by="Alice")
    assert run.state == "running"
    assert run.guard["confirmed_by"] == "Alice"


def test_the_guard_goes_by_share_and_by_number(
    sandbox: RunningSandbox,
    display: Display,
    linked: LinkedAccount,
    settings: LazySettings,
) -> None:
    settings.BULK_GUARD_SHARE = 0.5
    run = backfilled(sandbox, display, linked)
    assert run.state == "planned"  # 1 of 2 is not more than half
    settings.BULK_GUARD_COUNT = 0
    assert planned(SyncRule.objects.get()).state == "stopped"


def test_a_run_sends_each_once_and_keeps_what_was_there(
    sandbox: RunningSandbox, display: Display, linked: LinkedAccount
) -> None:
    run = sent(backfilled(sandbox, display, linked))

    assert run.state == "done", run.progress
    assert run.progress["ended"] == {"synced": 3}
    assert run.progress["kept"] == {"consent.unsubscribed": 1}
    assert states(run) == {FRESH: "synced", ADA: "synced", GRACE: "synced"}
    assert values(sandbox, ADA) == {"FNAME": "Augusta", "LNAME": "Lovelace"}
    assert sandbox.member(ALAN, audience=NEWS)["status"] == "unsubscribed"
    ada, nora = item(run, ADA).before, item(run, FRESH).before
    assert ada is not None and nora is not None
    assert (ada["status"], ada["fields"]["FNAME"]) == ("subscribed", "Ada")
    assert ada["sent"] == {"FNAME": "Augusta"}
    assert nora["status"] == "absent"

    again = planned(SyncRule.objects.get())
    assert again.plan["skipped"] == {"bulk.sent_before": 3}
    with pytest.raises(BulkStateError, match="nobody to send"):
        bulk_start(run=again)


def test_each_contact_goes_once_with_the_latest_values(
    sandbox: RunningSandbox, display: Display, linked: LinkedAccount
) -> None:
    for name in ("Nora", "Eleonora", "Lenore"):
        signed_up(display, FRESH, fields={"first_name": name})
    run = sent(planned(rule_made(display, linked)))
    assert run.progress["ended"] == {"synced": 1}
    assert values(sandbox, FRESH)["FNAME"] == "Lenore"


def test_pause_resume_and_cancel(
    sandbox: RunningSandbox,
    display: Display,
    linked: LinkedAccount,
    settings: LazySettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.BULK_AHEAD = 2
    monkeypatch.setattr(bulk_send, "SLICE", 2)
    people = [f"p{n}.test@gmail.com" for n in range(6)]
    for email in people:
        signed_up(display, email)
    run = planned(rule_made(display, linked))
    bulk_start(run=run, confirm=run.guard.get("count"))
    bulk_work.advance(run.pk)
    assert Delivery.objects.filter(state="pending").count() == 2  # never more ahead
    bulk_work.advance(run.pk)
    assert Delivery.objects.count() == 2

    bulk_pause(run=run)
    drain(linked.pk)
    assert bulk_work.advance(run.pk) == 0
    assert Delivery.objects.count() == 2
    bulk_resume(run=run)
    bulk_work.advance(run.pk)
    assert Delivery.objects.count() == 4

    assert bulk_cancel(run=run) == 2
    assert run.state == "cancelled"
    assert sorted(states(run).values()) == ["skipped"] * 2 + ["synced"] * 2
    assert bulk_work.advance(run.pk) == 0
    with pytest.raises(BulkStateError, match="cancelled now"):
        bulk_resume(run=run)

    rest = planned(SyncRule.objects.get())  # who was given up is sent by another run
    assert rest.plan["acts"] == 4
    assert sent(rest).progress["ended"] == {"synced": 4}
    assert Delivery.objects.count() == 6


def test_most_limits_how_many_are_sent(
    sandbox: RunningSandbox, display: Display, linked: LinkedAccount
) -> None:
    for number in range(5):
        signed_up(display, f"p{number}.test@gmail.com")
    run = planned(rule_made(display, linked), most=2)
    assert (run.plan["acts"], run.plan["left_over"]) == (2, 3)
    assert sent(run).progress["ended"] == {"synced": 2}
    assert Delivery.objects.count() == 2


def test_a_large_run_is_looked_up_in_part_and_says_so(
    sandbox: RunningSandbox,
    display: Display,
    linked: LinkedAccount,
    settings: LazySettings,
) -> None:
    settings.BULK_LOOK_UPS = 3
    for number in range(9):
        signed_up(display, f"p{number}.test@gmail.com")
    run = planned(rule_made(display, linked))
    assert (run.plan["acts"], run.plan["asked"]) == (9, 3)
    assert run.plan["found"] == {"create": 3}
    assert run.guard["changes"] == 6  # who was not looked up may be there
    assert run.state == "stopped"
    assert "up to 6 contacts" in run.guard["why"][0]


def test_a_plan_without_the_provider_says_so(
    sandbox: RunningSandbox,
    display: Display,
    linked: LinkedAccount,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    signed_up(display, FRESH)
    sandbox.faults(status=500)
    run = planned(rule_made(display, linked))
    assert run.state == "planning"
    assert "note" in run.plan
    monkeypatch.setattr(bulk_plan, "PATIENCE", bulk_plan.PATIENCE * 0)
    LinkedAccount.objects.update(not_before=None)
    worked(run)
    assert (run.plan["acts"], run.plan["asked"], run.plan["found"]) == (1, 0, {})
    assert list(run.plan["mute"].values())
    assert run.state == "stopped"  # nothing is known, so up to 1 would change


def test_a_run_stops_that_would_change_more_than_it_planned(
    sandbox: RunningSandbox, display: Display, linked: LinkedAccount
) -> None:
    signed_up(display, FRESH)
    run = planned(rule_made(display, linked))
    assert run.state == "planned"
    write_there(linked, FRESH, FNAME="Eleonora")
    bulk_start(run=run)
    worked(run)
    assert run.state == "stopped"
    assert "more contacts than planned" in run.guard["why"][0]
    assert values(sandbox, FRESH)["FNAME"] == "Eleonora"
    assert sent(run).state == "done"
    assert values(sandbox, FRESH)["FNAME"] == "Nora"


def test_a_run_waits_for_an_account_that_broke(
    sandbox: RunningSandbox, display: Display, linked: LinkedAccount
) -> None:
    signed_up(display, FRESH)
    run = planned(rule_made(display, linked))
    LinkedAccount.objects.update(status="broken", reason="auth.revoked")
    bulk_start(run=run)
    worked(run)
    assert run.state == "running"
    assert "is not connected" in run.progress["note"]
    assert not Delivery.objects.exists()
    LinkedAccount.objects.update(status="connected", reason="")
    worked(run)
    assert (run.state, run.progress["note"]) == ("done", "")


def test_who_is_suppressed_after_the_plan_is_not_sent(
    sandbox: RunningSandbox, display: Display, linked: LinkedAccount
) -> None:
    signed_up(display, FRESH)
    run = planned(rule_made(display, linked))
    Suppression.objects.create(
        account=display.account, email_key=FRESH, actor="person", left_at=now()
    )
    sent(run)
    assert run.progress["kept"] == {"rule.suppressed": 1}
    assert sandbox.member(FRESH, audience=NEWS) is None


def test_consent_refused_later_counts(
    sandbox: RunningSandbox, display: Display, linked: LinkedAccount
) -> None:
    contact = signed_up(display, FRESH)
    Consent.objects.create(account=display.account, contact_id=contact.pk, given=False)
    run = planned(rule_made(display, linked))
    assert run.plan["skipped"] == {"rule.no_consent": 1}


def test_nobody_unconfirmed_is_sent_where_we_ask_ourselves(
    sandbox: RunningSandbox, display: Display, linked: LinkedAccount
) -> None:
    contact = signed_up(display, FRESH)
    signed_up(display, "omar.waits@gmail.com")
    type(contact).objects.filter(pk=contact.pk).update(confirmed_at=now())
    run = planned(rule_made(display, linked, own_confirmation=True))
    assert (run.plan["acts"], run.plan["skipped"]) == (1, {"consent.not_confirmed": 1})
