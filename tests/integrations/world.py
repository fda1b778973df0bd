"""Rows that the engine's tests start from."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from contactsync.lib.ids import uuid7
from displays.models import Display, SyncRule
from displays.services import RuleSettings, rule_create
from integrations.models import Delivery, LinkedAccount


def rule_to(display: Display, linked: LinkedAccount, **more: Any) -> SyncRule:
    settings: dict[str, Any] = {
        "audience_id": "8f21c0news",
        "audience_label": "Newsletter",
        "mapping": {"first_name": "FNAME"},
    }
    return rule_create(
        display=display,
        settings=RuleSettings(linked_account=linked, **{**settings, **more}),
    )


def delivery(
    rule: SyncRule, *, email: str, contact_id: UUID | None = None, **more: Any
) -> Delivery:
    values: dict[str, Any] = {
        "payload": {"email": email, "fields": {"first_name": "Mira"}},
        "signup_id": uuid7(),
        **more,
    }
    return Delivery.objects.create(
        account_id=rule.account_id,
        linked_account_id=rule.target.linked_account_id,
        target_id=rule.target_id,
        contact_id=contact_id or uuid7(),
        **values,
    )
