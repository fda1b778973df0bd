"""Domains that exist for documentation, for private networks, or not at all."""

from __future__ import annotations

from hygiene.case import BUILTIN, Case
from hygiene.suggest import nearest_tld
from hygiene.verdict import Category, Finding


def reserved_domain(case: Case) -> Finding | None:
    """``.test``, ``.invalid``, ``.local`` ...: names no public DNS will ever hold."""
    ending = case.domain.rpartition(".")[2]
    if ending not in case.facts.words.reserved_suffixes:
        return None
    return Finding(Category.BOT, "reserved-domain", f".{ending}", BUILTIN)


def placeholder_domain(case: Case) -> Finding | None:
    """``example.com``, ``yourdomain.com``, ``asdf.com``."""
    listed = case.facts.words.placeholder_domains
    for domain in case.hosts:
        if domain in listed:
            return Finding(Category.BOT, "placeholder-domain", domain, BUILTIN)
    return None


def no_such_tld(case: Case) -> Finding | None:
    """An ending that is not in the DNS, and not one letter away from a common one."""
    ending = case.domain.rpartition(".")[2]
    tlds = case.facts.tlds
    if case.provider or not tlds or ending in tlds:
        return None
    if ending in case.facts.words.reserved_suffixes or nearest_tld(ending, case.facts):
        return None
    return Finding(Category.BOT, "no-such-tld", f".{ending}", BUILTIN)
