"""Choosing where a cleaned list goes, and watching it go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from connections import work
from connections.models import ListImport
from contacts.models import Contact
from contactsync.tenancy.models import Account, AuditEntry, User
from integrations.drain import drain
from integrations.models import LinkedAccount, State
from integrations.sandbox.testing import RunningSandbox
from tests.connections.test_imports import ANNA, BERT, ROLE, start, states
from tests.connections.world import cleaned

pytestmark = pytest.mark.django_db

NEWSLETTER = "a6b5da1054"
ClientOf = Callable[[User], Client]


@pytest.fixture
def marketer(client_of: ClientOf, bob: User) -> Client:
    return client_of(bob)


def filled(linked: LinkedAccount, **more: Any) -> dict[str, Any]:
    place = f"{linked.pk}|{NEWSLETTER}"
    return {
        "do": "start",
        "linked_account": str(linked.pk),
        "audience": NEWSLETTER,
        "loaded": place,
        "map:first_name": "FNAME",
        "consent": "Ticked the box in our shop",
        "agreed": "on",
        **more,
    }


def new_url(acme: Account, run: Any) -> str:
    return reverse("list_import_new", args=[acme.slug, run.pk])


def test_a_list_goes_to_the_provider(
    acme: Account, linked: LinkedAccount, sandbox: RunningSandbox, marketer: Client
) -> None:
    run = cleaned(acme, [ANNA, ROLE, BERT])
    answer = marketer.get(new_url(acme, run))
    assert b"Choose\xe2\x80\xa6" in answer.content

    choosing = {"linked_account": str(linked.pk), "audience": NEWSLETTER}
    answer = marketer.post(new_url(acme, run), choosing)
    assert answer.context["draft"].mapping["first_name"] == "FNAME"

    answer = marketer.post(new_url(acme, run), filled(linked))
    job = ListImport.objects.get()
    assert answer.status_code == 302
    assert answer["Location"] == reverse("list_import", args=[acme.slug, job.pk])
    entry = AuditEntry.objects.get(action="list_import.start")
    assert entry.detail["consent"] == "Ticked the box in our shop"

    assert work.advance(job.pk) == 2
    drain(linked.pk)
    assert states(job) == {(State.SYNCED, ""): 2}
    page = marketer.get(answer["Location"])
    assert b"2 people" in page.content
    assert b"Synced" in page.content
    for email in (ANNA[0], BERT[0]):
        assert sandbox.member(email, audience=NEWSLETTER)["status"] == "subscribed"


def test_columns_are_joined_and_a_fixed_value_goes_along(
    acme: Account, linked: LinkedAccount, sandbox: RunningSandbox, marketer: Client
) -> None:
    lines = {
        "map:first_name": "",
        "map:+1": "LNAME",
        "source:+1": ["company", "first_name"],
        "map:=1": "FNAME",
        "constant:=1": "Friend",
    }
    answer = marketer.post(
        new_url(acme, cleaned(acme, [ANNA])), filled(linked, **lines)
    )
    assert answer.status_code == 302
    work.advance(ListImport.objects.get().pk)
    drain(linked.pk)
    member = sandbox.member(ANNA[0], audience=NEWSLETTER)
    assert member["fields"]["LNAME"] == f"{ANNA[2]} {ANNA[1]}"
    assert member["fields"]["FNAME"] == "Friend"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"map:+1": "LNAME", "source:+1": "shoe"}, "map:+1"),
        ({"consent": ""}, "consent"),
        ({"consent": "x" * 1001}, "consent"),
        ({"agreed": ""}, "agreed"),
        ({"audience": "deadbeef00"}, "audience"),
        ({"linked_account": "0190b5a0-0000-7000-8000-000000000000"}, "linked_account"),
        ({"tags": ",".join("x" * 2 + str(n) for n in range(60))}, "tags"),
        ({"map:company": "FNAME"}, "map:company"),
    ],
)
def test_what_is_missing_is_named_and_nothing_starts(
    acme: Account,
    linked: LinkedAccount,
    sandbox: RunningSandbox,
    marketer: Client,
    change: dict[str, str],
    field: str,
) -> None:
    run = cleaned(acme, [ANNA])
    answer = marketer.post(new_url(acme, run), filled(linked, **change))
    assert answer.status_code == 422
    assert set(answer.context["draft"].errors) == {field}
    assert not ListImport.objects.exists()


def test_a_list_that_is_not_cleaned_yet(
    acme: Account, linked: LinkedAccount, sandbox: RunningSandbox, marketer: Client
) -> None:
    run = cleaned(acme, [ANNA], status="running")
    answer = marketer.post(new_url(acme, run), filled(linked))
    assert answer.status_code == 409
    assert b"not cleaned yet" in answer.content


def test_a_provider_that_cannot_be_read(
    acme: Account, linked: LinkedAccount, sandbox: RunningSandbox, marketer: Client
) -> None:
    sandbox.faults(status=500)
    answer = marketer.post(new_url(acme, cleaned(acme, [ANNA])), filled(linked))
    assert answer.status_code == 422
    assert b"could not be read" in answer.content


def test_buttons(acme: Account, linked: LinkedAccount, marketer: Client) -> None:
    job = start(cleaned(acme, [ANNA]), linked)
    for name, status in (("pause", "paused"), ("resume", "queued")):
        marketer.post(reverse(f"list_import_{name}", args=[acme.slug, job.pk]))
        job.refresh_from_db()
        assert job.status == status
    marketer.post(reverse("list_import_cancel", args=[acme.slug, job.pk]))
    job.refresh_from_db()
    assert job.status == "cancelled"
    answer = marketer.post(
        reverse("list_import_resume", args=[acme.slug, job.pk]), follow=True
    )
    assert b"The import has ended: cancelled." in answer.content
    actions = AuditEntry.objects.filter(action__startswith="list_import.")
    assert {entry.action for entry in actions} == {
        *("list_import.pause", "list_import.resume", "list_import.cancel")
    }


def test_the_contact_page_tells_of_the_import(
    acme: Account, linked: LinkedAccount, marketer: Client
) -> None:
    job = start(cleaned(acme, [ANNA]), linked)
    work.advance(job.pk)
    contact = Contact.objects.get()
    page = marketer.get(reverse("contact", args=[acme.slug, contact.pk]))
    text = page.content.decode()
    assert page.status_code == 200
    assert "Imported from people.csv, row 1" in text
    assert "Ticked the box in our shop" in text


def test_the_page_says_who_was_left_out_and_why(
    acme: Account, alice: User, linked: LinkedAccount, client_of: Any
) -> None:
    job = start(cleaned(acme, [ANNA, ("info@acme-tools.de", "", "")]), linked)
    work.advance(job.pk)
    url = reverse("list_import", args=[acme.slug, job.pk])
    page = client_of(alice).get(url).content.decode()
    assert "as the filter judges now" in page


def test_nul_in_what_was_typed_is_taken_out(
    acme: Account,
    alice: User,
    linked: LinkedAccount,
    sandbox: RunningSandbox,
    client_of: Any,
) -> None:
    run = cleaned(acme, [ANNA])
    url = reverse("list_import_new", args=[acme.slug, run.pk])
    body = filled(linked, consent="In our\x00 shop", tags="a\x00b", agreed="on")
    answer = client_of(alice).post(url, body)
    assert answer.status_code == 302
    job = ListImport.objects.select_related("target").get()
    assert job.consent == "In our shop"
    assert "\x00" not in "".join(job.target.tags)
    again = client_of(alice).post(url, body)
    assert again.status_code == 409
    assert "on its way" in again.content.decode()
