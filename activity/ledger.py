"""The books: whatever was captured is accounted for, or it is called unexplained.

captured = accepted + filtered; every accepted signup x live rule led to a delivery
(``owed``); and every delivery is in exactly one state that is going somewhere by
itself or says why it does not. docs/books.md has the definitions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from django.db.models import Sum

from activity import ledger_sql as sql
from activity.ledger_duties import Duty, duties, rule_of_target
from activity.ledger_lines import Line, Tally, label
from activity.ledger_sql import DAY, DISPLAY, RULE, Scope
from activity.ledger_stuck import grouped, lease_over, overdue
from contactsync.tenancy.models import Account
from displays.models import Display
from integrations.models import DayTotal, Delivery
from integrations.models.engine import NO_DISPLAY

BY = (DAY, DISPLAY, RULE)


@dataclass(slots=True, kw_only=True)
class Ledger(Tally):
    by: str = ""
    lines: list[Line] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        told = super(Ledger, self).as_dict()
        lines = [line.as_dict() for line in self.lines]
        return {**told, "lines": lines}


def ledger(
    account: Account,
    *,
    display: Display | UUID | None = None,
    rule: UUID | None = None,
    since: date | None = None,
    until: date | None = None,
    by: str = "",
) -> Ledger:
    """The account's books, or a part of them, with a line per day, display or rule.

    Days are UTC and both counted. Writes nothing.
    """
    scope = Scope(
        account_id=account.pk,
        display=display.pk if isinstance(display, Display) else display,
        rule=rule,
        since=since,
        until=until,
    )
    found = duties([account.pk], display=scope.display, rule=rule)
    if rule is not None and scope.display is None and found:
        # The signups that a rule could send are those of its display.
        scope = Scope(**{**asdict(scope), "display": found[0].display_id})
    book = _Making(account, scope, found, by).made()
    label(account, book.by, book.lines)
    return book


class _Making:
    """Adds every figure to the whole and to the line that it belongs to."""

    def __init__(
        self, account: Account, scope: Scope, found: Sequence[Duty], by: str
    ) -> None:
        self.account, self.scope, self.duties, self.by = account, scope, found, by
        self.rules = rule_of_target(found)
        self.targets = set(self.rules) if scope.rule is not None else None
        self.book = Ledger(by=by)
        self.lines: dict[Any, Line] = {}

    def at(self, key: Any) -> list[Tally]:
        if not self.by or key is None:
            return [self.book]
        return [self.book, self.lines.setdefault(key, Line(key=key))]

    def key(self, display: Any, target: UUID, day: Any) -> Any:
        """Which line something belongs to. A target that no rule has is its own."""
        by_target = self.rules.get(target, target)
        by_display = None if display == NO_DISPLAY else display
        return {DISPLAY: by_display, DAY: day, RULE: by_target}.get(self.by)

    def made(self) -> Ledger:
        self.signups()
        self.owed()
        self.deliveries()
        self.stuck()
        self.book.lines = sorted(
            self.lines.values(), key=lambda line: str(line.key), reverse=True
        )
        return self.book

    def signups(self) -> None:
        by = self.by if self.by != RULE else ""
        for key, status, category, n in sql.captured(self.scope, by):
            for tally in self.at(key):
                tally.judge(status, category, n)

    def owed(self) -> None:
        for key, n in sql.owed(self.scope, self.duties, self.by).items():
            for tally in self.at(key):
                tally.owed += n
        for lost in sql.missing(self.scope, self.duties):
            keys = {DISPLAY: lost.display_id, RULE: lost.rule_id, DAY: lost.day}
            for tally in self.at(keys.get(self.by)):
                tally.details.missing += lost.count

    def deliveries(self) -> None:
        by = self.by if self.by != RULE else ""
        scope = self.scope
        if scope.whole and not by:
            assert scope.account_id is not None
            self.add(sql.delivered_in_all(scope.account_id))
        else:
            self.add(sql.delivered(scope, by))
            self.add(sql.delivered_lists(scope, by))
        for each in self.pruned():
            key = self.key(each["display_id"], each["target_id"], each["day"])
            for tally in self.at(key):
                tally.deliver(each["state"], each["n"])
                tally.pruned += each["n"]
                if each["target_id"] not in self.rules:
                    tally.lists += each["n"]

    def add(self, found: Iterable[tuple[Any, UUID, str, int]]) -> None:
        for key, target, state, n in found:
            if self.targets is not None and target not in self.targets:
                continue
            line = self.rules.get(target, target) if self.by == RULE else key
            for tally in self.at(line):
                tally.deliver(state, n)
                if target not in self.rules:
                    tally.lists += n

    def pruned(self) -> Iterable[dict[str, Any]]:
        totals = DayTotal.objects.for_account(self.account)
        scope = self.scope
        if scope.display is not None:
            totals = totals.filter(display_id=scope.display)
        if self.targets is not None:
            totals = totals.filter(target_id__in=self.targets)
        if scope.since is not None:
            totals = totals.filter(day__gte=scope.since)
        if scope.until is not None:
            totals = totals.filter(day__lte=scope.until)
        keys = ("display_id", "target_id", "day", "state")
        found: Any = totals.order_by().values(*keys)
        return list(found.annotate(n=Sum("count")))

    def stuck(self) -> None:
        rows = Delivery.objects.for_account(self.account)
        kinds = [("lease_over", lease_over(rows))]
        if not self.account.suspended_at:
            kinds.append(("overdue", overdue(rows)))
        for name, found in kinds:
            for each in grouped(found, self.scope, self.targets):
                key = self.key(each["display"], each["target_id"], each["day"])
                for tally in self.at(key):
                    old = getattr(tally.details, name)
                    setattr(tally.details, name, old + each["n"])
