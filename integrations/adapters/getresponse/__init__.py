"""The GetResponse adapter, and its calls."""

from __future__ import annotations

from integrations.adapters.getresponse.adapter import GetResponse

__all__ = ["GetResponse"]
