"""HubSpot, CRM API v3 and communication preferences v4 (developers.hubspot.com/docs,
read 2026-11-22).

Unlinking revokes the refresh token (page "Revoke an OAuth token"; oauth/v3 in HubSpot's
own description); that ends the access token too is not said there: it lives for half
an hour at most. The app stays installed.

What changed:

* All contacts are walked once over the list endpoint, then searched by
  lastmodifieddate. Its pages are offsets, and a contact changed meanwhile goes to the
  end, so that others would slip past between two pages: the lower bound moves on with
  each page instead. A search ends at 10,000 results, which only counts at one moment
  then, and it takes a while to know a new record, so the next one starts ten minutes
  before this one began (developers.hubspot.com/docs/api-reference/2026-03/crm/
  search-the-crm, read 2026-11-22). Deletions show in a walk and in webhooks only.
* A list or a subscription type has no such search: each walk is a whole one.
"""

from __future__ import annotations

import time
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from typing import Any

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
    filled,
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
from integrations.adapters.hubspot.people import (
    CONTACT_TYPE,
    CONTACTS,
    EVERYBODY,
    LIST,
    LISTS,
    OPT_OUT,
    PREFERENCES,
    READ,
    SUBSCRIPTION,
    HubSpotPeople,
    parts_of,
)
from integrations.adapters.paging import all_pages
from integrations.adapters.shapes import Row, count_in, dig, id_in, rows_in, unreadable
from integrations.adapters.shared import check_signed, expired, json_body, moment

PROPERTIES = "/crm/v3/properties/contacts"
PAGE = 250  # lists a search gives
DAY = 3600.0  # seconds to wait when the day's calls are used up: the most we may
CEILING = 10_000  # results of one search
SLOW = 25  # contacts a page where each is asked for on its own
MAX_AGE = 300.0  # seconds a signed request stays good
# Some signs of the address are decoded before it is signed (developers.hubspot.com,
# "Validating requests"). Unverified: which ones exactly; our own addresses hold none of
# them encoded.
DECODED = {f"%{ord(sign):02X}": sign for sign in ":/?@!$'()*,;"}

