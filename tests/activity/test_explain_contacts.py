"""What is told about one contact: the address, the name, the signups before."""

from __future__ import annotations

import json

import pytest

from activity.explain import explain
from contacts.models import Suppression
from contactsync.tenancy.models import Account
from displays.models import Display
from integrations.adapters.errors import Reason
from integrations.models import LinkedAccount, State
from tests.activity import factories as make

pytestmark = pytest.mark.django_db


def test_suppressed_address_is_skipped(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    make.rule(display, linked)
    Suppression.objects.create(
        account=acme, email_key="mira@example.com", actor="person"
    )
    contact = make.signup(display, "mira@example.com")

    (told,) = explain(contact, acme).destinations

    assert told.label == "Skipped (suppressed)"
    assert told.gate == "rule"


def test_an_earlier_signup_that_was_synced_is_not_forgotten(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    make.rule(display, linked)
    contact = make.signup(display, "mira@example.com")
    make.settle(contact, State.SYNCED)
    make.signup(display, "mira@example.com")

    (told,) = explain(contact, acme).destinations

    assert told.added_at is not None
    assert told.title == "What became of the latest signup for Mailchimp?"


@pytest.mark.parametrize(
    "name",
    [
        "http://evil.example",
        "evil.example",
        "<b>x</b>",
        "A" * 41,
        "",
        "\x07",
        7,
        "\u202eM",
    ],
)
def test_a_name_that_is_not_a_name_is_not_repeated(
    acme: Account, display: Display, linked: LinkedAccount, name: object
) -> None:
    make.rule(display, linked, double_opt_in=True)
    contact = make.signup(display, "mira@example.com", fields={"first_name": "M"})
    contact.fields = {"first_name": name}
    contact.save()
    make.settle(contact, State.AWAITING_OPT_IN)

    (told,) = explain(contact, acme).destinations

    assert told.sentence.startswith("This person has not clicked")


@pytest.mark.parametrize("name", ["Mira", "Seán", "O’Neil", "Anne-Marie", "J.", "美咲"])
def test_names_are_repeated_as_they_are(
    acme: Account, display: Display, linked: LinkedAccount, name: str
) -> None:
    make.rule(display, linked, double_opt_in=True)
    contact = make.signup(display, "mira@example.com", fields={"first_name": name})
    make.settle(contact, State.AWAITING_OPT_IN)

    assert explain(contact, acme).destinations[0].sentence.startswith(f"{name} has")


def test_it_is_json_with_nothing_for_the_eye(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    make.rule(display, linked)
    contact = make.signup(display, "mira@example.com")
    make.settle(contact, State.HELD, Reason.SCOPE.value, "Their words.")

    told = json.loads(json.dumps(explain(contact, acme).as_dict()))

    assert told["contact_id"] == str(contact.pk)
    (place,) = told["destinations"]
    assert [gate["name"] for gate in place["gates"]] == [
        "signup",
        "rule",
        "connection",
        "opt_in",
        "audience",
    ]
    assert place["linked_account_id"] == str(linked.pk)
    assert not {"glyph", "colour", "tone"} & set(place)
