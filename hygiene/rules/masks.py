"""Alias services that forward to one person, who can switch the alias off."""

from __future__ import annotations

from hygiene.case import BUILTIN, Host
from hygiene.verdict import Category, Finding


def mask(host: Host) -> Finding | None:
    """Hide My Email, Firefox Relay, DuckDuckGo, SimpleLogin ...: a person.

    Sub-domains count too: several services give each customer one.
    """
    masks = host.facts.masks
    for domain in host.parents:
        if domain in masks:
            return Finding(Category.VALID, "mask", domain, BUILTIN)
    return None
