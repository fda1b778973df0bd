"""Reading what Klaviyo answers: profiles, standing, refusals, webhooks.

Facts are from Klaviyo's OpenAPI description, revision 2026-07-15, and from
developers.klaviyo.com/en/docs (working_with_system_webhooks, filtering_,
rate_limits_and_error_handling; read 2026-11-22).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from integrations.adapters.base import Change, Field, Incoming, is_blank
from integrations.adapters.errors import CredentialsError, Reason, RejectedError
from integrations.adapters.shapes import Row, dig, id_in, row_in
from integrations.adapters.shared import json_body, moment

FIXED = (
    Field(id="first_name", label="First name"),
    Field(id="last_name", label="Last name"),
    Field(id="phone_number", label="Phone number (E.164)", type="phone"),
    Field(id="organization", label="Organization"),
    Field(id="title", label="Job title"),
    Field(id="locale", label="Locale"),
    Field(id="image", label="Image", type="url"),
    Field(id="location.address1", label="Address line 1"),
    Field(id="location.address2", label="Address line 2"),
    Field(id="location.city", label="City"),
    Field(id="location.region", label="Region"),
    Field(id="location.zip", label="Postal code", type="zip"),
    Field(id="location.country", label="Country"),
    Field(id="location.timezone", label="Time zone"),
)
FIXED_IDS = frozenset(field.id for field in FIXED)
# What is asked for of a profile.
ATTRIBUTES = (
    *("email", "subscriptions", "properties", "location"),
    *(field.id for field in FIXED if "." not in field.id),
)
_DATE = re.compile(r"\d{4}-\d\d-\d\d")

# Suppression reason -> our status and what is told beside it. The gravest comes first.
SUPPRESSED = {
    "SPAM_COMPLAINT": ("complained", ""),
    "HARD_BOUNCE": ("bounced", ""),
    "INVALID_EMAIL": ("bounced", "The address is not valid."),
    "UNSUBSCRIBE": ("unsubscribed", ""),
    "USER_SUPPRESSED": ("unsubscribed", "A user of the account suppressed them."),
}
NOT_KNOWN = (
    "Klaviyo does not show who was asked to confirm and has not answered yet; this "
    "person is known there without a confirmed subscription to the list."
)
NO_CONSENT = "On the list without a recorded subscription."


def list_path(audience_id: str) -> str:
    """The real path of a list."""
    return f"/api/lists/{quote(audience_id, safe='')}"


def any_email(emails: Iterable[str]) -> str:
    """A filter for profiles with one of the addresses."""
    return f"any(email,{json.dumps(list(emails), ensure_ascii=False)})"


def flat(profile: Row, *, on_list: bool = False) -> Row:
    """A profile on one level, with custom properties under `properties`, and what is
    known beside it: whether it is on the list, whether that asks people to confirm.
    Klaviyo's own properties begin with a dollar sign."""
    attributes = profile.get("attributes") or {}
    place = attributes.get("location") or {}
    custom = attributes.get("properties") or {}
    return {
        **attributes,
        **{f"location.{name}": place[name] for name in place},
        "properties": {
            name: custom[name]
            for name in custom
            if not name.startswith("$") and name not in FIXED_IDS
        },
        "email": str(attributes.get("email") or ""),
        **{"id": profile.get("id"), "on_list": on_list, "asks": False},
    }


def check_told(profile: Row) -> None:
    """Raises TransientError unless subscriptions came along as was asked: without them
    nobody can tell whether a person left."""
    told = row_in(row_in(profile, "attributes"), "subscriptions")
    if (channel := told.get("email")) is not None:
        id_in(row_in(channel, "marketing"), "consent")


def custom_fields(rows: Iterable[Row]) -> list[Field]:
    """Fields for the custom properties that the profiles have, with guessed types:
    Klaviyo does not declare them."""
    kinds: dict[str, str] = {}
    for row in rows:
        for name, value in row["properties"].items():
            if is_blank(value) or isinstance(value, Mapping):
                continue
            kind = kind_of(value)
            kinds[name] = kind if kinds.get(name, kind) == kind else "text"
    return [Field(id=name, label=name, type=kinds[name]) for name in sorted(kinds)]


