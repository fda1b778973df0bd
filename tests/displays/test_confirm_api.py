"""Mail events, sending again and the list, as a team's server calls them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from contacts.models import Contact, Suppression
from contactsync.lib.clock import now
from contactsync.tenancy.models import Account
from displays.models import Confirmation, Display
from integrations.models import Delivery, LinkedAccount
from tests.contactsync.api.client import Api
from tests.displays.confirming import (
    FORM,
    later,
    link,
    own_rule,
    press,
    sign_up,
    states,
    work,
)

pytestmark = pytest.mark.django_db

WAITS = "awaiting_opt_in"


@pytest.fixture
def asked(acme: Account, display: Display, linked: LinkedAccount) -> Confirmation:
    own_rule(display, linked)
    sign_up(display)
    work()
    return Confirmation.objects.get()


def report(server: Api, asked: Confirmation, event: str, **more: Any) -> str:
    body = {"message_id": asked.message_id, "event": event, **more}
    answer = server.post("confirmations/events", {"events": [body]})
    assert answer.status_code == 200, answer.content
    [result] = answer.json()["results"]
    return str(result["status"])


def test_delivered(acme: Account, asked: Confirmation, server: Api) -> None:
    assert report(server, asked, "delivered") == "applied"
    assert report(server, asked, "delivered") == "unchanged"
    asked.refresh_from_db()
    assert asked.state == "delivered"
    assert states(acme) == [(WAITS, "opt_in.delivered")]
    assert Delivery.objects.get().due == asked.expires_at


def test_bounced(acme: Account, asked: Confirmation, server: Api) -> None:
    assert report(server, asked, "bounced", detail="550 gone") == "applied"
    row = Delivery.objects.get()
    assert (row.reason, row.detail) == ("opt_in.bounced", "550 gone")
    assert report(server, asked, "delivered") == "unchanged"
    assert not Suppression.objects.exists()


def test_a_click_counts_more_than_a_bounce(
    acme: Account, asked: Confirmation, server: Api, client: Client
) -> None:
    report(server, asked, "bounced")
    press(client, link())
    assert states(acme) == [("pending", "")]


def test_a_bounce_of_the_first_mail_is_found_after_the_reminder(
    acme: Account, asked: Confirmation, server: Api
) -> None:
    later(hours=25)
    work()
    assert len(mail.outbox) == 2
    assert report(server, asked, "bounced") == "applied"


def test_complained(
    acme: Account, asked: Confirmation, server: Api, client: Client, display: Display
) -> None:
    said = (now() - timedelta(minutes=1)).isoformat()
    assert report(server, asked, "complained", at=said) == "applied"
    assert Suppression.objects.get().actor == "complaint"
    assert states(acme) == [("skipped", "rule.suppressed")]
    assert client.get(link()).status_code == 410
    sign_up(display)
    later(days=2)
    work()
    assert len(mail.outbox) == 1


def test_a_bare_id_and_a_strangers(
    asked: Confirmation, server: Api, other: Account
) -> None:
    events = [
        {"message_id": asked.message_id.strip("<>"), "event": "delivered"},
        {"message_id": "<nobody@example.org>", "event": "bounced"},
    ]
    answer = server.post("confirmations/events", {"events": events})
    assert [each["status"] for each in answer.json()["results"]] == [
        "applied",
        "unknown",
    ]
    Confirmation.objects.update(account=other)
    asked.mails.update(account=other)
    assert report(server, asked, "bounced") == "unknown"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"events": []},
        {"events": [{"message_id": "x"}]},
        {"events": [{"message_id": "x", "event": "opened"}]},
        {"events": [{"message_id": "x", "event": "bounced", "more": 1}]},
        {"events": [{"message_id": "x", "event": "bounced"}] * 1001},
    ],
)
def test_bad_reports(server: Api, body: Any) -> None:
    assert server.post("confirmations/events", body).status_code == 422


def test_the_list(asked: Confirmation, server: Api) -> None:
    [row] = server.get("confirmations?state=sent").json()["results"]
    assert (row["email"], row["state"]) == ("mira@gmail.com", "sent")
    assert row["contact"] == str(asked.contact_id) and "token" not in str(row)
    assert server.get("confirmations?state=bounced").json()["results"] == []
    found = server.get(f"confirmations?contact={asked.contact_id}").json()
    assert len(found["results"]) == 1


def again(server: Api) -> Any:
    return server.post(f"contacts/{Contact.objects.get().pk}/confirmation")


def test_sending_again(asked: Confirmation, server: Api, acme: Account) -> None:
    assert again(server).status_code == 429  # a moment ago
    later(minutes=3)
    assert again(server).status_code == 202
    assert states(acme) == [(WAITS, "opt_in.queued")]
    assert again(server).status_code == 429  # on its way
    work()
    assert len(mail.outbox) == 2 and link(0) == link(1)
    later(minutes=3)
    assert again(server).status_code == 202
    work()
    later(minutes=3)
    refused = again(server)
    assert refused.status_code == 429
    assert "3 confirmation mails within a day" in refused.json()["detail"]


@pytest.mark.parametrize("state", ["expired", "bounced"])
def test_sending_again_what_had_ended(
    asked: Confirmation, server: Api, acme: Account, client: Client, state: str
) -> None:
    if state == "bounced":
        report(server, asked, "bounced")
        later(minutes=3)
    else:
        later(days=8)
        work()
    assert again(server).status_code == 202
    work()
    assert len(mail.outbox) == 2
    press(client, link())
    assert states(acme) == [("pending", "")]


def test_nothing_to_send_again(
    asked: Confirmation, server: Api, client: Client
) -> None:
    press(client, link())
    later(minutes=3)
    assert again(server).status_code == 409


def test_an_old_link_sends_a_new_one_within_the_limits(
    asked: Confirmation, client: Client, acme: Account
) -> None:
    later(days=8)
    work()
    old = client.get(link())
    value = FORM.search(old.content.decode())
    assert old.status_code == 410 and value is not None
    body = {"page": value[1], "do": "again"}
    assert client.post(link(), {"do": "again"}).status_code == 410  # no form value
    work()
    assert len(mail.outbox) == 1
    assert b"Look into your inbox" in client.post(link(), body).content
    old_link = link()
    work()
    assert len(mail.outbox) == 2
    refused = client.post(old_link, body)
    assert refused.status_code == 410 and b"several of these mails" in refused.content
    press(client, link())
    assert states(acme) == [("pending", "")]
