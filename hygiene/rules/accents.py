"""Other ways to write a word that is not plain ASCII."""

from __future__ import annotations

from hygiene.case import fold

_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa"})


def spellings(word: str) -> tuple[str, ...]:
    """Return the forms our lists may have a lower-case word in, the likeliest first.

    ``büro`` is listed as ``buero``, ``comptabilité`` without its accent, and words of
    other scripts as they are typed: most have no other form.
    """
    if word.isascii():
        return (word,)
    return word, fold(word.translate(_UMLAUTS)), fold(word)
