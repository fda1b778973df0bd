"""REST: providers, linked accounts, deliveries; against a provider that answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from contactsync.tenancy.models import Account, AuditEntry
from contactsync.tenancy.services import IssuedKey, api_key_issue
from displays.models import Display
from integrations.adapters import ADAPTERS
from integrations.models import Attempt, LinkedAccount
from integrations.sandbox.mailchimp.seed import NEWSLETTER
from integrations.sandbox.testing import RunningSandbox, running_sandbox
from tests.contactsync.api.client import Api, fields_of
from tests.integrations.world import delivery, rule_to

pytestmark = pytest.mark.django_db
SECRET = "0123456789abcdef0123456789abcdef-us21"


@pytest.fixture
def api(secret_key: IssuedKey) -> Api:
    return Api(secret_key.text)


@pytest.fixture
def sandbox(settings: Any) -> Iterator[RunningSandbox]:
    with running_sandbox() as running:
        settings.PROVIDER_URLS = {"mailchimp": running.base_url("mailchimp")}
        yield running


def test_providers_come_from_the_adapters(api: Api) -> None:
    found = {row["slug"]: row for row in api.get("providers").json()["results"]}
    assert set(found) == set(ADAPTERS)
    mailchimp = found["mailchimp"]
    assert mailchimp["label"] == "Mailchimp"
    assert [each["name"] for each in mailchimp["credentials"]] == ["api_key"]
    assert "upsert" in mailchimp["supports"]


def test_link_read_rename_unlink(api: Api) -> None:
    made = api.post(
        "linked-accounts",
        {
            "provider": "mailchimp",
            "label": " Store ",
            "credentials": {"api_key": SECRET},
        },
    )
    assert made.status_code == 201
    assert made.json()["label"] == "Store"
    path = f"linked-accounts/{made.json()['id']}"
    assert api.get(path).json() == made.json()
    renamed = api.patch(path, {"label": "Shop"})
    assert renamed.status_code == 200 and renamed.json()["label"] == "Shop"
    assert api.delete(path).status_code == 204
    assert api.get(path).status_code == 404
    assert api.get("linked-accounts").json()["results"] == []
    assert LinkedAccount.objects.get().sealed == ""
    actions = AuditEntry.objects.order_by("id").values_list("action", flat=True)
    assert list(actions) == [
        f"linked_account.{verb}" for verb in ("link", "rename", "unlink")
    ]


def test_a_new_account_belongs_to_the_key_s_environment(acme: Account) -> None:
    key = api_key_issue(account=acme, kind="sk", name="t", environment="test")
    made = Api(key.text).post(
        "linked-accounts", {"provider": "mailchimp", "credentials": {"api_key": SECRET}}
    )
    assert made.json()["environment"] == "test"
    assert made.json()["label"] == "Mailchimp"


def test_credentials_are_in_no_answer(
    api: Api, linked: LinkedAccount, sandbox: RunningSandbox
) -> None:
    path = f"linked-accounts/{linked.pk}"
    api.patch(path, {"credentials": {"api_key": SECRET}})
    answers = [
        api.get("linked-accounts"),
        api.get(path),
        api.post(f"{path}/test"),
        api.get(f"{path}/audiences"),
        api.get(path),
    ]
    for answer in answers:
        assert answer.status_code == 200
        assert SECRET[:32] not in answer.content.decode()
        assert "sealed" not in answer.content.decode()


BAD = {
    "no provider": ("provider", {"provider": None}),
    "an unknown provider": ("provider", {"provider": "mailchamp"}),
    "a provider that is a list": ("provider", {"provider": ["mailchimp"]}),
    "no key": ("credentials.api_key", {"credentials": {}}),
    "a blank key": ("credentials.api_key", {"credentials": {"api_key": "  "}}),
    "a key that is a number": ("credentials.api_key", {"credentials": {"api_key": 5}}),
    "credentials that are a text": ("credentials", {"credentials": SECRET}),
    "a credential too many": (
        "credentials.password",
        {"credentials": {"api_key": SECRET, "password": "x"}},
    ),
    "a label that is too long": ("label", {"label": "x" * 121}),
    "a label of two lines": ("label", {"label": "Acme\nStore"}),
    "a label with an escape": ("label", {"label": "Acme\x1b[31m"}),
    "a label with a line separator": ("label", {"label": "Acme\u2028Store"}),
    "an unknown field": ("environment", {"environment": "live"}),
}


@pytest.mark.parametrize(("field", "change"), BAD.values(), ids=BAD.keys())
def test_what_cannot_be_linked_is_422_and_named(
    api: Api, field: str, change: dict[str, Any]
) -> None:
    body = {"provider": "mailchimp", "credentials": {"api_key": SECRET}}
    answer = api.post("linked-accounts", {**body, **change})
    assert answer.status_code == 422
    assert field in fields_of(answer)
    assert SECRET not in answer.content.decode()
    assert not LinkedAccount.objects.exists()


def test_a_label_is_one_line(api: Api, linked: LinkedAccount) -> None:
    path = f"linked-accounts/{linked.pk}"
    answer = api.patch(path, {"label": "Acme\r\nStore"})
    assert answer.status_code == 422
    assert "label" in fields_of(answer)
    assert LinkedAccount.objects.get().label == "Acme Store"
    family = "Familie \U0001f468\u200d\U0001f469 Müller"
    assert api.patch(path, {"label": family}).json()["label"] == family


def test_reconnect_with_a_missing_key_changes_nothing(
    api: Api, linked: LinkedAccount
) -> None:
    before = LinkedAccount.objects.get().sealed
    for credentials in ({}, {"api_key": SECRET, "more": "x"}):
        answer = api.patch(
            f"linked-accounts/{linked.pk}", {"label": "X", "credentials": credentials}
        )
        assert answer.status_code == 422
        row = LinkedAccount.objects.get()
        assert (row.sealed, row.label) == (before, "Acme Store")


def test_a_good_reading(
    api: Api, linked: LinkedAccount, sandbox: RunningSandbox
) -> None:
    answer = api.post(f"linked-accounts/{linked.pk}/test")
    assert answer.status_code == 200
    reading = answer.json()
    assert reading["ok"] is True
    assert reading["title"] == "Connection Successful"
    assert reading["identity"] and reading["resources"] and reading["sandbox"]
    assert api.get(f"linked-accounts/{linked.pk}").json()["reading"] == reading


def test_a_failed_reading_is_a_reading(
    api: Api, linked: LinkedAccount, sandbox: RunningSandbox
) -> None:
    sandbox.faults(credentials="broken")
    answer = api.post(f"linked-accounts/{linked.pk}/test")
    assert answer.status_code == 200
    assert answer.json()["ok"] is False
    assert answer.json()["reason"] == "auth.revoked"
    assert answer.json()["next_step"]
    account = api.get(f"linked-accounts/{linked.pk}").json()
    assert account["status"] == "broken" and account["next_step"]


def test_audiences_and_fields(
    api: Api, linked: LinkedAccount, sandbox: RunningSandbox
) -> None:
    path = f"linked-accounts/{linked.pk}"
    audiences = {
        row["id"]: row for row in api.get(f"{path}/audiences").json()["results"]
    }
    assert audiences[NEWSLETTER]["label"] == "Newsletter"
    assert audiences[NEWSLETTER]["double_opt_in"] is False
    fields = api.get(f"{path}/fields?audience={NEWSLETTER}").json()["results"]
    assert {"FNAME", "LNAME"} <= {row["id"] for row in fields}
    unnamed = api.get(f"{path}/fields")
    assert unnamed.status_code == 422 and fields_of(unnamed) == {"audience": "required"}


FAILURES = {
    "the key was revoked": ({"credentials": "broken"}, 409, "auth.revoked"),
    "it is down": ({"status": 500}, 502, "server"),
    "it is in maintenance": ({"status": 503, "retry_after": 7}, 502, "server"),
    "it tells us to slow down": ({"status": 429, "retry_after": 7}, 502, "limit.rate"),
    "it hangs up": ({"drop": True}, 502, "network"),
    "it answers half": ({"truncate": True}, 502, None),
}


@pytest.mark.parametrize("call", ["audiences", f"fields?audience={NEWSLETTER}"])
@pytest.mark.parametrize(
    ("faults", "status", "reason"), FAILURES.values(), ids=FAILURES.keys()
)
def test_a_provider_s_failure_says_why_and_what_helps(
    api: Api,
    linked: LinkedAccount,
    sandbox: RunningSandbox,
    call: str,
    faults: dict[str, Any],
    status: int,
    reason: str | None,
) -> None:
    sandbox.faults(**faults)
    answer = api.get(f"linked-accounts/{linked.pk}/{call}")
    assert answer.status_code == status
    body = answer.json()
    assert body["reason"] == (reason or body["reason"])
    assert body["next_step"]
    assert body["errors"][0]["field"] == "linked_account"
    if "retry_after" in faults:
        assert int(answer["Retry-After"]) >= 7


def test_an_audience_that_is_gone_is_409(
    api: Api, linked: LinkedAccount, sandbox: RunningSandbox
) -> None:
    answer = api.get(f"linked-accounts/{linked.pk}/fields?audience=nosuch")
    assert answer.status_code == 409
    assert answer.json()["reason"] == "target.missing"


def test_credentials_that_cannot_be_opened_are_409(
    api: Api, linked: LinkedAccount
) -> None:
    LinkedAccount.objects.update(sealed="v1.lost.AAAA")
    answer = api.get(f"linked-accounts/{linked.pk}/audiences")
    assert answer.status_code == 409
    assert answer.json()["action"] == "reconnect"
    reading = api.post(f"linked-accounts/{linked.pk}/test")
    assert reading.status_code == 200 and reading.json()["ok"] is False


def test_pause_holds_and_resume_lets_go(
    api: Api, linked: LinkedAccount, display: Display
) -> None:
    row = delivery(rule_to(display, linked), email="mira@gmail.com")
    path = f"linked-accounts/{linked.pk}"
    assert api.patch(path, {"status": "paused"}).json()["status"] == "paused"
    held = api.get(f"deliveries/{row.pk}").json()
    assert (held["state"], held["reason"]) == ("held", "held.paused")
    assert "Resume" in held["next_step"]
    assert api.patch(path, {"status": "paused"}).status_code == 200
    assert api.patch(path, {"status": "connected"}).json()["status"] == "connected"
    assert api.get(f"deliveries/{row.pk}").json()["state"] == "pending"
    assert api.patch(path, {"status": "broken"}).status_code == 422


def test_a_broken_account_is_not_paused(api: Api, linked: LinkedAccount) -> None:
    LinkedAccount.objects.update(status="broken", reason="auth.revoked", detail="No.")
    answer = api.patch(f"linked-accounts/{linked.pk}", {"status": "paused"})
    assert answer.status_code == 409


def test_a_delivery_and_its_target(
    api: Api, linked: LinkedAccount, display: Display
) -> None:
    row = delivery(rule_to(display, linked), email="mira@gmail.com")
    read = api.get(f"deliveries/{row.pk}").json()
    assert read["id"] == row.pk
    assert read["target"] == {
        "linked_account": str(linked.pk),
        "provider": "mailchimp",
        "label": "Acme Store",
        "audience": "8f21c0news",
        "audience_label": "Newsletter",
        "double_opt_in": False,
    }


def test_deliveries_by_state(api: Api, linked: LinkedAccount, display: Display) -> None:
    rule = rule_to(display, linked)
    waiting = delivery(rule, email="a@gmail.com")
    failed = delivery(rule, email="b@gmail.com", state="failed", reason="server")
    rows = api.get("deliveries?state=failed").json()["results"]
    assert [row["id"] for row in rows] == [failed.pk]
    assert rows[0]["explanation"].startswith("Mailchimp answered with an error")
    both = api.get(f"deliveries?linked_account={linked.pk}").json()["results"]
    assert [row["id"] for row in both] == [failed.pk, waiting.pk]
    assert api.get("deliveries?state=lost").status_code == 422
    assert api.get("deliveries?stat=failed").status_code == 422


def test_a_failed_delivery_is_retried_once(
    api: Api, linked: LinkedAccount, display: Display
) -> None:
    row = delivery(
        rule_to(display, linked), email="a@gmail.com", state="failed", attempts=9
    )
    answer = api.post(f"deliveries/{row.pk}/retry")
    assert answer.status_code == 200
    assert (answer.json()["state"], answer.json()["attempts"]) == ("pending", 0)
    assert not Attempt.objects.exists()  # the worker sends it, not the request


@pytest.mark.parametrize("state", ["synced", "rejected", "held", "skipped"])
def test_what_is_not_retried_says_so(
    api: Api, linked: LinkedAccount, display: Display, state: str
) -> None:
    row = delivery(
        rule_to(display, linked),
        email="a@gmail.com",
        state=state,
        reason="consent.unsubscribed",
    )
    answer = api.post(f"deliveries/{row.pk}/retry")
    assert answer.status_code == 409
    assert fields_of(answer) == {"state": state}
    row.refresh_from_db()
    assert row.state == state


@pytest.mark.parametrize("id", [0, 2**31, 2**63 - 1, 2**63, 10**40])
def test_a_delivery_that_is_not_there(api: Api, id: int) -> None:
    assert api.get(f"deliveries/{id}").status_code == 404
    assert api.post(f"deliveries/{id}/retry").status_code == 404
