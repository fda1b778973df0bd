"""Account > Integrations, against a running sandbox: real requests, real answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from contactsync.tenancy.models import Account, AuditEntry, User
from displays.models import Display
from displays.services import RuleSettings, rule_create
from integrations.models import LinkedAccount
from integrations.sandbox.testing import RunningSandbox, running_sandbox
from integrations.services import linked_account_create, linked_account_pause

pytestmark = pytest.mark.django_db

ClientOf = Callable[[User], Client]
KEY = "fedcba9876543210fedcba9876543210-us21"


@pytest.fixture(scope="module")
def _running() -> Iterator[RunningSandbox]:
    with running_sandbox() as running:
        yield running


@pytest.fixture
def sandbox(_running: RunningSandbox, settings: Any) -> RunningSandbox:
    _running.reset()
    _running.faults()
    settings.PROVIDER_URLS = {"mailchimp": _running.base_url("mailchimp")}
    return _running


def url(name: str, account: Account, *args: object) -> str:
    return reverse(name, args=[account.slug, *args])


def text_of(response: Any) -> str:
    return " ".join(response.content.decode().split())


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


def test_linking_tests_at_once(
    client_of: ClientOf, alice: User, acme: Account, sandbox: RunningSandbox
) -> None:
    client = client_of(alice)
    form = text_of(client.get(url("link", acme, "mailchimp")))
    assert "Type any value of this shape" in form
    assert "How to get it at Mailchimp" in form
    answer = client.post(
        url("link", acme, "mailchimp"),
        {"credential-api_key": KEY, "label": "Store", "environment": "live"},
    )
    linked = LinkedAccount.objects.get(account=acme)
    assert answer.status_code == 302
    assert answer["Location"].endswith(f"#account-{linked.pk}")
    assert linked.get_credentials() == {"api_key": KEY}
    assert linked.linked_by == alice
    page = text_of(client.get(url("linked_accounts", acme)))
    assert "<b>Connection Successful</b>" in page
    assert "<code>owner@sandbox.example</code>" in page
    assert "Audiences <span" in page
    assert " ms</span>" in page
    actions = AuditEntry.objects.for_account(acme).values_list("action", flat=True)
    assert set(actions) == {"linked_account.link", "linked_account.test"}


def test_a_missing_credential_is_said_at_its_field(
    client_of: ClientOf, alice: User, acme: Account
) -> None:
    answer = client_of(alice).post(
        url("link", acme, "webhook"),
        {
            "credential-url": "",
            "credential-signing_secret": "s3cret-s3cret",
            "label": "My hook",
            "environment": "test",
        },
    )
    page = text_of(answer)
    assert answer.status_code == 422
    assert "Enter the endpoint URL." in page
    assert 'value="My hook"' in page
    assert "s3cret-s3cret" not in page
    assert not LinkedAccount.objects.filter(account=acme).exists()


@pytest.mark.parametrize("value", ["\x00key", "x" * 5000])
def test_impossible_credentials_are_refused(
    client_of: ClientOf, alice: User, acme: Account, value: str
) -> None:
    answer = client_of(alice).post(
        url("link", acme, "mailchimp"),
        {"credential-api_key": value, "environment": "live"},
    )
    assert answer.status_code == 422


def test_unknown_provider_is_not_found(
    client_of: ClientOf, alice: User, acme: Account
) -> None:
    assert client_of(alice).get(url("link", acme, "nobody")).status_code == 404


FAILURES = [
    ({"credentials": "broken"}, "access was refused", "Reconnect Mailchimp", "broken"),
    ({"status": 403}, "permission is missing", "Test again", "broken"),
    ({"status": 500}, "provider has a problem", "Test again", "connected"),
    ({"status": 429}, "too many requests", "Test again", "connected"),
    ({"drop": True}, "no connection", "Test again", "connected"),
    ({"truncate": True}, "no connection", "Test again", "connected"),
]


@pytest.mark.parametrize(("fault", "title", "button", "status"), FAILURES)
def test_each_failure_is_typed_and_names_the_next_step(
    client_of: ClientOf,
    alice: User,
    acme: Account,
    linked: LinkedAccount,
    sandbox: RunningSandbox,
    fault: dict[str, Any],
    title: str,
    button: str,
    status: str,
) -> None:
    sandbox.faults(**fault)
    client = client_of(alice)
    answer = client.post(url("linked_account_test", acme, linked.pk))
    assert answer.status_code == 302
    page = text_of(client.get(url("linked_accounts", acme)))
    assert title in page
    assert "<b>Next step:</b>" in page
    assert button in page
    assert "<b>Connection Successful</b>" not in page
    linked.refresh_from_db()
    assert linked.status == status


def test_success_mends_the_row(
    client_of: ClientOf,
    alice: User,
    acme: Account,
    linked: LinkedAccount,
    sandbox: RunningSandbox,
) -> None:
    client = client_of(alice)
    test = url("linked_account_test", acme, linked.pk)
    sandbox.faults(credentials="broken")
    broken = text_of(client.post(test, headers={"HX-Request": "true"}))
    assert "Reconnect Mailchimp" in broken
    assert "<html" not in broken
    sandbox.faults()
    mended = text_of(client.post(test, headers={"HX-Request": "true"}))
    assert "<b>Connection Successful</b>" in mended
    assert "Reconnect Mailchimp" not in mended
    assert f'id="account-{linked.pk}"' in mended


def test_reconnect_keeps_the_account_and_wants_the_new_key(
    client_of: ClientOf,
    alice: User,
    acme: Account,
    linked: LinkedAccount,
    sandbox: RunningSandbox,
) -> None:
    client = client_of(alice)
    page = url("linked_account_reconnect", acme, linked.pk)
    old = linked.get_credentials()["api_key"]
    assert old not in text_of(client.get(page))
    assert client.post(page, {"credential-api_key": " "}).status_code == 422
    answer = client.post(page, {"credential-api_key": KEY})
    assert answer.status_code == 302
    linked.refresh_from_db()
    assert linked.get_credentials() == {"api_key": KEY}
    assert linked.reading["ok"] is True


def test_test_all_tests_every_account(
    client_of: ClientOf,
    alice: User,
    acme: Account,
    linked: LinkedAccount,
    sandbox: RunningSandbox,
) -> None:
    bad = linked_account_create(
        account=acme,
        provider="mailchimp",
        label="Old key",
        credentials={"api_key": "not-a-whole-key"},
    )
    client = client_of(alice)
    page = text_of(client.post(url("linked_accounts_test", acme), follow=True))
    assert "1 of 2 tested accounts are connected." in page
    assert "1 needs attention" in page
    bad.refresh_from_db()
    assert bad.status == "broken"


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


def test_secrets_stand_on_no_page_and_in_no_audit_entry(
    client_of: ClientOf,
    alice: User,
    acme: Account,
    linked: LinkedAccount,
    display: Display,
    sandbox: RunningSandbox,
) -> None:
    client = client_of(alice)
    client.post(
        url("linked_account_reconnect", acme, linked.pk), {"credential-api_key": KEY}
    )
    sandbox.faults(credentials="broken")
    client.post(url("linked_account_test", acme, linked.pk))
    pages = [
        url("linked_accounts", acme),
        url("linked_account_reconnect", acme, linked.pk),
        url("linked_account_rename", acme, linked.pk),
        url("linked_account_unlink", acme, linked.pk),
        url("display_settings", acme, display.pk),
        url("rule_new", acme, display.pk),
    ]
    for page in pages:
        answer = client.get(page)
        assert answer.status_code == 200, page
        assert KEY[:20] not in answer.content.decode(), page
    entries = AuditEntry.objects.for_account(acme)
    assert entries
    assert not any(KEY[:20] in str(entry.detail) + entry.subject for entry in entries)


def test_a_delivery_that_failed_after_the_test_shows(
    client_of: ClientOf,
    alice: User,
    acme: Account,
    linked: LinkedAccount,
    sandbox: RunningSandbox,
) -> None:
    client = client_of(alice)
    client.post(url("linked_account_test", acme, linked.pk))
    LinkedAccount.objects.filter(pk=linked.pk).update(
        status="broken", reason="permission.scope", detail="Role viewer."
    )
    page = text_of(client.get(url("linked_accounts", acme)))
    assert "Connection failed: permission is missing" in page
    assert "Role viewer." in page
    assert "Connection Successful</b>" not in page


def test_a_paused_account_cannot_be_paused_twice(
    client_of: ClientOf, alice: User, acme: Account, linked: LinkedAccount
) -> None:
    linked_account_pause(linked)
    before = AuditEntry.objects.count()
    client_of(alice).post(url("linked_account_pause", acme, linked.pk))
    assert AuditEntry.objects.count() == before
