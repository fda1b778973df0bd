"""A Mailchimp that takes everybody at once, or as slowly as it is told to.

The simulator of the sandbox checks, keeps and shows; this one only counts, so that a
million contacts cost little. Who calls is told by the API key.
"""

from __future__ import annotations

import base64
import contextlib
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

from integrations.sandbox.threaded import ThreadedServer

AUDIENCE = "a1"
LISTS = {
    "lists": [{"id": AUDIENCE, "name": "News", "double_optin": False}],
    "total_items": 1,
}
FIELDS = {
    "merge_fields": [{"tag": "FNAME", "name": "First Name", "type": "text"}],
    "total_items": 1,
}


@dataclass(slots=True)
class Stub:
    """What arrived, by API key. ``seconds``: how long each write takes, by key."""

    url: str = ""
    seconds: dict[str, float] = field(default_factory=dict)
    arrived: dict[str, float] = field(default_factory=dict)  # address -> monotonic
    counts: Counter[str] = field(default_factory=Counter)  # rows, by key
    times: Counter[str] = field(default_factory=Counter)  # writes, by address
    open: Counter[str] = field(default_factory=Counter)  # writes under way, by key
    lock: threading.Lock = field(default_factory=threading.Lock)
    # Held during a write by who is in it: then one comes after the other.
    queue: dict[str, threading.Lock] = field(default_factory=dict)

    def take(self, key: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Write these members; how each of them is answered."""
        with self.lock:
            self.open[key] += 1
        with self.queue.get(key, contextlib.nullcontext()):
            time.sleep(self.seconds.get(key, 0.0))
        at = time.monotonic()
        with self.lock:
            self.open[key] -= 1
            self.counts[key] += len(rows)
            for row in rows:
                email = str(row["email_address"])
                if not email.startswith("many"):
                    self.times[email] += 1
                    self.arrived.setdefault(email, at)
        return [
            {"email_address": row["email_address"], "id": "m", "status": "subscribed"}
            for row in rows
        ]


def key_of(authorization: str) -> str:
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "basic":
        return base64.b64decode(value).decode().partition(":")[2]
    return value


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: ThreadedServer

    def do_GET(self) -> None:
        path = urlsplit(self.path).path.rstrip("/")
        if path == "/3.0":
            return self._answer({"account_name": "Stub", "email": "stub@own.test"})
        if path == "/3.0/lists":
            return self._answer(LISTS)
        if path.endswith("/merge-fields"):
            return self._answer(FIELDS)
        return self._answer(
            {"id": AUDIENCE, "tags": [], "members": [], "total_items": 0}
        )

    def do_POST(self) -> None:
        body = self._body()
        rows = body.get("members")
        if rows is None:  # a tag
            return self._answer({})
        self._answer({"new_members": self._take(rows), "updated_members": []})

    def do_PUT(self) -> None:
        self._answer(self._take([self._body()])[0])

    def _take(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        stub: Stub = self.server.app
        return stub.take(key_of(self.headers.get("Authorization", "")), rows)

    def _body(self) -> dict[str, Any]:
        size = int(self.headers.get("Content-Length") or 0)
        document: dict[str, Any] = json.loads(self.rfile.read(size) or b"{}")
        return document

    def _answer(self, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@contextlib.contextmanager
def running_stub() -> Iterator[Stub]:
    """A stub that is being served."""
    stub = Stub()
    server = ThreadedServer("127.0.0.1", 0, stub)
    server.RequestHandlerClass = _Handler
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    )
    thread.start()
    stub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)
