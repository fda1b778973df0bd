"""Domains that exist for documentation, for private networks, or not at all."""

from __future__ import annotations

from hygiene.case import BUILTIN, Host
from hygiene.suggest import ends_well, nearest_tld
from hygiene.verdict import Category, Finding


def reserved_domain(host: Host) -> Finding | None:
    """``.test``, ``.invalid``, ``.local`` ...: names no public DNS will ever hold."""
    ending = host.domain.rpartition(".")[2]
    if ending not in host.words.reserved_suffixes:
        return None
    return Finding(Category.BOT, "reserved-domain", f".{ending}", BUILTIN)


def placeholder_domain(host: Host) -> Finding | None:
    """``example.com``, ``yourdomain.com``, ``asdf.com``."""
    listed = host.words.placeholder_domains
    for domain in host.parents:
        if domain in listed:
            return Finding(Category.BOT, "placeholder-domain", domain, BUILTIN)
    return None


def no_such_tld(host: Host) -> Finding | None:
    """An ending that is not in the DNS, and not one letter away from a common one.

    Endings in other scripts are believed: registries add them, and the standards' own
    examples are under some that are not there yet.
    """
    if ends_well(host.domain, host.facts):
        return None
    ending = host.domain.rpartition(".")[2]
    if ending.startswith("xn--"):
        return None
    if ending in host.words.reserved_suffixes or nearest_tld(ending, host.facts):
        return None
    return Finding(Category.BOT, "no-such-tld", f".{ending}", BUILTIN)
