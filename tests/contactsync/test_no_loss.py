"""A signup arrives although the broker is frozen or gone: real processes throughout.

gunicorn, a Celery worker and beat on PostgreSQL and Redis, with the sandbox as the
provider.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from integrations.sandbox.testing import RunningSandbox, running_sandbox
from tests import services
from tests.contactsync.test_deployment import get, running

pytestmark = [pytest.mark.pg, pytest.mark.redis, pytest.mark.slow]

KEY = "0123456789abcdef0123456789abcdef-us21"
SWEEP = 10


def wait_until(true: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


@dataclass
class Product:
    """The running product, and a key to it."""

    port: int
    broker: services.Redis
    sandbox: RunningSandbox
    key: str
    display: str = ""

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            link.request(
                method,
                f"/api/v1/{path}",
                json.dumps(body) if body is not None else None,
                {
                    "Authorization": f"Bearer {self.key}",
                    "Content-Type": "application/json",
                },
            )
            answer = link.getresponse()
            return answer.status, json.loads(answer.read() or b"null")
        finally:
            link.close()

    def signup(self, email: str) -> float:
        """Post one; returns the seconds until 202."""
        started = time.monotonic()
        status, answer = self.call(
            "POST", "signups", {"display": self.display, "email": email}
        )
        assert (status, answer["status"]) == (202, "accepted"), answer
        return time.monotonic() - started

    def arrived(self, email: str) -> bool:
        return any(m["email"] == email for m in self.sandbox.members())


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    home = tmp_path_factory.mktemp("home")
    port = services.free_port()
    with ExitStack() as stack:
        database = stack.enter_context(services.postgres())
        broker = stack.enter_context(services.redis_server())
        sandbox = stack.enter_context(running_sandbox())
        env = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "contactsync.settings",
            "CONTACTSYNC_HOME": str(home),
            "SECRET_KEY": "only for this test",
            "DATABASE_URL": database.url,
            "BROKER_URL": broker.url,
            "CONTACTSYNC_PROVIDER_URLS": json.dumps(
                {"mailchimp": sandbox.base_url("mailchimp")}
            ),
        }
        manage = [sys.executable, "manage.py"]
        root = Path(services.__file__).parent.parent
        subprocess.run([*manage, "migrate", "-v0"], cwd=root, env=env, check=True)
        made = subprocess.run(
            [*manage, "account_create", "--name", "Acme", "--email", "a@acme.test"]
            + ["--format", "json"],
            cwd=root,
            env=env,
            check=True,
            stdout=subprocess.PIPE,
        )
        module = [sys.executable, "-m"]
        for name, command in {
            "web": ["gunicorn", "contactsync.wsgi:application", "--threads", "4"]
            + ["--workers", "2", "--bind", f"127.0.0.1:{port}"],
            "worker": ["celery", "-A", "contactsync", "worker", "--concurrency", "2"]
            + ["--without-gossip", "--without-mingle"],
            "beat": ["celery", "-A", "contactsync", "beat"]
            + ["--schedule", str(home / "beat")],
        }.items():
            # As the supervisor and compose do: a worker that died is started again
            # (kombu's Redis transport gives up when its server vanishes mid-message).
            loop = 'while :; do "$@"; sleep 1; done'
            stack.enter_context(
                running(
                    ["sh", "-c", loop, name, *module, *command],
                    env,
                    home / f"{name}.log",
                )
            )
        it = Product(port, broker, sandbox, json.loads(made.stdout)["secret_key"])
        wait_until(lambda: get(port, "/healthz")[0] == 200)
        _set_up(it)
        yield it


def _set_up(it: Product) -> None:
    """Link, choose an audience, make a display and a rule: by the API alone."""
    status, linked = it.call(
        "POST",
        "linked-accounts",
        {"provider": "mailchimp", "label": "Acme", "credentials": {"api_key": KEY}},
    )
    assert status == 201, linked
    status, reading = it.call("POST", f"linked-accounts/{linked['id']}/test")
    assert (status, reading["title"]) == (200, "Connection Successful")
    status, display = it.call(
        "POST", "displays", {"name": "Popup", "kind": "popup", "status": "live"}
    )
    assert status == 201, display
    it.display = display["id"]
    status, rule = it.call(
        "POST",
        f"displays/{it.display}/rules",
        {
            "linked_account": linked["id"],
            "audience": "a6b5da1054",
            "double_opt_in": False,
            "update_existing": True,
            "mapping": {"first_name": "FNAME"},
            "tags": ["spring"],
            "conditions": [],
            "enabled": True,
        },
    )
    assert status == 201, rule


def test_a_signup_arrives(product: Product) -> None:
    product.signup("ordinary.person@gmail.com")
    wait_until(lambda: product.arrived("ordinary.person@gmail.com"))


def test_a_frozen_redis_holds_up_nobody_and_loses_nobody(product: Product) -> None:
    product.broker.freeze()
    try:
        # Far below what a hanging publish takes, far above a slow machine's 202.
        assert product.signup("frozen.one@gmail.com") < 5
        assert product.signup("frozen.two@gmail.com") < 5
        time.sleep(1)
    finally:
        product.broker.thaw()
    wait_until(lambda: product.arrived("frozen.one@gmail.com"), 90)
    wait_until(lambda: product.arrived("frozen.two@gmail.com"), 90)


def test_a_killed_and_emptied_redis_loses_nobody(product: Product) -> None:
    product.broker.kill9()
    assert product.signup("killed.one@gmail.com") < 5
    product.broker.start()
    assert product.signup("killed.two@gmail.com") < 5
    wait_until(lambda: product.arrived("killed.one@gmail.com"), 120)
    wait_until(lambda: product.arrived("killed.two@gmail.com"), 120)
