"""Local parts that a program drew at random: codes, and letters no language has."""

from __future__ import annotations

import re

from hygiene.case import (
    BUILTIN,
    DIGITS,
    SEPARATED,
    Case,
    Host,
    fold,
)
from hygiene.rules.excuses import (
    CALLSIGN,
    TURNS,
    abridged,
    excused,
    likely,
    named,
    own_name,
    spoken,
    tidy,
    without_names,
)
from hygiene.verdict import Category, Finding

NOISE_LENGTH = 5
"""Characters: in fewer, names and noise can not be told apart."""

NOISE_BELOW = ((6, -6.0), (7, -4.5), (64, -3.0))
"""(Up to how many characters, score in nats) below which a local part is noise.

A short one has to be worse: one odd cluster is half the name there.
"""

VOWELS_MIN = 2
ABRIDGED_BELOW = ((6, -7.0), (9, -5.0), (64, -3.5))
"""The same with fewer vowels: people leave them out of their names."""

SEPARATED_BELOW = -2.5
"""So much worse where there are separators: scripts hardly draw them, people abridge
around them (``wlkr.jms``)."""

REST_BELOW = -6.0
"""The same for what is left of a local part without the names in it."""

NOISE_AT_ALL = max(score for _, score in NOISE_BELOW)

CODED_BELOW = -8.0
"""So much worse where it may be the name of a machine: ``gsxr750k``, ``rtx3080ti``."""

CODE_MIN = 7
HEX_MIN = 8
HEX_RUNS = 3
"""Characters of a short code, and how often it goes over from letters to digits or back
at the least: ``abe1985`` is a person."""

IN_ROW_MIN = 6
_CONSONANTS = (frozenset("sdfghjkl"), frozenset("zxcvbnm"))
"""The lower rows of a keyboard: no name is made of so many of their letters."""

DOMAIN_LENGTH = 9
DOMAIN_BELOW = -14.0

BESIDE_LENGTH = 6
BESIDE_BELOW = -6.0
"""A domain this long and this odd is evidence, though not enough of it by itself."""

SWITCHES_MIN = 5
"""Changes between capital and small letters, beside those that start a word."""

_VOWELS = str.maketrans("", "", "aeiouy")
_HEX = re.compile(r"[0-9a-f]{7,}|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}").fullmatch
_WORD = re.compile(r"[a-z]{3,}")
_CODE = re.compile(r"[0-9]+(?:[b-df]+|[a-f]{1,2})[0-9][0-9a-f]*").fullmatch
_SWITCHES = re.compile(r"[a-z](?=[A-Z])|[A-Z](?=[a-z])")
_MACHINE = re.compile(r"[a-z]{1,4}[0-9]{2,4}[a-z]{1,3}").fullmatch


def _finding(rule: str, matched: str, source: str = BUILTIN) -> Finding:
    return Finding(Category.BOT, rule, matched, source)


def hexadecimal(case: Case) -> Finding | None:
    """A hash or a UUID for a name, or a shorter code of that kind."""
    base = case.base
    if len(base) < CODE_MIN or not _HEX(base):
        return None
    if case.provider and _begins_as_code(case):
        return _finding("hex", base)
    if len(base) < HEX_MIN:
        return None
    digits = sum(char in DIGITS for char in base)
    letters = len(base) - digits
    if len(base) < 16:
        runs = len(TURNS.findall(base)) + 1
        few = min(digits, letters) < 2 or runs < HEX_RUNS + (digits < 3)
        if few or excused(case):
            return None
    elif digits < 4 or letters < 4:
        return None
    return _finding("hex", base)


def _begins_as_code(case: Case) -> bool:
    """Whether digits come before letters and behind them: ``0527266a6``.

    People begin with letters at the providers that let them choose; companies and
    universities number theirs in this way.
    """
    if case.domain in case.words.numeric_providers or own_name(case):
        return False
    return bool(_CODE(case.base)) and not CALLSIGN(case.base)


