"""One sandbox per module, back at its seed for every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
from mailchimp_marketing import Client

from integrations.sandbox.testing import RunningSandbox, running_sandbox
from tests.integrations.sandbox.helpers import KEY, Api


@pytest.fixture(scope="module")
def served() -> Iterator[RunningSandbox]:
    with running_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(served: RunningSandbox) -> RunningSandbox:
    served.reset()
    return served


@pytest.fixture
def api(sandbox: RunningSandbox) -> Iterator[Api]:
    """Plain HTTP, one kept-alive connection."""
    with requests.Session() as session:
        session.trust_env = False
        session.auth = ("anybody", KEY)
        yield Api(f"{sandbox.base_url('mailchimp')}/3.0", session)


@pytest.fixture
def client(sandbox: RunningSandbox) -> Client:
    """Mailchimp's own SDK, pointed at the sandbox."""
    client = Client()
    client.set_config({"api_key": KEY, "timeout": 10})
    client.api_client.host = f"{sandbox.base_url('mailchimp')}/3.0"
    return client
