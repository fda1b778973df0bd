"""Reading what Mailchimp answers: statuses, refusals, change cursors, webhooks.

Facts are from the Marketing API reference and error glossary
(mailchimp.com/developer/marketing). Refusal texts are matched because Mailchimp gives
most of them one title ("Invalid Resource") and no code.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, quote

from integrations.adapters.base import Change, filled
from integrations.adapters.errors import Reason, RejectedError
from integrations.adapters.http import Answer
from integrations.adapters.redact import clean
from integrations.adapters.shared import moment

STATUS = {
    "subscribed": "subscribed",
    "pending": "pending",
    "unsubscribed": "unsubscribed",
    "cleaned": "bounced",
    "archived": "archived",
}

FIELD_TYPE = {
    "imageurl": "url",
    "radio": "choice",
    "dropdown": "choice",
}

EXISTS = ("already a list member", "member exists")

# First match wins.
REFUSALS: tuple[tuple[str, Reason], ...] = (
    ("compliance state", Reason.COMPLIANCE),
    ("permanently deleted", Reason.FORGOTTEN),
    ("forgotten email", Reason.FORGOTTEN),
    ("signed up to a lot of lists", Reason.TOO_MANY_SIGNUPS),
    ("looks fake or invalid", Reason.ADDRESS_FAKE),
    ("role-based", Reason.ADDRESS_ROLE),
    ("domain portion of the email", Reason.ADDRESS_INVALID),
    ("valid email", Reason.ADDRESS_INVALID),
    ("username portion of the email", Reason.ADDRESS_INVALID),
)

# A row changed in the same second as the last one read may still be unread, and the
# API's times have whole seconds.
OVERLAP = timedelta(seconds=5)


def member_hash(email: str) -> str:
    """Mailchimp's id of a member: MD5 of the address in lower case."""
    address = email.strip().lower().encode()
    return hashlib.md5(address, usedforsecurity=False).hexdigest()


def list_path(audience_id: str) -> str:
    """The real path of an audience."""
    return f"/3.0/lists/{quote(audience_id, safe='')}"


def member_path(audience_id: str, email: str) -> str:
    """The real path of a member, whether there is one or not."""
    return f"{list_path(audience_id)}/members/{member_hash(email)}"


def problem(answer: Answer) -> tuple[str, str, str]:
    """Text, field and field message of a problem document."""
    body = answer.object()
    rows = [row for row in body.get("errors") or () if isinstance(row, dict)]
    first = rows[0] if rows else {}
    text = str(body.get("detail") or body.get("title") or "")
    return text, str(first.get("field") or ""), str(first.get("message") or "")


def refusal(
    text: str, field: str = "", message: str = "", sent: Collection[str] = ()
) -> tuple[Reason, str]:
    """Reason and sentence for a refused contact.

    `field` and `message` name the offending merge field, if any. Mailchimp words
    `message` in the account's language, so whether a value is missing is told from
    `sent`, the merge fields that had one.
    """
    lowered = f"{text} {message}".lower()
    for words, reason in REFUSALS:
        if words in lowered:
            return reason, text or message
    if not field:
        return Reason.REFUSED, text or "Mailchimp refused this contact."
    detail = f"{field}: {message or text}"
    if field.lower() in ("email_address", "email address", "email"):
        return Reason.ADDRESS_INVALID, detail
    if field not in sent:
        return Reason.REQUIRED_FIELD, detail
    if "must be one of" in lowered:
        return Reason.OPTION_MISSING, detail
    return Reason.FIELD_TYPE, detail


def already_exists(row: Mapping[str, Any]) -> bool:
    """Whether a batch error row says no more than that the contact is there."""
    words = str(row.get("error", "")).lower()
    return row.get("error_code") == "ERROR_CONTACT_EXISTS" or any(
        known in words for known in EXISTS
    )


