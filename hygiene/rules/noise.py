"""Local parts that a program drew at random: codes, and letters no language has."""

from __future__ import annotations

import re
from functools import lru_cache

from hygiene.case import (
    BUILTIN,
    DIGITS,
    SEPARATED,
    Case,
    Facts,
    Host,
    fold,
    parents,
)
from hygiene.gibberish import Model
from hygiene.verdict import Category, Finding

NOISE_LENGTH = 5
"""Characters: in fewer, names and noise can not be told apart."""

LETTERS_MIN = 4
"""Letters: up to three are initials, whatever they are."""

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

SPOKEN_ABOVE = ((1, -1.5), (2, 0.0), (8, 4.0))
"""Digits read as letters, as in ``m0nk3y`` and ``sk8er``: what is read so has to be a
likely name, and the more of them there are, the more likely: others are a code."""

ARABIC_ABOVE = 1.0

INITIALLED_ABOVE = -1.0
"""A name this likely behind or before one more letter is a name and an initial, however
badly the two go together (``mifsudx``)."""

CODED_BELOW = -8.0
"""So much worse where it may be the name of a machine: ``gsxr750k``, ``rtx3080ti``."""

ACADEMIC_LENGTH = 12
"""Fewer characters than this may be what a university made of initials and years."""

HEX_MIN = 8
HEX_RUNS = 3
"""Characters of a short code, and how often it goes over from letters to digits or back
at the least: ``abe1985`` is a person."""

SKELETON_MIN = 3
"""Letters that are left of a name without its vowels."""

DOMAIN_LENGTH = 9
DOMAIN_BELOW = -14.0

BESIDE_LENGTH = 6
BESIDE_BELOW = -6.0
"""A domain this long and this odd is evidence, though not enough of it by itself."""

KOREAN_PROVIDERS = frozenset(
    {"daum.net", "hanmail.net", "kakao.com", "nate.com", "naver.com"}
)
"""Where names are typed on the Korean keyboard as if it wrote Latin letters."""

SWITCHES_MIN = 5
"""Changes between capital and small letters, beside those that start a word."""

_HEX = re.compile(r"[0-9a-f]{8,}|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}").fullmatch
_TURNS = re.compile(r"(?<=[a-z])(?=[0-9])|(?<=[0-9])(?=[a-z])")
_WORD = re.compile(r"[a-z]{3,}")
_SWITCHES = re.compile(r"[a-z](?=[A-Z])|[A-Z](?=[a-z])")
_ACADEMIC = re.compile(
    r"\.edu(?:\.[a-z]{2})?$|\.ac\.[a-z]{2}$"
    r"|(?:^|\.)(?:stu|studs?|students?|studenti|studio|etu|etud|etudiant|campus|alumn[io]?"
    r"|alum|(?:uni|univ|tu|th|fh|hs|u|ruhr-uni)-[a-z0-9-]+|uni[a-z]{2,5}\.it)\b"
    r"|universi(?:ty|te|tet|taet|dad|dade|ta)"
).search
_HIDDEN = re.compile(r"(?<=[a-z])[._-]?[0-9][a-z]$")
_SEPARATORS = re.compile(r"[._-]+")
_FRILLS = re.compile(r"^x{2,}|x{2,}$")
_INSIDE = re.compile(r"(?<![0-9])([0-9])\1?(?=[a-z])")
_VOWELS = str.maketrans("", "", "aeiou")
_SPOKEN = ("o", "i", "to", "e", "a", "s", "g", "t", "ate", "g")
_ARABIC = ("o", "i", "a", "a", "dh", "kh", "t", "h", "gh", "q")
"""The letters that digits look like, to English eyes and to Arabic ones."""
_CALLSIGN = re.compile(
    r"[a-z]{1,2}[0-9][a-z]{1,3}|[0-9][a-z]{1,2}[0-9][a-z]{1,3}|vk[0-9][a-z]{4}"
).fullmatch
_MACHINE = re.compile(r"[a-z]{1,4}[0-9]{2,4}[a-z]{1,3}").fullmatch
_JAMO = r"(?:[qwertasdfgzxcv](?:h[kol]|n[jpl]|ml|[yuiophjklbnm])"
_HANGUL = re.compile(
    _JAMO + r"(?:r?t|s[wg]?|f[raqtxvg]?|qt?|[rweadgzxcv])?){2,6}[0-9]{0,6}"
).fullmatch
_NAMES = re.compile(r"[a-z]{4,}")


