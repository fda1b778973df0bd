"""What comes back, on the pages and over the REST API."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from contactsync.lib.clock import now
from contactsync.tenancy.models import Account, AuditEntry, User
from contactsync.tenancy.services import IssuedKey
from displays.services import display_create
from integrations import hooks, reconcile
from integrations.models import LinkedAccount, Target
from integrations.services import linked_account_create
from tests.integrations.flow_back_world import HOUR, MIRA, contact, told
from tests.integrations.pages import ClientOf, text_of, url
from tests.integrations.world import delivery, rule_to

pytestmark = pytest.mark.django_db

FOUND = {
    **{"at": (now() - HOUR).isoformat(), "checked": 50, "agree": 46, "missing": 2},
    **{"left": 1, "removed": 1, "different": 0, "extra": None, "repaired": 0},
    **{"stopped": "", "error": ""},
    "sample": [
        {
            "contact": "01900000-0000-7000-8000-000000000001",
            "email": "lost@example.org",
            "what": "missing",
            "status": "absent",
            "detail": "",
        }
    ],
}


def back(client: Client, account: Account, linked: LinkedAccount) -> str:
    return text_of(client.get(url("linked_account_back", account, linked.pk)))


@pytest.mark.parametrize(
    "hooks_now, base_url, said",
    [
        ({}, "http://127.0.0.1:8000", "cannot call this installation"),
        ({}, "https://sync.acme.test", "register a webhook at Mailchimp within"),
        (
            {"audiences": {"8f21c0news": {"id": "1", "url": "x", "at": "x"}}},
            "https://sync.acme.test",
            "has not called yet",
        ),
        (
            {
                "audiences": {"8f21c0news": {"error": "No plan.", "again": "x"}},
                "poll_error": "Mailchimp is busy.",
            },
            "https://sync.acme.test",
            "No plan. We try again by ourselves, and look every 2 hours meanwhile.",
        ),
        (
            {
                "audiences": {"8f21c0news": {"id": "1", "url": "x", "at": "x"}},
                "heard_at": (now() - HOUR).isoformat(),
            },
            "https://sync.acme.test",
            "It called last <time",
        ),
    ],
)
def test_the_page_says_how_we_hear_of_it(
    client_of: ClientOf,
    alice,
    acme,
    linked,
    display,
    settings,
    hooks_now,
    base_url,
    said,
) -> None:
    settings.BASE_URL = base_url
    rule_to(display, linked)
    LinkedAccount.objects.update(hooks=hooks_now)
    page = back(client_of(alice), acme, linked)
    assert said in page
    assert page.count("every 2 hours") >= 1
    rows = text_of(client_of(alice).get(url("linked_accounts", acme)))
    assert "Unsubscribes come back" in rows


def test_an_address_to_paste_is_shown_to_admins_only(
    client_of: ClientOf, alice: User, vera: User, acme: Account, settings: Any
) -> None:
    settings.BASE_URL = "https://sync.acme.test"
    hubspot = linked_account_create(
        account=acme,
        provider="hubspot",
        label="CRM",
        credentials={"token": "pat-na1-0123456789"},
    )
    address = hooks.hook_url(hubspot)
    assert address in back(client_of(alice), acme, hubspot)
    page = back(client_of(vera), acme, hubspot)
    assert hooks.token_of(hubspot) not in page
    assert "An admin can see the address." in page


def test_the_secret_that_a_provider_signs_with_is_asked_for(
    client_of: ClientOf, alice: User, acme: Account, settings: Any
) -> None:
    settings.BASE_URL = "https://sync.acme.test"
    key = {"api_key": "eo_0123456789"}
    octopus = linked_account_create(
        account=acme, provider="emailoctopus", label="News", credentials=key
    )
    page = back(client_of(alice), acme, octopus)
    assert hooks.hook_url(octopus) in page
    assert "enter the “Secret of the webhook”" in page
    octopus.set_credentials({**key, "webhook_secret": "whs-0123456789"})
    octopus.save()
    assert "Secret of the webhook" not in back(client_of(alice), acme, octopus)


def test_what_was_found_is_shown(
    client_of: ClientOf, vera: User, acme: Account, linked, display
) -> None:
    rule_to(display, linked)
    Target.objects.update(reconciled=FOUND, reconciled_at=now() - HOUR)
    page = back(client_of(vera), acme, linked)
    assert "2 contacts we sent are not there" in page
    assert "lost@example.org" in page
    assert "not known" in page, "no list of everybody there"
    assert "Compare now</button>" not in page, "a viewer reads"


def test_two_rules_to_one_audience_are_told_apart(
    client_of: ClientOf, vera: User, acme: Account, linked, display
) -> None:
    rule_to(display, linked)
    assert f"from {display.name}" not in back(client_of(vera), acme, linked)
    other = display_create(account=acme, name="Autumn", kind="popup", status="live")
    rule_to(other, linked)
    page = back(client_of(vera), acme, linked)
    assert f"from {display.name}" in page
    assert "from Autumn" in page


@pytest.mark.parametrize(
    "more, said",
    [
        ({"repaired": 2}, "2 missing contacts are being sent again"),
        ({"stopped": "too_many"}, "Nothing was sent again"),
        ({"error": "busy"}, "Could not be compared."),
        ({"running": {"checked": 7}}, "Comparing, 7 so far"),
    ],
)
def test_how_it_ended_is_said(
    client_of: ClientOf, alice, acme, linked, display, more, said
) -> None:
    rule_to(display, linked)
    Target.objects.update(reconciled=FOUND | more, reconciled_at=now() - HOUR)
    assert said in back(client_of(alice), acme, linked)


def test_the_policy_is_saved_and_written_down(
    client_of: ClientOf, alice: User, acme: Account, linked: LinkedAccount
) -> None:
    client = client_of(alice)
    where = url("linked_account_back_save", acme, linked.pk)
    bad = client.post(where, {"leaving": "nowhere"})
    assert bad.status_code == 422
    linked.refresh_from_db()
    assert (linked.leaving, linked.repair) == ("everywhere", "report")
    client.post(where, {"leaving": "here", "repair": "send"})
    linked.refresh_from_db()
    assert (linked.leaving, linked.repair) == ("here", "send")
    entry = AuditEntry.objects.get(action="linked_account.flow_back")
    assert entry.detail["leaving"] == "everywhere → here"


def test_buttons_ask_for_it_now(
    client_of: ClientOf, alice: User, acme: Account, linked, display
) -> None:
    rule = rule_to(display, linked)
    Target.objects.update(reconciled_at=now())
    later = (now() + HOUR).isoformat()
    LinkedAccount.objects.update(hooks={"poll_due": later})
    client = client_of(alice)
    client.post(url("linked_account_compare", acme, linked.pk))
    client.post(url("linked_account_look", acme, linked.pk))
    linked.refresh_from_db()
    rule.target.refresh_from_db()
    assert rule.target.reconciled_at is None
    assert "poll_due" not in linked.hooks


def call(key: IssuedKey, method: str, path: str, body: Any = None) -> Any:
    return Client().generic(
        method,
        f"/api/v1/linked-accounts/{path}",
        json.dumps(body) if body is not None else "",
        content_type="application/json",
        headers={"authorization": f"Bearer {key.text}"},
    )


def test_the_api_reads_and_starts_a_comparison(
    secret_key: IssuedKey, linked: LinkedAccount, display
) -> None:
    rule = rule_to(display, linked)
    path = f"{linked.pk}/reconcile"
    [never] = call(secret_key, "GET", path).json()["results"]
    assert (never["found"], never["error"]) == (None, "")
    Target.objects.update(reconciled=FOUND, reconciled_at=now())
    [read] = call(secret_key, "GET", path).json()["results"]
    assert read["target"] == str(rule.target_id)
    assert read["found"]["missing"] == 2
    assert read["found"]["sample"][0]["email"] == "lost@example.org"
    assert not read["running"]
    started = call(secret_key, "POST", path)
    assert started.status_code == 202
    assert started.json()["results"][0]["running"]


def test_the_api_says_where_nothing_can_be_compared(
    acme: Account, secret_key: IssuedKey
) -> None:
    endpoint = linked_account_create(
        account=acme,
        provider="webhook",
        label="Ours",
        credentials={"url": "https://example.org/in", "signing_secret": "s" * 20},
    )
    refused = call(secret_key, "POST", f"{endpoint.pk}/reconcile")
    assert refused.status_code == 409
    assert "does not tell who is there" in refused.json()["detail"]
    assert call(secret_key, "GET", f"{endpoint.pk}/reconcile").json() == {"results": []}


def test_the_api_reads_and_changes_the_policy(
    secret_key: IssuedKey, linked: LinkedAccount
) -> None:
    read = call(secret_key, "GET", str(linked.pk)).json()
    assert (read["leaving"], read["repair"]) == ("everywhere", "report")
    assert read["webhook"] == "unreachable"
    body = {"leaving": "here"}
    assert call(secret_key, "PATCH", str(linked.pk), body).json()["leaving"] == "here"
    bad = call(secret_key, "PATCH", str(linked.pk), {"repair": "always"})
    assert bad.status_code in (400, 422)
    assert "repair" in bad.content.decode()
    linked.refresh_from_db()
    assert (linked.leaving, linked.repair) == ("here", "report")


def test_the_contacts_page_tells_what_came_back(
    client_of: ClientOf, alice: User, acme: Account, linked, display
) -> None:
    mira = contact(acme)
    rule = rule_to(display, linked)
    row = delivery(rule, email=MIRA, contact_id=mira.pk, state="synced")
    reconcile.send_again(rule.target, [row.pk])
    told(linked, "unsubscribed", at=now() - HOUR)
    told(linked, "", kind="delete")
    move = {"kind": "email", "email": "new@example.org", "fields": {"old_email": MIRA}}
    told(linked, "", **move)
    page = text_of(client_of(alice).get(url("contact", acme, mira.pk)))
    for said in (
        "Was not at Mailchimp: sent again",
        "Unsubscribed at Mailchimp · Acme Store",
        "told by the provider at once",
        "Removed at Mailchimp · Acme Store",
        "New address at Mailchimp · Acme Store: new@example.org",
        "Suppressed: nothing is sent any more",
    ):
        assert said in page