def member_change(member: Mapping[str, Any], audience_id: str) -> Change:
    """A list member as a `Change`; blank merge fields are left out."""
    fields = member.get("merge_fields") or {}
    return Change(
        email=str(member.get("email_address", "")),
        kind="upsert",
        status=STATUS.get(str(member.get("status")), "unknown"),
        fields=filled(fields),
        tags=tuple(str(tag.get("name", "")) for tag in member.get("tags") or ()),
        at=moment(member.get("last_changed")),
        audience_id=audience_id,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """How far an audience has been read.

    Two walks make one round, because archived members are only listed when asked for:
    all the others (`turn` 0), then the archived (`turn` 1), each from its own time in
    `since`. `offset` is only used inside a stretch of members too dense to step over
    by time. `full`: the round began at the beginning.
    """

    since: tuple[str, str] = ("", "")
    turn: int = 0
    offset: int = 0
    full: bool = True

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Raises RejectedError (cursor.expired) for what we did not write."""
        if not text:
            return cls()
        try:
            first, second, turn, offset, full = json.loads(text)
            cursor = cls(
                since=(str(first), str(second)),
                turn=int(turn),
                offset=int(offset),
                full=bool(full),
            )
        except (ValueError, TypeError):
            cursor = cls(turn=-1)
        if cursor.turn not in (0, 1) or cursor.offset < 0:
            raise RejectedError(
                "The place reached in this audience was lost; it is read from the "
                "beginning.",
                reason=Reason.CURSOR_EXPIRED,
            )
        return cursor

    def __str__(self) -> str:
        return json.dumps([*self.since, self.turn, self.offset, self.full])

    def after(self, page: list[Change], total: int) -> tuple[Cursor, bool]:
        """The cursor behind `page`, and whether more follows in this round.

        `total` is the number of members since `since[turn]`. Steps by time rather
        than by offset: members changed while we read move to the end and would shift
        the others past an offset.
        """
        latest = page[-1].at if page else None
        reached = (latest - OVERLAP).isoformat() if latest else ""
        since = self.since[self.turn]
        ahead = bool(reached) and (not since or reached > since)
        if page and self.offset + len(page) < total:
            if ahead:
                return replace(self, since=self._reached(reached), offset=0), True
            # Half a page of overlap, for members that leave the stretch meanwhile.
            return replace(self, offset=self.offset + (len(page) + 1) // 2), True
        cursor = replace(
            self, since=self._reached(reached if ahead else since), offset=0
        )
        if self.turn == 0:
            return replace(cursor, turn=1), True
        return replace(cursor, turn=0, full=False), False

    def _reached(self, time: str) -> tuple[str, str]:
        return (time, self.since[1]) if self.turn == 0 else (self.since[0], time)


_KEY = re.compile(r"\[([^\]]*)\]")


def webhook_changes(body: bytes) -> list[Change]:
    """The change in a form-encoded webhook, [] for a kind that is not about a contact.

    Shape: type, fired_at, data[email], data[list_id], data[merges][FNAME] ... (guide
    "Sync audience data with webhooks"). Raises RejectedError when it is not that.
    """
    try:
        parsed = parse_qsl(
            body.decode(),
            keep_blank_values=True,
            strict_parsing=True,
            max_num_fields=1000,
        )
    except ValueError:
        raise RejectedError("This is not a Mailchimp webhook.") from None
    pairs = [(clean(name), clean(value)) for name, value in parsed]
    top = {name: value for name, value in pairs if "[" not in name}
    data: dict[str, str] = {}
    merges: dict[str, object] = {}
    for name, value in pairs:
        keys = _KEY.findall(name)
        if name.startswith("data[") and len(keys) == 1:
            data[keys[0]] = value
        elif name.startswith("data[merges]") and len(keys) == 2 and value:
            merges[keys[1]] = value
    merges.pop("EMAIL", None)
    change = Change(
        email=data.get("email", ""),
        kind="status",
        at=moment(top.get("fired_at")),
        audience_id=data.get("list_id", ""),
    )
    complaint = data.get("reason") == "abuse"
    match top.get("type"):
        case "subscribe":
            changes = [
                replace(change, kind="upsert", status="subscribed", fields=merges)
            ]
        case "profile":
            changes = [replace(change, kind="upsert", fields=merges)]
        case "unsubscribe" if data.get("action") == "delete":
            changes = [replace(change, kind="delete", status="archived")]
        case "unsubscribe":
            status = "complained" if complaint else "unsubscribed"
            changes = [replace(change, status=status)]
        case "cleaned":
            status = "complained" if complaint else "bounced"
            changes = [replace(change, status=status)]
        case "upemail":
            old = {"old_email": data.get("old_email", "")}
            new = data.get("new_email", "")
            changes = [replace(change, kind="email", email=new, fields=old)]
        case _:
            changes = []
    return [change for change in changes if change.email]
