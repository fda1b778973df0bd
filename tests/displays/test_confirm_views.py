"""Account > Double opt-in, the page behind the link, the rule's switch, the contact."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from contacts.certificates import verify
from contacts.consent_keys import private_key
from contacts.consents import ip_policies
from contacts.models import Contact
from contactsync.tenancy.models import Account, AuditEntry, User
from displays.confirm_texts import choices_of, wording_of
from displays.models import (
    Confirmation,
    ConfirmationText,
    Display,
    SyncRule,
)
from integrations.models import LinkedAccount
from tests.contactsync.api.client import Api
from tests.displays.confirming import (
    FORM,
    later,
    link,
    own_rule,
    press,
    sign_up,
    states,
    work,
)
from tests.displays.rules import NEWSLETTER, form_of

pytestmark = pytest.mark.django_db

ClientOf = Callable[[User], Client]


@pytest.fixture
def asked(acme: Account, display: Display, linked: LinkedAccount) -> Confirmation:
    own_rule(display, linked)
    sign_up(display)
    work()
    return Confirmation.objects.get()


@pytest.mark.parametrize("method", ["get", "head"])
def test_fetching_the_link_changes_nothing(
    asked: Confirmation, client: Client, method: str
) -> None:
    before = list(Confirmation.objects.values())
    for _ in range(3):
        answer = getattr(client, method)(link())
        assert answer.status_code == 200
    assert list(Confirmation.objects.values()) == before
    assert answer["Referrer-Policy"] == "no-referrer"
    assert answer["Cache-Control"] == "no-store"
    assert "noindex" in answer["X-Robots-Tag"]
    assert not client.cookies


@pytest.mark.parametrize("value", ["", "x" * 43, "x" * 5000])
def test_a_post_without_the_pages_value_confirms_nothing(
    asked: Confirmation, client: Client, acme: Account, value: str
) -> None:
    answer = client.post(link(), {"page": value} if value else {})
    assert answer.status_code == 200 and FORM.search(answer.content.decode())
    assert states(acme) == [("awaiting_opt_in", "opt_in.sent")]


def test_a_value_of_another_link_confirms_nothing(
    asked: Confirmation, display: Display, client: Client, acme: Account
) -> None:
    sign_up(display, "noah@gmail.com")
    work()
    other = FORM.search(client.get(link(1)).content.decode())
    assert other is not None
    client.post(link(0), {"page": other[1]})
    assert Confirmation.objects.filter(state="confirmed").count() == 0


@pytest.mark.parametrize(
    "token", ["x", "x" * 43, "%00", "%ED%A0%80", "a" * 3000, "é" * 43]
)
def test_an_unknown_link(client: Client, db: None, token: str) -> None:
    answer = client.get(f"/c/{token}", headers={"accept-language": "fr-CH,de;q=0.5"})
    assert answer.status_code == 404
    assert "Nous ne connaissons pas ce lien" in answer.content.decode()
    assert client.post(f"/c/{token}", {"page": "x"}).status_code == 404


def test_the_link_needs_no_log_in_and_other_methods_are_refused(
    asked: Confirmation,
) -> None:
    strict = Client(enforce_csrf_checks=True)
    assert strict.put(link()).status_code == 405
    assert press(strict, link()).status_code == 200


def test_many_posts_from_one_place_are_slowed(
    asked: Confirmation, client: Client
) -> None:
    for _ in range(60):
        client.post(link(), {"page": "x"})
    assert client.post(link(), {"page": "x"}).status_code == 429


def test_the_settings(
    acme: Account, alice: User, bob: User, client_of: ClientOf
) -> None:
    url = reverse("confirmation", args=[acme.slug])
    wish = {"language": "de", "remind_after": "0", "expires_after": "3"}
    assert client_of(bob).post(url, wish | {"ip": "none"}).status_code == 403
    admin = client_of(alice)
    late = {**wish, "remind_after": "72", "ip": "none"}
    refused = admin.post(url, late)
    assert refused.status_code == 422 and b"too old by then" in refused.content
    assert admin.post(url, wish | {"ip": "none"}).status_code == 302
    choices = choices_of(acme.pk)
    assert (choices.language, choices.remind_after) == ("de", None)
    assert choices.expires_after.days == 3 and ip_policies.of(acme.pk) == "none"
    assert AuditEntry.objects.get().action == "confirmation.settings"


def test_the_wording(acme: Account, bob: User, vera: User, client_of: ClientOf) -> None:
    url = reverse("confirmation_text", args=[acme.slug, "de"])
    text = {"sender": "", "subject": "Na?", "body": "Hallo {account}", "button": "Ja"}
    assert client_of(vera).post(url, text).status_code == 403
    assert client_of(vera).get(url).status_code == 200
    client = client_of(bob)
    shown = client.post(url, text | {"do": "preview"})
    assert b"Hallo Acme Outdoor" in shown.content
    assert not ConfirmationText.objects.exists()
    assert client.post(url, text | {"body": " "}).status_code == 422
    assert client.post(url, text | {"subject": "x" * 121}).status_code == 422
    assert client.post(url, text | {"body": "x" * 4001}).status_code == 422
    assert client.post(url, text).status_code == 302
    wording = wording_of(acme.pk, "de")
    assert wording.own and wording.subject == "Na?" and wording.thanks
    client.post(url, {"do": "forget"})
    assert not wording_of(acme.pk, "de").own
    gone = reverse("confirmation_text", args=[acme.slug, "xx"])
    assert client.get(gone).status_code == 404


def test_the_rules_switch(
    acme: Account,
    bob: User,
    client_of: ClientOf,
    display: Display,
    linked: LinkedAccount,
    sandbox: Any,
) -> None:
    client = client_of(bob)
    url = reverse("rule_new", args=[acme.slug, display.pk])
    load = client.post(url, form_of(linked, own_confirmation="on", do="load"))
    page = load.content.decode()
    client.post(url, form_of(linked, own_confirmation="on", reconfirm="on"))
    target = SyncRule.objects.get().target
    assert target.own_confirmation and target.reconfirm
    # Shown by the style sheet while both switches are on (tests/browser).
    assert "only-if-both" in page and "so they may be asked twice" in page


def test_the_rules_switch_by_api(
    display: Display, linked: LinkedAccount, server: Api, sandbox: Any
) -> None:
    wish = {"linked_account": str(linked.pk), "audience": NEWSLETTER}
    made = server.post(f"displays/{display.pk}/rules", wish).json()
    assert made["own_confirmation"] is False
    path = f"displays/{display.pk}/rules/{made['id']}"
    assert server.patch(path, {"own_confirmation": True}).json()["own_confirmation"]
    assert server.patch(path, {"tags": ["x"]}).json()["own_confirmation"] is True


def contact_page(client: Client, acme: Account) -> str:
    contact = Contact.objects.get()
    found = client.get(reverse("contact", args=[acme.slug, contact.pk]))
    return " ".join(found.content.decode().split())


def test_the_contact_page_says_how_far_it_is(
    acme: Account, asked: Confirmation, bob: User, client_of: ClientOf, client: Client
) -> None:
    team = client_of(bob)
    page = contact_page(team, acme)
    assert "We asked the person by mail to confirm." in page
    assert "We asked by mail to confirm, for Mailchimp" in page
    assert "Link expires" in page and "Send the mail again" in page
    url = reverse("confirmation_resend", args=[acme.slug, asked.contact_id])
    told = team.post(url, follow=True).content.decode()
    assert "No mail was sent. A mail went out a moment ago." in told
    later(minutes=3)
    assert "goes out again" in team.post(url, follow=True).content.decode()
    assert "confirmation mail is on its way out" in contact_page(team, acme).lower()
    work()
    assert len(mail.outbox) == 2
    Confirmation.objects.update(due=asked.created_at)
    later(days=8)
    work()
    page = contact_page(team, acme)
    assert "was asked to confirm and did not" in page
    assert "Send the mail again" in page
    team.post(url)
    work()
    press(client, link())
    page = contact_page(team, acme)
    assert "Confirmed by a click in our mail" in page
    assert "Send the mail again" not in page


def test_the_contact_page_shows_the_mail_servers_words_as_such(
    acme: Account, asked: Confirmation, bob: User, client_of: ClientOf, server: Api
) -> None:
    event = {"message_id": asked.message_id, "event": "bounced", "detail": "550 gone"}
    server.post("confirmations/events", {"events": [event]})
    page = contact_page(client_of(bob), acme)
    assert "550 gone" in page and "Mailchimp’s words" not in page
    assert "Our confirmation mail came back" in page


def test_the_certificate_button(
    acme: Account, asked: Confirmation, bob: User, client_of: ClientOf, client: Client
) -> None:
    press(client, link())
    url = reverse("consent_certificate", args=[acme.slug, asked.contact_id])
    answer = client_of(bob).get(url)
    assert "attachment" in answer["Content-Disposition"]
    document = json.loads(answer.content)
    assert verify(document, private_key().public_key()) == []
    assert len(document["certificate"]["consents"]) == 2
    assert AuditEntry.objects.get().action == "consent.certificate"
