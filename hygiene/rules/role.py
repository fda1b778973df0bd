"""Mailboxes of a function, read by whoever holds it this week."""

from __future__ import annotations

import re

from hygiene.case import BUILTIN, SEPARATED, Case
from hygiene.verdict import Category, Finding

GLUED_MIN = 6
"""Letters: shorter words hold too many others by accident."""

_PIECES = re.compile(r"[._-]+").split


def role_word(case: Case) -> Finding | None:
    """The whole local part is a role word.

    Never a single piece of a longer local part: ``sales.s`` may well be Ms Sales.
    """
    words = case.words
    squashed, stem = case.squashed, case.stem
    if squashed in words.role_hard:
        return None if _is_their_name(case) else _finding("exact", squashed)
    if squashed is not stem and stem in words.role_hard:
        # music77 is a nickname at a mailbox provider; info2024 is a role anywhere.
        if case.provider and stem not in words.role_core:
            return None
        return None if _is_their_name(case) else _finding("numbered", stem)
    if case.provider or squashed not in words.role_soft:
        return None
    return None if any(case.names()) else _finding("soft", squashed)


def role_compound(case: Case) -> Finding | None:
    """Role words and nothing but: ``sales-uk``, ``info.paris``, ``support_team``."""
    words = case.words
    pieces = [piece.rstrip("0123456789") or piece for piece in _PIECES(case.base)]
    roles = [piece for piece in pieces if piece in words.role_hard]
    # graphics_event is a nickname at a mailbox provider; sales-uk is a role anywhere.
    if not roles or (case.provider and words.role_core.isdisjoint(roles)):
        return None
    rest = [piece for piece in pieces if piece and piece not in words.role_hard]
    if all(p in words.role_qualifiers or p in words.role_soft for p in rest):
        return None if _is_their_name(case) else _finding("compound", case.base)
    return None


def role_glued(case: Case) -> Finding | None:
    """Two such words without a separator: ``sellersupport``, ``salesemea``.

    Not at mailbox providers, where words run together are nicknames.
    """
    stem = case.stem
    if case.provider or len(stem) < GLUED_MIN or case.shape & SEPARATED:
        return None
    hard, beside = case.words.role_hard, case.words.role_qualifiers
    for cut in range(3, len(stem) - 2):
        head, tail = stem[:cut], stem[cut:]
        if head in hard and cut > 3:
            known = tail in hard or tail in beside
        else:
            known = len(tail) > 3 and tail in hard and (head in hard or head in beside)
        if known and stem not in hard:
            return None if _is_their_name(case) else _finding("glued", stem)
    return None


def _is_their_name(case: Case) -> bool:
    """Whether the name given with the signup explains the word.

    Both halves of the name must be there and only one may be a role word: imports are
    full of people called "Info" or "Sales Department".
    """
    first, last = case.names()
    roles = case.words.role_hard
    if not first or not last or (first in roles and last in roles):
        return False
    return case.stem in {first, last, first + last, last + first, first[0] + last}


def _finding(rule: str, matched: str) -> Finding:
    return Finding(Category.ROLE, rule, matched, BUILTIN)
