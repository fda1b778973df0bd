"""Small things that many providers need: cursors, times, log-ins, own addresses,
unsigned webhooks."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from integrations.adapters.base import Incoming
from integrations.adapters.errors import (
    CredentialsError,
    Reason,
    RejectedError,
    SetupError,
)
from integrations.adapters.redact import clean_json


def to_place(*parts: object) -> str:
    """A cursor that `parse_place` reads again."""
    return json.dumps(parts)


def parse_place(text: str, *kinds: type) -> list[Any] | None:
    """The parts of a cursor that `to_place` wrote, None for "": from the beginning.

    Raises RejectedError (cursor.expired) unless there is one part of each of `kinds`.
    """
    if not text:
        return None
    try:
        parts = json.loads(text)
    except (ValueError, RecursionError):
        parts = None
    if not isinstance(parts, list) or [type(part) for part in parts] != list(kinds):
        raise expired()
    return parts


def expired() -> RejectedError:
    """What `changes` raises for a cursor that is of no use any more."""
    return RejectedError(
        "The place reached there was lost; everything is read from the beginning.",
        reason=Reason.CURSOR_EXPIRED,
    )


def moment(value: object) -> datetime | None:
    """An ISO 8601 time (UTC when it names no zone) or an epoch second, in UTC.

    None for anything else, zero dates among them.
    """
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        parsed = datetime.fromisoformat(str(value))
        if parsed.tzinfo is None:
            return parsed.replace(tzinfo=UTC)
        return parsed.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None


def basic(value: str) -> str:
    """A header with the user:password behind "Basic " as HTTP sends it, others as they
    are."""
    kind, _, pair = value.partition(" ")
    if kind != "Basic":
        return value
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def own_address(text: str, name: str) -> str:
    """The address of somebody's own installation, without a slash at its end, as they
    entered it. Raises SetupError unless it is a whole https one without a user."""
    url = urlsplit(text.strip())
    if url.scheme != "https" or not url.hostname or url.username is not None:
        raise SetupError(f"{name} must be a whole https:// address without a user.")
    return f"https://{url.netloc}{url.path.rstrip('/')}"


def check_secret_url(request: Incoming, secrets: Mapping[str, str]) -> None:
    """For providers that sign nothing: the address given to them ends in ?secret=...,
    which must equal the linked account's `webhook_secret`. Raises CredentialsError."""
    check_same(secrets.get("webhook_secret", ""), request.query.get("secret", ""))


def check_same(ours: str, given: str) -> None:
    """What came with a webhook must be what we gave away, which is not nothing. Raises
    CredentialsError."""
    if not ours or not hmac.compare_digest(ours.encode(), given.encode()):
        raise CredentialsError("This webhook does not carry our secret.")


def check_signed(secrets: Mapping[str, str], signed: bytes, *given: str) -> None:
    """One of `given` must be the HMAC-SHA256, in hex or base64, of what was `signed`
    with the linked account's `webhook_secret`. Raises CredentialsError."""
    secret = secrets.get("webhook_secret", "").encode()
    digest = hmac.new(secret, signed, hashlib.sha256).digest()
    ours = (digest.hex().encode(), base64.b64encode(digest))
    good = [hmac.compare_digest(one, sent.encode()) for one in ours for sent in given]
    if not secret or not any(good):
        raise CredentialsError("This webhook is not signed with our secret.")


def json_body(request: Incoming) -> Any:
    """The parsed body of a webhook; raises RejectedError when it is not JSON."""
    try:
        return clean_json(json.loads(request.body))
    except (ValueError, RecursionError):
        raise RejectedError("This is not a webhook: its body is not JSON.") from None
