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
    Change,
    Contact,
    Field,
    Options,
    Outcome,
    Page,
    Reading,
    Resource,
    Subscription,
    filled,
)
from integrations.adapters.consent import left
from integrations.adapters.declare import Credential, Rate
from integrations.adapters.each import (
    EachContact,
    again,
    existing,
    not_there,
    rejected,
    spellings,
    synced,
)
from integrations.adapters.errors import (
    AdapterError,
    Reason,
    RejectedError,
    ScopeError,
    TargetError,
    TransientError,
)
from integrations.adapters.http import Answer, Params
from integrations.adapters.shapes import rows_in
from integrations.adapters.shared import expired, moment, parse_place, to_place

VERSION = "2026-03-15"
CONTACTS = "/api/contacts"
PAGE = 250
NEVER = "nonSubscribed"
STATES = ("unsubscribed", "subscribed", NEVER)  # the strictest first
STANDARD = (
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
NAMES = frozenset(field.id for field in STANDARD)


class Omnisend(EachContact):
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

    def headers(self) -> dict[str, str]:
        key = self.secrets.get("api_key", "")
        return {
            "Authorization": f"Omnisend-API-Key {key}",
            "Omnisend-Version": VERSION,
        }

    def explain(self, answer: Answer) -> str:
        rows = answer.object().get("errors")
        words = [
            f"{row.get('field')}: {row.get('message')}"
            for row in (rows if isinstance(rows, list) else ())
            if isinstance(row, dict)
        ]
        return self.safe("; ".join(words)) or super().explain(answer)

    def error_from(self, answer: Answer) -> AdapterError:
        error = super().error_from(answer)
        if isinstance(error, TransientError) and error.retry_after is None:
            wait = answer.object().get("retryAfter", "")
            error.retry_after = retry_after(str(wait))  # some answers have it
        return error

    def reason_of(self, error: RejectedError) -> Reason:
        field = error.detail.partition(":")[0]
        if field.startswith("identifiers") and field.endswith(".id"):
            return Reason.ADDRESS_INVALID
        if re.split(r"[.\[]", field)[0] in NAMES | {"customProperties"}:
            return Reason.FIELD_TYPE
        return error.reason

    def verify(self) -> Reading:
        rows_in(self._page({"limit": 1}), "contacts")
        try:
            brand = self.fetch("GET", "/api/brands/current")
        except ScopeError:  # contacts are all we need
            brand = {}
        return Reading(
            identity=str(brand.get("brandID") or ""),
            account_name=str(brand.get("name") or ""),
            resources=(Resource(name="contacts", readable=True, writable=None),),
        )

    def audiences(self) -> list[Audience]:
        return [Audience(id="all", label="All contacts", double_opt_in=False)]

    def fields(self, audience_id: str) -> list[Field]:
        page = self._page({"limit": PAGE, "sort": "updatedAt", "direction": "desc"})
        custom = {
            name: Field(id=name, label=name, type=_type(value))
            for row in reversed(rows_in(page, "contacts"))
            for name, value in (row.get("customProperties") or {}).items()
            if name not in NAMES
        }
        return [*STANDARD, *(custom[name] for name in sorted(custom))]

    def write(self, contact: Contact, audience_id: str, options: Options) -> Outcome:
        rows = self._find(contact.email)
        row = rows[0] if rows else {}
        body = _body(contact, options, row)
        if not row:
            body["identifiers"] = [_signup(contact, {})]
            return self._settled(self.fetch("POST", CONTACTS, payload=body), contact)
        gone = left(_subscription(contact.email, row), self.label)
        if gone:
            return gone
        if not options.update_existing:
            return existing(
                row.get("id"),
                "A contact already",
            )
        if _state(row) == NEVER:
            body["identifiers"] = [_signup(contact, row)]
        if not body:
            return synced(row.get("id"))
        answer = self._patch(row, body)
        if answer is None:
            return again(TransientError("Omnisend deleted this contact just now."))
        return self._settled(answer, contact)

    def _settled(self, row: Mapping[str, Any], contact: Contact) -> Outcome:
        """What the contact, as it is after the write, makes of a signup."""
        gone = left(_subscription(contact.email, row), self.label)
        if gone or _state(row) != NEVER:
            return gone or synced(row.get("id"))
        return rejected(Reason.REFUSED, "Omnisend did not subscribe them.")

    def _patch(
        self, row: Mapping[str, Any], body: Mapping[str, object]
    ) -> dict[str, Any] | None:
        """The contact after the update, None when it is not there any more."""
        key = quote(str(row.get("id", "")), safe="")
        try:
            return self.fetch("PATCH", f"{CONTACTS}/{key}", payload=body)
        except TargetError as error:
            if error.status != 404:
                raise
            return None

    def _find(self, email: str) -> list[dict[str, Any]]:
        """Contacts with this address; one who left comes first."""
        asked = dict.fromkeys((email.strip(), *spellings(email)))
        pages = [self._page({"email": spelling}) for spelling in asked]
        rows = [row for page in pages for row in rows_in(page, "contacts")]
        return sorted(rows, key=lambda row: (*STATES, "").index(_state(row)))

    def _page(self, params: Params) -> dict[str, Any]:
        return self.fetch("GET", CONTACTS, params=params)

    def subscriptions(
        self, emails: Sequence[str], audience_id: str
    ) -> list[Subscription]:
        found = [(email, self._find(email)) for email in emails]
        return [
            _subscription(email, rows[0])
            if rows
            else Subscription(email=email, status="absent")
            for email, rows in found
        ]

    def changes(self, audience_id: str, cursor: str) -> Page:
        newest, after, complete = parse_place(cursor, str, str, bool) or ("", "", True)
        params: dict[str, str | int] = {"limit": PAGE}
        if after:  # carries order and filter itself
            params["after"] = after
        else:
            params |= {"sort": "updatedAt", "direction": "asc"}
            params |= {"updatedAtFrom": newest} if newest else {}
        try:
            page = self._page(params)
        except RejectedError:
            if after:
                raise expired() from None
            raise
        rows = rows_in(page, "contacts")
        newest = str(rows[-1].get("updatedAt") or newest) if rows else newest
        paging = page.get("paging") or {}
        after = str((paging.get("cursors") or {}).get("after") or "")
        more = bool(paging.get("hasMore") and after)
        return Page(
            changes=tuple(
                _change(row, audience_id) for row in rows if row.get("email")
            ),
            cursor=to_place(newest, after if more else "", complete and more)
            if newest or more
            else "",
            complete=complete,
            more=more,
        )

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
        return done or not_there("Not a contact in Omnisend.")


def _email_status(row: Mapping[str, Any]) -> Mapping[str, Any]:
    rows = [each for each in row.get("statuses") or () if each["channel"] == "email"]
    return rows[0] if rows else {}


def _identifier(email: str, channel: Mapping[str, str]) -> dict[str, object]:
    return {"type": "email", "id": email, "channels": {"email": channel}}


def _state(row: Mapping[str, Any]) -> str:
    """One of `STATES`, the strictest where the contact says two; "" for none."""
    said = (row.get("status"), _email_status(row).get("status"))
    return next((state for state in STATES if state in said), "")


def _subscription(email: str, row: Mapping[str, Any]) -> Subscription:
    state = _state(row)
    return Subscription(
        email=email,
        status=state if state in STATES[:2] else "unknown",
        changed_at=moment(_email_status(row).get("statusChangedAt")),
        remote_id=str(row.get("id") or ""),
        detail="Known to Omnisend, but never subscribed." if state == NEVER else "",
        fields=_values(row),
        tags=_tags(row),
    )


def _values(row: Mapping[str, Any]) -> dict[str, object]:
    standard = {name: row.get(name) for name in NAMES}
    return filled({**(row.get("customProperties") or {}), **standard})


def _tags(row: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(map(str, row.get("tags") or ()))


def _signup(contact: Contact, row: Mapping[str, Any]) -> dict[str, object]:
    """The address as subscribed at the signup. Where Omnisend met the person (`row`)
    after that, a second after, or it would ignore the status; who leaves from now on
    is later still."""
    at, known = contact.signed_up_at, _subscription("", row).changed_at
    if known and (at is None or at <= known):
        at = known + timedelta(seconds=1)
    channel = {"status": "subscribed"} | ({"statusChangedAt": _time(at)} if at else {})
    identifier = _identifier(row.get("email") or contact.email.strip(), channel)
    if contact.signed_up_at:
        consent = {"createdAt": _time(contact.signed_up_at), "ip": contact.ip}
        identifier["consent"] = {"source": "contactsync", **filled(consent)}
    return identifier


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _body(
    contact: Contact, options: Options, row: Mapping[str, Any]
) -> dict[str, object]:
    values = filled(contact.fields)
    body: dict[str, object] = {
        name: str(value) for name, value in values.items() if name in NAMES
    }
    custom = {name: value for name, value in values.items() if name not in NAMES}
    if custom:
        body["customProperties"] = custom
    tags = (*options.tags, *contact.tags)
    had = row.get("tags") or []
    if not set(tags) <= set(had):
        body["tags"] = list(dict.fromkeys((*had, *tags)))
    return body


def _type(value: object) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    date = isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value)
    return "date" if date else "text"


def _change(row: Mapping[str, Any], audience_id: str) -> Change:
    return Change(
        email=str(row["email"]),
        kind="upsert",
        status=_subscription("", row).status,
        fields=_values(row),
        tags=_tags(row),
        at=moment(row.get("updatedAt")),
        audience_id=audience_id,
    )
