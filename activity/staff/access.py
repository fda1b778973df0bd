"""The door of the staff area."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse

from contactsync.tenancy.models import User

View = Callable[..., HttpResponse]


class StaffRequest(HttpRequest):
    """The request a view behind ``@staff_only`` is given."""

    user: User


def staff_only(view: View) -> View:
    """Let in users with ``is_staff``. Anybody else who is logged in gets 404, as if
    there were no such page, and nobody at all the log-in page."""

    @wraps(view)
    @login_required
    def inner(request: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.is_staff:
            raise Http404("no such page")
        return view(request, *args, **kwargs)

    inner.staff_only = True  # type: ignore[attr-defined]
    return inner