def kind_of(value: object) -> str:
    """The field type that a custom property's value hints at."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    if isinstance(value, list):
        return "multi_choice"
    return "date" if _DATE.fullmatch(str(value)) else "text"


def stands(row: Row, list_id: str) -> tuple[str, str, Any]:
    """The status of a `flat` profile on the list, what is told beside it, since when.

    On a list with double opt-in, a profile that is not on it may have been asked; that
    is never shown, so the status is unknown.
    """
    marketing = dig(row, "subscriptions", "email", "marketing") or {}
    if left := _left(marketing, list_id):
        return left
    since = marketing.get("consent_timestamp") or marketing.get("last_updated")
    if row["on_list"] and marketing.get("consent") == "SUBSCRIBED":
        return "subscribed", "", since
    if row["on_list"]:
        return "unknown", NO_CONSENT, since
    return ("unknown", NOT_KNOWN, since) if row["asks"] else ("absent", "", since)


def _left(marketing: Mapping[str, Any], list_id: str) -> tuple[str, str, Any] | None:
    reasons = {
        str(entry.get("reason")): entry.get("timestamp")
        for entry in marketing.get("suppression") or ()
    }
    for reason, (status, detail) in SUPPRESSED.items():
        if reason in reasons:
            return status, detail, reasons[reason]
    if reasons:
        [reason, *_] = reasons
        return "unsubscribed", f"Suppressed there: {reason}.", reasons[reason]
    for entry in marketing.get("list_suppressions") or ():
        if entry.get("list_id") == list_id:
            return "unsubscribed", "They left this list.", entry.get("timestamp")
    if marketing.get("consent") == "UNSUBSCRIBED":
        return "unsubscribed", "", marketing.get("consent_timestamp")
    return None


def reason_for(error: Row) -> Reason:
    """The reason behind a refusal of a profile, from its code and JSON pointer."""
    pointer = str(dig(error, "source", "pointer") or "")
    if error.get("code") == "duplicate_profile":
        return Reason.DUPLICATE
    if pointer.endswith("/email"):
        return Reason.ADDRESS_INVALID
    return Reason.FIELD_TYPE if "/attributes/" in pointer else Reason.REFUSED


# Topic -> our status. Klaviyo has others; of these each event names one person.
TOPICS = {
    "event:klaviyo.subscribed_to_email_marketing": "subscribed",
    "event:klaviyo.unsubscribed_from_email_marketing": "unsubscribed",
    "event:klaviyo.manually_suppressed_from_email_marketing": "unsubscribed",
    "event:klaviyo.marked_email_as_spam": "complained",
    "event:klaviyo.bounced_email": "bounced",
}


def webhook_changes(request: Incoming) -> list[Change]:
    """The changes in a signed webhook. Raises RejectedError when it is not one, and
    CredentialsError when it was signed for another webhook."""
    body = json_body(request)
    if not isinstance(body, dict) or not isinstance(body.get("data"), list):
        raise RejectedError("This is not a Klaviyo webhook.")
    named = dig(body, "meta", "klaviyo_webhook_id")
    if named != request.headers.get("klaviyo-webhook-id"):
        raise CredentialsError("Header and body name different webhooks.")
    events = [event for event in body["data"] if isinstance(event, dict)]
    return [change for event in events for change in _heard(event)]


def _heard(event: Row) -> Iterator[Change]:
    status = TOPICS.get(str(event.get("topic")))
    payload = event.get("payload") or {}
    told = dig(payload, "data", "attributes") or {}
    facts = told.get("event_properties") or {}
    soft = str(facts.get("Bounce Type", "")).lower() == "soft"
    profiles = [
        dig(row, "attributes", "email")
        for row in payload.get("included") or ()
        if row.get("type") == "profile"
    ]
    named = [facts.get(name) for name in ("email_address", "email", "Email")]
    email = next((str(email) for email in (*profiles, *named) if email), "")
    if status and email and not (status == "bounced" and soft):
        at = moment(told.get("timestamp")) or moment(told.get("datetime"))
        yield Change(email=email, kind="status", status=status, at=at)
