"""A provider to measure against: the little of Mailchimp's API that writing needs.

``POST /3.0/lists/{id}`` takes a batch of members, ``PUT .../members/{hash}`` and
``POST .../members`` take one. Its members are kept, so that it can say how many people
it was given, each once, and when each came. It parses what it gets and answers in the
provider's shape with the members' identity and standing alone; a thread per connection
and plain sockets, so that it costs little beside what is measured.

    python -m bench.stub PORT

``GET /stub/counts``, ``GET /stub/arrivals`` (address to ``time.monotonic``) and
``GET /stub/reset`` are for the benchmark.
"""

from __future__ import annotations

import json
import re
import socket
import sys
import threading
import time
from hashlib import md5
from typing import Any

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
EXISTS = "is already a list member, do you want to update? please provide update flag"


class Book:
    """Who is on which list, and since when."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        self.members: dict[tuple[str, str], float] = {}
        self.calls = 0
        self.rows = 0

    def batch(self, audience: str, content: bytes) -> dict[str, Any]:
        body = json.loads(content)
        at = time.monotonic()
        update = body["update_existing"]
        written: list[dict[str, str]] = []
        updated: list[dict[str, str]] = []
        errors: list[dict[str, str]] = []
        with self.lock:
            self.calls += 1
            self.rows += len(body["members"])
            for row in body["members"]:
                email = row["email_address"]
                if (audience, email) not in self.members:
                    self.members[audience, email] = at
                    written.append(member(email))
                elif update:
                    updated.append(member(email))
                else:
                    errors.append(
                        {
                            "email_address": email,
                            "error": f"{email} {EXISTS}",
                            "error_code": "ERROR_CONTACT_EXISTS",
                        }
                    )
        return {
            "new_members": written,
            "updated_members": updated,
            "errors": errors,
            "total_created": len(written),
            "total_updated": len(updated),
            "error_count": len(errors),
        }

    def one(self, audience: str, content: bytes) -> dict[str, str]:
        email = json.loads(content)["email_address"]
        at = time.monotonic()
        with self.lock:
            self.calls += 1
            self.rows += 1
            self.members.setdefault((audience, email), at)
        return member(email)

    def counts(self) -> dict[str, int]:
        with self.lock:
            found = {"contacts": len(self.members), "calls": self.calls}
            return found | {"rows": self.rows}

    def arrivals(self) -> dict[str, float]:
        with self.lock:
            return {email: at for (_, email), at in self.members.items()}


def member(email: str) -> dict[str, str]:
    key = md5(email.lower().encode(), usedforsecurity=False).hexdigest()
    return {"id": key, "email_address": email, "status": "subscribed"}


def answer(book: Book, method: str, path: str, content: bytes) -> tuple[int, Any]:
    match (method, path.split("?")[0].strip("/").split("/")):
        case ("POST", ["3.0", "lists", audience]):
            return 200, book.batch(audience, content)
        case ("PUT", ["3.0", "lists", audience, "members", _]):
            return 200, book.one(audience, content)
        case ("POST", ["3.0", "lists", audience, "members"]):
            return 200, book.one(audience, content)
        case ("GET", ["stub", "counts"]):
            return 200, book.counts()
        case ("GET", ["stub", "arrivals"]):
            return 200, book.arrivals()
        case ("GET", ["stub", "reset"]):
            with book.lock:
                book.reset()
            return 200, {}
    # Not 404, which would put the account on hold: what else the product looks up in
    # the background is asked again later.
    return 503, {"title": "Not in this stub", "status": 503}


def serve(book: Book, link: socket.socket) -> None:
    """One keep-alive connection to its end."""
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    kept = b""
    while True:
        while b"\r\n\r\n" not in kept:
            part = link.recv(65536)
            if not part:
                return
            kept += part
        head, _, kept = kept.partition(b"\r\n\r\n")
        found = LENGTH.search(head)
        length = int(found[1]) if found else 0
        body = bytearray(kept[:length])
        kept = kept[length:]
        while len(body) < length:
            part = link.recv(min(1 << 20, length - len(body)))
            if not part:
                return
            body += part
        method, path, _ = head.split(b"\r\n", 1)[0].decode().split(" ", 2)
        status, said = answer(book, method, path, bytes(body))
        content = json.dumps(said, separators=(",", ":")).encode()
        link.sendall(
            f"HTTP/1.1 {status} OK\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(content)}\r\n\r\n".encode()
            + content
        )


def guarded(book: Book, link: socket.socket) -> None:
    with link:
        try:
            serve(book, link)
        except ConnectionError:
            return


def main(port: int) -> None:
    book = Book()
    with socket.create_server(("127.0.0.1", port), backlog=128) as server:
        while True:
            link, _ = server.accept()
            threading.Thread(target=guarded, args=(book, link), daemon=True).start()


if __name__ == "__main__":
    main(int(sys.argv[1]))
