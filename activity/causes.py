"""Root causes: a thousand rows held or failed for one reason are one card."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Max, Min

from activity import words
from activity.answers import AT_CONNECTION
from activity.case import ACTIONS
from contactsync.tenancy.models import Account
from displays.models import SyncRule
from integrations.models import Delivery, LinkedAccount, State, Target
from integrations.reasons import Fix, fix_for

STATES = (State.HELD, State.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """``count`` deliveries that one thing would mend. ``audience`` is empty when the
    whole linked account is concerned."""

    linked: LinkedAccount
    audience: str
    display_id: UUID | None
    display: str
    state: str
    tone: str
    reason: str
    title: str
    sentence: str
    next_step: str
    provider_words: str
    action: str
    action_label: str
    count: int
    since: datetime

    @property
    def provider(self) -> str:
        return self.linked.adapter_class.label

    @property
    def glyph(self) -> str:
        return self.linked.adapter_class.glyph

    @property
    def colour(self) -> str:
        return self.linked.adapter_class.colour

    @property
    def counted(self) -> str:
        return words.several(self.count, "contact")

    @property
    def query(self) -> str:
        """The list below, cut down to these rows."""
        return f"?state={self.state}&linked={self.linked.pk}&reason={self.reason}"


def causes(account: Account) -> list[Cause]:
    """What holds contacts up, the most contacts first. Four queries."""
    groups = list(
        Delivery.objects.for_account(account)
        .filter(stage__in=STATES)
        .order_by()
        .values("linked_account_id", "target_id", "state", "reason")
        .annotate(count=Count("*"), since=Min("changed_at"), said=Max("detail"))
    )
    merged: dict[tuple[Any, ...], dict[str, Any]] = {}
    for group in groups:
        whole = group["reason"] in AT_CONNECTION
        key = (
            group["linked_account_id"],
            None if whole else group["target_id"],
            group["state"],
            group["reason"],
        )
        if key in merged:
            merged[key]["count"] += group["count"]
            merged[key]["since"] = min(merged[key]["since"], group["since"])
        else:
            merged[key] = dict(group)
    linked = LinkedAccount.objects.for_account(account).in_bulk(
        {key[0] for key in merged}
    )
    targets = Target.objects.for_account(account).in_bulk({key[1] for key in merged})
    rules = {
        rule.target_id: rule
        for rule in SyncRule.objects.for_account(account)
        .filter(target_id__in=targets)
        .select_related("display")
    }
    found = [
        _cause(linked[key[0]], targets.get(key[1]), rules.get(key[1]), group)
        for key, group in merged.items()
        if key[0] in linked
    ]
    return sorted(found, key=lambda cause: -cause.count)


def _cause(
    linked: LinkedAccount,
    target: Target | None,
    rule: SyncRule | None,
    group: dict[str, Any],
) -> Cause:
    provider, state = linked.adapter_class.label, group["state"]
    fix = fix_for(group["reason"], provider) or Fix(
        "no reason recorded", f"{provider} gave no reason.", "Open one to see more."
    )
    failed = state == State.FAILED
    action = "retry" if failed else fix.action
    if not failed and action == "retry":
        action = ""
    return Cause(
        linked=linked,
        audience=(target.audience_label or target.audience_id) if target else "",
        display_id=rule.display_id if rule else None,
        display=rule.display.name if rule else "",
        state=state,
        tone=words.TONES[state],
        reason=group["reason"],
        title=fix.title,
        sentence=fix.sentence,
        next_step="Press Retry all to send them again."
        if failed and fix.action == "wait"
        else fix.next_step,
        provider_words="" if group["said"] == fix.sentence else group["said"],
        action=action if action in ACTIONS else "",
        action_label="Retry all" if failed else ACTIONS.get(action, ""),
        count=group["count"],
        since=group["since"],
    )
