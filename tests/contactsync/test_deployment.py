"""The production processes, one by one, on a real PostgreSQL and Redis; and the
files that start the same ones in containers."""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from contactsync import settings as product_settings
from contactsync.celery import app
from tests import services
from tests.contactsync.test_supervisor import alive, descendants, wait_for

ROOT = Path(services.__file__).parent.parent
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
PATIENCE = 120.0  # seconds; a busy machine starts a dozen processes slowly
DOCKERFILE = (ROOT / "Dockerfile").read_text()


# --- natively --------------------------------------------------------------------
def container_command(service: str) -> list[str]:
    """What the container of a compose service runs."""
    if "command" in COMPOSE[service]:
        return list(COMPOSE[service]["command"])
    found = re.search(r"^CMD (\[.*?\])", DOCKERFILE, re.MULTILINE | re.DOTALL)
    assert found
    return list(json.loads(found[1].replace("\\\n", "")))


def native(command: list[str], port: int, home: Path) -> list[str]:
    """The same command on this machine: our Python, a free port, our own home."""
    words = [
        word.replace("0.0.0.0:8000", f"127.0.0.1:{port}").replace("/data", str(home))
        for word in command
    ]
    if words[0] == "python":
        return [sys.executable, *words[1:]]
    return [sys.executable, "-m", *words]


@contextmanager
def running(command: list[str], env: Mapping[str, str], log: Path) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        yield
        assert process.poll() is None, log.read_text()
    finally:
        family = descendants(process.pid)
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pid in filter(alive, family):
            os.kill(pid, 9)


def get(port: int, path: str) -> tuple[int, bytes]:
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        link.request("GET", path)
        answer = link.getresponse()
        return answer.status, answer.read()
    except OSError:
        return 0, b""
    finally:
        link.close()


@pytest.mark.pg
@pytest.mark.slow
def test_the_processes_of_the_containers_come_up(tmp_path: Path) -> None:
    port = services.free_port()
    with ExitStack() as stack:
        database = stack.enter_context(services.postgres())
        broker = stack.enter_context(services.redis_server())
        env = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "contactsync.settings",
            "CONTACTSYNC_HOME": str(tmp_path),
            "SECRET_KEY": "only for this test",
            "DATABASE_URL": database.url,
            "BROKER_URL": broker.url,
            "CACHE_URL": broker.url.removesuffix("/0") + "/1",
        }
        migrate = subprocess.run(
            native(container_command("migrate"), port, tmp_path),
            cwd=ROOT,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert migrate.returncode == 0, migrate.stderr
        names = ("web", "worker", "slow", "background", "beat")
        logs = {name: tmp_path / f"{name}.log" for name in names}
        for name, log in logs.items():
            command = native(container_command(name), port, tmp_path)
            stack.enter_context(running(command, env, log))

        def said() -> str:
            return "\n".join(log.read_text() for log in logs.values())

        wait_for(lambda: get(port, "/healthz")[0] == 200, said, PATIENCE)
        wait_for(lambda: get(port, "/readyz")[0] == 200, said, PATIENCE)
        ready = json.loads(get(port, "/readyz")[1])
        assert ready["database"] == {"ok": True, "engine": "postgresql"}
        assert ready["broker"]["ok"] is True
        wait_for(
            lambda: "integrations.sweep" in logs["beat"].read_text(), said, PATIENCE
        )
        wait_for(
            lambda: re.search(
                r"integrations\.sweep\S* succeeded", logs["worker"].read_text()
            ),
            said,
            PATIENCE,
        )


# --- in containers ---------------------------------------------------------------
def test_compose_has_every_process_and_the_right_servers() -> None:
    assert set(COMPOSE) == {
        *("web", "worker", "slow", "background", "beat", "migrate", "postgres", "redis")
    }
    assert COMPOSE["postgres"]["image"] == "postgres:17"
    assert COMPOSE["redis"]["image"] == "redis:7"
    redis = " ".join(COMPOSE["redis"]["command"])
    assert "--maxmemory-policy noeviction" in redis
    assert "--appendonly yes" in redis


@pytest.mark.parametrize("name", ["web", "worker", "slow", "background", "beat"])
def test_nothing_starts_before_what_it_needs(name: str) -> None:
    needs = {key: value["condition"] for key, value in depends_on(name).items()}
    assert needs == {
        "postgres": "service_healthy",
        "redis": "service_healthy",
        "migrate": "service_completed_successfully",
    }


def depends_on(name: str) -> dict[str, Any]:
    found: dict[str, Any] = COMPOSE[name]["depends_on"]
    return found


def test_migrations_run_once_and_wait_for_the_data_base() -> None:
    assert depends_on("migrate") == {"postgres": {"condition": "service_healthy"}}
    assert COMPOSE["migrate"]["restart"] == "no"


@pytest.mark.parametrize(
    "name", ["web", "worker", "slow", "background", "postgres", "redis"]
)
def test_health_is_checked(name: str) -> None:
    assert COMPOSE[name]["healthcheck"]["test"]


@pytest.mark.parametrize(
    "name", ["web", "worker", "slow", "background", "beat", "migrate"]
)
def test_a_missing_secret_stops_the_start(name: str) -> None:
    environment = COMPOSE[name]["environment"]
    assert environment["SECRET_KEY"].startswith("${SECRET_KEY:?")
    assert environment["CREDENTIAL_KEYS"].startswith("${CREDENTIAL_KEYS:?")
    assert "${POSTGRES_PASSWORD:?" in environment["DATABASE_URL"]
    assert COMPOSE["postgres"]["environment"]["POSTGRES_PASSWORD"].startswith(
        "${POSTGRES_PASSWORD:?"
    )


def test_what_must_survive_lies_on_volumes() -> None:
    declared = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["volumes"]
    mounted = {
        mount.partition(":")[0]
        for service in COMPOSE.values()
        for mount in service.get("volumes", [])
    }
    assert mounted == set(declared) == {"home", "postgres", "redis"}


def test_the_image_checks_every_package_and_does_not_run_as_root() -> None:
    assert "pip install --require-hashes -r requirements.lock" in DOCKERFILE
    assert "collectstatic" in DOCKERFILE
    user = DOCKERFILE.index("\nUSER contactsync\n")
    assert user < DOCKERFILE.index("\nCMD ")


def test_every_package_of_the_product_is_in_the_image() -> None:
    apps = {name.partition(".")[0] for name in product_settings.INSTALLED_APPS}
    packages = {name for name in apps if (ROOT / name).is_dir()} | {"templates"}
    assert "contactsync" in packages
    kept = {
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    assert packages | {"manage.py", "requirements.lock"} <= kept
    assert not kept & {"tests", ".env", "var", ".git", ".venv"}


def test_a_message_goes_into_one_queue_only() -> None:
    queues = app.amqp.queues
    assert set(queues) == {"deliver", "slow", "background"}
    bound = {(queue.exchange.name, queue.routing_key) for queue in queues.values()}
    assert len(bound) == 3
    for task, queue in {
        "integrations.drain": "deliver",
        "integrations.sweep": "deliver",
        "integrations.watch": "background",
    }.items():
        assert app.amqp.router.route({}, task)["queue"].name == queue
