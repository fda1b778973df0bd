"""Clients, folders and sites: which one contacts go to is known before anything is
linked, and can be changed; in the pages and over the API."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from contactsync.tenancy.models import Account, AuditEntry, User
from contactsync.tenancy.services import IssuedKey
from displays.models import Display
from integrations.adapters import ADAPTERS
from integrations.drain import drain
from integrations.models import LinkAttempt, LinkedAccount
from integrations.services import linked_account_create
from tests.contactsync.api.client import Api, fields_of
from tests.integrations.oauth_steps import link_page, sign_in, signed_in
from tests.integrations.oauth_world import API_KEY, FakeProvider, Folded
from tests.integrations.pages import ClientOf, text_of, url
from tests.integrations.world import delivery, rule_to

pytestmark = pytest.mark.django_db
BY_KEY = {"credential-api_key": API_KEY, "label": "", "environment": "live"}
BODY = {"provider": "paperplane", "credentials": {"api_key": API_KEY}}


@pytest.fixture(autouse=True)
def folded(plane: FakeProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ADAPTERS, "paperplane", Folded)


@pytest.fixture
def client(client_of: ClientOf, alice: User, acme: Account) -> Client:
    return client_of(alice)


@pytest.fixture
def api(secret_key: IssuedKey) -> Api:
    return Api(secret_key.text)


def chosen(linked: LinkedAccount) -> tuple[Any, str]:
    linked.refresh_from_db()
    return linked.sub_account, linked.get_credentials().get("sub_account", "")


@pytest.mark.parametrize("by", ["signing in", "a key"])
def test_several_are_asked_about_before_anything_is_linked(
    client: Client, acme: Account, plane: FakeProvider, display: Display, by: str
) -> None:
    if by == "a key":
        answer = client.post(link_page(acme), BY_KEY)
    else:
        answer = sign_in(client, plane, link_page(acme))
    assert not LinkedAccount.objects.exists() and not plane.sent
    page = text_of(client.get(answer["Location"]))
    assert "<h1>Choose the client folder</h1>" in page
    assert "Shop" in page and "Blog" in page and "There are 2 to choose from" in page
    for wrong in ({}, {"part": ""}, {"part": "f9"}):
        assert client.post(answer["Location"], wrong).status_code == 422
    assert client.post(answer["Location"], {"part": "f2"}).status_code == 302
    linked = LinkedAccount.objects.get()
    assert chosen(linked) == ({"id": "f2", "label": "Blog"}, "f2")
    assert linked.reading["ok"] and LinkAttempt.objects.get().sealed == ""
    delivery(rule_to(display, linked), email="mira@example.org")
    drain(linked.pk)
    assert plane.folder_of == {"mira@example.org": "f2"}
    rows = text_of(client.get(url("linked_accounts", acme)))
    assert "Blog · " in rows and "Change client folder" in rows


def test_an_agency_s_many_clients_are_a_menu(
    client: Client, acme: Account, plane: FakeProvider
) -> None:
    plane.folders = [{"id": f"c{n}", "name": f"Client {n}"} for n in range(40)]
    answer = client.post(link_page(acme), BY_KEY)
    page = text_of(client.get(answer["Location"]))
    assert '<option value="">Choose one</option>' in page.replace(" selected", "")
    assert client.post(answer["Location"], {"part": ""}).status_code == 422
    client.post(answer["Location"], {"part": "c39"})
    assert chosen(LinkedAccount.objects.get())[1] == "c39"


def test_the_only_one_is_taken(
    client: Client, acme: Account, plane: FakeProvider
) -> None:
    del plane.folders[1]
    sign_in(client, plane, link_page(acme))
    linked = LinkedAccount.objects.get()
    assert chosen(linked) == ({"id": "f1", "label": "Shop"}, "f1")


def test_none_is_said(client: Client, acme: Account, plane: FakeProvider) -> None:
    plane.folders.clear()
    answer = client.post(link_page(acme), BY_KEY)
    assert answer.status_code == 422
    assert "reach no client folder at Paperplane" in text_of(answer)
    assert not LinkedAccount.objects.exists()


def test_a_key_that_is_refused_is_said_in_the_form(
    client: Client, acme: Account, plane: FakeProvider
) -> None:
    answer = client.post(link_page(acme), {**BY_KEY, "credential-api_key": "wrong-key"})
    page = text_of(answer)
    assert answer.status_code == 422 and "does not accept the credentials" in page
    assert "wrong-key" not in page


def linked_to(acme: Account, plane: FakeProvider, client: Client) -> LinkedAccount:
    answer = sign_in(client, plane, link_page(acme))
    client.post(answer["Location"], {"part": "f2"})
    return LinkedAccount.objects.get()


def test_a_reconnect_keeps_the_choice(
    client: Client, acme: Account, plane: FakeProvider
) -> None:
    linked = linked_to(acme, plane, client)
    page = url("linked_account_reconnect", acme, linked.pk)
    assert "· Blog" in text_of(client.get(page))
    answer = sign_in(client, plane, page)
    assert f"#account-{linked.pk}" in answer["Location"]
    assert chosen(linked) == ({"id": "f2", "label": "Blog"}, "f2")


def test_a_reconnect_asks_again_when_it_is_gone(
    client: Client, acme: Account, plane: FakeProvider
) -> None:
    linked = linked_to(acme, plane, client)
    plane.folders = [{"id": "f1", "name": "Shop"}, {"id": "f3", "name": "Press"}]
    answer = sign_in(client, plane, url("linked_account_reconnect", acme, linked.pk))
    assert "/linking/" in answer["Location"]
    assert chosen(linked)[1] == "f2", "not before it is answered"
    client.post(answer["Location"], {"part": "f3"})
    assert chosen(linked) == ({"id": "f3", "label": "Press"}, "f3")
    assert LinkedAccount.objects.count() == 1


def test_another_account_with_other_folders_is_asked_in_one_go(
    client: Client, acme: Account, plane: FakeProvider
) -> None:
    linked = linked_to(acme, plane, client)
    plane.me = {"email": "someone@else.test", "name": "Else"}
    plane.folders = [{"id": "e1", "name": "One"}, {"id": "e2", "name": "Two"}]
    answer = sign_in(client, plane, url("linked_account_reconnect", acme, linked.pk))
    page = text_of(client.get(answer["Location"]))
    assert 'name="use"' in page and 'name="part"' in page
    assert client.post(answer["Location"], {"use": "same"}).status_code == 422
    client.post(answer["Location"], {"use": "same", "part": "e2"})
    assert chosen(linked) == ({"id": "e2", "label": "Two"}, "e2")
    assert linked.identity == "someone@else.test"


def test_it_can_be_changed(client: Client, acme: Account, plane: FakeProvider) -> None:
    linked = linked_to(acme, plane, client)
    page = url("linked_account_part", acme, linked.pk)
    shown = text_of(client.get(page))
    assert 'value="f2"' in shown and "checked" in shown
    assert client.post(page, {}).status_code == 422
    assert client.post(page, {"part": "f1"}).status_code == 302
    assert chosen(linked) == ({"id": "f1", "label": "Shop"}, "f1")
    entry = AuditEntry.objects.get(action="linked_account.sub_account")
    assert (entry.detail["before"], entry.detail["after"]) == ("Blog", "Shop")
    plane.api_fault = (500, "")
    failed = text_of(client.get(page))
    assert "It could not be read which there are" in failed
    assert client.post(page, {"part": "f2"}).status_code == 200
    assert chosen(linked)[1] == "f1"


def test_a_provider_without_parts_has_no_such_page(
    client: Client, acme: Account, linked: LinkedAccount
) -> None:
    page = url("linked_account_part", acme, linked.pk)
    assert "Mailchimp accounts have no parts" in text_of(client.get(page, follow=True))


def test_the_api_lists_the_choices_and_links_nothing(
    api: Api, plane: FakeProvider
) -> None:
    answer = api.post("linked-accounts", BODY)
    assert answer.status_code == 422 and set(fields_of(answer)) == {"sub_account"}
    body = answer.json()
    assert body["choices"] == [
        {"id": "f1", "label": "Shop"},
        {"id": "f2", "label": "Blog"},
    ]
    assert body["type"] == "about:blank#choose" and "client folder" in body["detail"]
    again = api.post("linked-accounts", {**BODY, "sub_account": "f9"})
    assert again.status_code == 422 and again.json()["choices"] == body["choices"]
    assert not LinkedAccount.objects.exists()
    made = api.post("linked-accounts", {**BODY, "sub_account": "f2"})
    assert made.status_code == 201
    assert made.json()["sub_account"] == {"id": "f2", "label": "Blog"}
    assert made.json()["signed_in"] is False
    assert chosen(LinkedAccount.objects.get())[1] == "f2"


def test_a_refused_choice_frees_its_idempotency_key(
    api: Api, plane: FakeProvider
) -> None:
    headers = {"idempotency-key": "once"}
    assert api.post("linked-accounts", BODY, **headers).status_code == 422
    del plane.folders[1]
    assert api.post("linked-accounts", BODY, **headers).status_code == 201
    assert api.post("linked-accounts", BODY, **headers).status_code == 201
    assert LinkedAccount.objects.count() == 1


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [((401, {}), 409, "auth.revoked"), ((500, ""), 502, "server")],
)
def test_the_api_says_what_the_provider_said(
    api: Api, plane: FakeProvider, fault: Any, status: int, code: str
) -> None:
    plane.api_fault = fault
    answer = api.post("linked-accounts", BODY)
    assert answer.status_code == status
    assert answer.json()["reason"] == code
    assert not LinkedAccount.objects.exists()


def test_the_api_changes_the_choice(
    api: Api, acme: Account, plane: FakeProvider
) -> None:
    linked = signed_in(acme, plane)
    path = f"linked-accounts/{linked.pk}"
    assert api.get(path).json()["signed_in"] is True
    listed = api.get(f"{path}/sub-accounts").json()["results"]
    assert [part["id"] for part in listed] == ["f1", "f2"]
    wrong = api.post(f"{path}/sub-accounts", {"id": "f9"})
    assert wrong.status_code == 422 and wrong.json()["choices"] == listed
    done = api.post(f"{path}/sub-accounts", {"id": "f1"})
    assert done.json()["sub_account"] == {"id": "f1", "label": "Shop"}
    assert chosen(linked)[1] == "f1"
    kept = api.patch(path, {"credentials": {"api_key": API_KEY}})
    assert kept.json()["sub_account"] == {"id": "f1", "label": "Shop"}
    assert chosen(linked)[1] == "f1"
    plane.api_fault = (503, "")
    assert api.get(f"{path}/sub-accounts").status_code == 502


def test_the_api_for_a_provider_without_parts(api: Api, linked: LinkedAccount) -> None:
    path = f"linked-accounts/{linked.pk}/sub-accounts"
    assert api.get(path).json() == {"results": []}
    assert api.post(path, {"id": "x"}).status_code == 409
    body = {"provider": "mailchimp", "credentials": {"api_key": "k" * 32 + "-us1"}}
    answer = api.post("linked-accounts", {**body, "sub_account": "x"})
    assert answer.status_code == 422 and set(fields_of(answer)) == {"sub_account"}


def test_a_stranger_s_parts_are_not_there(
    api: Api, other: Account, plane: FakeProvider
) -> None:
    theirs = linked_account_create(
        account=other,
        provider="paperplane",
        label="",
        credentials={"api_key": API_KEY},
    )
    path = f"linked-accounts/{theirs.pk}/sub-accounts"
    assert api.get(path).status_code == 404
    assert api.post(path, {"id": "f1"}).status_code == 404
    assert not plane.asked
