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

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from integrations.adapters.base import (
    Audience,
    Change,
    Field,
    Incoming,
    Outcome,
    OutcomeState,
    Reading,
    Receipt,
    Resource,
    Subscription,
)
from integrations.adapters.calls import Sign, audience
from integrations.adapters.declare import Credential, Rate
from integrations.adapters.each import key_of, probed, rejected, synced
from integrations.adapters.errors import (
    Reason,
    RejectedError,
    ScopeError,
    TargetError,
)
from integrations.adapters.http import Answer, Params
from integrations.adapters.sendgrid.people import (
    LOOK_UP,
    RESERVED,
    SendGridPeople,
    is_on_list,
    posted,
    problem,
    values_of,
)
from integrations.adapters.shapes import Row, dig, id_in
from integrations.adapters.shared import check_secret_url, json_body

HOMES = {"global": "https://api.sendgrid.com", "eu": "https://api.eu.sendgrid.com"}
TYPES = {"Number": "number", "Date": "date"}
HOOKS = "/v3/user/webhooks/event/settings"


class SendGrid(SendGridPeople):
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

    @property
    def home(self) -> str:
        return HOMES.get(self.secrets.get("region", ""), HOMES["global"])

    signs = (  # the words are the field that an error is about
        Sign("list_ids", TargetError),
        Sign("email", RejectedError, Reason.ADDRESS_INVALID),
        Sign("custom_fields", RejectedError, Reason.FIELD_TYPE),
    )

    size_param, page_size = "page_size", 1000
    place_param, rows_key = "page_token", "result"

    def explain(self, answer: Answer) -> str:
        message, field = problem(answer)
        return self.safe(f"{field}: {message}" if field else message)

    def told(self, answer: Answer) -> str:
        return problem(answer)[1]

    def following(self, body: Row, rows: list[Row], place: Any) -> str:
        url = urlsplit(str(dig(body, "_metadata", "next") or ""))
        token = (parse_qs(url.query).get("page_token") or [""])[0]
        return "" if token == place else token  # the last page may lead to itself

    def verify(self) -> Reading:
        scopes = self.fetch("GET", "/v3/scopes").get("scopes") or []
        may_write = any(
            name.startswith("marketing.") and not name.endswith(".read")
            for name in scopes
        )
        identity = "SendGrid"
        with suppress(ScopeError):  # a key for marketing alone may not
            identity = str(self.fetch("GET", "/v3/user/email").get("email") or "")
        resources = [
            self._probe("lists", "/v3/marketing/lists", {"page_size": 1}, may_write),
            self._probe("contacts", "/v3/marketing/contacts/count", None, may_write),
            self._probe(
                "suppressions", "/v3/suppression/unsubscribes", {"limit": 1}, None
            ),
        ]
        return Reading(identity=identity, resources=tuple(resources))

    def _probe(
        self, name: str, path: str, params: Params | None, writable: bool | None
    ) -> Resource:
        def count() -> int | None:
            body = self.request("GET", path, params=params)
            if not isinstance(body, (dict, list)):
                raise self._unreadable(None)
            return body.get("contact_count") if isinstance(body, dict) else None

        return probed(name, count, writable or None)

    def audiences(self) -> list[Audience]:
        rows = self.rows("/v3/marketing/lists")
        return [audience(row, row.get("contact_count")) for row in rows]

    def fields(self, audience_id: str) -> list[Field]:
        """Fields belong to the account: reserved ones go by name, others by id."""
        body = self._definitions
        reserved = [
            Field(
                id=str(row["name"]),
                label=str(row["name"]).replace("_", " ").capitalize(),
                type=RESERVED[row["name"]],
                read_only=bool(row.get("read_only")),
            )
            for row in body.get("reserved_fields") or ()
            if row.get("name") in RESERVED
        ]
        return reserved + [
            Field(
                id=str(row["id"]),
                label=str(row.get("name", "")),
                type=TYPES.get(str(row.get("field_type")), "text"),
            )
            for row in body.get("custom_fields") or ()
        ]

    def _values(self, contact: Mapping[str, Any]) -> dict[str, object]:
        custom = contact.get("custom_fields")
        return values_of(contact, self._definitions if custom else {})

    @cached_property
    def _definitions(self) -> Row:
        return self.fetch("GET", "/v3/marketing/field_definitions")

    def poll(self, job: str, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        """A job that went wrong for some names them only in a file elsewhere: who is on
        the list by then is done. As many others as were refused are those; else they
        are sent again."""
        path = f"/v3/marketing/contacts/imports/{quote(job, safe='')}"
        try:
            found = self.fetch("GET", path)
        except TargetError:
            forgotten = Outcome(
                state=OutcomeState.RETRY,
                reason=Reason.SERVER,
                detail="SendGrid no longer knows the job.",
            )
            return [forgotten for _ in emails]
        status = found.get("status")
        # Done for some only, whatever the word for it.
        errors = (found.get("results") or {}).get("errored_count")
        if status == "completed" and not errors:
            return [synced() for _ in emails]
        if status not in ("completed", "errored", "failed"):
            return []
        known = self._search([key_of(email) for email in emails])
        detail = "SendGrid's job did not take this contact."
        missing = rejected(Reason.REFUSED, detail)
        rows = [known.get(key_of(email), {}) for email in emails]
        absent = sum(not is_on_list(row, audience_id) for row in rows)
        if len(emails) > 1 and absent != errors:
            missing = Outcome(
                state=OutcomeState.RETRY, reason=Reason.REFUSED, detail=detail
            )
        return [
            synced(row.get("id")) if is_on_list(row, audience_id) else missing
            for row in rows
        ]

    def subscriptions(
        self, emails: Sequence[str], audience_id: str
    ) -> list[Subscription]:
        keys = [key_of(email) for email in emails]
        if not keys:
            return []
        left, known = self._suppressed(keys), self._search(keys)
        found = []
        for email, key in zip(emails, keys, strict=True):
            row = known.get(key, {})
            here = is_on_list(row, audience_id)
            found.append(
                Subscription(
                    email=email,
                    status=left.get(key) or ("subscribed" if here else "absent"),
                    remote_id=str(row.get("id") or ""),
                    fields=self._values(row) if row else None,
                )
            )
        return found

    def webhook(self, request: Incoming) -> list[Change]:
        """The address given to SendGrid ends in ?secret=..., see above."""
        check_secret_url(request, self.secrets)
        rows = json_body(request)
        if not isinstance(rows, list):
            raise RejectedError("This is not a SendGrid webhook.")
        return [change for row in rows for change in posted(row)]

    def add_webhook(self, url: str, audience_id: str) -> dict[str, str]:
        """For the whole account: SendGrid has none for a list."""
        hook = {
            **{"enabled": True, "url": url, "friendly_name": "contactsync"},
            **{"unsubscribe": True, "spam_report": True, "bounce": True},
            **dict.fromkeys(("group_resubscribe", "group_unsubscribe"), False),
            **dict.fromkeys(("delivered", "deferred", "processed", "open"), False),
            **dict.fromkeys(("click", "dropped"), False),
        }
        made = self.fetch("POST", HOOKS, payload=hook)
        return {"webhook_id": str(made.get("id") or "")}

    def remove_webhook(self, webhook_id: str, audience_id: str) -> None:
        self.request("DELETE", f"{HOOKS}/{quote(webhook_id, safe='')}")

    def erase(self, email: str) -> Receipt:
        key = key_of(email)
        row = self._search([key]).get(key)
        if row:
            ids: Params = {"ids": id_in(row)}
            self.request("DELETE", "/v3/marketing/contacts", params=ids)
        kept = str((row or {}).get("email") or key)
        erased = {"email_addresses": list(dict.fromkeys((key, kept)))}
        self.fetch("POST", "/v3/recipients/erasejob", payload=erased)
        return Receipt(
            ok=True,
            note="SendGrid took the job: the contact and the data of mails to them are "
            "deleted. A suppression stays, so that they are not mailed again.",
        )
