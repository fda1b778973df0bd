"""The GetResponse adapter, and what it reads off the wire."""

from __future__ import annotations

from integrations.adapters.getresponse.adapter import GetResponse

__all__ = ["GetResponse"]
