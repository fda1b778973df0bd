"""Addresses no person would have: typed by a script, or to get past a form."""

from __future__ import annotations

import re

from hygiene.case import BUILTIN, DIGITS, Case, Host, Signals, fold
from hygiene.verdict import Category, Finding

TOO_FAST_MS = 1000
"""A form filled in less time was not filled by hand."""

DOTS_MIN = 5
SINGLES_MIN = 2

GIBBERISH_BELOW = -11.0
GIBBERISH_LENGTH = 6

KEYBOARD = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_ROWS = (*KEYBOARD, *(row[::-1] for row in KEYBOARD), "1234567890", "0987654321")
_WALKS = frozenset(row[at : at + 3] for row in _ROWS for at in range(len(row) - 2))
_REPEATED = re.compile(r"(.{1,3}?)\1+(.{0,2})").fullmatch
_HEX = re.compile(
    r"[0-9a-f]{16,}|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
).fullmatch
_TURNS = re.compile(r"(?<=[a-z])(?=[0-9])|(?<=[0-9])(?=[a-z])")
_WORD = re.compile(r"[a-z]{3,}")


def _finding(rule: str, matched: str, source: str = BUILTIN) -> Finding:
    return Finding(Category.BOT, rule, matched, source)


def honeypot(signals: Signals) -> Finding | None:
    """The field people do not see was filled in."""
    if not signals.honeypot.strip():
        return None
    return _finding("honeypot", signals.honeypot.strip(), "form@1")


def too_fast(signals: Signals) -> Finding | None:
    """The form came back sooner than anyone can type."""
    elapsed = signals.elapsed_ms
    if elapsed is None or elapsed >= TOO_FAST_MS:
        return None
    return _finding("too-fast", f"{elapsed}ms<{TOO_FAST_MS}ms", "form@1")


def known_bot(case: Case) -> Finding | None:
    """The mailbox is in the database of known bots."""
    lookup = case.facts.known_bots
    if lookup is None:
        return None
    name = lookup(case.canonical) or lookup(case.literal)
    return _finding("known", case.literal, f"{name}@live") if name else None


def fake_local(case: Case) -> Finding | None:
    """``test``, ``asdf123``, ``noemail``: what is typed in place of an address."""
    squashed = case.squashed
    listed = case.words.fake_locals
    if squashed in listed or (len(case.stem) > 3 and case.stem in listed):
        return _finding("fake-local", squashed)
    return None


def mirrored(case: Case) -> Finding | None:
    """``a@a.com``, ``aa@aa.com``, ``asd@asd.com``: one key on both sides."""
    if case.provider:
        return None
    local = case.local
    name = case.domain.partition(".")[0]
    if local == name and (len(local) < 3 or len(set(local)) == 1 or _walked(local)):
        return _finding("mirrored", f"{local}@{name}")
    return None


def mash(case: Case) -> Finding | None:
    """Keys in a row, one key held down, or the same few keys again and again."""
    squashed, stem = case.squashed, case.stem
    if len(squashed) < 4 or case.domain in case.words.numeric_providers:
        return None
    if not stem:
        return _digits(squashed)
    if _mashed(stem) and not _named(case):
        return _finding("mash", squashed)
    return None


def mash_domain(host: Host) -> Finding | None:
    """The same, before the dot of the domain: ``jo@sdfsdfsdf.com``."""
    name = host.parents[-1].partition(".")[0]
    if len(name) >= 6 and name.isalpha() and _mashed(name):
        return _finding("mash-domain", name)
    return None


def _digits(text: str) -> Finding | None:
    if len(set(text)) == 1 or text in _ROWS[-2] or text in _ROWS[-1]:
        return _finding("mash", text)
    return None


def _mashed(text: str) -> bool:
    if len(text) < 4:
        return False
    if text[:3] in _WALKS and _walked(text):
        return True
    keys = len(set(text))
    if keys == 1:
        return True
    repeated = _REPEATED(text) if keys <= 3 and len(text) > 5 else None
    if repeated is None:
        return False
    unit, rest = repeated.groups()
    # Yeye and Roeroe are names; asdasd and hjhjhj are a hand that did not move.
    still = unit in _WALKS or not set(unit) & set("aeiouy")
    one_row = any(set(unit) <= set(row) for row in KEYBOARD)
    return len(unit) > 1 and still and one_row and unit.startswith(rest)


def _walked(text: str) -> bool:
    """Whether the text is made of walks along a keyboard row, of three keys or more."""
    at = 0
    while at < len(text):
        if text[at : at + 3] not in _WALKS:
            return False
        at += 3
        while at < len(text) and text[at - 2 : at + 1] in _WALKS:
            at += 1
    return True


def dot_stuffed(case: Case) -> Finding | None:
    """``j.o.h.n.smith`` at Gmail, which ignores dots: one mailbox, many disguises."""
    if case.base.count(".") < DOTS_MIN:
        return None
    if case.domain not in {"gmail.com", "googlemail.com"}:
        return None
    singles = sum(len(piece) == 1 for piece in case.base.split("."))
    return _finding("dot-stuffed", case.base) if singles >= SINGLES_MIN else None


def hexadecimal(case: Case) -> Finding | None:
    """A hash or a UUID for a name."""
    base = case.base
    if len(base) < 16 or not _HEX(base):
        return None
    digits = sum(char in DIGITS for char in base)
    if digits < 4 or len(base) - digits < 4:
        return None
    return _finding("hex", base)


def alternating(case: Case) -> Finding | None:
    """Letters and digits in turn (``k7x2m9q4``), with no word among them."""
    squashed = case.squashed
    if len(squashed) < 8:
        return None
    turns = len(_TURNS.findall(squashed))
    if turns < 5 or _WORD.search(squashed) or _named(case):
        return None
    return _finding("alternating", squashed)


def gibberish(case: Case) -> Finding | None:
    """Letters no language puts together, by the character model.

    Not for numeric ids, short local parts or other alphabets, and not where a piece of
    the local part is a name we know or the name given with the signup.
    """
    model = case.facts.model
    base = case.base
    if model is None or len(case.squashed) < GIBBERISH_LENGTH:
        return None
    if case.stem in case.facts.names:
        return None
    if not case.stem or case.domain in case.words.numeric_providers:
        return None
    score = model.score(base if base.isascii() else fold(base))
    if score is None or score >= GIBBERISH_BELOW or _named(case):
        return None
    return _finding("trigram", f"llr={score:.1f}<{GIBBERISH_BELOW}", model.version)


def _named(case: Case) -> bool:
    """Whether a known name, or the signup's own, is in the local part."""
    names = case.facts.names
    for piece in re.findall(r"[a-z]{4,}", case.base):
        if piece in names:
            return True
    return any(len(name) > 2 and name in case.squashed for name in case.names())
