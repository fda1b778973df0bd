"""A post office between simulators and the product.

Simulators call a real address on this machine. What comes in is kept, and the test
hands it to the product itself, so that one thread alone uses the data base. GET is
answered at once, as the product does.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from django.test import Client

SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Call:
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Relay:
    """``answers`` are the status codes that the product gave."""

    url: str
    calls: queue.SimpleQueue[Call] = field(default_factory=queue.SimpleQueue)
    answers: list[int] = field(default_factory=list)

    def deliver(self) -> None:
        """Hand over what has come in."""
        while not self.calls.empty():
            call = self.calls.get()
            content_type = call.headers.pop("Content-Type", "")
            answer = Client().post(
                call.path, call.body, content_type=content_type, headers=call.headers
            )
            self.answers.append(answer.status_code)

    def soon(self, check: Callable[[], Any]) -> Any:
        """What ``check`` finds within some seconds, while calls are handed over."""
        until = time.monotonic() + SECONDS
        while True:
            self.deliver()
            if found := check():
                return found
            assert time.monotonic() < until, f"nothing came back: {self.answers}"
            time.sleep(0.02)


@contextlib.contextmanager
def running_relay() -> Iterator[Relay]:
    calls: queue.SimpleQueue[Call] = queue.SimpleQueue()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            calls.put(Call(self.path, dict(self.headers.items()), body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield Relay(f"http://127.0.0.1:{server.server_port}", calls)
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)
