"""Twilio SendGrid, Marketing contacts in API v3 (https://github.com/twilio/sendgrid-oai,
Twilio's own descriptions, read 2026-11-22).

A contact belongs to the account and is on any number of lists; there is no double
opt-in. Writing is a job: 202 with a job_id, followed by `poll`. A write is accepted for
everybody, and SendGrid itself never mails an address on its suppression lists (global
unsubscribes, bounces, spam reports). We read those first, so that nothing is written to
who left and the outcome can say so.

What is not offered here: changes since a time (a search answers 50 contacts at most and
has no pages; whole lists come only as files of another host), and the signature of the
event webhook (ECDSA, which the standard library cannot verify): its address carries a
secret instead.

Unverified: Marketing contacts at the EU host (documented for the global one only);
names of the fields in errors, from which a reason is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from typing import Any
from urllib.parse import quote

from integrations.adapters import consent
from integrations.adapters.base import (
    Change,
    Contact,
    Field,
    Options,
    Outcome,
    OutcomeState,
    Reading,
    Receipt,
    Resource,
    Subscription,
)
from integrations.adapters.calls import Place, Sign
from integrations.adapters.declare import Credential, Rate
from integrations.adapters.each import (
    by_address,
    existing,
    key_of,
    look_ups,
    probed,
    rejected,
    spellings,
    synced,
)
from integrations.adapters.errors import (
    Reason,
    RejectedError,
    ScopeError,
    TargetError,
)
from integrations.adapters.http import Answer, Params
from integrations.adapters.rest import Rest
from integrations.adapters.shapes import Row, dig, id_in, row_in
from integrations.adapters.shared import moment

HOMES = {"global": "https://api.sendgrid.com", "eu": "https://api.eu.sendgrid.com"}
LISTS, CONTACTS = "/v3/marketing/lists", "/v3/marketing/contacts"
GLOBAL = "/v3/asm/suppressions/global"
LOOK_UP = 100  # addresses a search takes
SUPPRESSED_PAGE = 500
FEW = 3  # addresses that are looked up one by one
# What a suppression list means, the gravest first, and where one address is looked up.
LEFT = (
    ("complained", "/v3/suppression/spam_reports", "/v3/suppression/spam_reports"),
    ("bounced", "/v3/suppression/bounces", "/v3/suppression/bounces"),
    ("unsubscribed", "/v3/suppression/unsubscribes", GLOBAL),
)
RESERVED = {
    **{"first_name": "text", "last_name": "text", "phone_number_id": "phone"},
    **{"address_line_1": "text", "address_line_2": "text", "city": "text"},
    **{"state_province_region": "text", "postal_code": "zip", "country": "text"},
}
EVENTS = {
    "unsubscribe": "unsubscribed",
    "spamreport": "complained",
    "bounce": "bounced",
}


class SendGrid(Rest):
    slug = "sendgrid"
    label = "SendGrid"
    kind = "esp"
    credentials = (
        Credential(
            name="api_key",
            label="API key",
            help_text="SendGrid: Settings, API Keys, with full access to Marketing and "
            "to Suppressions.",
            placeholder="SG....",
        ),
        Credential(
            name="region",
            label="Region",
            help_text="Where the account's data is kept.",
            secret=False,
            required=False,
            options={"global": "Global", "eu": "European Union"},
        ),
    )
    field_noun = "custom field"
    opt_in = "none"
    batch_size = LOOK_UP
    rate = Rate(calls=600, seconds=60)
    notice = "SendGrid takes contacts as a job: it can be minutes until they are there."
    exit_effect = "Added to SendGrid's global unsubscribes: no marketing mail at all."
    glyph = "SG"
    docs_url = "https://www.twilio.com/docs/sendgrid/ui/account-and-settings/api-keys"
    features = frozenset({"update_existing"})
    reset_headers = ("x-ratelimit-reset",)

    signs = (  # the words are the field that an error is about
        Sign("list_ids", TargetError),
        Sign("email", RejectedError, Reason.ADDRESS_INVALID),
        Sign("custom_fields", RejectedError, Reason.FIELD_TYPE),
    )

    size_param, page_size = "page_size", 1000
    place_param, rows_key = "page_token", "result"
    next_keys = ("_metadata", "next")

    audience_path, size_key = LISTS, "contact_count"
    hook_path = "/v3/user/webhooks/event/settings"
    erasing = (
        "SendGrid took the job: the contact and the data of mails to them are deleted. "
        "A suppression stays, so that they are not mailed again."
    )

    own_fields = tuple(
        Field(id=name, label=name.replace("_", " ").capitalize(), type=kind)
        for name, kind in RESERVED.items()
    )
    field_keys = ("id", "name", "field_type")
    field_types = {"Number": "number", "Date": "date"}
    custom_key, custom_texts = "custom_fields", False

    @property
    def home(self) -> str:
        return HOMES.get(self.secrets.get("region", ""), HOMES["global"])

    def _fault(self, answer: Answer) -> Row:
        return next(iter(self.faults(answer)), {})

    def explain(self, answer: Answer) -> str:
        fault = self._fault(answer)
        told = (fault.get("field"), fault.get("message"))
        return self.safe(": ".join(str(part) for part in told if part))

    def told(self, answer: Answer) -> str:
        return str(self._fault(answer).get("field"))

    def following(self, body: Row, rows: list[Row], place: Any) -> Place | None:
        ahead = super().following(body, rows, place)
        return None if ahead == place else ahead  # the last page may lead to itself

    # Reading the account.

    def verify(self) -> Reading:
        scopes = self.fetch("GET", "/v3/scopes").get("scopes") or []
        marketing = [name for name in scopes if name.startswith("marketing.")]
        writes = any(not name.endswith(".read") for name in marketing) or None
        me: Row = {"email": self.label}
        with suppress(ScopeError):  # a key for marketing alone may not
            me = self.fetch("GET", "/v3/user/email")
        left = "/v3/suppression/unsubscribes"
        return Reading(
            identity=str(me.get("email") or ""),
            resources=(
                self._probe("lists", LISTS, {"page_size": 1}, writes),
                self._probe("contacts", f"{CONTACTS}/count", {}, writes),
                self._probe("suppressions", left, {"limit": 1}, None),
            ),
        )

    def _probe(
        self, name: str, path: str, params: Params, writable: bool | None
    ) -> Resource:
        def count() -> int | None:
            body = self.request("GET", path, params=params)
            if not isinstance(body, (dict, list)):
                raise self._unreadable(None)
            found: int | None = dig(body, "contact_count")
            return found

        return probed(name, count, writable)

    @cached_property
    def _definitions(self) -> Row:
        return self.fetch("GET", "/v3/marketing/field_definitions")

    def fields(self, audience_id: str) -> list[Field]:
        """Fields belong to the account: reserved ones go by name, others by id."""
        own = {field.id: field for field in self.own_fields}
        reserved = [
            replace(own[row["name"]], read_only=bool(row.get("read_only")))
            for row in self._definitions.get("reserved_fields") or ()
            if row.get("name") in own
        ]
        custom = self._definitions.get("custom_fields") or ()
        return [*reserved, *filter(None, map(self.field_of, custom))]

    # People.

    def values_of(self, row: Row) -> dict[str, object]:
        """SendGrid names custom fields here, and takes them by their ids."""
        named = row.get("custom_fields") or {}
        known = self._definitions.get("custom_fields") or () if named else ()
        ids = {field.get("name"): str(field["id"]) for field in known}
        custom = {ids[name]: value for name, value in named.items() if name in ids}
        return super().values_of({**row, "custom_fields": custom})

    def _search(self, emails: Iterable[str]) -> dict[str, Row]:
        """Contacts by their address in lower case; who is none is not in it."""
        found: dict[str, Row] = {}
        for some in look_ups(emails, LOOK_UP):
            try:
                path = f"{CONTACTS}/search/emails"
                body = self.fetch("POST", path, payload={"emails": some})
            except TargetError:  # none of them
                continue
            for email, row in row_in(body, "result").items():
                if "contact" in row:
                    found[key_of(email)] = row_in(row, "contact")
        return found

    def _suppressed(self, emails: Sequence[str]) -> dict[str, str]:
        """Addresses in lower case -> the gravest reason they are not mailed."""
        found: dict[str, str] = {}
        for status, whole, single in LEFT:
            there = self._whole(whole) if len(emails) > FEW else None
            if there is None:
                there = {email for email in emails if self._is_on(single, email)}
            found = {email: status for email in emails if email in there} | found
        return found

    def _whole(self, path: str) -> set[str] | None:
        """A suppression list, None for one that is longer than a page."""
        rows = self.request("GET", path, params={"limit": SUPPRESSED_PAGE})
        if not isinstance(rows, list):
            raise self._unreadable(None)
        if len(rows) >= SUPPRESSED_PAGE:
            return None
        return {key_of(id_in(row, "email")) for row in rows}

    def _is_on(self, path: str, email: str) -> bool:
        """Whether a suppression list has the address: it answers with it, or empty."""
        for form in spellings(email):
            try:
                body = self.request("GET", f"{path}/{quote(form, safe='')}")
            except TargetError:
                continue
            if not isinstance(body, (dict, list)):
                raise self._unreadable(None)
            if body:
                return True
        return False

    def subscriptions(
        self, emails: Sequence[str], audience_id: str
    ) -> list[Subscription]:
        keys = [key_of(email) for email in emails]
        left, known = self._suppressed(keys), self._search(keys)

        def standing(email: str, key: str) -> Subscription:
            row = known.get(key, {})
            here = "subscribed" if _is_on_list(row, audience_id) else "absent"
            return Subscription(
                email=email,
                status=left.get(key, here),
                remote_id=str(row.get("id") or ""),
                fields=self.values_of(row) if row else None,
            )

        return list(map(standing, emails, keys))

    # Writing.

    def upsert(
        self, contacts: Sequence[Contact], audience_id: str, options: Options
    ) -> list[Outcome]:
        people = by_address(contacts)
        outcomes: dict[str, Outcome] = {}
        for key, status in self._suppressed(list(people)).items():
            gone = Subscription(email=key, status=status)
            if refused := consent.left(gone, self.label):
                outcomes[key] = refused
        staying = [key for key in people if key not in outcomes]
        leave = not options.update_existing
        # An address of two forms has to be written in the one that is there.
        known = self._search(k for k in staying if leave or len(spellings(k)) > 1)
        rows: dict[str, Row] = {}
        for key in staying:
            row = known.get(key, {})
            if leave and _is_on_list(row, audience_id):
                outcomes[key] = existing(row.get("id"))
            else:
                values = {} if leave and row else self.record_of(people[key])
                rows[key] = {"email": str(row.get("email") or key), **values}
        if rows:
            body = {"list_ids": [audience_id], "contacts": list(rows.values())}
            job = id_in(self.fetch("PUT", CONTACTS, payload=body), "job_id")
            submitted = Outcome(state=OutcomeState.SUBMITTED, job=job)
            outcomes |= dict.fromkeys(rows, submitted)
        return [outcomes[key_of(contact.email)] for contact in contacts]

    def poll(self, job: str, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        """A job that went wrong for some names them only in a file elsewhere: who is on
        the list by then is done. As many others as were refused are those; else they
        are sent again."""
        found = self.maybe(self.at(f"{CONTACTS}/imports/{{id}}", "", job))
        if found is None:
            detail = "SendGrid no longer knows the job."
            return [_later(Reason.SERVER, detail) for _ in emails]
        status = found.get("status")
        # Done for some only, whatever the word for it.
        errors = dig(found, "results", "errored_count")
        if status not in ("completed", "errored", "failed"):
            return []
        if status == "completed" and not errors:
            return [synced() for _ in emails]
        known = self._search(emails)
        rows = [known.get(key_of(email), {}) for email in emails]
        here = [_is_on_list(row, audience_id) for row in rows]
        refused = len(emails) == 1 or here.count(False) == errors
        outcome = rejected if refused else _later
        missing = outcome(Reason.REFUSED, "SendGrid's job did not take this contact.")
        pairs = zip(rows, here, strict=True)
        return [synced(row.get("id")) if there else missing for row, there in pairs]

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        try:
            return self._suppress(emails) if emails else []
        except RejectedError:  # of one of them, who must not keep the others
            return self.each(emails, lambda email: self._suppress([email])[0])

    def _suppress(self, emails: Sequence[str]) -> list[Outcome]:
        """Addresses, and of those with two forms also the one that is there."""
        keys = [key_of(email) for email in emails]
        known = self._search(key for key in keys if len(spellings(key)) > 1)
        kept = [str(row.get("email") or key) for key, row in known.items()]
        body = {"recipient_emails": list(dict.fromkeys([*keys, *kept]))}
        self.fetch("POST", GLOBAL, payload=body)
        return [synced() for _ in emails]

    def erase(self, email: str) -> Receipt:
        key = key_of(email)
        row = self._search([key]).get(key, {})
        if row:
            self.request("DELETE", CONTACTS, params={"ids": id_in(row)})
        forms = list(dict.fromkeys((key, str(row.get("email") or key))))
        payload = {"email_addresses": forms}
        self.fetch("POST", "/v3/recipients/erasejob", payload=payload)
        return Receipt(ok=True, note=self.erasing)

    # Webhooks: the address given to SendGrid ends in ?secret=..., see above.

    def hook(self, url: str, audience_id: str) -> Row:
        """For the whole account: SendGrid has none for a list."""
        return {
            **{"enabled": True, "url": url, "friendly_name": "contactsync"},
            **{"unsubscribe": True, "spam_report": True, "bounce": True},
            **dict.fromkeys(("group_resubscribe", "group_unsubscribe"), False),
            **dict.fromkeys(("delivered", "deferred", "processed", "open"), False),
            **dict.fromkeys(("click", "dropped"), False),
        }

    def events_in(self, body: Any) -> list[Row]:
        return super().events_in(body if isinstance(body, list) else None)

    def heard(self, event: Row) -> Iterator[Change]:
        """A "blocked" bounce is one for the moment."""
        email, name = event.get("email"), str(event.get("event"))
        status = EVENTS.get(name)
        blocked = name == "bounce" and event.get("type") == "blocked"
        if email and status and not blocked:
            at = moment(event.get("timestamp"))
            yield Change(email=str(email), kind="status", status=status, at=at)


def _is_on_list(row: Mapping[str, Any], audience_id: str) -> bool:
    return audience_id in (row.get("list_ids") or ())


def _later(reason: Reason, detail: str) -> Outcome:
    return Outcome(state=OutcomeState.RETRY, reason=reason, detail=detail)
