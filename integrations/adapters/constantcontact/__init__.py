"""The Constant Contact adapter: declaration and reading, knowing and writing people."""

from __future__ import annotations

from integrations.adapters.constantcontact.adapter import ConstantContact

__all__ = ["ConstantContact"]
