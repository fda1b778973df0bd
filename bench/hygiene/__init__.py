"""How good the hygiene filter is, and what it costs: ``python -m bench.hygiene``."""

from __future__ import annotations
