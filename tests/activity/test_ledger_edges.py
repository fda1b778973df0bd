"""The first and the last day there can be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from contactsync.tenancy.models import User
from contactsync.tenancy.services import IssuedKey
from displays.models import Display, SyncRule
from integrations.models import LinkedAccount
from tests.activity import factories as make

pytestmark = pytest.mark.django_db
DAYS = [
    "?to=9999-12-31",
    "?from=0001-01-01",
    "?from=0001-01-01&to=0001-01-01",
    "?from=0001-01-01&to=9999-12-31&by=day",
    "?from=9999-12-31&to=9999-12-31",
]


@pytest.fixture
def rule(display: Display, linked: LinkedAccount) -> SyncRule:
    rule = make.rule(display, linked)
    make.signup(display, "mira@example.com")
    return rule


@pytest.mark.parametrize("query", DAYS)
def test_the_api(client: Client, secret_key: IssuedKey, rule: Any, query: str) -> None:
    bearer = {"Authorization": f"Bearer {secret_key.text}"}
    answer = client.get(f"/api/v1/ledger{query}", headers=bearer)
    assert answer.status_code == 200
    today = "0001-01-01&to=0001" not in query and "from=9999" not in query
    assert answer.json()["captured"] == today


@pytest.mark.parametrize("query", DAYS)
@pytest.mark.parametrize("place", ["", "rows/", "export.csv"])
def test_the_pages(
    client_of: Callable[[User], Client], bob: User, rule: Any, place: str, query: str
) -> None:
    url = f"/a/acme-outdoor/ledger/{place}{query}"
    answer = client_of(bob).get(url)
    assert answer.status_code == 200
    assert b"".join(answer.streaming_content) if answer.streaming else answer.content
