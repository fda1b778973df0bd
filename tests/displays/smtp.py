"""A mail server that keeps what it is sent, and refuses what it is told to."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class Post(socketserver.ThreadingTCPServer):
    """``answer(stage, address)``: None to take it, "drop" to break off, else the
    answer, such as ``"550 no such user"``. Stages: connect, rcpt, data. ``said`` is
    called once the sender was told that a mail is taken."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Session)
        self.answer: Callable[[str, str], str | None] = lambda stage, address: None
        self.said: Callable[[str], None] = lambda address: None
        self.taken: list[tuple[str, str]] = []
        self.connections = 0
        self.lock = threading.Lock()

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class Session(socketserver.StreamRequestHandler):
    server: Post

    def say(self, line: str) -> None:
        self.wfile.write(line.encode() + b"\r\n")

    def handle(self) -> None:
        post, address = self.server, ""
        with post.lock:
            post.connections += 1
        self.say(post.answer("connect", "") or "220 here")
        while line := self.rfile.readline().decode().strip():
            word = line.upper()
            if word.startswith("RCPT"):
                address = line.partition("<")[2].partition(">")[0]
                self.say(post.answer("rcpt", address) or "250 ok")
            elif word == "DATA":
                if not self.data(address):
                    return
            elif word == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok")

    def data(self, address: str) -> bool:
        self.say("354 go on")
        text = b""
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            text += line
        said = self.server.answer("data", address)
        if said is None or said == "drop":  # a mail is out before the line breaks
            with self.server.lock:
                self.server.taken.append((address, text.decode()))
        if said == "drop":
            return False
        self.say(said or "250 taken")
        if said is None:
            self.server.said(address)
        return True


@contextmanager
def served() -> Iterator[Post]:
    """A running mail server."""
    with Post() as post:
        thread = threading.Thread(target=post.serve_forever, daemon=True)
        thread.start()
        yield post
        post.shutdown()
        thread.join()


@contextmanager
def post_office(settings: Any) -> Iterator[Post]:
    """A running mail server that the product's settings point to."""
    with served() as post:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", post.port
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
        settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
        settings.EMAIL_TIMEOUT = 3
        yield post
