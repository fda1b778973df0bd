"""What crosses the wire to Ghost and back, as plain functions."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from datetime import datetime
from typing import Any

from integrations.adapters.base import Change, Incoming, filled
from integrations.adapters.errors import CredentialsError
from integrations.adapters.http import Answer, to_json
from integrations.adapters.shapes import count_in, id_in, row_in, rows_in
from integrations.adapters.shared import moment

PAGE = 100  # Ghost 6 gives no more
TOKEN_SECONDS = 300  # a token may live no longer
KEY = re.compile(r"([0-9a-f]+):((?:[0-9a-f]{2})+)")
SIGNATURE = re.compile(r"sha256=([0-9a-f]{64}), ?t=(\d+)")
SUPPRESSED = {"spam": "complained", "fail": "bounced"}


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


def check_signature(request: Incoming, secret: str) -> None:
    """X-Ghost-Signature is "sha256=..., t=milliseconds", the hex HMAC-SHA256 of body
    and time (sources). Raises CredentialsError."""
    given = SIGNATURE.fullmatch(request.headers.get("x-ghost-signature", ""))
    signed = request.body + (given[2].encode() if given else b"")
    seal = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    if not secret or not given or not hmac.compare_digest(seal, given[1]):
        raise CredentialsError("This webhook is not signed with our secret.")


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


def plain(member: dict[str, Any], audience_id: str) -> str:
    """The status, "" for somebody who lacks the newsletter."""
    suppression = row_in(member, "email_suppression")
    if suppression["suppressed"]:
        reason = (suppression.get("info") or {}).get("reason")
        return SUPPRESSED.get(str(reason), "bounced")
    return "subscribed" if audience_id in has(member) else ""


def values_of(member: dict[str, Any]) -> dict[str, object]:
    return filled({name: member.get(name) for name in ("name", "note")})


def labels_of(member: dict[str, Any]) -> tuple[str, ...]:
    return tuple(id_in(label, "name") for label in rows_in(member, "labels"))


def told(member: dict[str, Any], audience_id: str, status: str) -> Change:
    """What a walk or a webhook tells of a member."""
    return Change(
        email=id_in(member, "email"),
        kind="upsert",
        status=status,
        fields=values_of(member),
        tags=labels_of(member),
        at=moment(member.get("updated_at")),
        audience_id=audience_id,
    )


def posted(now: dict[str, Any], before: dict[str, Any]) -> list[Change]:
    """What a webhook tells: `now` is {} for a member who was deleted."""
    if not now:
        email = str(before.get("email", ""))
        return [Change(email=email, kind="delete", status="absent")] if email else []
    changes = [told(now, id, "subscribed") for id in has(now)]
    if not changes:
        changes = [told(now, "", "unsubscribed")]
    old = before.get("email")
    if old and old != now.get("email"):
        email = str(now.get("email", ""))
        changes.insert(0, Change(email=email, kind="email", fields={"old_email": old}))
    return changes
