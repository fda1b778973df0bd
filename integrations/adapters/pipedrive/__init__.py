"""Pipedrive, REST API v2 and, for users and webhooks, v1 (developers.pipedrive.com).

A person is a record, not a subscription. People have labels, so a label is an audience,
and so is everybody. Marketing consent exists only where the company has the Campaigns
add-on; it is read, and never given by a write of ours: people are kept up to date
whether they opted out or not.

Unverified: that API v2 lists marketing_status among the person fields exactly where
Campaigns is on, as the documentation says of v1; how soon the search finds a person
that was just created (an address written by this adapter is remembered, so one batch
makes it once); how an exhausted daily budget looks beside status 429; that a refresh
token dies when unused for 60 days. Required fields are the business of Pipedrive's own
forms: its API asks for a name only, so none is declared required.
"""

from __future__ import annotations

from integrations.adapters.pipedrive.adapter import Pipedrive

__all__ = ["Pipedrive"]
