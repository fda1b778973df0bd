"""Answers on the wire, and the ways to break them."""

from __future__ import annotations

import contextlib
import select
import socket
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from integrations.sandbox.messages import Environ, Response, Wire

HOLD_SECONDS = 150.0  # longer than any sane client waits
_SOCKET_KEYS = ("gunicorn.socket", "sandbox.socket", "werkzeug.socket")

StartResponse = Callable[..., Callable[[bytes], Any]]


def send(
    response: Response, environ: Environ, start_response: StartResponse
) -> Iterable[bytes]:
    """Answer a WSGI call with `response`, broken as its `wire` says.

    Breaking needs the client's socket. Servers that do not hand it out get the
    nearest thing they can do: an empty 502 for a dropped answer, a short body for a
    truncated one, a late 504 for a held one.
    """
    connection = next((environ[k] for k in _SOCKET_KEYS if environ.get(k)), None)
    if response.wire is Wire.HOLD:
        _wait_for_hang_up(connection)
    if response.wire in (Wire.DROP, Wire.HOLD):
        if connection is None:
            late = response.wire is Wire.HOLD
            response = Response(status=504 if late else 502)
        else:
            _cut(connection)
    truncate = response.wire is Wire.TRUNCATE and environ["REQUEST_METHOD"] != "HEAD"
    headers = list(response.headers)
    if response.status not in (204, 304):
        headers.append(("Content-Length", str(len(response.body))))
    headers.append(("Content-Type", response.content_type))
    phrase = HTTPStatus(response.status).phrase if response.status in _KNOWN else ""
    write = start_response(f"{response.status} {phrase}", headers)
    if not truncate:
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else response.body]
    write(response.body[: len(response.body) // 2])
    if connection is not None:
        _cut(connection)
    return []


_KNOWN = {int(status) for status in HTTPStatus}


def _cut(connection: socket.socket) -> None:
    # The client may have gone already, which is just as well.
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _wait_for_hang_up(connection: socket.socket | None) -> None:
    end = time.monotonic() + HOLD_SECONDS
    if connection is None:
        time.sleep(HOLD_SECONDS)
        return
    with contextlib.suppress(OSError, ValueError):
        while time.monotonic() < end:
            readable, _, _ = select.select([connection], [], [], 0.2)
            if readable and not connection.recv(1, socket.MSG_PEEK):
                return
            if readable:
                time.sleep(0.05)
