"""The SendGrid adapter, and what it reads off the wire."""

from __future__ import annotations

from integrations.adapters.sendgrid.adapter import SendGrid

__all__ = ["SendGrid"]
