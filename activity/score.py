"""How well an account's mail is received: 0 to 100, from figures alone. Pure.

An account starts with 100 points and each part takes some away. The limits are what
the large mailbox and mail providers publish, not ours:

* complaints: Google, "Email sender guidelines" (support.google.com/a/answer/81126; in
  force for bulk senders since February 2024, Yahoo's Sender Hub says the same): keep
  the reported spam rate below 0.10 % and never reach 0.30 %. Amazon SES pauses sending
  at 0.5 % ("Reputation metrics messages", SES Developer Guide).
* bounces: Amazon SES, the same page: 2 % is advised, an account comes under review at
  5 % and is paused at 10 %.
* unsubscribes: Cakemail, "High number of complaints/bounces/unsubscribes": never more
  than 1 %; the better half of a campaign's usual range ends at 0.5 %.

Those are rates per message; we do not see messages and count people over 30 days, who
get several. For bounces that is the same, because an address bounces once. A person
who complains has had several mails to complain about, so complaints cost the points
that suspend by themselves (``stop``) at 1 % and not at 0.5 %.

Which figures count, so that an innocent merchant is not suspended:

* Only what reached a provider and came back bad can suspend: complaints, and addresses
  that bounced or were refused as fake. A wave of bots that the filter turned away hurt
  nobody. Filtered signups and known spam traps among them cost 10 points at most
  together: they say that a form needs protection.
* An imported file is the merchant's own choice, so what the filter turned away of it
  costs more (15), though it too was never sent.
* All that cannot come back, together, costs 35 of 100: at the default limit of 40 it
  never suspends.
* One complaint among 200 people is 0.5 %, and chance. What counts is the rate that
  the figures prove: the lower end of Wilson's interval at 95 % (Wilson 1927). It
  comes close to the plain rate as the figures grow.
* Below ``ENOUGH`` people there is no score at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from math import sqrt
from typing import Any

DAYS = 30
ENOUGH = 200
Z = 1.645  # one-sided 95 %
GOOD = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Counts of people (``signups``, ``filtered``, ``traps``: of signups; ``listed``:
    of rows of imported files) in one account over ``DAYS`` days.

    ``reached``: whom a provider answered for, whatever it said; the whole of the first
    three. ``refused``: of these, refused there as no real address. ``bounced``,
    ``complained``, ``left``: of these, suppressed since. ``filtered`` maps a category
    to signups; ``traps`` are those turned away as known spam traps, in none of them.
    ``listed_bad``: rows of imported files that the filter turned away.
    """

    reached: int = 0
    refused: int = 0
    bounced: int = 0
    complained: int = 0
    left: int = 0
    signups: int = 0
    filtered: Mapping[str, int] = field(default_factory=dict)
    traps: int = 0
    listed: int = 0
    listed_bad: int = 0


@dataclass(frozen=True, slots=True)
class Scale:
    """Points by rate: none up to ``fine``, then straight to ``at_bad`` at ``bad``, then
    straight to ``most`` at ``stop``, and no more."""

    fine: float
    bad: float
    at_bad: float
    stop: float
    most: float

    def points(self, rate: float) -> float:
        if rate <= self.fine:
            return 0.0
        if rate <= self.bad:
            return self.at_bad * (rate - self.fine) / (self.bad - self.fine)
        beyond = min(1.0, (rate - self.bad) / (self.stop - self.bad))
        return self.at_bad + (self.most - self.at_bad) * beyond


SCALES: dict[str, Scale] = {
    "complaints": Scale(0.001, 0.003, 40, 0.01, 65),
    "bounces": Scale(0.02, 0.05, 40, 0.10, 65),
    "unsubscribes": Scale(0.005, 0.01, 5, 0.03, 10),
    "lists": Scale(0.05, 0.20, 10, 0.40, 15),
    "filtered": Scale(0.30, 0.60, 3, 0.90, 5),
    "traps": Scale(0.001, 0.005, 3, 0.02, 5),
}
TITLES: dict[str, str] = {
    "complaints": "Spam complaints",
    "bounces": "Bounced or fake addresses",
    "unsubscribes": "Unsubscribes",
    "lists": "Bad rows in imported lists",
    "filtered": "Signups turned away",
    "traps": "Known spam traps",
}
MEANING: dict[str, str] = {
    "complaints": "people marked your mail as spam",
    "bounces": "addresses bounced, or were refused by your provider as not real",
    "unsubscribes": "people unsubscribed",
    "lists": "rows of the files you imported were turned away",
    "filtered": "signups were turned away by the filter, before they could do harm",
    "traps": "signups were addresses that only spammers write to; they were stopped",
}
REASONS: dict[str, str] = {
    "complaints": "Google and Yahoo ask bulk senders to stay below 0.1 %, and treat "
    "0.3 % as spam.",
    "bounces": "Amazon SES advises less than 2 % and reviews senders at 5 %.",
    "unsubscribes": "More than 1 % is a sign that people did not expect your mail.",
    "lists": "A list whose owners agreed, and that is in use, has few bad rows.",
    "filtered": "These were never sent, so they cost little.",
    "traps": "These were never sent, so they cost little.",
}
# What can suspend: it reached a provider and came back.
CAME_BACK = frozenset(("complaints", "bounces"))


