from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django import forms
from django.test import Client
from django.urls import reverse

from contactsync.lib.clock import now
from contactsync.tenancy import shown_once
from contactsync.tenancy.forms import origin_of
from contactsync.tenancy.models import (
    Account,
    ApiKey,
    AuditEntry,
    Membership,
    Role,
    User,
)
from contactsync.tenancy.services import IssuedKey, token_hash

ClientOf = Callable[[User], Client]
NEW = {
    "name": "Shop",
    "kind": "pk",
    "environment": "live",
    "origins": "https://shop.acme.test",
}


def url(name: str, account: Account, *args: object) -> str:
    return reverse(name, args=[account.slug, *args])


def test_a_key_is_shown_once_and_kept_as_a_hash(
    acme: Account, alice: User, client_of: ClientOf
) -> None:
    client = client_of(alice)
    answer = client.post(url("api_key_new", acme), NEW)
    assert (answer.status_code, answer.headers["Location"]) == (
        302,
        url("api_keys", acme),
    )
    session = str(dict(client.session))
    assert "pk_live_" not in session
    answer = client.get(url("api_keys", acme))
    found = re.search(r"pk_live_\w{32}", answer.content.decode())
    assert found
    text = found[0]
    assert "no-store" in answer.headers["Cache-Control"]
    key = ApiKey.objects.get()
    assert key.hash == token_hash(text)
    stored = [str(value) for value in ApiKey.objects.values_list().get()]
    assert not any(text in value for value in stored)
    again = client.get(url("api_keys", acme)).content.decode()
    assert key.hint in again and text not in again
    entry = AuditEntry.objects.for_account(acme).get()
    assert entry.action == "api_key.created" and entry.actor == alice
    assert text not in f"{entry.subject} {entry.detail}"


def test_reloading_the_page_of_a_new_key_makes_no_second_one(
    acme: Account, alice: User, client_of: ClientOf
) -> None:
    client = client_of(alice)
    shown = client.post(url("api_key_new", acme), NEW, follow=True)
    assert "is ready. Copy it now" in shown.content.decode()
    again = client.get(shown.request["PATH_INFO"])
    assert "is ready. Copy it now" not in again.content.decode()
    assert ApiKey.objects.count() == 1


def test_a_new_key_is_not_shown_late_or_after_it_was_revoked(
    acme: Account,
    alice: User,
    client_of: ClientOf,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = client_of(alice)
    client.post(url("api_key_new", acme), NEW)
    ApiKey.objects.update(revoked_at=now())
    assert "Copy it now" not in client.get(url("api_keys", acme)).content.decode()

    client.post(url("api_key_new", acme), NEW)
    later = now() + timedelta(seconds=shown_once.SECONDS + 1)
    monkeypatch.setattr(shown_once, "now", lambda: later)
    assert "Copy it now" not in client.get(url("api_keys", acme)).content.decode()


def test_a_secret_key_has_no_origins(
    acme: Account, alice: User, client_of: ClientOf
) -> None:
    data = {**NEW, "kind": "sk", "environment": "test"}
    client_of(alice).post(url("api_key_new", acme), data)
    key = ApiKey.objects.get()
    assert (key.kind, key.environment, key.origins) == ("sk", "test", [])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": ""}, "This field is required"),
        ({"origins": ""}, "only on the sites named"),
        ({"origins": "https://shop.acme.test/path"}, "is not an origin"),
        ({"kind": "xx"}, "not one of the available choices"),
    ],
)
def test_a_wrong_form_makes_no_key_and_keeps_what_was_typed(
    change: dict[str, str],
    words: str,
    acme: Account,
    alice: User,
    client_of: ClientOf,
) -> None:
    answer = client_of(alice).post(url("api_key_new", acme), {**NEW, **change})
    assert answer.status_code == 422
    page = answer.content.decode()
    assert words in page and "data-errors" in page
    assert change.get("name", "Shop") in page
    assert not ApiKey.objects.exists()


def test_origins_are_edited(
    acme: Account, alice: User, client_of: ClientOf, publishable_key: IssuedKey
) -> None:
    place = url("api_key", acme, publishable_key.key.pk)
    client = client_of(alice)
    assert "https://shop.acme.test" in client.get(place).content.decode()
    origins = "https://a.test\n\nhttps://A.test/\nhttp://b.test:8080"
    client.post(place, {"origins": origins})
    key = ApiKey.objects.get()
    assert key.origins == ["https://a.test", "http://b.test:8080"]
    entry = AuditEntry.objects.for_account(acme).get()
    assert entry.action == "api_key.origins_changed"
    assert entry.detail["before"] == ["https://shop.acme.test"]
    assert client.post(place, {"origins": ""}).status_code == 422


def test_a_revoked_key_is_refused(
    acme: Account, alice: User, client_of: ClientOf, secret_key: IssuedKey
) -> None:
    client = client_of(alice)
    place = url("api_key_revoke", acme, secret_key.key.pk)
    page = client.post(place, follow=True).content.decode()
    assert "server is revoked" in page and "Revoked keys" in page
    assert ApiKey.objects.get().revoked_at is not None
    assert client.post(place).status_code == 404
    actions = AuditEntry.objects.for_account(acme).values_list("action", flat=True)
    assert list(actions) == ["api_key.revoked"]


def test_keys_need_an_admin(
    acme: Account,
    bob: User,
    vera: User,
    client_of: ClientOf,
    publishable_key: IssuedKey,
) -> None:
    pk = publishable_key.key.pk
    for person in (bob, vera):
        client = client_of(person)
        page = client.get(url("api_keys", acme)).content.decode()
        assert "Ask an admin" in page and "Create key" not in page
        for name, args in (
            ("api_key_new", []),
            ("api_key", [pk]),
            ("api_key_revoke", [pk]),
        ):
            answer = client.post(url(name, acme, *args), NEW)
            assert answer.status_code == 403, name
    assert ApiKey.objects.get().revoked_at is None
    Membership.objects.filter(user=bob).update(role=Role.ADMIN)
    answer = client_of(bob).post(url("api_key_revoke", acme, pk))
    assert answer.status_code == 302


def test_keys_of_others_are_out_of_reach(
    acme: Account,
    other: Account,
    charlie: User,
    client_of: ClientOf,
    secret_key: IssuedKey,
) -> None:
    client = client_of(charlie)
    for account in (acme, other):
        place = url("api_key_revoke", account, secret_key.key.pk)
        assert client.post(place).status_code == 404
    assert ApiKey.objects.get().revoked_at is None


@pytest.mark.parametrize(
    ("line", "origin"),
    [
        ("https://Shop.Example", "https://shop.example"),
        ("https://shop.example/", "https://shop.example"),
        ("https://shop.example:443", "https://shop.example"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://[::1]:3000", "http://[::1]:3000"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("*", "*"),
    ],
)
def test_origins_are_written_as_browsers_send_them(line: str, origin: str) -> None:
    assert origin_of(line) == origin


@pytest.mark.parametrize(
    "line",
    [
        "shop.example",
        "ftp://shop.example",
        "https://",
        "https://shop.example/cart",
        "https://shop.example?x=1",
        "https://user@shop.example",
        "https://shop.example:99999",
        "https://shop example",
        "https://*.shop.example/x",
        "javascript:alert(1)",
    ],
)
def test_what_is_no_origin_is_refused(line: str) -> None:
    with pytest.raises(forms.ValidationError):
        origin_of(line)
