"""HubSpot's shapes: audiences, properties, records, refusals."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from integrations.adapters.base import Change, Field, Subscription
from integrations.adapters.consent import LEFT
from integrations.adapters.each import key_of
from integrations.adapters.errors import Reason, TargetError
from integrations.adapters.shared import moment

CONTACTS = "/crm/v3/objects/contacts"
LISTS = "/crm/v3/lists"
PREFERENCES = "/communication-preferences/v4"
EMAIL = {"channel": "EMAIL"}
CONTACT_TYPE = "0-1"  # the object type id of contacts
EVERYBODY = "contacts"
# Default contact properties: unsubscribed from all email, hard bounce, bad address.
# Unverified against HubSpot's own list; other integrations read them by these names.
OPT_OUT = "hs_email_optout"
BOUNCE = "hs_email_hard_bounce_reason_enum"
BAD_ADDRESS = "hs_email_bad_address"
OTHER_ADDRESSES = "hs_additional_emails"
BASICS = ("email", OTHER_ADDRESSES, OPT_OUT, BOUNCE, BAD_ADDRESS)

TYPES = {"number": "number", "date": "date", "datetime": "datetime", "bool": "boolean"}
HINTS = {
    "email": "email",
    "phone_number": "phone",
    "postal_code": "zip",
    "domain_name": "url",
}
NAMES = {
    "firstname": "name",
    "lastname": "name",
    "zip": "zip",
    "website": "url",
    "phone": "phone",
    "mobilephone": "phone",
}
# Codes of a validation error (developers.hubspot.com/docs/api-reference/error-handling
# and the changelog "CRM API write validation enforcement", read 2026-11-22). Which
# codes exist is not documented as a whole; another one is a plain refusal.
CODES = (
    ("MISSING_REQUIRED_PROPERTY", Reason.REQUIRED_FIELD),
    ("REQUIRED_FIELD", Reason.REQUIRED_FIELD),
    ("INVALID_EMAIL", Reason.ADDRESS_INVALID),
    ("INVALID_OPTION", Reason.OPTION_MISSING),
    ("PROPERTY_DOESNT_EXIST", Reason.FIELD_TYPE),
    ("READ_ONLY_VALUE", Reason.FIELD_TYPE),
    ("INVALID_", Reason.FIELD_TYPE),
)


@dataclass(frozen=True, slots=True)
class Target:
    """What an audience id names: every contact, a static list, a subscription type."""

    kind: str  # contacts, list, subscription
    id: str = ""

    @classmethod
    def parse(cls, audience_id: str) -> Target:
        kind, _, number = audience_id.partition(":")
        if kind in ("list", "subscription") and number.isascii() and number.isdigit():
            return cls(kind, number)
        if audience_id != EVERYBODY:
            raise TargetError("HubSpot has no such audience: choose another.")
        return cls(EVERYBODY)


def field_of(row: Mapping[str, Any]) -> Field:
    """A contact property as a field."""
    name = str(row["name"])
    fixed = (row.get("modificationMetadata") or {}).get("readOnlyValue")
    kind = str(row.get("type"))
    options: tuple[str, ...] = ()
    if kind == "enumeration":
        kind = _choice(row)
        options = tuple(
            str(option["value"])
            for option in row.get("options") or ()
            if kind.endswith("choice") and not option.get("hidden")
        )
    else:
        hint = HINTS.get(str(row.get("textDisplayHint")), "text")
        if row.get("fieldType") == "phonenumber":
            hint = "phone"
        kind = TYPES.get(kind) or NAMES.get(name, hint)
    return Field(
        id=name,
        label=str(row.get("label") or name),
        type=kind,
        read_only=bool(fixed or row.get("calculated") or name.startswith(OPT_OUT)),
        options=options,
    )


def _choice(row: Mapping[str, Any]) -> str:
    if row.get("fieldType") == "booleancheckbox":
        return "boolean"
    if row.get("externalOptions") or not row.get("options"):
        return "text"  # users and the like, which HubSpot lists elsewhere
    return "multi_choice" if row.get("fieldType") == "checkbox" else "choice"


def value_of(value: object) -> str:
    """A value as HubSpot's properties take it: always text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple, set, frozenset)):
        return ";".join(value_of(part) for part in value)
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return str(value)


