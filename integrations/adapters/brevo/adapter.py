"""Brevo, API v3 (https://developers.brevo.com/reference, read 2026-11-22).

A contact belongs to the account and is on any number of lists. emailBlacklisted means
no marketing mail at all, be it for an unsubscribe, a hard bounce or a complaint (the
contact's statistics of the last 90 days tell which); listUnsubscribed has the lists
they left one by one. Both are states, never errors: a write would be accepted, so we
read first and write nothing to who left.

Double opt-in is an endpoint of its own that needs a template holding
{{ params.DOIurl }} and a page to land on, both made in Brevo and entered with the
credentials. Until they click, those asked are no contacts at all.

Unverified: that a changed list membership counts as a modification; how a list that is
not there is reported when a contact is written (told from the words); the bodies of
webhooks beyond the event names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import quote

from integrations.adapters import consent
from integrations.adapters.base import (
    Audience,
    Change,
    Contact,
    Field,
    Incoming,
    Options,
    Outcome,
    Page,
    Reading,
    Receipt,
    Resource,
    Subscription,
    filled,
)
from integrations.adapters.brevo.wire import Person, choices, posted, type_of
from integrations.adapters.declare import Credential, Rate
from integrations.adapters.each import (
    EachContact,
    awaiting,
    existing,
    not_there,
    synced,
)
from integrations.adapters.errors import (
    AdapterError,
    Reason,
    RejectedError,
    ScopeError,
    TargetError,
)
from integrations.adapters.http import Answer, Params
from integrations.adapters.paging import all_pages
from integrations.adapters.shapes import Row, count_in, id_in, rows_in
from integrations.adapters.shared import (
    check_secret_url,
    json_body,
    parse_place,
    to_place,
)

LISTS = 50  # a page of lists
PAGE = 500
STEP_BACK = 50  # rows read again, because others may be deleted meanwhile
OVERLAP = timedelta(minutes=10)
# Kept by Brevo itself.
OURS_NOT = {"DOUBLE_OPT-IN", "OPT_IN"}
WRITABLE = {"normal", "category"}
NO_LIST = re.compile(r"\blist\b.*\b(not exist|not found|invalid)", re.IGNORECASE)
NO_TEMPLATE = re.compile(r"\btemplate|\bredirection", re.IGNORECASE)
BAD_ADDRESS = re.compile(r"(?=.*\bemail\b).*\b(in)?valid\b", re.IGNORECASE)


BY_EMAIL: Params = {"identifierType": "email_id"}


class Brevo(EachContact):
    slug = "brevo"
    label = "Brevo"
    kind = "esp"
    credentials = (
        Credential(
            name="api_key",
            label="API key",
            help_text="Brevo: Settings, SMTP & API, API keys. Allow every IP address "
            "or the one of this server.",
            placeholder="xkeysib-...",
        ),
        Credential(
            name="doi_template",
            label="Double opt-in template",
            help_text="Number of the active template with the confirmation link. Only "
            "needed by rules with double opt-in.",
            secret=False,
            required=False,
            placeholder="5",
        ),
        Credential(
            name="doi_redirect",
            label="Page after confirming",
            help_text="Where people land who clicked the confirmation link.",
            secret=False,
            required=False,
            placeholder="https://example.com/welcome",
        ),
    )
    field_noun = "attribute"
    opt_in = "endpoint"
    batch_size = 50
    concurrency = 2
    rate = Rate(calls=10, seconds=1)
    requirements = (
        "For double opt-in: a template in Brevo that holds {{ params.DOIurl }}.",
    )
    notice = "Brevo drops values that do not fit an attribute's type without saying so."
    exit_effect = "Blocklisted in Brevo: no marketing mail from any list."
    glyph = "B"
    docs_url = "https://help.brevo.com/hc/en-us/articles/209467485"
    features = frozenset({"double_opt_in", "update_existing"})
    home = "https://api.brevo.com"
    reset_headers = ("x-sib-ratelimit-reset",)  # seconds
    asked_are_absent = True

    def headers(self) -> dict[str, str]:
        return {"api-key": self.secrets.get("api_key", "").strip()}

    def error_from(self, answer: Answer) -> AdapterError:
        error = super().error_from(answer)
        if answer.status == 400 and NO_LIST.search(error.detail):
            return TargetError(error.detail, status=400)
        return error

    def reason_of(self, error: RejectedError) -> Reason:
        if "already associated" in error.detail:  # a phone number of somebody else
            return Reason.DUPLICATE
        if BAD_ADDRESS.match(error.detail):
            return Reason.ADDRESS_INVALID
        if "phone number" in error.detail.lower():
            return Reason.FIELD_TYPE
        return error.reason

    def verify(self) -> Reading:
        account = self.fetch("GET", "/v3/account")
        return Reading(
            identity=str(account.get("email", "")),
            account_name=str(account.get("companyName", "")),
            resources=(
                self._probe("lists", "/v3/contacts/lists", {"limit": 1}),
                self._probe("contacts", "/v3/contacts", {"limit": 1}),
                self._probe("attributes", "/v3/contacts/attributes", None),
            ),
        )

    def _probe(self, name: str, path: str, params: Params | None) -> Resource:
        try:
            body = self.fetch("GET", path, params=params)
        except ScopeError as error:
            return Resource(
                name=name, readable=False, writable=None, detail=error.detail
            )
        rows = body.get("attributes") or ()
        count = int(body.get("count") or len(rows))
        return Resource(name=name, readable=True, writable=None, count=count)

    def audiences(self) -> list[Audience]:
        def read(offset: int) -> tuple[list[Row], int | None]:
            params: Params = {"limit": LISTS, "offset": offset}
            body = self.fetch("GET", "/v3/contacts/lists", params=params)
            rows = rows_in(body, "lists")
            reached = offset + len(rows)
            return rows, reached if rows and reached < count_in(body, "count") else None

        return [
            Audience(
                id=str(row["id"]),
                label=str(row.get("name", "")),
                size=row.get("uniqueSubscribers", row.get("totalSubscribers")),
            )
            for row in all_pages(read, 0)
        ]

    @cached_property
    def _attributes(self) -> list[dict[str, Any]]:
        rows = rows_in(self.fetch("GET", "/v3/contacts/attributes"), "attributes")
        return [row for row in rows if row.get("name") != "EMAIL"]

    def fields(self, audience_id: str) -> list[Field]:
        """Attributes belong to the account; options are shown by their labels."""
        return [
            Field(
                id=str(row["name"]),
                label=str(row["name"]),
                type=type_of(row),
                read_only=row.get("category") not in WRITABLE
                or row["name"] in OURS_NOT,
                options=tuple(choices(row) or row.get("multiCategoryOptions") or ()),
            )
            for row in self._attributes
        ]

    def _values(self, contact: Contact) -> dict[str, object]:
        """Attributes as Brevo wants them: a category's option by its number."""
        values = filled(contact.fields)
        if not values:
            return {}
        numbers = {str(row["name"]): choices(row) for row in self._attributes}
        return {
            name: numbers.get(name, {}).get(str(value), value)
            for name, value in values.items()
        }

    def write(self, contact: Contact, audience_id: str, options: Options) -> Outcome:
        number = list_number(audience_id)
        person = self._find(contact.email)
        standing = person.standing(contact.email, audience_id)
        if refused := consent.left(standing, self.label):
            return refused
        on_it = standing.status == "subscribed"
        if on_it and not options.update_existing:
            return existing(standing.remote_id)
        row: dict[str, object] = {"email": contact.email.strip()}
        free = not person.id or options.update_existing
        if free and (values := self._values(contact)):
            row["attributes"] = values
        if options.double_opt_in and not on_it:
            self._ask(row, number)
            return awaiting(person.id, "Brevo asked them to confirm.")
        row |= {"listIds": [number], "updateEnabled": True}
        made = self.request("POST", "/v3/contacts", payload=row)
        new = made.get("id") if isinstance(made, dict) else None
        return synced(person.id or new)

    def _ask(self, row: Mapping[str, object], number: int) -> None:
        template = self.secrets.get("doi_template", "").strip()
        page = self.secrets.get("doi_redirect", "").strip()
        if not template.isdecimal() or not page:
            raise TargetError(
                "This rule has double opt-in: enter the number of the double opt-in "
                "template and the page after confirming with the credentials of this "
                "Brevo account.",
                reason=Reason.TARGET_UNFINISHED,
            )
        more = {
            "includeListIds": [number],
            "templateId": int(template),
            "redirectionUrl": page,
        }
        path = "/v3/contacts/doubleOptinConfirmation"
        try:
            self.request("POST", path, payload={**row, **more})
        except RejectedError as error:
            if NO_TEMPLATE.search(error.detail):  # it refuses everybody
                raise TargetError(
                    error.detail, reason=Reason.TARGET_UNFINISHED, status=error.status
                ) from None
            raise

    def _find(self, email: str) -> Person:
        try:
            body = self.fetch("GET", _path(email), params=BY_EMAIL)
        except TargetError:
            return Person({})
        id_in(body)
        if not isinstance(body.get("emailBlacklisted"), bool):
            raise self._unreadable(None)  # or who left could not be told
        return Person(body)

    def subscriptions(
        self, emails: Sequence[str], audience_id: str
    ) -> list[Subscription]:
        return [self._find(email).standing(email, audience_id) for email in emails]

    def changes(self, audience_id: str, cursor: str) -> Page:
        """All contacts of the account in the order of their creation, of whom those
        are told who are or were on the list."""
        since, began, offset = parse_place(cursor, str, str, int) or ["", "", 0]
        now = datetime.now(UTC) - OVERLAP
        began = began or now.isoformat(timespec="milliseconds")
        params: dict[str, str | int] = {"limit": PAGE, "offset": offset, "sort": "asc"}
        if since:
            params["modifiedSince"] = since
        body = self.fetch("GET", "/v3/contacts", params=params)
        rows = rows_in(body, "contacts")
        more = bool(rows) and offset + len(rows) < count_in(body, "count")
        back = min(STEP_BACK, len(rows) - 1)
        place = [since, began, offset + len(rows) - back] if more else [began, "", 0]
        people = (Person(row) for row in rows)
        return Page(
            changes=tuple(
                p.change(audience_id) for p in people if p.knows(audience_id)
            ),
            cursor=to_place(*place),
            complete=not since,
            more=more,
        )

    def webhook(self, request: Incoming) -> list[Change]:
        """Unsigned, so the address given to Brevo ends in ?secret=..."""
        check_secret_url(request, self.secrets)
        body = json_body(request)
        rows = body if isinstance(body, list) else [body]
        return [
            change for row in rows if isinstance(row, dict) for change in posted(row)
        ]

    def add_webhook(self, url: str, audience_id: str) -> dict[str, str]:
        """For the whole account: Brevo has none for a list."""
        hook = {
            "type": "marketing",
            "url": url,
            "description": "contactsync",
            "events": [
                *("hardBounce", "unsubscribed", "spam", "listAddition"),
                *("contactUpdated", "contactDeleted"),
            ],
        }
        made = self.fetch("POST", "/v3/webhooks", payload=hook)
        return {"webhook_id": str(made.get("id") or "")}

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        """A list's own opt-out cannot be set by the API, and taking people off a list
        leaves no trace of their wish: so they are blocklisted."""

        def leave(email: str) -> Outcome:
            try:
                body = {"emailBlacklisted": True}
                self.request("PUT", _path(email), params=BY_EMAIL, payload=body)
            except TargetError:
                detail = "Not in this account at all."
                return not_there(detail)
            return synced()

        return self.each(emails, leave)

    def erase(self, email: str) -> Receipt:
        try:
            self.request("DELETE", _path(email), params=BY_EMAIL)
        except TargetError:
            return Receipt(ok=True, note="Brevo did not hold this address.")
        return Receipt(
            ok=True, note="Deleted. Brevo keeps the log of mails sent to them."
        )


def list_number(audience_id: str) -> int:
    """The number of a list. Raises TargetError when it is none."""
    if not (audience_id.isascii() and audience_id.isdigit()):
        raise TargetError("Brevo has no such list: choose another.")
    return int(audience_id)


def _path(email: str) -> str:
    return f"/v3/contacts/{quote(email.strip().lower(), safe='')}"
