"""Constant Contact V3 (developer.constantcontact.com, read 2026-11-22).

Unverified: how bounces and spam reports show (the API has no such permission; the
product shows who reported spam as unsubscribed); what `confirm_status` says after a
resubscribe request; the words of a refusal, which come without a field name; that its
webhooks, which are for partners, tell nothing of contacts, so none are offered; that
tokens cannot be given back, for which the guides show no call.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

from integrations.adapters.base import Audience, Change, Field, Receipt, Resource
from integrations.adapters.calls import Sign
from integrations.adapters.constantcontact.contacts import (
    CORE,
    PENDING,
    SUBRESOURCES,
    ConstantContactContacts,
    on_list,
)
from integrations.adapters.declare import OAuth2, Rate
from integrations.adapters.errors import Reason, TargetError, TransientError
from integrations.adapters.http import Answer, Params
from integrations.adapters.shapes import Row, dig

# The turns of a later walk.
LATER = ("updated_after", "optout_after")
GONE = ("unsubscribed", "archived", "pending")


class ConstantContact(ConstantContactContacts):
    slug = "constantcontact"
    label = "Constant Contact"
    kind = "esp"
    oauth = OAuth2(
        authorize_url="https://authz.constantcontact.com/oauth2/default/v1/authorize",
        token_url="https://authz.constantcontact.com/oauth2/default/v1/token",
        scopes=("contact_data", "account_read", "offline_access"),
        lifetime=86_400,
        idle_days=180,
    )
    audience_noun = "list"
    field_noun = "custom field"
    opt_in = "account"
    batch_size = 20  # each contact takes two calls or three, at four a second
    concurrency = 1
    rate = Rate(calls=4, seconds=1, shared=True)
    notice = (
        "Constant Contact takes 10,000 calls a day for all linked accounts together, "
        "and a signup needs two or three. Whether new contacts must confirm is the "
        "account's Confirmed Opt-In setting."
    )
    exit_effect = "Unsubscribed from the whole account: it has no opt-out for one list."
    glyph = "CC"
    colour = "c"
    docs_url = "https://developer.constantcontact.com/api_guide/index.html"
    features = frozenset({"tags", "update_existing", "reconfirm"})
    home = "https://api.cc.email"

    signs = (  # the quota of a day ends some time, so look hourly
        Sign("quota_exceeded", TransientError, Reason.QUOTA, on=429, wait=3600.0),
    )
    reasons = (
        ("email", Reason.ADDRESS_INVALID),
        (f"custom_field|{'|'.join(CORE)}", Reason.FIELD_TYPE),
    )

    size_param, page_size = "limit", 100
    next_keys = ("_links", "next", "href")

    me_path = "/v3/account/summary"
    identity_keys, account_keys = ("contact_email",), ("organization_name",)
    nameless = "an account that may not be named"

    audience_path, size_key = "/v3/contact_lists", "membership_count"
    audience_params = {"limit": 1000, "include_membership_count": "active"}

    field_path = "/v3/contact_custom_fields"
    field_keys = ("custom_field_id", "label", "type")
    field_types = {
        **{"date": "date", "datetime": "datetime", "boolean": "boolean"},
        **{"number": "number", "currency": "number"},
        **{"single_select": "choice", "multi_select": "multi_choice"},
    }

    walk_path = "/v3/contacts"
    turns, whole_turns = len(LATER), 1
    since_format = "%Y-%m-%dT%H:%M:%SZ"
    overlap = timedelta(minutes=15)

    erasing = (
        "Deleted from Constant Contact's lists. It keeps deleted contacts out of "
        "sight, and its users can revive them."
    )

    def explain(self, answer: Answer) -> str:
        return self.safe(_told(answer, "error_message")) or super().explain(answer)

    def told(self, answer: Answer) -> str:
        return _told(answer, "error_key")

    def resources(self) -> tuple[Resource, ...]:
        counted = {"include_count": "true"}
        return (
            self.probe("lists", self.audience_path, counted),
            self.probe("contacts", self.walk_path, counted),
            self.probe("custom fields", self.field_path),
        )

    def total_of(self, body: Row) -> int | None:
        return body.get("lists_count", body.get("contacts_count"))

    def audience_of(self, row: Row) -> Audience:
        return super().audience_of({**row, "id": row.get("list_id")})

    def field_of(self, row: Row) -> Field | None:
        field = super().field_of(row)
        rows = [each for each in row.get("choices") or () if not each.get("deleted_at")]
        shape = str(dig(row, "metadata", "display_format") or "")
        odd = row.get("type") == "date" and shape != "YYYY-MM-DD"
        options = tuple(str(choice.get("choice_label")) for choice in rows)
        return field and replace(field, options=options, format=shape if odd else "")

    def turn(
        self, turn: int, since: str, place: Any, audience_id: str
    ) -> tuple[list[Row], Any]:
        """The first walk reads the list. Later ones read who was updated and who opted
        out, whatever their lists: somebody taken off this list without opting out is
        only missed by a new whole walk."""
        later = {"status": "all", LATER[turn]: since}
        wanted = later if since else {"lists": audience_id}
        params: Params = {"include": SUBRESOURCES, "limit": 500, **wanted}
        rows, following = self.page(self.walk_path, place, params)
        if not (rows or since or place):
            self.check_list(audience_id)  # a list that is gone is no empty list
        return [row for row in rows if row["email"]], following

    def changed(
        self, rows: Sequence[Row], audience_id: str, since: str
    ) -> Iterator[Change]:
        """Nothing of who is no member, and neither opted out nor deleted."""
        for row in rows:
            status = self.status_of(row, audience_id)
            if status == "pending" and row["permission"] != PENDING:
                status = "unsubscribed"  # until they come back
            if on_list(row, audience_id):
                yield self.change(row, audience_id, status=status)
            elif status in GONE:
                yield self.change(row, audience_id, "status", status=status)

    def erase(self, email: str) -> Receipt:
        found = self.find_all(email)
        for row in found:
            if not row.get("deleted_at"):
                with suppress(TargetError):  # somebody else was faster
                    self.remove(row)
        return self.erased(found, self.erasing)


def _told(answer: Answer, name: str) -> str:
    """What the errors have under a name; they come as an array, the gateway's as one
    object."""
    try:
        body = answer.json()
    except ValueError:
        return ""
    rows = body if isinstance(body, list) else [body]
    told = [row.get(name) for row in rows if isinstance(row, dict)]
    return " ".join(str(words) for words in told if words)