def _finding(rule: str, matched: str, source: str = BUILTIN) -> Finding:
    return Finding(Category.BOT, rule, matched, source)


def hexadecimal(case: Case) -> Finding | None:
    """A hash or a UUID for a name, or a shorter code of that kind."""
    base = case.base
    if len(base) < HEX_MIN or not _HEX(base):
        return None
    digits = sum(char in DIGITS for char in base)
    letters = len(base) - digits
    if len(base) < 16:
        runs = len(_TURNS.findall(base)) + 1
        few = min(digits, letters) < 2 or runs < HEX_RUNS + (digits < 3)
        if few or _excused(case):
            return None
    elif digits < 4 or letters < 4:
        return None
    return _finding("hex", base)


def alternating(case: Case) -> Finding | None:
    """Letters and digits in turn (``k7x2m9q4``), with no word among them."""
    squashed = case.squashed
    if len(squashed) < 8 or case.stem.isalpha():
        return None
    turns = len(_TURNS.findall(squashed))
    if turns < 5 or _WORD.search(squashed) or named(case) or _excused(case):
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
    text = _tidy(case.base, case.domain)
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
    if score is None or score >= below or _excused(case):
        return None
    tidy = _tidy(text, case.domain)
    if spoken(tidy, model) or abridged(tidy, case.facts) or arabic(tidy, case.facts):
        return None
    if initialled(tidy, case.facts):
        return None
    if text != tidy:
        score = model.score(tidy)
        if len(tidy) < NOISE_LENGTH or score is None or score >= below:
            return None
    rest = without_names(tidy, case.facts.names)
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
    vowels = sum(char in "aeiouy" for char in text)
    limits = NOISE_BELOW if vowels >= VOWELS_MIN else ABRIDGED_BELOW
    length = len(case.squashed)
    below = next((score for upto, score in limits if length <= upto), limits[-1][1])
    if not case.provider and _odd_host(case):
        below = NOISE_AT_ALL
    if _MACHINE(text):
        below += CODED_BELOW
    return below + SEPARATED_BELOW if case.shape & SEPARATED else below


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


def _excused(case: Case) -> bool:
    """Whether letters need make no sense here: a name, or an id that was given out."""
    if not case.stem or case.domain in case.words.numeric_providers:
        return True
    if _CALLSIGN(case.base) or korean(case):
        return True
    return case.stem in case.facts.names or own_name(case) or _numbered(case)


def _numbered(case: Case) -> bool:
    """Whether this is a student's or subscriber's id: ``cs19b012@iittp.ac.in``."""
    letters = sum(char.isalpha() for char in case.squashed)
    if letters < LETTERS_MIN and len(_TURNS.findall(case.squashed)) < 3:
        return True
    return len(case.squashed) < ACADEMIC_LENGTH and academic(case)


def korean(case: Case) -> bool:
    """Whether the keys are Korean syllables, at a provider of Koreans."""
    return case.domain in KOREAN_PROVIDERS and bool(_HANGUL(case.squashed))


def academic(case: Case) -> bool:
    """Whether the domain is a university's, by its name or by our list."""
    if _ACADEMIC(case.domain):
        return True
    listed = case.words.academic_hosts
    return any(host in listed for host in parents(case.domain, case.facts.suffixes))


def spoken(text: str, model: Model) -> bool:
    """Whether the text is a likely name with its digits read as letters."""
    inside = len(_INSIDE.findall(text))
    if not inside:
        return False
    above = next((score for upto, score in SPOKEN_ABOVE if inside <= upto), None)
    if above is None:
        return False
    score = model.score(_read(text, _SPOKEN).rstrip(DIGITS))
    return score is not None and score >= above


