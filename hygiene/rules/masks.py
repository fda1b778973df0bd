"""Alias services that forward to one person, who can switch the alias off."""

from __future__ import annotations

from hygiene.case import BUILTIN, Case
from hygiene.verdict import Category, Finding


def mask(case: Case) -> Finding | None:
    """Hide My Email, Firefox Relay, DuckDuckGo, SimpleLogin ...: a person.

    Sub-domains count too: several services give each customer one.
    """
    masks = case.facts.masks
    for host in case.hosts:
        if host in masks:
            return Finding(Category.VALID, "mask", host, BUILTIN)
    return None
