"""Check what an adapter says over the wire against the provider's own description.

The descriptions are not part of this repository: CONTRACT_SPECS names their folder.
"""

from __future__ import annotations

import ast
import inspect
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, cast
from unittest.mock import patch
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
import yaml
from openapi_core import Config, OpenAPI
from openapi_core.contrib.requests import RequestsOpenAPIRequest
from openapi_core.testing.responses import MockResponse

from integrations.adapters.http import Answer, HttpAdapter
from tests.integrations.conformance import Operation, register, wire

ROOT = Path(__file__).resolve().parents[2]
SPECS = Path(os.environ.get("CONTRACT_SPECS", ROOT.parent / "shared" / "specs"))
REACHES_THE_WIRE = frozenset({"fetch", "request", "send", "_write"})

Route = tuple[str, str]  # method, path template
Line = tuple[str, int]  # file name, line


class Contract:
    """A provider's OpenAPI description, and the routes checked against it so far."""

    def __init__(
        self,
        name: str,
        server: str,
        beyond: Mapping[Route, Iterable[str]] | None = None,
    ) -> None:
        """`server` takes the place of the description's own server URL. `beyond`:
        body fields documented elsewhere than in the description, per route.

        Skips the test, with the reason, where the description is absent.
        """
        description = dict(described(name))
        description["servers"] = [{"url": server}]
        description["components"] = _as_header(description.get("components") or {})
        self.name = name
        self.server = server
        self.base = urlsplit(server).path
        self.document = description
        self.paths = description["paths"]
        self.beyond = {r: frozenset(names) for r, names in (beyond or {}).items()}
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
        assert route is not None
        self._no_strays(request, route)
        self.checked.add(route)
        return route

    def check_answer(
        self, request: requests.PreparedRequest, status: int, answer: object
    ) -> None:
        """Raises when a canned answer is one the provider could not give."""
        data = b"" if answer is None else json.dumps(answer).encode()
        route = self.route(request)
        assert route is not None
        answers = self.paths[route[1]][route[0].lower()]["responses"]
        names = (str(status), f"{status // 100}XX", "default")
        described = (answers[name] for name in names if name in answers)
        found = self.resolved(next(described, {}))
        kind = next(iter(found.get("content") or {"application/json": None}))
        self.openapi.validate_response(
            RequestsOpenAPIRequest(request),
            MockResponse(data, status_code=status, content_type=kind),
        )

    def route(self, request: requests.PreparedRequest) -> Route | None:
        """The described route of a request, None when it is not described."""
        url = str(request.url)
        if not url.startswith(self.server):
            return None
        path = urlsplit(url).path.removeprefix(self.base)
        fits = [
            template
            for template in self.paths
            if re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", template), path)
            and str(request.method).lower() in self.paths[template]
        ]
        if not fits:
            return None
        # Of several, the one with the most literal text.
        return str(request.method), max(
            fits, key=lambda t: len(re.sub(r"\{.*?\}", "", t))
        )

    def resolved(self, node: Any) -> Mapping[str, Any]:
        """What a reference in the document points at."""
        while isinstance(node, Mapping) and "$ref" in node:
            place: Any = self.document
            for part in node["$ref"].removeprefix("#/").split("/"):
                place = place[part.replace("~1", "/").replace("~0", "~")]
            node = place
        return cast(Mapping[str, Any], node)

    def _no_strays(self, request: requests.PreparedRequest, route: Route) -> None:
        """A description does not forbid what it does not know: misspelt names would
        pass without this."""
        operation = self.paths[route[1]][route[0].lower()]
        listed = [
            self.resolved(entry)
            for entry in (
                *self.paths[route[1]].get("parameters", []),
                *operation.get("parameters", []),
            )
        ]
        known = {entry["name"] for entry in listed if entry["in"] == "query"}
        known |= {f"{name}[]" for name in known}
        beyond = self.beyond.get(route, frozenset())
        query = parse_qsl(urlsplit(str(request.url)).query, keep_blank_values=True)
        assert {name for name, _ in query} <= known | beyond, (route, query)
        if not request.body or "requestBody" not in operation:
            assert not request.body, (route, "no body is described")
            return
        content = self.resolved(operation["requestBody"])["content"]
        sent = str(request.headers.get("Content-Type", "")).partition(";")[0]
        schema = content.get(sent) or next(iter(content.values()))
        if sent.endswith("json"):
            body = json.loads(request.body)
        else:
            body = dict(parse_qsl(_text(request.body)))
        strays = set(self._strays(body, schema.get("schema", {})))
        assert strays <= beyond, (route, strays)

    def _strays(self, value: Any, schema: Any, at: str = "") -> Iterator[str]:
        """Paths of the object keys in `value` that `schema` does not name."""
        known = self._shapes(schema)
        if isinstance(value, list):
            items = [shape["items"] for shape in known if "items" in shape]
            for item in value:
                yield from self._strays(item, {"anyOf": items}, f"{at}[]")
        elif isinstance(value, dict):
            properties = [shape.get("properties", {}) for shape in known]
            free = any(
                shape.get("additionalProperties") or not shape.get("properties")
                for shape in known
            )
            for name, item in value.items():
                path = f"{at}.{name}".lstrip(".")
                named = [entry[name] for entry in properties if name in entry]
                if named:
                    yield from self._strays(item, {"anyOf": named}, path)
                elif not free:
                    yield path

    def _shapes(self, schema: Any) -> list[Mapping[str, Any]]:
        """The plain schemas that a schema is made of."""
        schema = self.resolved(schema)
        parts = [
            part
            for key in ("allOf", "anyOf", "oneOf")
            for part in schema.get(key) or ()
        ]
        found = [shape for part in parts for shape in self._shapes(part)]
        return [schema, *found] if not parts or "properties" in schema else found


