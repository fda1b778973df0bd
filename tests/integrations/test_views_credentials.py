"""Account > Integrations: credentials are entered, tested and kept to ourselves; the
requests and answers are real, against a running sandbox."""

from __future__ import annotations

from typing import Any

import pytest

from contactsync.tenancy.models import Account, AuditEntry, User
from displays.models import Display
from integrations.models import LinkedAccount
from integrations.sandbox.testing import RunningSandbox
from integrations.services import linked_account_create
from tests.integrations.pages import ClientOf, text_of, url

pytestmark = pytest.mark.django_db
KEY = "fedcba9876543210fedcba9876543210-us21"


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


def test_a_name_of_two_lines_is_refused(
    client_of: ClientOf, alice: User, acme: Account
) -> None:
    answer = client_of(alice).post(
        url("link", acme, "mailchimp"),
        {"credential-api_key": KEY, "label": "Acme\nStore", "environment": "live"},
    )
    assert answer.status_code == 422 and "Must be one line" in text_of(answer)
    assert not LinkedAccount.objects.exists()


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
