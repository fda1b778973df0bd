"""Constant Contact's contacts and fields.

Facts are from its OpenAPI description 3.0.172 and from
developer.constantcontact.com/api_guide (contacts_create_or_update,
contacts_re-subscribe, glossary_responses; read 2026-11-22).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from integrations.adapters.base import Field, filled
from integrations.adapters.rest import as_text
from integrations.adapters.shapes import id_in, row_in

FIXED = (
    Field(id="first_name", label="First name"),
    Field(id="last_name", label="Last name"),
    Field(id="job_title", label="Job title"),
    Field(id="company_name", label="Company"),
    Field(id="phone_number", label="Phone number", type="phone"),
    Field(id="birthday", label="Birthday", type="birthday", format="MM/DD"),
    Field(id="anniversary", label="Anniversary", type="date"),
    Field(id="street_address.street", label="Street"),
    Field(id="street_address.city", label="City"),
    Field(id="street_address.state", label="State"),
    Field(id="street_address.postal_code", label="Postal code", type="zip"),
    Field(id="street_address.country", label="Country"),
)
PLAIN = ("first_name", "last_name", "job_title", "company_name", "anniversary")
PLACE = ("street", "city", "state", "postal_code", "country")
FIXED_IDS = frozenset(field.id for field in FIXED)
FIELD_TYPE = {
    "date": "date",
    "datetime": "datetime",
    "number": "number",
    "currency": "number",
    "boolean": "boolean",
    "single_select": "choice",
    "multi_select": "multi_choice",
}
# What a PUT needs back, because it empties every core property that it does not name.
CORE = (*PLAIN, "birthday_month", "birthday_day")
SUBRESOURCES = "custom_fields,list_memberships,phone_numbers,street_addresses"
MAILABLE = ("explicit", "implicit")
PENDING = "pending_confirmation"
ON_HOLD = "temp_hold"


def email_of(contact: Mapping[str, Any]) -> str:
    return str((contact.get("email_address") or {}).get("address") or "")


def permission_of(contact: Mapping[str, Any]) -> str:
    """Raises TransientError when it is missing: who left could not be told."""
    return id_in(row_in(contact, "email_address"), "permission_to_send")


def on_list(contact: Mapping[str, Any], list_id: str) -> bool:
    return list_id in (contact.get("list_memberships") or ())


def has_left(contact: Mapping[str, Any]) -> bool:
    permission = permission_of(contact)
    out = contact["email_address"].get("opt_out_date")
    welcome = permission in (*MAILABLE, PENDING)
    return permission == "unsubscribed" or bool(out and not welcome)


def path_of(contact: Mapping[str, Any]) -> str:
    return f"/v3/contacts/{quote(id_in(contact, 'contact_id'), safe='')}"


def properties_of(fields: Mapping[str, object]) -> dict[str, Any]:
    """Field values as a sign-up takes them; blank ones are left out."""
    body: dict[str, Any] = {}
    custom = []
    for name, value in filled(fields).items():
        if name == "birthday":
            month, _, day = str(value).partition("/")
            if month.isdecimal() and day.isdecimal():
                body["birthday_month"], body["birthday_day"] = int(month), int(day)
        elif name.startswith("street_address."):
            place = body.setdefault("street_address", {"kind": "home"})
            place[name.removeprefix("street_address.")] = str(value)
        elif name in FIXED_IDS:
            body[name] = str(value)
        else:
            custom.append({"custom_field_id": name, "value": as_text(value)})
    if custom:
        body["custom_fields"] = custom
    return body


def values_of(contact: Mapping[str, Any]) -> dict[str, object]:
    """A contact's properties by our field ids, blank ones left out."""
    values: dict[str, object] = {name: contact.get(name) for name in PLAIN}
    if contact.get("birthday_month") and contact.get("birthday_day"):
        month, day = int(contact["birthday_month"]), int(contact["birthday_day"])
        values["birthday"] = f"{month:02}/{day:02}"
    for phone in (contact.get("phone_numbers") or ())[:1]:
        values["phone_number"] = phone.get("phone_number")
    for place in (contact.get("street_addresses") or ())[:1]:
        values |= {f"street_address.{name}": place.get(name) for name in PLACE}
    for row in contact.get("custom_fields") or ():
        values[str(row.get("custom_field_id"))] = row.get("value")
    return filled(values)


def custom_field(row: Mapping[str, Any]) -> Field:
    """A custom field's declaration."""
    kind = str(row.get("type") or "")
    shape = str((row.get("metadata") or {}).get("display_format") or "")
    return Field(
        id=str(row.get("custom_field_id")),
        label=str(row.get("label") or row.get("name") or ""),
        type=FIELD_TYPE.get(kind, "text"),
        options=tuple(
            str(choice.get("choice_label"))
            for choice in row.get("choices") or ()
            if not choice.get("deleted_at")
        ),
        format=shape if kind == "date" and shape != "YYYY-MM-DD" else "",
    )
