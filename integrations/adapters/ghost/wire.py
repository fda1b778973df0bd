"""What crosses the wire to Ghost and back, as plain functions."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from integrations.adapters.base import Incoming
from integrations.adapters.errors import CredentialsError
from integrations.adapters.http import Answer, to_json
from integrations.adapters.shapes import count_in, id_in, row_in, rows_in
from integrations.adapters.shared import check_signed, moment

PAGE = 100  # Ghost 6 gives no more
TOKEN_SECONDS = 300  # a token may live no longer
KEY = re.compile(r"([0-9a-f]+):((?:[0-9a-f]{2})+)")
SIGNATURE = re.compile(r"sha256=([0-9a-f]{64}), ?t=(\d+)")


def token(admin_key: str, now: int) -> str:
    """A JSON web token (RFC 7519, HS256) from `now`, an epoch second, on; raises
    CredentialsError for what is no key."""
    found = KEY.fullmatch(admin_key.strip())
    if found is None:
        raise CredentialsError(
            "An Admin API key is two hexadecimal parts with a colon between them."
        )
    head = {"alg": "HS256", "typ": "JWT", "kid": found[1]}
    claims = {"iat": now, "exp": now + TOKEN_SECONDS, "aud": "/admin/"}
    signed = b".".join(_part(to_json(part)) for part in (head, claims))
    seal = hmac.new(bytes.fromhex(found[2]), signed, hashlib.sha256).digest()
    return (signed + b"." + _part(seal)).decode()


def _part(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def check_signature(request: Incoming, secrets: Mapping[str, str]) -> None:
    """X-Ghost-Signature is "sha256=..., t=milliseconds", the hex HMAC-SHA256 of body
    and time (sources). Raises CredentialsError."""
    given = SIGNATURE.fullmatch(request.headers.get("x-ghost-signature", ""))
    seal, at = given.groups() if given else ("", "")
    check_signed(secrets, request.body + at.encode(), seal)


def fault(answer: Answer) -> dict[str, Any]:
    """The error in an answer, {} when it holds none."""
    rows = answer.object().get("errors")
    found = rows[0] if isinstance(rows, list) and rows else None
    return found if isinstance(found, dict) else {}


def quoted(text: str) -> str:
    """A text in a filter."""
    return "'" + text.replace("'", "\\'") + "'"


def total(body: dict[str, Any]) -> int:
    """How many there are on all pages."""
    return count_in(row_in(row_in(body, "meta"), "pagination"), "total")


def has(member: dict[str, Any]) -> list[str]:
    """Ids of the active newsletters a member gets."""
    return [id_in(row) for row in rows_in(member, "newsletters")]


def lost(
    events: list[dict[str, Any]], audience_id: str
) -> tuple[bool, datetime | None]:
    """Whether somebody who lacks a newsletter had it once, by the latest events of the
    member, newest first; and when they turned it off themselves."""
    rows = [row_in(event, "data") for event in events]
    ours = [row for row in rows if id_in(row, "newsletter_id") == audience_id]
    if not ours:
        return len(rows) >= PAGE, None
    off = not ours[0].get("subscribed")
    return True, moment(ours[0].get("created_at")) if off else None
