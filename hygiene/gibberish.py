"""How much a local part looks like keys hit at random, by a character model.

A trigram model with Witten-Bell smoothing, trained when the lists are loaded (a few
milliseconds) from our own name and word lists, so that the model is exactly what the
lists make it. The score of a text is log P(text | names) - log P(text | random keys),
in nats: the more negative, the more random. It is a sum, not a mean, because a long
text gives more evidence than a short one.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

ALPHABET = "abcdefghijklmnopqrstuvwxyz0."
"""Letters, any digit as ``0``, any separator as ``.``."""

SIZE = len(ALPHABET)
SCALE = 10.0
"""Table entries are whole tenths of a nat."""

_FOREIGN = 255


def _codes() -> bytes:
    table = bytearray([_FOREIGN]) * 256
    for code, char in enumerate(ALPHABET):
        table[ord(char)] = code
    for char in "123456789":
        table[ord(char)] = ALPHABET.index("0")
    for char in "_-":
        table[ord(char)] = ALPHABET.index(".")
    return bytes(table)


_CODES = _codes()
_START = ALPHABET.index(".")
_KEY = -math.log(36)
"""A random key: one of a-z and 0-9."""

_RANDOM = {"0": math.log(10 / 36), ".": -math.log(20)}
"""Random strings hold digits as the keyboard has them, and hardly ever a separator."""


Table = tuple[tuple[tuple[int, ...], ...], ...]


@dataclass(frozen=True, slots=True)
class Model:
    """``table[a][b][c]`` is the score of ``c`` after ``a b``, in tenths of a nat.

    The letters are numbered by ``ALPHABET``. ``version`` is ``trigram@`` and a hash of
    the text it was trained on.
    """

    table: Table
    version: str

    def score(self, text: str) -> float | None:
        """Return the score of lower-case ASCII text in nats.

        ``None`` where the text holds anything but letters, digits and ``. _ -``: the
        model knows nothing about the rest.
        """
        codes = text.encode("ascii", "replace").translate(_CODES)
        if _FOREIGN in codes:
            return None
        table = self.table
        a = b = _START
        total = 0
        for c in codes:
            total += table[a][b][c]
            a, b = b, c
        return total / SCALE


def train(first: Sequence[str], last: Sequence[str], words: Sequence[str]) -> Model:
    """Train on local parts put together from three sorted lists of a-z words.

    The pairing is fixed by position, so the same lists always give the same model.
    """
    text = "..".join(_locals(first, last, words))
    text = f"..{text}.."
    triples = Counter(zip(text, text[1:], text[2:], strict=False))
    pairs = Counter(pairwise(text))
    singles = Counter(text)

    followers: Counter[tuple[str, str]] = Counter((a, b) for a, b, _ in triples)
    successors: Counter[str] = Counter(a for a, _ in pairs)
    total = len(text)

    single = [(singles[c] + 1) / (total + SIZE) for c in ALPHABET]
    chance = [_RANDOM.get(c, _KEY) for c in ALPHABET]
    pair: dict[str, list[float]] = {}
    for b in ALPHABET:
        kinds = successors[b] or 1
        weight = singles[b] + kinds
        pair[b] = [
            (pairs[b, c] + kinds * p) / weight
            for c, p in zip(ALPHABET, single, strict=True)
        ]
    table = []
    for a in ALPHABET:
        rows = []
        for b in ALPHABET:
            kinds = followers[a, b] or 1
            weight = pairs[a, b] + kinds
            row = (
                (math.log((triples[a, b, c] + kinds * p) / weight) - r) * SCALE
                for c, p, r in zip(ALPHABET, pair[b], chance, strict=True)
            )
            rows.append(tuple(map(round, row)))
        table.append(tuple(rows))
    digest = hashlib.sha256(text.encode("ascii")).hexdigest()[:8]
    return Model(tuple(table), f"trigram@{digest}")


def _locals(
    first: Sequence[str], last: Sequence[str], words: Sequence[str]
) -> list[str]:
    """Put names and words together the ways people do, each entry once or twice."""
    made: list[str] = []
    shapes: tuple[str, ...]
    for at, given in enumerate(first):
        family = last[at * 7 % len(last)]
        shapes = (f"{given}{family}", f"{given}.{family}", f"{given}00", f"{given}0")
        made.append(shapes[at % 4])
    for at, family in enumerate(last):
        given = first[at * 11 % len(first)]
        shapes = (
            f"{given[0]}{family}",
            f"{family}{given}",
            f"{given[0]}.{family}0",
            f"{family}.{given}00",
            f"{family}.{given[0]}",
            f"{family}{given[0]}",
        )
        made.append(shapes[at % 6])
    for at, word in enumerate(words):
        other, given = words[at * 13 % len(words)], first[at * 5 % len(first)]
        made.append((f"{word}{other}", f"{word}{given}000")[at % 2])
    return made
