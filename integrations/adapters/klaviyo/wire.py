"""Reading what Klaviyo answers: profiles, standing, refusals, cursors, webhooks.

Facts are from Klaviyo's OpenAPI description, revision 2026-07-15, and from
developers.klaviyo.com/en/docs (working_with_system_webhooks, filtering_,
rate_limits_and_error_handling; read 2026-11-22).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from integrations.adapters.base import (
    Change,
    Field,
    Incoming,
    Subscription,
    filled,
    is_blank,
)
from integrations.adapters.errors import CredentialsError, Reason, RejectedError
from integrations.adapters.shapes import id_in, row_in, rows_in
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


def next_cursor(body: Mapping[str, Any]) -> str:
    """The page cursor behind an answer, "" at the end."""
    url = str((body.get("links") or {}).get("next") or "")
    return (parse_qs(urlsplit(url).query).get("page[cursor]") or [""])[0]


def rows_of(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The resources in an answer. Raises TransientError when it has no list of them."""
    return rows_in(body, "data")


def asked_for(profile: Mapping[str, Any]) -> Mapping[str, Any]:
    """The profile, when its subscriptions came along as was asked: without them nobody
    can tell whether they left. Raises TransientError otherwise."""
    told = row_in(row_in(profile, "attributes"), "subscriptions")
    if (channel := told.get("email")) is not None:
        id_in(row_in(channel, "marketing"), "consent")
    return profile


def email_of(profile: Mapping[str, Any]) -> str:
    return str((profile.get("attributes") or {}).get("email") or "")


def attributes_of(fields: Mapping[str, object]) -> dict[str, object]:
    """Field values as a profile's attributes; what is not fixed is a custom property.
    Blank values are left out: null would erase."""
    attributes: dict[str, Any] = {}
    for name, value in filled(fields).items():
        if name not in FIXED_IDS:
            attributes.setdefault("properties", {})[name] = value
        elif name.startswith("location."):
            place = attributes.setdefault("location", {})
            place[name.removeprefix("location.")] = str(value)
        else:
            attributes[name] = str(value)
    return attributes


def values_of(profile: Mapping[str, Any]) -> dict[str, object]:
    """A profile's attributes by our field ids, blank ones left out."""
    attributes = profile.get("attributes") or {}
    place = attributes.get("location") or {}
    values = {
        name: place.get(name.removeprefix("location."))
        if name.startswith("location.")
        else attributes.get(name)
        for name in FIXED_IDS
    }
    return filled(values | custom_of(profile))


def custom_of(profile: Mapping[str, Any]) -> dict[str, object]:
    """A profile's custom properties. Klaviyo's own begin with a dollar sign."""
    found = (profile.get("attributes") or {}).get("properties") or {}
    return {
        name: value
        for name, value in found.items()
        if not name.startswith("$") and name not in FIXED_IDS
    }


