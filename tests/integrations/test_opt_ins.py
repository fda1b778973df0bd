"""Looking up who has confirmed, against the sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from celery import current_app

from contactsync.lib.clock import now
from contactsync.lib.ids import uuid7
from integrations import opt_ins
from integrations.adapters.errors import (
    AdapterError,
    CredentialsError,
    RejectedError,
    ScopeError,
)
from integrations.adapters.mailchimp import Mailchimp
from integrations.models import Delivery, LinkedAccount
from integrations.sandbox.testing import RunningSandbox, running_sandbox
from integrations.tasks import check_opt_ins
from tests.integrations.world import delivery, rule_to

pytestmark = pytest.mark.django_db

NEWSLETTER = "a6b5da1054"
PENDING = "hedy.lamarr@spectrum.example"
VIP = "c1f83e07b2"


@pytest.fixture
def provider(settings) -> Iterator[RunningSandbox]:
    with running_sandbox() as sandbox:
        settings.PROVIDER_URLS = {"mailchimp": sandbox.base_url("mailchimp")}
        yield sandbox


@pytest.fixture
def celery_eager() -> Iterator[None]:
    current_app.conf.task_always_eager = True
    yield
    current_app.conf.task_always_eager = False


def awaiting(rule, email: str, **more) -> Delivery:
    return delivery(
        rule, email=email, payload={"email": email}, state="awaiting_opt_in", **more
    )


def state(row: Delivery) -> tuple[str, str]:
    row.refresh_from_db()
    return row.state, row.reason


def test_confirmed_and_left_are_told_apart(provider, linked, display) -> None:
    rule = rule_to(display, linked, audience_id=NEWSLETTER)
    yes = awaiting(rule, "ada.lovelace@analytical.example")
    left = awaiting(rule, "alan.turing@bletchley.example")
    still = awaiting(rule_to(display, linked, audience_id=VIP), PENDING)
    assert opt_ins.check(linked.pk) == 2
    assert state(yes) == ("synced", "")
    assert state(left) == ("rejected", "consent.unsubscribed")
    assert state(still) == ("awaiting_opt_in", "")
    assert still.due > now(), "looked up again later"


def test_a_missing_audience_holds_that_target_and_not_the_account(
    provider, linked, display
) -> None:
    gone = rule_to(display, linked, audience_id="gone")
    awaiting(gone, "ada.lovelace@analytical.example")
    yes = awaiting(
        rule_to(display, linked, audience_id=NEWSLETTER),
        "ada.lovelace@analytical.example",
    )
    opt_ins.check(linked.pk)
    linked.refresh_from_db()
    gone.target.refresh_from_db()
    assert linked.status == LinkedAccount.Status.CONNECTED
    assert gone.target.held_reason == "target.missing"
    assert state(yes) == ("synced", "")


def test_nobody_is_looked_up_for_ever(provider, linked, display) -> None:
    rule = rule_to(display, linked, audience_id=NEWSLETTER)
    days = {name: now() - timedelta(days=n) for name, n in (("old", 31), ("gone", 2))}
    old = awaiting(
        rule_to(display, linked, audience_id=VIP), PENDING, changed_at=days["old"]
    )
    gone = awaiting(rule, "not.there@example.org", changed_at=days["gone"])
    new = awaiting(rule, "new.here@example.org")
    assert opt_ins.check(linked.pk) == 2
    assert state(old) == state(gone) == ("skipped", "consent.not_confirmed")
    assert state(new)[0] == "awaiting_opt_in"


def test_where_nobody_shows_before_confirming_nobody_is_missed(
    provider, linked, display, monkeypatch
) -> None:
    monkeypatch.setattr(Mailchimp, "asked_are_absent", True)
    rule = rule_to(display, linked, audience_id=NEWSLETTER)
    asked = awaiting(
        rule, "not.there@example.org", changed_at=now() - timedelta(days=2)
    )
    assert opt_ins.check(linked.pk) == 0
    assert state(asked)[0] == "awaiting_opt_in"


def test_one_account_that_cannot_be_opened_keeps_no_other_waiting(
    provider, linked, display, celery_eager
) -> None:
    rule = rule_to(display, linked, audience_id=NEWSLETTER)
    yes = awaiting(rule, "ada.lovelace@analytical.example")
    broken = LinkedAccount.objects.get(pk=linked.pk)
    broken.pk = uuid7()
    broken.sealed = "v1.other.AAAA"
    broken.save(force_insert=True)
    awaiting(
        rule_to(display, broken, audience_id=NEWSLETTER),
        "grace.hopper@compilers.example",
    )
    assert check_opt_ins() == 2
    assert state(yes) == ("synced", "")


def test_for_one_contact_the_failure_is_told(provider, linked, display) -> None:
    row = awaiting(
        rule_to(display, linked, audience_id=NEWSLETTER),
        "ada.lovelace@analytical.example",
    )
    provider.faults(status=503)
    with pytest.raises(AdapterError):
        opt_ins.check(linked.pk, contact_id=row.contact_id)
    assert state(row)[0] == "awaiting_opt_in"


def test_unlinked_and_paused_accounts_are_not_asked(linked, display) -> None:
    awaiting(rule_to(display, linked), "ada.lovelace@analytical.example")
    assert opt_ins.due_linked_accounts() == [linked.pk]
    LinkedAccount.objects.update(removed_at=now())
    assert opt_ins.due_linked_accounts() == []
    assert opt_ins.check(linked.pk) == 0


def test_a_month_counts_from_the_asking_not_from_the_signup(
    provider, linked, display
) -> None:
    """A signup that was held for weeks is asked today, and has its month from today."""
    row = awaiting(
        rule_to(display, linked, audience_id=VIP),
        PENDING,
        created_at=now() - timedelta(days=40),
    )
    assert opt_ins.check(linked.pk) == 0
    assert state(row)[0] == "awaiting_opt_in"
    assert row.due < now() + timedelta(minutes=1), "and is looked up often at first"


def test_one_address_that_is_refused_keeps_nobody_else_waiting(
    provider, linked, display, monkeypatch
) -> None:
    ask = Mailchimp.subscriptions

    def picky(self, emails, audience_id):
        if "not an address" in emails:
            raise RejectedError("This is not an address.")
        return ask(self, emails, audience_id)

    monkeypatch.setattr(Mailchimp, "subscriptions", picky)
    rule = rule_to(display, linked, audience_id=NEWSLETTER)
    bad = awaiting(rule, "not an address")
    yes = awaiting(rule, "ada.lovelace@analytical.example")
    assert opt_ins.check(linked.pk) == 1
    assert state(yes) == ("synced", "")
    assert state(bad) == ("awaiting_opt_in", "")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ScopeError("This key may not read."), LinkedAccount.Status.CONNECTED),
        (CredentialsError("This key is revoked."), LinkedAccount.Status.BROKEN),
    ],
)
def test_a_key_that_may_not_read_still_sends(
    provider, linked, display, monkeypatch, error: AdapterError, status: str
) -> None:
    def refused(self, emails, audience_id):
        raise error

    monkeypatch.setattr(Mailchimp, "subscriptions", refused)
    awaiting(rule_to(display, linked, audience_id=NEWSLETTER), PENDING)
    assert opt_ins.check(linked.pk) == 0
    linked.refresh_from_db()
    assert linked.status == status
