"""The Brevo adapter, and what it reads off the wire."""

from __future__ import annotations

from integrations.adapters.brevo.adapter import Brevo

__all__ = ["Brevo"]