def least(count: int, of: int) -> float:
    """The lowest rate that ``count`` of ``of`` leaves likely (Wilson, one-sided)."""
    if count <= 0 or of <= 0:
        return 0.0
    p = min(count, of) / of
    centre = p + Z * Z / (2 * of)
    spread = Z * sqrt(p * (1 - p) / of + Z * Z / (4 * of * of))
    return max(0.0, (centre - spread) / (1 + Z * Z / of))


def percent(rate: float) -> str:
    """0.00123 as "0.12 %", 0.051 as "5.1 %"."""
    value = 100 * rate
    return f"{value:.2f} %" if 0 < value < 1 else f"{value:.1f} %"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one thing costs. Rates are fractions; ``counted`` is the one that the
    figures prove, from which ``points`` follow."""

    name: str
    count: int
    of: int
    rate: float
    counted: float
    fine: float
    bad: float
    points: int
    most: int

    @property
    def title(self) -> str:
        return TITLES[self.name]

    @property
    def why(self) -> str:
        return REASONS[self.name]

    @property
    def tone(self) -> str:
        if not self.points:
            return "ok"
        return "bad" if self.counted >= self.bad else "warn"

    @property
    def sentence(self) -> str:
        return (
            f"{self.count:,} of {self.of:,} {MEANING[self.name]}: {percent(self.rate)}."
        )

    @property
    def limits(self) -> str:
        return f"good below {percent(self.fine)}, bad from {percent(self.bad)}"

    @property
    def proven(self) -> str:
        """The rate that counts where chance makes it another than the plain one."""
        return percent(self.counted) if self.points else ""

    @property
    def bar(self) -> int:
        """0 to 100: 50 is the good limit's end, 100 the bad one and beyond."""
        if self.rate <= self.fine:
            return round(50 * self.rate / self.fine)
        share = (self.rate - self.fine) / (self.bad - self.fine)
        return min(100, 50 + round(50 * share))

    def as_dict(self) -> dict[str, Any]:
        return {
            **asdict(self),
            "title": self.title,
            "sentence": self.sentence,
            "limits": self.limits,
            "tone": self.tone,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """``value`` is None while fewer than ``ENOUGH`` people were reached."""

    value: int | None
    reached: int
    parts: tuple[Part, ...]

    @property
    def word(self) -> str:
        if self.value is None:
            return "Too few to tell"
        if self.value >= GOOD:
            return "Good"
        return "Needs work" if self.value >= 60 else "Poor"

    @property
    def tone(self) -> str:
        if self.value is None:
            return ""
        if self.value >= GOOD:
            return "ok"
        return "warn" if self.value >= 60 else "bad"

    @property
    def lost(self) -> tuple[Part, ...]:
        """The parts that cost points, the dearest first."""
        found = [part for part in self.parts if part.points]
        return tuple(sorted(found, key=lambda part: -part.points))


def score(figures: Figures) -> Score:
    """The account's score and what it is made of."""
    reached = figures.reached
    bad = min(reached, figures.refused + figures.bounced)
    turned_away = sum(figures.filtered.values())
    counts = {
        "complaints": (figures.complained, reached),
        "bounces": (bad, reached),
        "unsubscribes": (figures.left, reached),
        "lists": (figures.listed_bad, figures.listed),
        "filtered": (turned_away, figures.signups),
        "traps": (figures.traps, figures.signups),
    }
    enough = reached >= ENOUGH
    parts = tuple(_part(name, *counts[name], enough) for name in SCALES)
    total = max(0, 100 - sum(part.points for part in parts))
    return Score(value=total if enough else None, reached=reached, parts=parts)


def _part(name: str, count: int, of: int, enough: bool) -> Part:
    scale = SCALES[name]
    counted = least(count, of)
    return Part(
        name=name,
        count=count,
        of=of,
        rate=min(1.0, count / of) if of else 0.0,
        counted=counted,
        fine=scale.fine,
        bad=scale.bad,
        points=round(scale.points(counted)) if enough else 0,
        most=round(scale.most),
    )


def suspends(found: Score, limit: int) -> bool:
    """Whether the score is below ``limit`` because of something that came back bad."""
    if found.value is None or not limit or found.value >= limit:
        return False
    return any(part.points for part in found.parts if part.name in CAME_BACK)
