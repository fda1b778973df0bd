"""Addresses that forward to many people, none of whom can consent for the others."""

from __future__ import annotations

import re

from hygiene.case import BUILTIN, DIGITS, SEPARATED, Case, Host
from hygiene.rules.accents import spellings
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
        # A mailing list is an ML, in Japan above all; a lab learns with machines.
        listed = label == "ml" and (domain.endswith(".jp") or not _LAB(domain))
        if listed or label in labels or _LABELLED.intersection(label.split("-")):
            return _finding("list-label", domain)
    return None


_LAB = re.compile(r".*\.(?:ac|edu|uni-[^.]+)(?:\.[^.]+)?|.*\.(?:ai|io)").fullmatch
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
        # m.list is a person, or was one to begin with.
        if case.provider and case.shape & SEPARATED and case.base[1] in "._-":
            return None
        return None if is_their_name(case) else _finding("everyone", stem)
    if not stem.isascii():
        return _accented(case)
    if case.provider:
        return None
    if stem.endswith("list") and _list_of(stem[:-4], case):
        return _finding("everyone", stem)
    if (stem[:3] in _HEADS and stem.startswith(_STARTS)) or (
        stem[-3:] in _ENDS and stem.endswith(_TAILS)
    ):
        return _finding("everyone", stem)
    if stem[-7:] == "parents" and _SCHOOL_YEAR(stem[:-7]):
        return _finding("everyone", stem)
    if stem.endswith("all") and len(stem) > 8:
        # marketingall and studentsall; southall is a name.
        head = stem[:-3]
        if head in words.role_hard or head in words.broadcast_locals:
            return _finding("everyone", stem)
    if stem in _AT_HOME:
        ending = case.domain.rpartition(".")[2]
        return _finding("everyone", stem) if ending in _AT_HOME[stem] else None
    glued = stem[:2] == "dl" and len(stem) > 6 and not case.shape & SEPARATED
    if glued and stem[2:] in words.role_hard:
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


_AT_HOME = {
    **dict.fromkeys(("svi", "sviradnici"), ("hr", "rs", "ba", "me")),
    **dict.fromkeys(("vsi", "vse"), ("si",)),
    **dict.fromkeys(("visi", "visas"), ("lt", "lv")),
    **dict.fromkeys(("usi", "usim"), ("ua",)),
    **dict.fromkeys(("kulam", "hakol"), ("il",)),
    "toti": ("ro", "md"),
    "lahat": ("ph",),
    "sabhi": ("in",),
    "wote": ("ke", "tz"),
    "quanti": ("cn", "tw"),
    "kulhum": ("sa", "ae", "eg", "jo"),
}
"""Words for everybody that are names elsewhere, and the countries they are said in."""


def _accented(case: Case) -> Finding | None:
    """``rundbriefempfänger``, listed without its accents."""
    for word in spellings(case.stem)[1:]:
        if word in case.words.broadcast_locals:
            return None if is_their_name(case) else _finding("everyone", case.stem)
    return None


_SCHOOL_YEAR = re.compile(
    r"(?:year|yr|y|grade|gr|g|class|classof|form|room|level|team|k|p|reception|nursery"
    r"|kindergarten|preschool|prek|prep|freshman|sophomore|junior|senior)(?:[0-9]+[a-z]?)?"
    r"|(?:first|second|third|fourth|fifth|sixth|[1-9](?:st|nd|rd|th))(?:grade|year|form)s?"
    r"|[0-9]+[a-z]?"
).fullmatch
"""Whose parents a school's list is of: ``year3``, ``class-of-2030``, ``4b``."""

_EVERYONE = ("everyone", "everybody", "allstaff", "allemployees", "allhands")
_STARTS = (*_EVERYONE, "entire", "wholec", "wholed", "wholeo", "wholet")
_TAILS = (
    *(*_EVERYONE, "companywide", "schoolwide", "firmwide", "teamwide", "sitewide"),
    *("newsletter", "newsletters", "mailinglist", "verteiler", "rundbrief"),
)

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
            listed = head in words.broadcast_tails or head in words.broadcast_locals
            known = tail not in _ASKED or listed or head not in words.role_hard
        if known:
            return _finding("list-tail", f"-{tail}")
    if case.domain in _GNU and base.startswith(_GNU_HEADS):
        return _finding("list-head", base.partition("-")[0] + "-")
    if "all" in base and _all_within(base):
        return _finding("list-head", "all")
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


_GNU = frozenset({"gnu.org", "nongnu.org"})
_GNU_HEADS = ("bug-", "help-", "info-")
"""How GNU names the lists of a program: ``help-bash``, ``bug-gzip``."""


def _all_within(base: str) -> bool:
    """``users-all-emea``, ``staff.all.london``: all of whom, and where."""
    pieces = base.replace(".", "-").replace("_", "-").split("-")
    return len(pieces) > 2 and pieces[0] in _CROWDS and pieces[1] in _ALL


_CROWDS = frozenset(
    {"users", "user", "staff", "employees", "members", "team", "teams", "students"}
    | {"faculty", "sales", "office", "managers", "dev", "devs", "engineering", "group"}
    | {"groups", "clients", "customers", "teachers", "parents", "alumni", "dl", "list"}
    | {"mitarbeiter", "personal", "personnel", "partners", "volunteers", "residents"}
)


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
    if head in _COMMANDS:
        # join-our-team and leave-requests are desks.
        desks = words.role_hard | words.role_qualifiers
        return "-" in case.base and desks.isdisjoint(tail.split("-"))
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
_COMMANDS = frozenset({"join", "leave", "subscribe", "unsubscribe"})
_NAMES_TOO = _DISTRIBUTION | _COMMANDS | {"alla", "lista", "liste", "toti", "vse"}
"""Heads that are also initials, first names or last names."""
_ALSO_NAMES = frozenset({"dl", "list", "lists"})
_INITIALS = frozenset({"ann", "dl", "l", "loop", "ml", "sub"})
"""Tails of a list that are also somebody's initial or name."""
_ASKED = frozenset({"approval", "confirm", "join", "leave", "request"})
"""Tails of a list's own addresses that also stand behind what a desk handles."""
