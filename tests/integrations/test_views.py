"""Account > Integrations: the linked accounts, and who may read and change them."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from contactsync.lib.ids import uuid7
from contactsync.tenancy.models import Account, AuditEntry, User
from displays.models import Display
from displays.services import RuleSettings, rule_create
from integrations.models import LinkedAccount
from integrations.sandbox.testing import RunningSandbox
from integrations.services import linked_account_pause
from tests.integrations.pages import ClientOf, text_of, url
from tests.integrations.world import delivery, rule_to

pytestmark = pytest.mark.django_db


def test_list_names_provider_person_and_use(
    client_of: ClientOf, alice: User, acme: Account, linked: LinkedAccount
) -> None:
    page = text_of(client_of(alice).get(url("linked_accounts", acme)))
    assert "Linked Accounts" in page
    assert "Acme Store" in page
    assert "linked by Alice Adams" in page
    assert "not used by a display yet" in page
    assert "Connected" in page
    assert "Test Account" in page
    assert 'class="badge plain info">Sandbox' not in page


def test_list_counts_people_not_deliveries(
    client_of: ClientOf, alice: User, acme: Account, linked: LinkedAccount, display
) -> None:
    person = uuid7()
    for audience in ("a", "b"):
        rule = rule_to(display, linked, audience_id=audience)
        delivery(rule, email="mira@example.com", contact_id=person, state="held")
    linked_account_pause(linked=linked)
    page = text_of(client_of(alice).get(url("linked_accounts", acme)))
    assert "1 contact is waiting." in page


def test_who_is_held_is_not_said_to_be_on_the_way(
    client_of: ClientOf,
    alice: User,
    acme: Account,
    linked: LinkedAccount,
    display: Display,
    sandbox: RunningSandbox,
) -> None:
    rule = rule_to(display, linked, audience_id="a")
    client = client_of(alice)
    client.post(url("linked_account_test", acme, linked.pk))
    for n, state in enumerate(("held", "held", "pending")):
        delivery(rule, email=f"p{n}@example.com", contact_id=uuid7(), state=state)
    page = text_of(client.get(url("linked_accounts", acme)))
    assert "Connection Successful" in page
    words = " ".join(re.sub("<[^>]*>", "", page).split())
    assert "1 contact is being sent." in words
    assert "2 contacts are held until somebody acts." in words


def test_list_counts_displays_not_rules(
    client_of: ClientOf,
    alice: User,
    acme: Account,
    linked: LinkedAccount,
    display: Display,
) -> None:
    for audience in ("a", "b"):
        rule_create(
            display=display,
            settings=RuleSettings(linked_account=linked, audience_id=audience),
        )
    page = text_of(client_of(alice).get(url("linked_accounts", acme)))
    assert "used by 1 display<" in page


def test_sandbox_account_says_so(
    client_of: ClientOf,
    alice: User,
    acme: Account,
    linked: LinkedAccount,
    sandbox: RunningSandbox,
) -> None:
    page = text_of(client_of(alice).get(url("linked_accounts", acme)))
    assert ">Sandbox</span>" in page
    assert "Nothing reaches the real Mailchimp" in page


def test_directory_is_searched_without_javascript(
    client_of: ClientOf, alice: User, acme: Account
) -> None:
    client = client_of(alice)
    found = text_of(client.get(url("linked_accounts", acme), {"q": "signing"}))
    assert url("link", acme, "webhook") in found
    assert url("link", acme, "mailchimp") not in found
    nothing = text_of(client.get(url("linked_accounts", acme), {"q": "<zzz>"}))
    assert "No service matches “&lt;zzz&gt;”" in nothing


def test_pause_and_resume(
    client_of: ClientOf, alice: User, acme: Account, linked: LinkedAccount
) -> None:
    client = client_of(alice)
    page = text_of(
        client.post(url("linked_account_pause", acme, linked.pk), follow=True)
    )
    assert "Paused by your team" in page
    assert ">Paused</span>" in page
    page = text_of(
        client.post(url("linked_account_resume", acme, linked.pk), follow=True)
    )
    assert "Paused by your team" not in page
    assert ">Connected</span>" in page


def test_rename(
    client_of: ClientOf, alice: User, acme: Account, linked: LinkedAccount
) -> None:
    client = client_of(alice)
    page = url("linked_account_rename", acme, linked.pk)
    assert client.post(page, {"label": "  "}).status_code == 422
    refused = client.post(page, {"label": "Out\nlet"})
    assert refused.status_code == 422 and "Must be one line" in text_of(refused)
    client.post(page, {"label": "Outlet <b>"})
    assert "Outlet &lt;b&gt;" in text_of(client.get(url("linked_accounts", acme)))


def test_unlink_names_the_effect_first(
    client_of: ClientOf,
    alice: User,
    acme: Account,
    linked: LinkedAccount,
    display: Display,
) -> None:
    rule_create(
        display=display, settings=RuleSettings(linked_account=linked, audience_id="a")
    )
    client = client_of(alice)
    page = url("linked_account_unlink", acme, linked.pk)
    asked = text_of(client.get(page))
    assert "1 display stops syncing to Mailchimp" in asked
    assert "Nobody is unsubscribed" in asked
    assert client.post(page).status_code == 302
    linked.refresh_from_db()
    assert linked.removed_at is not None
    assert linked.sealed == ""
    assert client.get(page).status_code == 404
    left = text_of(client.get(url("linked_accounts", acme)))
    assert "No account is linked yet" in left


CHANGES = [
    ("linked_account_test", "post"),
    ("linked_account_reconnect", "get"),
    ("linked_account_reconnect", "post"),
    ("linked_account_rename", "post"),
    ("linked_account_pause", "post"),
    ("linked_account_resume", "post"),
    ("linked_account_unlink", "post"),
]


@pytest.mark.parametrize(("name", "method"), CHANGES)
@pytest.mark.parametrize("who", ["bob", "vera"])
def test_only_admins_change(
    request: pytest.FixtureRequest,
    client_of: ClientOf,
    acme: Account,
    linked: LinkedAccount,
    name: str,
    method: str,
    who: str,
) -> None:
    client = client_of(request.getfixturevalue(who))
    before = LinkedAccount.objects.values().get(pk=linked.pk)
    assert getattr(client, method)(url(name, acme, linked.pk)).status_code == 403
    assert client.get(url("link", acme, "mailchimp")).status_code == 403
    assert client.post(url("linked_accounts_test", acme)).status_code == 403
    assert LinkedAccount.objects.values().get(pk=linked.pk) == before


@pytest.mark.parametrize("who", ["bob", "vera"])
def test_others_read_and_are_told_whom_to_ask(
    request: pytest.FixtureRequest,
    client_of: ClientOf,
    acme: Account,
    linked: LinkedAccount,
    who: str,
) -> None:
    page = text_of(
        client_of(request.getfixturevalue(who)).get(url("linked_accounts", acme))
    )
    assert "Acme Store" in page
    assert "Ask an admin" in page
    assert "Test Account" not in page
    assert url("linked_account_unlink", acme, linked.pk) not in page


@pytest.mark.parametrize(("name", "method"), CHANGES)
def test_strangers_ids_are_not_found(
    client_of: ClientOf,
    charlie: User,
    other: Account,
    linked: LinkedAccount,
    acme: Account,
    name: str,
    method: str,
) -> None:
    client = client_of(charlie)
    assert getattr(client, method)(url(name, other, linked.pk)).status_code == 404
    assert getattr(client, method)(url(name, acme, linked.pk)).status_code == 404
    linked.refresh_from_db()
    assert linked.status == "connected"


def test_nobody_is_sent_to_the_log_in(acme: Account) -> None:
    answer = Client().get(url("linked_accounts", acme))
    assert answer.status_code == 302
    assert "/login/" in answer["Location"]


def test_a_paused_account_cannot_be_paused_twice(
    client_of: ClientOf, alice: User, acme: Account, linked: LinkedAccount
) -> None:
    linked_account_pause(linked)
    before = AuditEntry.objects.count()
    client_of(alice).post(url("linked_account_pause", acme, linked.pk))
    assert AuditEntry.objects.count() == before
