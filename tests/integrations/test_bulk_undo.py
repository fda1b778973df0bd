"""What a bulk run did is taken back, as far as it is still ours."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import LazySettings

from contacts.models import Event, Suppression
from contactsync.lib.clock import now
from displays.models import Display
from integrations import bulk_undo as bulk_undo_module
from integrations import bulk_work, flow_back
from integrations.adapters.base import Change
from integrations.bulk import BulkStateError, ConfirmError, bulk_undo
from integrations.drain import drain
from integrations.models import BulkItem, BulkRun, Delivery, LinkedAccount
from integrations.sandbox.testing import RunningSandbox
from tests.integrations.bulk_world import (
    ADA,
    FRESH,
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


def test_undo_takes_back_what_is_still_ours(
    sandbox: RunningSandbox, display: Display, linked: LinkedAccount
) -> None:
    run = sent(backfilled(sandbox, display, linked))

    with pytest.raises(ConfirmError):
        bulk_undo(run=run)
    bulk_undo(run=run, confirm=3)
    worked(run)

    assert run.state == "undone"
    assert run.undo["counts"] == {"removed": 1, "restored": 1, "same": 1}
    assert values(sandbox, ADA) == {"FNAME": "Ada", "LNAME": "Lovelace"}
    assert sandbox.member(ADA, audience=NEWS)["status"] == "subscribed"
    assert sandbox.member(FRESH, audience=NEWS)["status"] == "unsubscribed"
    row = Delivery.objects.get(payload__email=FRESH)
    assert (row.state, row.reason) == ("skipped", "rule.undone")
    assert Event.objects.filter(delivery_id=row.pk, kind="delivery.undone").exists()
    assert not Suppression.objects.exists()
    nora = item(run, FRESH)
    assert nora.detail == "Unsubscribed from the audience."
    echo = Change(email=FRESH, kind="status", status="unsubscribed", at=now())
    flow_back.apply(linked=linked, changes=[echo], how="webhook", audience_id=NEWS)
    assert not Suppression.objects.exists(), "the provider tells us what we did"
    left = Change(email=ADA, kind="status", status="unsubscribed", at=now())
    flow_back.apply(linked=linked, changes=[left], how="webhook", audience_id=NEWS)
    assert Suppression.objects.get().actor == "person"
    with pytest.raises(BulkStateError, match="undone now"):
        bulk_undo(run=run, confirm=3)


def test_undo_leaves_what_somebody_changed_since(
    sandbox: RunningSandbox, display: Display, linked: LinkedAccount
) -> None:
    write_there(linked, ADA, PHONE="111")
    signed_up(display, ADA, fields={"first_name": "Augusta", "phone": "222"})
    rule = rule_made(display, linked, mapping={"first_name": "FNAME", "phone": "PHONE"})
    run = sent(planned(rule))
    assert values(sandbox, ADA)["PHONE"] == "222"
    write_there(linked, ADA, PHONE="333")

    bulk_undo(run=run, confirm=1)
    worked(run)

    assert values(sandbox, ADA) == {
        "FNAME": "Ada",
        "LNAME": "Lovelace",
        "PHONE": "333",
    }
    ada = item(run, ADA)
    assert ada.undone == "partly"
    assert ada.detail == "PHONE was changed since and stays as it is."


def test_undo_never_blanks_and_says_so(
    sandbox: RunningSandbox, display: Display, linked: LinkedAccount
) -> None:
    signed_up(display, ADA, fields={"phone": "222"})
    run = sent(planned(rule_made(display, linked, mapping={"phone": "PHONE"})))
    bulk_undo(run=run, confirm=1)
    worked(run)
    assert values(sandbox, ADA)["PHONE"] == "222"
    assert item(run, ADA).undone == "left"
    assert "was empty before" in item(run, ADA).detail


def test_undo_says_that_tags_stay(
    sandbox: RunningSandbox, display: Display, linked: LinkedAccount
) -> None:
    signed_up(display, ADA, fields={"first_name": "Augusta"})
    run = sent(planned(rule_made(display, linked, tags=["Early bird", "spring"])))
    bulk_undo(run=run, confirm=1)
    worked(run)
    assert item(run, ADA).undone == "partly"
    assert item(run, ADA).detail == "Tags stay: spring."
    assert values(sandbox, ADA)["FNAME"] == "Ada"


def test_undo_leaves_who_left_meanwhile_alone(
    sandbox: RunningSandbox, display: Display, linked: LinkedAccount
) -> None:
    run = sent(backfilled(sandbox, display, linked))
    for email in (ADA, FRESH):
        sandbox.control("POST", "mailchimp/unsubscribe", {"email": email})
    requests = len(sandbox.requests())

    bulk_undo(run=run, confirm=3)
    worked(run)

    assert run.undo["counts"] == {"left": 2, "same": 1}
    for email in (ADA, FRESH):
        assert sandbox.member(email, audience=NEWS)["status"] == "unsubscribed"
        assert "have left since" in item(run, email).detail
    assert values(sandbox, ADA)["FNAME"] == "Augusta"
    assert {each["method"] for each in sandbox.requests()[requests:]} == {"GET"}


def test_undo_leaves_who_signed_up_again_alone(
    sandbox: RunningSandbox, display: Display, linked: LinkedAccount
) -> None:
    run = sent(backfilled(sandbox, display, linked))
    signed_up(display, FRESH)
    signed_up(display, ADA, fields={"first_name": "Augusta"})
    drain(linked.pk)

    bulk_undo(run=run, confirm=3)
    worked(run)

    assert run.undo["counts"] == {"left": 2, "same": 1}
    assert sandbox.member(FRESH, audience=NEWS)["status"] == "subscribed"
    assert item(run, FRESH).detail == "They signed up again since."


def test_undo_leaves_who_confirmed_since_alone(
    sandbox: RunningSandbox, display: Display, linked: LinkedAccount
) -> None:
    signed_up(display, FRESH)
    signed_up(display, "omar.waits@gmail.com")
    run = sent(planned(rule_made(display, linked, double_opt_in=True)))
    assert run.progress["ended"] == {"awaiting_opt_in": 2}
    sandbox.control("POST", "mailchimp/confirm", {"email": FRESH})

    bulk_undo(run=run, confirm=2)
    worked(run)

    assert run.undo["counts"] == {"left": 1, "removed": 1}
    assert sandbox.member(FRESH, audience=NEWS)["status"] == "subscribed"
    assert item(run, FRESH).detail == "They have confirmed since."


def test_undo_goes_on_after_the_provider_failed(
    sandbox: RunningSandbox, display: Display, linked: LinkedAccount
) -> None:
    run = sent(backfilled(sandbox, display, linked))
    bulk_undo(run=run, confirm=3)
    sandbox.faults(status=500)
    bulk_work.advance(run.pk)
    run.refresh_from_db()
    assert run.state == "undoing"
    assert run.undo["note"]
    sandbox.faults()
    LinkedAccount.objects.update(not_before=None)
    worked(run)
    assert run.undo["counts"] == {"removed": 1, "restored": 1, "same": 1}


def test_an_undo_whose_worker_died_after_removing_is_ended_by_another(
    sandbox: RunningSandbox,
    display: Display,
    linked: LinkedAccount,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    signed_up(display, FRESH)
    run = sent(planned(rule_made(display, linked)))
    bulk_undo(run=run, confirm=1)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(bulk_undo_module, "keep", dies_when_removed)
        bulk_work.advance(run.pk)
    assert sandbox.member(FRESH, audience=NEWS)["status"] == "unsubscribed"
    assert item(run, FRESH).undone == "removing"

    BulkRun.objects.update(lease_until=None)
    worked(run)

    assert run.undo["counts"] == {"removed": 1}
    assert states(run) == {FRESH: "skipped"}


def dies_when_removed(run: BulkRun, mine: Any, verdicts: Any) -> None:
    if verdicts:
        raise KeyboardInterrupt  # what kill does


def test_old_before_images_are_forgotten(
    sandbox: RunningSandbox,
    display: Display,
    linked: LinkedAccount,
    settings: LazySettings,
) -> None:
    run = sent(backfilled(sandbox, display, linked))
    assert bulk_work.forget_old() == 0
    settings.BULK_KEEP_DAYS = 0
    assert bulk_work.forget_old() == 1
    assert bulk_work.forget_old() == 0
    run.refresh_from_db()
    assert run.plan["sample"] == []
    assert not BulkItem.objects.exclude(before=None).exists()
    with pytest.raises(BulkStateError, match="not kept any longer"):
        bulk_undo(run=run, confirm=3)
