"""The servers that the tests bring along do what their names say."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import psycopg2.extensions
import pytest
import redis

from tests import services

# Real processes: `make test-fast` leaves them to `make test`.
pytestmark = pytest.mark.slow

KEEPER = """
import sys, time
from tests import services
with services.postgres() as database, services.redis_server() as broker:
    print(database.pid, broker.pid, flush=True)
    time.sleep(600)
"""
ROOT = Path(services.__file__).parent.parent


@pytest.fixture(scope="module", params=["installed", "packaged"])
def database(request: pytest.FixtureRequest) -> Iterator[services.Postgres]:
    with _prefer(request.param), services.postgres(fsync=True) as server:
        yield server


@contextlib.contextmanager
def _prefer(servers: str) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONTACTSYNC_TEST_SERVERS", servers)
        yield


def session(server: services.Postgres) -> psycopg2.extensions.connection:
    one = psycopg2.connect(server.url, connect_timeout=5)
    one.autocommit = True
    return one


def ask(server: services.Postgres, sql: str) -> object:
    with contextlib.closing(session(server)) as one, one.cursor() as cursor:
        cursor.execute(sql)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def test_postgres_is_real_and_recent(database: services.Postgres) -> None:
    assert int(str(ask(database, "SHOW server_version_num"))) >= 140000
    assert ask(database, "SHOW fsync") == "on"
    assert ask(database, "SHOW server_encoding") == "UTF8"
    assert ask(database, "SELECT rolcreatedb FROM pg_roles WHERE rolname=current_user")


def test_postgres_refuses_a_stranger(database: services.Postgres) -> None:
    guess = database.url.replace(database.password, "guess")
    with pytest.raises(psycopg2.OperationalError, match="password"):
        psycopg2.connect(guess)


def test_postgres_never_runs_as_root(database: services.Postgres) -> None:
    owner = Path(f"/proc/{database.pid}").stat().st_uid
    assert owner != 0
    assert owner == (database.data.stat().st_uid)


@pytest.mark.parametrize("how", ["fast", "immediate", "kill9"])
def test_what_was_committed_is_there_after_a_crash(
    database: services.Postgres, how: str
) -> None:
    ask(database, f'CREATE TABLE "{how}" AS SELECT 42 AS answer')
    held = session(database)
    port = database.port
    if how == "kill9":
        database.kill9()
    else:
        database.stop(how)
    assert not database.running
    held.close()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=2)
    database.start()
    assert database.port == port
    assert ask(database, f'SELECT answer FROM "{how}"') == 42


def test_a_copy_runs_from_where_nobody_may_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root has to hide from itself")
    real = services._open_to_all
    monkeypatch.setattr(
        services,
        "_open_to_all",
        lambda path: real(path) and "site-packages" not in path.parts,
    )
    with _prefer("packaged"), services.postgres() as server:
        assert ask(server, "SELECT 1") == 1
        assert ask(server, "SHOW fsync") == "off"
        program = Path(f"/proc/{server.pid}/exe").readlink()
        assert program.is_relative_to(server.folder)
    assert not server.folder.exists()


@pytest.mark.parametrize("servers", ["installed", "packaged"])
def test_redis_stops_freezes_and_comes_back_empty(servers: str) -> None:
    with _prefer(servers), services.redis_server() as server:
        with redis.Redis.from_url(server.url, socket_timeout=5) as client:
            client.set("key", "value")
            assert client.config_get("maxmemory-policy") == {
                "maxmemory-policy": "noeviction"
            }
        server.freeze()
        with socket.create_connection(("127.0.0.1", server.port), timeout=0.3) as hung:
            hung.sendall(b"PING\r\n")
            with pytest.raises(TimeoutError):
                hung.recv(16)
        server.thaw()
        server.ping()
        server.kill9()
        with pytest.raises(OSError):
            server.ping()
        server.start()
        with redis.Redis.from_url(server.url, socket_timeout=5) as client:
            assert client.get("key") is None
        server.freeze()
    assert not server.running, "a frozen server is cleaned up like any other"
    assert not server.folder.exists()


def test_redis_keeps_what_it_holds_when_asked_to() -> None:
    with services.redis_server(persist=True) as server:
        with redis.Redis.from_url(server.url, socket_timeout=5) as client:
            client.set("key", "value")
        server.kill9()
        server.start()
        with redis.Redis.from_url(server.url, socket_timeout=5) as client:
            assert client.get("key") == b"value"


def test_a_server_that_cannot_start_says_why() -> None:
    with services.redis_server() as server:
        other = services.Redis(server.folder, server.command()[0], persist=False)
        other.port = server.port
        with pytest.raises(services.ServiceError, match="Address already in use"):
            other.start()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's help is needed")
def test_servers_end_with_a_killed_test_run() -> None:
    keeper = subprocess.Popen(
        [sys.executable, "-c", KEEPER],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert keeper.stdout is not None
    with keeper.stdout:
        pids = [int(word) for word in keeper.stdout.readline().split()]
    assert len(pids) == 2
    keeper.send_signal(signal.SIGKILL)
    keeper.wait()
    deadline = time.monotonic() + 60
    while any(services._alive(pid) for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.05)
