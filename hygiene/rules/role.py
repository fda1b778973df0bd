"""Mailboxes of a function, read by whoever holds it this week."""

from __future__ import annotations

import re

from hygiene.case import BUILTIN, DIGITS, SEPARATED, Case, Words
from hygiene.rules.accents import spellings
from hygiene.rules.names import is_their_name
from hygiene.verdict import Category, Finding

GLUED_MIN = 6
"""Letters: shorter words hold too many others by accident."""

OWN_NAME_MIN = 3
"""Letters of a company's name: shorter ones are in many local parts by accident."""

_PIECES = re.compile(r"[._-]+").split


def role_word(case: Case) -> Finding | None:
    """The whole local part is a role word.

    Never a single piece of a longer local part: ``sales.s`` may well be Ms Sales.
    """
    words = case.words
    squashed, stem = case.squashed, case.stem
    if squashed in words.role_hard:
        if is_their_name(case) or (case.shape & SEPARATED and _initialled(case)):
            return None
        return _finding("exact", squashed)
    if squashed is not stem and stem in words.role_hard:
        # music77 is a nickname at a mailbox provider; info2024 is a role anywhere.
        if case.provider and stem not in words.role_core:
            return None
        # hr2 is a desk; cs2077, pr75470 and hq4397261 are students and subscribers.
        if len(stem) < 4 and (len(squashed) - len(stem) > 2 or _academic(case)):
            return None
        return None if is_their_name(case) else _finding("numbered", stem)
    if not squashed.isascii():
        return _accented(case)
    if case.provider or squashed not in words.role_soft:
        return None
    # front.desk is one; a.ward and l.esson are people.
    if case.shape & SEPARATED and len(_PIECES(case.base)[0]) == 1:
        return None
    return None if any(case.names()) else _finding("soft", squashed)


def _initialled(case: Case) -> bool:
    """Whether it is an initial and a name: ``s.kola`` is no ``skola``."""
    pieces = [piece for piece in _PIECES(case.base) if piece]
    initials = [piece for piece in pieces if len(piece) == 1]
    return len(pieces) == len(initials) + 1 > 1 and not case.facts.names.isdisjoint(
        pieces
    )


def _academic(case: Case) -> bool:
    """Whether the host is a university's, where ids are initials and a number."""
    domain = case.domain
    return domain.endswith(".edu") or ".ac." in domain or ".edu." in domain


def _accented(case: Case) -> Finding | None:
    """``büro`` and ``comptabilité``, ``επικοινωνία`` and ``销售团队``."""
    stem, listed = case.stem, case.words.role_hard
    unit = next((unit for unit in _UNITS if stem.endswith(unit)), "")
    for word in (*spellings(stem), stem.removesuffix(unit)):
        if word in listed:
            return None if is_their_name(case) else _finding("exact", stem)
    return None


_UNITS = (
    *("部门", "部門", "团队", "團隊", "小组", "小組", "中心", "部", "组", "組", "处"),
    *("處", "担当", "チーム", "センター", "デスク", "課", "係", "室", "宛"),
    *("담당자", "담당", "센터", "팀", "부", "실", "과"),
)
"""Units of a company, written behind what they do without a space."""


def role_compound(case: Case) -> Finding | None:
    """Role words and nothing but: ``sales-uk``, ``info.paris``, ``support_team``.

    A core word may also open or close a local part, beside anything that is no name.
    """
    words = case.words
    hard, beside, soft = words.role_hard, words.role_qualifiers, words.role_soft
    # Most begin with a name and do not end in a core word: that is told at once.
    base = case.base.replace("_", ".").replace("-", ".").strip(".")
    first = base.partition(".")[0].rstrip(DIGITS)
    if (
        first
        and first not in hard
        and first not in beside
        and first not in soft
        and base.rpartition(".")[2].rstrip(DIGITS) not in words.role_core
    ):
        return None
    pieces = [piece.rstrip(DIGITS) or piece for piece in base.split(".") if piece]
    if len(pieces) < 2:
        return None
    roles = False
    for piece in pieces:
        if piece in hard:
            roles = True
        elif piece not in beside and piece not in soft and not piece.isdigit():
            return _open_compound(case, pieces)
    # graphics_event is a nickname at a mailbox provider; sales-uk is a role anywhere.
    if not roles or (case.provider and words.role_core.isdisjoint(pieces)):
        return None
    # hr.jordan may be Mr Jordan's initials, or his desk.
    own = case.provider and pieces[0] in _INITIALS
    if own and not case.facts.names.isdisjoint(pieces[1:]):
        return None
    return None if is_their_name(case) else _finding("compound", case.base)


