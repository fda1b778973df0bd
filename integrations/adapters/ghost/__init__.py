"""Ghost."""

from __future__ import annotations

from integrations.adapters.ghost.adapter import Ghost

__all__ = ["Ghost"]
