"""Writes to displays and their sync rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import F

from contactsync.lib.clock import now
from contactsync.tenancy.models import Account
from displays.intake import live_displays
from displays.models import Display, SyncRule
from integrations.holding import target_mend, target_replace
from integrations.models import LinkedAccount, Target
from integrations.periods import period_begin, period_end

SAVED = "This display's signups will now sync to the selected provider."


class StaleRuleError(Exception):
    """Somebody else saved the rule meanwhile; nothing was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSettings:
    """What a sync rule is made of. ``mapping`` as it is stored: see
    ``integrations.entries``."""

    linked_account: LinkedAccount
    audience_id: str
    audience_label: str = ""
    double_opt_in: bool = False
    update_existing: bool = True
    reconfirm: bool = False
    own_confirmation: bool = False
    mapping: dict[str, str] | list[dict[str, Any]] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    conditions: list[dict[str, Any]] = field(default_factory=list)
    match: str = "all"
    enabled: bool = True

    def target_values(self) -> dict[str, Any]:
        return {
            "linked_account": self.linked_account,
            "audience_id": self.audience_id,
            "audience_label": self.audience_label,
            "double_opt_in": self.double_opt_in,
            "update_existing": self.update_existing,
            "reconfirm": self.reconfirm,
            "own_confirmation": self.own_confirmation,
            "mapping": self.mapping,
            "tags": self.tags,
            "conditions": self.conditions,
            "match": self.match,
        }


def display_create(*, account: Account, name: str, kind: str, status: str) -> Display:
    return Display.objects.create(account=account, name=name, kind=kind, status=status)


WORDED = ("headline", "body", "button", "consent_text", "ask_name")
"""What people are shown: another wording has another version."""


def display_save(*, display: Display, fields: Sequence[str]) -> None:
    """Save changed ``fields`` of a display; what people are shown counts its version,
    which each consent keeps."""
    with transaction.atomic():
        before = Display.objects.select_for_update().get(pk=display.pk)
        reworded = any(
            getattr(before, name) != getattr(display, name)
            for name in WORDED
            if name in fields
        )
        display.version = before.version + int(reworded)
        display.save(update_fields=[*fields, "version", "changed_at"])


def display_set_status(*, display: Display, status: str) -> None:
    """Draft, live, paused or archived; in this process at once, elsewhere in 5 s."""
    display.status = status
    display.save(update_fields=["status", "changed_at"])
    live_displays.clear()


def rule_create(*, display: Display, settings: RuleSettings) -> SyncRule:
    """From now on the display's signups go there too."""
    with transaction.atomic():
        target = Target.objects.create(
            account_id=display.account_id, **settings.target_values()
        )
        rule = SyncRule.objects.create(
            account_id=display.account_id,
            display=display,
            target=target,
            enabled=settings.enabled,
            position=SyncRule.objects.filter(display=display).count(),
        )
        _period_note(rule)
    return rule


def rule_update(*, rule: SyncRule, settings: RuleSettings, version: int) -> SyncRule:
    """Save a changed rule; what waits for its target is sent with the new settings.

    Another account or audience is another target: what waits goes there, and what was
    sent to the old one keeps pointing at it. Raises StaleRuleError when the stored
    version is another than ``version``.
    """
    with transaction.atomic():
        won = SyncRule.objects.filter(pk=rule.pk, version=version).update(
            enabled=settings.enabled, version=F("version") + 1, changed_at=now()
        )
        if not won:
            raise StaleRuleError
        old = Target.objects.get(pk=SyncRule.objects.get(pk=rule.pk).target_id)
        place = (settings.linked_account.pk, settings.audience_id)
        if (old.linked_account_id, old.audience_id) == place:
            # Who saves a rule takes the audience as it is now.
            Target.objects.filter(pk=old.pk).update(
                **settings.target_values(), warnings=[], seen=None
            )
            old.refresh_from_db()
            target_mend(old)
        else:
            new = Target.objects.create(
                account_id=rule.account_id, **settings.target_values()
            )
            SyncRule.objects.filter(pk=rule.pk).update(target=new)
            target_replace(old, new)
        rule.refresh_from_db()
        _period_note(rule)
    return rule


def rule_set_enabled(*, rule: SyncRule, enabled: bool) -> None:
    with transaction.atomic():
        SyncRule.objects.filter(pk=rule.pk).update(
            enabled=enabled, version=F("version") + 1, changed_at=now()
        )
        _period_note(SyncRule.objects.get(pk=rule.pk))


def rule_remove(*, rule: SyncRule) -> None:
    """Stop the rule. Nobody is unsubscribed, and what waits is still sent."""
    with transaction.atomic():
        SyncRule.objects.filter(pk=rule.pk).update(removed_at=now(), enabled=False)
        period_end(rule_id=rule.pk)


def _period_note(rule: SyncRule) -> None:
    """The books are checked by when a rule was live."""
    if rule.enabled and rule.removed_at is None:
        period_begin(rule_id=rule.pk, display_id=rule.display_id, target=rule.target)
    else:
        period_end(rule_id=rule.pk)
