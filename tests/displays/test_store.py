"""One signup: all of its rows or none, on both engines."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError

from contacts.models import Consent, Contact, Event, Suppression
from contactsync.lib.clock import now
from displays.models import Signup
from displays.services import display_create, rule_remove, rule_set_enabled
from displays.store import NewSignup, store_signup
from integrations.holding import account_break
from integrations.models import Delivery
from integrations.services import linked_account_pause, linked_account_unlink
from tests.integrations.world import rule_to

pytestmark = pytest.mark.django_db


@pytest.fixture
def new(acme, display):
    def make(email: str = "Mira@Example.org", **more: Any) -> NewSignup:
        values: dict[str, Any] = {
            "accepted": True,
            "category": "valid",
            "rule": "",
            "evidence": "",
            "fields": {"first_name": "Mira"},
            "context": {"utm": {"campaign": "spring"}},
            "consent_given": True,
            "consent_text": "Email me",
            "page_url": "https://shop.acme.test/",
            "ip": "192.0.2.7",
            **more,
        }
        return NewSignup(
            account_id=acme.pk,
            display_id=display.pk,
            environment=more.pop("environment", "live"),
            email=email,
            email_key=email.lower(),
            **{k: v for k, v in values.items() if k != "environment"},
        )

    return make


def test_writes_everything_once(new, acme, display, linked) -> None:
    rule = rule_to(display, linked)
    signup = new()
    stored = store_signup(signup)
    assert stored.created and stored.wake == {linked.pk}
    row = Signup.objects.for_account(acme).get()
    contact = Contact.objects.for_account(acme).get()
    assert (row.pk, row.contact_id, row.status) == (signup.id, contact.pk, "accepted")
    assert row.context == {"utm": {"campaign": "spring"}} and row.ip == "192.0.2.7"
    assert contact.email == "Mira@Example.org"
    assert contact.email_key == "mira@example.org"
    assert contact.fields == {"first_name": "Mira"}
    consent = Consent.objects.get()
    assert (consent.given, consent.text, consent.signup_id) == (
        True,
        "Email me",
        signup.id,
    )
    event = Event.objects.get()
    assert (event.kind, event.contact_id) == ("signup.accepted", contact.pk)
    assert event.data["signup"] == str(signup.id)
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.target_id) == ("pending", rule.target_id)
    assert (delivery.contact_id, delivery.signup_id) == (contact.pk, signup.id)
    assert delivery.payload["fields"] == {"first_name": "Mira"}
    assert abs((delivery.due - now()).total_seconds()) < 5


def test_the_same_person_twice_is_one_contact_with_merged_fields(new, acme) -> None:
    store_signup(new(fields={"first_name": "Mira", "city": "Cork"}))
    store_signup(new("mira@example.org", fields={"first_name": "Myra", "age": 40}))
    contact = Contact.objects.get()
    assert contact.fields == {"first_name": "Myra", "city": "Cork", "age": 40}
    assert contact.first_seen_at < contact.last_seen_at
    assert Signup.objects.count() == 2


def test_a_filtered_signup_sends_nothing_and_changes_no_known_person(
    new, display, linked
) -> None:
    rule_to(display, linked)
    bad: dict[str, Any] = {
        "accepted": False,
        "category": "bot",
        "rule": "honeypot",
        "evidence": "bot:honeypot:x:builtin@1",
        "fields": {"first_name": "SPAM"},
    }
    assert store_signup(new(**bad)).wake == frozenset()
    contact = Contact.objects.get()
    assert contact.status == "filtered"
    store_signup(new())
    store_signup(new(**bad))
    contact.refresh_from_db()
    assert (contact.status, contact.fields) == ("accepted", {"first_name": "Mira"})
    assert Delivery.objects.count() == 1
    kinds = Event.objects.order_by("id").values_list("kind", flat=True)
    assert list(kinds) == ["signup.filtered", "signup.accepted", "signup.filtered"]


def test_no_consent_given_is_no_consent_written(new) -> None:
    store_signup(new(consent_given=None))
    assert not Consent.objects.exists()
    store_signup(new(consent_given=False))
    assert Consent.objects.get().given is False


def test_an_idempotency_key_writes_once(new, display, linked) -> None:
    rule_to(display, linked)
    assert store_signup(new(idempotency_key="k1")).created
    again = store_signup(new(idempotency_key="k1"))
    assert not again.created and not again.wake
    assert Signup.objects.count() == Delivery.objects.count() == 1
    assert Event.objects.count() == Consent.objects.count() == 1
    assert store_signup(new(idempotency_key="k2")).created


def test_one_delivery_per_live_rule_of_this_display_only(
    new, acme, display, linked
) -> None:
    kept = rule_to(display, linked)
    rule_set_enabled(rule=rule_to(display, linked), enabled=False)
    rule_remove(rule=rule_to(display, linked))
    second = display_create(account=acme, name="Bar", kind="bar", status="live")
    rule_to(second, linked)
    store_signup(new())
    assert [d.target_id for d in Delivery.objects.all()] == [kept.target_id]


def test_a_display_without_a_rule_syncs_nothing(new) -> None:
    assert store_signup(new()).wake == frozenset()
    assert not Delivery.objects.exists()


def test_what_cannot_go_out_now_is_written_as_held(new, acme, display, linked) -> None:
    rule = rule_to(display, linked)
    linked_account_pause(linked)
    assert store_signup(new("a@example.org")).wake == frozenset()
    linked.status = "connected"
    linked.save()
    account_break(linked, "auth.revoked", "API Key Invalid")
    store_signup(new("b@example.org"))
    linked.status, linked.reason = "connected", ""
    linked.save()
    rule.target.held_reason = "target.missing"
    rule.target.save()
    store_signup(new("c@example.org"))
    rows = Delivery.objects.order_by("id").values_list("state", "reason")
    assert list(rows) == [
        ("held", "held.paused"),
        ("held", "auth.revoked"),
        ("held", "target.missing"),
    ]


def test_a_suppressed_person_is_skipped(new, acme, other, display, linked) -> None:
    rule_to(display, linked)
    for account in (acme, other):
        Suppression.objects.create(
            account=account, email_key="mira@example.org", actor="person"
        )
    Suppression.objects.create(account=other, email_key="b@example.org", actor="person")
    assert store_signup(new()).wake == frozenset()
    assert store_signup(new("b@example.org")).wake == {linked.pk}
    first, second = Delivery.objects.order_by("id")
    assert (first.state, first.reason) == ("skipped", "rule.suppressed")
    assert second.state == "pending"


def test_test_signups_reach_only_test_accounts(new, display, linked) -> None:
    rule_to(display, linked)
    assert store_signup(new(environment="test")).wake == frozenset()
    assert not Delivery.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_nothing_is_half_written(new) -> None:
    with pytest.raises(IntegrityError):
        store_signup(new(category="bot"))
    for model in (Signup, Contact, Event, Consent):
        assert not model.objects.exists()


def test_an_unlinked_account_still_collects(new, display, linked) -> None:
    rule_to(display, linked)
    linked_account_unlink(linked)
    assert store_signup(new()).wake == frozenset()
    row = Delivery.objects.get()
    assert (row.state, row.reason) == ("held", "held.unlinked")
