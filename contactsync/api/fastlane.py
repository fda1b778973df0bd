"""Requests that need none of the browser's middleware go straight to their view."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.http import HttpRequest, HttpResponse

F = TypeVar("F", bound=Callable[..., HttpResponse])

_views: dict[str, Callable[[HttpRequest], HttpResponse]] = {}


def fast_lane(path: str) -> Callable[[F], F]:
    """Serve ``path`` (exact) by this view before sessions, CSRF, messages and so on.

    For unauthenticated, cookie-less endpoints only: the view sees no user.
    """

    def register(view: F) -> F:
        _views[path] = view
        return view

    return register


class FastLaneMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> Any:
        view = _views.get(request.path_info)
        return view(request) if view else self.get_response(request)
