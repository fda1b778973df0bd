"""The ActiveCampaign adapter, and what it reads off the wire."""

from __future__ import annotations

from integrations.adapters.activecampaign.adapter import ActiveCampaign

__all__ = ["ActiveCampaign"]