def _as_header(components: Mapping[str, Any]) -> dict[str, Any]:
    """openapi-core knows no OAuth 2; over the wire it is an Authorization header."""
    schemes = {
        name: {"type": "apiKey", "in": "header", "name": "Authorization"}
        if scheme.get("type") == "oauth2"
        else scheme
        for name, scheme in (components.get("securitySchemes") or {}).items()
    }
    return {**components, "securitySchemes": schemes}


@cache
def described(name: str) -> Mapping[str, Any]:
    """A provider's description by file name."""
    path = SPECS / name
    if not path.is_file():
        pytest.skip(f"no {name}: set CONTRACT_SPECS to the folder that has it")
    text = path.read_text()
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found = json.loads(text) if path.suffix == ".json" else yaml.load(text, loader)
    return cast(Mapping[str, Any], _any_is_json(found) if "*/*" in text else found)


def _any_is_json(node: Any) -> Any:
    """A description whose answers of any type are JSON, which is what they are."""
    if isinstance(node, dict):
        return {
            "application/json" if name == "*/*" else name: _any_is_json(value)
            for name, value in node.items()
        }
    return [_any_is_json(item) for item in node] if isinstance(node, list) else node


def _text(body: bytes | str) -> str:
    return body.decode() if isinstance(body, bytes) else body


