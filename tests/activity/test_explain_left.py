"""Somebody who left at the provider, or was deleted there, is not said to be there."""

from __future__ import annotations

import pytest

from activity.explain import explain, summaries
from activity.finder import find
from contacts.models import Contact
from contactsync.tenancy.models import Account
from displays.models import Display
from integrations import flow_back
from integrations.adapters.base import Change
from integrations.models import LinkedAccount, State
from tests.activity import factories as make

pytestmark = pytest.mark.django_db

EMAIL = "mira@example.com"


@pytest.fixture
def mira(display: Display, linked: LinkedAccount) -> Contact:
    make.rule(display, linked)
    contact = make.signup(display, EMAIL)
    make.settle(contact, State.SYNCED)
    return contact


def told_by_provider(linked: LinkedAccount, status: str, audience: str = "") -> None:
    change = Change(email=EMAIL, kind="status", status=status, audience_id=audience)
    flow_back.apply(linked=linked, changes=[change], how="webhook")


@pytest.mark.parametrize(
    ("status", "sentence", "why"),
    [
        ("unsubscribed", "Mira unsubscribed at Mailchimp just now.", "left since"),
        (
            "bounced",
            "Mail to this address bounced at Mailchimp just now.",
            "bounced since",
        ),
        (
            "complained",
            "Mira marked your mail as spam at Mailchimp just now.",
            "left since",
        ),
    ],
)
def test_who_left_there_is_not_there(
    acme: Account,
    linked: LinkedAccount,
    mira: Contact,
    status: str,
    sentence: str,
    why: str,
) -> None:
    told_by_provider(linked, status)

    (told,) = explain(mira, acme).destinations

    assert (told.gate, told.there, told.note) == ("audience", False, "warn")
    assert told.gates[-1].status == "bad"
    assert told.title == "Why is this contact not in Mailchimp?"
    assert told.sentence == sentence
    assert told.label == f"Synced ({why})"
    assert (told.short, told.tone) == ("Left", "warn")
    assert summaries([mira], acme)[mira.pk].badges[0].label == f"Synced ({why})"


def test_who_was_deleted_there_is_not_there(
    acme: Account, linked: LinkedAccount, mira: Contact
) -> None:
    told_by_provider(linked, "absent")

    (told,) = explain(mira, acme).destinations

    assert told.sentence == "Mira was removed at Mailchimp just now."
    assert told.label == "Synced (removed since)"


def test_leaving_another_audience_or_account_says_nothing_of_this_one(
    acme: Account, linked: LinkedAccount, mira: Contact
) -> None:
    told_by_provider(linked, "unsubscribed", audience="another")

    (told,) = explain(mira, acme).destinations

    assert (told.there, told.label) == (True, "Synced")


def test_who_came_back_is_there(
    acme: Account, linked: LinkedAccount, mira: Contact
) -> None:
    told_by_provider(linked, "unsubscribed")
    told_by_provider(linked, "subscribed")

    (told,) = explain(mira, acme).destinations

    assert told.there


def test_who_was_synced_again_is_there(
    acme: Account, display: Display, linked: LinkedAccount, mira: Contact
) -> None:
    told_by_provider(linked, "absent")
    make.signup(display, EMAIL)
    make.settle(mira, State.SYNCED)

    (told,) = explain(mira, acme).destinations

    assert told.there


def test_the_finder_does_not_call_it_there_either(
    acme: Account, linked: LinkedAccount, mira: Contact
) -> None:
    told_by_provider(linked, "unsubscribed")

    checks = find(EMAIL, acme).checks

    (audience,) = [each for each in checks if each.title == "In the audience"]
    assert audience.status == "bad"
