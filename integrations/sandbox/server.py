"""Serving the sandbox: gunicorn, one process, many threads."""

from __future__ import annotations

import argparse
import ipaddress
import sys
from typing import Any

from gunicorn.app.base import BaseApplication

from integrations.sandbox.app import Sandbox, make_app

DEFAULT_PORT = 8901
NOT_LOOPBACK = (
    "The sandbox accepts any key and lets everybody who reaches it read and change"
    " its data, so it listens on loopback addresses only. Add --public if the network"
    " {host} is on is one where that is fine."
)


class NotLoopback(Exception):
    """The host is reachable from elsewhere and --public was not given."""


class SandboxServer(BaseApplication):  # type: ignore[misc]
    """gunicorn with the sandbox's settings, no configuration file, no arguments."""

    def __init__(self, host: str, port: int, state_path: str | None) -> None:
        self.host, self.port, self.state_path = host, port, state_path
        super().__init__()

    def load_config(self) -> None:
        settings: dict[str, Any] = {
            "bind": [
                f"[{self.host}]:{self.port}"
                if ":" in self.host
                else f"{self.host}:{self.port}"
            ],
            "worker_class": "gthread",
            # State lives in the process: more workers would not see each other.
            "workers": 1,
            "threads": 32,
            "keepalive": 15,
            # Held and slow answers would keep a leaving worker; nothing is lost.
            "graceful_timeout": 1,
            "timeout": 0,
            "loglevel": "warning",
            "proc_name": "contactsync-sandbox",
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Sandbox:
        return make_app(self.state_path)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the host."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of every way to start it."""
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT)
    parser.add_argument(
        "--state", metavar="PATH", help="SQLite file that keeps members over restarts"
    )
    parser.add_argument(
        "--public",
        action="store_true",
        help="allow a host that other machines can reach",
    )


def serve(*, host: str, port: int, state: str | None, public: bool) -> None:
    """Serve until SIGTERM or SIGINT. Raises NotLoopback."""
    if not public and not is_loopback(host):
        raise NotLoopback(NOT_LOOPBACK.format(host=host))
    shown = f"[{host}]" if ":" in host else host
    print(f"Provider sandbox on http://{shown}:{port}/", file=sys.stderr, flush=True)
    SandboxServer(host, port, state).run()


def main(arguments: list[str] | None = None) -> int:
    """``python -m integrations.sandbox``; the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m integrations.sandbox",
        description="Simulated email tools with a fault dial.",
    )
    add_arguments(parser)
    options = parser.parse_args(arguments)
    try:
        serve(
            host=options.host,
            port=options.port,
            state=options.state,
            public=options.public,
        )
    except NotLoopback as error:
        print(error, file=sys.stderr)
        return 2
    return 0
