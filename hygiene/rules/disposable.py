"""Mailboxes made to be thrown away."""

from __future__ import annotations

from hygiene.case import DomainList, Host
from hygiene.verdict import Category, Finding

WIDE_RULES = frozenset({"wide-domain", "wide-parent-domain"})
"""What the wide lists find: a policy has its own word on them."""


def disposable(host: Host) -> Finding | None:
    """The domain, or a parent of it that people can register, is in a block list."""
    found = _listed(host, wide=False)
    if found is None:
        return None
    domain, entry = found
    if entry is not host.facts.disposable[0] and _family(domain, host):
        return None
    rule = "domain" if domain == host.domain else "parent-domain"
    return Finding(Category.DISPOSABLE, rule, domain, entry.source)


def wide_disposable(host: Host) -> Finding | None:
    """The same, by a list that knows more domains and is wrong more often."""
    found = _listed(host, wide=True)
    if found is None or _listed(host, wide=False) is not None:
        return None
    domain, entry = found
    rule = "wide-domain" if domain == host.domain else "wide-parent-domain"
    return Finding(Category.DISPOSABLE, rule, domain, entry.source)


def _listed(host: Host, wide: bool) -> tuple[str, DomainList] | None:
    lists = [entry for entry in host.facts.disposable if entry.wide is wide]
    domain = host.domain
    for entry in lists:
        if domain in entry.domains or domain in entry.exact:
            return domain, entry
    for parent in host.parents[1:]:
        if parent in host.facts.mailboxes:
            return None
        for entry in lists:
            if parent in entry.domains:
                return parent, entry
    return None


def _family(domain: str, host: Host) -> bool:
    """Whether the domain is a name and a usual ending, as families have them.

    Only the first list, kept by hand, is believed on ``smith.com`` and ``mina.com``.
    """
    name, _, ending = domain.partition(".")
    if name not in host.facts.names:
        return False
    return ending in host.words.common_tlds or ending in host.facts.suffixes