TYPES = {"number": "number", "date": "date", "datetime": "datetime", "bool": "boolean"}
# Of texts, by the property's name, by what is entered in, and by how it is shown.
TEXTS = {
    **{"firstname": "name", "lastname": "name", "phone": "phone"},
    **{"mobilephone": "phone", "zip": "zip", "website": "url"},
    "phonenumber": "phone",
    **{"email": "email", "phone_number": "phone", "postal_code": "zip"},
    "domain_name": "url",
}


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
        Sign(
            *("PROPERTY_DOESNT_EXIST|READ_ONLY_VALUE|INVALID_", RejectedError),
            Reason.FIELD_TYPE,
        ),
        Sign('"CONFLICT"', RejectedError, Reason.DUPLICATE),
    )

    size_param, page_size, place_param = "limit", READ, "after"
    rows_key = "results"
    total_keys = ("additionalProperties", "hs_list_size")  # of a list
    since_format = "%Y-%m-%dT%H:%M:%SZ"

    def explain(self, answer: Answer) -> str:
        """HubSpot's own words: the message, and the details that are not in it."""
        body = answer.object()
        rows = (body, *(body.get("errors") or ()))
        message, *details = (str(dig(row, "message") or "") for row in rows)
        more = [text for text in dict.fromkeys(details) if text not in message]
        return self.safe(" ".join([message, *more]))

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

        def count(method: str, path: str, payload: object = None) -> int:
            body = self.fetch(method, path, payload=payload)
            if "total" in body:
                return count_in(body, "total")
            return len(rows_in(body, "results"))

        newest, lists = search(0, limit=1), list_search(0)
        return (
            probed("contacts", lambda: count("POST", f"{CONTACTS}/search", newest)),
            probed("lists", lambda: count("POST", f"{LISTS}/search", lists)),
            probed("properties", lambda: count("GET", PROPERTIES)),
            probed(
                "subscription types",
                lambda: count("GET", f"{PREFERENCES}/definitions"),
            ),
        )

    def audiences(self) -> list[Audience]:
        found = [Audience(id=EVERYBODY, label="All contacts")]
        found += [
            Audience(
                id=f"{LIST}:{id_in(row, 'listId')}",
                label=str(row.get("name") or ""),
                size=self.total_of(row),
                double_opt_in=False,
            )
            for row in self._lists()
        ]
        with suppress(ScopeError):  # who may not see subscription types is shown none
            found += [
                Audience(
                    id=f"{SUBSCRIPTION}:{id_in(row)}",
                    label=f"{row.get('name') or ''} (e-mail subscription type)",
                    double_opt_in=False,
                )
                for row in self.types
                if not row.get("isInternal")
            ]
        return found

    def _lists(self) -> Iterator[Row]:
        def read(offset: int) -> tuple[list[Row], int | None]:
            payload = list_search(offset)
            body = self.fetch("POST", f"{LISTS}/search", payload=payload)
            rows = rows_in(body, "lists")
            more = body.get("hasMore") and rows
            return rows, offset + len(rows) if more else None

        return all_pages(read, 0)

    @cached_property
    def properties(self) -> list[Field]:
        """The contact properties people see, without the address."""
        return [
            property_of(row)
            for row in rows_in(self.fetch("GET", PROPERTIES), "results")
            if not row.get("hidden") and not row.get("archived")
            if row["name"] != "email"
        ]

    def fields(self, audience_id: str) -> list[Field]:
        return list(self.properties)

    # Reading people.

    def subscriptions(
        self, emails: Sequence[str], audience_id: str
    ) -> list[Subscription]:
        if not emails:
            return []
        kind, number = parts_of(audience_id)
        names: list[str] = []
        with suppress(ScopeError):  # who may not see properties is told no values
            names = [field.id for field in self.properties if not field.read_only]
        found = self.find(emails, names=names)
        members: set[str] = set()
        if kind == LIST:
            members = self._on_list(map(id_in, found.values()), number)

        def stand(email: str) -> Subscription:
            row = found.get(key_of(email))
            known = self.standing(email, row, audience_id)
            told = row["properties"] if row and names else None
            fields = told and filled({name: told.get(name) for name in names})
            if kind == LIST and known.remote_id not in members:
                known = replace(known, status="absent", changed_at=None, detail="")
            return replace(known, fields=fields)

        return [stand(email) for email in emails]

    def _on_list(self, ids: Iterable[str], number: str) -> set[str]:
        """Which of the contacts are on a list."""
        inputs = [
            {"objectTypeId": CONTACT_TYPE, "recordId": id} for id in sorted(set(ids))
        ]
        path = f"{LISTS}/records/memberships/batch/read"
        members: set[str] = set()
        for start in range(0, len(inputs), READ):
            some = {"inputs": inputs[start : start + READ]}
            rows = rows_in(self.fetch("POST", path, payload=some), "results")
            for row in rows:
                lists = row.get("recordListMemberships") or ()
                if number in {str(item.get("listId")) for item in lists}:
                    members.add(id_in(row, "recordId"))
        return members

    def _whole(self, ids: Iterable[str], history: Sequence[str] = ()) -> list[Row]:
        """Records with everything a connection may want of them, of those who have an
        address."""
        wanted = list(ids)
        if not wanted:
            return []
        names = [field.id for field in self.properties]
        rows = self.read(wanted, names=names, history=history)
        return [row for row in rows if row["email"]]

    # What changed.

    def changes(self, audience_id: str, cursor: str) -> Page:
        page = super().changes(audience_id, cursor)
        if page.more or audience_id == EVERYBODY:
            return page
        return replace(page, cursor="")  # nothing tells what changed: walked anew

    def turn(
        self, turn: int, since: str, place: Any, audience_id: str
    ) -> tuple[list[Row], Any]:
        if since:
            return self._changed_since(since, place)
        kind, number = parts_of(audience_id)
        if kind == LIST:
            return self.page(f"{LISTS}/{number}/memberships", place)
        size = SLOW if kind == SUBSCRIPTION else READ
        return self.page(CONTACTS, place, {"limit": size})

    def _changed_since(self, since: str, place: str) -> tuple[list[Row], str]:
        """A place is the time that a search begins at, and how many it leaves out."""
        bound, _, after = (place or since).partition(" ")
        payload = search(millisecond(bound), after)
        body = self.fetch("POST", f"{CONTACTS}/search", payload=payload)
        rows = rows_in(body, "results")
        after = self.following(body, rows, place)
        if not after:
            return rows, ""
        newest = str(dig(rows[-1], "properties", "lastmodifieddate"))
        if millisecond(newest) > millisecond(bound):
            return rows, newest
        if not after.isdigit() or int(after) >= CEILING - READ:
            raise expired()  # more at one moment than a search can show
        return rows, f"{bound} {after}"

    def changed(
        self, rows: Sequence[Row], audience_id: str, since: str
    ) -> Iterable[Change]:
        """Of a subscription type those who subscribed or left; of others everybody."""
        kind, _ = parts_of(audience_id)
        key = "recordId" if kind == LIST else "id"
        for row in self._whole(id_in(row, key) for row in rows):
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
            if thing != "contact" and event.get("objectTypeId") != CONTACT_TYPE:
                continue
            if event.get("objectId") is None:
                continue
            id = str(event["objectId"])
            (gone if what == "deletion" else there).append(id)
            if event.get("propertyName") == "email":
                moved.add(id)
        found = self._whole(there[:READ], history=["email"] if moved else [])
        return [
            *(self._happened(row, id_in(row) in moved) for row in found),
            *(
                Change(
                    email=row["email"], kind="delete", at=moment(row.get("archivedAt"))
                )
                for row in self.read(gone[:READ], archived=True)
                if row["email"]
            ),
        ]

    def _happened(self, row: Row, moved: bool) -> Change:
        """What the record in a webhook tells, with the old address of who has a new
        one."""
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
        url = request.url
        for code, sign in DECODED.items():
            url = url.replace(code, sign).replace(code.lower(), sign)
        signed = f"{request.method}{url}".encode() + request.body + stamp.encode()
        check_signed(self.secrets, signed, b64decode(given).hex())
        if abs(time.time() - int(stamp) / 1000) > MAX_AGE:
            raise CredentialsError("This webhook was signed too long ago.")

    def erase(self, email: str) -> Receipt:
        """Deletes for good under GDPR. Somebody unknown is left alone: HubSpot would
        put the address on its list of blocked ones."""
        rows = self.read(spellings(email), by="email")
        for row in rows:
            person = {"objectId": id_in(row)}
            self.request("POST", f"{CONTACTS}/gdpr-delete", payload=person)
        return self.erased(rows, "Erased for good, with everything tied to it.")


