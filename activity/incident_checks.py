"""The looks that find what is not as promised, over all accounts at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Any

from django.db.models import Count, Min, Q, QuerySet

from activity import incident_words as kinds
from activity import ledger_sql as sql
from activity import words
from activity.incidents import Finding
from activity.ledger_duties import Duty, duties
from activity.ledger_lines import Line, label
from activity.ledger_rows import FITTING
from activity.ledger_sql import RULE, Scope
from activity.ledger_stuck import lease_over, overdue
from activity.models import ChainCheck
from connections.models import ListImport
from contactsync.lib.clock import now
from contactsync.lib.sql import rows
from contactsync.tenancy.jobs import OPEN
from contactsync.tenancy.models import Account
from displays.models import Signup
from hygiene.models import CleaningRun
from integrations.models import (
    BulkRun,
    Delivery,
    LinkedAccount,
    LivePeriod,
    State,
    Target,
)

RECENT = timedelta(days=2)
AT_ONCE = 100
"""Rules that one statement looks at."""
JOB_TIME = timedelta(hours=7)
ASKED_TIME = timedelta(hours=1)
HELD_TIME = timedelta(minutes=10)
SLOW_TIME = timedelta(hours=24)
LEASE_TIME = timedelta(minutes=10)
START_TIME = timedelta(hours=1)


def unexplained(since: date | None) -> Iterator[Finding]:
    """Accepted signups from ``since`` on that a live rule got no delivery for."""
    scope = Scope(account_id=None, since=since)
    where, params = scope.signups()
    if since is None:
        seen = LivePeriod.objects.order_by().values_list("account_id", flat=True)
        accounts = set(seen.distinct())
    else:
        found = rows(
            f"SELECT DISTINCT s.account_id FROM displays_signup s WHERE {where}",
            params,
        )
        accounts = {row[0] for row in found}
    owing = duties(accounts)
    for begin in range(0, len(owing), AT_ONCE):
        yield from _lost(scope, owing[begin : begin + AT_ONCE])


def _lost(scope: Scope, owing: list[Duty]) -> Iterator[Finding]:
    lost = sql.missing(scope, owing)
    by_account: dict[int, dict[Any, Line]] = {}
    for each in lost:
        lines = by_account.setdefault(each.account_id, {})
        lines.setdefault(each.rule_id, Line(key=each.rule_id))
    for account in Account.objects.filter(pk__in=by_account):
        label(account, RULE, list(by_account[account.pk].values()))
    for each in lost:
        line = by_account[each.account_id][each.rule_id]
        day = each.day.isoformat()
        yield Finding(
            account_id=each.account_id,
            kind=kinds.UNEXPLAINED,
            key=f"{each.display_id.hex}:{each.rule_id.hex}:{day}",
            title=f"{words.several(each.count, 'delivery', 'deliveries')} missing: "
            f"{line.label}, {words.day(each.day)}",
            detail={
                "count": each.count,
                "show": "missing",
                "display": str(each.display_id),
                "rule": str(each.rule_id),
                "from": day,
                "to": day,
            },
        )


def misfits() -> Iterator[Finding]:
    """What no constraint should have let in. Reads everything: hourly is enough."""
    for kind, noun, wrong in (
        (kinds.UNJUDGED, "signup", Signup.objects.exclude(FITTING)),
        (
            kinds.UNKNOWN_STATE,
            "delivery",
            Delivery.objects.exclude(state__in=State.values),
        ),
    ):
        for each in wrong.order_by().values("account_id").annotate(n=Count("*")):
            count = words.several(each["n"], noun, f"{noun[:-1]}ies")
            if noun == "signup":
                count = words.several(each["n"], noun)
            yield Finding(
                account_id=each["account_id"],
                kind=kind,
                key="",
                title=f"{count} that cannot be explained",
                detail={"count": each["n"]},
            )


def stuck() -> Iterator[Finding]:
    """Deliveries past their promise, by linked account."""
    at = now()
    every = Delivery.objects.all()
    ready = Q(
        linked_account__status=LinkedAccount.Status.CONNECTED,
        linked_account__removed_at=None,
        linked_account__account__suspended_at=None,
    )
    held = every.filter(ready, stage=State.HELD, changed_at__lt=at - HELD_TIME)
    asked = every.filter(stage=State.AWAITING_OPT_IN)
    late = at - ASKED_TIME
    unasked = Q(asked_by="us", reason="opt_in.queued", changed_at__lt=late)
    unseen = ready & Q(due__lt=late) & ~Q(asked_by="us")
    for kind, what, found in (
        (kinds.WAITING, "not sent", overdue(every)),
        (kinds.SENDING, "left by their worker", lease_over(every)),
        (
            kinds.SUBMITTED,
            "without a result",
            every.filter(stage=State.SUBMITTED, changed_at__lt=at - JOB_TIME),
        ),
        (kinds.OPT_IN, "not looked after", asked.filter(unseen | unasked)),
        (
            kinds.HELD,
            "held without a cause",
            held.filter(target__held_reason="").exclude(reason__startswith="schema."),
        ),
    ):
        yield from _by_account(kind, what, found)


STATES = {
    kinds.WAITING: State.PENDING,
    kinds.SENDING: State.SENDING,
    kinds.SUBMITTED: State.SUBMITTED,
    kinds.OPT_IN: State.AWAITING_OPT_IN,
    kinds.HELD: State.HELD,
}


def _by_account(kind: str, what: str, found: QuerySet[Any]) -> Iterator[Finding]:
    groups = list(
        found.order_by()
        .values("account_id", "linked_account_id")
        .annotate(n=Count("*"), since=Min("changed_at"))
    )
    linked = LinkedAccount.objects.in_bulk({g["linked_account_id"] for g in groups})
    for group in groups:
        place = linked.get(group["linked_account_id"])
        count = words.several(group["n"], "delivery", "deliveries")
        yield Finding(
            account_id=group["account_id"],
            kind=kind,
            key=str(group["linked_account_id"]),
            title=f"{count} to {place or 'a deleted account'} {what}",
            detail={
                "count": group["n"],
                "since": group["since"].isoformat(),
                "linked": str(group["linked_account_id"]),
                "state": STATES[kind].value,
            },
        )


def slowed() -> Iterator[Finding]:
    """Accounts that were told to wait for longer than a day."""
    for linked in LinkedAccount.objects.filter(
        status=LinkedAccount.Status.CONNECTED,
        removed_at=None,
        not_before__gt=now() + SLOW_TIME,
    ):
        until = linked.not_before
        assert until is not None
        yield Finding(
            account_id=linked.account_id,
            kind=kinds.SLOW_DOWN,
            key=str(linked.pk),
            title=f"{linked} is told to wait until {until:%Y-%m-%d %H:%M} UTC",
            detail={"count": 1, "until": until.isoformat()},
        )


def jobs() -> Iterator[Finding]:
    """Jobs that a worker left, or that none began."""
    at = now()
    left = Q(lease_until__lt=at - LEASE_TIME)
    unbegun = Q(lease_until=None, created_at__lt=at - START_TIME)
    found: Iterable[Any] = [
        *CleaningRun.objects.filter(left | unbegun & Q(rows_done=0), status__in=OPEN),
        *ListImport.objects.filter(left | unbegun & Q(rows_done=0), status__in=OPEN),
        *BulkRun.objects.filter(
            left | unbegun & Q(started_at=None),
            state__in=("planning", "running", "undoing"),
        ),
    ]
    for job in found:
        name = getattr(job, "filename", "") or str(job)
        yield Finding(
            account_id=job.account_id,
            kind=kinds.JOB,
            key=str(job.pk),
            title=f"{name} does not move on",
            detail={"count": 1},
        )


def reconciled() -> Iterator[Finding]:
    """Targets of live rules where the provider lacks contacts that we say it has."""
    targets = Target.objects.filter(
        rule__enabled=True,
        rule__removed_at=None,
        linked_account__removed_at=None,
        reconciled__missing__gt=0,
    ).select_related("linked_account", "rule__display")
    for target in targets:
        count = int(target.reconciled["missing"])
        yield Finding(
            account_id=target.account_id,
            kind=kinds.RECONCILE,
            key=str(target.pk),
            title=f"{words.several(count, 'synced contact')} not found: {target}",
            detail={"count": count, "at": target.reconciled.get("at", "")},
        )


def chains() -> Iterator[Finding]:
    """Accounts whose consent ledger does not hold, as `incident_chain` found it."""
    for check in ChainCheck.objects.filter(broken=True).select_related("account"):
        at = check.known
        where = f"consent {at['consent']}" if at["consent"] else f"link {at['link']}"
        yield Finding(
            account_id=check.account_id,
            kind=kinds.CHAIN,
            key="",
            title=f"The consent ledger of {check.account} does not hold, first at "
            f"{where}: {at['what']}",
            detail=at,
        )
