"""Signing in at the sandbox's Mailchimp, whose page and tokens are its own."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from django.test import Client

from contactsync.tenancy.models import Account, User
from displays.models import Display
from integrations.drain import drain
from integrations.models import LinkedAccount
from integrations.sandbox.testing import RunningSandbox
from tests.integrations.pages import ClientOf, text_of, url
from tests.integrations.scripted import state_of
from tests.integrations.world import delivery, rule_to

pytestmark = pytest.mark.django_db


def allow(client: Client, start: str, decision: str = "allow") -> Any:
    """Leave, press a button of the provider's page, and come back."""
    answer = client.post(start, {"way": "sign-in", "environment": "live"})
    place = answer["Refresh"].removeprefix("0; url=")
    parts = urlsplit(place)
    shown = requests.get(place, timeout=5)
    assert shown.status_code == 200 and "asks for access" in shown.text
    back = requests.post(
        f"{parts.scheme}://{parts.netloc}{parts.path}",
        data={**dict(parse_qsl(parts.query)), "decision": decision},
        allow_redirects=False,
        timeout=5,
    )
    assert back.status_code == 302
    way = urlsplit(back.headers["Location"])
    return client.get(f"{way.path}?{way.query}", follow=True)


def test_mailchimp(
    client_of: ClientOf,
    alice: User,
    acme: Account,
    display: Display,
    sandbox: RunningSandbox,
) -> None:
    client, start = client_of(alice), url("link", acme, "mailchimp")
    assert "You said no at Mailchimp" in text_of(allow(client, start, "deny"))
    page = text_of(allow(client, start))
    assert "<b>Connection Successful</b>" in page
    linked = LinkedAccount.objects.get()
    held = linked.get_credentials()
    assert set(held) == {"access_token", "dc"}
    assert linked.token_expires_at is None and linked.refreshed_at is not None
    audience = sandbox.control("GET", "mailchimp/audiences")["audiences"][0]["id"]
    rule = rule_to(display, linked, audience_id=audience, mapping={})
    row = delivery(rule, email="mira@example.org", payload={"email": "mira@gmail.com"})
    drain(linked.pk)
    assert state_of(row)[0] in ("synced", "awaiting_opt_in")
    again = url("linked_account_reconnect", acme, linked.pk)
    assert "<b>Connection Successful</b>" in text_of(allow(client, again))
    linked.refresh_from_db()
    assert linked.get_credentials()["access_token"] != held["access_token"]
    assert LinkedAccount.objects.count() == 1
