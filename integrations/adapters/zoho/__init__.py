"""Zoho CRM, REST API v8 (zoho.com/crm/developer/docs/api/v8, read 2026-11-22).

Leads and contacts are records, each module an audience. Whoever opted out has
Email_Opt_Out set: it is read, set by an unsubscribe, and never written otherwise.

A notification channel lives a week at most and is renewed by asking for it again
(Zoho's "Kaizen 170"). Its messages hold the ids of records, which are read. Deleted
records have no address any more, so a deletion only shows in a complete walk.

Unverified: which of several records of one address an upsert updates; whether
If-Modified-Since includes its second (the walk overlaps by some); how many access
tokens a refresh token gives in ten minutes (one an hour is asked for); that one channel
may watch two modules.
"""

from __future__ import annotations

from integrations.adapters.zoho.adapter import Zoho

__all__ = ["Zoho"]
