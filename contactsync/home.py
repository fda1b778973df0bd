from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from contactsync.tenancy.context import last_account
from contactsync.tenancy.models import Account, User


def front(request: HttpRequest) -> HttpResponse:
    """``/`` leads to the account worked in last, or to what has to come first."""
    if not isinstance(request.user, User):
        return redirect("account_login")
    accounts = list(Account.objects.filter(memberships__user=request.user))
    account = last_account(request, accounts)
    if account is None:
        return redirect("account_new")
    return redirect("home", account.slug)
