"""Addresses that forward to many people, none of whom can consent for the others."""

from __future__ import annotations

from hygiene.case import BUILTIN, DIGITS, SEPARATED, Case, Host, Words
from hygiene.rules.names import is_their_name
from hygiene.verdict import Category, Finding

_ALL = ("all", "alle")


def _finding(rule: str, matched: str) -> Finding:
    return Finding(Category.BROADCAST, rule, matched, BUILTIN)


def group_host(host: Host) -> Finding | None:
    """Google Groups, groups.io, and other hosts that hold nothing but lists.

    An entry with a leading dot counts for what is below it: the company behind such a
    host has people at the domain itself.
    """
    listed = host.words.broadcast_hosts
    if host.domain in listed:
        return _finding("group-host", host.domain)
    for domain in host.parents[1:]:
        if domain in listed or f".{domain}" in listed:
            return _finding("group-host", domain)
    return None


def list_label(host: Host) -> Finding | None:
    """A host whose own name says that it serves lists: ``lists.school.example``."""
    labels = host.words.broadcast_labels
    for domain in host.parents[:-1]:
        label = domain.partition(".")[0].rstrip(DIGITS)
        if label in labels or _LABELLED.intersection(label.split("-")):
            return _finding("list-label", domain)
    return None


_LABELLED = frozenset({"listserv", "lists", "mailinglists", "maillists", "mailman"})
"""Part of a label between hyphens: ``alumni-lists.school.example``."""


def everyone(case: Case) -> Finding | None:
    """``all``, ``everyone``, ``all-staff``, ``alldevelopers``, ``newsletter``."""
    words = case.words
    # list64 at a mailbox provider is a nickname.
    stem = case.squashed if case.provider else case.stem
    if stem in words.broadcast_locals:
        return None if is_their_name(case) else _finding("everyone", stem)
    if case.provider:
        return None
    if stem.endswith("list") and _list_of(stem[:-4], case):
        return _finding("everyone", stem)
    if not stem.startswith("all"):
        return None
    for head in _ALL:
        rest = stem[len(head) :]
        if len(rest) > 3 and stem.startswith(head) and rest in words.role_hard:
            return _finding("everyone", stem)
    return None


def _list_of(text: str, case: Case) -> bool:
    """``berlin``, ``teachers``, ``mba2024``: whom a list is of.

    What precedes ``list`` in names is shorter; in ``stylist`` and ``journalist`` it
    ends in a vowel, or in a letter that few groups end in.
    """
    words = case.words
    if text in words.role_hard or text in words.role_qualifiers:
        return len(text) > 1 and not case.shape & SEPARATED
    if len(text) < 4 or text in case.facts.names:
        return False
    return text in words.role_soft or text[-1] in _GROUPS_END or text.endswith("gy")


_GROUPS_END = frozenset("bdfghkmnprstwxz0123456789")


def list_name(case: Case) -> Finding | None:
    """``astro-l``, ``python-announce``, ``all-london``, ``dl.sales``.

    Not at mailbox providers, where ``maria-l`` is a person, and not beside a name.
    """
    if case.provider:
        return None
    base, words = case.base, case.words
    head, hyphen, tail = base.rpartition("-")
    if hyphen and tail in words.broadcast_tails and len(head) > 1:
        # maria-l is a person and quote-request a desk; astro-l and dev-request are not.
        if tail in _INITIALS:
            known = not _is_name(case, head)
        else:
            known = tail not in _ASKED or head not in words.role_hard
        if known:
            return _finding("list-tail", f"-{tail}")
    for separator in "-._":
        head, found, tail = base.partition(separator)
        if not found:
            continue
        if tail and head in words.broadcast_heads and _audience(case, head, tail):
            return _finding("list-head", f"{head}{separator}")
        head, _, tail = base.rpartition(separator)
        named = tail == "list" and _is_name(case, head)
        if tail in _EVERYBODY and len(head) > 1 and not named:
            return _finding("list-tail", f"{separator}{tail}")
    return None


def _is_name(case: Case, text: str) -> bool:
    words = case.words
    return text in case.facts.names and not (
        text in words.role_hard
        or text in words.role_soft
        or text in words.role_qualifiers
    )


def _audience(case: Case, head: str, tail: str) -> bool:
    """Whether what stands behind the head may be whom a list is for.

    ``dl.smith`` and ``alla-olsson`` are people; ``dl.finance``, ``dl-cardiology`` and
    ``alla.kontor`` are lists. Heads that are no name, as ``everyone``, stand before
    anything.
    """
    if head not in _NAMES_TOO:
        return True
    words, names = case.words, case.facts.names
    hyphen = case.base.startswith(f"{head}-") and head in _DISTRIBUTION
    if hyphen and head == "group" and tail in words.role_hard:
        # group-reservations is a hotel's desk.
        return False
    for piece in tail.replace("-", ".").replace("_", ".").split("."):
        if (
            piece in words.role_hard
            or piece in words.role_qualifiers
            or piece in words.role_soft
            or piece in words.broadcast_locals
        ):
            continue
        if not hyphen or piece in names:
            return False
    return True


_EVERYBODY = frozenset(
    {"all", "everyone", "everybody", "list", "mailinglist", "liste", "verteiler"}
    | {"todos", "todas", "tous", "tutti", "wszyscy", "vsichni", "vsetci", "kaikki"}
    | {"iedereen", "herkes", "mindenki", "semua", "toti", "oloi", "vsem", "zenin"}
)
_DISTRIBUTION = frozenset({"dg", "dist", "dl", "gg", "group", "list", "sg", "ug"})
_NAMES_TOO = _DISTRIBUTION | {"alla", "l", "lista", "liste", "ml", "toti", "vse"}
"""Heads that are also initials, first names or last names."""
_INITIALS = frozenset({"l", "ml"})
"""Tails of a list that are also somebody's initial."""
_ASKED = frozenset({"approval", "confirm", "join", "leave", "request"})
"""Tails of a list's own addresses that also stand behind what a desk handles."""
