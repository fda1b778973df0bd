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
from typing import Any
from urllib.parse import quote

from integrations.adapters.base import Audience, Field, Page, Reading, Receipt, Resource
from integrations.adapters.constantcontact.contacts import ConstantContactContacts
from integrations.adapters.constantcontact.wire import (
    FIXED,
    SUBRESOURCES,
    change_of,
    custom_field,
    next_page,
    query_of,
)
from integrations.adapters.declare import OAuth2, Rate
from integrations.adapters.errors import (
    AdapterError,
    CredentialsError,
    Reason,
    RejectedError,
    ScopeError,
    TargetError,
    TransientError,
)
from integrations.adapters.http import Answer, Params
from integrations.adapters.shapes import rows_in
from integrations.adapters.shared import expired, moment, parse_place, to_place

SLACK = timedelta(minutes=15)  # what our clock may be ahead of Constant Contact's
DAY_OVER = 3600.0  # seconds; the daily quota ends some time, so look hourly
ONE: Params = {"limit": 1, "include_count": "true"}
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

    def headers(self) -> dict[str, str]:
        token = self.secrets.get("access_token", "")
        if not token:
            raise CredentialsError("This account has to be connected again.")
        return {"Authorization": f"Bearer {token}"}

    def explain(self, answer: Answer) -> str:
        told = [str(row.get("error_message") or "") for row in _errors(answer)]
        return self.safe(" ".join(filter(None, told))) or super().explain(answer)

    def error_from(self, answer: Answer) -> AdapterError:
        error = super().error_from(answer)
        keys = {str(row.get("error_key")) for row in _errors(answer)}
        if answer.status == 429 and "quota_exceeded" in keys:
            wait = getattr(error, "retry_after", None)
            return TransientError(
                error.detail,
                reason=Reason.QUOTA,
                status=429,
                retry_after=DAY_OVER if wait is None else wait,
            )
        return error

    def verify(self) -> Reading:
        identity = name = ""
        resources = []
        for resource, path, params, count in (
            ("account", "/v3/account/summary", None, ""),
            ("lists", "/v3/contact_lists", ONE, "lists_count"),
            ("contacts", "/v3/contacts", ONE, "contacts_count"),
            ("custom fields", "/v3/contact_custom_fields", {"limit": 1}, ""),
        ):
            readable, detail, body = True, "", {}
            try:
                body = self.fetch("GET", path, params=params)
            except ScopeError as error:
                readable, detail = False, error.detail
            if resource == "account":
                identity = str(body.get("contact_email") or "")
                name = str(body.get("organization_name") or "")
            resources.append(
                Resource(
                    name=resource,
                    readable=readable,
                    writable=None,
                    count=body.get(count),
                    detail=detail,
                )
            )
        return Reading(
            identity=identity or "an account that may not be named",
            account_name=name,
            resources=tuple(resources),
        )

    def audiences(self) -> list[Audience]:
        params: Params = {"limit": 1000, "include_membership_count": "active"}
        return [
            Audience(
                id=str(row["list_id"]),
                label=str(row.get("name") or ""),
                size=row.get("membership_count"),
            )
            for row in self.pages("/v3/contact_lists", "lists", params)
        ]

    def fields(self, audience_id: str) -> list[Field]:
        rows = self.pages("/v3/contact_custom_fields", "custom_fields", {"limit": 100})
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
        try:
            body = self.fetch(
                "GET", "/v3/contacts", params=query_of(page) if page else params
            )
        except RejectedError:
            if page:
                raise expired() from None
            raise
        rows = rows_in(body, "contacts")
        if turn == WHOLE and not page and not rows:
            self.check_list(audience_id)  # a list that is gone is no empty list
        following = next_page(body)
        last = turn == WHOLE or turn + 1 == len(ROUND)
        if following:
            ahead = to_place(turn, after, began, following)
        elif last:
            ahead = to_place(0, began, "", "")
        else:
            ahead = to_place(turn + 1, after, began, "")
        found = [change_of(row, audience_id) for row in rows]
        return Page(
            changes=tuple(change for change in found if change is not None),
            cursor=ahead,
            complete=turn == WHOLE,
            more=bool(following) or not last,
        )

    def erase(self, email: str) -> Receipt:
        found = self.find_all(email)
        if not found:
            return Receipt(ok=True, note="Constant Contact did not hold this address.")
        for known in found:
            if not known.get("deleted_at"):
                path = f"/v3/contacts/{quote(str(known.get('contact_id')), safe='')}"
                with suppress(TargetError):  # somebody else was faster
                    self.request("DELETE", path)
        return Receipt(
            ok=True,
            note="Deleted from Constant Contact's lists. It keeps deleted contacts out "
            "of sight, and its users can revive them.",
        )


def _errors(answer: Answer) -> list[dict[str, Any]]:
    """Errors come as an array, those of the gateway as one object."""
    try:
        body = answer.json()
    except ValueError:
        return []
    rows = body if isinstance(body, list) else [body]
    return [row for row in rows if isinstance(row, dict)]
