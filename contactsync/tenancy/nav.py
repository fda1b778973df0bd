"""Counts beside the entries of the menu, from apps that this layer does not know.

An app adds a function in its ``AppConfig.ready``; the menu asks it once a page.
"""

from __future__ import annotations

from collections.abc import Callable

from contactsync.tenancy.models import Account

# Takes an account; returns URL name to number, for things to act on only.
Counter = Callable[[Account], dict[str, int]]

counters: list[Counter] = []


def counts(account: Account) -> dict[str, int]:
    """URL name of an entry to what waits there for somebody; no zeros."""
    found: dict[str, int] = {}
    for counter in counters:
        found.update({name: n for name, n in counter(account).items() if n})
    return found
