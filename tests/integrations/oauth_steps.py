"""Steps of linking by signing in, as a browser takes them."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from django.test import Client

from contactsync.tenancy.models import Account
from integrations.access import Access
from integrations.models import LinkedAccount
from integrations.oauth import tokens_of
from integrations.services import linked_account_create
from tests.integrations.oauth_world import FakeProvider, Paperplane
from tests.integrations.pages import url

CALLBACK = "/oauth/callback/paperplane/"


def go(client: Client, start: str, **entered: str) -> dict[str, str]:
    """Press the button; the query of the address that the browser is sent to."""
    answer = client.post(start, {"way": "sign-in", "environment": "live", **entered})
    assert answer.status_code == 200, answer.content.decode()
    seconds, _, place = answer["Refresh"].partition("; url=")
    assert seconds == "0"
    link = re.search(
        r'href="([^"]+)" rel="noreferrer">Continue', answer.content.decode()
    )
    assert link and unescape(link[1]) == place
    return dict(parse_qsl(urlsplit(place).query))


def come_back(client: Client, **query: str) -> Any:
    return client.get(CALLBACK, query)


def sign_in(client: Client, provider: FakeProvider, page: str, **entered: str) -> Any:
    """There and back, saying yes."""
    asked = go(client, page, **entered)
    return come_back(client, code=provider.code_for(asked), state=asked["state"])


def link_page(account: Account) -> str:
    return url("link", account, "paperplane")


def signed_in(account: Account, provider: FakeProvider, **more: Any) -> LinkedAccount:
    """A linked account as signing in leaves it, without the pages."""
    tokens = tokens_of(Paperplane, provider.issue())
    return linked_account_create(
        account=account,
        provider="paperplane",
        label=more.pop("label", "Acme plane"),
        credentials=Access.of_tokens(tokens, {}),
        **more,
    )
