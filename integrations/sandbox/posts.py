"""Webhook calls of simulators: to loopback addresses only, in order, each once."""

from __future__ import annotations

import ipaddress
import queue
import threading
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlsplit

from integrations.sandbox.messages import Json

TIMEOUT = 10.0  # seconds
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One webhook call. `type` and `email` are for the record."""

    url: str
    body: bytes
    type: str
    email: str
    headers: Mapping[str, str] = field(default_factory=dict)


def is_loopback(url: str) -> bool:
    """Whether the address may be called from a sandbox."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return False
    if parts.hostname == "localhost":
        return True
    try:
        return ipaddress.ip_address(parts.hostname).is_loopback
    except ValueError:
        return False


class Postman:
    """Makes calls from one thread of its own; `delivered` is the record."""

    def __init__(self) -> None:
        self.delivered: deque[Json] = deque(maxlen=200)
        self._jobs: queue.SimpleQueue[Post] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def submit(self, posts: Iterable[Post]) -> None:
        """Make the calls, soon. Addresses elsewhere are left out."""
        wanted = [post for post in posts if is_loopback(post.url)]
        for post in wanted:
            self._jobs.put(post)
        with self._lock:
            if wanted and self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="sandbox-webhooks", daemon=True
                )
                self._thread.start()

    def _run(self) -> None:
        while True:
            post = self._jobs.get()
            status, error = send(post)
            self.delivered.append(
                {
                    "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
                    "url": post.url,
                    "type": post.type,
                    "email": post.email,
                    "status": status,
                    "error": error,
                }
            )


def send(post: Post) -> tuple[int | None, str]:
    """Make one call: its status, or None and what went wrong."""
    request = urllib.request.Request(
        post.url, data=post.body, headers=dict(post.headers)
    )
    try:
        with _OPENER.open(request, timeout=TIMEOUT) as answer:
            return answer.status, ""
    except urllib.error.HTTPError as error:
        return error.code, ""
    except (OSError, ValueError) as error:
        return None, str(error)
