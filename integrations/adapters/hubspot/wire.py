"""HubSpot's shapes: audiences, properties, records."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from urllib.parse import quote

from integrations.adapters.base import Field, filled
from integrations.adapters.each import key_of
from integrations.adapters.errors import TargetError
from integrations.adapters.shapes import Row, as_text, dig, row_in

CONTACTS = "/crm/v3/objects/contacts"
LISTS = "/crm/v3/lists"
PREFERENCES = "/communication-preferences/v4"
PROPERTIES = "/crm/v3/properties/contacts"
CONTACT_TYPE = "0-1"  # the object type id of contacts
EMAIL = {"channel": "EMAIL"}
# What an audience is: every contact, a static list, or an e-mail subscription type.
EVERYBODY, LIST, SUBSCRIPTION = "contacts", "list", "subscription"
# Default contact properties: unsubscribed from all email, hard bounce, bad address.
# Unverified against HubSpot's own list; other integrations read them by these names.
OPT_OUT = "hs_email_optout"
BOUNCE = "hs_email_hard_bounce_reason_enum"
BAD_ADDRESS = "hs_email_bad_address"
OTHER_ADDRESSES = "hs_additional_emails"
BASICS = ("email", OTHER_ADDRESSES, OPT_OUT, BOUNCE, BAD_ADDRESS)

TYPES = {"number": "number", "date": "date", "datetime": "datetime", "bool": "boolean"}
# Of texts, by the property's name, its form field, and how it is shown.
TEXTS = {
    **{"firstname": "name", "lastname": "name", "zip": "zip", "website": "url"},
    **{"phone": "phone", "mobilephone": "phone", "phonenumber": "phone"},
    **{"phone_number": "phone", "email": "email", "postal_code": "zip"},
    "domain_name": "url",
}


def parts_of(audience_id: str) -> tuple[str, str]:
    """The kind of an audience and its number, "" for all contacts. Raises TargetError
    for what is none of ours."""
    kind, _, number = audience_id.partition(":")
    numbered = kind in (LIST, SUBSCRIPTION) and number.isascii() and number.isdigit()
    if not numbered and audience_id != EVERYBODY:
        raise TargetError("HubSpot has no such audience: choose another.")
    return kind, number


def status_path(email: str) -> str:
    """Where HubSpot keeps what an address has opted out of."""
    return f"{PREFERENCES}/statuses/{quote(email, safe='')}"


def property_of(row: Row) -> Field:
    """A contact property as a field."""
    name, kind = str(row["name"]), kind_of(row)
    fixed = dig(row, "modificationMetadata", "readOnlyValue") or row.get("calculated")
    options = row.get("options") if kind.endswith("choice") else None
    return Field(
        id=name,
        label=str(row.get("label") or name),
        type=kind,
        read_only=bool(fixed or name.startswith(OPT_OUT)),
        options=tuple(str(o["value"]) for o in options or () if not o.get("hidden")),
    )


def kind_of(row: Row) -> str:
    """The type of a property, as `Field` has it."""
    kind, entered = str(row.get("type")), row.get("fieldType")
    if kind != "enumeration":
        looks = (row["name"], entered, row.get("textDisplayHint"))
        text = next((TEXTS[look] for look in looks if look in TEXTS), "text")
        return TYPES.get(kind, text)
    if entered == "booleancheckbox":
        return "boolean"
    if row.get("externalOptions") or not row.get("options"):
        return "text"  # users and the like, which HubSpot lists elsewhere
    return "multi_choice" if entered == "checkbox" else "choice"


def person_of(record: Row, names: Iterable[str] = ()) -> Row:
    """A record, and what we make of it: `email`, the primary address, "" for none;
    `spelt`, all addresses as HubSpot spells them, by `key_of`; `values` of the
    properties named. Raises TransientError for one without properties: who left could
    not be told."""
    told = row_in(record, "properties")
    both = f"{told.get('email') or ''};{told.get(OTHER_ADDRESSES) or ''}"
    addresses = [text.strip() for text in both.split(";") if text.strip()]
    return {
        **record,
        "email": key_of(addresses[0]) if addresses else "",
        "spelt": {key_of(text): text for text in reversed(addresses)},
        "values": filled({name: told.get(name) for name in names}),
    }


def spelt(key: str, row: Row | None) -> str:
    """The address of a contact as HubSpot spells it."""
    return str(row["spelt"].get(key, key)) if row else key


def as_property(value: object) -> str:
    """A value as HubSpot's properties take it: always text."""
    if isinstance(value, (list, tuple)):
        return ";".join(map(as_text, value))
    return as_text(value)


def trace(key: str) -> str:
    """The objectWriteTraceId by which an answer tells the inputs of a batch apart."""
    return hashlib.sha256(key.encode()).hexdigest()[:16]
