"""A running sandbox that the product takes for the provider."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from integrations.adapters import ADAPTERS
from integrations.adapters.base import Options
from integrations.sandbox.testing import RunningSandbox, running_sandbox
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
def provider(monkeypatch: pytest.MonkeyPatch) -> type[Scripted]:
    class Fresh(Scripted):
        calls: ClassVar[list[list[str]]] = []
        options: ClassVar[list[Options]] = []
        answer = staticmethod(lambda contacts: [SYNCED for _ in contacts])

    monkeypatch.setitem(ADAPTERS, "mailchimp", Fresh)
    return Fresh
