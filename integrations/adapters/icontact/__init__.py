"""The iContact adapter: declaration and reading, writing contacts, the wire."""

from __future__ import annotations

from integrations.adapters.icontact.adapter import IContact

__all__ = ["IContact"]
