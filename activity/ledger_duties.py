"""When a rule owed a delivery for every accepted signup of its display.

The rule was live (``integrations.models.LivePeriod``) at the moment the signup was
accepted, and of the same environment. A signup within ``LEEWAY`` before a rule was
switched off may have read it either way, so it is not owed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from contactsync.lib.sql import is_postgres
from displays.models import SyncRule
from integrations.models import LivePeriod

LEEWAY = timedelta(seconds=60)


@dataclass(slots=True)
class Duty:
    """A rule, everywhere it ever pointed at, and when it was live."""

    rule_id: UUID
    display_id: UUID
    targets: set[UUID] = field(default_factory=set)
    spans: list[tuple[str, datetime, datetime | None, UUID]] = field(
        default_factory=list
    )


def duties(
    accounts: Iterable[int],
    *,
    display: UUID | None = None,
    rule: UUID | None = None,
) -> list[Duty]:
    """The rules of ``accounts`` and when they were live. Two queries."""
    ids = list(accounts)
    rules = SyncRule.objects.filter(account_id__in=ids)
    periods = LivePeriod.objects.filter(account_id__in=ids)
    if display is not None:
        rules = rules.filter(display_id=display)
        periods = periods.filter(display_id=display)
    if rule is not None:
        rules, periods = rules.filter(pk=rule), periods.filter(rule_id=rule)
    known = {
        each.pk: each
        for each in rules.select_related("target__linked_account").order_by()
    }
    found: dict[UUID, Duty] = {}
    opened = set()
    for period in periods.order_by("id"):
        duty = found.setdefault(period.rule_id, Duty(period.rule_id, period.display_id))
        duty.targets.add(period.target_id)
        until = period.until
        if until is None:
            opened.add(period.rule_id)
            until = _closed(known.get(period.rule_id), period.since)
        _add(duty, period.environment, period.since, until, period.target_id)
    for each in known.values():
        duty = found.setdefault(each.pk, Duty(each.pk, each.display_id))
        duty.targets.add(each.target_id)
        if each.enabled and each.removed_at is None and each.pk not in opened:
            # Switched on by other means than the product's: since its last change.
            linked = each.target.linked_account
            _add(duty, linked.environment, each.changed_at, None, each.target_id)
    return list(found.values())


def _closed(rule: SyncRule | None, since: datetime) -> datetime | None:
    """Until when an open period counts: one whose rule is off or gone has ended."""
    if rule is None:
        return since
    if rule.enabled and rule.removed_at is None:
        return None
    return max(since, rule.removed_at or rule.changed_at)


def _add(
    duty: Duty,
    environment: str,
    since: datetime,
    until: datetime | None,
    target: UUID,
) -> None:
    until = until - LEEWAY if until else None
    if until is None or until > since:
        duty.spans.append((environment, since, until, target))


def rule_of_target(found: Sequence[Duty]) -> dict[UUID, UUID]:
    """Which rule points, or once pointed, at a target."""
    return {target: duty.rule_id for duty in found for target in duty.targets}


def owed_sql(found: Sequence[Duty]) -> tuple[str, list[Any]]:
    """The duties as a table ``u`` for a WITH, and its parameters; "" for none.

    ``target_id`` is where the rule pointed then, ``targets`` one text of the ids of
    all that it ever pointed at.
    """
    row = "(%s, %s, %s, %s, %s, %s, %s)"
    if is_postgres():
        row = "(%s::uuid, %s::uuid, %s, %s::timestamptz, %s::timestamptz, %s::uuid, %s)"
    params: list[Any] = []
    lines = 0
    for duty in found:
        targets = " ".join(
            str(target) if is_postgres() else target.hex for target in duty.targets
        )
        for environment, since, until, target in duty.spans:
            params += [duty.rule_id, duty.display_id, environment, since, until]
            params += [target, targets]
            lines += 1
    if not lines:
        return "", []
    names = "rule_id, display_id, environment, since, until, target_id, targets"
    return f"u({names}) AS (VALUES {', '.join([row] * lines)})", params
