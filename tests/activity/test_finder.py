"""My contact didn't get my email: each reason, from facts, the likeliest first."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from activity import near
from activity.finder import Found, find
from contacts.models import Contact, Suppression
from contactsync.lib.clock import now
from contactsync.tenancy.models import Account, User
from contactsync.tenancy.services import IssuedKey
from displays.models import Display
from hygiene.models import HygienePolicy, MailHost
from integrations.adapters.errors import Reason
from integrations.models import LinkedAccount, State
from tests.activity import factories as make
from tests.activity.world import FAKE, every_kind
from tests.contactsync.api.client import Api, fields_of

pytestmark = pytest.mark.django_db

URL = "/a/acme-outdoor/contacts/why/"


def checks(found: Found) -> dict[str, str]:
    return {each.name: each.status for each in found.checks}


@pytest.mark.parametrize(
    ("kind", "reason", "words"),
    [
        ("role", "rejected", "Your filter turned the signup away (role address)"),
        ("bot", "rejected", "Your filter turned the signup away (bot)"),
        ("suppressed", "suppressed", "turned the signup away (suppressed)"),
        ("no_rule", "no_rule", "No sync rule sends the signups of Footer form"),
        ("synced", "synced", "Mailchimp took the contact on"),
        ("pending", "not_confirmed", "Omar has not clicked the confirmation email"),
        ("waiting", "waiting", "Mailchimp answered with an error of its own."),
        ("held", "waiting", "The audience does not exist in Mailchimp"),
        ("fake", "provider_refused", "Mailchimp takes the address for fake"),
        ("failed", "failed", ""),
        ("skipped", "skipped", "The signup does not meet the conditions"),
    ],
)
def test_each_kind_of_contact_has_its_reason(
    acme: Account,
    display: Display,
    linked: LinkedAccount,
    kind: str,
    reason: str,
    words: str,
) -> None:
    contact = every_kind(display, linked)[kind].contact

    found = find(contact.email.upper(), acme)

    assert found.reason == reason
    assert words in found.sentence
    assert found.next_step
    assert found.contact == contact
    assert checks(found)["address"] == "ok"


def test_the_checks_come_in_order_and_stop_at_the_gate_that_is_shut(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    kinds = every_kind(display, linked)

    found = find(kinds["pending"].contact.email, acme)

    assert checks(found) == {
        "address": "ok",
        "suppression": "ok",
        "contact": "ok",
        "filter": "ok",
        "mail_host": "todo",
        "rule": "ok",
        "connection": "ok",
        "opt_in": "now",
        "audience": "todo",
    }
    assert [each.name for each in found.checks] == list(checks(found))
    assert "Mailchimp sends that email" in found.next_step


def test_the_provider_s_words_and_its_decision(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    found = find(every_kind(display, linked)["fake"].contact.email, acme)
    assert found.provider_words == FAKE
    assert "no way to override" in found.next_step


def test_a_broken_account_is_named_with_its_cause(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    make.rule(display, linked)
    make.signup(display, "mira@example.net")
    linked.status, linked.reason = "broken", Reason.AUTH_REVOKED.value
    linked.save()

    found = find("mira@example.net", acme)

    assert found.reason == "waiting"
    assert "Mailchimp does not accept the credentials" in found.sentence
    assert checks(found)["connection"] == "bad"
    assert found.action is not None and found.action.action == "reconnect"


def test_suspension_is_the_cause(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    make.rule(display, linked)
    make.signup(display, "mira@example.net")
    acme.suspended_at = now()
    acme.save()
    found = find("mira@example.net", acme)
    assert found.reason == "waiting"
    assert "suspended" in found.sentence.lower()


@pytest.mark.parametrize(
    ("actor", "words", "lift"),
    [
        ("person", "The person unsubscribed", "Only a new opt-in"),
        ("bounce", "The address bounced", "current address"),
        ("admin", "Somebody on the team", "take it off again"),
    ],
)
def test_suppressed_says_who_and_when(
    acme: Account,
    display: Display,
    linked: LinkedAccount,
    actor: str,
    words: str,
    lift: str,
) -> None:
    make.rule(display, linked)
    mira = make.signup(display, "mira@example.net")
    make.settle(mira, State.SYNCED)
    Suppression.objects.create(
        account=acme, email_key="mira@example.net", actor=actor, reason="At the fair"
    )

    found = find("mira@example.net", acme)

    assert found.reason == "suppressed"
    assert f"{words} on {now().day} {now():%B %Y}" in found.sentence
    assert lift in found.next_step
    assert checks(found)["suppression"] == "bad"


@pytest.mark.parametrize(
    ("asked", "words"),
    [("jo at gmail.com", "The @ is missing"), ("jo@@x.org", "more than one @")],
)
def test_what_is_no_address(acme: Account, asked: str, words: str) -> None:
    found = find(asked, acme)
    assert found.reason == "malformed"
    assert words in found.sentence
    assert checks(found) == {"address": "bad"}


def test_a_malformed_signup_is_found_again(acme: Account, display: Display) -> None:
    jo = make.signup(display, "jo at gmail.com", category="syntax")
    found = find("jo at gmail.com", acme)
    assert found.contact == jo
    assert checks(found) == {"address": "bad", "contact": "bad"}


@pytest.mark.parametrize(
    ("signed_up", "asked", "kind"),
    [
        ("jo.miller@gmail.com", "jo.miller@gmial.com", "slip"),
        ("jo.miller@gmial.com", "jo.miller@gmail.com", "slip"),
        ("jo.miller@gmail.com", "jomiller+news@googlemail.com", "same"),
        ("jomiller+shop@gmail.com", "j.o.miller@gmail.com", "same"),
        ("jo+shop@hill.shop", "jo@hill.shop", "same"),
        ("jo.miler@hill.shop", "jo.miller@hill.shop", "slip"),
    ],
)
def test_did_you_mean(
    acme: Account, display: Display, signed_up: str, asked: str, kind: str
) -> None:
    jo = make.signup(display, signed_up)
    make.signup(display, "somebody@gmail.com")

    found = find(asked, acme)

    assert found.reason == "typo"
    assert found.contact is None
    assert [(each.contact, each.kind) for each in found.near] == [(jo, kind)]
    day = f"{now().day} {now():%B %Y}"
    assert f"Did you mean {signed_up}, who signed up on {day}?" in found.sentence


def test_never_signed_up_here_but_others_like_it_did(
    acme: Account, display: Display, other: Account
) -> None:
    make.signup(display, "omar@hill.shop")
    make.signup(display, "jo@other.shop")
    make.signup(display, "zoe@gmail.com")
    theirs = Display.objects.create(account=other, name="Theirs", kind="bar")
    make.signup(theirs, "jo@hill.shop")

    found = find("jo@hill.shop", acme)

    assert found.reason == "never_signed_up"
    assert [(each.email, each.kind) for each in found.near] == [
        ("jo@other.shop", "name"),
        ("omar@hill.shop", "domain"),
    ]
    assert checks(found)["contact"] == "bad"
    assert "likelier" in find("al@gmial.com", acme).next_step


def test_a_stranger_whom_the_filter_would_turn_away(acme: Account) -> None:
    found = find("sales@hill.shop", acme)
    assert found.reason == "never_signed_up"
    assert checks(found)["filter"] == "bad"
    HygienePolicy.objects.create(account=acme, modes={"role": "off"})
    assert "filter" not in checks(find("sales@hill.shop", acme))


def test_synced_under_a_misspelt_domain(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    make.rule(display, linked)
    make.settle(make.signup(display, "jo@gmial.com"), State.SYNCED)
    make.signup(display, "jo@gmail.com")

    found = find("jo@gmial.com", acme)

    assert found.reason == "typo"
    assert "probably a slip for jo@gmail.com" in found.sentence
    assert "jo@gmail.com is a contact of its own" in found.sentence


@pytest.mark.parametrize("status", ["refuses", "accepts", "unknown"])
def test_the_mail_host(
    acme: Account, display: Display, linked: LinkedAccount, status: str
) -> None:
    make.rule(display, linked)
    make.settle(make.signup(display, "jo@hill.shop"), State.SYNCED)
    MailHost.objects.create(
        domain="hill.shop",
        status=status,
        detail="Null MX",
        valid_until=now() + timedelta(days=1),
    )

    found = find("jo@hill.shop", acme)

    refused = status == "refuses"
    assert found.reason == ("mail_host" if refused else "synced")
    assert ("Null MX" in found.sentence) == refused
    known = {"refuses": "bad", "accepts": "ok", "unknown": "todo"}
    assert checks(found)["mail_host"] == known[status]


@pytest.mark.parametrize(
    ("email", "words"),
    [("sales@hill.shop", "forwarded"), ("jo@duck.com", "private alias")],
)
def test_synced_says_what_kinds_of_address_get_lost(
    acme: Account, display: Display, linked: LinkedAccount, email: str, words: str
) -> None:
    make.rule(display, linked)
    make.settle(make.signup(display, email), State.SYNCED)
    found = find(email, acme)
    assert found.reason == "synced"
    assert words in found.next_step
    assert "spam folder" in found.next_step
    assert "We do not send the mail" in found.sentence


@pytest.mark.parametrize("many", [0, 30])
def test_the_number_of_queries_does_not_grow(
    acme: Account,
    display: Display,
    linked: LinkedAccount,
    django_assert_max_num_queries: Callable[..., Any],
    many: int,
) -> None:
    make.rule(display, linked)
    make.rule(display, linked, audience_id="other", audience_label="News")
    for number in range(many):
        make.signup(display, f"jo{number}@gmial.com")
    make.signup(display, "jo@gmial.com")
    with django_assert_max_num_queries(15):
        found = find("jo@gmial.com", acme)
    assert len([each for each in found.checks if each.name == "rule"]) == 2


def test_the_page(
    client_of: Callable[[User], Client],
    vera: User,
    display: Display,
    linked: LinkedAccount,
) -> None:
    page = client_of(vera)
    kinds = every_kind(display, linked)
    assert "Find the reason" in page.get(URL).content.decode()
    for kind in kinds.values():
        answer = page.get(URL, {"email": f" {kind.contact.email} "})
        assert answer.status_code == 200
        assert answer.context["found"].sentence
        assert str(kind.contact.pk) in answer.content.decode()
    for text in ("<b>jo</b>@x.org", "a\x00b", "x" * 5000, "@", "😀@😀.org"):
        html = page.get(URL, {"email": text}).content.decode()
        assert "<b>jo</b>" not in html
        assert "The likely reason" in html


def test_the_api(
    secret_key: IssuedKey, display: Display, linked: LinkedAccount
) -> None:
    contact = every_kind(display, linked)["held"].contact
    api = Api(secret_key.text)

    body = api.get(f"contacts/why?email={contact.email}").json()

    assert body["email"] == contact.email
    assert body["reason"] == "waiting"
    assert body["contact"] == str(contact.pk)
    assert "The audience does not exist" in body["sentence"]
    assert body["next_step"]
    shut = [each for each in body["checks"] if each["status"] == "bad"]
    assert [each["name"] for each in shut] == ["audience"]
    assert shut[0]["place"].startswith("Mailchimp")
    near = api.get("contacts/why?email=holly.held@example.nte").json()
    assert near["contact"] is None
    assert near["near"][0]["contact"] == str(contact.pk)
    assert fields_of(api.get("contacts/why")) == {"email": "required"}


def test_in_a_large_account_the_latest_are_compared(
    acme: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        address = f"mira.lang+{number}@gmail.com"
        Contact.objects.create(
            account=acme,
            email=address,
            email_key=address,
            status="accepted",
            last_seen_at=now() - timedelta(days=number),
        )
    monkeypatch.setattr(near, "LATEST", 2)
    found = find("miralang@gmail.com", acme).near
    assert [each.email for each in found] == [
        *("mira.lang+0@gmail.com", "mira.lang+1@gmail.com", "mira.lang+2@gmail.com"),
    ]
