"""Addresses that forward to many people, none of whom can consent for the others."""

from __future__ import annotations

from hygiene.case import BUILTIN, Case, Host
from hygiene.verdict import Category, Finding


def _finding(rule: str, matched: str) -> Finding:
    return Finding(Category.BROADCAST, rule, matched, BUILTIN)


def group_host(host: Host) -> Finding | None:
    """Google Groups, groups.io, and other hosts that hold nothing but lists."""
    listed = host.words.broadcast_hosts
    for domain in host.parents:
        if domain in listed:
            return _finding("group-host", domain)
    return None


def list_label(host: Host) -> Finding | None:
    """A host whose own name says that it serves lists: ``lists.school.example``."""
    label, _, rest = host.domain.partition(".")
    if label not in host.words.broadcast_labels:
        return None
    if "." not in rest or rest in host.facts.suffixes:
        return None
    return _finding("list-label", f"{label}.{rest}")


def everyone(case: Case) -> Finding | None:
    """``all``, ``everyone``, ``all-staff``, ``newsletter``."""
    # list64 at a mailbox provider is a nickname.
    stem = case.squashed if case.provider else case.stem
    if stem in case.words.broadcast_locals:
        return _finding("everyone", stem)
    return None


def list_name(case: Case) -> Finding | None:
    """``astro-l``, ``python-announce``, ``all-london``, ``dl.sales``.

    Not at mailbox providers, where ``maria-l`` is a person.
    """
    if case.provider:
        return None
    base, words = case.base, case.words
    head, hyphen, tail = base.rpartition("-")
    if hyphen and head and tail in words.broadcast_tails:
        return _finding("list-tail", f"-{tail}")
    for separator in "-._":
        head, found, tail = base.partition(separator)
        if found and tail and head in words.broadcast_heads:
            return _finding("list-head", f"{head}{separator}")
        tail = base.rpartition(separator)[2]
        if found and tail in _EVERYBODY:
            return _finding("list-tail", f"{separator}{tail}")
    return None


_EVERYBODY = frozenset({"all", "everyone", "everybody", "list", "mailinglist"})