def arabic(text: str, facts: Facts) -> bool:
    """Whether the text is a likely name with digits for the Arabic letters they look
    like (``ya3qoob``), or such a name without its vowels (``m7md``)."""
    inside = len(_INSIDE.findall(text))
    if not inside or inside > 2 or facts.model is None:
        return False
    read = _read(text, _ARABIC).rstrip(DIGITS)
    score = facts.model.score(read)
    return score is not None and score >= ARABIC_ABOVE or abridged(read, facts)


def _read(text: str, letters: tuple[str, ...]) -> str:
    return _INSIDE.sub(
        lambda found: "".join(letters[int(digit)] for digit in found[0]), text
    )


def initialled(text: str, facts: Facts) -> bool:
    """Whether the text is a likely name with one letter at its start or its end.

    Or a name we know, with two before it.
    """
    text = text.rstrip(DIGITS)
    if not text.isalpha() or facts.model is None:
        return False
    if text[2:] in facts.names:
        return True
    for rest in (text[1:], text[:-1]):
        if rest in facts.names:
            return True
        score = facts.model.score(rest)
        if score is not None and score >= INITIALLED_ABOVE:
            return True
    return False


def abridged(text: str, facts: Facts) -> bool:
    """Whether each piece is names without their vowels: ``jhnsmth``, ``stphn.mrks``.

    A full name or an initial may stand beside them.
    """
    skeletons = _skeletons(facts.names)
    pieces = [piece for word in text.split(".") if (piece := word.strip(DIGITS))]
    for piece in pieces:
        if len(piece) > 1 and piece not in facts.names and not _boned(piece, skeletons):
            return False
    return bool(pieces)


def _boned(piece: str, skeletons: frozenset[str]) -> bool:
    if not piece.isalpha() or piece.translate(_VOWELS) != piece:
        return False
    if piece in skeletons or piece[1:] in skeletons or piece[2:] in skeletons:
        return True
    cuts = range(SKELETON_MIN, len(piece) - SKELETON_MIN + 1)
    return any(piece[:cut] in skeletons and piece[cut:] in skeletons for cut in cuts)


@lru_cache(maxsize=2)
def _skeletons(names: frozenset[str]) -> frozenset[str]:
    """The names without their vowels; made when first somebody seems to need it."""
    bare = (name.translate(_VOWELS) for name in names)
    return frozenset(bones for bones in bare if len(bones) >= SKELETON_MIN)


def _tidy(text: str, domain: str) -> str:
    """Return the text less what people and Apple hang on to it."""
    if domain == "icloud.com":
        # Hide My Email makes two words and two characters: grebes-tinted.0d
        text = _HIDDEN.sub("", text)
    text = _FRILLS.sub("", _SEPARATORS.sub(".", text)).strip("._-")
    if text[:1] == text[-1:] == "x":
        text = text.strip("x._-")
    return text


def without_names(text: str, names: frozenset[str]) -> str | None:
    """Return the text less the known names at its pieces' starts and ends.

    ``None`` where there is no name in it. Digits at the ends go with the names.
    """
    rest = text
    for piece in _NAMES.findall(text):
        for cut in range(len(piece), 3, -1):
            if piece[:cut] in names:
                rest = rest.replace(piece, piece[cut:], 1)
                break
            if piece[-cut:] in names:
                rest = rest.replace(piece, piece[:-cut], 1)
                break
    return None if rest is text else rest.strip("._-" + DIGITS)


def own_name(case: Case) -> bool:
    """Whether the name given with the signup is in the local part."""
    if case.person is None:
        return False
    return any(len(name) > 2 and name in case.squashed for name in case.names())


def named(case: Case) -> bool:
    """Whether a known name, or the signup's own, is in the local part."""
    names = case.facts.names
    return any(piece in names for piece in _NAMES.findall(case.base)) or own_name(case)
