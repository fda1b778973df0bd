"""Requests that need none of the browser's middleware go straight to their view."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeVar

from django.conf import settings
from django.http import HttpRequest

F = TypeVar("F", bound=Callable[..., Any])

ANY = ""
_views: dict[tuple[str, str], Callable[[HttpRequest], Any]] = {}


def fast_lane(path: str, *methods: str) -> Callable[[F], F]:
    """Serve ``path`` (exact) by this view before sessions, CSRF, messages and so on.

    For cookie-less endpoints only: the view sees no user. With ``methods`` it serves
    these alone, and whoever registered without any serves the rest.
    """

    def register(view: F) -> F:
        for method in methods or (ANY,):
            _views[path, method] = view
        return view

    return register


def fast_view(path: str, method: str | None) -> Callable[[HttpRequest], Any] | None:
    """The view that serves this in the fast lane, if any does."""
    return _views.get((path, method or ANY)) or _views.get((path, ANY))


class FastLaneMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        # The views register themselves when they are imported. Without this, the
        # first request of a process would find nothing here.
        import_module(settings.ROOT_URLCONF)

    def __call__(self, request: HttpRequest) -> Any:
        view = fast_view(request.path_info, request.method)
        if view is None:
            return self.get_response(request)
        response = view(request)
        if hasattr(response, "render"):
            response.render()
        if not response.streaming:  # CommonMiddleware would: else it goes out chunked
            response.headers.setdefault("Content-Length", str(len(response.content)))
        return response
