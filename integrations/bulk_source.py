"""Where the rows and people of a bulk run come from, page by page.

A run is about rows of the outbox, found by a filter, or about people who have none
yet: those come from a source that a package above registers (``register``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from django.db.models import Max, QuerySet

from integrations.adapters.errors import Reason
from integrations.models import BulkRun, Delivery, State, in_states

Kind = BulkRun.Kind
ROW_STATE = {
    Kind.RETRY.value: State.FAILED.value,
    Kind.RESUME.value: State.HELD.value,
    Kind.REPLAY.value: State.SYNCED.value,
}
# Skipped because of how the rule was set: a changed rule may want them sent.
RULE_SKIPPED = frozenset({Reason.CONDITION.value, Reason.EXISTING.value})


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Somebody a run may send. ``place`` is the cursor behind it.

    ``skip``: why the source says that it is not sent, "" for the judge to say.
    """

    place: str
    contact_id: UUID
    target_id: UUID
    payload: Mapping[str, Any]
    delivery_id: int | None = None
    signup_id: UUID | None = None
    was_state: str = ""
    was_reason: str = ""
    was_detail: str = ""
    skip: str = ""


class Source(Protocol):
    def begin(self, run: BulkRun) -> tuple[dict[str, Any], int]:
        """What to remember so that later rows change nothing, and how many there are
        at most, counted exactly."""
        ...

    def page(self, run: BulkRun, place: str, size: int) -> Sequence[Candidate]:
        """Up to ``size`` candidates behind ``place`` ("": from the beginning); empty
        at the end."""
        ...

    def fresh(self, run: BulkRun, items: Sequence[Any]) -> Mapping[int, Candidate]:
        """Planned items as they are now, by the item's id; one that is left out has
        moved on by itself."""
        ...


_SOURCES: dict[str, Source] = {}


def register(kind: str, source: Source) -> None:
    """Say where the people of ``kind`` come from."""
    _SOURCES[kind] = source


def source_of(run: BulkRun) -> Source:
    return _SOURCES[run.kind]


def state_of(kind: str, what: Mapping[str, Any]) -> str:
    """Which deliveries a kind is about."""
    if kind == Kind.REPLAY and what.get("reason") in RULE_SKIPPED:
        return State.SKIPPED.value
    return ROW_STATE[kind]


def rows_of(account_id: int, kind: str, what: Mapping[str, Any]) -> QuerySet[Delivery]:
    """The deliveries that a filter is about.

    ``what``: linked_account, target (ids as text), reason, since and until (ISO 8601,
    when the delivery was made), until_id; each may be missing.
    """
    found: QuerySet[Delivery] = Delivery.objects.for_account(account_id).filter(
        in_states([state_of(kind, what)])
    )
    if what.get("linked_account"):
        found = found.filter(linked_account_id=UUID(what["linked_account"]))
    if what.get("target"):
        found = found.filter(target_id=UUID(what["target"]))
    if what.get("reason") is not None:
        found = found.filter(reason=what["reason"])
    if what.get("since"):
        found = found.filter(created_at__gte=datetime.fromisoformat(what["since"]))
    if what.get("until"):
        found = found.filter(created_at__lt=datetime.fromisoformat(what["until"]))
    if what.get("until_id"):
        found = found.filter(pk__lte=what["until_id"])
    return found


class RowSource:
    """Rows of the outbox, oldest first."""

    def begin(self, run: BulkRun) -> tuple[dict[str, Any], int]:
        rows = rows_of(run.account_id, run.kind, run.what)
        newest = rows.aggregate(newest=Max("pk"))["newest"] or 0
        remembered = {"until_id": newest}
        return remembered, rows.filter(pk__lte=newest).count()

    def page(self, run: BulkRun, place: str, size: int) -> Sequence[Candidate]:
        rows = rows_of(run.account_id, run.kind, run.what)
        if place:
            rows = rows.filter(pk__gt=int(place))
        return [candidate_of(row) for row in rows.order_by("pk")[:size]]

    def fresh(self, run: BulkRun, items: Sequence[Any]) -> Mapping[int, Candidate]:
        rows = Delivery.objects.for_account(run.account_id).filter(
            pk__in=[item.delivery_id for item in items],
            state=state_of(run.kind, run.what),
        )
        by_id = {row.pk: candidate_of(row) for row in rows}
        return {
            item.pk: by_id[item.delivery_id]
            for item in items
            if item.delivery_id in by_id
        }


def candidate_of(row: Delivery) -> Candidate:
    return Candidate(
        place=str(row.pk),
        contact_id=row.contact_id,
        target_id=row.target_id,
        payload=row.payload,
        delivery_id=row.pk,
        signup_id=row.signup_id,
        was_state=row.state,
        was_reason=row.reason,
        was_detail=row.detail,
    )


for _kind in ROW_STATE:
    register(_kind, RowSource())
