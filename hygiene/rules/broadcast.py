"""Addresses that forward to many people, none of whom can consent for the others."""

from __future__ import annotations

from hygiene.case import BUILTIN, DIGITS, SEPARATED, Case, Host
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
        # In Japan a mailing list is an ML, elsewhere a lab of machine learning.
        japan = label == "ml" and domain.endswith(".jp")
        if japan or label in labels or _LABELLED.intersection(label.split("-")):
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
        # dl9625031 is a student's id.
        if len(stem) < 3 and len(case.squashed) - len(stem) > 2:
            return None
        return None if is_their_name(case) else _finding("everyone", stem)
    if case.provider:
        return None
    if stem.endswith("list") and _list_of(stem[:-4], case):
        return _finding("everyone", stem)
    if (stem[:3] in _HEADS and stem.startswith(_STARTS)) or (
        stem[-3:] in _ENDS and stem.endswith(_TAILS)
    ):
        return _finding("everyone", stem)
    if stem.endswith("all") and len(stem) > 8:
        # marketingall and studentsall; southall is a name.
        head = stem[:-3]
        if head in words.role_hard or head in words.broadcast_locals:
            return _finding("everyone", stem)
    if not stem.startswith("all"):
        return None
    if stem[3:] == case.domain.partition(".")[0]:
        return _finding("everyone", stem)
    for head in _ALL:
        rest = stem[len(head) :]
        if len(rest) > 3 and stem.startswith(head) and rest in words.role_hard:
            return _finding("everyone", stem)
    return None


_EVERYONE = ("everyone", "everybody", "allstaff", "allemployees", "allhands")
_STARTS = (*_EVERYONE, "entire", "wholec", "wholed", "wholeo", "wholet")
_TAILS = (*_EVERYONE, "companywide", "schoolwide", "firmwide", "teamwide", "sitewide")

_HEADS = frozenset(word[:3] for word in _STARTS)
_ENDS = frozenset(word[-3:] for word in _TAILS)


def _list_of(text: str, case: Case) -> bool:
    """``berlin``, ``teachers``, ``mba2024``: whom a list is of.

    What precedes ``list`` in names is shorter; in ``stylist`` and ``journalist`` it
    ends in a vowel, or in a letter that few groups end in.
    """
    words = case.words
    if text in words.role_hard or text in words.role_qualifiers:
        return len(text) > 1 and not case.shape & SEPARATED
    if len(text) < 4:
        return False
    if text in words.role_soft or text in case.facts.names:
        return text in words.role_soft
    return text[-1] in _GROUPS_END or (len(text) > 4 and text[-1] == "y")


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
            known = _is_group(case, head)
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
        named = tail in _ALSO_NAMES and not _is_group(case, head)
        if tail in _PLAIN_TAILS and len(head) > 1 and not named:
            return _finding("list-tail", f"{separator}{tail}")
    return None


def _is_group(case: Case, text: str) -> bool:
    """Whether it is no person: ``tao`` and ``ma`` may well be, ``hr`` is not."""
    return _is_role(case, text) or (len(text) > 3 and text not in case.facts.names)


def _is_role(case: Case, text: str) -> bool:
    words = case.words
    return (
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
    if head == "group" and tail in words.role_hard:
        # group-reservations is a hotel's desk.
        return False
    if head == "l" and (tail not in words.role_hard or case.base[1] != "-"):
        return False
    for piece in tail.replace("-", ".").replace("_", ".").split("."):
        # dl-smith79 is a person as well.
        piece = piece.rstrip(DIGITS) or piece
        if (
            piece in words.role_hard
            or piece in words.role_qualifiers
            or piece in words.broadcast_locals
            # dl.page and ml.house are people.
            or (piece in words.role_soft and (hyphen or head not in _DISTRIBUTION))
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
_PLAIN_TAILS = _EVERYBODY | {
    *("announce", "announcement", "announcements", "bulletin", "digest", "discuss"),
    *("discussion", "discussions", "dist", "distlist", "distribution", "dl", "elist"),
    *("employees", "listserv", "lists", "mailing", "mailings", "maillist", "members"),
    *("mlist", "newsletter", "newsletters", "residents", "students", "subscribers"),
    *("teachers", "tenants", "users", "volunteers"),
}
"""Tails that are nobody's last name, whatever stands before them."""
_DISTRIBUTION = frozenset(
    {"dg", "dist", "dl", "gg", "group", "l", "list", "ml", "sg", "ug"}
)
_NAMES_TOO = _DISTRIBUTION | {"alla", "lista", "liste", "toti", "vse"}
"""Heads that are also initials, first names or last names."""
_ALSO_NAMES = frozenset({"dl", "list", "lists"})
_INITIALS = frozenset({"ann", "dl", "l", "ml"})
"""Tails of a list that are also somebody's initial."""
_ASKED = frozenset({"approval", "confirm", "join", "leave", "request"})
"""Tails of a list's own addresses that also stand behind what a desk handles."""
