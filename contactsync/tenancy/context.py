from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from contactsync.tenancy.middleware import LAST_ACCOUNT
from contactsync.tenancy.models import Account, Role, User

THEME_COOKIE = "theme"


def theme_of(request: HttpRequest) -> str:
    """ "light", "dark", or "" for what the system says."""
    user = getattr(request, "user", None)
    chosen = (
        user.theme
        if user is not None and user.is_authenticated
        else request.COOKIES.get(THEME_COOKIE, "")
    )
    return chosen if chosen in (User.Theme.LIGHT, User.Theme.DARK) else ""


def shell(request: HttpRequest) -> dict[str, Any]:
    """What the frame of every page shows: theme, account, role, other accounts.

    ``account`` is the tenant of this page; ``nav_account`` is also there on the pages
    of a person (password, passkeys), where it is the account worked in last.
    """
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"theme": theme_of(request)}
    membership = getattr(request, "membership", None)
    account = getattr(request, "account", None)
    accounts = list(Account.objects.filter(memberships__user=user).order_by("name"))
    return {
        "theme": theme_of(request),
        "account": account,
        "nav_account": account or last_account(request, accounts),
        "nav_accounts": accounts,
        "membership": membership,
        "is_marketer": membership is not None and membership.role >= Role.MARKETER,
        "is_admin": membership is not None and membership.role >= Role.ADMIN,
        "is_owner": membership is not None and membership.role >= Role.OWNER,
    }


def last_account(request: HttpRequest, accounts: list[Account]) -> Account | None:
    """The one of ``accounts`` that the person worked in last, else the first."""
    slug = request.session.get(LAST_ACCOUNT)
    for account in accounts:
        if account.slug == slug:
            return account
    return accounts[0] if accounts else None
