"""HubSpot, CRM API v3 and communication preferences v4 (developers.hubspot.com/docs,
read 2026-11-22).

Unlinking revokes the refresh token (page "Revoke an OAuth token"; oauth/v3 in HubSpot's
own description); that ends the access token too is not said there: it lives for half
an hour at most. The app stays installed.

What changed:

* All contacts are walked once over the list endpoint, then searched by
  lastmodifieddate. The pages of a search are offsets, which contacts that change
  meanwhile would shift, and end at 10,000 results: so each page is a search of its own,
  for ids behind the last one (as in community.hubspot.com, "CRM Record ID Sequencing
  and the Search API"). It takes a while to know a new record, so the next walk goes
  back to ten minutes before this one began (developers.hubspot.com/docs/api-reference/
  2026-03/crm/search-the-crm, read 2026-11-22). Deletions show in a walk and in webhooks
  only.
* A list or a subscription type has no such search: each walk is a whole one.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import quote, unquote

from integrations.adapters.base import (
    Audience,
    Change,
    Field,
    Incoming,
    Page,
    Reading,
    Receipt,
    Resource,
    Subscription,
)
from integrations.adapters.calls import Sign
from integrations.adapters.declare import Credential, OAuth2, Rate
from integrations.adapters.each import key_of, probed, spellings
from integrations.adapters.errors import (
    CredentialsError,
    Reason,
    RejectedError,
    ScopeError,
    TransientError,
)
from integrations.adapters.http import Answer
from integrations.adapters.hubspot.people import READ, HubSpotPeople
from integrations.adapters.hubspot.wire import (
    CONTACT_TYPE,
    CONTACTS,
    EVERYBODY,
    LIST,
    LISTS,
    PROPERTIES,
    SUBSCRIPTION,
    parts_of,
    property_of,
)
from integrations.adapters.paging import all_pages, batches
from integrations.adapters.shapes import Row, count_in, dig, id_in, rows_in
from integrations.adapters.shared import check_signed, json_body, moment

# Searches for static lists, with their sizes.
STATIC = {
    "objectTypeId": CONTACT_TYPE,
    "processingTypes": ["MANUAL", "SNAPSHOT"],
    "additionalProperties": ["hs_list_size"],
    "count": 250,
}
DAY = 3600.0  # seconds to wait when the day's calls are used up: the most we may
SLOW = 25  # contacts a page where each is asked for on its own
MAX_AGE = 300.0  # seconds a signed request stays good
# Some signs of the address are decoded before it is signed (developers.hubspot.com,
# "Validating requests"). Unverified: which ones exactly; our own addresses hold none of
# them encoded.
DECODED = re.compile("|".join(quote(sign, safe="") for sign in ":/?@!$'()*,;"), re.I)


class HubSpot(HubSpotPeople):
    """Audiences are all contacts, the static lists (which HubSpot now calls segments),
    and the e-mail subscription types."""

    slug = "hubspot"
    label = "HubSpot"
    kind = "crm"
    credentials = (
        Credential(
            name="token",
            label="Service key or private app token",
            help_text="HubSpot: Development, Keys, Service keys. The token of a "
            "private app you already have works too.",
            placeholder="pat-eu1-00000000-0000-0000-0000-000000000000",
        ),
        Credential(
            name="webhook_secret",
            label="Client secret of the app",
            help_text="Only for an app that posts webhooks to us: HubSpot signs them "
            "with it. A service key has none.",
            required=False,
        ),
    )
    oauth = OAuth2(
        authorize_url="https://app.hubspot.com/oauth/authorize",
        token_url="https://api.hubapi.com/oauth/v3/token",
        revoke_url="https://api.hubapi.com/oauth/v3/token/revoke",
        scopes=(
            "oauth",
            "crm.objects.contacts.read",
            "crm.objects.contacts.write",
            "crm.schemas.contacts.read",
            "crm.lists.read",
            "crm.lists.write",
            "communication_preferences.read_write",
        ),
        client_auth="body",
        lifetime=1800,
    )
    audience_noun = "list"
    field_noun = "property"
    opt_in = "none"
    batch_size = READ
    concurrency = 2
    rate = Rate(calls=100, seconds=10)  # public apps 110, private apps 100 or more
    exit_effect = (
        "Taken off the list, unsubscribed from the subscription type, or, where the "
        "audience is all contacts, unsubscribed from all e-mail."
    )
    notice = (
        "A contact is a record in HubSpot: being one, or on a list, is no permission "
        "to mail them. Choose an e-mail subscription type as the audience to record "
        "that they subscribed."
    )
    glyph = "H"
    colour = "h"
    docs_url = (
        "https://developers.hubspot.com/docs/apps/developer-platform/build-apps/"
        "authentication/account-service-keys"
    )
    features = frozenset({"update_existing"})
    home = "https://api.hubapi.com"

    key_header = ("Authorization", "Bearer {token}")

    # Searched in all of an answer. Codes of a validation error (developers.hubspot.com/
    # docs/api-reference/error-handling and the changelog "CRM API write validation
    # enforcement", read 2026-11-22): which exist is not documented as a whole; another
    # one is a plain refusal.
    signs = (
        # Locked, and Migration in Progress: wait (error-handling page).
        Sign("", TransientError, Reason.RATE, on=423),
        Sign("", TransientError, Reason.RATE, on=477),
        Sign("EXPIRED_AUTHENTICATION", CredentialsError, Reason.AUTH_EXPIRED, on=401),
        Sign('"DAILY"', TransientError, Reason.QUOTA, on=429, wait=DAY),
        Sign("REQUIRED_(FIELD|PROPERTY)", RejectedError, Reason.REQUIRED_FIELD),
        Sign("INVALID_EMAIL", RejectedError, Reason.ADDRESS_INVALID),
        Sign("INVALID_OPTION", RejectedError, Reason.OPTION_MISSING),
        Sign("PROPERTY_DOESNT_EXIST|READ_ONLY_VALUE", RejectedError, Reason.FIELD_TYPE),
        Sign("INVALID_", RejectedError, Reason.FIELD_TYPE),
        Sign('"CONFLICT"', RejectedError, Reason.DUPLICATE),
    )

    size_param, page_size, place_param = "limit", READ, "after"
    rows_key = "results"
    total_keys = ("additionalProperties", "hs_list_size")  # of a list
    since_format = "%Y-%m-%dT%H:%M:%SZ"

    def told(self, answer: Answer) -> str:
        return answer.body.decode(errors="replace")

    def following(self, body: Row, rows: list[Row], place: Any) -> str:
        return str(dig(body, "paging", "next", "after") or "")

    # Reading the account.

    def verify(self) -> Reading:
        account = self.fetch("GET", "/account-info/v3/details")
        names = (str(account.get(name) or "") for name in ("uiDomain", "accountType"))
        return Reading(
            identity=str(account.get("portalId") or ""),
            account_name=" ".join(names).strip(),
            resources=self.resources(),
        )

    def resources(self) -> tuple[Resource, ...]:
        """Nothing is written to find out whether it may be. Properties and subscription
        types are only read."""

        def total(path: str, payload: Row) -> int:
            return count_in(self.fetch("POST", path, payload=payload), "total")

        return (
            probed("contacts", lambda: total(f"{CONTACTS}/search", search(limit=1))),
            probed("lists", lambda: total(f"{LISTS}/search", {**STATIC, "offset": 0})),
            probed("properties", lambda: len(self.properties)),
            probed("subscription types", lambda: len(self.types)),
        )

    def audiences(self) -> list[Audience]:
        found = [Audience(id=EVERYBODY, label="All contacts")]
        for row in self._lists():
            size, name = self.total_of(row), str(row.get("name") or "")
            found.append(choice(LIST, id_in(row, "listId"), name, size))
        with suppress(ScopeError):  # who may not see subscription types is shown none
            for row in self.types:
                name = f"{row.get('name') or ''} (e-mail subscription type)"
                if not row.get("isInternal"):
                    found.append(choice(SUBSCRIPTION, id_in(row), name))
        return found

    def _lists(self) -> Iterator[Row]:
        def read(offset: int) -> tuple[list[Row], int | None]:
            payload = {**STATIC, "offset": offset}
            body = self.fetch("POST", f"{LISTS}/search", payload=payload)
            rows = rows_in(body, "lists")
            more = body.get("hasMore") and rows
            return rows, offset + len(rows) if more else None

        return all_pages(read, 0)

    @cached_property
    def properties(self) -> list[Field]:
        """The contact properties people see, without the address."""
        rows = rows_in(self.fetch("GET", PROPERTIES), "results")
        seen = (row for row in rows if not (row.get("hidden") or row.get("archived")))
        return [property_of(row) for row in seen if row["name"] != "email"]

    def fields(self, audience_id: str) -> list[Field]:
        return list(self.properties)

    # Reading people.

    def subscriptions(
        self, emails: Sequence[str], audience_id: str
    ) -> list[Subscription]:
        kind, number = parts_of(audience_id)
        names: list[str] = []
        with suppress(ScopeError):  # who may not see properties is told no values
            names = [field.id for field in self.properties if not field.read_only]
        found = self.find(emails, names=names)
        ids = sorted({id_in(row) for row in found.values()})
        members = self._among(ids, number) if kind == LIST else set()

        def stand(email: str) -> Subscription:
            known = self.standing(email, found.get(key_of(email)), audience_id)
            if kind == LIST and known.remote_id not in members:
                known = replace(known, status="absent", changed_at=None, detail="")
            return known if names else replace(known, fields=None)

        return [stand(email) for email in emails]

    def _among(self, ids: Sequence[str], number: str) -> set[str]:
        """Which of the contacts are on a list."""
        path = f"{LISTS}/records/memberships/batch/read"
        people = [{"objectTypeId": CONTACT_TYPE, "recordId": id} for id in ids]
        members: set[str] = set()
        for some in batches(people, READ):
            body = self.fetch("POST", path, payload={"inputs": some})
            for row in rows_in(body, "results"):
                lists = row.get("recordListMemberships") or ()
                if number in {str(item.get("listId")) for item in lists}:
                    members.add(id_in(row, "recordId"))
        return members

    def _whole(self, ids: Sequence[str], history: Sequence[str] = ()) -> list[Row]:
        """Records with everything a connection may want of them."""
        names = [field.id for field in self.properties] if ids else []
        return self.read(ids, names, propertiesWithHistory=history)

    # What changed.

    def changes(self, audience_id: str, cursor: str) -> Page:
        page = super().changes(audience_id, cursor)
        anew = audience_id != EVERYBODY and not page.more
        return replace(page, cursor="") if anew else page

    def turn(
        self, turn: int, since: str, place: Any, audience_id: str
    ) -> tuple[list[Row], Any]:
        kind, number = parts_of(audience_id)
        if since:
            at = int(datetime.fromisoformat(since).timestamp() * 1000)
            payload = search(at, place or "0")
            body = self.fetch("POST", f"{CONTACTS}/search", payload=payload)
            rows = rows_in(body, "results")
            return rows, id_in(rows[-1]) if self.following(body, rows, place) else ""
        if kind == LIST:
            return self.page(f"{LISTS}/{number}/memberships", place)
        size = SLOW if kind == SUBSCRIPTION else READ
        return self.page(CONTACTS, place, {"limit": size})

    def changed(
        self, rows: Sequence[Row], audience_id: str, since: str
    ) -> Iterable[Change]:
        """Of a subscription type those who subscribed or left; of others everybody."""
        ids = [id_in(row, "id" if "id" in row else "recordId") for row in rows]
        for row in self._whole(ids):
            now = self.standing(row["email"], row, audience_id)
            if now.status != "absent":
                yield self.change(row, audience_id, status=now.status)

    def webhook(self, request: Incoming) -> list[Change]:
        """Events of a private or a public app, signed with the app's client secret,
        which is the linked account's `webhook_secret`. They name contacts by id, so
        these are read: two calls at most. Of somebody who was erased HubSpot has no
        address any more."""
        self.check_hook(request)
        events = json_body(request)
        if not isinstance(events, list):
            raise RejectedError("This is not a HubSpot webhook: it holds no list.")
        there: list[str] = []
        gone: list[str] = []
        moved: set[str] = set()
        for event in self.events_in(events):
            thing, _, what = str(event.get("subscriptionType")).partition(".")
            id = str(event.get("objectId") or "")
            if id and (thing == "contact" or event.get("objectTypeId") == CONTACT_TYPE):
                (gone if what == "deletion" else there).append(id)
                if event.get("propertyName") == "email":
                    moved.add(id)
        found = self._whole(there[:READ], history=["email"] if moved else [])
        erased = self.read(gone[:READ], params={"archived": "true"})
        return [self._heard(row, id_in(row) in moved) for row in found] + [
            Change(email=row["email"], kind="delete", at=moment(row.get("archivedAt")))
            for row in erased
        ]

    def _heard(self, row: Row, moved: bool) -> Change:
        """What a record tells, and the old address of who has a new one."""
        change = self.change(row, "")
        history = dig(row, "propertiesWithHistory", "email") or []
        before = [key_of(str(item.get("value") or "")) for item in history[1:2]]
        if moved and before and before[0] not in ("", change.email):
            return replace(change, kind="email", fields={"old_email": before[0]})
        return change

    def check_hook(self, request: Incoming) -> None:
        """Version 3 of HubSpot's signatures."""
        stamp = request.headers.get("x-hubspot-request-timestamp", "")
        given = request.headers.get("x-hubspot-signature-v3", "")
        url = DECODED.sub(lambda code: unquote(code[0]), request.url)
        signed = f"{request.method}{url}".encode() + request.body + stamp.encode()
        check_signed(self.secrets, signed, given)
        if abs(time.time() - int(stamp) / 1000) > MAX_AGE:
            raise CredentialsError("This webhook was signed too long ago.")

    def erase(self, email: str) -> Receipt:
        """Deletes for good under GDPR. Somebody unknown is left alone: HubSpot would
        put the address on its list of blocked ones."""
        rows = self.read(spellings(email), idProperty="email")
        for row in rows:
            person = {"objectId": id_in(row)}
            self.request("POST", f"{CONTACTS}/gdpr-delete", payload=person)
        return self.erased(rows, "Erased for good, with everything tied to it.")


def choice(kind: str, number: str, name: str, size: int | None = None) -> Audience:
    id = f"{kind}:{number}"
    return Audience(id=id, label=name, size=size, double_opt_in=False)


def search(since: int = 0, behind: str = "0", limit: int = READ) -> Row:
    """The body that asks for contacts changed since a millisecond, by id, behind one.
    The description wants every one of these names, the API does not."""
    bounds = (("lastmodifieddate", "GTE", since), ("hs_object_id", "GT", behind))
    filters = [
        {"propertyName": name, "operator": operator, "value": str(value)}
        for name, operator, value in bounds
    ]
    return {
        "filterGroups": [{"filters": filters}],
        "sorts": ["hs_object_id"],
        "properties": ["hs_object_id"],
        "limit": limit,
        "after": "0",
    }
