"""The contacts behind a number of the books."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from activity import ledger_sql as sql
from activity import words
from activity.ledger_duties import Duty, duties
from activity.ledger_lines import REFUSED
from activity.ledger_sql import Scope, day_after, midnight
from activity.ledger_stuck import lease_over, overdue
from activity.paging import Page, by_id
from contacts.models import Contact
from contactsync.lib.clock import now
from contactsync.lib.ids import floor
from contactsync.tenancy.models import Account
from displays.models import Display, Signup
from hygiene.verdict import Category, printable
from integrations.models import Delivery, State, Target

PAGE_SIZE = 25
FITTING = Q(status=Signup.Status.ACCEPTED, category=Category.VALID) | Q(
    status=Signup.Status.FILTERED, category__in=REFUSED
)
SIGNUPS: dict[str, tuple[str, Q]] = {
    "captured": ("Captured", Q()),
    "accepted": (
        "Accepted",
        Q(status=Signup.Status.ACCEPTED, category=Category.VALID),
    ),
    "filtered": ("Filtered out", Q(status=Signup.Status.FILTERED)),
    **{
        f"filtered.{each}": (
            f"Filtered out: {words.category(each)}",
            Q(status=Signup.Status.FILTERED, category=each),
        )
        for each in REFUSED
    },
    "missing": ("Accepted, and a delivery is missing", Q()),
    "signups": ("Without a verdict that fits", ~FITTING),
}
DELIVERIES: dict[str, str] = {
    "deliveries": "Deliveries",
    "lists": "Deliveries that no signup led to",
    **{state.value: str(state.label) for state in State},
    "unknown_state": "Deliveries in no known state",
    "lease_over": "Deliveries whose worker stopped",
    "overdue": "Deliveries that no worker sends",
}
SHOWS = {**{name: title for name, (title, _) in SIGNUPS.items()}, **DELIVERIES}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One signup or delivery. ``place`` is a display, or where a delivery goes."""

    contact_id: UUID
    email: str
    label: str
    tone: str
    place: str
    at: datetime


def page(
    account: Account, scope: Scope, show: str, *, target: UUID | None, after: str
) -> tuple[Sequence[Row], str]:
    """A page of what ``show`` counts, newest first, and the ``after`` of the next."""
    found = duties([account.pk], display=scope.display, rule=scope.rule)
    if show in SIGNUPS:
        return _signups(account, scope, show, found, after)
    aims = {target} if target else None
    if scope.rule is not None:
        aims = {each for duty in found for each in duty.targets}
    rows = deliveries(account, scope, show, aims)
    if show == "lists":
        rows = rows.exclude(target_id__in=[t for duty in found for t in duty.targets])
    cut = by_id(rows, after, PAGE_SIZE)
    return _delivery_rows(account, cut), cut.after


def _signups(
    account: Account, scope: Scope, show: str, found: Sequence[Duty], after: str
) -> tuple[Sequence[Row], str]:
    before = _as_uuid(after)
    if scope.rule is not None and scope.display is None and found:
        display = found[0].display_id
        scope = Scope(
            account_id=scope.account_id,
            display=display,
            rule=scope.rule,
            since=scope.since,
            until=scope.until,
        )
    rows = signups(account, scope)
    if show == "missing":
        lost = sql.missing_signups(scope, found, before=before, most=PAGE_SIZE + 1)
        rows = rows.filter(pk__in=lost)
    else:
        rows = rows.filter(SIGNUPS[show][1])
        rows = rows.filter(pk__lt=before) if before else rows
    listed = list(rows.order_by("-id")[: PAGE_SIZE + 1])
    shown = listed[:PAGE_SIZE]
    displays = dict(Display.objects.for_account(account).values_list("pk", "name"))
    told = [
        Row(
            contact_id=row.contact_id,
            email=printable(row.email),
            label="Missing"
            if show == "missing"
            else row.get_status_display()
            if row.status == Signup.Status.ACCEPTED
            else words.badge(words.FILTERED, words.category(row.category)),
            tone="ok"
            if row.status == Signup.Status.ACCEPTED and show != "missing"
            else "bad",
            place=displays.get(row.display_id, ""),
            at=row.at,
        )
        for row in shown
    ]
    return told, str(shown[-1].pk) if len(listed) > PAGE_SIZE else ""


def signups(account: Account, scope: Scope) -> QuerySet[Any]:
    """The signups of a part of the books."""
    rows: QuerySet[Any] = Signup.objects.for_account(account)
    if scope.display is not None:
        rows = rows.filter(display_id=scope.display)
    if scope.since is not None:
        begins = midnight(scope.since)
        rows = rows.filter(at__gte=begins, pk__gte=floor(begins))
    if scope.until is not None:
        rows = rows.filter(at__lt=day_after(scope.until))
    return rows


def deliveries(
    account: Account, scope: Scope, show: str, targets: set[UUID] | None
) -> QuerySet[Any]:
    """The deliveries of a part of the books that ``show`` counts."""
    rows: QuerySet[Any] = Delivery.objects.for_account(account)
    if show == "lease_over":
        rows = lease_over(rows)
    elif show == "overdue":
        rows = overdue(rows)
    elif show == "unknown_state":
        rows = rows.exclude(state__in=State.values)
    elif show in State.values:
        rows = rows.filter(state=show)
    if targets is not None:
        rows = rows.filter(target_id__in=targets)
    if scope.display is None and scope.since is None and scope.until is None:
        return rows
    theirs = Q(signup_id__in=signups(account, scope).order_by().values("pk"))
    if scope.display is None:
        others = Q(signup_id=None)
        if scope.since is not None:
            others &= Q(created_at__gte=midnight(scope.since))
        if scope.until is not None:
            others &= Q(created_at__lt=day_after(scope.until))
        theirs |= others
    return rows.filter(theirs)


def _delivery_rows(account: Account, cut: Page) -> list[Row]:
    people = dict(
        Contact.objects.for_account(account)
        .filter(pk__in={row.contact_id for row in cut.rows})
        .values_list("pk", "email")
    )
    targets = (
        Target.objects.for_account(account)
        .select_related("linked_account")
        .in_bulk({row.target_id for row in cut.rows})
    )
    at = now()
    told = []
    for row in cut.rows:
        target = targets.get(row.target_id)
        provider = (
            target.linked_account.adapter_class.label if target else "the provider"
        )
        why = words.why(row.state, row.reason, provider, row.due, at)
        told.append(
            Row(
                contact_id=row.contact_id,
                email=people.get(row.contact_id, ""),
                label=words.badge(row.state, why),
                tone=words.TONES.get(row.state, "bad"),
                place=str(target or ""),
                at=row.changed_at,
            )
        )
    return told


def _as_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
