"""The Drip adapter, and what it reads off the wire."""

from __future__ import annotations

from integrations.adapters.drip.adapter import Drip

__all__ = ["Drip"]
