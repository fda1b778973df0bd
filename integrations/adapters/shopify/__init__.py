"""Shopify customers, GraphQL Admin API 2026-07 (shopify.dev/docs/api/admin-graphql,
read 2026-11-22).

A customer's email marketing state is one of six. NOT_SUBSCRIBED is who never subscribed
(a buyer, say): a signup may subscribe them. UNSUBSCRIBED is who left, REDACTED who was
erased, INVALID an address Shopify gave up: nobody of these is written to. Whether a
shop asks people to confirm is the shop's setting, which the API does not tell; the
state after the write does (PENDING).

Since 2026 a merchant cannot make a token in the Shopify admin any more; those made
before go on working. New apps sign in with OAuth. Whether a new app may keep tokens
that never expire is unverified; they are asked for without "expiring". No call takes a
token back short of uninstalling the app, which is the merchant's to do.

Unverified, too: whether Shopify sends its confirmation mail for customers made over the
API where the shop has double opt-in (what it answers is taken for true); the body of
customers_email_marketing_consent/update beyond address and state; and that a search by
updated_at can lag behind (the walk overlaps by a quarter of an hour).
"""

from __future__ import annotations

from integrations.adapters.shopify.adapter import Shopify

__all__ = ["Shopify"]
