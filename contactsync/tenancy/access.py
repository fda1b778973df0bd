"""The wall between tenants: every tenant URL is behind ``@requires``."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from contactsync.tenancy.models import Account, Membership, Role, User

View = Callable[..., HttpResponse]


class TenantRequest(HttpRequest):
    """The request a view behind ``@requires`` is given."""

    user: User
    account: Account
    membership: Membership
    htmx: Any


def requires(role: Role) -> Callable[[View], View]:
    """Let in the account's members with ``role`` or more.

    The wrapped view takes no ``account`` argument: it finds ``request.account`` and
    ``request.membership``. A stranger gets 404, too low a role a 403 that says whom
    to ask, and nobody at all the log-in page.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        @login_required
        def inner(request: Any, account: str, **kwargs: Any) -> HttpResponse:
            membership = (
                Membership.objects.select_related("account")
                .filter(account__slug=account, user=request.user)
                .first()
            )
            if membership is None:
                raise Http404("no such account")
            request.account = membership.account
            request.membership = membership
            if membership.role < role:
                return render(request, "403.html", {"needed": role}, status=403)
            return view(request, **kwargs)

        inner.required_role = role  # type: ignore[attr-defined]
        return inner

    return decorate
