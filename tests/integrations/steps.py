"""What a provider is asked and answers, told as data; the wire on which it happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import responses
from responses.registries import OrderedRegistry

from integrations.adapters.base import Contact, Options, OutcomeState
from integrations.adapters.errors import AdapterError, Reason


@dataclass(frozen=True, kw_only=True)
class Step:
    """One request an operation makes, and its answer.

    `missing_ok`, `forbidden_ok`: a 404, a 403 here is an answer, not a failure.
    """

    method: str
    url: str
    answer: object = None
    status: int = 200
    missing_ok: bool = False
    forbidden_ok: bool = False


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One call of an adapter's method, with the requests it makes in their order."""

    name: str
    run: Callable[[Any], object]
    steps: tuple[Step, ...]


@dataclass(frozen=True, kw_only=True)
class Leaver:
    """Somebody the provider has as opted out, who signs up again.

    `status` is a `Subscription` status. `steps` are the requests that the upsert of
    `contacts` makes; the leaver is the first of them. `never`: texts that no request
    may hold, because with them the provider would subscribe the person. A CRM that is
    told about the person all the same has `state` SYNCED and no `reason`.
    """

    status: str
    steps: tuple[Step, ...]
    reason: Reason | None
    never: tuple[str, ...]
    state: OutcomeState = OutcomeState.REJECTED
    contacts: tuple[Contact, ...] = (Contact(email="left@x.org"),)
    options: Options = field(default_factory=Options)
    audience_id: str = "a1"


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A status and body that a provider means otherwise than other providers do."""

    status: int
    body: object
    error: type[AdapterError]


def twisted(answer: Any, depth: int = 12) -> Iterator[Any]:
    """`answer` with each part of it in turn gone or of another type, down to `depth`.
    Of an array only the first item is looked into."""
    yield from (odd for odd in (None, {}, "x", [None]) if odd != answer)
    if depth and isinstance(answer, dict):
        for name, value in answer.items():
            yield {key: item for key, item in answer.items() if key != name}
            for odd in twisted(value, depth - 1):
                yield {**answer, name: odd}
    elif depth and isinstance(answer, list) and answer:
        for odd in twisted(answer[0], depth - 1):
            yield [odd, *answer[1:]]


@contextmanager
def wire() -> Iterator[responses.RequestsMock]:
    """Requests must come in the order they were registered, and all must come."""
    mock = responses.RequestsMock(
        assert_all_requests_are_fired=False, registry=OrderedRegistry
    )
    with mock:
        yield mock


def register(mock: responses.RequestsMock, step: Step) -> None:
    if step.answer is None:
        mock.add(step.method, step.url, status=step.status, body=b"")
    else:
        mock.add(step.method, step.url, status=step.status, json=step.answer)


def made(mock: responses.RequestsMock) -> list[tuple[str, str]]:
    """Method and URL without query of every request so far."""
    return [
        (
            str(call.request.method),
            urlsplit(str(call.request.url))._replace(query="").geturl(),
        )
        for call in mock.calls
    ]
