"""Salesforce."""

from __future__ import annotations

from integrations.adapters.salesforce.adapter import Salesforce

__all__ = ["Salesforce"]
