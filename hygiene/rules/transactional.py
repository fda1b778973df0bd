"""Addresses a system made, for one message or for its bounces."""

from __future__ import annotations

import re

from hygiene.case import BUILTIN, Case, Host
from hygiene.verdict import Category, Finding

_REWRITTEN = re.compile(
    r"(?P<srs>srs[01][=+-].+=.+=.+)"
    r"|(?P<batv>(?:ms)?prvs=[^=]+=.+|prvs=.+/.+|btv1==.+==.+)"
    r"|(?P<verp>.+[+-][^=]+=(?:[a-z0-9-]+\.)+[a-z]{2,63})"
).fullmatch
_BOUNCE = re.compile(
    r"(?:bounces?|returns?|verp|mailer-daemon)[+=_-].*[0-9=].*"
).fullmatch


def _finding(rule: str, matched: str) -> Finding:
    return Finding(Category.TRANSACTIONAL, rule, matched, BUILTIN)


def relay_host(host: Host) -> Finding | None:
    """Marketplace relays and sending hosts, and anything below them."""
    listed = host.words.transactional_hosts
    for domain in host.parents:
        if domain in listed:
            return _finding("relay-host", domain)
    return None


def relay_label(host: Host) -> Finding | None:
    """A host whose own name says that it only sends: ``bounces.shop.example``."""
    label, _, rest = host.domain.partition(".")
    if label not in host.words.relay_labels:
        return None
    # notifications.com and bounce.co.uk are somebody's own domain.
    if "." not in rest or rest in host.facts.suffixes:
        return None
    return _finding("relay-label", f"{label}.{rest}")


def rewritten(case: Case) -> Finding | None:
    """Return paths that hold another address: SRS, BATV, VERP."""
    local = case.local
    match = _REWRITTEN(local) if "=" in local else None
    return _finding(match.lastgroup or "verp", local) if match else None


def bounce(case: Case) -> Finding | None:
    """``bounce-12345``, ``bounces+abc=1``: a return path with an id in it."""
    local = case.local
    return _finding("bounce", local) if _BOUNCE(local) else None


def no_reply(case: Case) -> Finding | None:
    """``no-reply``, ``donotreply.shop``, ``orders-noreply``, in a dozen languages."""
    markers = case.words.transactional_markers
    squashed = case.squashed
    if squashed.startswith(markers) or squashed.endswith(markers):
        return _finding("no-reply", squashed)
    return None


def system_sender(case: Case) -> Finding | None:
    """``notifications``, ``order-confirmation``, ``mailer-daemon``."""
    stem = case.stem
    if stem in case.words.transactional_locals:
        return _finding("system-sender", stem)
    return None
