"""Constant Contact V3 (developer.constantcontact.com, read 2026-11-22).

Unverified: how bounces and spam reports show (the API has no such permission; the
product shows who reported spam as unsubscribed); what `confirm_status` says after a
resubscribe request; the words of a refusal, which come without a field name; that its
webhooks, which are for partners, tell nothing of contacts, so none are offered; that
tokens cannot be given back, for which the guides show no call.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

from integrations.adapters.base import Audience, Field, Page, Reading, Receipt
from integrations.adapters.calls import Sign
from integrations.adapters.constantcontact.contacts import ConstantContactContacts
from integrations.adapters.constantcontact.wire import (
    CORE,
    FIXED,
    SUBRESOURCES,
    custom_field,
    path_of,
)
from integrations.adapters.declare import OAuth2, Rate
from integrations.adapters.each import probed
from integrations.adapters.errors import (
    Reason,
    TargetError,
    TransientError,
)
from integrations.adapters.http import Answer, Params
from integrations.adapters.shapes import Row
from integrations.adapters.shared import expired, moment, parse_place, to_place

SLACK = timedelta(minutes=15)  # what our clock may be ahead of Constant Contact's
NAMELESS = "an account that may not be named"
WHOLE = -1  # the walk through the whole list
# A round of `changes` asks for both, one after the other.
ROUND = ("updated_after", "optout_after")


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

    def explain(self, answer: Answer) -> str:
        return self.safe(_told(answer, "error_message")) or super().explain(answer)

    def told(self, answer: Answer) -> str:
        return _told(answer, "error_key")

    def verify(self) -> Reading:
        mine: Row = {}

        def account() -> None:
            mine.update(self.fetch("GET", "/v3/account/summary"))

        def count(name: str, **more: str) -> int | None:
            body = self.fetch("GET", f"/v3/{name}", params={"limit": 1, **more})
            return body.get(f"{name.removeprefix('contact_')}_count")

        counted = {"include_count": "true"}
        resources = (
            probed("account", account),
            probed("lists", lambda: count("contact_lists", **counted)),
            probed("contacts", lambda: count("contacts", **counted)),
            probed("custom fields", lambda: count("contact_custom_fields")),
        )
        return Reading(
            identity=str(mine.get("contact_email") or NAMELESS),
            account_name=str(mine.get("organization_name") or ""),
            resources=resources,
        )

    def audiences(self) -> list[Audience]:
        params: Params = {"limit": 1000, "include_membership_count": "active"}
        return [
            Audience(
                id=str(row["list_id"]),
                label=str(row.get("name") or ""),
                size=row.get("membership_count"),
            )
            for row in self.rows("/v3/contact_lists", params)
        ]

    def fields(self, audience_id: str) -> list[Field]:
        rows = self.rows("/v3/contact_custom_fields", {"limit": 100})
        return [*FIXED, *(custom_field(row) for row in rows)]

    def changes(self, audience_id: str, cursor: str) -> Page:
        """The first round walks the list. Later ones read who was updated and who opted
        out since the round before began, whatever their lists: somebody taken off this
        list without opting out is only missed by a new whole walk."""
        now = (datetime.now(UTC) - SLACK).strftime("%Y-%m-%dT%H:%M:%SZ")
        place = parse_place(cursor, int, str, str, str)
        turn, after, began, page = place or (WHOLE, "", now, "")
        if not WHOLE <= turn < len(ROUND) or (turn >= 0 and moment(after) is None):
            raise expired()
        began = began or now
        params: dict[str, str | int] = {"include": SUBRESOURCES, "limit": 500}
        if turn == WHOLE:
            params["lists"] = audience_id
        else:
            params |= {"status": "all", ROUND[turn]: after}
        rows, following = self.walk(page, "/v3/contacts", page, params)
        if turn == WHOLE and not page and not rows:
            self.check_list(audience_id)  # a list that is gone is no empty list
        last = turn == WHOLE or turn + 1 == len(ROUND)
        if following:
            ahead = to_place(turn, after, began, following)
        elif last:
            ahead = to_place(0, began, "", "")
        else:
            ahead = to_place(turn + 1, after, began, "")
        return Page(
            changes=tuple(
                change for row in rows for change in self.told_of(row, audience_id)
            ),
            cursor=ahead,
            complete=turn == WHOLE,
            more=bool(following) or not last,
        )

    def erase(self, email: str) -> Receipt:
        found = self.find_all(email)
        for known in found:
            if not known.get("deleted_at"):
                with suppress(TargetError):  # somebody else was faster
                    self.request("DELETE", path_of(known))
        return self.erased(
            found,
            "Deleted from Constant Contact's lists. It keeps deleted contacts out of "
            "sight, and its users can revive them.",
        )


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
