"""Names and small helpers shared by the sandbox tests."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import requests

KEY = "0123456789abcdef0123456789abcdef-us6"
NEWSLETTER = "a6b5da1054"
VIP = "c1f83e07b2"

SUBSCRIBED = "grace.hopper@compilers.example"
LEFT = "alan.turing@bletchley.example"  # by their own hand
REMOVED = "edsger.dijkstra@paths.example"  # unsubscribed by an admin
BOUNCED = "charles.babbage@engines.example"
PENDING = "hedy.lamarr@spectrum.example"  # on VIP


def soon(check: Callable[[], Any], seconds: float = 60) -> Any:
    """What `check` finds, as soon as it finds something. For what another thread or
    process does after it has answered, or after its caller has gone."""
    deadline = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return found


def md5(email: str) -> str:
    return hashlib.md5(email.lower().encode()).hexdigest()


def member_path(email: str, audience: str = NEWSLETTER) -> str:
    return f"/lists/{audience}/members/{md5(email)}"


def problem_of(error: Any) -> dict[str, Any]:
    """The problem document inside the SDK's error."""
    text = error.value.text
    return json.loads(text) if isinstance(text, str) else text


@dataclass
class Api:
    """The provider's interface over plain HTTP."""

    base: str
    session: requests.Session

    def __call__(
        self, method: str, path: str, body: Any = None, **kwargs: Any
    ) -> requests.Response:
        return self.session.request(
            method,
            self.base + path,
            json=body,
            timeout=kwargs.pop("timeout", 10),
            **kwargs,
        )

    def put(self, email: str, audience: str = NEWSLETTER, **body: Any) -> Any:
        """Upsert; `status_if_new` is subscribed unless given."""
        body = {"email_address": email, "status_if_new": "subscribed", **body}
        return self("PUT", member_path(email, audience), body)

    def batch(self, *members: Any, audience: str = NEWSLETTER, **body: Any) -> Any:
        """POST /lists/{id}; addresses become subscribed members."""
        rows = [
            {"email_address": m, "status": "subscribed"} if isinstance(m, str) else m
            for m in members
        ]
        return self("POST", f"/lists/{audience}", {"members": rows, **body})
