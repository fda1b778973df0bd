"""The Klaviyo adapter: declaration and reading, writing profiles, the wire."""

from __future__ import annotations

from integrations.adapters.klaviyo.adapter import Klaviyo

__all__ = ["Klaviyo"]
