"""A running sandbox that the product takes for the provider."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from contacts.models import Contact
from contactsync.tenancy.models import Account
from integrations.adapters import ADAPTERS
from integrations.adapters.base import Options
from integrations.sandbox.testing import RunningSandbox, running_sandbox
from tests.integrations.flow_back_world import contact
from tests.integrations.oauth_world import FakeProvider, Paperplane, running_provider
from tests.integrations.scripted import SYNCED, Scripted


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


@pytest.fixture
def mira(acme: Account) -> Contact:
    return contact(acme)


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> type[Scripted]:
    class Fresh(Scripted):
        calls: ClassVar[list[list[str]]] = []
        options: ClassVar[list[Options]] = []
        answer = staticmethod(lambda contacts: [SYNCED for _ in contacts])

    monkeypatch.setitem(ADAPTERS, "mailchimp", Fresh)
    return Fresh


@pytest.fixture
def plane(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    """A provider where people sign in; its adapter is `Paperplane`."""
    with running_provider() as running:
        settings.PROVIDER_URLS = {"paperplane": running.url}
        settings.OAUTH_APPS = {
            "paperplane": {"client_id": "our-app", "client_secret": "our-app-secret"}
        }
        monkeypatch.setitem(ADAPTERS, "paperplane", Paperplane)
        yield running
