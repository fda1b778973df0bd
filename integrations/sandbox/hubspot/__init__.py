"""HubSpot, simulated."""

from __future__ import annotations

from integrations.sandbox.hubspot.simulator import HubSpot

__all__ = ["HubSpot"]
