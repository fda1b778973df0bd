"""Linked accounts, where rules point at, and the outbox."""

from __future__ import annotations

from integrations.models.accounts import LinkAttempt, LinkedAccount, ProviderVote
from integrations.models.bulk import BulkItem, BulkRun
from integrations.models.engine import DayTotal, Lease, Limit, Slot
from integrations.models.outbox import (
    OPEN,
    Attempt,
    Delivery,
    State,
    Target,
    in_states,
)
from integrations.models.periods import LivePeriod

__all__ = [
    "OPEN",
    "Attempt",
    "BulkItem",
    "BulkRun",
    "DayTotal",
    "Delivery",
    "Lease",
    "Limit",
    "LinkAttempt",
    "LinkedAccount",
    "LivePeriod",
    "ProviderVote",
    "Slot",
    "State",
    "Target",
    "in_states",
]
