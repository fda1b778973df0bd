"""What Mailchimp accepts: request bodies, addresses, merge values."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

from integrations.sandbox.faults import Faults
from integrations.sandbox.mailchimp import problems
from integrations.sandbox.mailchimp.state import LISTED, Audience, MergeField
from integrations.sandbox.messages import Json, Request

FIELD_TYPES = (
    "text",
    "number",
    "address",
    "phone",
    "date",
    "url",
    "imageurl",
    "radio",
    "dropdown",
    "birthday",
    "zip",
)
NO_SCHEMA = "Data did not match any of the schemas described in anyOf."
_LOCAL = re.compile(r"[^\s@<>()\[\]\\,;:\"]+")
_LABEL = re.compile(r"[\w-]+")
_BIRTHDAY = re.compile(r"(\d{1,2})[/-](\d{1,2})")
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def body_object(request: Request) -> Json:
    """The body as a JSON object. Raises Problem."""
    try:
        document = json.loads(request.body or b"")
    except ValueError:
        raise problems.json_parse_error() from None
    if not isinstance(document, dict):
        raise problems.invalid(
            ("", f"Schema describes object, {_kind(document)} found instead")
        )
    return document


def check_schema(
    body: Json,
    types: dict[str, type | tuple[type, ...]],
    required: Iterable[str] = (),
    prefix: str = "",
) -> None:
    """Raise Problem for missing fields and for values of the wrong JSON type."""
    errors = []
    missing = [name for name in required if name not in body]
    if missing:
        errors.append(
            (prefix, f"Required fields were not provided: {', '.join(missing)}")
        )
    for name, expected in types.items():
        if name in body and not _is_a(body[name], expected):
            wanted = expected if isinstance(expected, tuple) else (expected,)
            errors.append(
                (
                    f"{prefix}.{name}" if prefix else name,
                    f"Schema describes {_NAMES[wanted[0]]}, {_kind(body[name])} found"
                    " instead",
                )
            )
    if errors:
        raise problems.invalid(*errors)


def check_choice(name: str, value: object, choices: Iterable[str]) -> None:
    """Raise Problem unless `value` is one of `choices`."""
    choices = tuple(choices)
    if value not in choices:
        raise problems.invalid(
            (
                name,
                "Model presented is not one of the accepted values:"
                f" {', '.join(choices)}.",
            )
        )


def check_status(name: str, value: object) -> None:
    check_choice(name, value, LISTED)


def check_address(email: str, faults: Faults) -> None:
    """Raise Problem for an address Mailchimp would not take."""
    local, at, domain = email.rpartition("@")
    if not at or not local or not domain:
        raise problems.bad_address("Please provide a valid email address.")
    if not _LOCAL.fullmatch(local) or ".." in local or len(local) > 64:
        raise problems.bad_address(
            "The username portion of the email address is invalid (the portion before"
            f" the @: {local})"
        )
    if not _is_domain(domain):
        raise problems.bad_address(
            "The domain portion of the email address is invalid (the portion after"
            f" the @: {domain})"
        )
    lowered = email.lower()
    if (
        domain.lower() == "example.invalid"
        or lowered.startswith("fake")
        or lowered in faults.fake
    ):
        raise problems.looks_fake(email)


def _is_domain(domain: str) -> bool:
    labels = domain.split(".")
    return (
        len(labels) > 1
        and len(labels[-1]) > 1
        and not labels[-1].isdigit()
        and all(_LABEL.fullmatch(part) for part in labels)
        and not any(part.startswith("-") or part.endswith("-") for part in labels)
    )


def timestamp(name: str, value: str) -> str:
    """A given time, ISO 8601 or "Y-m-d H:i:s" UTC, in Mailchimp's form, or ""."""
    if not value:
        return ""
    try:
        moment = datetime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError:
        raise problems.invalid((name, "Please enter the date")) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def merge_values(
    audience: Audience, given: Json, stored: Json, *, demand: bool
) -> Json:
    """`stored` with `given` laid over it; tags the audience has not are dropped.

    With `demand`, required fields must end up with a value. Raises Problem.
    """
    result = dict(stored)
    wrong_kind, errors = [], []
    for field in audience.fields:
        if field.tag in given:
            value = given[field.tag]
            if not _fits_schema(field, value):
                wrong_kind.append((f"merge_fields.{field.tag}", NO_SCHEMA))
                continue
            try:
                result[field.tag] = _typed(field, value)
            except ValueError as error:
                errors.append((field.tag, str(error)))
                continue
        if demand and field.required and result.get(field.tag, "") in ("", None):
            errors.append((field.tag, "Please enter a value"))
    if wrong_kind:
        raise problems.invalid(*wrong_kind)
    if errors:
        raise problems.invalid(*errors, detail=problems.MERGE_INVALID)
    return result


