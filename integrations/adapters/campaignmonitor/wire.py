"""Paths, codes and rows of Campaign Monitor."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import quote

from integrations.adapters import consent
from integrations.adapters.base import (
    Contact,
    Field,
    Outcome,
    Subscription,
    filled,
)
from integrations.adapters.each import awaiting, key_of, rejected
from integrations.adapters.errors import Reason, RejectedError

LABEL = "Campaign Monitor"
TYPES = {
    **{"Number": "number", "Date": "date"},
    **{"MultiSelectOne": "choice", "MultiSelectMany": "multi_choice"},
}
# Codes of refusals.
BAD_ADDRESS, NOT_THERE, SUPPRESSED, UNCONFIRMED = 1, 203, 204, 208
STANDING = {205: "archived", 206: "unsubscribed", 207: "bounced"}


class Refused(RejectedError):
    """A refusal with Campaign Monitor's own code."""

    def __init__(self, detail: str, code: int, *, status: int) -> None:
        super().__init__(detail, status=status)
        self.code = code


def code_of(body: Mapping[str, Any]) -> int:
    code = body.get("Code")
    return code if isinstance(code, int) else 0


def list_path(audience_id: str) -> str:
    return f"/api/v3.3/lists/{quote(audience_id, safe='')}"


def subscribers_path(audience_id: str, action: str = "") -> str:
    return f"/api/v3.3/subscribers/{quote(audience_id, safe='')}{action}.json"


def row_of(contact: Contact) -> dict[str, object]:
    """Several values of a field go under its key several times."""
    values = filled(contact.fields)
    row: dict[str, object] = {
        "EmailAddress": contact.email.strip(),
        "ConsentToTrack": "Unchanged",
    }
    if "Name" in values:
        row["Name"] = str(values.pop("Name"))
    row["CustomFields"] = [
        {"Key": key, "Value": str(part)}
        for key, value in values.items()
        for part in (value if isinstance(value, (list, tuple)) else [value])
    ]
    return row


def key_from(name: str) -> str:
    if name.startswith("["):
        return name
    return "[" + re.sub(r"\W", "", name) + "]"


def field_of(row: Mapping[str, Any]) -> Field:
    return Field(
        id=str(row["Key"]),
        label=str(row.get("FieldName", "")),
        type=TYPES.get(str(row.get("DataType")), "text"),
        options=tuple(str(option) for option in row.get("FieldOptions") or ()),
    )


def values_of(row: Mapping[str, Any]) -> dict[str, object]:
    """A subscriber's values; a key that comes several times has several."""
    fields: dict[str, Any] = {"Name": row.get("Name")}
    for item in row.get("CustomFields") or ():
        key, value = key_from(str(item.get("Key", ""))), item.get("Value")
        if key in fields:
            known = fields[key]
            fields[key] = [*(known if isinstance(known, list) else [known]), value]
        else:
            fields[key] = value
    return filled(fields)


def refused_by(code: int, words: str) -> Outcome:
    """One subscriber's refusal by its code; `words` can be shown as they are."""
    if code == UNCONFIRMED:
        return awaiting("", "Asked before, and not confirmed yet.")
    standing = Subscription(email="", status=STANDING.get(code, "unknown"))
    if left := consent.left(standing, LABEL):
        return left
    if code == SUPPRESSED:
        return rejected(
            Reason.COMPLIANCE,
            "On the suppression list: they unsubscribed from everything, complained "
            "or bounced.",
        )
    reason = Reason.ADDRESS_INVALID if code == BAD_ADDRESS else Reason.REFUSED
    return rejected(reason, words or f"{LABEL} refused this subscriber ({code}).")


def failures(
    rows: Iterable[Mapping[str, Any]],
    people: Iterable[str],
    safe: Callable[[str], str],
) -> dict[str, Outcome]:
    """The outcomes of those whom an import refused, by their address in lower case.

    Raises Refused when it cannot be told whom a failure is about.
    """
    known = set(people)
    found = {}
    for row in rows:
        words, code = safe(str(row.get("Message", ""))), code_of(row)
        email = key_of(str(row.get("EmailAddress", "")))
        if len(known) == 1:
            email = next(iter(known))
        elif email not in known:  # written otherwise there
            raise Refused(words, code, status=400)
        found[email] = refused_by(code, words)
    return found
