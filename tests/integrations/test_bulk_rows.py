"""Runs about rows of the outbox: retry what failed, send what is held, send again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from contacts.models import Contact, Event
from contactsync.lib.clock import now
from contactsync.tenancy.models import Account
from displays.models import Display, SyncRule
from displays.services import RuleSettings, rule_update
from integrations.bulk import bulk_cancel, bulk_plan_create, bulk_start, bulk_undo
from integrations.bulk_source import rows_of
from integrations.drain import drain
from integrations.models import BulkRun, Delivery, LinkedAccount, Target
from integrations.sandbox.testing import RunningSandbox
from integrations.services import linked_account_create
from tests.integrations.bulk_world import (
    NEWS,
    item,
    rule_made,
    sent,
    signed_up,
    states,
    worked,
)

pytestmark = pytest.mark.django_db
ADA = "ada.lovelace@analytical.example"
ALAN = "alan.turing@bletchley.example"
MIRA, OMAR = "mira.one@gmail.com", "omar.two@gmail.com"


@pytest.fixture
def rule(sandbox: RunningSandbox, display: Display, linked: LinkedAccount) -> SyncRule:
    return rule_made(display, linked)


def came(display: Display, email: str, state: str, reason: str = "") -> Delivery:
    """A signup whose newest delivery stands so."""
    signed_up(display, email)
    row = Delivery.objects.filter(payload__email=email).latest("pk")
    Delivery.objects.filter(pk=row.pk).update(state=state, reason=reason)
    return row


def run_of(account: Account, kind: str, **what: Any) -> BulkRun:
    return worked(bulk_plan_create(account=account, kind=kind, what=what))


def test_failed_rows_are_retried(
    sandbox: RunningSandbox, acme: Account, display: Display, rule: SyncRule
) -> None:
    came(display, MIRA, "failed", "server")
    came(display, OMAR, "failed", "internal")
    came(display, ALAN, "failed", "server")
    run = run_of(acme, "retry", reason="server")
    assert run.plan["found"] == {"create": 1, "consent.unsubscribed": 1}
    assert run.plan["acts"] == 1
    sent(run)
    assert states(run) == {MIRA: "synced", OMAR: "failed", ALAN: "rejected"}
    alan = Delivery.objects.get(payload__email=ALAN)
    assert alan.reason == "consent.unsubscribed"
    row = Delivery.objects.get(payload__email=MIRA)
    kinds = list(
        Event.objects.filter(delivery_id=row.pk).order_by("pk").values_list("kind")
    )
    assert ("delivery.retried",) in kinds


def test_older_rows_of_a_contact_are_superseded(
    sandbox: RunningSandbox, acme: Account, display: Display, rule: SyncRule
) -> None:
    old = came(display, MIRA, "failed", "server")
    signed_up(display, MIRA, fields={"first_name": "Mirabel"})
    Delivery.objects.exclude(pk=old.pk).update(state="failed", reason="server")
    run = run_of(acme, "retry")
    assert (run.plan["acts"], run.plan["skipped"]) == (1, {"rule.superseded": 1})
    sent(run)
    old.refresh_from_db()
    assert (old.state, old.reason) == ("skipped", "rule.superseded")
    assert sandbox.member(MIRA, audience=NEWS)["fields"]["FNAME"] == "Mirabel"


def test_a_row_that_was_retried_by_hand_meanwhile_is_left(
    sandbox: RunningSandbox, acme: Account, display: Display, rule: SyncRule
) -> None:
    row = came(display, MIRA, "failed", "server")
    run = run_of(acme, "retry")
    Delivery.objects.filter(pk=row.pk).update(state="synced", reason="")
    sent(run)
    assert run.progress["kept"] == {"bulk.moved_on": 1}
    assert run.state == "done"


def test_everything_held_is_sent(
    sandbox: RunningSandbox, acme: Account, display: Display, rule: SyncRule
) -> None:
    came(display, MIRA, "held", "schema.type")
    came(display, OMAR, "held", "schema.required_field")
    run = run_of(acme, "resume")
    assert run.plan["acts"] == 2
    sent(run)
    assert states(run) == {MIRA: "synced", OMAR: "synced"}


def test_what_an_account_holds_is_said_and_left(
    acme: Account, display: Display, rule: SyncRule
) -> None:
    came(display, MIRA, "held", "auth.revoked")
    LinkedAccount.objects.update(status="broken", reason="auth.revoked")
    run = run_of(acme, "resume")
    assert (run.plan["acts"], run.plan["skipped"]) == (0, {"auth.revoked": 1})
    assert run.state == "planned"


def test_a_broken_account_keeps_no_other_waiting(
    sandbox: RunningSandbox, acme: Account, display: Display, rule: SyncRule
) -> None:
    broken = linked_account_create(
        account=acme,
        provider="mailchimp",
        label="Second",
        credentials={"api_key": "0" * 32 + "-us2"},
    )
    rule_made(display, broken)
    signed_up(display, MIRA)
    LinkedAccount.objects.filter(pk=broken.pk).update(
        status="broken", reason="auth.revoked"
    )
    Delivery.objects.update(state="held", reason="schema.type")
    run = sent(run_of(acme, "resume"))
    assert run.state == "done"
    assert run.progress["kept"] == {"auth.revoked": 1}
    assert run.progress["ended"] == {"synced": 1}


def test_a_corrected_mapping_is_sent_again_and_undone(
    sandbox: RunningSandbox, acme: Account, display: Display, rule: SyncRule
) -> None:
    signed_up(display, MIRA, fields={"first_name": "Mira", "last_name": "Jensen"})
    linked = LinkedAccount.objects.get()
    drain(linked.pk)
    assert sandbox.member(MIRA, audience=NEWS)["fields"]["FNAME"] == "Mira"
    rule_update(
        rule=rule,
        version=rule.version,
        settings=RuleSettings(
            linked_account=linked,
            audience_id=NEWS,
            mapping={"last_name": "FNAME"},
        ),
    )
    run = run_of(acme, "replay", target=str(rule.target_id))
    assert run.plan["found"] == {"update": 1}
    assert run.plan["sample"][0]["fields"][0]["ours"] == "Jensen"
    assert run.state == "stopped"
    sent(run)
    assert sandbox.member(MIRA, audience=NEWS)["fields"]["FNAME"] == "Jensen"
    assert states(run) == {MIRA: "synced"}
    bulk_undo(run=run, confirm=1)
    worked(run)
    assert sandbox.member(MIRA, audience=NEWS)["fields"]["FNAME"] == "Mira"
    assert item(run, MIRA).undone == "restored"
    assert states(run) == {MIRA: "synced"}


def test_only_the_newest_is_sent_again(
    sandbox: RunningSandbox, acme: Account, display: Display, rule: SyncRule
) -> None:
    old = came(display, MIRA, "synced")
    came(display, MIRA, "synced")
    run = run_of(acme, "replay")
    assert (run.plan["acts"], run.plan["skipped"]) == (1, {"rule.superseded": 1})
    sent(run)
    old.refresh_from_db()
    assert (old.state, old.reason) == ("synced", "")


def test_skipped_for_a_condition_that_was_changed(
    sandbox: RunningSandbox, acme: Account, display: Display, rule: SyncRule
) -> None:
    came(display, MIRA, "skipped", "rule.condition")
    came(display, OMAR, "skipped", "rule.suppressed")
    run = run_of(acme, "replay", reason="rule.condition")
    assert run.plan["total"] == 1
    sent(run)
    assert states(run) == {MIRA: "synced", OMAR: "skipped"}


def test_who_is_there_already_is_skipped_where_the_rule_updates_nobody(
    sandbox: RunningSandbox, acme: Account, display: Display, rule: SyncRule
) -> None:
    Target.objects.update(update_existing=False)
    came(display, ADA, "failed", "server")
    run = run_of(acme, "retry")
    assert run.plan["found"] == {"rule.existing": 1}
    assert run.plan["acts"] == 0


def test_cancel_puts_rows_back_to_what_they_were(
    acme: Account, display: Display, rule: SyncRule
) -> None:
    row = came(display, MIRA, "failed", "server")
    Delivery.objects.filter(pk=row.pk).update(detail="503")
    run = run_of(acme, "retry")
    bulk_start(run=run, confirm=run.guard["count"])
    worked(run, sending=False)
    row.refresh_from_db()
    assert row.state == "pending"
    assert bulk_cancel(run=run) == 1
    row.refresh_from_db()
    assert (row.state, row.reason, row.detail) == ("failed", "server", "503")
    assert item(run, MIRA).outcome == "given_up"


def test_the_filter(
    acme: Account, other: Account, display: Display, linked: LinkedAccount
) -> None:
    second = linked_account_create(
        account=acme,
        provider="mailchimp",
        label="Second",
        credentials={"api_key": "0" * 32 + "-us2"},
    )
    rules = rule_made(display, linked), rule_made(display, second)
    signed_up(display, MIRA)
    Delivery.objects.update(state="failed", reason="server")
    first, last = Delivery.objects.order_by("linked_account__created_at")

    def found(**what: Any) -> list[int]:
        return list(rows_of(acme.pk, "retry", what).values_list("pk", flat=True))

    assert found(linked_account=str(second.pk)) == [last.pk]
    assert found(target=str(rules[0].target_id)) == [first.pk]
    assert found(reason="timeout") == []
    later = (now() + timedelta(minutes=1)).isoformat()
    assert found(since=later) == []
    assert len(found(until=later)) == 2
    assert not rows_of(other.pk, "retry", {}).exists()
    assert Contact.objects.count() == 1


def test_a_provider_that_cannot_be_asked_is_said_to_be_so(
    acme: Account, display: Display, linked: LinkedAccount, provider: Any
) -> None:
    rule_made(display, linked)
    came(display, MIRA, "failed", "server")
    run = run_of(acme, "retry")
    assert list(run.plan["mute"].values()) == [
        "Mailchimp cannot be asked what it has of a contact."
    ]
    assert run.state == "stopped"
    sent(run)
    assert item(run, MIRA).before is None
    assert "cannot tell" in item(run, MIRA).detail
    bulk_undo(run=run, confirm=1)
    worked(run)
    assert run.undo["counts"] == {"impossible": 1}
