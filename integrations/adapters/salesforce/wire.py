"""Salesforce's shapes: SOQL, fields, records, refusals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import quote

from integrations.adapters.base import (
    Change,
    Field,
    Outcome,
    OutcomeState,
    Subscription,
)
from integrations.adapters.each import rejected
from integrations.adapters.errors import Reason
from integrations.adapters.shared import moment

OPT_OUT, BOUNCED_AT = "HasOptedOutOfEmail", "EmailBouncedDate"
# Never written: who somebody is, and whether they may be mailed.
PROTECTED = {"Id", "Email", OPT_OUT, BOUNCED_AT, "EmailBouncedReason"}
SYSTEM = PROTECTED | {
    *("attributes", "IsDeleted", "SystemModstamp", "CreatedDate", "CreatedById"),
    *("LastModifiedDate", "LastModifiedById", "MasterRecordId", "IsConverted"),
    *("LastViewedDate", "LastReferencedDate", "LastActivityDate", "IsEmailBounced"),
}
TYPES = {
    "string": "text",
    "textarea": "text",
    "int": "number",
    "double": "number",
    "currency": "number",
    "percent": "number",
    "boolean": "boolean",
    "date": "date",
    "datetime": "datetime",
    "email": "email",
    "phone": "phone",
    "url": "url",
    "picklist": "choice",
    "multipicklist": "multi_choice",
    "combobox": "text",
    "reference": "text",
    "encryptedstring": "text",
}
NAMES = {
    "FirstName": "name",
    "LastName": "name",
    "PostalCode": "zip",
    "MailingPostalCode": "zip",
    "OtherPostalCode": "zip",
}
# Status codes of a row. Salesforce documents many more; another one is a plain refusal.
REASONS = {
    "REQUIRED_FIELD_MISSING": Reason.REQUIRED_FIELD,
    "INVALID_EMAIL_ADDRESS": Reason.ADDRESS_INVALID,
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": Reason.OPTION_MISSING,
    "DUPLICATES_DETECTED": Reason.DUPLICATE,
    "DUPLICATE_VALUE": Reason.DUPLICATE,
    "STRING_TOO_LONG": Reason.FIELD_TYPE,
    "NUMBER_OUTSIDE_VALID_RANGE": Reason.FIELD_TYPE,
    "INVALID_TYPE_ON_FIELD_IN_RECORD": Reason.FIELD_TYPE,
    "INVALID_FIELD": Reason.FIELD_TYPE,
    "INVALID_FIELD_FOR_INSERT_UPDATE": Reason.FIELD_TYPE,
    "JSON_PARSER_ERROR": Reason.FIELD_TYPE,
}
# What passes by itself: reason and seconds to wait.
PASSING = {
    "UNABLE_TO_LOCK_ROW": (Reason.SERVER, None),
    "ENTITY_IS_DELETED": (Reason.SERVER, None),  # found a moment ago: look again
    "SERVER_UNAVAILABLE": (Reason.SERVER, None),
    "STORAGE_LIMIT_EXCEEDED": (Reason.QUOTA, 3600.0),
    "LIMIT_EXCEEDED": (Reason.QUOTA, 3600.0),
}


def literal(text: str) -> str:
    """A SOQL string. Backslash and quote are escaped, so that nobody's address or name
    ends it (SOQL and SOSL reference, "Quoted String Escape Sequences", read
    2026-11-22); control characters have no place in one."""
    plain = "".join(sign for sign in text if sign.isprintable())
    return "'" + plain.replace("\\", "\\\\").replace("'", "\\'") + "'"


def groups(
    emails: Iterable[str], limit: int = 8000, most: int = 10_000
) -> Iterator[list[str]]:
    """Literals of the addresses, as many at a time as a URL takes (16,384 characters
    with everything else)."""
    group: list[str] = []
    size = 0
    for email in emails:
        item = literal(email)
        length = len(quote(item, safe="")) + 3
        if group and (size + length > limit or len(group) >= most):
            yield group
            group, size = [], 0
        group.append(item)
        size += length
    if group:
        yield group


def problems(body: object) -> list[Mapping[str, Any]]:
    """The errors in a body: a list of objects, or one."""
    rows = body if isinstance(body, list) else [body]
    return [row for row in rows if isinstance(row, Mapping)]


def code_of(row: Mapping[str, Any]) -> str:
    return str(row.get("errorCode") or row.get("statusCode") or row.get("error") or "")


def words_of(rows: Sequence[Mapping[str, Any]]) -> str:
    texts = [str(r.get("message") or r.get("error_description") or "") for r in rows]
    return " ".join(dict.fromkeys(text for text in texts if text))


def field_of(row: Mapping[str, Any]) -> Field | None:
    """A described field; None for what is no single value."""
    name = str(row["name"])
    kind = TYPES.get(str(row.get("type")))
    if kind is None or name in ("Id", "Email") or row.get("deprecatedAndHidden"):
        return None
    return Field(
        id=name,
        label=str(row.get("label") or name),
        type=NAMES.get(name, kind),
        required=bool(
            row.get("createable")
            and not row.get("nillable")
            and not row.get("defaultedOnCreate")
            and kind != "boolean"
        ),
        read_only=name in PROTECTED or not row.get("updateable"),
        options=tuple(
            str(option["value"])
            for option in row.get("picklistValues") or ()
            if kind.endswith("choice") and option.get("active")
        ),
    )


def value_of(value: object) -> object:
    """A value as the JSON of a record takes it."""
    if isinstance(value, (list, tuple, set, frozenset)):
        return ";".join(str(part) for part in value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds")
    return value.isoformat() if isinstance(value, date) else value


def standing(email: str, records: Sequence[Mapping[str, Any]]) -> Subscription:
    """Where an address stands by all the records that have it: one opt-out counts for
    all of them."""
    if not records:
        return Subscription(email=email, status="absent")
    status = "subscribed"
    if any(record.get(OPT_OUT) for record in records):
        status = "unsubscribed"
    elif any(record.get(BOUNCED_AT) for record in records):
        status = "bounced"
    return Subscription(
        email=email,
        status=status,
        changed_at=moment(records[0].get("SystemModstamp")),
        remote_id=str(records[0].get("Id", "")),
        # Only a record that was read as a whole has this one.
        fields=values_of(records[0]) if "CreatedDate" in records[0] else None,
    )


def values_of(record: Mapping[str, Any]) -> dict[str, object]:
    """A record's single values, blank ones left out."""
    return {
        name: value
        for name, value in record.items()
        if name not in SYSTEM and value not in (None, "")
        if not isinstance(value, (dict, list))
    }


def change_of(record: Mapping[str, Any], audience_id: str) -> Change:
    email = str(record.get("Email") or "")
    at = moment(record.get("SystemModstamp"))
    if record.get("IsDeleted"):
        return Change(email=email, kind="delete", at=at, audience_id=audience_id)
    return Change(
        email=email,
        kind="upsert",
        status=standing(email, [record]).status,
        fields=values_of(record),
        at=at,
        audience_id=audience_id,
    )


def refusal(errors: Sequence[Mapping[str, Any]], detail: str) -> Outcome:
    """The outcome of a row that was not saved."""
    codes = [code_of(row) for row in errors]
    for code in codes:
        if code in PASSING:
            reason, wait = PASSING[code]
            return Outcome(
                state=OutcomeState.RETRY,
                reason=reason,
                detail=detail,
                retry_after=wait,
            )
    found = [REASONS[code] for code in codes if code in REASONS]
    return rejected(found[0] if found else Reason.REFUSED, detail)
