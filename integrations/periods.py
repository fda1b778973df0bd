"""Writing down when a rule is live. Called by whoever changes a rule, in the same
transaction."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from django.db import transaction

from contactsync.lib.clock import now
from integrations.models import LivePeriod, Target


def period_begin(*, rule_id: UUID, display_id: UUID, target: Target) -> None:
    """The rule is live, at this target. Nothing is changed when it was already."""
    with transaction.atomic():
        known = LivePeriod.objects.filter(rule_id=rule_id, until=None).first()
        if known is not None and known.target_id == target.pk:
            return
        period_end(rule_id=rule_id)
        period = LivePeriod.objects.create(
            account_id=target.account_id,
            rule_id=rule_id,
            display_id=display_id,
            target_id=target.pk,
            environment=target.linked_account.environment,
        )
        # A signup that came while this was being committed may have missed the rule.
        transaction.on_commit(partial(_seen_by_all, period.pk), robust=True)


def period_end(*, rule_id: UUID) -> None:
    """The rule is switched off, removed, or points elsewhere."""
    LivePeriod.objects.filter(rule_id=rule_id, until=None).update(until=now())


def _seen_by_all(pk: int) -> None:
    LivePeriod.objects.filter(pk=pk, until=None).update(since=now())
