"""The guard: how much a run may change before somebody has to say it twice.

What would change is never guessed low. A contact of whom it is not known whether they
are there already counts as one who would be changed.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings

from integrations.models import BulkRun, Delivery, State, Target

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


def guard_of(run: BulkRun) -> dict[str, Any]:
    """``fires``; ``count``: the number to be typed; ``why``: sentences; ``changes``:
    at most so many contacts would be changed."""
    why, most = [], 0
    targets = Target.objects.for_account(run.account_id).in_bulk(
        [UUID(each) for each in run.plan["targets"]]
    )
    for target_id, counts in run.plan["targets"].items():
        target = targets.get(UUID(target_id))
        changes = counts["update"] + counts["send"]
        most += changes
        if target is None:
            continue
        present = counts["update"] + counts["same"]
        known = max(known_contacts(target), present)
        if too_much(changes, known):
            sure = counts["asked"] >= counts["acts"] and not counts["send"]
            why.append(_sentence(counts["label"], changes, known, sure=sure))
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


def undo_guard(run: BulkRun) -> dict[str, Any]:
    """The same for taking a run back. ``removed``: who would leave the audience."""
    touched = run.items.filter(outcome__in=TOUCHED, undone="")
    count = touched.count()
    removed = touched.filter(before__status__in=("absent", "archived")).count()
    why = []
    per_target = touched.order_by().values_list("target_id", flat=True).distinct()
    for target in (
        Target.objects.for_account(run.account_id)
        .filter(pk__in=list(per_target))
        .select_related("linked_account")
    ):
        changes = touched.filter(target_id=target.pk).count()
        if too_much(changes, known_contacts(target)):
            people = "contact" if changes == 1 else "contacts"
            why.append(f"{target}: up to {changes:,} {people} would change again.")
    return {"fires": bool(why), "count": count, "removed": removed, "why": why}
