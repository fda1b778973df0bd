"""The figures of the books, and the words for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from activity import words
from activity.ledger_sql import DAY, DISPLAY
from contactsync.tenancy.models import Account
from displays.models import Display, Signup, SyncRule
from hygiene.verdict import Category
from integrations.models import State, Target

REFUSED = tuple(each.value for each in Category if each is not Category.VALID)


@dataclass(slots=True, kw_only=True)
class Unexplained:
    """What the books cannot account for; each should be 0.

    ``signups``: neither accepted with a clean verdict nor filtered with a category.
    ``missing``: accepted signups that a rule which was live got no delivery for.
    ``unknown_state``: deliveries in no state that the product knows.
    ``lease_over``: being sent, by a worker whose lease ended ten minutes ago or more.
    The sweep takes such rows back within seconds, so the sweep is not running.
    ``overdue``: due for ten minutes or more while nothing stands in the way: the
    account is connected, not suspended, not told to slow down, makes no progress, and
    no earlier delivery of the same contact goes first. No worker is sending.
    """

    signups: int = 0
    missing: int = 0
    unknown_state: int = 0
    lease_over: int = 0
    overdue: int = 0

    @property
    def total(self) -> int:
        return sum(asdict(self).values())

    @property
    def sentences(self) -> list[tuple[str, str]]:
        """What is wrong: its name, and one sentence that counts and explains it."""
        rows = ("delivery", "deliveries")
        return [
            (name, f"{words.several(count, one, many)} {what}")
            for name, count, one, many, what in (
                ("signups", self.signups, "signup", "", "without a verdict that fits."),
                (
                    *("missing", self.missing, "delivery", "deliveries"),
                    "missing: the signup was accepted, the rule was on, and there is "
                    "no record of sending it.",
                ),
                ("unknown_state", self.unknown_state, *rows, "in no known state."),
                (
                    *("lease_over", self.lease_over, *rows),
                    "with a worker that stopped; the sweep does not run.",
                ),
                (
                    *("overdue", self.overdue, *rows),
                    "due for more than 10 minutes; no worker sends them.",
                ),
            )
            if count
        ]


@dataclass(slots=True, kw_only=True)
class Tally:
    """The figures of the whole, or of one line. ``filtered`` has every category,
    ``deliveries`` every state, also at 0.

    deliveries in all = owed - missing + beyond + lists. ``beyond``: for signups that
    the rule did not owe (sent later by a person, or taken back). ``lists``: that no
    signup led to. ``pruned``: of all these, what retention deleted.
    """

    captured: int = 0
    accepted: int = 0
    filtered: dict[str, int] = field(default_factory=lambda: dict.fromkeys(REFUSED, 0))
    owed: int = 0
    deliveries: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(State.values, 0)
    )
    lists: int = 0
    pruned: int = 0
    details: Unexplained = field(default_factory=Unexplained)

    @property
    def unexplained(self) -> int:
        return self.details.total

    @property
    def sent(self) -> int:
        return sum(self.deliveries.values())

    @property
    def beyond(self) -> int:
        return self.sent - self.lists - self.owed + self.details.missing

    @property
    def refused(self) -> int:
        return sum(self.filtered.values())

    @property
    def turned_away(self) -> list[tuple[str, int]]:
        """The categories that turned somebody away, in words."""
        return [(words.category(each), n) for each, n in self.filtered.items() if n]

    @property
    def complaints(self) -> list[str]:
        """What is wrong with the books, one sentence each."""
        return [sentence for _, sentence in self.details.sentences]

    def judge(self, status: str, category: str, count: int) -> None:
        self.captured += count
        if (status, category) == (Signup.Status.ACCEPTED, Category.VALID):
            self.accepted += count
        elif status == Signup.Status.FILTERED and category in self.filtered:
            self.filtered[category] += count
        else:
            self.details.signups += count

    def deliver(self, state: str, count: int) -> None:
        if state in self.deliveries:
            self.deliveries[state] += count
        else:
            self.details.unknown_state += count

    def as_dict(self) -> dict[str, Any]:
        return {
            **asdict(self),
            "beyond": self.beyond,
            "unexplained": self.unexplained,
        }


@dataclass(slots=True, kw_only=True)
class Line(Tally):
    """The books of one display, one rule or one day: ``key`` is its id, or the day.

    A rule's line has no signups of its own (they are its display's).
    """

    key: Any
    label: str = ""


def label(account: Account, by: str, lines: Sequence[Line]) -> None:
    """What each line is called."""
    keys = [line.key for line in lines]
    if by == DAY:
        names = {key: words.day(key) for key in keys}
    elif by == DISPLAY:
        shown = Display.objects.for_account(account).filter(pk__in=keys)
        names = dict(shown.values_list("pk", "name"))
    else:
        names = _places(account, keys)
    for line in lines:
        line.label = names.get(line.key) or "Deleted"


def _places(account: Account, keys: Sequence[Any]) -> dict[Any, str]:
    """Rules by display and audience, other targets by account and audience."""
    rules = SyncRule.objects.for_account(account).filter(pk__in=keys)
    targets = Target.objects.for_account(account).filter(pk__in=keys)
    names = {
        target.pk: f"List import → {target}"
        for target in targets.select_related("linked_account")
    }
    for rule in rules.select_related("display", "target__linked_account"):
        gone = " (removed)" if rule.removed_at else ""
        names[rule.pk] = f"{rule.display.name} → {rule.target}{gone}"
    return names
