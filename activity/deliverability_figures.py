"""The figures behind the score, from the rows of an account. Reads only.

Test data never counts: only signups, imports and deliveries of the live environment.
The people reached are those for whom a provider's answer came within the window, and
only their bounces, complaints and unsubscribes count: somebody's older list, whose
unsubscribes we may hear of too, would otherwise be measured by the few we sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from activity.score import DAYS, Figures, Score, score
from connections.models import ListImport
from contacts.models import Contact, Suppression
from contactsync.lib.clock import now
from contactsync.tenancy.models import Account, ApiKey
from contactsync.tenancy.suspension import last_cleared
from displays.models import Signup
from hygiene.verdict import Category
from integrations.adapters.errors import Reason
from integrations.models import Delivery, LinkedAccount, State

WINDOW = timedelta(days=DAYS)
# After a reviewer cleared an account, the score does not suspend it for so long.
GRACE = timedelta(days=7)
LIVE = ApiKey.Environment.LIVE
ANSWERED = (State.SUBMITTED, State.AWAITING_OPT_IN, State.SYNCED, State.REJECTED)
# Refused as no address of a person who wants mail. ``consent.compliance`` is here and
# not among the complaints, because a provider says it of bounces and of people who had
# left as well; ``consent.unsubscribed`` is nowhere: they left before, and come back.
NOT_REAL = (
    *(Reason.ADDRESS_FAKE, Reason.ADDRESS_INVALID, Reason.ADDRESS_DISPOSABLE),
    *(Reason.ADDRESS_ROLE, Reason.BOUNCED, Reason.COMPLIANCE),
)
ACTORS: dict[str, str] = {
    Suppression.Actor.BOUNCE: "bounced",
    Suppression.Actor.COMPLAINT: "complained",
    Suppression.Actor.PERSON: "left",
}
TRAP = "trap"
# What a list's owner cannot help, or decided: no sign of a bad list.
OWN_LISTS = frozenset((Category.SUPPRESSED, Category.DENIED))


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """An account's score now and over the ``DAYS`` days before; ``limit`` is the score
    below which it is suspended (0: never). ``cleared`` is when a reviewer cleared it,
    within the window: only bad news from then on counts."""

    now: Score
    before: Score
    limit: int
    cleared: datetime | None

    @property
    def change(self) -> int | None:
        """Points more than before; None where the two cannot be compared."""
        if self.cleared or self.now.value is None or self.before.value is None:
            return None
        return self.now.value - self.before.value


def limit() -> int:
    """The score below which an account is suspended; 0 switches that off."""
    return int(getattr(settings, "SUSPEND_BELOW", 40))


def counted_since(account: Account, until: datetime) -> datetime:
    """From when bad news counts: what a reviewer has seen and cleared does not."""
    return max(until - WINDOW, last_cleared(account) or until - WINDOW)


def standing(account: Account) -> Standing:
    at = now()
    since = counted_since(account, at)
    return Standing(
        now=score(figures(account, until=at, since=since)),
        before=score(figures(account, until=at - WINDOW)),
        limit=limit(),
        cleared=since if since > at - WINDOW else None,
    )


def score_now(account: Account) -> Score:
    at = now()
    return score(figures(account, until=at, since=counted_since(account, at)))


def answered(account: Account, *, until: datetime) -> QuerySet[Delivery]:
    """Deliveries that a provider answered for in the window that ends at ``until``."""
    linked = LinkedAccount.objects.for_account(account).filter(environment=LIVE)
    found: QuerySet[Delivery] = Delivery.objects.for_account(account).filter(
        linked_account_id__in=list(linked.values_list("pk", flat=True)),
        state__in=ANSWERED,
        changed_at__gt=until - WINDOW,
        changed_at__lte=until,
    )
    return found


def figures(
    account: Account, *, until: datetime, since: datetime | None = None
) -> Figures:
    """The account's figures of the window that ends at ``until``. Five queries.

    Bad news counts from ``since`` on, where given: the whole is still the window's.
    """
    start = until - WINDOW
    since = max(start, since or start)
    deliveries = answered(account, until=until)
    people = deliveries.aggregate(
        reached=Count("contact_id", distinct=True),
        refused=Count("contact_id", filter=refused(since), distinct=True),
    )
    signups, filtered, traps = _signups(account, since=since, until=until)
    listed, listed_bad = _lists(account, since=since, until=until)
    return Figures(
        reached=people["reached"],
        refused=people["refused"],
        signups=signups,
        filtered=filtered,
        traps=traps,
        listed=listed,
        listed_bad=listed_bad,
        **_suppressed(account, deliveries, since=since, until=until),
    )


def refused(since: datetime) -> Q:
    return Q(state=State.REJECTED, reason__in=NOT_REAL, changed_at__gt=since)


def suppressions(
    account: Account,
    deliveries: QuerySet[Delivery],
    *,
    since: datetime,
    until: datetime,
) -> QuerySet[Suppression]:
    """Bounces, complaints and unsubscribes of the people of ``deliveries``."""
    theirs = Contact.objects.for_account(account).filter(
        Exists(deliveries.filter(contact_id=OuterRef("pk"))),
        email_key=OuterRef("email_key"),
    )
    found: QuerySet[Suppression] = Suppression.objects.for_account(account).filter(
        Exists(theirs),
        actor__in=list(ACTORS),
        created_at__gt=since,
        created_at__lte=until,
    )
    return found


def _suppressed(
    account: Account,
    deliveries: QuerySet[Delivery],
    *,
    since: datetime,
    until: datetime,
) -> dict[str, int]:
    found = suppressions(account, deliveries, since=since, until=until)
    rows = found.order_by().values("actor").annotate(n=Count("*"))
    return {ACTORS[row["actor"]]: row["n"] for row in rows}


def _signups(
    account: Account, *, since: datetime, until: datetime
) -> tuple[int, dict[str, int], int]:
    """All signups; those turned away by category; known traps among them."""
    rows = (
        Signup.objects.for_account(account)
        .filter(environment=LIVE, at__gt=since, at__lte=until)
        .order_by()
        .values("category")
        .annotate(n=Count("*"), traps=Count("pk", filter=Q(rule=TRAP)))
    )
    total, traps = 0, 0
    filtered: dict[str, int] = {}
    for row in rows:
        total += row["n"]
        if row["category"] == Category.VALID:
            continue
        traps += row["traps"]
        if row["category"] not in OWN_LISTS:
            filtered[row["category"]] = row["n"] - row["traps"]
    return total, filtered, traps


def _lists(account: Account, *, since: datetime, until: datetime) -> tuple[int, int]:
    """Rows of the files that were imported, and those that the filter turned away.

    A file that was only cleaned does not count: cleaning is what we ask for.
    """
    imports: QuerySet[Any] = (
        ListImport.objects.for_account(account)
        .filter(environment=LIVE, created_at__gt=since, created_at__lte=until)
        .exclude(run=None)
        .values_list("run_id", "run__counts")
    )
    total, bad = 0, 0
    for counts in dict(imports).values():  # a file imported twice is one file
        for category, rows in counts.items():
            total += rows
            if category != Category.VALID and category not in OWN_LISTS:
                bad += rows
    return total, bad
