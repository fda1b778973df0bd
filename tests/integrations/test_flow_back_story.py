"""From the provider's own books to ours and back: simulators that call our webhooks.

SPEC.md T1 and D1, with two providers: who leaves at one is left alone by the other.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client

from contacts.models import Event, Suppression
from contactsync.tenancy.models import Account
from displays.models import Display, Signup
from integrations import hooks
from integrations.drain import drain
from integrations.models import Delivery, LinkedAccount
from integrations.sandbox.testing import RunningSandbox, running_sandbox
from integrations.services import linked_account_create
from tests.integrations.flow_back_world import NEWSLETTER, VIP
from tests.integrations.relay import Relay, running_relay
from tests.integrations.world import rule_to

pytestmark = pytest.mark.django_db

EMAIL = "mira.okafor@gmail.com"


@pytest.fixture
def relay(settings: Any) -> Iterator[Relay]:
    with running_relay() as running:
        settings.BASE_URL = running.url
        yield running


@pytest.fixture
def sandbox(settings: Any) -> Iterator[RunningSandbox]:
    with running_sandbox() as running:
        settings.PROVIDER_URLS = {
            slug: running.base_url(slug) for slug in ("mailchimp", "klaviyo")
        }
        yield running


@pytest.fixture
def klaviyo(acme: Account) -> LinkedAccount:
    return linked_account_create(
        account=acme,
        provider="klaviyo",
        label="Acme Klaviyo",
        credentials={"api_key": "pk_0123456789abcdef0123456789abcdef01"},
    )


def klaviyo_list(sandbox: RunningSandbox) -> str:
    """A list there that asks nobody to confirm."""
    found = sandbox.control("GET", "klaviyo/audiences")["audiences"]
    return str(next(each["id"] for each in found if not each["double_opt_in"]))


@pytest.fixture
def signup(secret_key: Any, display: Display) -> Callable[[], list[Delivery]]:
    """Post a signup, let the workers run; its deliveries in the order of the rules."""

    def post() -> list[Delivery]:
        answer = Client().post(
            "/api/v1/signups",
            json.dumps(
                {
                    "display": str(display.pk),
                    "email": EMAIL,
                    "fields": {"first_name": "Mira"},
                    "consent": {"given": True, "text": "Email me"},
                }
            ),
            content_type="application/json",
            headers={"authorization": f"Bearer {secret_key.text}"},
        )
        assert answer.status_code == 202, answer.content
        for linked in LinkedAccount.objects.all():
            drain(linked.pk)
        rows = Delivery.objects.filter(signup_id=answer.json()["id"])
        return list(rows.order_by("linked_account_id", "id"))

    return post


def suppressed() -> Suppression | None:
    return Suppression.objects.filter(email_key=EMAIL).first()


def test_t1_who_leaves_at_one_provider_is_left_alone_by_all(
    sandbox, relay, linked, klaviyo, display, signup
) -> None:
    rule_to(display, linked, audience_id=NEWSLETTER)
    rule_to(display, klaviyo, audience_id=klaviyo_list(sandbox), mapping={})
    assert hooks.register(linked.pk) == 1
    first = signup()
    # Klaviyo takes it as a job.
    assert [row.state for row in first] == ["synced", "submitted"]
    there = relay.soon(lambda: sandbox.member(EMAIL, "klaviyo"))

    sandbox.control("POST", "mailchimp/unsubscribe", {"email": EMAIL})
    row = relay.soon(suppressed)
    assert (row.actor, row.linked_account_id) == ("person", linked.pk)

    again = signup()
    assert again == [], "the signup is stored and goes nowhere"
    last = Signup.objects.latest("id")
    assert (last.category, last.rule) == ("suppressed", "unsubscribed")
    assert sandbox.member(EMAIL)["status"] == "unsubscribed"
    assert sandbox.member(EMAIL, "klaviyo") == there, "not written to again"
    contact_id = first[0].contact_id
    told = Event.objects.get(contact_id=contact_id, kind="provider.left")
    assert told.data["how"] == "webhook"


def test_what_waits_for_the_other_provider_is_not_sent_any_more(
    sandbox, relay, linked, klaviyo, display, signup
) -> None:
    rule_to(display, linked, audience_id=NEWSLETTER)
    rule_to(display, klaviyo, audience_id=klaviyo_list(sandbox), mapping={})
    hooks.register(linked.pk)
    sandbox.faults("klaviyo", status=503)
    rows = signup()
    assert [row.state for row in rows] == ["synced", "pending"]
    sandbox.control("POST", "mailchimp/unsubscribe", {"email": EMAIL})
    relay.soon(suppressed)
    sandbox.faults("klaviyo")
    LinkedAccount.objects.update(not_before=None)
    Delivery.objects.update(due=rows[0].created_at)
    drain(klaviyo.pk)
    rows[1].refresh_from_db()
    assert (rows[1].state, rows[1].reason) == ("skipped", "rule.suppressed")
    assert sandbox.member(EMAIL, "klaviyo") is None


def test_klaviyo_signs_and_is_understood(
    sandbox, relay, klaviyo, display, signup
) -> None:
    rule_to(display, klaviyo, audience_id=klaviyo_list(sandbox), mapping={})
    assert hooks.register(klaviyo.pk) == 1
    assert [row.state for row in signup()] == ["submitted"]
    relay.soon(lambda: sandbox.member(EMAIL, "klaviyo"))
    sandbox.control("POST", "klaviyo/unsubscribe", {"email": EMAIL})
    assert relay.soon(suppressed).actor == "person"


def test_a_hard_bounce_and_a_complaint_come_back_as_what_they_are(
    sandbox, relay, linked, klaviyo, display, signup
) -> None:
    rule_to(display, linked, audience_id=NEWSLETTER)
    hooks.register(linked.pk)
    signup()
    sandbox.control("POST", "mailchimp/clean", {"email": EMAIL})
    assert relay.soon(suppressed).actor == "bounce"


def test_our_own_writing_is_no_news(sandbox, relay, linked, display, signup) -> None:
    rule_to(display, linked, audience_id=NEWSLETTER)
    hooks.register(linked.pk)
    signup()
    signup()
    # Calls come in their order: before this one, ours would have come.
    before = len(relay.answers)
    stranger = "barbara.liskov@types.example"
    sandbox.control("POST", "mailchimp/unsubscribe", {"email": stranger})
    relay.soon(lambda: len(relay.answers) > before)
    kinds = Event.objects.filter(kind__startswith="provider.")
    assert (suppressed(), kinds.count()) == (None, 0)


def test_a_confirmation_is_known_within_seconds(
    sandbox, relay, linked, display, signup
) -> None:
    rule_to(display, linked, audience_id=VIP, double_opt_in=True)
    hooks.register(linked.pk)
    [row] = signup()
    assert row.state == "awaiting_opt_in"
    sandbox.control("POST", "mailchimp/confirm", {"email": EMAIL})

    def synced() -> bool:
        row.refresh_from_db()
        return row.state == "synced"

    relay.soon(synced)
    assert Event.objects.filter(kind="consent.confirmed").count() == 1


def test_the_way_back_is_a_confirmed_opt_in(
    sandbox, relay, linked, display, signup
) -> None:
    """Left, signs up again where the rule has them asked, and confirms."""
    rule_to(display, linked, audience_id=NEWSLETTER, reconfirm=True)
    hooks.register(linked.pk)
    signup()
    sandbox.control("POST", "mailchimp/unsubscribe", {"email": EMAIL})
    relay.soon(suppressed)
    time.sleep(1.1)  # Mailchimp tells whole seconds
    [row] = signup()
    assert row.state == "awaiting_opt_in"
    assert sandbox.member(EMAIL)["status"] == "pending", "asked, not subscribed"
    assert suppressed(), "asking alone lifts nothing"
    time.sleep(1.1)
    sandbox.control("POST", "mailchimp/confirm", {"email": EMAIL})
    relay.soon(lambda: suppressed() is None)
    row.refresh_from_db()
    assert row.state == "synced"
    assert [each.state for each in signup()] == ["synced"]
