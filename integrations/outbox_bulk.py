"""What a bulk run does to rows of the outbox: in slices, each by one condition.

Part of ``integrations.outbox``: what is written here follows the same rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction

from contactsync.lib.clock import now
from integrations.adapters.errors import Reason
from integrations.models import Delivery, State, Target
from integrations.outbox import NEWER, move_rows

NOT_OVERTAKEN = NEWER.replace("EXISTS", "NOT EXISTS")
WAITS_TOO = NEWER.replace("('sending'", "('pending', 'sending'")


@dataclass(frozen=True, slots=True)
class NewRow:
    """Somebody of a display's history who is to be sent to a target."""

    contact_id: UUID
    signup_id: UUID
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Was:
    """A row and what it was before a run took it."""

    id: int
    state: str
    reason: str = ""
    detail: str = ""


def send_again(ids: Sequence[int], *, among: str, event: str) -> set[int]:
    """Make rows of the state ``among`` wait, except where a newer one was sent or is
    being sent: old values must not overwrite new ones. Returns those that wait."""
    if not ids:
        return set()
    move_rows(
        to=State.PENDING,
        where=f"{_those(ids)} AND state = %s{NOT_OVERTAKEN}",
        params=[*ids, among],
        event=event,
        anew=True,
    )
    waiting = Delivery.objects.filter(pk__in=ids, state=State.PENDING)
    return set(waiting.values_list("pk", flat=True))


def supersede(ids: Sequence[int], *, among: str) -> int:
    """Settle rows in whose place a newer one was sent, or waits to be."""
    return _end(ids, among, State.SKIPPED, Reason.SUPERSEDED.value, "", WAITS_TOO)


def end(
    ids: Sequence[int], *, among: str, to: str, reason: str, detail: str = ""
) -> int:
    """Settle rows of the state ``among`` that are not sent after all."""
    return _end(ids, among, to, reason, detail)


def _end(
    ids: Sequence[int], among: str, to: str, reason: str, detail: str, more: str = ""
) -> int:
    if not ids:
        return 0
    return move_rows(
        to=to,
        reason=reason,
        detail=detail,
        where=f"{_those(ids)} AND state = %s{more}",
        params=[*ids, among],
        event=f"delivery.{to}",
    )


def add_rows(target: Target, people: Sequence[NewRow]) -> dict[UUID, int]:
    """A waiting row for each, once per signup and target; contact -> row id.

    Those that were given up before wait again. Whoever has another row already is
    left out. What cannot be sent now is held by the drain, with the cause.
    """
    at = now()
    with transaction.atomic():
        Delivery.objects.bulk_create(
            [
                Delivery(
                    account_id=target.account_id,
                    linked_account_id=target.linked_account_id,
                    target_id=target.pk,
                    origin="past",
                    contact_id=each.contact_id,
                    signup_id=each.signup_id,
                    payload=each.payload,
                    created_at=at,
                    changed_at=at,
                    due=at,
                )
                for each in people
            ],
            ignore_conflicts=True,
        )
        by_signup = {each.signup_id: each for each in people}
        mine = Delivery.objects.filter(target=target, signup_id__in=by_signup)
        given_up = list(
            mine.filter(
                state=State.SKIPPED, reason__in=(Reason.CANCELLED, Reason.UNDONE)
            ).values_list("pk", "signup_id")
        )
        for pk, signup_id in given_up:
            payload = by_signup[signup_id].payload
            Delivery.objects.filter(pk=pk, state=State.SKIPPED).update(payload=payload)
        send_again(
            [pk for pk, _ in given_up], among=State.SKIPPED, event="delivery.retried"
        )
        waiting = mine.filter(state=State.PENDING)
        return dict(waiting.values_list("contact_id", "pk"))


def give_up(rows: Iterable[Was]) -> int:
    """Put rows that still wait back to what they were before the run took them; those
    that it made are skipped. What is being sent at this moment still goes out."""
    like: dict[tuple[str, str, str], list[int]] = {}
    for row in rows:
        like.setdefault((row.state, row.reason, row.detail), []).append(row.id)
    moved = 0
    with transaction.atomic():
        for (state, reason, detail), ids in like.items():
            moved += move_rows(
                to=state or State.SKIPPED,
                reason=reason if state else Reason.CANCELLED.value,
                detail=detail,
                where=f"{_those(ids)} AND state IN ('pending', 'held')",
                params=ids,
                event="delivery.given_up",
            )
    return moved


def undone(ids: Sequence[int], *, detail: str) -> int:
    """Rows whose contact was taken out of the audience again."""
    if not ids:
        return 0
    return move_rows(
        to=State.SKIPPED,
        reason=Reason.UNDONE.value,
        detail=detail,
        where=f"{_those(ids)} AND state IN ('synced', 'awaiting_opt_in', 'submitted')",
        params=[*ids],
        event="delivery.undone",
    )


def _those(ids: Sequence[int]) -> str:
    return f"id IN ({', '.join(['%s'] * len(ids))})"
