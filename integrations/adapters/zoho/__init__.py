"""Zoho CRM, REST API v8 (zoho.com/crm/developer/docs/api/v8, read 2026-11-22).

Leads and contacts are records, each module an audience. Whoever opted out has
Email_Opt_Out set: it is read, set by an unsubscribe, and never written otherwise.

Left out: notification channels, because one lives a week at most and its messages hold
record ids only; `changes` reads the same. Deleted records are listed without an
address, so a deletion only shows in a complete walk.

Unverified: which of several records of one address an upsert updates; whether
If-Modified-Since includes its second (the walk overlaps by some); how many access
tokens a refresh token gives in ten minutes (one an hour is asked for).
"""

from __future__ import annotations

from integrations.adapters.zoho.adapter import Zoho

__all__ = ["Zoho"]
