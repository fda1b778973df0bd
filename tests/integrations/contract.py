"""Check what an adapter says over the wire against the provider's own description.

The descriptions are not part of this repository: CONTRACT_SPECS names their folder.
"""

from __future__ import annotations

import ast
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from openapi_core import Config, OpenAPI
from openapi_core.contrib.requests import RequestsOpenAPIRequest
from openapi_core.testing.responses import MockResponse

from integrations.adapters.http import Answer, HttpAdapter

ROOT = Path(__file__).resolve().parents[2]
SPECS = Path(os.environ.get("CONTRACT_SPECS", ROOT.parent / "shared" / "specs"))
REACHES_THE_WIRE = frozenset({"fetch", "request", "send", "_write"})

Route = tuple[str, str]  # method, path template
Line = tuple[str, int]  # file name, line


class Contract:
    """A provider's OpenAPI description, and the routes checked against it so far."""

    def __init__(
        self, name: str, server: str, beyond: Mapping[Route, Iterable[str]]
    ) -> None:
        """`server` takes the place of the description's own server URL. `beyond`:
        body fields documented elsewhere than in the description, per route.

        Skips the test, with the reason, where the description is absent.
        """
        path = SPECS / name
        if not path.is_file():
            pytest.skip(f"no {name}: set CONTRACT_SPECS to the folder that has it")
        description = json.loads(path.read_text())
        description["servers"] = [{"url": server}]
        self.base = urlsplit(server).path
        self.paths = description["paths"]
        self.beyond = {route: frozenset(names) for route, names in beyond.items()}
        # Providers' documents have slips (a default of another type) that do not
        # matter here, so the document itself is not validated.
        self.openapi = OpenAPI.from_dict(
            description, config=Config(spec_validator_cls=None)
        )
        self.checked: set[Route] = set()

    def check_request(self, request: requests.PreparedRequest) -> Route:
        """Raises when path, query, authorization or body do not fit. The route."""
        result = self.openapi.unmarshal_request(RequestsOpenAPIRequest(request))
        result.raise_for_errors()
        route = self.route(request)
        self._no_strays(request, route)
        self.checked.add(route)
        return route

    def check_answer(
        self, request: requests.PreparedRequest, status: int, answer: object
    ) -> None:
        """Raises when a canned answer is one the provider could not give."""
        data = b"" if answer is None else json.dumps(answer).encode()
        self.openapi.validate_response(
            RequestsOpenAPIRequest(request),
            MockResponse(data, status_code=status, content_type="application/json"),
        )

    def route(self, request: requests.PreparedRequest) -> Route:
        path = urlsplit(str(request.url)).path.removeprefix(self.base)
        fits = [
            template
            for template in self.paths
            if re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", template), path)
            and str(request.method).lower() in self.paths[template]
        ]
        # Of several, the one with the most literal text.
        return str(request.method), max(
            fits, key=lambda t: len(re.sub(r"\{.*?\}", "", t))
        )

    def _no_strays(self, request: requests.PreparedRequest, route: Route) -> None:
        """A description does not forbid what it does not know: misspelt names would
        pass without this."""
        operation = self.paths[route[1]][route[0].lower()]
        listed = [
            *self.paths[route[1]].get("parameters", []),
            *operation.get("parameters", []),
        ]
        known = {entry["name"] for entry in listed if entry["in"] == "query"}
        query = parse_qsl(urlsplit(str(request.url)).query, keep_blank_values=True)
        assert {name for name, _ in query} <= known, (route, query)
        if request.body:
            [content] = operation["requestBody"]["content"].values()
            body = json.loads(request.body)
            strays = set(_strays(body, content["schema"]))
            assert strays <= self.beyond.get(route, frozenset()), (route, strays)


def _strays(value: Any, schema: Mapping[str, Any], at: str = "") -> Iterator[str]:
    """Paths of the object keys in `value` that `schema` does not name."""
    if isinstance(value, list):
        for item in value:
            yield from _strays(item, schema.get("items", {}), f"{at}[]")
    elif isinstance(value, dict) and "additionalProperties" not in schema:
        properties = schema.get("properties", {})
        for name, item in value.items():
            path = f"{at}.{name}".lstrip(".")
            if name not in properties:
                yield path
            else:
                yield from _strays(item, properties[name], path)


def call_sites(folder: Path) -> set[Line]:
    """Where the modules in `folder` reach the wire, whatever the branch."""
    found: set[Line] = set()
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in REACHES_THE_WIRE
            ):
                found.add((path.name, node.lineno))
    return found


@contextmanager
def noting_call_sites(folder: Path) -> Iterator[set[Line]]:
    """The call sites in `folder` that requests came from meanwhile."""
    sites = call_sites(folder)
    seen: set[Line] = set()
    send: Callable[..., Answer] = HttpAdapter.send

    def noting(self: HttpAdapter, *args: Any, **kwargs: Any) -> Answer:
        frame = sys._getframe(1)
        while frame is not None and frame.f_back is not None:
            path = Path(frame.f_code.co_filename)
            if path.parent == folder:
                # A call over several lines runs at one of the lines after its first.
                lines = [n for name, n in sites if name == path.name]
                starts = [line for line in lines if line <= frame.f_lineno]
                if starts:
                    seen.add((path.name, max(starts)))
            frame = frame.f_back
        return send(self, *args, **kwargs)

    with patch.object(HttpAdapter, "send", noting):
        yield seen
