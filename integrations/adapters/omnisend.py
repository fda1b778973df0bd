"""Omnisend, REST API version 2026-03-15 (api-docs.omnisend.com, read 2026-11-22).

An address is subscribed, unsubscribed or nonSubscribed. The last one has never been
asked (a buyer, say): a signup may subscribe them. Bounces and spam reports are reasons
for unsubscribed (support.omnisend.com, article 4219894), which the API does not give.
POST /contacts updates who is there already and would subscribe them again, so everybody
is looked up before. The time of the signup goes along with the status: Omnisend ignores
a status older than the one it has, so who left after signing up stays away even when
the look-up did not see it yet. The API deletes nobody, segments are filled by rules of
Omnisend's own, and custom properties have no list: the newest contacts show them.

Unverified: that the address is compared with its case, as version 5 says (it is looked
up as it was entered and in lower case; "Ann@" is then not found for "ann@"); whether
tags of an update replace the others (all are sent); that a status sent without a time
counts from now; whether a key may read the brand; the names in `errors[].field`; the
headers of a 429 (older versions send x-rate-limit-reset in seconds, this one documents
`retryAfter` in the body); and whether the search for changes lags behind. Phone numbers
are left out: what they do to a text message subscription is unverified, too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from integrations.adapters.answer import retry_after
from integrations.adapters.base import (
    Audience,
    Field,
    Outcome,
    Resource,
    filled,
)
from integrations.adapters.declare import Credential, Rate
from integrations.adapters.each import not_there, rejected, spellings, synced
from integrations.adapters.errors import (
    AdapterError,
    Reason,
    ScopeError,
    TargetError,
    TransientError,
)
from integrations.adapters.http import Answer
from integrations.adapters.rest import Rest, Write
from integrations.adapters.shapes import Row, dig, rows_in
from integrations.adapters.shared import moment

VERSION = "2026-03-15"
CONTACTS = "/api/contacts"
TIME = "%Y-%m-%dT%H:%M:%SZ"
NEVER = "nonSubscribed"
STATES = ("unsubscribed", "subscribed", NEVER)  # the strictest first


class Omnisend(Rest):
    slug = "omnisend"
    label = "Omnisend"
    kind = "esp"
    credentials = (
        Credential(
            name="api_key",
            label="API key",
            help_text="Omnisend: Store settings, API keys, Create API key, with the "
            "permission for contacts.",
        ),
    )
    field_noun = "property"
    opt_in = "none"
    rate = Rate(calls=400, seconds=60)
    notice = (
        "Where a welcome automation is switched on in Omnisend, it mails new contacts."
    )
    exit_effect = (
        "Unsubscribed from e-mail in Omnisend; text messages stay as they are."
    )
    glyph = "Om"
    docs_url = "https://support.omnisend.com/en/articles/1061890"
    features = frozenset({"tags", "update_existing", "free_fields"})
    home = "https://api.omnisend.com"
    reset_headers = ("x-rate-limit-reset",)

    reasons = (
        (r"^identifiers[^:]*\.id:", Reason.ADDRESS_INVALID),
        (r"^(customProperties|\w*Name|birthdate|gender)\b", Reason.FIELD_TYPE),
        (r"^(address|city|state|postalCode|country\w*)\b", Reason.FIELD_TYPE),
    )

    key_header = ("Authorization", "Omnisend-API-Key {api_key}")
    more_headers = {"Omnisend-Version": VERSION}

    size_param, page_size, place_param = "limit", 250, "after"

    me_path = "/api/brands/current"
    identity_keys, account_keys = ("brandID",), ("name",)
    walk_path = CONTACTS
    walk_params = {"sort": "updatedAt", "direction": "asc"}
    since_param, since_format = "updatedAtFrom", TIME

    state_key = ""
    states = {"unsubscribed": "unsubscribed", "subscribed": "subscribed"}
    time_keys = ("updatedAt",)
    tags_key = "tags"
    own_fields = (
        Field(id="firstName", label="First name", type="name"),
        Field(id="lastName", label="Last name", type="name"),
        Field(id="birthdate", label="Birthdate", type="date"),
        Field(id="gender", label="Gender", type="choice", options=("f", "m")),
        Field(id="address", label="Address"),
        Field(id="city", label="City"),
        Field(id="state", label="State"),
        Field(id="postalCode", label="Postal code", type="zip"),
        Field(id="country", label="Country"),
        Field(id="countryCode", label="Country code"),
    )
    custom_key, custom_texts = "customProperties", False

    known_as = "A contact already"
    unknown_as = "Not a contact in Omnisend."

    def explain(self, answer: Answer) -> str:
        rows = self.faults(answer)
        words = [f"{row.get('field')}: {row.get('message')}" for row in rows]
        return self.safe("; ".join(words)) or super().explain(answer)

    def error_from(self, answer: Answer) -> AdapterError:
        error = super().error_from(answer)
        if isinstance(error, TransientError) and error.retry_after is None:
            wait = answer.object().get("retryAfter", "")
            error.retry_after = retry_after(str(wait))  # some answers have it
        return error

    def following(self, body: Row, rows: list[Row], place: Any) -> str:
        more = dig(body, "paging", "hasMore")
        return str(dig(body, "paging", "cursors", "after") or "") if more else ""

    def me(self) -> Row:
        """Contacts are all we need; the brand only tells a name."""
        rows_in(self.fetch("GET", CONTACTS, params={"limit": 1}), "contacts")
        try:
            return super().me()
        except ScopeError:
            return {}

    def resources(self) -> tuple[Resource, ...]:
        return (Resource(name="contacts", readable=True, writable=None),)

    def audiences(self) -> list[Audience]:
        return [Audience(id="all", label="All contacts", double_opt_in=False)]

    def fields(self, audience_id: str) -> list[Field]:
        newest, _ = self.page(CONTACTS, "", {"sort": "updatedAt", "direction": "desc"})
        names = {field.id for field in self.own_fields}
        custom = {
            name: Field(id=name, label=name, type=_type(value))
            for row in reversed(newest)
            for name, value in (row.get(self.custom_key) or {}).items()
            if name not in names
        }
        return [*self.own_fields, *(custom[name] for name in sorted(custom))]

    def _find(self, email: str) -> list[Row]:
        """Contacts with this address; one who left comes first."""
        asked = dict.fromkeys((email.strip(), *spellings(email)))
        pages = [self.fetch("GET", CONTACTS, params={"email": each}) for each in asked]
        rows = [row for page in pages for row in rows_in(page, "contacts")]
        return sorted(rows, key=lambda row: (*STATES, "").index(_state(row)))

    def find_one(self, email: str, audience_id: str) -> Row | None:
        return next(iter(self._find(email)), None)

    def status_of(self, row: Row, audience_id: str) -> str:
        return self.states.get(_state(row), "unknown")

    def detail_of(self, row: Row, audience_id: str) -> str:
        never = _state(row) == NEVER
        return "Known to Omnisend, but never subscribed." if never else ""

    def left_at(self, row: Row, audience_id: str) -> datetime | None:
        return moment(_email_status(row).get("statusChangedAt"))

    def put(self, write: Write) -> Outcome:
        row = write.row or {}
        body = self._body(write, row)
        if _state(row) == NEVER or not row:
            body["identifiers"] = [_signup(write)]
        if not body:
            return synced(write.known.remote_id)
        if row:
            after = self._patch(row, body)
        else:
            after = self.fetch("POST", CONTACTS, payload=body)
        if after is None:
            raise TransientError("Omnisend deleted this contact just now.")
        if _state(after) == NEVER:
            return rejected(Reason.REFUSED, "Omnisend did not subscribe them.")
        return self.settled(self.standing(write.email, after, write.audience_id))

    def _body(self, write: Write, row: Row) -> Row:
        body = self.record_of(write.contact)
        had = row.get("tags") or []
        if not set(write.tags) <= set(had):
            body["tags"] = list(dict.fromkeys((*had, *write.tags)))
        return body

    def _patch(self, row: Row, body: Mapping[str, object]) -> Row | None:
        """The contact after the update, None when it is not there any more."""
        key = quote(str(row.get("id", "")), safe="")
        try:
            return self.fetch("PATCH", f"{CONTACTS}/{key}", payload=body)
        except TargetError as error:
            if error.status != 404:
                raise
            return None

    def turn(
        self, turn: int, since: str, place: Any, audience_id: str
    ) -> tuple[list[Row], Any]:
        """The mark of a further page carries order and filter itself."""
        if place:
            return self.page(CONTACTS, place)
        return super().turn(turn, since, place, audience_id)

    def belongs(self, row: Row, audience_id: str) -> bool:
        """Some have a phone number only."""
        return bool(row.get("email"))

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        return self.each(emails, self._leave)

    def _leave(self, email: str) -> Outcome:
        done: Outcome | None = None
        for row in self._find(email):
            if _state(row) != "unsubscribed":
                one = _identifier(row.get("email") or email, {"status": "unsubscribed"})
                after = self._patch(row, {"identifiers": [one]})
                if after is not None and _state(after) != "unsubscribed":
                    return rejected(Reason.REFUSED, "Omnisend still mails them.")
            done = synced(row.get("id"))
        return done or not_there(self.unknown_as)


def _email_status(row: Row) -> Row:
    rows = [each for each in row.get("statuses") or () if each["channel"] == "email"]
    return rows[0] if rows else {}


def _state(row: Row) -> str:
    """One of `STATES`, the strictest where the contact says two; "" for none."""
    said = (row.get("status"), _email_status(row).get("status"))
    return next((state for state in STATES if state in said), "")


def _identifier(email: str, channel: Mapping[str, str]) -> Row:
    return {"type": "email", "id": email, "channels": {"email": channel}}


def _signup(write: Write) -> Row:
    """The address as subscribed at the signup. Where Omnisend met the person before,
    but after that, a second after, or it would ignore the status; who leaves from now
    on is later still."""
    contact, row = write.contact, write.row or {}
    at, known = contact.signed_up_at, write.known.changed_at
    if known and (at is None or at <= known):
        at = known + timedelta(seconds=1)
    channel = {"status": "subscribed"} | ({"statusChangedAt": _time(at)} if at else {})
    identifier = _identifier(row.get("email") or write.email, channel)
    if contact.signed_up_at:
        consent = {"createdAt": _time(contact.signed_up_at), "ip": contact.ip}
        identifier["consent"] = {"source": "contactsync", **filled(consent)}
    return identifier


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime(TIME)


def _type(value: object) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    date = isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value)
    return "date" if date else "text"
