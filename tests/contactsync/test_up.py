"""`manage.py up`: the real thing, every process of it, in a home of its own."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import environ
import pytest
from django.core.management.base import CommandError

from contactsync.management.commands import up
from integrations.sandbox.registry import SIMULATORS
from tests.contactsync.test_supervisor import alive, descendants, wait_for
from tests.services import free_port


def options(**changed: object) -> dict[str, object]:
    return {
        "host": "127.0.0.1",
        "port": free_port(),
        "sandbox_port": free_port(),
        "no_sandbox": False,
        "web_workers": 1,
        "demo": True,
        **changed,
    }


def start(home: Path, *words: str) -> subprocess.Popen[str]:
    clean = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    with (home / "output").open("w") as output:
        return subprocess.Popen(
            [sys.executable, up.MANAGE, "up", *words],
            env={**clean, "CONTACTSYNC_HOME": str(home)},
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )


SETTINGS = (
    *(
        "DJANGO_SETTINGS_MODULE",
        "DATABASE_URL",
        "BROKER_URL",
        "CACHE_URL",
        "SECRET_KEY",
    ),
    *("PORT", "SANDBOX_PORT", "BASE_URL", "CONTACTSYNC_PROVIDER_URLS", "LOG_LEVEL"),
)


class Product:
    """A running `manage.py up --demo`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port, self.sandbox_port = free_port(), free_port()
        self.words = ["--demo", "--port", str(self.port), "--web-workers", "1"]
        self.words += ["--sandbox-port", str(self.sandbox_port)]
        self.process = start(home, *self.words)

    @property
    def output(self) -> str:
        return (self.home / "output").read_text()

    def get(self, path: str, port: int | None = None) -> tuple[int, bytes]:
        link = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=20)
        try:
            link.request("GET", path)
            answer = link.getresponse()
            return answer.status, answer.read()
        finally:
            link.close()


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    running = Product(tmp_path_factory.mktemp("a home"))
    try:
        wait_for(
            lambda: "Ctrl-C stops" in running.output or running.process.poll(),
            lambda: running.output,
            seconds=120,
        )
        yield running
    finally:
        family = descendants(running.process.pid)
        running.process.send_signal(signal.SIGINT)
        running.process.wait(60)
        left = [pid for pid in family if alive(pid)]
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        assert not left, running.output


@pytest.mark.slow
def test_every_part_answers_and_the_banner_tells_how_to_go_on(product: Product) -> None:
    assert product.get("/healthz")[0] == 200
    assert product.get("/readyz")[0] == 200
    assert product.get("/", port=product.sandbox_port)[0] == 200
    demo = json.loads((product.home / "demo.json").read_text())
    assert demo["base_url"] == f"http://127.0.0.1:{product.port}"
    assert demo["sandbox_url"] == f"http://127.0.0.1:{product.sandbox_port}"
    for words in (demo["base_url"], demo["email"], demo["password"], demo["display"]):
        assert words in product.output
    assert demo["sandbox_url"] in product.output


