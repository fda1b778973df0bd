"""Salesforce, simulated."""

from __future__ import annotations

from integrations.sandbox.salesforce.simulator import Salesforce

__all__ = ["Salesforce"]
