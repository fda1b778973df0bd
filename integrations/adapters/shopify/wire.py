"""Shopify's customers, metafields and costs as the adapter reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, timedelta
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
from integrations.adapters.shared import moment

OVERLAP = timedelta(minutes=1)
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
    "single_line_text_field": "text",
    "multi_line_text_field": "text",
    "number_integer": "number",
    "number_decimal": "number",
    "boolean": "boolean",
    "date": "date",
    "date_time": "datetime",
    "url": "url",
}


def flat(customer: Row, metafields: Sequence[str] | None = None) -> Row:
    """A customer with address, state, phone and metafields (some, or all) on one level.
    `whole`: whether they are all of the customer's. No state is "": it must never pass
    for NOT_SUBSCRIBED, which a signup may change."""
    found = customer.get("metafields") or {}
    values = {
        f"{item['namespace']}.{item['key']}": item.get("value")
        for item in found.get("nodes") or ()
    }
    return {
        **{"emailAddress": "", "marketingState": ""},
        **customer,
        **(customer.get("defaultEmailAddress") or {}),
        "phone": dig(customer, "defaultPhoneNumber", "phoneNumber"),
        "metafields": {
            name: value
            for name, value in values.items()
            if metafields is None or name in metafields
        },
        "whole": bool(found) and not dig(found, "pageInfo", "hasNextPage"),
    }


def consent_of(contact: Contact) -> dict[str, str]:
    consent = {"marketingState": "SUBSCRIBED", "marketingOptInLevel": "SINGLE_OPT_IN"}
    if contact.signed_up_at:
        at = contact.signed_up_at.astimezone(UTC).isoformat(timespec="seconds")
        consent["consentUpdatedAt"] = at
    return consent


def field_of(id: str, row: Mapping[str, Any]) -> Field:
    kind = str(dig(row, "type", "name") or "")
    choices = [
        rule.get("value")
        for rule in row.get("validations") or ()
        if rule.get("name") == "choices"
    ]
    options = json.loads(choices[0]) if choices and choices[0] else []
    return Field(
        id=id,
        label=str(row.get("name") or id),
        type="choice" if options else TYPES.get(kind, "text"),
        read_only=kind not in TYPES,
        options=tuple(str(option) for option in options),
    )


def wait_of(cost: Mapping[str, Any]) -> float | None:
    """Seconds until the bucket holds what the refused query costs."""
    bucket = cost.get("throttleStatus") or {}
    rate = float(bucket.get("restoreRate") or 0)
    if not rate:
        return None
    needed = float(cost.get("requestedQueryCost") or 0)
    lacking = needed - float(bucket.get("currentlyAvailable") or 0)
    return max(lacking / rate, 1.0)


def overlapped(latest: str) -> str:
    at = moment(latest)
    return (at - OVERLAP).isoformat() if at else ""
