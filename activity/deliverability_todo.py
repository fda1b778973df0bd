"""What helps an account's score, from its parts: each step says why, and where."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Q

from activity import words
from activity.deliverability_figures import (
    LIVE,
    WINDOW,
    answered,
    limit,
    refused,
)
from activity.home import url
from activity.score import DAYS, Score, percent
from contactsync.lib.clock import now
from contactsync.tenancy.models import Account
from displays.models import Display, Signup, SyncRule
from integrations.adapters.errors import Reason

MAX_DISPLAYS = 5
# Fewer signups than this say nothing about a display.
WORTH_COMPARING = 20


@dataclass(frozen=True, slots=True)
class Step:
    """``links``: label and address of where it is done."""

    title: str
    text: str
    links: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return f"{self.title}. {self.text}"


@dataclass(frozen=True, slots=True)
class Worst:
    """The display whose signups are bad the most often."""

    display: Display
    count: int
    of: int

    @property
    def rate(self) -> str:
        return percent(self.count / self.of)


def todo(account: Account, found: Score) -> list[Step]:
    """What to do, the most useful first; empty when no part costs points."""
    at = now()
    lost = {part.name for part in found.lost}
    steps: list[Step] = []
    if lost & {"bounces", "lists"}:
        steps.append(_clean(account))
    if lost & {"complaints", "bounces"}:
        steps.extend(_double_opt_in(account))
    if "bounces" in lost:
        steps.extend(_refused(account, at))
    if lost & {"bounces", "filtered", "traps"}:
        steps.extend(_worst(account, at))
    if lost & {"complaints", "unsubscribes"}:
        steps.append(
            Step(
                "Write only to people who expect it",
                "Say beside the form what you will send and how often, write soon "
                "after the signup, and make it easy to leave: somebody who finds no "
                "unsubscribe link presses the spam button.",
                _links(("Look at your displays", url("displays", account.slug))),
            )
        )
    if lost & {"filtered", "traps"}:
        steps.append(
            Step(
                "Look at who was turned away",
                "Bots come back to a form that is easy to find. The list says which "
                "rule caught them.",
                _links(("Rejected signups", url("rejected", account.slug))),
            )
        )
    return steps


def evidence(account: Account, found: Score) -> dict[str, Any]:
    """The score and its parts as they are now, and what helps, to be kept as JSON."""
    return {
        "score": found.value,
        "limit": limit(),
        "days": DAYS,
        "reached": found.reached,
        "parts": [part.as_dict() for part in found.parts],
        "todo": [str(step) for step in todo(account, found)],
    }


def _links(*links: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((label, where) for label, where in links if where)


def _clean(account: Account) -> Step:
    return Step(
        "Clean your list",
        "Upload the list that you write to, and remove in your email service what is "
        "turned away: addresses that do not exist, bots, traps.",
        _links(("Clean your email list", url("cleaning_runs", account.slug))),
    )


def _double_opt_in(account: Account) -> list[Step]:
    """Rules of live displays that put people on a list without asking them."""
    rules = (
        SyncRule.objects.for_account(account)
        .filter(
            enabled=True,
            removed_at=None,
            display__status=Display.Status.LIVE,
            target__double_opt_in=False,
        )
        .select_related("display")
    )
    displays = {rule.display_id: rule.display for rule in rules}
    if not displays:
        return []
    shown = list(displays.values())[:MAX_DISPLAYS]
    more = len(displays) - len(shown)
    names = ", ".join(display.name for display in shown)
    return [
        Step(
            "Turn on double opt-in",
            f"Nobody is put on the list who did not confirm. Without it now: {names}"
            + (f" and {more} more." if more else "."),
            _links(
                *(
                    (each.name, url("display_settings", account.slug, each.pk))
                    for each in shown
                )
            ),
        )
    ]


def _refused(account: Account, at: datetime) -> list[Step]:
    reasons = (
        answered(account, until=at)
        .filter(refused(at - WINDOW))
        .order_by()
        .values("reason")
        .annotate(n=Count("contact_id", distinct=True))
    )
    counts = {row["reason"]: row["n"] for row in reasons}
    steps = []
    roles = counts.pop(Reason.ADDRESS_ROLE, 0)
    if roles:
        several = words.several(roles, "address", "addresses")
        steps.append(
            Step(
                "Remove role addresses",
                f"Your email service refused {several} such as "
                "info@ or sales@. Set that rule to Reject, and remove those that "
                "you have.",
                _links(("Filter policy", url("hygiene_policy", account.slug))),
            )
        )
    if counts:
        several = words.several(sum(counts.values()), "address", "addresses")
        refusals = f"{url('contacts', account.slug)}?status=rejected"
        steps.append(
            Step(
                "Look at what was refused",
                f"Your email service refused {several}. Each "
                "contact's page says why, in its words.",
                _links(("Refused contacts", refusals)),
            )
        )
    return steps


def worst_display(account: Account, at: datetime) -> Worst | None:
    """The display with the highest share of signups that were turned away, or were
    refused later; None when none has ``WORTH_COMPARING`` signups, or none is bad."""
    start = at - WINDOW
    bad = answered(account, until=at).filter(refused(start)).values("signup_id")
    rows = (
        Signup.objects.for_account(account)
        .filter(environment=LIVE, at__gt=start, at__lte=at)
        .order_by()
        .values("display_id")
        .annotate(
            n=Count("*"),
            bad=Count("pk", filter=Q(status=Signup.Status.FILTERED) | Q(pk__in=bad)),
        )
    )
    compared: list[dict[str, Any]] = [
        row for row in rows if row["n"] >= WORTH_COMPARING and row["bad"]
    ]
    if not compared:
        return None
    top = max(compared, key=lambda row: row["bad"] / row["n"])
    pk: UUID = top["display_id"]
    display = Display.objects.for_account(account).filter(pk=pk).first()
    return Worst(display, top["bad"], top["n"]) if display else None


def _worst(account: Account, at: datetime) -> list[Step]:
    worst = worst_display(account, at)
    if worst is None:
        return []
    name = worst.display.name
    where = url("display_settings", account.slug, worst.display.pk)
    return [
        Step(
            f"Check {name}",
            f"{worst.count:,} of its {worst.of:,} signups were turned away or "
            f"refused: {worst.rate}, the most of your displays. Is it linked "
            "from a place where bots or bored people find it?",
            _links((f"Settings of {name}", where)),
        )
    ]
