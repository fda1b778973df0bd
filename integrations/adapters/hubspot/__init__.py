"""HubSpot."""

from __future__ import annotations

from integrations.adapters.hubspot.adapter import HubSpot

__all__ = ["HubSpot"]
