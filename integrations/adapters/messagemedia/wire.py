"""Reading MessageMedia's contacts: numbers, addresses, where somebody stands."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from integrations.adapters.base import (
    Contact,
    Outcome,
    Subscription,
)
from integrations.adapters.each import existing, key_of, not_there, rejected, synced
from integrations.adapters.errors import Reason
from integrations.adapters.shapes import Row

E164 = re.compile(r"\+[1-9][0-9]{6,14}")
ON_LIST = existing()
BLOCKED = "The number is on the account's blacklist, as after a STOP."
NO_NUMBER = (
    "Mobile number: there is none, and MessageMedia knows people by it. Map a field "
    "with a phone number to it."
)
NOT_E164 = (
    "Mobile number: it must be in international form, like +61491570156. Set the "
    "mapping to convert phone numbers."
)
STANDARD = (
    *("firstName", "lastName", "alias", "dateOfBirth"),
    *("country", "state", "location", "note"),
)


def number_of(contact: Contact) -> str:
    """The number that a contact is to be known by, "" when there is none."""
    return str(contact.fields.get("phone") or "").strip()


def on_list(row: Mapping[str, Any], audience_id: str) -> bool:
    return any(str(item.get("id")) == audience_id for item in row.get("lists") or ())


def numbers_of(rows: Sequence[Row]) -> list[str]:
    """The SMS numbers of contacts; others than E.164 nobody can be asked about."""
    return [
        str(channel["channelId"])
        for row in rows
        for channel in row.get("channels") or ()
        if channel.get("type") == "SMS" and E164.fullmatch(str(channel["channelId"]))
    ]


def addresses_of(row: Mapping[str, Any]) -> list[str]:
    """A contact's e-mail addresses in lower case, each once: of custom fields, then of
    e-mail channels."""
    found = [
        str(field.get("value", ""))
        for field in row.get("customFields") or ()
        if field.get("type") == "EMAIL"
    ]
    found += [
        str(channel.get("channelId", ""))
        for channel in row.get("channels") or ()
        if channel.get("type") == "EMAIL"
    ]
    return list(dict.fromkeys(key_of(address) for address in found if address.strip()))


def standing(
    email: str, row: Mapping[str, Any], number: str, blocked: bool
) -> Subscription:
    """Where a person stands; `row` is {} when there is no such contact."""
    state = next(
        (
            channel.get("subscriptionState")
            for channel in row.get("channels") or ()
            if channel.get("type") == "SMS" and channel.get("channelId") == number
        ),
        None,
    )
    if blocked or state == "UNSUBSCRIBED":
        status = "unsubscribed"
    elif not row:
        status = "absent"
    else:
        status = "subscribed" if state == "SUBSCRIBED" else "unknown"
    return Subscription(
        email=email,
        status=status,
        remote_id=str(row.get("id", "")),
        detail=BLOCKED if blocked else "",
    )


def text_of(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return ", ".join(str(part) for part in value)
    return str(value)


def custom_rows(values: Mapping[str, str]) -> Row:
    rows = [{"id": number, "value": value} for number, value in values.items()]
    return {"customFields": rows} if rows else {}


def unusable(number: str) -> Outcome:
    if not number:
        return rejected(Reason.REQUIRED_FIELD, NO_NUMBER)
    return rejected(Reason.FIELD_TYPE, NOT_E164)


def left_now(rows: Sequence[Row]) -> Outcome:
    if not rows:
        detail = "No contact on this list has the address."
        return not_there(detail)
    if not numbers_of(rows):
        detail = "This contact has no mobile number, so there is nothing to stop."
        return not_there(detail)
    return synced(rows[0].get("id"))
