"""Mailboxes made to be thrown away."""

from __future__ import annotations

from hygiene.case import Host
from hygiene.verdict import Category, Finding


def disposable(host: Host) -> Finding | None:
    """The domain, or a parent of it that people can register, is in a block list."""
    domain = host.domain
    lists = host.facts.disposable
    for entry in lists:
        if domain in entry.domains or domain in entry.exact:
            return Finding(Category.DISPOSABLE, "domain", domain, entry.source)
    for parent in host.parents[1:]:
        if parent in host.facts.mailboxes:
            return None
        for entry in lists:
            if parent in entry.domains:
                return Finding(
                    Category.DISPOSABLE, "parent-domain", parent, entry.source
                )
    return None