@cache
def contracts_of(case: type[AdapterContract]) -> tuple[Contract, ...]:
    return tuple(
        Contract(item.name, item.server, item.beyond) for item in case.descriptions
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Description:
    """One of a provider's API descriptions: its file, the server URL that its paths
    follow, and what the description lacks.

    `beyond`: route -> body fields or query names that are documented elsewhere, a
    comment beside it says where. `answers_beyond`: routes whose described answers are
    wrong or incomplete, route -> what is wrong; their canned answers are not checked.
    `requests_beyond`: the same for requests that the description wrongly refuses.
    """

    name: str
    server: str
    beyond: Mapping[Route, Iterable[str]] = field(default_factory=dict)
    answers_beyond: Mapping[Route, str] = field(default_factory=dict)
    requests_beyond: Mapping[Route, str] = field(default_factory=dict)


class AdapterContract:
    """Every request an adapter can make, against the provider's own description.

    A subclass declares; `operations` has every branch, and `secrets` build the adapter.
    A route that no description has is in `documented`, with the address of the page
    that shows it and the day it was read.
    """

    adapter: ClassVar[type[HttpAdapter]]
    secrets: ClassVar[dict[str, str]]
    operations: ClassVar[tuple[Operation, ...]]
    descriptions: ClassVar[tuple[Description, ...]] = ()
    # (method, path pattern with {}) -> "https://... (read 2026-11-22)"
    documented: ClassVar[Mapping[Route, str]] = {}

    pytestmark = pytest.mark.contract

    @classmethod
    def source(cls) -> list[Path]:
        """The modules whose calls must all be seen: the adapter's own."""
        path = Path(inspect.getfile(cls.adapter))
        if path.parent.name == "adapters":
            return [path]
        return sorted(path.parent.glob("*.py"))

    @classmethod
    def check(
        cls, request: requests.PreparedRequest, status: int, answer: object
    ) -> tuple[str, str, str]:
        """Method, path and what it was checked against: a file name, or a page."""
        for item, contract in zip(cls.descriptions, contracts_of(cls), strict=True):
            route = contract.route(request)
            if route is None:
                continue
            if route not in item.requests_beyond:
                contract.check_request(request)
            if route not in item.answers_beyond:
                contract.check_answer(request, status, answer)
            return (route[0], contract.base + route[1], item.name)
        path = urlsplit(str(request.url)).path
        for (method, pattern), page in cls.documented.items():
            shape = re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(pattern))
            if method == request.method and re.fullmatch(shape, path):
                return (method, pattern, page)
        raise AssertionError(f"{request.method} {request.url}: nobody documents it")

    @classmethod
    def play(cls, operation: Operation) -> set[tuple[str, str, str]]:
        """Runs the operation and checks what it sends; the routes it used."""
        with wire() as mock:
            for step in operation.steps:
                register(mock, step)
            operation.run(cls.adapter(cls.secrets))
            assert len(mock.calls) == len(operation.steps), operation.name
            return {
                cls.check(call.request, step.status, step.answer)
                for call, step in zip(mock.calls, operation.steps, strict=True)
            }

    @classmethod
    def routes(cls) -> set[tuple[str, str, str]]:
        return set().union(*(cls.play(operation) for operation in cls.operations))

    def test_fits_the_description(self) -> None:
        for operation in self.operations:
            assert self.play(operation) or not operation.steps, operation.name

    def test_every_request_the_adapter_can_make_was_checked(self) -> None:
        with noting_call_sites(self.source()) as seen:
            self.routes()
        assert seen == call_sites(self.source())

    def test_documents_no_call_that_is_not_made(self) -> None:
        used = {(method, path) for method, path, _ in self.routes()}
        assert set(self.documented) <= used
        assert all("https://" in page for page in self.documented.values())


def call_sites(files: Iterable[Path]) -> set[Line]:
    """Where the modules reach the wire, whatever the branch."""
    found: set[Line] = set()
    for path in files:
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in REACHES_THE_WIRE
            ):
                found.add((path.name, node.lineno))
    return found


@contextmanager
def noting_call_sites(files: Iterable[Path]) -> Iterator[set[Line]]:
    """The call sites in the modules that requests came from meanwhile."""
    paths = set(files)
    sites = call_sites(paths)
    seen: set[Line] = set()
    send: Callable[..., Answer] = HttpAdapter.send

    def noting(self: HttpAdapter, *args: Any, **kwargs: Any) -> Answer:
        frame = sys._getframe(1)
        while frame is not None and frame.f_back is not None:
            path = Path(frame.f_code.co_filename)
            if path in paths:
                # A call over several lines runs at one of the lines after its first.
                lines = [n for name, n in sites if name == path.name]
                starts = [line for line in lines if line <= frame.f_lineno]
                if starts:
                    seen.add((path.name, max(starts)))
            frame = frame.f_back
        return send(self, *args, **kwargs)

    with patch.object(HttpAdapter, "send", noting):
        yield seen
