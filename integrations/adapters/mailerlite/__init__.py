"""The MailerLite adapter, and what it reads off the wire."""

from __future__ import annotations

from integrations.adapters.mailerlite.adapter import MailerLite

__all__ = ["MailerLite"]