def alternating(case: Case) -> Finding | None:
    """Letters and digits in turn (``k7x2m9q4``), with no word among them."""
    squashed = case.squashed
    if len(squashed) < 8 or case.stem.isalpha():
        return None
    turns = len(TURNS.findall(squashed))
    if turns < 5 or _WORD.search(squashed) or named(case) or excused(case):
        return None
    model = case.facts.model
    if model is not None and spoken(squashed, model):
        return None
    return _finding("alternating", squashed)


def mixed_case(case: Case) -> Finding | None:
    """``SdFkJwEr``: capitals and small letters in turn, as in a code.

    ``JoSmith`` and ``JOsmith`` change where a word begins.
    """
    raw = case.raw
    if raw == case.local or len(case.stem) < 8 or not raw.isascii():
        return None
    if len(_SWITCHES.findall(raw)) < SWITCHES_MIN or named(case):
        return None
    model = case.facts.model
    text = tidy(case.base, case.domain)
    if model is not None and ((model.score(text) or 0) > 0 or spoken(text, model)):
        return None
    return _finding("mixed-case", raw)


def gibberish(case: Case) -> Finding | None:
    """Letters no language puts together, by the character model.

    Not for numeric ids, students' numbers, initials, short local parts or other
    alphabets, and not where the name given with the signup is in the local part. Known
    names in it are set aside: what is left over (``qzxkvw`` of ``john.qzxkvw``) has to
    be noise by itself.
    """
    text, model = case.base, case.facts.model
    if len(text) < NOISE_LENGTH or model is None:
        return None
    score = model.score(text)
    # Nearly everybody leaves here.
    if score is not None and score >= NOISE_AT_ALL:
        return None
    if not text.isascii():
        text = fold(text)
        score = model.score(text)
    below = _below(case, text)
    if score is None or score >= below or excused(case):
        return None
    bare = tidy(text, case.domain)
    if likely(bare, case.facts) and not _in_one_row(case.stem):
        return None
    if text != bare:
        score = model.score(bare)
        if len(bare) < NOISE_LENGTH or score is None or score >= below:
            return None
    rest = without_names(bare, case.facts.names)
    if rest is None:
        return _finding("trigram", f"llr={score:.1f}<{below}", model.version)
    score = model.score(rest)
    if len(rest) < NOISE_LENGTH or score is None or score >= REST_BELOW:
        return None
    if abridged(rest, case.facts):
        return None
    return _finding("random-tail", f"{rest} llr={score:.1f}", model.version)


def _below(case: Case, text: str) -> float:
    """The score below which this local part is noise."""
    vowels = len(text) - len(text.translate(_VOWELS))
    limits = NOISE_BELOW if vowels >= VOWELS_MIN else ABRIDGED_BELOW
    length = len(case.squashed)
    below = next((score for upto, score in limits if length <= upto), limits[-1][1])
    if _in_one_row(case.stem) or (not case.provider and _odd_host(case)):
        below = NOISE_AT_ALL
    if _MACHINE(text):
        below += CODED_BELOW
    return below + SEPARATED_BELOW if case.shape & SEPARATED else below


def _in_one_row(text: str) -> bool:
    """Whether a hand stayed in one row and hit no vowel: ``fjdksl``, ``ghfjdk``."""
    return len(text) >= IN_ROW_MIN and any(row.issuperset(text) for row in _CONSONANTS)


def _odd_host(case: Case) -> bool:
    """Whether the domain looks random too, and is not named like the person."""
    name, model = case.domain.partition(".")[0], case.facts.model
    if model is None or len(name) < BESIDE_LENGTH or name[:4] == case.stem[:4]:
        return False
    score = model.score(name)
    return score is not None and score < BESIDE_BELOW


def gibberish_domain(host: Host) -> Finding | None:
    """The same for the registered name: ``jo@xkqvzwptgh.com``.

    Companies have odd names and short ones, so only what is long and far out.
    """
    model = host.facts.model
    name = host.parents[-1].partition(".")[0]
    if model is None or len(name) < DOMAIN_LENGTH or not name.isalpha():
        return None
    score = model.score(name)
    if score is None or score >= DOMAIN_BELOW:
        return None
    matched = f"{name} llr={score:.1f}<{DOMAIN_BELOW}"
    return _finding("gibberish-domain", matched, model.version)
