"""Asking people ourselves to confirm: from the signup to the click, on both engines."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from contacts.models import Consent, Contact, Event, Suppression
from contacts.suppressions import suppress
from contactsync.lib.clock import now
from contactsync.tenancy.models import Account
from displays import confirm
from displays.confirm_texts import choices_save
from displays.models import Confirmation, ConfirmationMail, Display
from displays.services import RuleSettings, rule_update
from integrations import opt_ins, outbox_wait
from integrations.models import Delivery, LinkedAccount
from tests.displays.confirming import (
    later,
    link,
    own_rule,
    press,
    sign_up,
    states,
    work,
)
from tests.integrations.world import rule_to

pytestmark = pytest.mark.django_db

QUEUED = ("awaiting_opt_in", "opt_in.queued")
SENT = ("awaiting_opt_in", "opt_in.sent")
PENDING = ("pending", "")


@pytest.fixture
def asked(acme: Account, display: Display, linked: LinkedAccount) -> Confirmation:
    """Somebody signed up and was mailed."""
    own_rule(display, linked)
    sign_up(display)
    work()
    return Confirmation.objects.get()


def test_nothing_is_sent_before_the_click(
    acme: Account, display: Display, linked: LinkedAccount, client: Client
) -> None:
    own_rule(display, linked)
    sign_up(display)
    assert states(acme) == [QUEUED]
    assert Delivery.objects.get().asked_by == "us"
    work()
    assert states(acme) == [SENT]
    row = Confirmation.objects.get()
    assert (row.state, row.email, row.sends) == ("sent", "mira@gmail.com", 1)
    assert row.expires_at is not None
    assert timedelta(days=6, hours=23) < row.expires_at - now() <= timedelta(days=7)
    [message] = mail.outbox
    assert message.to == ["mira@gmail.com"]
    assert message.extra_headers["Auto-Submitted"] == "auto-generated"
    assert message.extra_headers["Message-ID"] == row.message_id
    answer = press(client, link())
    assert answer.status_code == 200 and b"Thank you" in answer.content
    assert states(acme) == [PENDING]
    row.refresh_from_db()
    assert row.state == "confirmed" and row.confirmed_at is not None
    contact = Contact.objects.get()
    assert contact.confirmed_at == row.confirmed_at
    confirmed = Consent.objects.get(source="confirmation")
    first = Consent.objects.get(source="signup")
    assert (confirmed.how, confirmed.confirms_id) == ("mail", first.pk)
    assert (confirmed.text, confirmed.form_version) == ("Email me news", "1")
    assert confirmed.evidence["message_id"] == row.message_id
    kinds = list(Event.objects.order_by("id").values_list("kind", flat=True))
    assert kinds == [
        "signup.accepted",
        "delivery.awaiting_opt_in",
        "consent.confirmed",
        "delivery.confirmed",
    ]


def test_only_the_hash_of_the_token_is_kept(asked: Confirmation) -> None:
    token = link().removeprefix("/c/")
    for model in (Confirmation, ConfirmationMail):
        for values in model.objects.values():
            assert token not in str(values)
    assert len(asked.token_hash) == 64


def test_one_mail_for_several_rules_and_displays(
    acme: Account, display: Display, linked: LinkedAccount, client: Client
) -> None:
    own_rule(display, linked)
    own_rule(display, linked, audience_id="second")
    rule_to(display, linked, audience_id="third")
    sign_up(display)
    assert sorted(states(acme)) == [QUEUED, QUEUED, PENDING]
    work()
    assert len(mail.outbox) == 1
    press(client, link())
    assert states(acme) == [PENDING] * 3


def test_who_confirmed_is_not_asked_again(
    acme: Account, display: Display, asked: Confirmation, client: Client
) -> None:
    press(client, link())
    sign_up(display)
    assert states(acme) == [PENDING] * 2
    work()
    assert len(mail.outbox) == 1


def test_clicking_twice_changes_nothing(
    acme: Account, asked: Confirmation, client: Client
) -> None:
    press(client, link())
    before = (Consent.objects.count(), Event.objects.count())
    again = client.get(link())
    assert b"You confirmed this before" in again.content
    assert client.post(link(), {"page": "x"}).status_code == 200
    assert (Consent.objects.count(), Event.objects.count()) == before


def test_signing_up_again_soon_sends_no_second_mail(
    acme: Account, display: Display, asked: Confirmation, client: Client
) -> None:
    sign_up(display)
    work()
    assert len(mail.outbox) == 1 and states(acme) == [SENT] * 2
    press(client, link())
    # Of two for one target only the newer goes: old values must not overwrite.
    assert states(acme) == [("skipped", "rule.superseded"), PENDING]
    confirmed = Consent.objects.filter(source="confirmation")
    assert confirmed.count() == 2  # each signup had its own words


def test_signing_up_again_later_sends_the_mail_again(
    acme: Account, display: Display, asked: Confirmation, client: Client
) -> None:
    later(minutes=11)
    sign_up(display)
    work()
    assert len(mail.outbox) == 2 and link(0) == link(1)
    assert Confirmation.objects.get().state == "sent"
    press(client, link(0))
    assert PENDING in states(acme)


def test_signing_up_again_rearms_an_expired_one(
    acme: Account, display: Display, asked: Confirmation, client: Client
) -> None:
    later(days=8)
    work()
    asked.refresh_from_db()
    assert asked.state == "expired"
    assert states(acme) == [("skipped", "consent.not_confirmed")]
    old = link()
    assert client.get(old).status_code == 410
    sign_up(display)
    work()
    assert len(mail.outbox) == 2 and link() != old
    press(client, link())
    assert states(acme)[1] == PENDING
    assert b"You confirmed this before" in client.get(old).content


def test_signing_up_again_rearms_a_bounced_one(
    acme: Account, display: Display, asked: Confirmation
) -> None:
    Confirmation.objects.update(state="bounced")
    sign_up(display)
    later(minutes=11)
    work()
    assert len(mail.outbox) == 2
    assert Confirmation.objects.filter(state="sent").count() == 1


def test_one_reminder_then_it_expires(acme: Account, asked: Confirmation) -> None:
    later(hours=23)
    work()
    assert len(mail.outbox) == 1
    later(hours=2)
    work()
    assert len(mail.outbox) == 2
    assert mail.outbox[1].subject.startswith("Reminder: ")
    assert link(0) == link(1)
    asked.refresh_from_db()
    assert asked.reminded_at is not None and asked.due == asked.expires_at
    later(days=3)
    work()
    assert len(mail.outbox) == 2
    later(days=4)
    work()
    assert len(mail.outbox) == 2
    assert states(acme) == [("skipped", "consent.not_confirmed")]


def test_reminders_can_be_switched_off(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    choices_save(account=acme, language="en", remind_after=0, expires_after=2)
    own_rule(display, linked)
    sign_up(display)
    work()
    later(days=1, hours=23)
    work()
    assert len(mail.outbox) == 1
    later(hours=2)
    work()
    assert states(acme) == [("skipped", "consent.not_confirmed")]


def test_who_is_not_meant_by_the_rule_is_not_asked(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    cork = {"field": "city", "op": "is", "value": "Cork"}
    own_rule(display, linked, conditions=[cork])
    sign_up(display)
    sign_up(display, "noah@gmail.com", fields={"city": "Cork"}, consent_given=False)
    work()
    assert mail.outbox == []
    assert states(acme) == [
        ("skipped", "rule.condition"),
        ("skipped", "rule.no_consent"),
    ]
    assert not Confirmation.objects.exists()


@pytest.mark.parametrize("actor", ["complaint", "bounce", "admin", "merge"])
def test_a_suppressed_address_is_not_asked(
    acme: Account, display: Display, linked: LinkedAccount, actor: str
) -> None:
    own_rule(display, linked, reconfirm=True)
    suppress(account_id=acme.pk, email="mira@gmail.com", actor=actor, left_at=now())
    sign_up(display)
    assert states(acme) == [("skipped", "rule.suppressed")]


def test_who_left_and_is_back_is_asked_where_the_rule_allows(
    acme: Account, display: Display, linked: LinkedAccount, client: Client
) -> None:
    own_rule(display, linked)
    own_rule(display, linked, audience_id="vip", reconfirm=True)
    rule_to(display, linked, audience_id="third")
    suppress(account_id=acme.pk, email="mira@gmail.com", actor="person", left_at=now())
    sign_up(display)
    skipped = ("skipped", "rule.suppressed")
    assert sorted(states(acme)) == [QUEUED, skipped, skipped]
    work()
    press(client, link())
    assert not Suppression.objects.exists()
    assert sorted(states(acme)) == [PENDING, skipped, skipped]


def test_who_left_after_confirming_is_asked_again(
    acme: Account, display: Display, linked: LinkedAccount, client: Client
) -> None:
    own_rule(display, linked, reconfirm=True)
    sign_up(display)
    work()
    press(client, link())
    suppress(account_id=acme.pk, email="mira@gmail.com", actor="person", left_at=now())
    sign_up(display)
    assert states(acme)[1] == QUEUED
    later(minutes=11)
    work()
    press(client, link())
    assert states(acme)[1] == PENDING and not Suppression.objects.exists()


def test_who_left_while_asked_is_not_mailed(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    own_rule(display, linked)
    sign_up(display)
    suppress(account_id=acme.pk, email="mira@gmail.com", actor="person", left_at=now())
    work()
    assert mail.outbox == [] and states(acme) == [("skipped", "rule.suppressed")]


def test_confirming_at_the_provider_meanwhile_lets_it_go(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    own_rule(display, linked)
    sign_up(display)
    Contact.objects.update(confirmed_at=now())
    work()
    assert mail.outbox == [] and states(acme) == [PENDING]


def test_looking_up_opt_ins_leaves_ours_alone(
    acme: Account, display: Display, linked: LinkedAccount, sandbox: Any
) -> None:
    own_rule(display, linked)
    sign_up(display)
    long_ago = now() - timedelta(days=40)
    Delivery.objects.update(due=long_ago, changed_at=long_ago)
    assert opt_ins.due_linked_accounts() == []
    opt_ins.check(linked.pk)
    assert states(acme) == [QUEUED]


def test_a_suspended_account_sends_no_mail(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    own_rule(display, linked)
    sign_up(display)
    Account.objects.update(suspended_at=now())
    work()
    row = Confirmation.objects.get()
    assert mail.outbox == [] and "suspended" in row.detail
    Account.objects.update(suspended_at=None)
    later(minutes=11)
    work()
    assert len(mail.outbox) == 1


def test_an_erased_contact_is_not_asked(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    own_rule(display, linked)
    sign_up(display)
    Contact.objects.all().delete()
    work()
    assert mail.outbox == []
    assert states(acme) == [("skipped", "consent.not_confirmed")]


def test_a_signup_that_is_put_off_is_asked_about_later(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    own_rule(display, linked)
    soon = now() + timedelta(seconds=20)
    signup = sign_up(display, not_before=soon)
    work()
    assert mail.outbox == []
    assert outbox_wait.let_go(signup.id) == [linked.pk]
    work()
    assert len(mail.outbox) == 1


def test_a_withdrawn_signup_is_not_asked_about(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    own_rule(display, linked)
    soon = now() + timedelta(seconds=20)
    signup = sign_up(display, not_before=soon)
    assert outbox_wait.take_back(signup.id, detail="takes no mail")
    later(minutes=1)
    work()
    assert mail.outbox == [] and states(acme) == [("skipped", "rule.withdrawn")]


def test_a_signup_withdrawn_while_its_mail_waits_is_not_mailed(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    own_rule(display, linked)
    signup = sign_up(display)
    confirm.gather()
    assert outbox_wait.take_back(signup.id, detail="takes no mail")
    work()
    assert mail.outbox == []
    assert Confirmation.objects.get().state == "expired"


def test_who_is_asked_goes_where_the_rule_points_by_then(
    acme: Account, display: Display, linked: LinkedAccount, client: Client
) -> None:
    rule = own_rule(display, linked)
    sign_up(display)
    work()
    settings = RuleSettings(
        linked_account=linked, audience_id="elsewhere", own_confirmation=True
    )
    rule_update(rule=rule, settings=settings, version=1)
    press(client, link())
    row = Delivery.objects.get()
    assert (row.state, row.target.audience_id) == ("pending", "elsewhere")
