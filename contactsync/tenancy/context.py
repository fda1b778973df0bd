from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from contactsync.tenancy import nav
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
    of a person (password, passkeys), where it is the account worked in last. What only
    the menu needs is looked up when the menu is drawn, not for fragments.
    """
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"theme": theme_of(request)}
    membership = getattr(request, "membership", None)
    account = getattr(request, "account", None)
    accounts = SimpleLazyObject(
        lambda: list(Account.objects.filter(memberships__user=user).order_by("name"))
    )
    here: Any = account or SimpleLazyObject(lambda: last_account(request, accounts))
    return {
        "theme": theme_of(request),
        "account": account,
        "nav_account": here,
        "nav_accounts": accounts,
        "nav_counts": SimpleLazyObject(lambda: nav.counts(here) if here else {}),
        "membership": membership,
        "is_marketer": membership is not None and membership.role >= Role.MARKETER,
        "is_admin": membership is not None and membership.role >= Role.ADMIN,
        "is_owner": membership is not None and membership.role >= Role.OWNER,
    }


def last_account(request: HttpRequest, accounts: Iterable[Account]) -> Account | None:
    """The one of ``accounts`` that the person worked in last, else the first."""
    slug = request.session.get(LAST_ACCOUNT)
    found = list(accounts)
    return next(
        (account for account in found if account.slug == slug),
        found[0] if found else None,
    )
