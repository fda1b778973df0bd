"""Finding and writing SendGrid's contacts, and who is not to be written to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from integrations.adapters import consent
from integrations.adapters.base import (
    Change,
    Contact,
    Options,
    Outcome,
    OutcomeState,
    Subscription,
    filled,
)
from integrations.adapters.calls import RestCalls
from integrations.adapters.each import (
    by_address,
    existing,
    key_of,
    spellings,
    synced,
)
from integrations.adapters.errors import RejectedError, TargetError
from integrations.adapters.http import Answer, Params
from integrations.adapters.shapes import Row, id_in, row_in
from integrations.adapters.shared import moment

LOOK_UP = 100  # addresses a search takes
SUPPRESSED_PAGE = 500
FEW = 3  # addresses that are looked up one by one
# What a suppression list means, the gravest first, and where one address is looked up.
LEFT = (
    ("complained", "/v3/suppression/spam_reports", "/v3/suppression/spam_reports"),
    ("bounced", "/v3/suppression/bounces", "/v3/suppression/bounces"),
    ("unsubscribed", "/v3/suppression/unsubscribes", "/v3/asm/suppressions/global"),
)
RESERVED = {
    **{"first_name": "text", "last_name": "text", "phone_number_id": "phone"},
    **{"address_line_1": "text", "address_line_2": "text", "city": "text"},
    **{"state_province_region": "text", "postal_code": "zip", "country": "text"},
}
EVENTS = {"unsubscribe": "unsubscribed", "spamreport": "complained"}


class SendGridPeople(RestCalls):
    """The writing half of the adapter."""

    def upsert(
        self, contacts: Sequence[Contact], audience_id: str, options: Options
    ) -> list[Outcome]:
        people = by_address(contacts)
        outcomes = self._left(list(people)) if people else {}
        staying = [email for email in people if email not in outcomes]
        leave = not options.update_existing
        # An address of two forms has to be written in the one that is there.
        asked = [key for key in staying if leave or len(spellings(key)) > 1]
        known = self._search(asked)
        rows = []
        for key in staying:
            contact = known.get(key, {})
            if leave and is_on_list(contact, audience_id):
                outcomes[key] = existing(str(contact.get("id") or ""))
            else:
                kept = str(contact.get("email") or key)
                fields = {} if leave and contact else people[key].fields
                rows.append(row_of(kept, fields))
        if rows:
            body = {"list_ids": [audience_id], "contacts": rows}
            job = self.fetch("PUT", "/v3/marketing/contacts", payload=body)
            submitted = Outcome(state=OutcomeState.SUBMITTED, job=id_in(job, "job_id"))
            outcomes |= {key_of(str(row["email"])): submitted for row in rows}
        return [outcomes[key_of(contact.email)] for contact in contacts]

    def _left(self, emails: Sequence[str]) -> dict[str, Outcome]:
        """The outcomes of those who left, by their address."""
        found = {}
        for email, status in self._suppressed(emails).items():
            standing = Subscription(email=email, status=status)
            if outcome := consent.left(standing, self.label):
                found[email] = outcome
        return found

    def _suppressed(self, emails: Sequence[str]) -> dict[str, str]:
        """Addresses in lower case -> the gravest reason they are not mailed."""
        found: dict[str, str] = {}
        for status, whole, single in LEFT:
            rows: list[Any] | None = None
            if len(emails) > FEW:
                rows = self._array(whole, {"limit": SUPPRESSED_PAGE})
            if rows is None or len(rows) >= SUPPRESSED_PAGE:
                there = {
                    email
                    for email in emails
                    if any(self._is_on(single, form) for form in spellings(email))
                }
            else:
                there = {key_of(id_in(row, "email")) for row in rows}
            for email in emails:
                if email in there:
                    found.setdefault(email, status)
        return found

    def _array(self, path: str, params: Params) -> list[Any]:
        rows = self.request("GET", path, params=params)
        if not isinstance(rows, list):
            raise self._unreadable(None)
        return rows

    def _is_on(self, path: str, email: str) -> bool:
        """Whether a suppression list has the address: it answers with it, or empty."""
        try:
            body = self.request("GET", f"{path}/{quote(email, safe='')}")
        except TargetError:
            return False
        if not isinstance(body, (dict, list)):
            raise self._unreadable(None)
        return bool(body)

    def _search(self, emails: Sequence[str]) -> dict[str, Row]:
        """Contacts by their address in lower case; who is none is not in it."""
        found: dict[str, Row] = {}
        asked = [form for email in emails for form in spellings(email)]
        for start in range(0, len(asked), LOOK_UP):
            wanted = {"emails": asked[start : start + LOOK_UP]}
            path = "/v3/marketing/contacts/search/emails"
            try:
                body = self.fetch("POST", path, payload=wanted)
            except TargetError:  # none of them
                continue
            for email, row in row_in(body, "result").items():
                if "contact" in row:
                    found[key_of(email)] = row_in(row, "contact")
        return found

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        if not emails:
            return []
        try:
            return self._suppress(emails)
        except RejectedError:  # of one of them, who must not keep the others
            return self.each(emails, lambda email: self._suppress([email])[0])

    def _suppress(self, emails: Sequence[str]) -> list[Outcome]:
        forms = [form for email in emails for form in self._forms(email)]
        body = {"recipient_emails": forms}
        self.fetch("POST", "/v3/asm/suppressions/global", payload=body)
        return [synced() for _ in emails]

    def _forms(self, email: str) -> list[str]:
        """The address, and of one with two forms also the one that is there."""
        key = key_of(email)
        known = self._search([key]) if len(spellings(key)) > 1 else {}
        kept = (str(row.get("email") or key) for row in known.values())
        return list(dict.fromkeys((key, *kept)))


def is_on_list(contact: Mapping[str, Any] | None, audience_id: str) -> bool:
    return audience_id in ((contact or {}).get("list_ids") or ())


def problem(answer: Answer) -> tuple[str, str]:
    """Message and field of the first error."""
    rows = answer.object().get("errors")
    row = rows[0] if isinstance(rows, list) and rows else {}
    if not isinstance(row, dict):
        return "", ""
    field = row.get("field")
    return str(row.get("message") or ""), field if isinstance(field, str) else ""


def row_of(email: str, fields: Mapping[str, object]) -> dict[str, object]:
    values = filled(fields)
    row: dict[str, object] = {"email": email}
    row |= {name: str(value) for name, value in values.items() if name in RESERVED}
    if custom := {k: v for k, v in values.items() if k not in RESERVED}:
        row["custom_fields"] = custom
    return row


def values_of(
    contact: Mapping[str, Any], definitions: Mapping[str, Any]
) -> dict[str, object]:
    """A contact's values by our field ids; SendGrid names custom ones here, and takes
    them by their ids."""
    ids = {
        row.get("name"): str(row["id"])
        for row in definitions.get("custom_fields") or ()
    }
    custom = contact.get("custom_fields") or {}
    return filled(
        {name: contact.get(name) for name in RESERVED}
        | {ids[name]: value for name, value in custom.items() if name in ids}
    )


def posted(row: Any) -> list[Change]:
    """The change in one event; a "blocked" bounce is one for the moment."""
    if not isinstance(row, dict) or not row.get("email"):
        return []
    status = EVENTS.get(str(row.get("event")))
    if row.get("event") == "bounce" and row.get("type") != "blocked":
        status = "bounced"
    if status is None:
        return []
    at = moment(row.get("timestamp"))
    return [Change(email=str(row["email"]), kind="status", status=status, at=at)]
