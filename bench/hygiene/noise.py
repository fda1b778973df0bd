"""The character model on its own: persons against strings drawn at random.

The random half: lengths 6 to 20, in equal parts a-z, a-z0-9, hexadecimal digits, and
a-z with one to four digits behind. The persons: ``persons``, and apart from that those
of them whose family name is none of the names the filter knows.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from string import ascii_lowercase, digits

from bench.hygiene.people import COUNTRIES, country
from bench.hygiene.rows import SPLITS, load
from hygiene.case import Facts, fold

RATES = (0.001, 0.005, 0.01)
"""Shares of persons called random at which the share of strings found is read off."""

COUNT = 5000


def strings(count: int, seed: int = 4) -> Iterator[str]:
    """Yield random local parts, always the same for a seed."""
    rng = random.Random(seed)
    for at in range(count):
        length = rng.randint(6, 20)
        kind = at % 4
        alphabet = (ascii_lowercase, ascii_lowercase + digits, "0123456789abcdef")
        if kind < 3:
            yield "".join(rng.choices(alphabet[kind], k=length))
        else:
            tail = rng.randint(1, 4)
            letters = "".join(rng.choices(ascii_lowercase, k=length - tail))
            yield letters + "".join(rng.choices(digits, k=tail))


def persons(count: int, seed: int = 5) -> Iterator[tuple[str, str]]:
    """Yield (local part, family name): every country and every name as often as any.

    So that rare names count for more than in life; a fifth is written down by hand, the
    stratum ``hard-transliterations`` of the labelled sets with numbers behind.
    """
    rng = random.Random(seed)
    hard = [
        row.address.partition("@")[0]
        for split in SPLITS
        for row in load(split)
        if row.stratum == "hard-transliterations"
    ]
    patterns = ("{f}.{l}", "{f}{l}", "{i}{l}", "{l}{f}", "{l}.{i}", "{f}_{l}", "{f}{j}")
    tails = ("", "", "{n}", "{y}")
    seen: set[str] = set()
    while len(seen) < count:
        given, family = country(rng.choice(list(COUNTRIES)))
        first, last = rng.choice(given.names), rng.choice(family.names)
        shape = rng.choice(patterns) + rng.choice(tails)
        if rng.random() < 0.2:
            last = rng.choice(hard)
            shape = "{l}" + rng.choice(tails)
        local = shape.format(
            f=first,
            l=last,
            i=first[0],
            j=last[0],
            n=rng.randint(1, 99),
            y=rng.randint(1950, 2009),
        )
        if len(local) > 5 and local not in seen:
            seen.add(local)
            yield local, last


def found_at(
    person_scores: Sequence[float], string_scores: Sequence[float]
) -> list[float]:
    """The share of strings below the score that ``RATES`` of the persons are below."""
    ranked = sorted(person_scores)
    shares = []
    for rate in RATES:
        limit = ranked[int(rate * len(ranked))]
        below = sum(score < limit for score in string_scores)
        shares.append(below / len(string_scores))
    return shares


def measure(facts: Facts) -> dict[str, list[float]]:
    """Return the shares found at ``RATES``, by which persons they are held against."""
    model = facts.model
    if model is None:
        return {}

    def score(local: str) -> float:
        return model.score(fold(local)) or 0.0

    rows = list(persons(COUNT))
    random_scores = [score(text) for text in strings(COUNT)]
    every = [score(local) for local, _ in rows]
    unknown = [score(local) for local, last in rows if last not in facts.names]
    return {
        "all persons": found_at(every, random_scores),
        f"{len(unknown)} with a family name not in our lists": found_at(
            unknown, random_scores
        ),
    }
