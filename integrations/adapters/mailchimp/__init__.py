"""The Mailchimp adapter: declaration and reading, writing members, the wire."""

from __future__ import annotations

from integrations.adapters.mailchimp.adapter import Mailchimp

__all__ = ["Mailchimp"]
