"""The sandbox as a process of its own: gunicorn, signals, sockets."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from django.core.management import call_command
from django.core.management.base import CommandError

from integrations.sandbox.server import is_loopback
from tests.integrations.sandbox.helpers import KEY, member_path, soon
from tests.services import free_port

# Real processes: `make test-fast` leaves them to `make test`.
pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
NEW = "new@shop.example"


class Process:
    """A sandbox started from the command line."""

    def __init__(self, *command: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.session = requests.Session()
        self.session.auth = ("x", KEY)
        self.popen = subprocess.Popen(
            [sys.executable, *command, "--port", str(self.port)],
            cwd=ROOT,
            start_new_session=True,
        )
        soon(self.answers)

    def answers(self) -> bool:
        assert self.popen.poll() is None, "the sandbox ended at once"
        try:
            return requests.get(f"{self.url}/_control/", timeout=30).ok
        except requests.ConnectionError:
            return False

    def api(self, method: str, path: str, timeout: float = 10) -> requests.Response:
        body = {"email_address": NEW, "status_if_new": "subscribed"}
        return self.session.request(
            method, f"{self.url}/mailchimp/3.0{path}", json=body, timeout=timeout
        )

    def faults(self, **faults: object) -> None:
        url = f"{self.url}/_control/mailchimp/faults"
        assert requests.put(url, json=faults, timeout=10).status_code == 200

    def kill(self) -> None:
        """kill -9 for the server and its worker."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait(timeout=60)
        self.session.close()


@pytest.fixture(scope="module")
def process() -> Iterator[Process]:
    process = Process("-m", "integrations.sandbox")
    yield process
    process.kill()


@pytest.fixture(autouse=True)
def at_rest(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "process" in request.fixturenames:
        request.getfixturevalue("process").faults()


def test_keep_alive(process: Process) -> None:
    for _ in range(3):
        assert process.api("GET", "/ping").headers["Connection"] == "keep-alive"


def test_drop(process: Process) -> None:
    process.faults(drop=True)
    with pytest.raises(requests.ConnectionError):
        process.api("GET", "/ping")


def test_truncate(process: Process) -> None:
    process.faults(truncate=True)
    with pytest.raises(
        (requests.exceptions.ChunkedEncodingError, requests.ConnectionError)
    ):
        process.api("GET", "/lists")


def test_accept_and_fall_silent(process: Process) -> None:
    process.faults(timeout_after_accept=True)
    with pytest.raises(requests.ReadTimeout):
        process.api("PUT", member_path(NEW), timeout=0.4)
    process.faults()
    soon(lambda: process.api("GET", member_path(NEW)).ok)
    assert process.api("GET", member_path(NEW)).json()["status"] == "subscribed"


def test_chunked_bodies_arrive(process: Process) -> None:
    body = iter([b'{"email_address": "chunk@shop.example",', b'"status": "pending"}'])
    url = f"{process.url}/mailchimp/3.0/lists/a6b5da1054/members"
    answer = process.session.post(url, data=body, timeout=10)
    assert answer.json()["status"] == "pending"


def test_kill_nine_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    command = ("-m", "integrations.sandbox", "--state", str(tmp_path / "s.sqlite3"))
    first = Process(*command)
    try:
        assert first.api("PUT", member_path(NEW)).status_code == 200
    finally:
        first.kill()
    second = Process(*command)
    try:
        assert second.api("GET", member_path(NEW)).json()["email_address"] == NEW
    finally:
        second.kill()


def test_sigterm_is_quick_even_with_a_held_call() -> None:
    process = Process("manage.py", "sandbox")
    try:
        process.faults(timeout_after_accept=True)
        failed = threading.Event()

        def wait_for_an_answer() -> None:
            try:
                process.api("GET", "/ping", timeout=90)
            except requests.ConnectionError:
                failed.set()

        held = threading.Thread(target=wait_for_an_answer)
        held.start()
        requested = f"{process.url}/_control/mailchimp/requests"
        soon(lambda: requests.get(requested, timeout=30).json()["requests"])
        started = time.monotonic()
        process.popen.send_signal(signal.SIGTERM)
        assert process.popen.wait(timeout=60) == 0
        assert time.monotonic() - started < 15  # the call would be held for minutes
        held.join(timeout=60)
        assert failed.is_set()
    finally:
        process.kill()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "sandbox.example"])
def test_other_machines_are_kept_out(host: str) -> None:
    with pytest.raises(CommandError, match="loopback addresses only.*--public"):
        call_command("sandbox", "--host", host)
    assert not is_loopback(host)


def test_the_module_says_why_too() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "integrations.sandbox", "--host", "0.0.0.0"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert ended.returncode == 2
    assert "accepts any key" in ended.stderr


def test_it_runs_without_django() -> None:
    script = (
        "import sys; import integrations.sandbox.server, integrations.sandbox.testing;"
        "print([m for m in sys.modules if m.split('.')[0] == 'django'])"
    )
    found = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert found.stdout.strip() == "[]"
