"""Requests and answers, as simulators and the control interface see them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any
from urllib.parse import parse_qsl

Json = dict[str, Any]
Environ = dict[str, Any]

BODY_LIMIT = 16 * 1024 * 1024  # bytes
JSON_TYPE = "application/json; charset=utf-8"


class Wire(Enum):
    """How an answer leaves: as it should, or broken on purpose."""

    SEND = "send"
    DROP = "drop"  # close the connection without a byte
    TRUNCATE = "truncate"  # promise the whole body, send half of it, close
    HOLD = "hold"  # keep the connection open and say nothing


class BodyTooLarge(Exception):
    """The request body is longer than BODY_LIMIT."""


@dataclass(slots=True, kw_only=True)
class Request:
    """One HTTP request. `path` is what follows the simulator's slug."""

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    base_url: str  # scheme, host and slug: where this simulator lives
    remote_addr: str
    query_string: str = ""

    @property
    def target(self) -> str:
        """Path and query, as recorded and matched by faults."""
        return f"{self.path}?{self.query_string}" if self.query_string else self.path


@dataclass(slots=True, kw_only=True)
class Response:
    """One HTTP answer. `headers` come on top of type and length."""

    status: int = 200
    body: bytes = b""
    content_type: str = JSON_TYPE
    headers: list[tuple[str, str]] = field(default_factory=list)
    wire: Wire = Wire.SEND


def json_response(
    document: object,
    status: int = 200,
    *,
    content_type: str = JSON_TYPE,
    headers: list[tuple[str, str]] | None = None,
) -> Response:
    """`document` as compact JSON."""
    return Response(
        status=status,
        body=json.dumps(document, separators=(",", ":")).encode(),
        content_type=content_type,
        headers=headers or [],
    )


def read_body(environ: Environ) -> bytes:
    """The whole request body. Raises BodyTooLarge."""
    stream = environ["wsgi.input"]
    declared = environ.get("CONTENT_LENGTH") or ""
    if declared.isdigit():
        if int(declared) > BODY_LIMIT:
            raise BodyTooLarge
        return bytes(stream.read(int(declared)))
    if not environ.get("wsgi.input_terminated"):
        return b""
    body = bytes(stream.read(BODY_LIMIT + 1))
    if len(body) > BODY_LIMIT:
        raise BodyTooLarge
    return body


def read_request(environ: Environ, path: str, prefix: str = "") -> Request:
    """`environ` as a Request for `path` below `prefix`. Raises BodyTooLarge."""
    headers = {
        name[5:].replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    headers["content-type"] = environ.get("CONTENT_TYPE", "")
    host = headers.get("host") or environ.get("SERVER_NAME", "localhost")
    query_string = environ.get("QUERY_STRING", "")
    return Request(
        method=environ["REQUEST_METHOD"].upper(),
        path=path,
        query=dict(parse_qsl(query_string, keep_blank_values=True)),
        headers=headers,
        body=read_body(environ),
        base_url=f"{environ.get('wsgi.url_scheme', 'http')}://{host}{prefix}",
        remote_addr=environ.get("REMOTE_ADDR") or "127.0.0.1",
        query_string=query_string,
    )
