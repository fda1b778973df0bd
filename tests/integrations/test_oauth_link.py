"""Linking by signing in at the provider, page by page, against a provider that answers
over HTTP."""

from __future__ import annotations

import base64
import logging
from typing import Any

import pytest
from django.test import Client

from contactsync.tenancy.models import Account, AuditEntry, User
from displays.models import Display
from integrations.adapters import ADAPTERS
from integrations.adapters.declare import OAuth2
from integrations.models import LinkAttempt, LinkedAccount
from tests.integrations.oauth_steps import (
    come_back,
    go,
    link_page,
    sign_in,
    signed_in,
)
from tests.integrations.oauth_world import API_KEY, FakeProvider, Paperplane
from tests.integrations.pages import ClientOf, text_of, url
from tests.integrations.world import delivery, rule_to

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(client_of: ClientOf, alice: User, acme: Account) -> Client:
    return client_of(alice)


def test_before_linking_the_page_says_what_it_takes(
    client: Client, acme: Account, plane: FakeProvider
) -> None:
    page = text_of(client.get(link_page(acme)))
    assert "You are an owner of the Paperplane account." in page
    assert "Paperplane mails people itself" in page
    assert 'href="https://paperplane.test/help"' in page
    assert "Sign in at Paperplane</button>" in page
    assert "You need: a log-in at Paperplane, or API key." in page
    assert "Or enter a key" in page
    assert page.count('name="label"') == 1


def test_there_and_back(client: Client, acme: Account, plane: FakeProvider) -> None:
    asked = go(client, link_page(acme))
    assert asked["response_type"] == "code"
    assert asked["client_id"] == "our-app"
    assert asked["scope"] == "people:read people:write"
    assert asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"].endswith("/oauth/callback/paperplane/")
    answer = come_back(client, code=plane.code_for(asked), state=asked["state"])
    linked = LinkedAccount.objects.get()
    assert answer.status_code == 302
    assert answer["Location"].endswith(f"integrations/#account-{linked.pk}")
    assert answer["Referrer-Policy"] == "no-referrer"
    assert answer["Cache-Control"] == "no-store"
    held = linked.get_credentials()
    assert set(held) == {"access_token", "refresh_token"}
    assert held["access_token"] in plane.access
    assert linked.label == "Acme at Paperplane"
    assert linked.identity == "owner@acme.test"
    assert linked.linked_by is not None and linked.linked_by.email == "alice@acme.test"
    assert linked.token_expires_at is not None and linked.refreshed_at is not None
    assert linked.granted_scopes == ["people:read", "people:write"]
    page = text_of(client.get(url("linked_accounts", acme)))
    assert "<b>Connection Successful</b>" in page and "Signed in · linked by" in page
    assert LinkAttempt.objects.get().sealed == "", "nothing is left of it"
    entry = AuditEntry.objects.get(action="linked_account.link")
    assert entry.detail["signed_in"] is True


