"""Train the character model that tells names from random keys, and write its file.

    python -m scripts.train_model [--check]

The same sources give the same bytes on every machine: names are sorted, paired by a
generator of our own seeding, and the table is rounded to whole numbers. ``--check``
writes nothing and exits 1 where the file in the repository is another one. Needs the
packages named in ``scripts.name_sources``, in exactly those versions.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib.metadata import version

from hygiene.facts import DATA
from hygiene.gibberish import ALPHABET, MODEL_FILE, SCALE, SIZE, pack, plain
from scripts import name_sources
from scripts.name_sources import Group

SEED = 20261101
LOCALS = 150_000
"""Local parts put together for training."""

SHARES = {"names": 6, "ours": 12}
"""How much more than others a source counts: the census has far more family names than
any, and ours are those of peoples of whom the others know little."""

WORD_SHARE = 0.08
"""Local parts that are words and not names."""

_KEY = -math.log(36)
_RANDOM = {"0": math.log(10 / 36), ".": -math.log(20)}
"""Random strings hold digits as the keyboard has them, and hardly ever a separator."""


class Deal:
    """Random draws that come out alike in every version of Python."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed).random

    def one(self, items: Sequence[str]) -> str:
        return items[int(self._random() * len(items))]

    def chance(self, share: float) -> bool:
        return self._random() < share


PATTERNS = (
    *("{f}.{l}", "{f}.{l}", "{f}{l}", "{f}{l}", "{f}_{l}", "{f}-{l}", "{l}.{f}"),
    *("{l}{f}", "{i}{l}", "{i}{l}", "{i}.{l}", "{l}{i}", "{l}.{i}", "{f}{k}"),
    *("{f}.{j}.{l}", "{i}{j}{l}", "{f}", "{l}", "{f}{g}", "{f}.{g}.{l}", "{f}{l}{m}"),
    *("{f:.3}{l}", "{l:.3}{f:.3}"),
)
"""``f``, ``g`` given names, ``l``, ``m`` family names, ``i j k`` their initials."""

TAILS = (*[""] * 5, "0", "00", "00", "000", "0000", ".00", ".000", ".0000")

FLOOR = -6.0
"""Nats: no lower where a digit or separator is about. Sources of names do not know of
``m0nkey``, ``sk8er``, ``__jo__`` and students' numbers, which are people's too."""

PRIOR = 10
"""How many times its usual weight a shorter context gets: what a hundred thousand local
parts happen not to hold is not as impossible as Witten and Bell would have it."""


def made_up(groups: Sequence[Group], words: Sequence[str]) -> Iterator[str]:
    """Yield the local parts to train on: letters, ``0`` for digits, ``.``."""
    deal = Deal(SEED)
    weights = [SHARES.get(group.label.partition("/")[0], 1) for group in groups]
    share = LOCALS * (1 - WORD_SHARE) / sum(weights)
    for group, weight in zip(groups, weights, strict=True):
        for _ in range(int(share * weight)):
            f, g = deal.one(group.given), deal.one(group.given)
            l, m = deal.one(group.family), deal.one(group.family)  # noqa: E741
            text = deal.one(PATTERNS).format(f=f, g=g, l=l, m=m, i=f[0], j=g[0], k=l[0])
            yield plain(text) + deal.one(TAILS)
    for _ in range(int(LOCALS * WORD_SHARE)):
        text = deal.one(words)
        if deal.chance(0.6):
            text += deal.one(words)
        yield text + deal.one(TAILS)


def table(texts: Iterator[str]) -> bytes:
    """Return the model's table: Witten-Bell trigrams against random keys."""
    triples: Counter[str] = Counter()
    for text in texts:
        padded = f"..{text}."
        triples.update(map("".join, zip(padded, padded[1:], padded[2:], strict=False)))
    pairs: Counter[str] = Counter()
    singles: Counter[str] = Counter()
    before_pair: Counter[str] = Counter()
    for triple, count in triples.items():
        pairs[triple[1:]] += count
        singles[triple[2]] += count
        before_pair[triple[:2]] += count
    before: Counter[str] = Counter()
    for pair, count in pairs.items():
        before[pair[0]] += count
    after_pair = Counter(triple[:2] for triple in triples)
    after = Counter(pair[0] for pair in pairs)
    total = sum(singles.values())
    cells = []
    for a in ALPHABET:
        for b in ALPHABET:
            kinds = PRIOR * (after_pair[a + b] or 1)
            seen = before_pair[a + b]
            for c in ALPHABET:
                alone = (singles[c] + 1) / (total + SIZE)
                wide = after[b] or 1
                low = (pairs[b + c] + wide * alone) / (before[b] + wide)
                high = (triples[a + b + c] + kinds * low) / (seen + kinds)
                score = math.log(high) - _RANDOM.get(c, _KEY)
                if not (a + b + c).isalpha():
                    score = max(score, FLOOR)
                cells.append(max(-128, min(127, round(score * SCALE))))
    return bytes(cell & 0xFF for cell in cells)


def train(keep: name_sources.Keep = lambda name: True) -> bytes:
    """Return the model file made of all the names that ``keep`` lets in."""
    texts = made_up(name_sources.groups(keep), name_sources.words())
    return pack(table(texts))


def wrong_versions() -> list[str]:
    """Say which source is installed in another version than the model's."""
    wanted = {
        "faker": name_sources.FAKER,
        "mimesis": name_sources.MIMESIS,
        "names": name_sources.NAMES,
    }
    return [
        f"{name} {wanted[name]} is needed, {version(name)} is installed"
        for name in wanted
        if version(name) != wanted[name]
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    check = parser.parse_args().check
    if wrong := wrong_versions():
        print("\n".join(wrong), file=sys.stderr)
        return 2
    made, path = train(), DATA / MODEL_FILE
    if check:
        same = path.is_file() and path.read_bytes() == made
        print("the same bytes" if same else "another model", file=sys.stderr)
        return 0 if same else 1
    path.write_bytes(made)
    print(f"{path.name}: {len(made)} bytes", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
