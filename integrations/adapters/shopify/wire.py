"""What Shopify is asked, in GraphQL, and its customers, metafields and costs as the
adapter reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

from integrations.adapters.base import Contact, Field
from integrations.adapters.errors import (
    AdapterError,
    Reason,
    ScopeError,
    SetupError,
    TransientError,
)
from integrations.adapters.shapes import Row, dig

SHOP = """
query { shop { name email }
  currentAppInstallation { accessScopes { handle } } }"""
COUNT = "query { customersCount { count precision } }"
FIELDS = """
query { metafieldDefinitions(first: 250, ownerType: CUSTOMER) {
  nodes { namespace key name type { name } validations { name value } } } }"""
# Goes with each document that names it.
STANDING = """
fragment Standing on Customer {
  id tags updatedAt
  defaultEmailAddress { emailAddress marketingState marketingUpdatedAt } }"""
FIND = """
query ($email: String!) {
  customerByIdentifier(identifier: {emailAddress: $email}) {
    ...Standing firstName lastName note defaultPhoneNumber { phoneNumber }
    metafields(first: 50) {
      nodes { namespace key value } pageInfo { hasNextPage } } } }"""
# A query may cost 1,000 points: 40 customers with 15 metafields each stay below.
CHANGES = """
query ($after: String, $query: String, $metafields: [String!]) {
  customers(first: 40, after: $after, query: $query, sortKey: UPDATED_AT) {
    nodes {
      ...Standing firstName lastName note defaultPhoneNumber { phoneNumber }
      metafields(first: 15, keys: $metafields) { nodes { namespace key value } } }
    pageInfo { hasNextPage endCursor } } }"""
# What mutations of a customer take, and how they are asked.
WRITES = {
    "customerCreate": "CustomerInput",
    "customerUpdate": "CustomerInput",
    "customerEmailMarketingConsentUpdate": "CustomerEmailMarketingConsentUpdateInput",
}
WRITE = """
mutation ($input: %s!) {
  %s(input: $input) { customer { ...Standing } userErrors { field message } } }"""
TAG = """
mutation ($id: ID!, $tags: [String!]!) {
  tagsAdd(id: $id, tags: $tags) { userErrors { field message } } }"""
ERASE = """
mutation ($id: ID!) {
  customerRequestDataErasure(customerId: $id) {
    customerId userErrors { field message } } }"""
TOPICS = (
    *("CUSTOMERS_CREATE", "CUSTOMERS_UPDATE", "CUSTOMERS_DELETE"),
    "CUSTOMERS_EMAIL_MARKETING_CONSENT_UPDATE",
)
HOOK = """
  %s: webhookSubscriptionCreate(topic: %s, webhookSubscription: $hook) {
    webhookSubscription { id } userErrors { field message } }"""
HOOKS = [HOOK % (topic.lower(), topic) for topic in TOPICS]
ADD_HOOKS = f"mutation ($hook: WebhookSubscriptionInput!) {{{''.join(HOOKS)} }}"
UNHOOK = """
mutation ($id: ID!) {
  webhookSubscriptionDelete(id: $id) {
    deletedWebhookSubscriptionId userErrors { field message } } }"""

# What an error among the answers of GraphQL means; they come with status 200.
CODES: dict[str, tuple[type[AdapterError], Reason | None]] = {
    "THROTTLED": (TransientError, Reason.RATE),
    "INTERNAL_SERVER_ERROR": (TransientError, None),
    "TIMEOUT": (TransientError, None),
    "ACCESS_DENIED": (ScopeError, None),
    "SHOP_INACTIVE": (SetupError, Reason.QUOTA),
}
DETAIL = {
    "REDACTED": "This customer's personal data was erased in Shopify; they stay "
    "erased.",
    "INVALID": "Shopify has marked mail to this address as not possible.",
    "NOT_SUBSCRIBED": "A customer of the shop who never subscribed to its mail.",
}
# States that no signup changes, by what is said of them, beside UNSUBSCRIBED.
FINAL = {
    DETAIL["REDACTED"]: Reason.FORGOTTEN,
    DETAIL["INVALID"]: Reason.ADDRESS_INVALID,
}
TYPES = {
    **{"single_line_text_field": "text", "multi_line_text_field": "text"},
    **{"number_integer": "number", "number_decimal": "number", "boolean": "boolean"},
    **{"date": "date", "date_time": "datetime", "url": "url"},
}


def flat(customer: Row, metafields: Sequence[str] | None = None) -> Row:
    """A customer with address, state, phone and metafields (some, or all) on one level.
    `whole`: whether they are all of the customer's. No state is "": it must never pass
    for NOT_SUBSCRIBED, which a signup may change."""
    found = customer.get("metafields") or {}
    nodes = {
        f"{row['namespace']}.{row['key']}": row for row in found.get("nodes") or ()
    }
    wanted = nodes if metafields is None else nodes.keys() & metafields
    return {
        **{"emailAddress": "", "marketingState": ""},
        **customer,
        **(customer.get("defaultEmailAddress") or {}),
        "phone": dig(customer, "defaultPhoneNumber", "phoneNumber"),
        "metafields": {name: nodes[name].get("value") for name in wanted},
        "whole": bool(found) and not dig(found, "pageInfo", "hasNextPage"),
    }


def consent_of(contact: Contact) -> dict[str, str]:
    consent = {"marketingState": "SUBSCRIBED", "marketingOptInLevel": "SINGLE_OPT_IN"}
    if contact.signed_up_at:
        at = contact.signed_up_at.astimezone(UTC).isoformat(timespec="seconds")
        consent["consentUpdatedAt"] = at
    return consent


def field_of(id: str, row: Row) -> Field:
    kind = str(dig(row, "type", "name") or "")
    rules = {rule.get("name"): rule.get("value") for rule in row["validations"] or ()}
    options = json.loads(rules.get("choices") or "[]")
    return Field(
        id=id,
        label=str(row.get("name") or id),
        type="choice" if options else TYPES.get(kind, "text"),
        read_only=kind not in TYPES,
        options=tuple(map(str, options)),
    )


def wait_of(cost: Mapping[str, Any]) -> float | None:
    """Seconds until the bucket holds what the refused query costs."""
    bucket = cost.get("throttleStatus") or {}
    rate = float(bucket.get("restoreRate") or 0)
    needed = float(cost.get("requestedQueryCost") or 0)
    lacking = needed - float(bucket.get("currentlyAvailable") or 0)
    return max(lacking / rate, 1.0) if rate else None
