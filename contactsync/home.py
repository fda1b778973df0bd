from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect


def front(request: HttpRequest) -> HttpResponse:
    """``/`` leads to the account worked in last."""
    return redirect("account_login")
