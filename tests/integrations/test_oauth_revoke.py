"""Unlinking gives the tokens back to the provider."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest
import responses
from structlog.testing import capture_logs

from contactsync.tenancy.models import Account
from integrations import hooks_farewell, oauth
from integrations.adapters import ADAPTERS
from integrations.models import LinkedAccount
from integrations.oauth_revoke import give_back
from integrations.services import linked_account_create, linked_account_unlink
from tests.integrations.oauth_steps import signed_in
from tests.integrations.oauth_world import FakeProvider, Paperplane

pytestmark = pytest.mark.django_db
APP = oauth.App(client_id="the app", client_secret="app-secret-0123456789")


@pytest.fixture
def linked(acme: Account, plane: FakeProvider) -> LinkedAccount:
    return signed_in(acme, plane)


def unlink(linked: LinkedAccount) -> bool:
    """As a person and then a worker do it."""
    linked_account_unlink(linked)
    return hooks_farewell.say(linked.pk)


def test_the_refresh_token_is_given_back_after_unlinking_is_stored(
    linked: LinkedAccount, plane: FakeProvider
) -> None:
    held = linked.get_credentials()
    linked_account_unlink(linked)
    assert plane.returned == [], "nobody waits for the provider"
    assert hooks_farewell.say(linked.pk)
    [(headers, form)] = plane.returned
    assert form == {
        "token": held["refresh_token"],
        "token_type_hint": "refresh_token",
    }
    assert headers["Authorization"].startswith("Basic ")
    linked.refresh_from_db()
    assert linked.removed_at is not None


@pytest.mark.parametrize(
    "fault", [(400, {"error": "invalid_token"}), (404, {}), (500, {}), (302, {})]
)
def test_that_it_failed_is_only_logged(
    fault: tuple[int, object],
    linked: LinkedAccount,
    plane: FakeProvider,
) -> None:
    held = linked.get_credentials()
    plane.token_fault = fault
    with capture_logs() as logs:
        assert unlink(linked)
    [line] = [line for line in logs if line["event"] == "token not revoked"]
    assert line["status"] == fault[0]
    assert not any(secret in str(logs) for secret in held.values())
    linked.refresh_from_db()
    assert linked.removed_at is not None


def test_a_provider_that_is_not_there_stops_nothing(
    linked: LinkedAccount, settings: Any
) -> None:
    settings.PROVIDER_URLS = {"paperplane": "http://127.0.0.1:9"}
    with capture_logs() as logs:
        assert unlink(linked)
    assert [line["event"] for line in logs].count("token not revoked") == 1


def test_the_same_account_linked_twice_keeps_its_consent(
    linked: LinkedAccount, acme: Account, plane: FakeProvider
) -> None:
    second = signed_in(acme, plane)
    assert second.identity == linked.identity
    for account, returned in ((linked, 0), (second, 1)):
        assert unlink(account)
        assert len(plane.returned) == returned


def test_a_key_is_not_given_back(acme: Account, plane: FakeProvider) -> None:
    by_key = linked_account_create(
        account=acme, provider="paperplane", label="", credentials={"api_key": "k-k-k"}
    )
    assert not unlink(by_key), "there is nothing to say"
    assert plane.returned == []


def test_without_a_place_or_an_app_nothing_is_sent(
    linked: LinkedAccount, plane: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Paperplane.oauth is not None
    with monkeypatch.context() as patched:
        patched.setattr(oauth, "app_of", lambda slug: None)
        assert not give_back(linked)
    bare = replace(Paperplane.oauth, revoke_url="")
    monkeypatch.setattr(linked.adapter_class, "oauth", bare)
    assert not give_back(linked)
    assert plane.returned == []


# Slug -> method and address by the provider's own page, and whether the app proves
# itself in the form. Pages (read 2026-11-22): developers.klaviyo.com/en/docs/
# set_up_oauth; pipedrive.readme.io/docs/app-uninstallation; developers.kit.com/
# api-reference/oauth-token-revocation; zoho.com/crm/developer/docs/api/v8/
# revoke-tokens.html; developer.salesforce.com/docs/platform/mobile-sdk/guide/
# oauth-revoking-tokens.html; developers.hubspot.com/docs/api-reference/latest/
# authentication/oauth-tokens/revoke-token.
PLACES = {
    "klaviyo": ("POST", "https://a.klaviyo.com/oauth/revoke", False),
    "pipedrive": ("POST", "https://oauth.pipedrive.com/oauth/revoke", False),
    "kit": ("POST", "https://api.kit.com/v4/oauth/revoke", True),
    "zoho": ("POST", "https://accounts.zoho.eu/oauth/v2/token/revoke", True),
    "salesforce": ("POST", "https://login.salesforce.com/services/oauth2/revoke", True),
    "hubspot": ("POST", "https://api.hubapi.com/oauth/v3/token/revoke", True),
}


def test_every_place_is_proven() -> None:
    with_place = {
        slug
        for slug, adapter in ADAPTERS.items()
        if adapter.oauth and adapter.oauth.revoke_url
    }
    assert with_place == set(PLACES)


@pytest.mark.parametrize("slug", PLACES)
def test_what_each_provider_is_told(
    slug: str, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.PROVIDER_URLS = {}
    method, url, in_form = PLACES[slug]
    held = {
        "access_token": "an-access-token",
        "refresh_token": "a/refresh",
        "region": "zoho.eu",
        "domain": "login",
    }
    with responses.RequestsMock() as mock:
        mock.add(method, url, status=200)
        oauth.revoked(ADAPTERS[slug], APP, held)
        request = mock.calls[0].request
    body = str(request.body.decode() if isinstance(request.body, bytes) else "")
    assert body.startswith("token=a%2Frefresh&token_type_hint=refresh_token")
    assert ("client_secret" in body) == in_form
    if not in_form:
        pair = base64.b64encode(b"the%20app:app-secret-0123456789").decode()
        assert request.headers["Authorization"] == f"Basic {pair}"