def custom_fields(profiles: Iterable[Mapping[str, Any]]) -> list[Field]:
    """Fields for the custom properties that the profiles have, with guessed types:
    Klaviyo does not declare them."""
    kinds: dict[str, str] = {}
    for profile in profiles:
        for name, value in custom_of(profile).items():
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What Klaviyo has about an address: its profile, None when there is none, and
    whether that is on the list."""

    profile: Mapping[str, Any] | None = None
    on_list: bool = False

    @property
    def email(self) -> str:
        """The address as Klaviyo spells it, "" without a profile."""
        return email_of(self.profile or {})

    @property
    def marketing(self) -> Mapping[str, Any]:
        attributes = (self.profile or {}).get("attributes") or {}
        email = (attributes.get("subscriptions") or {}).get("email") or {}
        return email.get("marketing") or {}

    @property
    def subscribed(self) -> bool:
        return self.on_list and self.marketing.get("consent") == "SUBSCRIBED"


def standing(
    email: str, known: Known, audience_id: str, double_opt_in: bool
) -> Subscription:
    """Where the address stands on the list.

    On a list with double opt-in, a profile that is not on it may have been asked; that
    is never shown, so the status is unknown.
    """
    if known.profile is None:
        return Subscription(email=email, status="absent")
    marketing = known.marketing
    status, detail = "absent", ""
    since = marketing.get("consent_timestamp") or marketing.get("last_updated")
    if left := _left(marketing, audience_id):
        status, detail, since = left
    elif known.subscribed:
        status = "subscribed"
    elif known.on_list:
        status, detail = "unknown", NO_CONSENT
    elif double_opt_in:
        status, detail = "unknown", NOT_KNOWN
    return Subscription(
        email=email,
        status=status,
        changed_at=moment(since),
        remote_id=str(known.profile.get("id") or ""),
        detail=detail,
        fields=values_of(known.profile),
    )


def has_left(profile: Mapping[str, Any]) -> bool:
    """Whether a profile is opted out of everything."""
    return _left(Known(profile=profile).marketing, "") is not None


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


def reason_of(code: str, pointer: str) -> Reason:
    """The reason behind a refusal of a profile, from its code and JSON pointer."""
    if code == "duplicate_profile":
        return Reason.DUPLICATE
    if pointer.endswith("/email"):
        return Reason.ADDRESS_INVALID
    if "/attributes/" in pointer:
        return Reason.FIELD_TYPE
    return Reason.REFUSED


# Topic -> our status. Klaviyo has others; of these each event names one person.
TOPICS = {
    "event:klaviyo.subscribed_to_email_marketing": "subscribed",
    "event:klaviyo.unsubscribed_from_email_marketing": "unsubscribed",
    "event:klaviyo.manually_suppressed_from_email_marketing": "unsubscribed",
    "event:klaviyo.marked_email_as_spam": "complained",
    "event:klaviyo.bounced_email": "bounced",
}


def check_signature(request: Incoming, secret: str) -> None:
    """Klaviyo-Signature is the hexadecimal HMAC-SHA256 of the body with the value of
    Klaviyo-Timestamp behind it. Raises CredentialsError."""
    at = request.headers.get("klaviyo-timestamp", "").encode()
    given = request.headers.get("klaviyo-signature", "").encode()
    expected = hmac.new(secret.encode(), request.body + at, hashlib.sha256).hexdigest()
    if not secret or not at or not hmac.compare_digest(expected.encode(), given):
        raise CredentialsError("The signature is not Klaviyo's.")


def webhook_changes(request: Incoming) -> list[Change]:
    """The changes in a signed webhook. Raises RejectedError when it is not one, and
    CredentialsError when it was signed for another webhook."""
    body = json_body(request)
    if not isinstance(body, dict) or not isinstance(body.get("data"), list):
        raise RejectedError("This is not a Klaviyo webhook.")
    named = (body.get("meta") or {}).get("klaviyo_webhook_id")
    if named != request.headers.get("klaviyo-webhook-id"):
        raise CredentialsError("Header and body name different webhooks.")
    events = [event for event in body["data"] if isinstance(event, dict)]
    changes = [_change(event) for event in events]
    return [change for change in changes if change is not None]


def _change(event: Mapping[str, Any]) -> Change | None:
    status = TOPICS.get(str(event.get("topic")))
    payload = event.get("payload") or {}
    attributes = (payload.get("data") or {}).get("attributes") or {}
    facts = attributes.get("event_properties") or {}
    soft = str(facts.get("Bounce Type", "")).lower() == "soft"
    email = _email_in(payload, facts)
    if status is None or not email or (status == "bounced" and soft):
        return None
    return Change(email=email, kind="status", status=status, at=_at(attributes))


def _email_in(payload: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    profiles = [
        email_of(row)
        for row in payload.get("included") or ()
        if row.get("type") == "profile"
    ]
    named = [facts.get(name) for name in ("email_address", "email", "Email")]
    return next((str(email) for email in (*profiles, *named) if email), "")


def _at(attributes: Mapping[str, Any]) -> datetime | None:
    return moment(attributes.get("timestamp")) or moment(attributes.get("datetime"))