@pytest.mark.slow
def test_the_line_of_the_banner_posts_a_signup(product: Product) -> None:
    command = product.output.partition("    curl -i")[2].partition("\n\n")[0]
    done = subprocess.run(
        ["sh", "-c", f"curl -s -i {command}"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert " 202 " in done.stdout.splitlines()[0], done
    assert '"accepted"' in done.stdout


@pytest.mark.slow
def test_a_second_one_in_the_same_home_is_refused(product: Product) -> None:
    second = subprocess.run(
        [sys.executable, up.MANAGE, "up", "--port", str(free_port())],
        env={**os.environ, "CONTACTSYNC_HOME": str(product.home)}
        | {"DJANGO_SETTINGS_MODULE": "contactsync.settings"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert second.returncode == 2
    assert f"already running in {product.home}" in second.stderr
    assert product.process.poll() is None


@pytest.mark.slow
def test_ctrl_c_stops_all_and_says_0(product: Product) -> None:
    family = descendants(product.process.pid)
    names = {name.partition(" ")[0] for name in product.output.splitlines()}
    assert {"web", "sandbox"} <= names
    assert len(family) >= 9, "four shims and at least five processes below them"
    product.process.send_signal(signal.SIGINT)
    assert product.process.wait(60) == 0, product.output
    wait_for(lambda: not [pid for pid in family if alive(pid)])
    assert product.output.endswith("Stopped.\n")


def test_a_taken_port_is_told_with_its_holder_and_the_way_out() -> None:
    wanted = options()
    with (
        socket.create_server(("127.0.0.1", int(str(wanted["port"])))),
        pytest.raises(CommandError) as refusal,
    ):
        up.check_ports(wanted)
    assert f"Port {wanted['port']} is taken by process {os.getpid()}" in str(
        refusal.value
    )
    assert "set PORT=" in str(refusal.value)
    assert refusal.value.returncode == 2


def test_the_sandbox_port_matters_only_with_a_sandbox() -> None:
    wanted = options()
    with socket.create_server(("127.0.0.1", int(str(wanted["sandbox_port"])))):
        with pytest.raises(CommandError, match="set SANDBOX_PORT="):
            up.check_ports(wanted)
        up.check_ports({**wanted, "no_sandbox": True})


def test_the_product_is_pointed_at_the_sandbox_unless_it_was_told_otherwise(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("CONTACTSYNC_PROVIDER_URLS", raising=False)
    monkeypatch.delenv("BASE_URL", raising=False)
    env = up.environment(tmp_path, options(port=81, sandbox_port=82))
    urls = json.loads(env["CONTACTSYNC_PROVIDER_URLS"])
    assert urls["mailchimp"] == "http://127.0.0.1:82/mailchimp"
    assert set(urls) == set(SIMULATORS)
    assert env["BASE_URL"] == "http://127.0.0.1:81"
    none = up.environment(tmp_path, options(no_sandbox=True))
    assert "CONTACTSYNC_PROVIDER_URLS" not in none
    monkeypatch.setenv("CONTACTSYNC_PROVIDER_URLS", '{"mailchimp": "http://x"}')
    monkeypatch.setenv("BASE_URL", "https://shop.example")
    told = up.environment(tmp_path, options())
    assert told["CONTACTSYNC_PROVIDER_URLS"] == '{"mailchimp": "http://x"}'
    assert told["BASE_URL"] == "https://shop.example"


def test_a_demo_keeps_its_mail_in_files_unless_it_has_a_mail_server(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("EMAIL_URL", raising=False)
    home = tmp_path / "ma il"
    env = up.environment(home, options(demo=True))
    found = environ.Env.email_url_config(env["EMAIL_URL"])
    assert found["EMAIL_FILE_PATH"] == str(home / "mail")
    assert "EMAIL_URL" not in up.environment(home, options(demo=False))
    monkeypatch.setenv("EMAIL_URL", "smtp://mail.example:25")
    assert "EMAIL_URL" not in up.environment(home, options(demo=True))


def test_which_processes_run(tmp_path: Path) -> None:
    env = up.environment(tmp_path, options())
    every = up.processes(tmp_path, options(), env)
    assert [one.name for one in every] == [
        *("web", "worker", "slow", "background", "beat", "sandbox")
    ]
    some = up.processes(tmp_path, options(no_sandbox=True), env)
    assert [one.name for one in some] == ["web", "worker", "slow", "background", "beat"]
    assert all(one.argv[0] == sys.executable for one in every)


def test_a_server_that_does_not_answer_is_not_ready() -> None:
    port = free_port()
    assert not up.answers("127.0.0.1", port, "/healthz")
    with socket.create_server(("127.0.0.1", port)) as silent:
        silent.settimeout(5)
        started = time.monotonic()
        assert not up.answers("127.0.0.1", port, "/healthz", patience=0.2)
    assert time.monotonic() - started < 15  # without patience it would be for ever