def _fits_schema(field: MergeField, value: object) -> bool:
    if field.type == "address":
        return isinstance(value, str | dict)
    return isinstance(value, str | int | float)


def _typed(field: MergeField, value: Any) -> Any:
    """The value as stored. Raises ValueError with Mailchimp's message."""
    if isinstance(value, str):
        value = value.strip()
    if value == "":
        return ""
    if field.type == "address":
        return _address(value)
    if field.type == "number":
        return _number(value)
    text = str(value)
    if field.type == "date":
        return _date(text, field.options.get("date_format", "MM/DD/YYYY"))
    if field.type == "birthday":
        return _birthday(text)
    if field.type == "phone" and field.options.get("phone_format") == "US":
        if len(re.sub(r"\D", "", text)) != 10:
            raise ValueError("Please enter a valid phone number")
    elif field.type in ("url", "imageurl"):
        if not re.fullmatch(r"https?://[^\s/]+\S*", text):
            raise ValueError("Please enter a valid URL")
    elif field.type == "zip":
        if not re.fullmatch(r"\d{5}", text):
            raise ValueError("Please enter a zip code (5 digits)")
    elif field.type in ("radio", "dropdown"):
        choices = field.options.get("choices", [])
        if text not in choices:
            raise ValueError(f"Value must be one of: {', '.join(choices)}")
    return text


def _address(value: Any) -> Json:
    parts = ("addr1", "city", "state", "zip")
    if not isinstance(value, dict) or not all(value.get(part) for part in parts):
        raise ValueError("Please enter a complete address")
    return {
        "addr1": value["addr1"],
        "addr2": value.get("addr2", ""),
        "city": value["city"],
        "state": value["state"],
        "zip": value["zip"],
        "country": value.get("country", "US"),
    }


def _number(value: Any) -> int | float:
    if isinstance(value, bool):
        raise ValueError("Please enter a number")
    if isinstance(value, int | float):
        return value
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)", value):
        raise ValueError("Please enter a number")
    return float(value) if "." in value else int(value)


def _date(text: str, form: str) -> str:
    match = re.fullmatch(r"(\d{4})-(\d{2})-(\d{2})(?:[T ].*)?", text)
    if match:
        year, month, day = map(int, match.groups())
    elif match := re.fullmatch(r"(\d{1,2})/(\d{1,2})/(\d{4})", text):
        first, second, year = map(int, match.groups())
        day_first = form == "DD/MM/YYYY"
        month, day = (second, first) if day_first else (first, second)
    else:
        raise ValueError("Please enter the date")
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        raise ValueError("Please enter the date") from None


def _birthday(text: str) -> str:
    match = _BIRTHDAY.fullmatch(text)
    month, day = map(int, match.groups()) if match else (0, 0)
    if not 1 <= month <= 12 or not 1 <= day <= _DAYS[month - 1]:
        raise ValueError("Please enter a month (01-12) and a day (01-31)")
    return f"{month:02}/{day:02}"


_NAMES: dict[type, str] = {
    str: "string",
    dict: "object",
    list: "array",
    bool: "boolean",
    int: "integer",
}


def _is_a(value: object, expected: type | tuple[type, ...]) -> bool:
    if isinstance(value, bool):
        return expected is bool
    return isinstance(value, expected)


def _kind(value: object) -> str:
    if value is None:
        return "NULL"
    return _NAMES.get(type(value), "number")
