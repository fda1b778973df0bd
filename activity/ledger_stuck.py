"""Deliveries that somebody should have taken up by now, and nobody has."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, TruncDate

from activity.ledger_sql import Scope, day_after, midnight
from contactsync.lib.clock import now
from displays.models import Signup
from integrations.models import OPEN, Attempt, Delivery, Lease, LinkedAccount, State

PATIENCE = timedelta(minutes=10)
LEASES = 20  # the rows of more need no counting to be an incident


def lease_over(deliveries: QuerySet[Delivery]) -> QuerySet[Delivery]:
    """Being sent by a worker whose lease ended ``PATIENCE`` ago: nobody took over."""
    ended = Lease.objects.filter(until__lt=now() - PATIENCE).values_list("ids")
    ids = [row_id for (listed,) in ended[:LEASES] for row_id in listed]
    return deliveries.filter(pk__in=ids, state=State.SENDING)


def overdue(deliveries: QuerySet[Delivery]) -> QuerySet[Delivery]:
    """Rows that a worker should have sent by now.

    Not those of an account that is making progress: with a provider that allows ten
    calls a second, a long queue is a queue.
    """
    limit = now() - PATIENCE
    ahead = Delivery.objects.filter(
        contact_id=OuterRef("contact_id"),
        linked_account_id=OuterRef("linked_account_id"),
        id__lt=OuterRef("id"),
        state__in=(State.PENDING, State.SENDING),
    )
    return deliveries.filter(
        ~Exists(ahead),
        linked_account_id__in=idle(limit),
        stage=OPEN,
        state=State.PENDING,
        due__lt=limit,
    )


def idle(limit: datetime) -> list[UUID]:
    """Linked accounts with rows due before ``limit`` that could be sent, where nothing
    was tried since, and nothing is being sent."""
    newest = Attempt.objects.filter(linked_account_id=OuterRef("pk")).order_by("-id")
    under_way = Lease.objects.filter(linked_account_id=OuterRef("pk"), until__gte=now())
    here = Delivery.objects.filter(linked_account_id=OuterRef("pk"))
    return list(
        LinkedAccount.objects.filter(
            Q(not_before=None) | Q(not_before__lt=limit),
            Exists(here.filter(stage=OPEN, state=State.PENDING, due__lt=limit)),
            ~Exists(under_way),
            status=LinkedAccount.Status.CONNECTED,
            removed_at=None,
            account__suspended_at=None,
        )
        .annotate(tried_at=Subquery(newest.values("at")[:1]))
        .filter(Q(tried_at=None) | Q(tried_at__lt=limit))
        .values_list("pk", flat=True)
    )


def grouped(
    deliveries: QuerySet[Delivery], scope: Scope, targets: set[UUID] | None
) -> list[dict[str, Any]]:
    """Counted by ``display``, ``target_id`` and ``day``: those of their signups."""
    signup = Signup.objects.filter(pk=OuterRef("signup_id"))
    found = deliveries.annotate(
        display=Subquery(signup.values("display_id")[:1]),
        counts_at=Coalesce(Subquery(signup.values("at")[:1]), F("created_at")),
    )
    if scope.display is not None:
        found = found.filter(display=scope.display)
    if targets is not None:
        found = found.filter(target_id__in=targets)
    if scope.since is not None:
        found = found.filter(counts_at__gte=midnight(scope.since))
    if scope.until is not None:
        found = found.filter(counts_at__lt=day_after(scope.until))
    counted: Iterable[Any] = (
        found.order_by()
        .values("display", "target_id", day=TruncDate("counts_at", tzinfo=UTC))
        .annotate(n=Count("*"))
    )
    return list(counted)
