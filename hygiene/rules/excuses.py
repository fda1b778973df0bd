"""What looks like noise and is a person: nicknames, abridged names, other keyboards."""

from __future__ import annotations

import re
from functools import lru_cache

from hygiene.case import DIGITS, Case, Facts, parents
from hygiene.gibberish import Model

LETTERS_MIN = 4
"""Letters: up to three are initials, whatever they are."""

ACADEMIC_LENGTH = 12
"""Fewer characters than this may be what a university made of initials and years."""

SPOKEN_ABOVE = ((1, -1.5), (2, 0.0), (8, 4.0))
"""Digits read as letters, as in ``m0nk3y`` and ``sk8er``: what is read so has to be a
likely name, and the more of them there are, the more likely: others are a code."""

ARABIC_ABOVE = 1.0

INITIALLED_ABOVE = -0.5
"""A name this likely behind or before one more letter is a name and an initial, however
badly the two go together (``mifsudx``)."""

MIDDLE_MIN = 3
MIDDLE_ABOVE = 1.5
"""Letters of a name before and behind somebody's middle initial, and how likely the two
have to be without it (``talhawqasif``): one odd letter is the oddity of a random string
only by chance."""

SKELETON_MIN = 3
"""Letters that are left of a name without its vowels."""

KOREAN_PROVIDERS = frozenset(
    {"daum.net", "hanmail.net", "kakao.com", "nate.com", "naver.com"}
)
"""Where names are typed on the Korean keyboard as if it wrote Latin letters."""

_ACADEMIC = re.compile(
    r"\.edu(?:\.[a-z]{2})?$|\.ac\.[a-z]{2}$"
    r"|(?:^|\.)(?:stu|studs?|students?|studenti|studio|etu|etud|etudiant|campus|alumn[io]?"
    r"|alum|(?:uni|univ|tu|th|fh|hs|u|ruhr-uni)-[a-z0-9-]+|uni[a-z]{2,5}\.it)\b"
    r"|universi(?:ty|te|tet|taet|dad|dade|ta)"
).search
TURNS = re.compile(r"(?<=[a-z])(?=[0-9])|(?<=[0-9])(?=[a-z])")
_HIDDEN = re.compile(r"(?<=[a-z])[._-]?[0-9][a-z]$")
_SEPARATORS = re.compile(r"[._-]+")
_FRILLS = re.compile(r"^x{2,}|x{2,}$")
_INSIDE = re.compile(r"(?<![0-9])([0-9])\1?(?=[a-z])")
_VOWELS = str.maketrans("", "", "aeiou")
_SPOKEN = ("o", "i", "to", "e", "a", "s", "g", "t", "ate", "g")
_ARABIC = ("o", "i", "a", "a", "dh", "kh", "t", "h", "gh", "q")
"""The letters that digits look like, to English eyes and to Arabic ones."""
CALLSIGN = re.compile(
    r"[a-z]{1,2}[0-9][a-z]{1,3}|[0-9][a-z]{1,2}[0-9][a-z]{1,3}|vk[0-9][a-z]{4}"
).fullmatch
_JAMO = r"(?:[qwertasdfgzxcv](?:h[kol]|n[jpl]|ml|[yuiophjklbnm])"
_HANGUL = re.compile(
    _JAMO + r"(?:r?t|s[wg]?|f[raqtxvg]?|qt?|[rweadgzxcv])?){2,6}[0-9]{0,6}"
).fullmatch
_NAMES = re.compile(r"[a-z]{4,}")


def excused(case: Case) -> bool:
    """Whether letters need make no sense here: a name, or an id that was given out."""
    if not case.stem or case.domain in case.words.numeric_providers:
        return True
    if CALLSIGN(case.base) or korean(case):
        return True
    return case.stem in case.facts.names or own_name(case) or _numbered(case)


def _numbered(case: Case) -> bool:
    """Whether this is a student's or subscriber's id: ``cs19b012@iittp.ac.in``."""
    letters = sum(char.isalpha() for char in case.squashed)
    if letters < LETTERS_MIN and len(TURNS.findall(case.squashed)) < 3:
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


def likely(text: str, facts: Facts) -> bool:
    """Whether some way in which people change their names leads to this text."""
    if facts.model is None:
        return False
    return (
        spoken(text, facts.model)
        or abridged(text, facts)
        or arabic(text, facts)
        or initialled(text, facts)
    )


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

    Or a name we know, with two before it; or two likely names with a letter between.
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
    between = range(MIDDLE_MIN, len(text) - MIDDLE_MIN)
    scores = (facts.model.score(text[:at] + text[at + 1 :]) for at in between)
    return max((score or 0 for score in scores), default=0) >= MIDDLE_ABOVE


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


def tidy(text: str, domain: str) -> str:
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
