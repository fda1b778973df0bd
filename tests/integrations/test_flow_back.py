"""What providers tell about people: what it changes here, and what it does not."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest

from contacts.models import Contact, Event, Suppression
from contacts.suppressions import suppress
from contactsync.lib.clock import now
from contactsync.tenancy.models import Account
from displays.services import display_create
from displays.store import NewSignup, store_signup
from integrations import flow_back
from integrations.adapters.base import Change
from integrations.adapters.errors import TransientError
from integrations.drain import drain
from integrations.models import BulkItem, BulkRun, Delivery, LinkedAccount
from integrations.services import linked_account_create
from tests.integrations.flow_back_world import (
    HOUR,
    MIRA,
    contact,
    found,
    kinds,
    standing,
    state,
    told,
    waiting,
)
from tests.integrations.world import delivery, rule_to

pytestmark = pytest.mark.django_db


@pytest.fixture
def second(acme: Account) -> LinkedAccount:
    return linked_account_create(
        account=acme,
        provider="klaviyo",
        label="Acme Klaviyo",
        credentials={"api_key": "pk_0123456789abcdef0123456789abcdef01"},
    )


@pytest.mark.parametrize(
    "status, actor",
    [("unsubscribed", "person"), ("bounced", "bounce"), ("complained", "complaint")],
)
def test_who_left_is_suppressed_with_who_where_and_when(
    linked, mira, status, actor
) -> None:
    at = now() - HOUR
    assert told(linked, status, at=at).left == 1
    row = Suppression.objects.get()
    assert (row.actor, row.left_at, row.linked_account_id) == (actor, at, linked.pk)
    assert "Mailchimp · Acme Store" in row.detail
    event = Event.objects.get(contact_id=mira.pk, kind="provider.left")
    assert event.data["status"] == status
    assert event.data["at"] == at.isoformat()
    assert event.data["where"] == "Mailchimp · Acme Store"


def test_what_waits_for_any_rule_of_the_account_is_skipped(
    display, linked, second, mira
) -> None:
    rows = [waiting(display, each, mira) for each in (linked, second)]
    held = waiting(display, second, mira, state="held", reason="auth.expired")
    synced = waiting(display, second, mira, state="synced")
    told(linked, "unsubscribed")
    assert {state(row) for row in (*rows, held)} == {("skipped", "rule.suppressed")}
    assert "Acme Store" in rows[1].detail
    assert state(synced) == ("synced", "")


def test_here_only_means_this_account_only(display, linked, second, mira) -> None:
    LinkedAccount.objects.filter(pk=linked.pk).update(leaving="here")
    linked.refresh_from_db()
    here, there = (waiting(display, each, mira) for each in (linked, second))
    told(linked, "unsubscribed")
    assert standing() == []
    assert state(here) == ("skipped", "rule.suppressed")
    assert state(there) == ("pending", "")
    assert kinds(mira)[0] == "provider.left"


def test_stop_by_sms_says_nothing_about_mail(acme, display, linked, mira) -> None:
    sms = linked_account_create(
        account=acme,
        provider="messagemedia",
        label="Texts",
        credentials={"api_key": "0123456789abcdef", "api_secret": "s" * 20},
    )
    mail = waiting(display, linked, mira)
    told(sms, "unsubscribed")
    assert standing() == []
    assert state(mail) == ("pending", "")


def test_told_twice_or_late_changes_nothing_more(linked, mira) -> None:
    at = now() - HOUR
    assert told(linked, "unsubscribed", at=at).left == 1
    assert told(linked, "unsubscribed", at=at).left == 0
    assert told(linked, "unsubscribed", at=at - HOUR).left == 0
    assert found(linked, "unsubscribed", now()).left == 0, "its record was edited"
    assert told(linked, "unsubscribed", at=None).left == 0
    assert kinds(mira) == ["provider.left", "suppression.added"]
    assert Suppression.objects.get().left_at == at


def test_an_older_return_does_not_undo_a_newer_leaving(linked, mira) -> None:
    told(linked, "unsubscribed", at=now() - HOUR)
    assert told(linked, "subscribed", at=now() - 2 * HOUR).returned == 0
    assert standing() == [(MIRA, "person")]


def test_an_older_leaving_does_not_undo_a_newer_return(linked, mira) -> None:
    """The provider tells of both, the wrong way round."""
    start = now() - 3 * HOUR
    told(linked, "unsubscribed", at=start)
    told(linked, "subscribed", at=start + 2 * HOUR)
    assert told(linked, "unsubscribed", at=start + HOUR).left == 0


def test_subscribed_again_over_there_does_not_lift_what_stands_here(
    linked, mira
) -> None:
    told(linked, "unsubscribed", at=now() - HOUR)
    assert told(linked, "subscribed").returned == 1
    assert standing() == [(MIRA, "person")]
    assert kinds(mira)[-1] == "provider.returned"


def test_leaving_again_after_the_way_back_counts_again(display, linked, mira) -> None:
    told(linked, "unsubscribed", at=now() - 3 * HOUR)
    Suppression.objects.all().delete()
    Contact.objects.update(confirmed_at=now() - 2 * HOUR)
    assert found(linked, "unsubscribed", now() - 3 * HOUR).left == 0, "the old one"
    assert standing() == []
    assert told(linked, "unsubscribed", at=now() - HOUR).left == 1
    assert standing() == [(MIRA, "person")]


def test_left_again_is_found_by_looking_when_a_delivery_went_through_between(
    display, linked, mira
) -> None:
    rule = rule_to(display, linked)
    told(linked, "unsubscribed", at=now() - 3 * HOUR)
    Suppression.objects.all().delete()
    Event.objects.create(
        account_id=linked.account_id,
        contact_id=mira.pk,
        kind="delivery.synced",
        data={"target": str(rule.target_id)},
        at=now() - 2 * HOUR,
    )
    assert found(linked, "unsubscribed", None).left == 0
    assert found(linked, "unsubscribed", now() - HOUR).left == 1
    assert standing() == [(MIRA, "person")]


def test_who_confirmed_after_leaving_is_welcome(display, linked, mira) -> None:
    Contact.objects.update(confirmed_at=now())
    row = waiting(display, linked, mira)
    assert told(linked, "unsubscribed", at=now() - HOUR).left == 1
    assert standing() == []
    assert state(row) == ("pending", "")


def test_our_own_merge_comes_back_as_an_echo(acme, linked, mira) -> None:
    suppress(account_id=acme.pk, email=MIRA, actor="merge", left_at=now())
    assert told(linked, "unsubscribed").left == 0
    assert standing() == [(MIRA, "merge")]
    told(linked, "unsubscribed", at=now() + 2 * HOUR)
    assert standing() == [(MIRA, "person")], "two hours later it is the person"


def test_our_own_writing_comes_back_as_an_echo(display, linked, mira) -> None:
    row = waiting(display, linked, mira, state="synced")
    applied = told(linked, "subscribed", kind="upsert")
    assert (applied.known, applied.left, applied.returned) == (1, 0, 0)
    assert kinds(mira) == []
    assert state(row) == ("synced", "")


def test_a_deletion_and_a_new_address_are_told_and_change_nothing(
    display, linked, mira
) -> None:
    row = waiting(display, linked, mira)
    told(linked, "", kind="delete")
    told(linked, "", kind="delete")
    move = {"kind": "email", "email": "new@example.org", "fields": {"old_email": MIRA}}
    told(linked, "", **move)
    told(linked, "", **move)
    assert kinds(mira) == ["provider.deleted", "provider.email_changed"]
    last = Event.objects.filter(contact_id=mira.pk).latest("id")
    assert (last.data["from"], last.data["to"]) == (MIRA, "new@example.org")
    mira.refresh_from_db()
    assert (mira.email, standing(), state(row)) == (MIRA, [], ("pending", ""))


def test_strangers_and_other_tenants_are_counted_and_ignored(
    linked, other, mira
) -> None:
    theirs = contact(other, "guest@example.org")
    applied = told(linked, "unsubscribed", email="guest@example.org")
    assert (applied.known, applied.unknown) == (0, 1)
    assert (standing(), kinds(theirs)) == ([], [])


def test_nothing_is_half_applied(linked, mira, monkeypatch) -> None:
    def broken(*_: Any, **__: Any) -> int:
        raise RuntimeError("out of order")

    monkeypatch.setattr(flow_back.outbox, "move_rows", broken)
    with pytest.raises(RuntimeError):
        told(linked, "unsubscribed")
    assert (standing(), kinds(mira)) == ([], [])


def test_left_while_their_batch_is_at_the_provider(
    acme, display, linked, mira, provider
) -> None:
    """What comes back to be tried again is not tried again."""
    row = waiting(display, linked, mira)

    def leaves_meanwhile(_: Any) -> Any:
        told(linked, "unsubscribed")
        raise TransientError("busy", status=503)

    provider.answer = staticmethod(leaves_meanwhile)
    drain(linked.pk)
    assert standing() == [(MIRA, "person")]
    Delivery.objects.update(due=now() - HOUR)
    LinkedAccount.objects.update(not_before=None)
    calls = len(provider.calls)
    drain(linked.pk)
    assert state(row) == ("skipped", "rule.suppressed")
    assert "Unsubscribed at Mailchimp" in row.detail
    assert len(provider.calls) == calls


def test_a_bulk_run_that_was_undone_comes_back_as_an_echo(
    acme, display, linked, mira
) -> None:
    rule = rule_to(display, linked, audience_id="a")
    run = BulkRun.objects.create(
        account=acme, kind="replay", target=rule.target, ended_at=now() - HOUR
    )
    BulkItem.objects.create(
        account=acme,
        run=run,
        contact_id=mira.pk,
        target_id=rule.target_id,
        undone="removed",
    )
    assert told(linked, "unsubscribed", audience_id="a").left == 0
    assert standing() == []
    assert told(linked, "unsubscribed", audience_id="another").left == 1


def test_who_was_sent_again_since_an_undo_left_by_themselves(
    acme, display, linked, mira
) -> None:
    rule = rule_to(display, linked, audience_id="a")
    run = BulkRun.objects.create(
        account=acme, kind="replay", target=rule.target, ended_at=now() - 2 * HOUR
    )
    BulkItem.objects.create(
        account=acme,
        run=run,
        contact_id=mira.pk,
        target_id=rule.target_id,
        undone="removed",
    )
    Event.objects.create(
        account=acme,
        contact_id=mira.pk,
        kind="delivery.synced",
        data={"target": str(rule.target_id)},
        at=now() - HOUR,
    )
    assert told(linked, "unsubscribed", audience_id="a").left == 1


# --- many ------------------------------------------------------------------------


def test_a_flood_is_quick(acme, linked, display, django_assert_max_num_queries) -> None:
    people = [contact(acme, f"p{n}@example.org") for n in range(500)]
    rule = rule_to(display, linked)
    for person in people[:50]:
        delivery(rule, email=person.email, contact_id=person.pk)
    changes = [
        Change(email=person.email, kind="status", status="unsubscribed", at=now())
        for person in people
    ]
    started = time.thread_time()  # of this machine's, not its neighbours'
    # SQLite takes some hundred values in one statement, so there are several.
    with django_assert_max_num_queries(60):
        applied = flow_back.apply(linked=linked, changes=changes, how="webhook")
    assert applied.left == 500
    assert time.thread_time() - started < 5.0
    assert Suppression.objects.count() == 500


def test_a_second_display_is_told_why(acme, linked, mira) -> None:
    """A signup that comes after the leaving is skipped, and the row says why."""
    told(linked, "unsubscribed", at=now() - timedelta(days=1))
    display = display_create(account=acme, name="Footer", kind="bar", status="live")
    rule_to(display, linked)
    store_signup(
        NewSignup(
            account_id=acme.pk,
            display_id=display.pk,
            environment="live",
            email=MIRA,
            email_key=MIRA,
            accepted=True,
            category="valid",
            rule="",
            evidence="",
        )
    )
    row = Delivery.objects.get(contact_id=mira.pk)
    assert (row.state, row.reason) == ("skipped", "rule.suppressed")
    assert row.detail.startswith("Unsubscribed at Mailchimp · Acme Store on ")
