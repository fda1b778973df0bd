"""Mailboxes of a function, read by whoever holds it this week."""

from __future__ import annotations

import re

from hygiene.case import BUILTIN, Case
from hygiene.verdict import Category, Finding

_PIECES = re.compile(r"[._-]+").split
_SEPARATED = re.compile(r"[._-]").search


def role(case: Case) -> Finding | None:
    """The whole local part is a role word, or role words and nothing but.

    Never a single piece of a longer local part: ``sales.s`` may well be Ms Sales.
    """
    found = _whole(case) or _compound(case)
    if found is None or _is_their_name(case, found.matched):
        return None
    return found


def _whole(case: Case) -> Finding | None:
    words = case.facts.words
    squashed, stem = case.squashed, case.stem
    if squashed in words.role_hard:
        return _finding("exact", squashed)
    if stem != squashed and stem in words.role_hard:
        # music77 is a nickname at a mailbox provider; info2024 is a role anywhere.
        if not case.provider or stem in words.role_core:
            return _finding("numbered", stem)
        return None
    if case.provider or squashed not in words.role_soft:
        return None
    return None if any(case.names()) else _finding("soft", squashed)


def _compound(case: Case) -> Finding | None:
    """``sales-uk``, ``info.paris``, ``customer_service_team``."""
    if not _SEPARATED(case.base):
        return None
    words = case.facts.words
    pieces = [piece.rstrip("0123456789") or piece for piece in _PIECES(case.base)]
    roles = [piece for piece in pieces if piece in words.role_hard]
    if not roles:
        return None
    rest = [piece for piece in pieces if piece and piece not in words.role_hard]
    if all(p in words.role_qualifiers or p in words.role_soft for p in rest):
        return _finding("compound", case.base)
    return None


def _is_their_name(case: Case, matched: str) -> bool:
    """Whether the name given with the signup explains the word.

    Both halves of the name must be there and only one may be a role word: imports are
    full of people called "Info" or "Sales Department".
    """
    first, last = case.names()
    roles = case.facts.words.role_hard
    if not first or not last or (first in roles and last in roles):
        return False
    return case.stem in {first, last, first + last, last + first, first[0] + last}


def _finding(rule: str, matched: str) -> Finding:
    return Finding(Category.ROLE, rule, matched, BUILTIN)
