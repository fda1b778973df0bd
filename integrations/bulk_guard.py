"""The guard: how much a run may change before somebody has to say it twice.

What would change is never guessed low. A contact of whom it is not known whether they
are there already counts as one who would be changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from integrations.models import BulkItem, BulkRun, Delivery, State, Target

WAITING = "waiting"
"""Outcome of items whose row was put into the outbox."""
TOUCHED = (State.SYNCED.value, State.AWAITING_OPT_IN.value, State.SUBMITTED.value)
"""Outcomes of items whose contact a provider has taken."""


def known_contacts(target: Target) -> int:
    """How many people of an audience we know, by our own rows."""
    return (
        Delivery.objects.for_account(target.account_id)
        .filter(
            linked_account_id=target.linked_account_id,
            target__audience_id=target.audience_id,
            state=State.SYNCED,
        )
        .order_by()
        .values("contact_id")
        .distinct()
        .count()
    )


def too_much(changes: int, known: int) -> bool:
    """Whether so many changes among ``known`` contacts need a second confirmation."""
    if changes > settings.BULK_GUARD_COUNT:
        return True
    return changes > 0 and changes > known * settings.BULK_GUARD_SHARE


def place_of(target: Target) -> str:
    """An audience. Several rules may send to one: their changes are one share of it."""
    return f"{target.linked_account_id} {target.audience_id}"


@dataclass(slots=True)
class Share:
    """What is planned for one audience. ``sure``: the provider was asked of each."""

    target: Target
    label: str
    changes: int = 0
    present: int = 0
    sure: bool = True

    def add(self, counts: Mapping[str, Any]) -> None:
        self.changes += counts["update"] + counts["send"]
        self.present += counts["update"] + counts["same"]
        self.sure &= counts["asked"] >= counts["acts"] and not counts["send"]


def shares_of(run: BulkRun) -> dict[str, Share]:
    """What the plan says, by audience (``place_of``)."""
    targets = Target.objects.for_account(run.account_id).in_bulk(
        [UUID(each) for each in run.plan["targets"]]
    )
    found: dict[str, Share] = {}
    for target_id, counts in run.plan["targets"].items():
        target = targets.get(UUID(target_id))
        if target is not None:
            new = Share(target, counts["label"])
            found.setdefault(place_of(target), new).add(counts)
    return found


def guard_of(run: BulkRun) -> dict[str, Any]:
    """``fires``; ``count``: the number to be typed; ``why``: sentences; ``changes``:
    at most so many contacts would be changed."""
    why, most = [], 0
    for each in shares_of(run).values():
        most += each.changes
        known = max(known_contacts(each.target), each.present)
        if too_much(each.changes, known):
            why.append(_sentence(each.label, each.changes, known, sure=each.sure))
    if most > settings.BULK_GUARD_COUNT and not why:
        why.append(f"Up to {most:,} contacts would be changed in all.")
    return {
        "fires": bool(why),
        "count": run.plan["acts"],
        "changes": most,
        "why": why,
    }


def _sentence(label: str, changes: int, known: int, *, sure: bool) -> str:
    people = "contact" if changes == 1 else "contacts"
    share = f" of the {known:,} we know there" if known >= changes else ""
    return (
        f"{label}: {'' if sure else 'up to '}{changes:,} {people}{share} would change."
    )


def taken(run: BulkRun) -> QuerySet[BulkItem]:
    """The items whose contact a provider has taken and that are not undone yet; also
    where nobody has looked at the row since, as after a cancel."""
    out = Delivery.objects.filter(
        pk=OuterRef("delivery_id"), state__in=(*TOUCHED, State.SENDING)
    )
    later = Q(outcome__in=(WAITING, State.HELD)) & Q(Exists(out))
    found: QuerySet[BulkItem] = run.items.filter(
        Q(outcome__in=TOUCHED) | later, undone=""
    )
    return found


def undo_guard(run: BulkRun) -> dict[str, Any]:
    """The same for taking a run back. ``removed``: who would leave the audience."""
    gone = Q(before__status__in=("absent", "archived"))
    counted = (
        taken(run)
        .order_by()
        .values("target_id")
        .annotate(changes=Count("pk"), removed=Count("pk", filter=gone))
    )
    counts = {row["target_id"]: row for row in counted}
    targets = (
        Target.objects.for_account(run.account_id)
        .filter(pk__in=list(counts))
        .select_related("linked_account")
    )
    places: dict[str, tuple[Target, int]] = {}
    for target in targets:
        _, before = places.get(place_of(target), (target, 0))
        changes = before + counts[target.pk]["changes"]
        places[place_of(target)] = (target, changes)
    why = []
    for target, changes in places.values():
        if too_much(changes, known_contacts(target)):
            people = "contact" if changes == 1 else "contacts"
            why.append(f"{target}: up to {changes:,} {people} would change again.")
    return {
        "fires": bool(why),
        "count": sum(row["changes"] for row in counts.values()),
        "removed": sum(row["removed"] for row in counts.values()),
        "why": why,
    }
