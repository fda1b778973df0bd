"""The Mailchimp adapter: its declaration, its members, writing them."""

from __future__ import annotations

from integrations.adapters.mailchimp.adapter import Mailchimp

__all__ = ["Mailchimp"]
