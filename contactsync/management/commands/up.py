from __future__ import annotations

import argparse
import http.client
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from contactsync import supervisor
from contactsync.supervisor import Child, Supervisor
from integrations.sandbox.registry import SIMULATORS

MAIL = "mail"
"""Folder of a demo's mail below the data: nothing is sent to anybody."""
MANAGE = str(Path(settings.BASE_DIR) / "manage.py")


# A slow provider keeps nobody else waiting, and neither do the chores.
WORKERS = {"worker": "deliver", "slow": "slow", "background": "background"}


class Command(BaseCommand):
    help = (
        "Run everything in one terminal: web, worker, beat and the provider sandbox. "
        "Ctrl-C stops all of it."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        port = os.environ.get
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
        parser.add_argument("--port", type=int, default=port("PORT") or 8000)
        parser.add_argument(
            "--sandbox-port", type=int, default=port("SANDBOX_PORT") or 8025
        )
        parser.add_argument("--no-sandbox", action="store_true")
        parser.add_argument("--web-workers", type=int, default=2)
        parser.add_argument(
            "--demo", action="store_true", help="make a tenant to look around in"
        )

    def handle(self, **options: Any) -> None:
        home = Path(settings.HOME)
        home.mkdir(parents=True, exist_ok=True)
        os.chdir(settings.BASE_DIR)  # where gunicorn and celery find the package
        try:
            with supervisor.only_one(home / "up.lock") as lock:
                check_ports(options)
                code = self.supervise(home, options, lock)
        except supervisor.AlreadyRunning as running:
            raise CommandError(
                f"contactsync is already running in {home} (process {running}). "
                "Stop it first, or set CONTACTSYNC_HOME=... to another folder.",
                returncode=2,
            ) from None
        sys.exit(code)

    def supervise(self, home: Path, options: dict[str, Any], lock: int) -> int:
        env = environment(home, options)
        self.prepare(env, demo=options["demo"])
        children = processes(home, options, env)
        several = Supervisor(children, stream=sys.stdout, lock_fd=lock)

        def announce() -> None:
            several.console.write(banner(home, options, env["BASE_URL"]))

        return several.run(
            lambda: answers(options["host"], options["port"], "/healthz"), announce
        )

    def prepare(self, env: dict[str, str], *, demo: bool) -> None:
        """Data base, static files and demo tenant, each by its own command.

        They run in processes of their own because BASE_URL and the provider
        addresses are known only now, after this process read its settings.
        """
        Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)
        manage(env, "migrate", "--verbosity", "0")
        if "Manifest" in settings.STORAGES["staticfiles"]["BACKEND"]:
            manage(env, "collectstatic", "--noinput", "--verbosity", "0")
        if demo:
            words = (
                ["--sandbox-url", env["SANDBOX_URL"]] if "SANDBOX_URL" in env else []
            )
            manage(env, "demo", *words, quiet=True)


def manage(env: dict[str, str], *arguments: str, quiet: bool = False) -> None:
    """Run one management command to its end; CommandError when it fails."""
    done = subprocess.run(
        [sys.executable, MANAGE, *arguments],
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL if quiet else None,
        check=False,
    )
    if done.returncode:
        raise CommandError(
            f"`manage.py {arguments[0]}` failed (see above)", returncode=done.returncode
        )


def check_ports(options: dict[str, Any]) -> None:
    """CommandError, exit code 2, naming the port, its holder and the way out."""
    wanted = [("PORT", options["host"], options["port"])]
    if not options["no_sandbox"]:
        wanted.append(("SANDBOX_PORT", "127.0.0.1", options["sandbox_port"]))
    for variable, host, port in wanted:
        try:
            free = supervisor.port_is_free(host, port)
        except (PermissionError, OverflowError):
            raise CommandError(
                f"Port {port} cannot be used by this user. Set {variable}=... to a "
                "number from 1024 to 65535.",
                returncode=2,
            ) from None
        if not free:
            holder = supervisor.port_holder(port)
            by = f" by {holder}" if holder else ""
            raise CommandError(
                f"Port {port} is taken{by}. Stop that, or set {variable}=... to a "
                f"free one: make run {variable}={port + 1}",
                returncode=2,
            )


