"""Right and wrong verdicts, counted."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from bench.hygiene.rows import CATEGORIES, Row
from hygiene.case import Facts
from hygiene.judge import judge
from hygiene.policy import DEFAULT, Policy
from hygiene.verdict import Category, Verdict


@dataclass(slots=True)
class Tally:
    """Of one category or stratum: rows, rows turned away, and as what."""

    rows: int = 0
    rejected: int = 0
    right: int = 0

    @property
    def recall(self) -> float:
        return self.rejected / self.rows if self.rows else 0.0

    @property
    def right_share(self) -> float:
        """The share with the right category, of those turned away."""
        return self.right / self.rejected if self.rejected else 0.0


@dataclass(slots=True)
class Accuracy:
    """``strata`` is keyed by (category, stratum), ``wrong`` by (expected, verdict)."""

    categories: dict[Category, Tally] = field(default_factory=dict)
    strata: dict[tuple[Category, str], Tally] = field(default_factory=dict)
    wrong: Counter[tuple[Category, Category]] = field(default_factory=Counter)
    misses: list[tuple[Row, Verdict]] = field(default_factory=list)

    @property
    def right_share(self) -> float:
        """The right category among all rows rightly turned away."""
        turned = [t for c, t in self.categories.items() if c is not Category.VALID]
        rejected = sum(tally.rejected for tally in turned)
        return sum(tally.right for tally in turned) / rejected if rejected else 0.0


def score(rows: Iterable[Row], facts: Facts, policy: Policy = DEFAULT) -> Accuracy:
    """Judge labelled rows."""
    found = Accuracy({category: Tally() for category in CATEGORIES})
    strata: dict[tuple[Category, str], Tally] = defaultdict(Tally)
    for row in rows:
        verdict = judge(row.address, facts=facts, policy=policy, person=row.person)
        hit = verdict.category is row.category
        for tally in (
            found.categories[row.category],
            strata[row.category, row.stratum],
        ):
            tally.rows += 1
            tally.rejected += not verdict.accepted
            tally.right += hit and not verdict.accepted
        if not hit:
            found.misses.append((row, verdict))
            found.wrong[row.category, verdict.category] += 1
    found.strata = dict(strata)
    return found


def rejected_people(
    addresses: Iterable[str], facts: Facts, policy: Policy = DEFAULT
) -> tuple[Counter[str], list[tuple[str, Verdict]]]:
    """Count the people turned away, by ``category:rule``, and list them."""
    rules: Counter[str] = Counter()
    rejected = []
    for address in addresses:
        verdict = judge(address, facts=facts, policy=policy)
        if not verdict.accepted:
            rules[f"{verdict.category}:{verdict.rule}"] += 1
            rejected.append((address, verdict))
    return rules, rejected
