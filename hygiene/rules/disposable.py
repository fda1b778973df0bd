"""Mailboxes made to be thrown away."""

from __future__ import annotations

from hygiene.case import Case
from hygiene.verdict import Category, Finding


def disposable(case: Case) -> Finding | None:
    """The domain, or a parent of it that people can register, is in a block list."""
    if case.provider:
        return None
    domain = case.domain
    lists = case.facts.disposable
    for entry in lists:
        if domain in entry.domains or domain in entry.exact:
            return Finding(Category.DISPOSABLE, "domain", domain, entry.source)
    for parent in case.hosts[1:]:
        if parent in case.facts.mailboxes:
            return None
        for entry in lists:
            if parent in entry.domains:
                return Finding(
                    Category.DISPOSABLE, "parent-domain", parent, entry.source
                )
    return None
