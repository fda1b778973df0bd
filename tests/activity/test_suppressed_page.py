"""The suppression list: seen by all, changed by marketers, and only where we may."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from contacts import suppressions
from contacts.models import Contact, Suppression
from contactsync.lib.clock import now
from contactsync.tenancy.models import Account, AuditEntry, User
from displays.models import Display
from tests.activity import factories as make

pytestmark = pytest.mark.django_db
URL = "/a/acme-outdoor/hygiene/suppressed/"


@pytest.fixture
def page(client_of: Callable[[User], Client], acme: Account, alice: User) -> Client:
    return client_of(alice)


def suppress(acme: Account, email: str, actor: str, detail: str = "") -> Suppression:
    suppressions.suppress(
        account_id=acme.pk, email=email, actor=actor, left_at=now(), detail=detail
    )
    row: Suppression = Suppression.objects.get(email_key=email)
    return row


def test_everybody_on_it_with_who_saw_to_it(
    page: Client, acme: Account, display: Display
) -> None:
    contact: Contact = make.signup(display, "mira@example.com")
    suppress(acme, "mira@example.com", "person", "Unsubscribed at Mailchimp · Shop")
    suppress(acme, "theo@example.com", "bounce")

    html = page.get(URL).content.decode()

    assert f"contacts/{contact.pk}/" in html
    assert "Unsubscribed at Mailchimp · Shop" in html
    assert "theo@example.com" in html
    found = page.get(URL, {"who": "bounce"}).content.decode()
    assert "theo@example.com" in found and "mira@example.com" not in found
    found = page.get(URL, {"q": "MIRA@"}).content.decode()
    assert "mira@example.com" in found and "theo@example.com" not in found


def test_rubbish_in_the_url_is_left_out(page: Client) -> None:
    answer = page.get(URL, {"who": "x' or 1", "before": "y", "q": "\x00"})
    assert answer.status_code == 200
    assert "Nobody is suppressed" in answer.content.decode()


def test_adding_and_taking_off_what_the_team_added(page: Client, acme: Account) -> None:
    page.post(f"{URL}add/", {"email": "Theo@Example.com", "reason": "By phone"})
    row = Suppression.objects.for_account(acme).get()
    assert (row.email_key, row.actor, row.reason) == (
        "theo@example.com",
        "admin",
        "By phone",
    )
    again = page.post(f"{URL}add/", {"email": "theo@example.com"}, follow=True)
    assert "is on the list already" in again.content.decode()

    gone = page.post(f"{URL}{row.pk}/remove/", follow=True).content.decode()

    assert "theo@example.com is off the list" in gone
    assert not Suppression.objects.exists()
    actions = AuditEntry.objects.for_account(acme).order_by("id")
    assert list(actions.values_list("action", flat=True)) == [
        "suppression.create",
        "suppression.remove",
    ]


@pytest.mark.parametrize("actor", ["person", "bounce", "complaint"])
def test_what_a_person_did_stays(page: Client, acme: Account, actor: str) -> None:
    row = suppress(acme, "mira@example.com", actor)

    assert f"{row.pk}/remove/" not in page.get(URL).content.decode()
    told = page.post(f"{URL}{row.pk}/remove/", follow=True).content.decode()

    assert "stays on the list" in told
    assert Suppression.objects.filter(pk=row.pk).exists()


@pytest.mark.parametrize(
    ("email", "words"),
    [("", "Enter the address."), ("not an address", "It looks like mira@example.com")],
)
def test_a_wrong_address_adds_nothing(page: Client, email: str, words: str) -> None:
    answer = page.post(f"{URL}add/", {"email": email})
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not Suppression.objects.exists()


def test_more_than_a_page_goes_on(page: Client, acme: Account) -> None:
    for number in range(51):
        suppress(acme, f"p{number}@example.com", "admin")
    first = page.get(URL).content.decode()
    assert "p50@example.com" in first and "p0@example.com" not in first
    before = first.split("before=")[1].split('"')[0]
    rest = page.get(URL, {"before": before}).content.decode()
    assert "p0@example.com" in rest and "p50@example.com" not in rest
