"""What Klaviyo answers: profiles, where they stand, refusals.

Facts are from Klaviyo's OpenAPI description, revision 2026-07-15, and from
developers.klaviyo.com/en/docs (working_with_system_webhooks, filtering_,
rate_limits_and_error_handling; read 2026-11-22).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from integrations.adapters.base import Field, is_blank
from integrations.adapters.errors import Reason
from integrations.adapters.shapes import Row, dig, id_in, row_in

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
FIXED_IDS = [field.id for field in FIXED]
KINDS = {bool: "boolean", int: "number", float: "number", list: "multi_choice"}

# Suppression reason -> our status and what is told beside it. The gravest comes first.
SUPPRESSED = {
    "SPAM_COMPLAINT": ("complained", ""),
    "HARD_BOUNCE": ("bounced", ""),
    "INVALID_EMAIL": ("bounced", "The address is not valid."),
    "UNSUBSCRIBE": ("unsubscribed", ""),
    "USER_SUPPRESSED": ("unsubscribed", "A user of the account suppressed them."),
}
NO_CONSENT = "On the list without a recorded subscription."


def resource(kind: str, attributes: Row, **related: object) -> Row:
    """A resource of JSON:API, by their relationship those that it goes with."""
    more = {name: {"data": others} for name, others in related.items()}
    linked = {"relationships": more} if more else {}
    return {"type": kind, "attributes": attributes, **linked}


def flat(profile: Row, *, on_list: bool) -> Row:
    """What a profile says of somebody, without Klaviyo's own properties, which begin
    with a dollar sign, and with whether it is on the list."""
    attributes = profile.get("attributes") or {}
    custom = attributes.get("properties") or {}
    names = [name for name in custom if name[:1] != "$" and name not in FIXED_IDS]
    properties = {name: custom[name] for name in names}
    told = {"id": profile.get("id"), "properties": properties, "on_list": on_list}
    return {**attributes, **told}


def check_told(profile: Row) -> None:
    """Raises TransientError unless subscriptions came along as was asked: without them
    nobody can tell whether a person left."""
    told = row_in(row_in(profile, "attributes"), "subscriptions")
    if (channel := told.get("email")) is not None:
        id_in(row_in(channel, "marketing"), "consent")


def stands(row: Row, list_id: str) -> tuple[str, str, Any]:
    """The status of a `flat` profile on the list, what is said of it, since when."""
    marketing = dig(row, "subscriptions", "email", "marketing") or {}
    entries = marketing.get("suppression") or ()
    reasons = {str(entry.get("reason")): entry.get("timestamp") for entry in entries}
    for reason in (*SUPPRESSED, *reasons):
        if reason in reasons:
            other = "unsubscribed", f"Suppressed there: {reason}."
            return *SUPPRESSED.get(reason, other), reasons[reason]
    for entry in marketing.get("list_suppressions") or ():
        if entry.get("list_id") == list_id:
            return "unsubscribed", "They left this list.", entry.get("timestamp")
    consent, since = marketing.get("consent"), marketing.get("consent_timestamp")
    if consent == "UNSUBSCRIBED":
        return "unsubscribed", "", since
    since = since or marketing.get("last_updated")
    if not row["on_list"]:
        return "absent", "", since
    if consent == "SUBSCRIBED":
        return "subscribed", "", since
    return "unknown", NO_CONSENT, since


def custom_fields(profiles: Iterable[Row]) -> list[Field]:
    """Fields for the custom properties that profiles have, with guessed types: Klaviyo
    does not declare them."""
    kinds: dict[str, str] = {}
    for profile in profiles:
        for name, value in flat(profile, on_list=True)["properties"].items():
            if not is_blank(value) and not isinstance(value, Mapping):
                kind = kind_of(value)
                kinds[name] = kind if kinds.get(name, kind) == kind else "text"
    return [Field(id=name, label=name, type=kinds[name]) for name in sorted(kinds)]


def kind_of(value: object) -> str:
    """The field type that a custom property's value hints at."""
    kind = "date" if re.fullmatch(r"\d{4}-\d\d-\d\d", str(value)) else "text"
    return KINDS.get(type(value), kind)


def reason_for(error: Row) -> Reason:
    """The reason behind a refusal of a profile, from its code and JSON pointer."""
    pointer = str(dig(error, "source", "pointer") or "")
    if error.get("code") == "duplicate_profile":
        return Reason.DUPLICATE
    if pointer.endswith("/email"):
        return Reason.ADDRESS_INVALID
    return Reason.FIELD_TYPE if "/attributes/" in pointer else Reason.REFUSED
