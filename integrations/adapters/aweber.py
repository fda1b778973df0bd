"""AWeber, API 1.0 (https://api.aweber.com, read 2026-11-22).

People exist per list and are subscribed, unconfirmed or unsubscribed there; the list
decides about confirming, which the API does not tell beforehand. An update is a PATCH
without status. Setting the status is the only way back for somebody who left, and it
asks nobody, so it is never done. PATCH empties custom fields that are left out, so
those there are sent along.

AWeber's limit is a 403 with the words "Rate Limit Error", and means a minute's wait.
Its terms forbid adding people in bulk over the API.

Unverified: the words about a refused role address ("Email address blocked", by users'
reports); complaints, which the API does not name, are among the unsubscribed; whether
`list` in a webhook is the id the API uses (the link beside it is read).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from integrations.adapters.base import (
    Change,
    Contact,
    Field,
    Outcome,
    Receipt,
    Subscription,
    filled,
)
from integrations.adapters.calls import Sign, sub_account
from integrations.adapters.declare import OAuth2, Rate, SubAccount
from integrations.adapters.each import key_of
from integrations.adapters.either import EitherForm
from integrations.adapters.errors import (
    Reason,
    RejectedError,
    SetupError,
    TargetError,
    TransientError,
)
from integrations.adapters.rest import Write
from integrations.adapters.shapes import Row, rows_in

PERSON = re.compile(r"/1\.0/accounts/\d+/lists/\d+/subscribers/\d+")


class AWeber(EitherForm):
    slug = "aweber"
    label = "AWeber"
    kind = "esp"
    oauth = OAuth2(
        authorize_url="https://auth.aweber.com/oauth2/authorize",
        token_url="https://auth.aweber.com/oauth2/token",
        scopes=("account.read", "list.read", "subscriber.read", "subscriber.write"),
        pkce=False,  # refused for apps with a secret
    )
    sub_account_noun = "account"
    field_noun = "custom field"
    opt_in = "list"
    batch_size = 20
    rate = Rate(calls=120, seconds=60)
    notice = (
        "AWeber refuses role addresses such as info@ over its API, and its terms "
        "forbid adding whole lists of people that way."
    )
    exit_effect = "Unsubscribed from the list."
    glyph = "AW"
    docs_url = "https://help.aweber.com/hc/en-us/sections/360000617213-API"
    features = frozenset({"tags", "update_existing"})
    home = "https://api.aweber.com"

    signs = (
        Sign("rate limit", TransientError, Reason.RATE, on=403, wait=60.0),
        Sign("subscriber limit", SetupError, Reason.QUOTA, on=403),
        Sign("email address", RejectedError, on=403),
    )
    reasons = (
        ("already subscribed", Reason.DUPLICATE),
        ("blocked|role", Reason.ADDRESS_ROLE),
        ("custom", Reason.FIELD_TYPE),
        ("email", Reason.ADDRESS_INVALID),
    )

    size_param, page_size = "ws.size", 100  # the API's maximum
    place_param, first_place = "ws.start", 0
    rows_key = "entries"
    total_keys = ("total_size",)

    me_path = "/1.0/accounts/{account}"
    identity_keys, account_keys = ("company", "id"), ("company",)
    audience_path, size_key = f"{me_path}/lists", "total_subscribed_subscribers"
    probed = (audience_path,)
    field_path = f"{audience_path}/{{audience}}/custom_fields"  # of the list, all text
    field_keys = ("name", "name", "type")
    walk_path = f"{audience_path}/{{audience}}/subscribers"  # oldest first
    step_back = 10
    events_key = "data"
    hook_header = "aweber-signature"  # made with the client secret of the app

    states = {
        **{"subscribed": "subscribed", "unconfirmed": "pending"},
        **{"unsubscribed": "unsubscribed", "deleted": "absent"},
    }
    left_keys = ("unsubscribed_at", "subscribed_at")
    tags_key = "tags"
    own_fields = (
        Field(id="name", label="Name", type="name"),
        Field(id="ad_tracking", label="Ad tracking"),
        Field(id="misc_notes", label="Notes"),
    )
    custom_key, custom_prefix = "custom_fields", "custom:"

    gone = frozenset({"unsubscribed", "bounced"})
    asked_as = "AWeber asks them to confirm."

    def following(self, body: Row, rows: list[Row], place: Any) -> int | None:
        return place + self.page_size if body.get("next_collection_link") else None

    def sub_accounts(self) -> list[SubAccount]:
        return [sub_account(row, "company") for row in self.rows("/1.0/accounts")]

    def status_of(self, row: Row, audience_id: str) -> str:
        status = self.states.get(row["status"].lower(), "unknown")
        undeliverable = row.get("unsubscribe_method") == "undeliverable"
        return "bounced" if status == "unsubscribed" and undeliverable else status

    def find_form(self, form: str, audience_id: str) -> Row | None:
        asked = {"ws.op": "find", "email": form}
        found = self.fetch("GET", self.people_path(audience_id), params=asked)
        return self.by_email(rows_in(found, "entries")).get(key_of(form))

    def put(self, write: Write) -> Outcome:
        path, tags = self.people_path(write.audience_id), write.tags
        values, row = self._values(write), write.row
        if row is None:
            new = {"email": write.email, **values, **_origin(write.contact)}
            self.request("POST", path, payload=new | ({"tags": tags} if tags else {}))
            row = self.find_one(write.email, write.audience_id)
            if row is None:
                raise TransientError(
                    "AWeber took the contact and does not show it yet."
                )
        elif values or tags:
            changed = values | ({"tags": {"add": tags}} if tags else {})
            with self.still_there():
                path = f"{path}/{write.known.remote_id}"
                self.request("PATCH", path, payload=changed)
        return self.settled(self.standing(write.email, row, write.audience_id))

    def _values(self, write: Write) -> Row:
        """What is to be written of a contact's values, over those already there."""
        values = self.record_of(write.contact)
        if custom := values.get("custom_fields"):
            there = filled((write.row or {}).get("custom_fields") or {})
            values["custom_fields"] = {**there, **custom}
            values["strict_custom_fields"] = "true"  # an unknown field is a refusal
        return values

    def leave(self, known: Subscription, audience_id: str) -> None:
        path = f"{self.people_path(audience_id)}/{known.remote_id}"
        with suppress(TargetError):  # deleted meanwhile
            self.request("PATCH", path, payload={"status": "unsubscribed"})

    def erase(self, email: str) -> Receipt:
        """Deletes from every list; AWeber drops what the person opened and clicked."""

        def found(form: str) -> list[Row]:
            asked = {"ws.op": "findSubscribers", "email": form}
            body = self.fetch("GET", self.at(self.me_path), params=asked)
            return rows_in(body, "entries")

        paths = [
            urlsplit(str(row.get("self_link"))).path
            for rows in self.of_forms(email, found)
            for row in rows
            if key_of(str(row.get("email", ""))) == key_of(email)
        ]
        theirs = list(filter(PERSON.fullmatch, dict.fromkeys(paths)))
        note = f"Deleted from {len(theirs)} lists, with its history."
        return self.erase_all(theirs, note)

    def heard(self, event: Row) -> Iterator[Change]:
        name, row = str(event.get("event")), event.get("payload") or {}
        if name.startswith("subscriber.") and row.get("email"):
            kind = "status" if name == "subscriber.unsubscribed" else "upsert"
            link = str((row.get("links") or {}).get("list") or "")
            yield self.change(row, link.rstrip("/").rpartition("/")[2], kind)


def _origin(contact: Contact) -> dict[str, str]:
    """The address of the signup, where AWeber takes it: IPv4, not private."""
    with suppress(ValueError):
        address = ip_address(contact.ip)
        if address.version == 4 and address.is_global:
            return {"ip_address": contact.ip}
    return {}
