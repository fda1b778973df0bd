"""What Shopify's customers, metafields and errors mean."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, timedelta
from typing import Any

from integrations.adapters.base import Change, Contact, Field, Subscription, filled
from integrations.adapters.errors import Reason
from integrations.adapters.shared import moment

CUSTOMERS = "customers"
OVERLAP = timedelta(minutes=1)
STATUS = {
    "SUBSCRIBED": "subscribed",
    "PENDING": "pending",
    "UNSUBSCRIBED": "unsubscribed",
    "INVALID": "unknown",
    "REDACTED": "archived",
    "NOT_SUBSCRIBED": "unknown",
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
ERASED = "This customer's personal data was erased in Shopify; they stay erased."
NEVER = "A customer of the shop who never subscribed to its mail."
INVALID = "Shopify has marked mail to this address as not possible."
DETAIL = {"REDACTED": ERASED, "INVALID": INVALID, "NOT_SUBSCRIBED": NEVER}
# States that no signup changes, beside UNSUBSCRIBED.
FINAL = {
    "REDACTED": (Reason.FORGOTTEN, ERASED),
    "INVALID": (Reason.ADDRESS_INVALID, INVALID),
}


def heard(topic: str, body: Mapping[str, Any]) -> Iterator[Change]:
    email = str(body.get("email") or body.get("email_address") or "")
    at = moment(body.get("updated_at"))
    if not email:
        return
    if topic == "customers_email_marketing_consent/update":
        consent = body.get("email_marketing_consent") or {}
        status = STATUS.get(str(consent.get("state", "")).upper(), "unknown")
        when = moment(consent.get("consent_updated_at"))
        yield Change(email=email, kind="status", status=status, at=when)
    elif topic == "customers/delete":
        yield Change(email=email, kind="delete", status="absent", at=at)
    elif topic in ("customers/create", "customers/update"):
        values = {
            "firstName": body.get("first_name"),
            "lastName": body.get("last_name"),
            "phone": body.get("phone"),
            "note": body.get("note"),
        }
        yield Change(email=email, kind="upsert", fields=filled(values), at=at)


def changes_of(
    rows: Sequence[Mapping[str, Any]], metafields: Sequence[str]
) -> Iterator[Change]:
    for row in rows:
        email = str((row.get("defaultEmailAddress") or {}).get("emailAddress") or "")
        if not email:
            continue
        values = values_of(row)
        yield Change(
            email=email,
            kind="upsert",
            status=STATUS.get(state_of(row), "unknown"),
            fields={n: values[n] for n in values if "." not in n or n in metafields},
            tags=tags_of(row),
            at=moment(row.get("updatedAt")),
            audience_id=CUSTOMERS,
        )


def values_of(customer: Mapping[str, Any]) -> dict[str, object]:
    """A customer's values by our field ids, blank ones left out."""
    names = ("firstName", "lastName", "note")
    values: dict[str, object] = {name: customer.get(name) for name in names}
    phone = customer.get("defaultPhoneNumber") or {}
    values["phone"] = phone.get("phoneNumber")
    for item in (customer.get("metafields") or {}).get("nodes") or ():
        values[f"{item['namespace']}.{item['key']}"] = item.get("value")
    return filled(values)


def known_of(customer: Mapping[str, Any]) -> dict[str, object] | None:
    """The same of a customer that was looked up; None when that is not all of it."""
    found = customer.get("metafields")
    if found is None or (found.get("pageInfo") or {}).get("hasNextPage"):
        return None
    return values_of(customer)


def tags_of(customer: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(tag) for tag in customer.get("tags") or ())


def state_of(customer: Mapping[str, Any]) -> str:
    """The marketing state, "" when the answer does not tell: never to be taken for
    NOT_SUBSCRIBED, which a signup may change."""
    address = customer.get("defaultEmailAddress") or {}
    return str(address.get("marketingState") or "")


def subscription_of(email: str, customer: Mapping[str, Any] | None) -> Subscription:
    if customer is None:
        return Subscription(email=email, status="absent")
    state = state_of(customer)
    address = customer.get("defaultEmailAddress") or {}
    return Subscription(
        email=email,
        status=STATUS.get(state, "unknown"),
        changed_at=moment(address.get("marketingUpdatedAt")),
        remote_id=str(customer.get("id", "")),
        detail=DETAIL.get(state, ""),
        fields=known_of(customer),
        tags=tags_of(customer),
    )


def consent_of(contact: Contact) -> dict[str, str]:
    consent = {"marketingState": "SUBSCRIBED", "marketingOptInLevel": "SINGLE_OPT_IN"}
    if contact.signed_up_at:
        at = contact.signed_up_at.astimezone(UTC).isoformat(timespec="seconds")
        consent["consentUpdatedAt"] = at
    return consent


def field_of(id: str, row: Mapping[str, Any]) -> Field:
    kind = str((row.get("type") or {}).get("name", ""))
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


def reason_for(field: str, words: str) -> Reason:
    words = words.lower()
    if "taken" in words:
        return Reason.DUPLICATE
    if "email" in field.lower() or "email" in words:
        return Reason.ADDRESS_INVALID
    return Reason.FIELD_TYPE if field else Reason.REFUSED


def wait_for(cost: Mapping[str, Any]) -> float | None:
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