def trace(email: str) -> str:
    """The objectWriteTraceId by which an answer tells the inputs of a batch apart."""
    return hashlib.sha256(email.encode()).hexdigest()[:16]


def addresses(record: Mapping[str, Any]) -> list[str]:
    """Lower-case addresses of a contact, the primary one first."""
    return [key_of(address) for address in _addresses(record)]


def _addresses(record: Mapping[str, Any]) -> list[str]:
    properties = record.get("properties") or {}
    others = str(properties.get(OTHER_ADDRESSES) or "").split(";")
    found = [str(properties.get("email") or ""), *others]
    return [address.strip() for address in found if address.strip()]


def spelt(key: str, record: Mapping[str, Any] | None) -> str:
    """The address of a contact as HubSpot spells it."""
    kept = (a for a in _addresses(record or {}) if key_of(a) == key)
    return next(kept, key)


def by_any_address(
    records: Iterable[Mapping[str, Any]],
) -> dict[str, Mapping[str, Any]]:
    """Of several with one address the one that left counts, else the first."""
    ordered = sorted(records, key=lambda item: standing("", item).status not in LEFT)
    return {
        address: record for record in reversed(ordered) for address in addresses(record)
    }


def standing(email: str, record: Mapping[str, Any] | None) -> Subscription:
    """Where HubSpot has somebody by the properties of their record."""
    if record is None:
        return Subscription(email=email, status="absent")
    properties = record.get("properties") or {}
    bounce = str(properties.get(BOUNCE) or "")
    status, detail = "subscribed", ""
    if properties.get(OPT_OUT) == "true":
        status, detail = "unsubscribed", "From all email."
    elif bounce or properties.get(BAD_ADDRESS) == "true":
        status = "bounced"
        detail = f"Cause: {bounce.replace('_', ' ').lower()}." if bounce else ""
    return Subscription(
        email=email,
        status=status,
        changed_at=moment(record.get("updatedAt")),
        remote_id=str(record.get("id", "")),
        detail=detail,
    )


def change_of(
    record: Mapping[str, Any], audience_id: str, status: str = ""
) -> Change | None:
    """A record as a change; None for a contact without an address."""
    found = addresses(record)
    if not found:
        return None
    properties = record.get("properties") or {}
    fields = {
        name: value
        for name, value in properties.items()
        if value not in (None, "") and name not in BASICS and name[:3] != "hs_"
    }
    return Change(
        email=found[0],
        kind="upsert",
        status=status or standing(found[0], record).status,
        fields=fields,
        at=moment(record.get("updatedAt")),
        audience_id=audience_id,
    )


def words_of(body: Mapping[str, Any]) -> str:
    """HubSpot's own words: the message, and the details that are not in it."""
    message = str(body.get("message") or "")
    details = [
        str(item.get("message") or "")
        for item in _listed(body.get("errors"))
        if isinstance(item, Mapping)
    ]
    more = [text for text in details if text and text not in message]
    return " ".join([message, *dict.fromkeys(more)]).strip()


def reason_of(body: Mapping[str, Any]) -> Reason:
    """Why a contact was refused, by the codes in an error body."""
    details = [
        item for item in _listed(body.get("errors")) if isinstance(item, Mapping)
    ]
    codes = " ".join(
        str(item.get(key) or "")
        for item in (body, *details)
        for key in ("category", "subCategory", "code", "message")
    )
    for code, reason in CODES:
        if code in codes:
            return reason
    return Reason.DUPLICATE if body.get("category") == "CONFLICT" else Reason.REFUSED


def named(row: Mapping[str, Any]) -> Sequence[str]:
    """Trace ids and record ids that a row of `errors` is about."""
    context = row.get("context") or {}
    return [
        str(item)
        for key in ("objectWriteTraceId", "ids", "id", "email")
        for item in _listed(context.get(key))
    ]


def _listed(value: object) -> list[object]:
    if isinstance(value, (list, tuple)):
        return list(value)
    return [] if value is None else [value]
