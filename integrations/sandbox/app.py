"""The WSGI application.

``/<slug>/<the provider's own path>`` is the provider, ``/_control/`` sets faults and
plays the people, ``/`` is a page to do the same by hand.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import traceback
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from integrations.sandbox import control, page
from integrations.sandbox.base import Simulator
from integrations.sandbox.messages import (
    BodyTooLarge,
    Environ,
    Request,
    Response,
    json_response,
    read_request,
)
from integrations.sandbox.registry import SIMULATORS
from integrations.sandbox.store import Store
from integrations.sandbox.wire import StartResponse, send

STATE_VARIABLE = "CONTACTSYNC_SANDBOX_STATE"


class Sandbox:
    """All simulators behind one WSGI callable. `state_path` is a SQLite file."""

    def __init__(self, state_path: str | Path | None = None) -> None:
        self.store = Store(state_path)
        self.simulators: dict[str, Simulator] = {
            slug: kind(self.store) for slug, kind in SIMULATORS.items()
        }

    def __call__(
        self, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        with contextlib.ExitStack() as stack:
            return send(self._respond(environ, stack), environ, start_response)

    def _respond(self, environ: Environ, stack: contextlib.ExitStack) -> Response:
        path = (
            (environ.get("PATH_INFO") or "/")
            .encode("latin-1")
            .decode("utf-8", "replace")
        )
        slug, _, rest = path.lstrip("/").partition("/")
        simulator = self.simulators.get(slug)
        try:
            if simulator is None:
                return self._own(read_request(environ, path))
            request = read_request(environ, f"/{rest}", f"/{slug}")
            # Open until the answer is sent, or held back for long enough.
            crowded = stack.enter_context(simulator.connection(request))
            return simulator.handle(request, crowded)
        except BodyTooLarge:
            return json_response({}, 413)
        except Exception:
            traceback.print_exc(file=sys.stderr)
            bug = {"error": {"field": "", "detail": "The sandbox has a bug."}}
            return json_response(bug, 500)

    def close(self) -> None:
        """Close the state file."""
        self.store.close()

    def _own(self, request: Request) -> Response:
        if request.method not in ("GET", "HEAD") and _from_elsewhere(request):
            detail = "Requests from other sites' pages are refused."
            return json_response({"error": {"field": "origin", "detail": detail}}, 403)
        if request.path == "/_control" or request.path.startswith("/_control/"):
            return control.answer(self.simulators, request)
        return page.answer(self.simulators, request)


def _from_elsewhere(request: Request) -> bool:
    """Whether a browser sent this for a page of another site."""
    origin = request.headers.get("origin")
    if origin is None:
        return request.headers.get("sec-fetch-site", "none") == "cross-site"
    return urlsplit(origin).netloc != request.headers.get("host")


def make_app(state_path: str | Path | None = None) -> Sandbox:
    """A sandbox of its own; without a path it forgets everything when it ends."""
    return Sandbox(state_path)


_default: Sandbox | None = None
_default_lock = threading.Lock()


def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """For WSGI servers; $CONTACTSYNC_SANDBOX_STATE names the state file, if any."""
    global _default
    with _default_lock:
        if _default is None:
            _default = make_app(os.environ.get(STATE_VARIABLE) or None)
    return _default(environ, start_response)
