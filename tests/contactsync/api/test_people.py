"""REST: contacts, suppressions, events, hygiene, explanations and the books."""

from __future__ import annotations

from typing import Any

import pytest

from contacts.models import Suppression
from displays.models import Display
from integrations.models import LinkedAccount
from tests.contactsync.api.client import Api, fields_of
from tests.integrations.world import rule_to

pytestmark = pytest.mark.django_db


@pytest.fixture
def taken(api: Api, display: Display, linked: LinkedAccount) -> dict[str, Any]:
    """A signup of mira's that waits for Mailchimp, as the API shows it."""
    rule_to(display, linked)
    answer = api.post(
        "signups",
        {
            "display": str(display.pk),
            "email": "mira@gmail.com",
            "fields": {"first_name": "Mira"},
        },
    )
    found: dict[str, Any] = api.get(f"signups/{answer.json()['id']}").json()
    return found


def test_a_contact_is_found(api: Api, taken: dict[str, Any]) -> None:
    contact = api.get(f"contacts/{taken['contact']}").json()
    assert contact["email"] == "mira@gmail.com"
    assert contact["status"] == "accepted"
    assert contact["fields"] == {"first_name": "Mira"}
    assert api.get("contacts?email= MIRA@gmail.com ").json()["results"] == [contact]
    assert api.get("contacts?status=filtered").json()["results"] == []


def test_what_happened_to_a_contact(api: Api, taken: dict[str, Any]) -> None:
    events = api.get(f"events?contact={taken['contact']}").json()["results"]
    assert [row["kind"] for row in events] == ["signup.accepted"]
    assert events[0]["data"]["signup"] == taken["id"]
    assert api.get("events?kind=delivery.synced").json()["results"] == []


def test_why_a_contact_is_not_there(api: Api, taken: dict[str, Any]) -> None:
    answer = api.get(f"contacts/{taken['contact']}/explain").json()
    assert answer["email"] == "mira@gmail.com"
    assert answer["sentence"]
    (destination,) = answer["destinations"]
    assert destination["state"] == "pending"
    assert destination["delivery_id"] == taken["deliveries"][0]["id"]
    assert destination["gates"]


def test_the_books_balance(api: Api, taken: dict[str, Any], display: Display) -> None:
    body = {"display": str(display.pk), "email": "x@mailinator.com"}
    api.post("signups", body)
    books = api.get("ledger").json()
    assert (books["captured"], books["accepted"]) == (2, 1)
    assert books["filtered"]["disposable"] == 1
    assert books["deliveries"]["pending"] == 1
    assert books["unexplained"] == 0
    assert api.get(f"ledger?display={display.pk}").json() == books
    empty = Display.objects.create(account_id=display.account_id, name="Empty")
    assert api.get(f"ledger?display={empty.pk}").json()["captured"] == 0
    assert api.get("ledger?display=7").status_code == 422


def test_suppress_and_take_back(api: Api, display: Display) -> None:
    made = api.post("suppressions", {"email": " Gone@Example.ORG ", "reason": "asked"})
    assert made.status_code == 201
    assert made.json()["email"] == "gone@example.org"
    assert made.json()["actor"] == "admin"
    again = api.post("suppressions", {"email": "gone@example.org"})
    assert (again.status_code, again.json()) == (200, made.json())
    listed = api.get("suppressions?email=GONE@example.org").json()["results"]
    assert listed == [made.json()]
    assert api.delete(f"suppressions/{made.json()['id']}").status_code == 204
    assert api.get(f"suppressions/{made.json()['id']}").status_code == 404
    assert not Suppression.objects.exists()


@pytest.mark.parametrize("actor", ["person", "bounce", "complaint"])
def test_who_left_stays_away(api: Api, display: Display, actor: str) -> None:
    row = Suppression.objects.create(
        account_id=display.account_id, email_key="a@b.de", actor=actor
    )
    answer = api.delete(f"suppressions/{row.pk}")
    assert answer.status_code == 409
    assert "opt-in" in answer.json()["detail"]
    assert api.post("suppressions", {"email": "a@b.de"}).json()["actor"] == actor
    assert Suppression.objects.count() == 1


def test_a_suppressed_address_is_sent_nowhere(
    api: Api, display: Display, linked: LinkedAccount
) -> None:
    rule_to(display, linked)
    api.post("suppressions", {"email": "mira@gmail.com"})
    body = {"display": str(display.pk), "email": "mira@gmail.com"}
    signup = api.get(f"signups/{api.post('signups', body).json()['id']}").json()
    assert (signup["status"], signup["deliveries"]) == ("filtered", [])
    verdict = signup["verdict"]
    assert (verdict["category"], verdict["rule"]) == ("suppressed", "admin")


def test_one_address_is_judged(api: Api) -> None:
    verdict = api.post("hygiene/check", {"email": "x@mailinator.com"}).json()
    assert verdict["category"] == "disposable" and not verdict["accepted"]
    assert "mailinator.com" in verdict["evidence"] and verdict["explanation"]
    valid = api.post("hygiene/check", {"email": "mira@gmail.com"}).json()
    assert valid["category"] == "valid" and valid["accepted"]


def test_many_addresses_are_judged_in_order(api: Api) -> None:
    api.post("suppressions", {"email": "gone@gmail.com"})
    emails = ["mira@gmail.com", "", "rubbish", "x@mailinator.com", "GONE@gmail.com"]
    results = api.post("hygiene/check", {"emails": emails}).json()["results"]
    assert [row["email"] for row in results] == emails
    assert [row["category"] for row in results[:4]] == [
        *("valid", "syntax", "syntax", "disposable")
    ]
    assert [row["suppressed"] for row in results] == [False] * 4 + [True]
    many = [f"person{i}@gmail.com" for i in range(1000)]
    answer = api.post("hygiene/check", {"emails": many})
    assert len(answer.json()["results"]) == 1000
    over = api.post("hygiene/check", {"emails": [*many, "x@gmail.com"]})
    assert over.status_code == 422 and fields_of(over) == {"emails": "max_length"}


@pytest.mark.parametrize(
    "body",
    [{}, {"email": 5}, {"emails": "a@b.de"}, {"emails": [5]}, {"emails": []}]
    + [{"email": "a@b.de", "emails": ["a@b.de"]}, {"email": "a@b.de", "mx": True}],
)
def test_what_is_no_question(api: Api, body: dict[str, Any]) -> None:
    assert api.post("hygiene/check", body).status_code == 422
