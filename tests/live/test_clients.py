"""Simulators driven by the providers' own clients that cannot be installed beside ours:
Constant Contact's wants an older urllib3, MessageMedia's bring a package named tests.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integrations.sandbox.testing import RunningSandbox, running_sandbox
from tests.live import servers

pytestmark = pytest.mark.live

SEEN: dict[str, dict[str, Any]] = {
    "constantcontact": {
        "account": "Provider sandbox",
        "lists": ["Newsletter", "VIP early access"],
        "fields": ["Since", "Size"],
        "made": "created",
        "again": "updated",
        "known": ["M.", "explicit", True],
        "left": "unsubscribed",
        "unknown": [404, "contacts.api.not_found"],
        "refused": [400, "contacts.api.validation.error"],
        "bad token": [401, "unauthorized"],
    },
    "messagemedia": {
        "key": ["SHA256", "RSA", False],
        "enabled": True,
        "the enabled one": True,
        "all": True,
        "same key": True,
        "no such key": 404,
        "the same again": 409,
        "hooks": ["https://shop.example/hook"],
        "changed": 200,
        "removed": 204,
        "removed twice": 404,
        "without events": 400,
        "key removed": 204,
        "bad key": [401, 401],
    },
}


@pytest.fixture(scope="module")
def python() -> Path:
    return servers.python_with("clients")


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with running_sandbox() as served:
        yield served


def told(python: Path, slug: str, sandbox: RunningSandbox) -> dict[str, Any]:
    """What the client saw; see tests/live/clients."""
    script = Path(__file__).with_name("clients") / f"{slug}.py"
    ran = subprocess.run(
        [python, "-W", "ignore", script, sandbox.base_url(slug)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    seen: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return seen


@pytest.mark.parametrize("slug", SEEN)
def test_the_story_that_the_client_tells(
    slug: str, python: Path, sandbox: RunningSandbox
) -> None:
    assert told(python, slug, sandbox) == SEEN[slug]


@pytest.mark.parametrize(
    ("slug", "faults"),
    [
        ("constantcontact", {"status": 503}),
        ("constantcontact", {"truncate": True}),
        ("messagemedia", {"status": 503}),
    ],
)
def test_the_fault_dial_reaches_the_client(
    slug: str, faults: dict[str, Any], python: Path, sandbox: RunningSandbox
) -> None:
    sandbox.faults(slug, **faults)
    with pytest.raises(AssertionError):
        told(python, slug, sandbox)
    assert sandbox.requests(slug)
