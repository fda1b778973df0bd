"""Reading what iContact answers: statuses, contacts, refusals, webhooks.

Facts are from the resource pages of the API reference (kb.icontact.com and
help.icontact.com, sections "iContact API"). Errors and warnings are prose without a
code, so refusals are told from their words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from integrations.adapters.base import Change, Subscription, filled
from integrations.adapters.shared import moment

# The status of a contact in a client folder, as people know it from iContact.
LABELS = {
    "normal": "Normal",
    "bounced": "Bounced",
    "donotcontact": "DNC",
    "pending": "Pending",
    "invitable": "Invitable",
}
# Page "Contacts", optional fields.
STANDARD = (
    ("prefix", "Salutation", "text"),
    ("firstName", "First name", "name"),
    ("lastName", "Last name", "name"),
    ("suffix", "Suffix", "text"),
    ("street", "Street", "text"),
    ("street2", "Street, second line", "text"),
    ("city", "City", "text"),
    ("state", "State", "text"),
    ("postalCode", "Postal code", "zip"),
    ("phone", "Phone", "phone"),
    ("fax", "Fax", "phone"),
    ("business", "Business phone", "phone"),
)
# Page "Custom Fields".
FIELD_TYPE = {"number": "number", "decimal": "number", "date": "date"}
FIELD_TYPE |= {"checkbox": "boolean"}
NOT_FIELDS = ("email", "contactId", "createDate", "bounceCount", "status")

DO_NOT_CONTACT = "iContact has them as Do Not Contact, for all lists; that is final."
INVITABLE = "Invitable: iContact mails them once they accept an invitation."


def number_of(text: str) -> int | str:
    """An id as the API writes it."""
    return int(text) if text.isdecimal() else text


def words_of(body: Mapping[str, Any]) -> str:
    """The errors or warnings in an answer as one text, "" when there are none."""
    said = body.get("errors") or body.get("warnings") or []
    return " ".join(str(text) for text in said) if isinstance(said, list) else str(said)


def standing(
    email: str, contact: Mapping[str, Any], place: Mapping[str, Any] | None
) -> Subscription:
    """Where somebody stands: `place` is their subscription to the list, if any.

    The contact's own status counts for every list.
    """
    own = str(contact.get("status", ""))
    there = str(place.get("status", "")) if place else ""
    detail = ""
    if own == "bounced":
        status = "bounced"
    elif own == "donotcontact":
        status, detail = "unsubscribed", DO_NOT_CONTACT
    elif own == "deleted":
        status, detail = "archived", "They are a deleted contact there."
    elif not place:
        status = "absent"
    elif there == "unsubscribed":
        status = "unsubscribed"
    elif "pending" in (own, there):
        status = "pending"
    elif own == "invitable":
        status, detail = "pending", INVITABLE
    else:
        status = "subscribed" if there == "normal" else "unknown"
    return Subscription(
        email=email,
        status=status,
        remote_id=str(contact.get("contactId", "")),
        detail=detail,
        fields=filled_of(contact) if contact else None,
    )


def left_at(actions: Iterable[Mapping[str, Any]], audience_id: str) -> Any:
    """When somebody left the list, by the page "Contact History"; None: not known."""
    times = [
        moment(action.get("actionTime"))
        for action in actions
        if isinstance(details := action.get("details"), Mapping)
        and str(details.get("listId")) == audience_id
        and details.get("newStatus") == "unsubscribed"
    ]
    return max((time for time in times if time), default=None)


def filled_of(contact: Mapping[str, Any]) -> dict[str, object]:
    """A contact's filled fields by the ids of `fields`."""
    return filled({k: v for k, v in contact.items() if k not in NOT_FIELDS})


def values_of(contact: Mapping[str, Any]) -> dict[str, object]:
    """A contact's filled fields; the status under the name people know."""
    values = filled_of(contact)
    status = str(contact.get("status", ""))
    return {**values, "status": LABELS.get(status, status)} if status else values


def event_change(kind: str, event: object) -> Change | None:
    """One event of a webhook (page "Web Hooks"), None when it is not one."""
    contact = event.get("contact") if isinstance(event, dict) else None
    if not isinstance(contact, dict) or not contact.get("email"):
        return None
    place = event.get("list") if isinstance(event, dict) else None
    audience_id = str(place.get("listId", "")) if isinstance(place, dict) else ""
    there = {"contact_subscribed": "normal", "contact_unsubscribed": "unsubscribed"}
    known = standing("", contact, {"status": there[kind]} if kind in there else None)
    status = "" if known.status == "absent" else known.status
    return Change(
        email=str(contact["email"]),
        kind="status" if kind == "contact_unsubscribed" else "upsert",
        status=status,
        fields=values_of(contact),
        audience_id=audience_id,
    )
