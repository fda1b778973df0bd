"""Asking a provider of many, one of whom it may refuse."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from integrations.adapters.base import Adapter, Subscription
from integrations.adapters.errors import RejectedError

T = TypeVar("T")
R = TypeVar("R")


def in_parts(
    items: Sequence[T],
    ask: Callable[[Sequence[T]], list[R]],
    refused: Callable[[T, RejectedError], R],
) -> list[R]:
    """``ask(items)``; a call that is refused is halved until one is left, whose answer
    is ``refused``. So one of them keeps nobody else from being asked about."""
    try:
        return ask(items)
    except RejectedError as refusal:
        if len(items) == 1:
            return [refused(items[0], refusal)]
    half = len(items) // 2
    halves = (items[:half], items[half:])
    return [answer for part in halves for answer in in_parts(part, ask, refused)]


def standing_of(
    adapter: Adapter, emails: Sequence[str], audience_id: str
) -> list[Subscription]:
    """How they stand at the provider; "unknown" whom it refuses to be asked about."""
    return in_parts(
        emails,
        lambda part: adapter.subscriptions(part, audience_id),
        lambda email, refusal: Subscription(
            email=email, status="unknown", detail=refusal.detail
        ),
    )