def _open_compound(case: Case, pieces: list[str]) -> Finding | None:
    core, names = case.words.role_core, case.facts.names
    if pieces[0] in core and not (case.provider and pieces[0] in _INITIALS):
        rest = pieces[1:]
    elif pieces[-1] in core and pieces[-1] not in _SURNAMES and not case.provider:
        rest = pieces[:-1]
    else:
        return None
    # Shorter words beside a mailbox provider's are initials and nicknames.
    least = 4 if case.provider else 3
    for piece in rest:
        # sales.s and sales.anna are Ms Sales, or Anna of the sales team.
        if len(piece) < least or piece in names:
            return None
    return None if any(case.names()) else _finding("compound", case.base)


_SURNAMES = frozenset({"billing", "sales"})
"""Core words that close a local part as somebody's last name."""
_INITIALS = frozenset({"dpo", "hr", "legal", "noc", "privacy", "security", "website"})
"""Core words that open a local part at a mailbox provider as initials or a hobby."""


def role_glued(case: Case) -> Finding | None:
    """Such words without a separator: ``sellersupport``, ``acmesales`` at acme.com.

    Not at mailbox providers, where words run together are nicknames.
    """
    if case.provider:
        return None
    stem, words, names = case.stem, case.words, case.facts.names
    if case.domain[:2] in stem and _beside_own_name(case):
        return None if is_their_name(case) else _finding("glued", case.base)
    if len(stem) < GLUED_MIN or case.shape & SEPARATED or stem in words.role_hard:
        return None
    # A name, with an initial before or behind it: russell, rcarter, carterp.
    if stem in names or stem[1:] in names or stem[:-1] in names:
        return None
    if not _glued(stem, words):
        return None
    return None if is_their_name(case) else _finding("glued", stem)


def _beside_own_name(case: Case) -> bool:
    """Whether the local part is the domain's own name and a role word."""
    stem = case.stem
    name = case.domain.partition(".")[0].replace("-", "")
    if not len(stem) > len(name) >= OWN_NAME_MIN:
        return False
    if stem.startswith(name):
        rest = stem[len(name) :]
    elif stem.endswith(name):
        rest = stem[: -len(name)]
    else:
        return False
    words = case.words
    if len(rest) > 3 or case.shape & SEPARATED or rest in _SHORT_TAILS:
        return rest in words.role_hard
    return False


def _glued(text: str, words: Words, more: bool = True) -> bool:
    """Whether text is two role words, or one and what may stand beside it.

    Three in a row only where two of them are role words (``more``). Short words are in
    too many names by accident, a few apart.
    """
    hard, beside, soft = words.role_hard, words.role_qualifiers, words.role_soft
    for cut in range(2, len(text) - 1):
        head = text[:cut]
        firm = head in hard
        if not firm and head not in beside and head not in soft:
            continue
        if cut < (3 if firm else 4) and head not in _SHORT_HEADS:
            continue
        tail = text[cut:]
        left = len(tail)
        if tail in hard:
            if left > 3 or (firm and cut > 3 and (left > 2 or tail in _SHORT_TAILS)):
                return True
        elif (
            firm
            and cut > 3
            and (left > 3 or tail in _SHORT_TAILS)
            and (tail in beside or tail in soft)
        ):
            return True
        if more and left > 7 and _glued(tail, words, more=False):
            return True
    return False


_SHORT_HEADS = frozenset(
    {"it", "hr", "pr", "ap", "ar", "my", "uk", "us", "eu", "the", "our", "new", "web"}
)
_SHORT_TAILS = frozenset(
    {"it", "hr", "pr", "uk", "us", "eu", "hq", "ny", "nyc", "usa", "uae", "web", "asia"}
)
"""Of two or three letters, what is glued before or behind a role word."""


def _finding(rule: str, matched: str) -> Finding:
    return Finding(Category.ROLE, rule, matched, BUILTIN)
