"""Votes for providers that cannot be linked yet."""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.db.models import Count, Max

from contactsync.tenancy.models import Account
from integrations.adapters import ADAPTERS
from integrations.models import ProviderVote

MAX_VOTES = 50  # of one account


class VoteError(ValueError):
    """Why the vote was not counted, and what helps, as a sentence."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A provider that ``accounts`` tenants have asked for."""

    name: str
    accounts: int


def key_of(name: str) -> str:
    """What counts as the same provider: letters and digits, in lower case."""
    return re.sub(r"[\W_]", "", name.casefold())[:80]


def provider_vote(account: Account, name: str) -> int:
    """One vote per account and provider. Returns how many accounts ask for it now.

    Raises VoteError.
    """
    name = " ".join(name.split())
    key = key_of(name)
    if not len(key) >= 2 or len(name) > 80:
        raise VoteError("Enter the name of the service: 2 to 80 characters.")
    for adapter in ADAPTERS.values():
        if key in (adapter.slug, key_of(adapter.label)):
            raise VoteError(f"{adapter.label} can be linked already: find it above.")
    own = ProviderVote.objects.for_account(account)
    if own.count() >= MAX_VOTES and not own.filter(key=key).exists():
        raise VoteError(f"One account has {MAX_VOTES} votes, and yours are used up.")
    ProviderVote.objects.get_or_create(
        account=account, key=key, defaults={"name": name}
    )
    return ProviderVote.objects.filter(key=key).count()


def wishes() -> list[Wish]:
    """What the tenants of this installation ask for, most wanted first."""
    counted = (
        ProviderVote.objects.values("key")
        .annotate(accounts=Count("account", distinct=True), name=Max("name"))
        .order_by("-accounts", "key")
    )
    return [Wish(row["name"], row["accounts"]) for row in counted]


def voted(account: Account) -> list[str]:
    """What this account has asked for."""
    own = ProviderVote.objects.for_account(account).order_by("name")
    return list(own.values_list("name", flat=True))
