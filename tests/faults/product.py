"""The running product: web, workers and beat, on either engine."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg2

from tests import services
from tests.faults.programs import ROOT, Keeper, Program

ENGINES = ("postgresql", "sqlite")
HURRIED = "tests.faults.hurried"
LEASE_SECONDS = 25  # longer than a task may run (hurried.TASK_SECONDS)
PATIENCE = 300.0  # seconds until all processes answer, on a busy machine


@dataclass(slots=True)
class Product:
    """The processes, and the ways in: the API with an sk_ key, and the data base."""

    engine: str
    home: Path
    env: Mapping[str, str]
    port: int
    keeper: Keeper
    database: services.Postgres | None = None
    broker: services.Redis | None = None
    web: Program = field(init=False)
    beat: Program = field(init=False)
    workers: list[Program] = field(default_factory=list)
    hurried: bool = True
    key: str = ""  # of the first tenant
    keys: dict[str, str] = field(default_factory=dict)  # tenant -> sk_ key

    @property
    def app(self) -> str:
        """The module of the Celery app."""
        return HURRIED if self.hurried else "contactsync"

    def program(self, name: str, words: Sequence[str], **env: str) -> Program:
        """Start one more process and keep it running."""
        program = Program(name, words, {**self.env, **env}, self.home)
        return self.keeper.add(program)

    def worker(self, name: str, *words: str, processes: int = 2) -> Program:
        one = self.program(
            name,
            ["celery", "-A", self.app, "worker", "-n", f"{name}@%h", "--concurrency"]
            + [str(processes), "--without-gossip", "--without-mingle"]
            + ["--loglevel", "INFO", *words],
        )
        self.workers.append(one)
        return one

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str = "",
        headers: Mapping[str, str] | None = None,
        seconds: float = 30,
    ) -> tuple[int, Any]:
        """Status and JSON of one call under /api/v1/. Raises OSError and
        HTTPException when there is no whole answer."""
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        try:
            link.request(
                method,
                f"/api/v1/{path}",
                json.dumps(body) if body is not None else None,
                {
                    "Authorization": f"Bearer {key or self.key}",
                    "Content-Type": "application/json",
                    **(headers or {}),
                },
            )
            answer = link.getresponse()
            text = answer.read()
            try:
                return answer.status, json.loads(text or b"null")
            except ValueError:
                return answer.status, text.decode(errors="replace")
        finally:
            link.close()

    def must(self, method: str, path: str, body: Any = None, *, key: str = "") -> Any:
        """The JSON of a call that must succeed; repeated while nobody answers."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                status, answer = self.call(method, path, body, key=key)
            except (OSError, http.client.HTTPException) as error:
                status, answer = 503, repr(error)
            if status < 300:
                return answer
            assert status >= 500 and time.monotonic() < deadline, (path, status, answer)
            time.sleep(0.3)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What the data base answers; text and numbers, JSON as text."""
        if self.database is None:
            path = f"file:{self.home / 'contactsync.db'}?mode=ro"
            with contextlib.closing(
                sqlite3.connect(path, uri=True, timeout=20)
            ) as session:
                return session.execute(query).fetchall()
        with contextlib.closing(psycopg2.connect(self.database.url)) as session:
            cursor = session.cursor()
            cursor.execute(query)
            return [tuple(row) for row in cursor.fetchall()]

    def link(self, label: str, api_key: str, *, key: str = "") -> str:
        """Link a Mailchimp account and test it; its id."""
        linked = self.must(
            "POST",
            "linked-accounts",
            {
                "provider": "mailchimp",
                "label": label,
                "credentials": {"api_key": api_key},
            },
            key=key,
        )
        self.must("POST", f"linked-accounts/{linked['id']}/test", key=key)
        return str(linked["id"])

    def display(self, linked: str, audience: str, *, key: str = "") -> str:
        """A live display with one rule to an audience; the display's id."""
        made = self.must(
            "POST",
            "displays",
            {"name": "Popup", "kind": "popup", "status": "live"},
            key=key,
        )
        self.must(
            "POST",
            f"displays/{made['id']}/rules",
            {
                "linked_account": linked,
                "audience": audience,
                "double_opt_in": False,
                "update_existing": True,
                "mapping": {"first_name": "FNAME"},
                "tags": [],
                "conditions": [],
                "enabled": True,
            },
            key=key,
        )
        return str(made["id"])

    def logs(self) -> str:
        """The ends of all logs."""
        return "\n".join(
            f"--- {program.name}, started {program.starts} times\n{program.tail()}"
            for program in self.keeper.programs
        )


def wait_until(true: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
        time.sleep(0.1)


def answers(product: Product) -> bool:
    with contextlib.suppress(OSError, http.client.HTTPException):
        return product.call("GET", "providers", key="none", seconds=5)[0] in (401, 403)
    return False


@contextlib.contextmanager
def product(
    engine: str,
    home: Path,
    providers: Mapping[str, str],
    *,
    tenants: Sequence[str] = ("Acme",),
    hurried: bool = True,
    durable: bool = True,
    lease: int = LEASE_SECONDS,
    more: Mapping[str, str] | None = None,
) -> Iterator[Product]:
    """Start web and beat, make tenants, and wait until the web server answers.

    providers: slug -> URL that stands for the provider's scheme and host. durable:
    whether PostgreSQL writes so that an immediate stop loses nothing. more: settings
    of this run.
    """
    with ExitStack() as stack:
        database = broker = None
        env = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "contactsync.settings",
            "CONTACTSYNC_HOME": str(home),
            "SECRET_KEY": "only for this test",
            "CONTACTSYNC_PROVIDER_URLS": json.dumps(dict(providers)),
            "LEASE_SECONDS": str(lease),
            "API_RATE_PER_KEY": "1000000/min",
            "SIGNUP_RATE_PER_KEY": "1000000/min",
            **(more or {}),
        }
        for name in ("DATABASE_URL", "BROKER_URL", "CACHE_URL"):
            env.pop(name, None)
        if engine == "postgresql":
            database = stack.enter_context(services.postgres(fsync=durable))
            broker = stack.enter_context(services.redis_server())
            env["DATABASE_URL"] = database.url
            env["BROKER_URL"] = broker.url
            env["CACHE_URL"] = broker.url.removesuffix("/0") + "/1"
        prepared = subprocess.run(
            [sys.executable, "-m", "tests.faults.prepare", *tenants],
            cwd=ROOT,
            env=env,
            check=True,
            stdout=subprocess.PIPE,
        )
        keys = json.loads(prepared.stdout)
        keeper = stack.enter_context(Keeper())
        it = Product(
            engine,
            home,
            env,
            services.free_port(),
            keeper,
            database,
            broker,
            hurried=hurried,
            key=keys[tenants[0]],
            keys=keys,
        )
        wsgi = HURRIED if hurried else "contactsync.wsgi"
        it.web = it.program(
            "web",
            ["gunicorn", f"{wsgi}:application", "--workers", "2", "--threads", "4"]
            + ["--bind", f"127.0.0.1:{it.port}"],
        )
        it.beat = it.program(
            "beat",
            [
                "celery",
                "-A",
                it.app,
                "beat",
                "--loglevel",
                "INFO",
                "--schedule",
                str(home / "beat"),
            ],
        )
        wait_until(lambda: answers(it), PATIENCE, "the web server answers")
        yield it
