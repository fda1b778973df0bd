"""The Constant Contact adapter: declaration and reading, writing contacts, the wire."""

from __future__ import annotations

from integrations.adapters.constantcontact.adapter import ConstantContact

__all__ = ["ConstantContact"]