def test_the_app_proves_itself_as_declared(
    client: Client,
    acme: Account,
    plane: FakeProvider,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sign_in(client, plane, link_page(acme))
    headers, form = plane.token_calls[-1]
    pair = base64.b64encode(b"our-app:our-app-secret").decode()
    assert headers["authorization"] == f"Basic {pair}"
    assert "client_secret" not in form and form["code_verifier"]
    assert Paperplane.oauth is not None
    in_body = OAuth2(
        authorize_url=Paperplane.oauth.authorize_url,
        token_url=Paperplane.oauth.token_url,
        client_auth="body",
        pkce=False,
        extra={"prompt": "consent"},
    )
    monkeypatch.setattr(Paperplane, "oauth", in_body)
    asked = go(client, link_page(acme))
    assert "code_challenge" not in asked and asked["prompt"] == "consent"
    come_back(client, code=plane.code_for(asked), state=asked["state"])
    headers, form = plane.token_calls[-1]
    assert "authorization" not in headers and "code_verifier" not in form
    assert (form["client_id"], form["client_secret"]) == ("our-app", "our-app-secret")
    assert LinkedAccount.objects.count() == 2, "several accounts of one provider"


def test_a_key_may_be_entered_instead(
    client: Client, acme: Account, plane: FakeProvider
) -> None:
    body = {"credential-api_key": API_KEY, "label": "By key", "environment": "live"}
    assert client.post(link_page(acme), body).status_code == 302
    linked = LinkedAccount.objects.get()
    assert linked.get_credentials() == {"api_key": API_KEY}
    assert linked.refreshed_at is None and linked.reading["ok"]


def test_what_was_not_granted_is_said(
    client: Client, acme: Account, plane: FakeProvider
) -> None:
    plane.grants = "people:read"
    page = text_of(client.get(sign_in(client, plane, link_page(acme))["Location"]))
    assert "Paperplane did not grant: people:write." in page
    assert "<b>Connection Successful</b>" in page


def test_saying_no_changes_nothing(
    client: Client, acme: Account, plane: FakeProvider
) -> None:
    asked = go(client, link_page(acme))
    answer = come_back(client, error="access_denied", state=asked["state"])
    assert answer["Location"] == link_page(acme)
    page = text_of(client.get(answer["Location"]))
    assert "You said no at Paperplane, so nothing was linked or changed." in page
    assert not LinkedAccount.objects.exists() and not plane.token_calls


def test_another_error_is_shown_in_the_provider_s_words_and_escaped(
    client: Client, acme: Account, plane: FakeProvider
) -> None:
    asked = go(client, link_page(acme))
    answer = come_back(
        client,
        error="invalid_scope",
        error_description="<b>No such\nscope</b>",
        state=asked["state"],
    )
    page = text_of(client.get(answer["Location"]))
    assert "did not give access (&lt;b&gt;No such scope&lt;/b&gt;)" in page


FAULTS = {
    "a refused code": ((400, {"error": "invalid_grant"}), "does not accept"),
    "an outage": ((503, "down"), "could not check our credentials just now"),
    "our app is unknown": ((401, {"error": "invalid_client"}), "CONTACTSYNC_OAUTH"),
    "an answer without a token": ((200, {"ok": True}), "without an access token"),
    "an answer that is a list": ((200, []), "without an access token"),
    "an error with 200": ((200, {"error": "invalid_code"}), "invalid_code"),
    "a redirect": ((302, ""), "redirect"),
}


@pytest.mark.parametrize(("fault", "words"), FAULTS.values(), ids=FAULTS.keys())
def test_a_token_endpoint_that_fails_links_nothing(
    client: Client,
    acme: Account,
    plane: FakeProvider,
    fault: tuple[int, object],
    words: str,
) -> None:
    plane.token_fault = fault
    answer = sign_in(client, plane, link_page(acme))
    assert answer["Location"] == link_page(acme)
    page = text_of(client.get(answer["Location"]))
    assert words in page and "Nothing was changed here." in page
    assert not LinkedAccount.objects.exists()
    assert LinkAttempt.objects.get().sealed == ""


def test_without_an_app_the_page_names_what_the_administrator_sets(
    client: Client, acme: Account, plane: FakeProvider, settings: Any
) -> None:
    settings.OAUTH_APPS, settings.PROVIDER_URLS = {}, {}
    page = text_of(client.get(link_page(acme)))
    assert "Signing in at Paperplane is not set up here yet" in page
    assert "/oauth/callback/paperplane/</code>" in page
    assert "CONTACTSYNC_OAUTH" in page
    assert "You can enter a key below." in page and 'name="credential-api_key"' in page
    assert "Sign in at Paperplane</button>" not in page
    answer = client.post(link_page(acme), {"way": "sign-in", "environment": "live"})
    assert answer.status_code == 422 and "Refresh" not in answer


def test_the_sandbox_needs_no_app(
    client: Client, acme: Account, plane: FakeProvider, settings: Any
) -> None:
    settings.OAUTH_APPS = {}
    sign_in(client, plane, link_page(acme))
    assert LinkedAccount.objects.get().reading["ok"]


def test_reconnecting_keeps_rules_and_sends_what_waited(
    client: Client,
    acme: Account,
    plane: FakeProvider,
    display: Display,
    mailoutbox: Any,
) -> None:
    sign_in(client, plane, link_page(acme))
    linked = LinkedAccount.objects.get()
    rule = rule_to(display, linked, mapping={"first_name": "FNAME"})
    row = delivery(rule, email="mira@example.org")
    plane.revoke()
    client.post(url("linked_account_test", acme, linked.pk))
    linked.refresh_from_db()
    row.refresh_from_db()
    assert (linked.status, linked.reason) == ("broken", "auth.revoked")
    assert row.state == "held"
    before = linked.get_credentials()["access_token"]
    sign_in(client, plane, url("linked_account_reconnect", acme, linked.pk))
    linked.refresh_from_db()
    row.refresh_from_db()
    rule.target.refresh_from_db()
    assert linked.status == "connected" and row.state == "pending"
    assert linked.get_credentials()["access_token"] not in ("", before)
    assert rule.target.linked_account_id == linked.pk
    assert rule.target.mapping
    assert [mail.subject.split()[-1] for mail in mailoutbox] == ["attention", "again"]


def test_a_reconnect_that_fails_leaves_what_worked(
    client: Client, acme: Account, plane: FakeProvider
) -> None:
    linked = signed_in(acme, plane)
    sealed = linked.sealed
    page = url("linked_account_reconnect", acme, linked.pk)
    plane.token_fault = (400, {"error": "invalid_grant"})
    assert sign_in(client, plane, page)["Location"] == page
    answer = client.post(page, {"credential-api_key": "no-such-key"})
    assert answer.status_code == 422
    assert "does not accept the credentials" in text_of(answer)
    linked.refresh_from_db()
    assert (linked.sealed, linked.status) == (sealed, "connected")


def other_account(client: Client, acme: Account, plane: FakeProvider) -> LinkedAccount:
    """Signed in as one, and coming back as another."""
    sign_in(client, plane, link_page(acme))
    linked = LinkedAccount.objects.get()
    plane.me = {"email": "someone@else.test", "name": "Else & Co"}
    answer = sign_in(client, plane, url("linked_account_reconnect", acme, linked.pk))
    assert answer["Location"] == url(
        "link_question", acme, LinkAttempt.objects.latest("created_at").pk
    )
    linked.refresh_from_db()
    assert linked.identity == "owner@acme.test", "nothing has changed yet"
    page = text_of(client.get(answer["Location"]))
    assert "Another Paperplane account answered" in page
    assert "<code>owner@acme.test</code>" in page
    assert "<code>someone@else.test</code> (Else &amp; Co)" in page
    assert client.post(answer["Location"], {}).status_code == 422
    return linked


def test_another_account_may_take_the_place(
    client: Client, acme: Account, plane: FakeProvider
) -> None:
    linked = other_account(client, acme, plane)
    question = url("link_question", acme, LinkAttempt.objects.latest("created_at").pk)
    assert client.post(question, {"use": "same"}).status_code == 302
    linked.refresh_from_db()
    assert linked.identity == "someone@else.test"
    assert "which was owner@acme.test" in " ".join(linked.reading["notes"])
    gone = client.post(question, {"use": "new"})
    assert gone.status_code == 302 and LinkedAccount.objects.count() == 1


def test_another_account_may_be_linked_beside_the_first(
    client: Client, acme: Account, plane: FakeProvider
) -> None:
    linked = other_account(client, acme, plane)
    held = linked.sealed
    question = url("link_question", acme, LinkAttempt.objects.latest("created_at").pk)
    client.post(question, {"use": "new"})
    linked.refresh_from_db()
    assert (linked.identity, linked.sealed) == ("owner@acme.test", held)
    second = LinkedAccount.objects.exclude(pk=linked.pk).get()
    assert (second.label, second.identity) == ("Else & Co", "someone@else.test")


def test_another_account_behind_a_new_key_is_asked_about_too(
    client: Client, acme: Account, plane: FakeProvider
) -> None:
    sign_in(client, plane, link_page(acme))
    linked = LinkedAccount.objects.get()
    plane.me = {"email": "someone@else.test", "name": ""}
    page = url("linked_account_reconnect", acme, linked.pk)
    answer = client.post(page, {"credential-api_key": API_KEY})
    assert "/linking/" in answer["Location"]
    client.post(answer["Location"], {"use": "same"})
    linked.refresh_from_db()
    assert linked.get_credentials() == {"api_key": API_KEY}
    assert linked.refreshed_at is None and linked.token_expires_at is None


def test_an_unlinked_account_is_not_reconnected(
    client: Client, acme: Account, plane: FakeProvider
) -> None:
    linked = signed_in(acme, plane)
    asked = go(client, url("linked_account_reconnect", acme, linked.pk))
    client.post(url("linked_account_unlink", acme, linked.pk))
    come_back(client, code=plane.code_for(asked), state=asked["state"])
    linked.refresh_from_db()
    assert linked.sealed == "" and linked.refreshed_at is None


def test_an_account_that_is_unlinked_before_the_answer_stays_unlinked(
    client: Client, acme: Account, plane: FakeProvider
) -> None:
    linked = other_account(client, acme, plane)
    question = url("link_question", acme, LinkAttempt.objects.latest("created_at").pk)
    client.post(url("linked_account_unlink", acme, linked.pk))
    page = text_of(client.post(question, {"use": "same"}, follow=True))
    assert "That has ended," in page
    linked.refresh_from_db()
    assert linked.sealed == "" and LinkAttempt.objects.latest("created_at").sealed == ""


def test_what_was_sealed_with_a_lost_key_has_ended(
    client: Client, acme: Account, plane: FakeProvider
) -> None:
    asked = go(client, link_page(acme))
    LinkAttempt.objects.update(sealed="v1.gone.AAAA")
    answer = come_back(client, code=plane.code_for(asked), state=asked["state"])
    assert answer.status_code == 400 and "cannot be opened any more" in text_of(answer)
    LinkAttempt.objects.update(taken_at=LinkAttempt.objects.get().created_at)
    question = url("link_question", acme, LinkAttempt.objects.latest("created_at").pk)
    assert "That has ended," in text_of(client.get(question, follow=True))


def test_no_token_in_any_page_url_audit_entry_or_log(
    client: Client,
    acme: Account,
    plane: FakeProvider,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    answer = sign_in(client, plane, link_page(acme))
    linked = LinkedAccount.objects.get()
    plane.expire()
    client.post(url("linked_account_test", acme, linked.pk))
    pages = [answer["Location"], url("linked_account_reconnect", acme, linked.pk)]
    shown = " ".join(client.get(page).content.decode() for page in pages)
    shown += " ".join(f"{e.detail} {e.subject}" for e in AuditEntry.objects.all())
    shown += str(LinkedAccount.objects.values_list("reading", "detail"))
    shown += answer["Location"]
    # urllib3 names addresses at this level, and the product nothing at all.
    shown += " ".join(r.getMessage() for r in caplog.records)
    for secret in ("-secret", "our-app-secret"):
        assert secret not in shown.replace("code=code-", "")


def test_the_adapter_s_own_findings_are_kept(
    client: Client,
    acme: Account,
    plane: FakeProvider,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Elsewhere(Paperplane):
        @classmethod
        def from_token(cls, answer: Any) -> dict[str, str]:
            return {"api_domain": answer["api_domain"]}

        def discover(self) -> dict[str, str]:
            assert self.secrets["api_domain"] == "eu.paperplane.test"
            return {"account_id": self.fetch("GET", "/me")["email"]}

    monkeypatch.setitem(ADAPTERS, "paperplane", Elsewhere)
    plane.more = {"api_domain": "eu.paperplane.test"}
    sign_in(client, plane, link_page(acme))
    held = LinkedAccount.objects.get().get_credentials()
    assert held["api_domain"] == "eu.paperplane.test"
    assert held["account_id"] == "owner@acme.test"