def property_of(row: Mapping[str, Any]) -> Field:
    """A contact property as a field."""
    name, kind = str(row["name"]), kind_of(row)
    fixed = dig(row, "modificationMetadata", "readOnlyValue") or row.get("calculated")
    options = row.get("options") or () if kind.endswith("choice") else ()
    return Field(
        id=name,
        label=str(row.get("label") or name),
        type=kind,
        read_only=bool(fixed or name.startswith(OPT_OUT)),
        options=tuple(str(o["value"]) for o in options if not o.get("hidden")),
    )


def kind_of(row: Mapping[str, Any]) -> str:
    """The type of a property, as `Field` has it."""
    kind, entered = str(row.get("type")), row.get("fieldType")
    if kind != "enumeration":
        looks = (row["name"], entered, row.get("textDisplayHint"))
        text = next((TEXTS[look] for look in looks if look in TEXTS), "text")
        return TYPES.get(kind, text)
    if entered == "booleancheckbox":
        return "boolean"
    if row.get("externalOptions") or not row.get("options"):
        return "text"  # users and the like, which HubSpot lists elsewhere
    return "multi_choice" if entered == "checkbox" else "choice"


def list_search(offset: int) -> Row:
    """The body that asks for static lists, with their sizes."""
    return {
        "objectTypeId": CONTACT_TYPE,
        "processingTypes": ["MANUAL", "SNAPSHOT"],
        "additionalProperties": ["hs_list_size"],
        "offset": offset,
        "count": PAGE,
    }


def search(since: int, after: str = "", limit: int = READ) -> Row:
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


def millisecond(text: str) -> int:
    """An ISO 8601 time as milliseconds; raises TransientError for none."""
    at = moment(text)
    if at is None:
        raise unreadable("HubSpot")
    return int(at.timestamp() * 1000)