def environment(home: Path, options: dict[str, Any]) -> dict[str, str]:
    """What every child gets on top of this process's environment."""
    env = {
        "CONTACTSYNC_HOME": str(home),
        "PYTHONUNBUFFERED": "1",
        "BASE_URL": os.environ.get("BASE_URL")
        or f"http://{reachable(options['host'])}:{options['port']}",
    }
    if options["demo"] and not os.environ.get("EMAIL_URL"):
        env["EMAIL_URL"] = f"filemail:///{quote(str(home / MAIL))}"
    if not options["no_sandbox"]:
        sandbox = f"http://127.0.0.1:{options['sandbox_port']}"
        env["SANDBOX_URL"] = sandbox
        env["CONTACTSYNC_PROVIDER_URLS"] = os.environ.get(
            "CONTACTSYNC_PROVIDER_URLS"
        ) or json.dumps({slug: f"{sandbox}/{slug}" for slug in SIMULATORS})
    return env


def reachable(host: str) -> str:
    """The address under which a browser on this machine finds a bind address."""
    if host in ("0.0.0.0", "::"):
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def processes(home: Path, options: dict[str, Any], env: dict[str, str]) -> list[Child]:
    """Web, workers, beat and, unless switched off, the sandbox."""
    python = sys.executable
    host = options["host"]
    bind = f"[{host}]" if ":" in host else host
    celery = [python, "-m", "celery", "--quiet", "-A", "contactsync"]
    level = os.environ.get("LOG_LEVEL") or "WARNING"
    # Every ten seconds a line for each sweep would push the banner off the screen;
    # that root starts the worker is a choice made by whoever typed the command.
    background = {
        **env,
        "LOG_LEVEL": level,
        "PYTHONWARNINGS": "ignore:::celery.platforms",
    }
    web = [
        *(python, "-m", "gunicorn", "contactsync.wsgi:application"),
        *("--bind", f"{bind}:{options['port']}", "--worker-class", "gthread"),
        *("--workers", str(options["web_workers"]), "--threads", "4"),
        *("--keep-alive", "30", "--graceful-timeout", "8", "--no-control-socket"),
    ]
    worker = [
        *(*celery, "worker", "--loglevel", level, "--concurrency", "2"),
        *("--without-gossip", "--without-mingle"),
    ]
    beat = [
        *(*celery, "beat", "--loglevel", level),
        *("--schedule", str(home / "beat-schedule")),
    ]
    children = [
        Child(name="web", argv=web, env=env),
        *(
            Child(
                name=name,
                argv=[*worker, "--queues", queue, "--hostname", f"{queue}@%h"],
                env=background,
            )
            for name, queue in WORKERS.items()
        ),
        Child(name="beat", argv=beat, env=background),
    ]
    if not options["no_sandbox"]:
        sandbox = [
            *(python, MANAGE, "sandbox", "--port", str(options["sandbox_port"])),
            *("--state", str(home / "sandbox.sqlite3")),
        ]
        children.append(Child(name="sandbox", argv=sandbox, env=env))
    return children


def answers(host: str, port: int, path: str, *, patience: float = 5.0) -> bool:
    """Whether a GET there is answered with 200 within `patience` seconds."""
    address = host if host not in ("0.0.0.0", "::") else "127.0.0.1"
    connection = http.client.HTTPConnection(address, port, timeout=patience)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def banner(home: Path, options: dict[str, Any], base_url: str) -> str:
    """What a person needs to know once everything runs."""
    lines = ["", f"  contactsync is ready    {base_url}"]
    try:
        demo = json.loads((home / "demo.json").read_text()) if options["demo"] else {}
    except (OSError, ValueError):
        demo = {}
    if demo:
        lines.append(f"  Log in                  {demo['email']}  {demo['password']}")
    if not options["no_sandbox"]:
        port = options["sandbox_port"]
        lines.append(f"  Simulated providers     http://127.0.0.1:{port}/")
    lines.append(f"  API                     {base_url}/api/docs/")
    lines.append(f"  Data                    {home}")
    if demo and not os.environ.get("EMAIL_URL"):
        lines.append(f"  Mail, one file each     {home / MAIL}")
    if demo:
        body = json.dumps(
            {
                "display": demo["display"],
                "email": "ada@fastmail.com",
                "fields": {"first_name": "Ada"},
                "consent": {"given": True, "text": "Yes, send me news."},
            }
        )
        lines += [
            "",
            "  Send a signup:",
            f"    curl -i {base_url}/api/v1/signups \\",
            f"      -H 'Authorization: Bearer {demo['secret_key']}' \\",
            "      -H 'Content-Type: application/json' \\",
            f"      -d '{body}'",
        ]
    lines += ["", "  Ctrl-C stops everything.", "", ""]
    return "\n".join(lines)
