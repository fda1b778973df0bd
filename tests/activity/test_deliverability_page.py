"""The tenant's page, the API, and that no tenant clears themselves."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from activity.tasks import watch_deliverability
from contacts.models import Suppression
from contactsync.tenancy.models import Account, AuditEntry, Suspension, User
from contactsync.tenancy.services import IssuedKey
from contactsync.tenancy.suspension import (
    open_suspension,
    suspension_decide,
    suspension_open,
)
from displays.models import Display
from integrations.adapters.errors import Reason
from integrations.models import LinkedAccount, State
from tests.activity.population import bad, reached, suppress
from tests.contactsync.api.client import Api

ClientOf = Callable[[User], Client]


@pytest.fixture
def rita(db: None) -> User:
    return User.objects.create_user(
        "rita@host.test", "x" * 12, name="Rita Reed", is_staff=True
    )


def page(client: Client, account: Account, status: int = 200) -> str:
    answer = client.get(reverse("deliverability", args=[account.slug]))
    assert answer.status_code == status
    return answer.content.decode()


def test_the_page_says_what_there_is(
    acme: Account, vera: User, linked: LinkedAccount, client_of: ClientOf
) -> None:
    client = client_of(vera)
    assert "There is no score yet" in page(client, acme)
    people = reached(linked, 300)
    assert "No points lost" in page(client, acme)
    suppress(people[:30], "bounce")
    shown = page(client, acme)
    assert "30 of 300 addresses bounced" in shown
    assert "Clean your list" in shown
    assert "Sending is suspended" not in shown


def test_a_suspended_account_says_so_on_every_page_and_shows_the_way(
    acme: Account,
    alice: User,
    linked: LinkedAccount,
    display: Display,
    client_of: ClientOf,
) -> None:
    bad(linked)
    reached(linked, 12, state=State.HELD, reason=Reason.SUSPENDED, stem="held")
    watch_deliverability()
    Suppression.objects.all().delete()  # the evidence stays as it was
    client = client_of(alice)
    for name in ("home", "contacts", "team", "displays", "audit"):
        shown = client.get(reverse(name, args=[acme.slug])).content.decode()
        assert "Sending is suspended." in shown, name
        assert reverse("deliverability", args=[acme.slug]) in shown
    shown = page(client, acme)
    assert "40 of 400 people marked your mail as spam" in shown
    assert "12</span> contacts wait here, and nothing is lost" in shown
    assert 'name="text"' in shown


def test_appeal_once_with_a_text_by_an_admin(
    acme: Account, alice: User, bob: User, linked: LinkedAccount, client_of: ClientOf
) -> None:
    url = reverse("suspension_appeal", args=[acme.slug])
    client = client_of(alice)
    assert client.post(url, {"text": "Nothing is wrong"}).status_code == 302
    assert not Suspension.objects.exists()

    bad(linked)
    watch_deliverability()
    assert client_of(bob).post(url, {"text": "Please"}).status_code == 403
    assert "Admins and owners ask for a review" in page(client_of(bob), acme)
    empty = client.post(url, {"text": "   "})
    assert empty.status_code == 422 and b"Your appeal was not sent" in empty.content
    assert client.post(url, {"text": "x" * 4001}).status_code == 422
    assert client.get(url).status_code == 405

    assert client.post(url, {"text": "We <b>cleaned</b> it"}).status_code == 302
    client.post(url, {"text": "And again"})
    suspension = open_suspension(acme)
    assert suspension is not None
    assert suspension.appeal == "We <b>cleaned</b> it"
    assert suspension.appealed_by == alice
    shown = page(client, acme)
    assert "Your appeal waits for a reviewer" in shown
    assert "We &lt;b&gt;cleaned&lt;/b&gt; it" in shown and 'name="text"' not in shown


def test_kept_and_cleared_are_told_with_their_reasons(
    acme: Account, alice: User, linked: LinkedAccount, rita: User, client_of: ClientOf
) -> None:
    bad(linked)
    watch_deliverability()
    suspension = open_suspension(acme)
    assert suspension is not None
    client = client_of(alice)
    suspension_decide(
        suspension=suspension, decision="kept", reason="Still too many.", by=rita
    )
    shown = page(client, acme)
    assert "The reviewer kept it" in shown and "Still too many." in shown
    assert 'name="text"' in shown  # and it may be appealed again
    suspension_decide(
        suspension=suspension, decision="cleared", reason="All good.", by=rita
    )
    shown = page(client, acme)
    assert "All good." in shown and "Reviewer Rita Reed" in shown
    assert "only bad news from then on counts" in shown
    assert "Ask for a review" not in shown
    assert "rita@host.test" not in shown


def test_home_shows_the_score(
    acme: Account, alice: User, linked: LinkedAccount, client_of: ClientOf
) -> None:
    client = client_of(alice)
    home = reverse("home", args=[acme.slug])
    assert "home-deliverability" not in client.get(home).content.decode()
    cache.clear()  # the score on Home may be minutes old
    suppress(reached(linked, 300)[:25], "bounce")
    shown = client.get(home).content.decode()
    assert "home-deliverability" in shown and "See what costs points" in shown


# --- the API ---------------------------------------------------------------------


def test_the_api_says_the_same(
    acme: Account, linked: LinkedAccount, secret_key: IssuedKey
) -> None:
    api = Api(secret_key.text)
    url = reverse("api-deliverability")
    before = api.get(url).json()
    assert (before["score"], before["suspended"], before["suspension"]) == (
        None,
        False,
        None,
    )
    bad(linked)
    watch_deliverability()
    body = api.get(url).json()
    assert (body["score"], body["suspended"], body["reached"]) == (0, True, 400)
    assert body["since"] and body["suspension"]["evidence"]["score"] == 0
    assert {part["name"] for part in body["parts"]} >= {"complaints", "bounces"}
    assert body["todo"] and body["suspension"]["appeal_waits"] is False


# --- nobody lets themselves go ---------------------------------------------------


def test_no_form_of_the_tenant_s_own_clears_it(
    acme: Account, alice: User, client_of: ClientOf, secret_key: IssuedKey
) -> None:
    suspension = suspension_open(account=acme, reason="Bad", evidence={})
    assert suspension is not None
    forged = {
        "name": "Acme",
        "text": "Let us go",
        "reason": "Let us go",
        "theme": "dark",
        "suspended_at": "",
        "suspension": "",
        "decision": "cleared",
        "closed_at": "2026-01-01",
        "decided_at": "2026-01-01",
        "is_staff": "on",
        "is_superuser": "on",
        "account": acme.slug,
    }
    client = client_of(alice)
    slug = acme.slug
    for name, args in (
        ("account_rename", [slug]),
        ("suspension_appeal", [slug]),
        ("profile", []),
        ("theme", []),
        ("team_invite", [slug]),
    ):
        client.post(reverse(name, args=args), forged)
    api = Api(secret_key.text)
    url = reverse("api-deliverability")
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert api.call(method, url, forged).status_code == 405
    for path in ("account", "accounts", f"suspensions/{suspension.pk}", "suspensions"):
        for method in ("POST", "PATCH", "DELETE"):
            assert api.call(method, path, forged).status_code == 404
    alice.refresh_from_db()
    acme.refresh_from_db()
    suspension.refresh_from_db()
    assert not alice.is_staff and not alice.is_superuser
    assert acme.suspended_at is not None
    assert suspension.closed_at is None and suspension.decided_at is None
    assert suspension.decision == ""
    actions = AuditEntry.objects.for_account(acme).values_list("action", flat=True)
    assert "suspension.decided" not in actions
