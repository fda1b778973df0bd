from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

LAST_ACCOUNT = "last_account"


class TenancyMiddleware:
    """Remembers the account a person worked in last, so that ``/`` leads back."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        account = getattr(request, "account", None)
        if account and request.session.get(LAST_ACCOUNT) != account.slug:
            request.session[LAST_ACCOUNT] = account.slug
        return response
