"""What changed in HubSpot: walks, searches and webhooks.

* All contacts are walked once over the list endpoint, then searched by
  lastmodifieddate. Its pages are offsets, and a contact changed meanwhile goes to the
  end, so that others would slip past between two pages: the lower bound moves on with
  each page instead. A search ends at 10,000 results, which only counts at one moment
  then, and it takes a while to know a new record, so the next one starts five minutes
  before the last row seen (developers.hubspot.com/docs/api-reference/2026-03/crm/
  search-the-crm, read 2026-11-22). Deletions show in a walk and in webhooks only.
* A list or a subscription type has no such search: each walk is a whole one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

from integrations.adapters.base import Change, Incoming, Page
from integrations.adapters.each import key_of
from integrations.adapters.errors import CredentialsError, RejectedError, ScopeError
from integrations.adapters.http import Params
from integrations.adapters.hubspot.wire import (
    BASICS,
    CONTACTS,
    EVERYBODY,
    LISTS,
    Target,
    addresses,
    change_of,
    field_of,
    standing,
)
from integrations.adapters.hubspot.writing import READ, HubSpotWriting
from integrations.adapters.shapes import id_in, rows_in
from integrations.adapters.shared import expired, json_body, moment, parse_place
from integrations.adapters.shared import to_place as place

CEILING = 10_000  # results of one search
SLOW = 25  # contacts a page where each is asked for on its own
OVERLAP = 300_000  # milliseconds
WALK, SEARCH = "walk", "search"
MAX_AGE = 300.0  # seconds a signed request stays good
# Some signs of the address are decoded before it is signed (developers.hubspot.com,
# "Validating requests"). Unverified: which ones exactly; our own addresses hold none of
# them encoded.
DECODED = {f"%{ord(sign):02X}": sign for sign in ":/?@!$'()*,;"}


class HubSpotChanges(HubSpotWriting):
    """The reading half of the adapter."""

    @cached_property
    def properties(self) -> list[dict[str, Any]]:
        """The contact properties people see."""
        body = self.fetch("GET", "/crm/v3/properties/contacts")
        return [
            row
            for row in rows_in(body, "results")
            if not row.get("hidden") and not row.get("archived")
        ]

    @cached_property
    def writable(self) -> list[str]:
        """Names of the properties that can be written; none for a user who may not see
        what there is."""
        try:
            fields = [field_of(row) for row in self.properties]
        except ScopeError:
            return []
        return [f.id for f in fields if not f.read_only and f.id != "email"]

    def changes(self, audience_id: str, cursor: str) -> Page:
        target = Target.parse(audience_id)
        parts = parse_place(cursor, str, str, int, str)
        kind, since, after = WALK, 0, ""
        if parts is not None:
            owner, kind, since, after = parts
            if owner != audience_id or kind not in (WALK, SEARCH):
                raise expired()
        if kind == SEARCH:
            return self._search(audience_id, since, after)
        if not after:
            since = int(time.time() * 1000) - 2 * OVERLAP
        size = SLOW if target.kind == "subscription" else READ
        params: Params = {"limit": size} | ({"after": after} if after else {})
        path = f"{LISTS}/{target.id}/memberships" if target.kind == "list" else CONTACTS
        body = self.fetch("GET", path, params=params)
        key = "recordId" if target.kind == "list" else "id"
        records = self._whole(id_in(row, key) for row in rows_in(body, "results"))
        after = _after(body)
        if target.kind == EVERYBODY and not after:
            following = place(audience_id, SEARCH, since, "")
        else:
            following = place(audience_id, WALK, since, after)
        return Page(
            changes=tuple(self._changes(records, target, audience_id)),
            cursor=following,
            complete=True,
            more=bool(after),
        )

    def _search(self, audience_id: str, since: int, after: str) -> Page:
        body = self.fetch(
            "POST",
            f"{CONTACTS}/search",
            payload=search(since, after),
        )
        rows = rows_in(body, "results")
        newest = max((_modified(row) for row in rows), default=since)
        after = _after(body)
        following, more = place(audience_id, SEARCH, since, after), bool(after)
        if not after:
            following = place(
                audience_id, SEARCH, newest - OVERLAP if rows else since, ""
            )
        elif newest > since:
            following = place(audience_id, SEARCH, newest, "")
        elif not after.isdigit() or int(after) >= CEILING - READ:
            raise expired()  # more at one moment than a search can show
        records = self._whole(id_in(row) for row in rows)
        return Page(
            changes=tuple(self._changes(records, Target(EVERYBODY), audience_id)),
            cursor=following,
            complete=False,
            more=more,
        )

    def _whole(
        self, ids: Iterable[str], *, history: Sequence[str] = ()
    ) -> list[Mapping[str, Any]]:
        """Records with everything a connection may want of them."""
        wanted = list(dict.fromkeys(ids))
        if not wanted:
            return []
        names = [field.id for field in map(field_of, self.properties)]
        return self.read(
            wanted,
            properties=list(dict.fromkeys([*BASICS, *names])),
            history=history,
        )

    def _changes(
        self, records: Iterable[Mapping[str, Any]], target: Target, audience_id: str
    ) -> Iterable[Change]:
        for record in records:
            status = ""
            if target.kind == "subscription" and (found := addresses(record)):
                status = standing(found[0], record).status
                if status == "subscribed":
                    status = self.status(found[0], target.id).status
                if status == "absent":
                    continue
            if change := change_of(record, audience_id, status):
                yield change

    def webhook(self, request: Incoming) -> list[Change]:
        """Events of a private or a public app, signed with the app's client secret,
        which is the linked account's `webhook_secret`. They name contacts by id, so
        these are read: two calls at most. Of somebody who was erased HubSpot has no
        address any more."""
        self._check_signature(request)
        events = json_body(request)
        if not isinstance(events, list):
            raise RejectedError("This is not a HubSpot webhook: it holds no list.")
        gone: list[str] = []
        there: list[str] = []
        moved: set[str] = set()
        for event in events:
            if not isinstance(event, dict) or event.get("objectId") is None:
                continue
            thing, _, what = str(event.get("subscriptionType")).partition(".")
            if thing != "contact" and event.get("objectTypeId") != "0-1":
                continue
            item = str(event["objectId"])
            (gone if what == "deletion" else there).append(item)
            if event.get("propertyName") == "email":
                moved.add(item)
        history = ["email"] if moved else []
        found = [
            change
            for record in self._whole(there[:READ], history=history)
            if (change := _event(record, moved)) is not None
        ]
        deleted = self.read(gone[:READ], archived=True) if gone else []
        return found + [
            Change(email=address, kind="delete", at=moment(record.get("archivedAt")))
            for record in deleted
            for address in addresses(record)[:1]
        ]

    def _check_signature(self, request: Incoming) -> None:
        secret = self.secrets.get("webhook_secret", "").encode()
        stamp = request.headers.get("x-hubspot-request-timestamp", "")
        given = request.headers.get("x-hubspot-signature-v3", "")
        url = request.url
        for code, sign in DECODED.items():
            url = url.replace(code, sign).replace(code.lower(), sign)
        head = f"{request.method}{url}".encode()
        digest = hmac.new(secret, head + request.body + stamp.encode(), hashlib.sha256)
        expected = base64.b64encode(digest.digest())
        fresh = (
            stamp.isascii()
            and stamp.isdigit()
            and len(stamp) < 20
            and abs(time.time() - int(stamp) / 1000) <= MAX_AGE
        )
        if not (secret and fresh and hmac.compare_digest(expected, given.encode())):
            raise CredentialsError("This webhook is not signed by HubSpot for us.")


def _event(record: Mapping[str, Any], moved: set[str]) -> Change | None:
    change = change_of(record, "")
    if change is None or str(record.get("id")) not in moved:
        return change
    history = (record.get("propertiesWithHistory") or {}).get("email") or []
    before = [key_of(str(item.get("value") or "")) for item in history[1:2]]
    if not before or not before[0] or before[0] == change.email:
        return change
    return Change(
        email=change.email,
        kind="email",
        status=change.status,
        fields={"old_email": before[0]},
        at=change.at,
    )


def _after(body: Mapping[str, Any]) -> str:
    following = (body.get("paging") or {}).get("next") or {}
    return str(following.get("after") or "")


def _modified(row: Mapping[str, Any]) -> int:
    properties = row.get("properties") or {}
    at: datetime | None = moment(properties.get("lastmodifieddate"))
    return int(at.timestamp() * 1000) if at else 0


def search(since: int, after: str = "", limit: int = READ) -> dict[str, object]:
    """The body that asks for contacts changed since a millisecond, oldest first. The
    description wants every one of these names, the API does not."""
    bound = {
        "propertyName": "lastmodifieddate",
        "operator": "GTE",
        "value": str(since),
    }
    return {
        "filterGroups": [{"filters": [bound]}],
        "sorts": ["lastmodifieddate"],
        "properties": ["lastmodifieddate"],
        "limit": limit,
        "after": after or "0",
    }
