"""How displays and their rules are doing. Reads only, each by an index."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery

from contacts.models import Consent
from contactsync.lib.clock import now
from contactsync.tenancy.models import Account
from displays.backfill import before_words, open_backfill
from displays.models import Display, Signup, SyncRule
from integrations.entries import entries_of
from integrations.mapping import matches
from integrations.models import Delivery, LinkedAccount, State
from integrations.providers import Provider

WEEK = timedelta(days=7)
SAMPLE = 50  # signups a dry run looks at
RECENT = 100  # signups whose deliveries a rule's line tells about


def displays_of(account: Account, query: str = "") -> QuerySet[Display]:
    """Newest first, each with ``rule_count``, ``week`` and ``last_signup``."""
    own = Signup.objects.filter(display_id=OuterRef("pk"))
    week = (
        own.filter(id__gte=first_id_since(now() - WEEK))
        .order_by()
        .values("display_id")
        .annotate(total=Count("pk"))
        .values("total")
    )
    found: QuerySet[Display] = (
        Display.objects.for_account(account)
        .filter(name__icontains=query)
        .annotate(
            rule_count=Count("rules", filter=Q(rules__removed_at=None)),
            week=Subquery(week),
            last_signup=Subquery(own.order_by("-id").values("at")[:1]),
        )
        .order_by("-created_at")
    )
    return found


def first_id_since(moment: datetime) -> UUID:
    """The smallest id a row written at ``moment`` can have: ids sort by time."""
    millis = int(moment.timestamp() * 1000)
    return UUID(int=millis << 80 | 0x7 << 76 | 0x2 << 62)


def week_count(display: Display) -> int:
    return Signup.objects.filter(
        display=display, id__gte=first_id_since(now() - WEEK)
    ).count()


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleLine:
    """One rule as the Sync Integrations card shows it."""

    rule: SyncRule
    badge: str
    tone: str
    sentence: str
    last_synced: datetime | None
    trouble: str

    @property
    def backfill(self) -> UUID | None:
        """The run that sends it the people who signed up before, if there is one."""
        return open_backfill(self.rule)

    @property
    def before(self) -> str:
        """Who signed up before, in words."""
        return before_words(self.rule)

    @property
    def linked(self) -> LinkedAccount:
        return self.rule.target.linked_account

    @property
    def provider(self) -> Provider:
        return Provider.of(self.linked.adapter_class)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sync:
    """A display's rules and what became of its last RECENT signups."""

    lines: tuple[RuleLine, ...]
    signups: int
    synced: int
    waiting: int
    rejected: int


def live_rules(display: Display) -> QuerySet[SyncRule]:
    return SyncRule.objects.filter(
        display=display, account_id=display.account_id, removed_at=None
    ).select_related("target__linked_account")


def sync_of(display: Display) -> Sync:
    rules = list(live_rules(display))
    signups = list(
        Signup.objects.filter(display=display)
        .order_by("-id")
        .values_list("pk", flat=True)[:RECENT]
    )
    rows = Delivery.objects.filter(signup_id__in=signups).values_list(
        "target_id", "state", "changed_at"
    )
    states: Counter[str] = Counter()
    synced_at: dict[UUID, datetime] = {}
    for target_id, state, changed_at in rows:
        states[state] += 1
        if state == State.SYNCED:
            before = synced_at.get(target_id)
            synced_at[target_id] = max(before, changed_at) if before else changed_at
    waiting = (State.PENDING, State.SENDING, State.HELD, State.SUBMITTED)
    return Sync(
        lines=tuple(line_of(rule, synced_at.get(rule.target_id)) for rule in rules),
        signups=len(signups),
        synced=states[State.SYNCED],
        waiting=sum(states[state] for state in waiting) + states[State.AWAITING_OPT_IN],
        rejected=states[State.REJECTED] + states[State.FAILED],
    )


def line_of(rule: SyncRule, last_synced: datetime | None = None) -> RuleLine:
    badge, tone, trouble = condition_of(rule)
    return RuleLine(
        rule=rule,
        badge=badge,
        tone=tone,
        trouble=trouble,
        sentence=sentence_of(rule),
        last_synced=last_synced,
    )


def condition_of(rule: SyncRule) -> tuple[str, str, str]:
    """Badge, tone and, when something must be done, what."""
    linked, target = rule.target.linked_account, rule.target
    if linked.removed_at is not None:
        return "Unlinked", "bad", "Its account was unlinked. Choose another one."
    if not rule.enabled:
        return "Off", "", ""
    if linked.status == LinkedAccount.Status.BROKEN:
        return (
            "Reconnect",
            "bad",
            "Its account needs to be reconnected; signups wait here until then.",
        )
    if linked.status == LinkedAccount.Status.PAUSED:
        return "Paused", "warn", "Its account is paused; signups wait here."
    if target.held_reason:
        return "Needs attention", "bad", target.held_detail
    if rule.display.status != Display.Status.LIVE:
        return "Ready", "info", ""
    return "Syncing", "ok", ""


def sentence_of(rule: SyncRule) -> str:
    """``Every signup · 2 fields mapped``."""
    target = rule.target
    count = len(target.conditions)
    if not count:
        who = "Every signup"
    elif count == 1:
        who = "Signups that meet 1 condition"
    else:
        word = "any" if target.match == "any" else "all"
        who = f"Signups that meet {word} of {count} conditions"
    mapped = len(entries_of(target.mapping))
    parts = [who, f"{mapped} field{'' if mapped == 1 else 's'} mapped"]
    if target.double_opt_in:
        parts.append("double opt-in")
    return " · ".join(parts)


@dataclass(frozen=True, slots=True)
class DryRun:
    """Of the last ``total`` accepted signups, ``matching`` meet the conditions."""

    matching: int
    total: int


def dry_run(
    payloads: Sequence[dict[str, Any]], conditions: list[dict[str, Any]], match: str
) -> DryRun:
    hits = sum(matches(conditions, match, payload) for payload in payloads)
    return DryRun(hits, len(payloads))


def recent_payloads(display: Display) -> list[dict[str, Any]]:
    """What rules would see of the last SAMPLE accepted signups, newest first."""
    signups = list(
        Signup.objects.filter(display=display, status=Signup.Status.ACCEPTED).order_by(
            "-id"
        )[:SAMPLE]
    )
    given = dict(
        Consent.objects.filter(
            contact_id__in={signup.contact_id for signup in signups},
            signup_id__in=[signup.pk for signup in signups],
        ).values_list("signup_id", "given")
    )
    return [
        {
            "email": signup.email,
            "fields": signup.fields,
            "consent": given.get(signup.pk),
            "page_url": signup.context.get("page_url", ""),
            "utm": signup.context.get("utm", {}),
        }
        for signup in signups
    ]
