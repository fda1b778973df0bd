"""The Campaign Monitor adapter: what it declares and does, and what it reads."""

from __future__ import annotations

from integrations.adapters.campaignmonitor.adapter import CampaignMonitor

__all__ = ["CampaignMonitor"]
