"""A tenant's policy where signups come in, and accepting one on its page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from contacts.models import Contact, Suppression
from contactsync.tenancy.models import Account, User
from contactsync.tenancy.services import IssuedKey
from displays.models import Display, Signup
from hygiene.entries import entry_add
from hygiene.models import ListEntry
from hygiene.services import Author, PolicySettings, policy_save
from integrations.models import Delivery, LinkedAccount
from tests.contactsync.api.client import Api
from tests.displays.signups import body
from tests.integrations.world import rule_to

pytestmark = pytest.mark.django_db
ClientOf = Callable[[User], Client]


@pytest.fixture
def by(alice: User) -> Author:
    return Author(user=alice, label="Alice Adams")


@pytest.fixture
def post(secret_key: IssuedKey, display: Display) -> Any:
    api = Api(secret_key.text)

    def make(email: str, **more: Any) -> Signup:
        answer = api.post("signups", body(display, email=email, **more))
        return Signup.objects.get(pk=answer.json()["id"])

    return make


def test_a_display_s_policy_comes_before_its_account_s(
    acme: Account, by: Author, display: Display, post: Any
) -> None:
    off = PolicySettings(modes={"role": "off"})
    policy_save(account=acme, settings=off, by=by)
    assert post("info@rossi.it").also == []
    flag = PolicySettings(modes={"role": "flag"})
    policy_save(account=acme, settings=flag, by=by, display_id=display.pk)
    signup = post("info@rossi.it")
    assert signup.status == "accepted"
    assert [each.split(":")[0] for each in signup.also] == ["role"]


def test_own_lists_decide(acme: Account, by: Author, post: Any) -> None:
    entry_add(account=acme, kind="allow", value="info@rossi.it", by=by)
    entry_add(account=acme, kind="deny", value="*.rival.com", by=by)
    assert post("info@rossi.it").rule == "allowed-address"
    assert post("mira@shop.rival.com").category == "denied"
    assert post("sales@rossi.it").category == "role"


def test_who_left_is_rejected_and_the_record_says_so(
    acme: Account, display: Display, linked: LinkedAccount, post: Any
) -> None:
    rule_to(display, linked)
    assert post("mira@gmail.com").status == "accepted"
    Suppression.objects.create(account=acme, email_key="mira@gmail.com", actor="person")
    signup = post("Mira@gmail.com", fields={"first_name": "Eve"})
    assert (signup.status, signup.category) == ("filtered", "suppressed")
    assert signup.evidence == (
        "suppressed:unsubscribed:mira@gmail.com:suppressions@live"
    )
    contact = Contact.objects.get()
    assert (contact.status, contact.fields) == ("accepted", {})
    assert Delivery.objects.count() == 1


def test_our_own_merge_says_nothing_of_the_person(
    acme: Account, display: Display, linked: LinkedAccount, post: Any
) -> None:
    rule_to(display, linked)
    Suppression.objects.create(account=acme, email_key="mira@gmail.com", actor="merge")
    assert post("mira@gmail.com").status == "accepted"
    assert Delivery.objects.get().reason == "rule.suppressed"


def test_the_hosted_page_judges_alike(
    acme: Account, by: Author, display: Display, client: Client
) -> None:
    entry_add(account=acme, kind="deny", value="rival.com", by=by)
    url = reverse("hosted_page", args=[display.pk])
    stamp = client.get(url).content.decode().split('name="stamp" value="')[1]
    given = {"email": "mira@rival.com", "stamp": stamp.split('"')[0]}
    assert client.post(url, given).status_code == 303
    assert Signup.objects.get().category == "denied"


def test_the_page_asks_and_a_marketer_accepts(
    client_of: ClientOf, bob: User, vera: User, acme: Account, post: Any
) -> None:
    signup = post("info@rossi.it")
    url = reverse("signup_accept", args=[acme.slug, signup.pk])
    assert client_of(vera).get(url).status_code == 403
    assert client_of(vera).post(url, {"scope": "address"}).status_code == 403
    client = client_of(bob)
    page = client.get(url)
    assert page.status_code == 200 and "role:exact:info" in page.content.decode()
    assert client.post(url, {"scope": "address"}).status_code == 422
    assert client.post(url, {"scope": "all", "reason": "x"}).status_code == 422
    given = {"scope": "address", "reason": "customer"}
    answer = client.post(url, given | {"next": "//evil.example/"})
    assert answer["Location"] == reverse("contact", args=[acme.slug, signup.contact_id])
    assert ListEntry.objects.get().added_by == bob
    again = client.post(url, given | {"next": "/a/acme-outdoor/contacts/"})
    assert again["Location"] == "/a/acme-outdoor/contacts/"
    assert ListEntry.objects.count() == 1


def test_the_page_says_what_stands_against_it(
    client_of: ClientOf, bob: User, acme: Account, post: Any
) -> None:
    Suppression.objects.create(account=acme, email_key="mira@gmail.com", actor="person")
    signup = post("mira@gmail.com")
    url = reverse("signup_accept", args=[acme.slug, signup.pk])
    page = client_of(bob).get(url).content.decode()
    assert "Only a new opt-in by the person themselves lifts this." in page
    assert "What to accept" not in page
    answer = client_of(bob).post(url, {"scope": "address", "reason": "please"})
    assert answer.status_code == 409
    assert not ListEntry.objects.exists()
    signup.refresh_from_db()
    assert signup.status == "filtered"
