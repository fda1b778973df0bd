"""Linked accounts, where rules point at, and the outbox."""

from __future__ import annotations

from integrations.models.accounts import LinkAttempt, LinkedAccount, ProviderVote
from integrations.models.bulk import BulkItem, BulkRun
from integrations.models.engine import DayTotal, Limit, Slot
from integrations.models.outbox import Attempt, Delivery, State, Target
from integrations.models.periods import LivePeriod

__all__ = [
    "Attempt",
    "BulkItem",
    "BulkRun",
    "DayTotal",
    "Delivery",
    "Limit",
    "LinkAttempt",
    "LinkedAccount",
    "LivePeriod",
    "ProviderVote",
    "Slot",
    "State",
    "Target",
]
