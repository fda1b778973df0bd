"""People's names: parting a whole name, and letters as people write them. Pure."""

from __future__ import annotations

import re

# Words that belong to the family name that follows them.
PARTICLES = frozenset(
    [
        "af",
        "al",
        "ap",
        "av",
        "bin",
        "bint",
        "da",
        "dal",
        "dalla",
        "das",
        "de",
        "degli",
        "dei",
        "del",
        "della",
        "den",
        "der",
        "des",
        "di",
        "do",
        "dos",
        "du",
        "el",
        "ibn",
        "la",
        "las",
        "le",
        "los",
        "mac",
        "ten",
        "ter",
        "tot",
        "van",
        "vom",
        "von",
        "vor",
        "y",
        "zu",
        "zum",
        "zur",
    ]
)
TITLES = frozenset(
    ["mr", "mrs", "ms", "miss", "mx", "dr", "prof", "sir", "herr", "frau"]
)
SUFFIXES = frozenset(["jr", "sr", "ii", "iii", "iv", "phd", "md", "esq"])
# Keeps the parts between the words: hyphens, apostrophes and spaces.
WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


def split_name(whole: str) -> tuple[str, str]:
    """First and last name of a whole name, either "" where there is none.

    ``Mary O'Neil``, ``O'Neil, Mary``, ``Vincent van Gogh``, ``Dr. Ana de la Cruz``.
    One word alone is a first name; a name without spaces is one word.
    """
    before, comma, after = whole.partition(",")
    if comma and before.strip() and after.strip() and _bare(after) not in SUFFIXES:
        return _without_titles(after.split()), " ".join(before.split())
    words = whole.replace(",", " ").split()
    titled = bool(words) and _bare(words[0]) in TITLES
    while len(words) > 1 and _bare(words[0]) in TITLES:
        words = words[1:]
    tail: list[str] = []
    while len(words) > 2 and _bare(words[-1]) in SUFFIXES:
        tail.insert(0, words.pop())
    if len(words) < 2:
        return ("", words[0]) if titled and words else ("".join(words), "")
    cut = len(words) - 1
    for at in range(1, len(words) - 1):
        if words[at].lower() in PARTICLES:
            cut = at
            break
    return " ".join(words[:cut]), " ".join([*words[cut:], *tail])


def title_case(text: str) -> str:
    """``o'neil MCDONALD van der berg`` as ``O'Neil McDonald van der Berg``.

    A word written in both cases stays as its owner wrote it.
    """
    seen = 0

    def word(match: re.Match[str]) -> str:
        nonlocal seen
        found = match[0]
        seen += 1
        if not (found.islower() or (found.isupper() and len(found) > 1)):
            return found
        small = found.lower()
        after_space = match.start() > 0 and text[match.start() - 1].isspace()
        if seen > 1 and after_space and small in PARTICLES and match.end() < len(text):
            return small
        if small in ("ii", "iii", "iv"):
            return small.upper()
        return _capital(small)

    return WORD.sub(word, text)


def _capital(word: str) -> str:
    """A lower-case word with its capitals: ``o'neil``, ``mcdonald``, ``d'angelo``."""
    for mark in "'’":
        head, found, rest = word.partition(mark)
        if found and len(head) == 1 and len(rest) > 1:
            return head.upper() + mark + _capital(rest)
    if word.startswith("mc") and len(word) > 4:
        return "Mc" + word[2:].capitalize()
    return word.capitalize()


def _without_titles(words: list[str]) -> str:
    return " ".join(word for word in words if _bare(word) not in TITLES)


def _bare(word: str) -> str:
    return word.strip(" .").lower()
