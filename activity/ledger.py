"""The books: whatever was captured is accounted for, or it is called unexplained.

captured = accepted + filtered, and every delivery is in exactly one state that is
going somewhere by itself or says why it does not.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from activity import words
from contactsync.lib.clock import now
from contactsync.tenancy.models import Account
from displays.models import Display, Signup
from hygiene.verdict import Category
from integrations.models import Delivery, LinkedAccount, State

PATIENCE = timedelta(minutes=10)
REFUSED = tuple(each.value for each in Category if each is not Category.VALID)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unexplained:
    """What the books cannot account for; each should be 0.

    ``signups``: neither accepted with a clean verdict nor filtered with a category.
    ``unknown_state``: deliveries in no state that the product knows.
    ``lease_over``: being sent, by a worker whose lease ended PATIENCE ago or more. The
    sweep takes such rows back within seconds, so the sweep is not running.
    ``overdue``: due for PATIENCE or more while nothing stands in the way: the account
    is connected, not suspended, not told to slow down, and no earlier delivery of the
    same contact goes first. No worker is sending.
    """

    signups: int = 0
    unknown_state: int = 0
    lease_over: int = 0
    overdue: int = 0

    @property
    def total(self) -> int:
        return self.signups + self.unknown_state + self.lease_over + self.overdue


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """``filtered`` has every category, ``deliveries`` every state, also at 0."""

    captured: int
    accepted: int
    filtered: dict[str, int]
    deliveries: dict[str, int]
    details: Unexplained = field(default_factory=Unexplained)

    @property
    def unexplained(self) -> int:
        return self.details.total

    @property
    def turned_away(self) -> list[tuple[str, int]]:
        """The categories that turned somebody away, in words."""
        return [(words.category(each), n) for each, n in self.filtered.items() if n]

    @property
    def complaints(self) -> list[str]:
        """What is wrong with the books, one sentence each."""
        found = self.details
        return [
            f"{words.several(count, one, many)} {what}"
            for count, one, many, what in (
                (found.signups, "signup", "", "without a verdict that fits."),
                (found.unknown_state, "delivery", "deliveries", "in no known state."),
                (
                    found.lease_over,
                    "delivery",
                    "deliveries",
                    "with a worker that stopped; the sweep does not run.",
                ),
                (
                    found.overdue,
                    "delivery",
                    "deliveries",
                    "due for more than 10 minutes; no worker sends them.",
                ),
            )
            if count
        ]

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "unexplained": self.unexplained}


def ledger(account: Account, *, display: Display | None = None) -> Ledger:
    """The account's books, or one display's. Four queries; writes nothing."""
    signups: QuerySet[Signup] = Signup.objects.for_account(account)
    deliveries: QuerySet[Delivery] = Delivery.objects.for_account(account)
    if display is not None:
        signups = signups.filter(display=display)
        deliveries = deliveries.filter(signup_id__in=signups.values("pk"))
    judged = {
        (row["status"], row["category"]): row["n"]
        for row in signups.order_by()
        .values("status", "category")
        .annotate(n=Count("*"))
    }
    states = {
        row["state"]: row["n"]
        for row in deliveries.order_by().values("state").annotate(n=Count("*"))
    }
    captured = sum(judged.values())
    accepted = judged.get((Signup.Status.ACCEPTED, Category.VALID.value), 0)
    filtered = {each: judged.get((Signup.Status.FILTERED, each), 0) for each in REFUSED}
    known = {state: states.get(state, 0) for state in State.values}
    return Ledger(
        captured=captured,
        accepted=accepted,
        filtered=filtered,
        deliveries=known,
        details=Unexplained(
            signups=captured - accepted - sum(filtered.values()),
            unknown_state=sum(states.values()) - sum(known.values()),
            lease_over=deliveries.filter(
                state=State.SENDING, lease_until__lt=now() - PATIENCE
            ).count(),
            overdue=0 if account.suspended_at else overdue(deliveries).count(),
        ),
    )


def overdue(deliveries: QuerySet[Delivery]) -> QuerySet[Delivery]:
    """Rows that a worker should have sent by now."""
    limit = now() - PATIENCE
    ahead = Delivery.objects.filter(
        contact_id=OuterRef("contact_id"),
        linked_account_id=OuterRef("linked_account_id"),
        id__lt=OuterRef("id"),
        state__in=(State.PENDING, State.SENDING),
    )
    ready = LinkedAccount.objects.filter(
        Q(not_before=None) | Q(not_before__lt=limit),
        pk=OuterRef("linked_account_id"),
        status=LinkedAccount.Status.CONNECTED,
        removed_at=None,
    )
    return deliveries.filter(
        Exists(ready), ~Exists(ahead), state=State.PENDING, due__lt=limit
    )
