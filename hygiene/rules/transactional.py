"""Addresses a system made, for one message or for its bounces."""

from __future__ import annotations

import re

from hygiene.case import BUILTIN, Case, Host
from hygiene.rules.names import is_their_name
from hygiene.verdict import Category, Finding

_REWRITTEN = re.compile(
    r"(?P<srs>srs[01][=+-].+=.+=.+)"
    r"|(?P<batv>(?:ms)?prvs[0-9]*=[^=]+=.+|prvs=.+/.+|btv1==.+==.+)"
    r"|(?P<verp>.+[+-][^=]+=(?:[a-z0-9-]+\.)+[a-z]{2,63}|.+\+caf_=.+)"
).fullmatch
_TOKEN = re.compile(
    r"(?:"
    # A return path with an id, or one made for each recipient.
    r"(?:bounces?|bnc|returns?|verp|mailer-daemon|rp|fbl)[+=_-].*[0-9=].*"
    # What a program reads: the thread, the ticket, the subscription meant.
    r"|(?:re|reply|replies|respond|comments?|thread|conv(?:ersation)?|msg|message"
    r"|notifications?|unsub(?:scribe)?|optout|list-unsub(?:scribe)?)"
    r"[+=_-](?=.*[0-9=]).{6,}"
    r"|(?:ticket|case|issue|incident|request|inbound|incoming|task|todo|receipts?"
    r"|invoice|orders?|support|help|id)\+(?=.*[0-9])[0-9a-z_=.+-]{5,}"
    r"|(?:ticket|case|incident)-[0-9]{4,}"
    r"|(?:invoice|receipts?)\+[a-z]+(?:\+.+)?"
    # A list program's envelope.
    r"|owner-[^+]+\+[a-z0-9-]*[0-9].*"
    r")"
).fullmatch
_FIRST = frozenset("bcefhilmnoprstuv")
"""Letters a token's first word begins with."""


def _finding(rule: str, matched: str) -> Finding:
    return Finding(Category.TRANSACTIONAL, rule, matched, BUILTIN)


def relay_host(host: Host) -> Finding | None:
    """Marketplace relays and sending hosts, and anything below them.

    An entry with a leading dot counts for what is below it: the company behind such a
    host has people at the domain itself.
    """
    listed = host.words.transactional_hosts
    if host.domain in listed:
        return _finding("relay-host", host.domain)
    for domain in host.parents[1:]:
        if domain in listed or f".{domain}" in listed:
            return _finding("relay-host", domain)
    return None


def relay_label(host: Host) -> Finding | None:
    """A host whose own name says that it only sends: ``bounces.shop.example``."""
    # notifications.com and bounce.co.uk are somebody's own domain; relay.firefox.com
    # is an alias service.
    for domain in host.parents[:-1]:
        if domain in host.facts.masks:
            return None
        if domain.partition(".")[0] in host.words.relay_labels:
            return _finding("relay-label", domain)
    return None


def rewritten(case: Case) -> Finding | None:
    """Return paths that hold another address: SRS, BATV, VERP."""
    local = case.local
    match = _REWRITTEN(local) if "=" in local else None
    return _finding(match.lastgroup or "verp", local) if match else None


def bounce(case: Case) -> Finding | None:
    """``bounce-12345``, ``reply+4f8a1c``, ``ticket+12345``: a program's id is in it."""
    local = case.local
    if local.endswith(_BOUNCES):
        # A mailing list's own bounces are the list's.
        listed = case.domain.partition(".")[0] in case.words.broadcast_labels
        return None if listed else _finding("bounce", local)
    if local[0] not in _FIRST or not _TOKEN(local):
        return None
    return _finding("bounce", local)


_BOUNCES = ("-bounce", "-bounces", "_bounce", "_bounces", ".bounce", ".bounces")


def no_reply(case: Case) -> Finding | None:
    """``no-reply``, ``donotreply.shop``, ``orders-noreply``, in twenty languages."""
    markers = case.words.transactional_markers
    squashed = case.squashed
    if squashed.startswith(markers) or squashed.endswith(markers):
        return _finding("no-reply", squashed)
    return None


def system_sender(case: Case) -> Finding | None:
    """``notifications``, ``order-confirmation``, ``alerts.eu``, ``price-alerts``."""
    stem = case.stem
    if stem in case.words.transactional_locals:
        return None if is_their_name(case) else _finding("system-sender", stem)
    if not case.provider and (stem.endswith(_SENT) or stem.startswith(_SENT)):
        return _finding("system-sender", stem)
    return None


_SENT = (
    "alerts",
    "notification",
    "notifications",
    "notificacion",
    "notificaciones",
    "receipts",
    "confirmation",
    "confirmations",
)
"""What systems send, in words that begin and end no name."""
