"""Pipedrive's persons, as its API v2 and, for users and webhooks, v1 describe them."""

from __future__ import annotations

from integrations.sandbox.pipedrive.simulator import Pipedrive

__all__ = ["Pipedrive"]
