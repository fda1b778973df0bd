"""The Campaign Monitor adapter, and the codes that it reads."""

from __future__ import annotations

from integrations.adapters.campaignmonitor.adapter import CampaignMonitor

__all__ = ["CampaignMonitor"]
