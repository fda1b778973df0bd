"""A simulated Sinch MessageMedia account."""

from __future__ import annotations
