"""A sandbox for tests: a real server on a free loopback port."""

from __future__ import annotations

import contextlib
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from integrations.sandbox.app import Sandbox, make_app
from integrations.sandbox.threaded import ThreadedServer

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class ControlRefused(Exception):
    """A control call was answered with an error; `status` and `document` have it."""

    def __init__(self, status: int, document: Any) -> None:
        super().__init__(f"{status}: {document}")
        self.status = status
        self.document = document


@dataclass(slots=True)
class RunningSandbox:
    """A sandbox that is being served. `url` has no slash at its end."""

    url: str
    app: Sandbox

    def base_url(self, slug: str) -> str:
        """What stands for the provider's scheme and host."""
        return f"{self.url}/{slug}"

    def control(
        self, method: str, path: str, document: Any = None, **query: str
    ) -> Any:
        """Make a control call, ``("PUT", "mailchimp/faults", {...})``; its JSON answer.

        Raises ControlRefused.
        """
        address = f"{self.url}/_control/{quote(path)}"
        if query:
            address += f"?{urlencode(query)}"
        body = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(address, data=body, method=method)
        try:
            with _OPENER.open(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                raise ControlRefused(error.code, json.load(error)) from None

    def faults(self, slug: str = "mailchimp", **faults: Any) -> None:
        """Set the whole dial; with none given, turn it to rest."""
        self.control("PUT", f"{slug}/faults", faults)

    def members(
        self, slug: str = "mailchimp", email: str = "", audience: str = ""
    ) -> list[dict[str, Any]]:
        """Members as the control interface shows them."""
        answer = self.control("GET", f"{slug}/members", email=email, audience=audience)
        return answer["members"]  # type: ignore[no-any-return]

    def member(self, email: str, slug: str = "mailchimp", audience: str = "") -> Any:
        """The one member with this address, or None."""
        rows = self.members(slug, email, audience)
        return rows[0] if rows else None

    def requests(self, slug: str = "mailchimp") -> list[dict[str, Any]]:
        """Requests that arrived at the provider, newest last."""
        return self.control("GET", f"{slug}/requests")["requests"]  # type: ignore[no-any-return]

    def reset(self) -> None:
        """Everything back to the seed."""
        self.control("POST", "reset")


@contextlib.contextmanager
def running_sandbox(
    state_path: str | Path | None = None, *, port: int = 0
) -> Iterator[RunningSandbox]:
    """Serve a sandbox in a thread for as long as the block lasts."""
    app = make_app(state_path)
    server = ThreadedServer("127.0.0.1", port, app)
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    )
    thread.start()
    try:
        yield RunningSandbox(f"http://127.0.0.1:{server.server_port}", app)
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)
        app.close()
