"""The iContact adapter: declaration and reading, finding and writing contacts."""

from __future__ import annotations

from integrations.adapters.icontact.adapter import IContact

__all__ = ["IContact"]
