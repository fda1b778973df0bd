"""Finding, writing and removing contacts of a GetResponse list."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from typing import Any
from urllib.parse import quote

from integrations.adapters import consent
from integrations.adapters.answer import reset_after
from integrations.adapters.base import (
    Contact,
    Options,
    Outcome,
    OutcomeState,
    Receipt,
    Subscription,
    filled,
)
from integrations.adapters.each import (
    EachContact,
    awaiting,
    existing,
    forms,
    key_of,
    not_there,
    synced,
)
from integrations.adapters.errors import (
    AdapterError,
    Reason,
    RejectedError,
    TargetError,
    TransientError,
)
from integrations.adapters.getresponse.wire import (
    LEFT,
    change_of,
    contact_path,
    search,
    texts,
)
from integrations.adapters.http import Answer, Params
from integrations.adapters.paging import all_pages
from integrations.adapters.shapes import id_in, row_in, unreadable
from integrations.adapters.shared import moment

PAGE = 1000


class GetResponsePeople(EachContact):
    """The half of the adapter that deals with single people."""

    def error_from(self, answer: Answer) -> AdapterError:
        error = super().error_from(answer)
        if isinstance(error, TransientError) and error.retry_after is None:
            # "X-RateLimit-Reset: 600 seconds"
            left = answer.headers.get("x-ratelimit-reset", "").partition(" ")[0]
            error.retry_after = reset_after(left)
        return error

    def reason_of(self, error: RejectedError) -> Reason:
        words = error.detail.lower()
        if "blacklist" in words or "blocklist" in words:
            return Reason.COMPLIANCE
        if "custom" in words:
            return Reason.FIELD_TYPE
        return Reason.ADDRESS_INVALID if "email" in words else error.reason

    def rows(self, path: str, params: Params) -> tuple[list[dict[str, Any]], int]:
        """A page, and how many rows there are in all."""
        answer = self.send("GET", path, params=params)
        total = answer.headers.get("totalcount", "")
        rows = self._listed(self.parsed(answer))
        return rows, int(total) if total.isdigit() else len(rows)

    def _listed(self, rows: Any) -> list[dict[str, Any]]:
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise unreadable(self.label)
        return rows

    def all(self, path: str) -> Iterator[dict[str, Any]]:
        def read(page: int) -> tuple[list[dict[str, Any]], int | None]:
            rows, total = self.rows(path, {"perPage": PAGE, "page": page})
            return rows, page + 1 if page * PAGE < total else None

        return all_pages(read, 1)

    def asks(self, audience_id: str) -> bool:
        """Whether the list asks people who are added over the API to confirm."""
        known = self._modes.get(audience_id)
        if known is None:
            body = self.fetch("GET", f"/v3/campaigns/{quote(audience_id, safe='')}")
            known = id_in(row_in(body, "optinTypes"), "api") == "double"
            self._modes[audience_id] = known
        return known

    @cached_property
    def _modes(self) -> dict[str, bool]:
        return {}

    def find(self, email: str, audience_id: str = "") -> list[dict[str, Any]]:
        """The contacts of an address: of one list, or of all."""
        found = []
        for form in forms(email):
            params = {"query[email]": form, "additionalFlags": "exactMatch"}
            if audience_id:
                params["query[campaignId]"] = audience_id
            found += self.rows("/v3/contacts", params)[0]
        return [
            row
            for row in found
            if key_of(id_in(row, "email")) == key_of(email)
            and audience_id in ("", id_in(row_in(row, "campaign"), "campaignId"))
        ]

    def _standing(
        self, email: str, audience_id: str, *, pending: bool = True
    ) -> Subscription:
        if rows := self.find(email, audience_id):
            return Subscription(
                email=email,
                status="subscribed",
                changed_at=moment(rows[0].get("changedOn")),
                remote_id=id_in(rows[0], "contactId"),
            )
        if pending and self._hidden("unconfirmed", email, audience_id):
            return Subscription(email=email, status="pending")
        if removed := self._hidden("removed", email, audience_id):
            last = max(removed, key=lambda row: str(row.get("deletedOn") or ""))
            why = str(last.get("reason") or "")
            return Subscription(
                email=email,
                status=LEFT.get(why, "archived"),
                changed_at=moment(last.get("deletedOn")),
                detail=f"Removed from the list: {why or 'no reason given'}.",
            )
        return Subscription(email=email, status="absent")

    def _hidden(self, kind: str, email: str, audience_id: str) -> list[dict[str, Any]]:
        searched = [self.searched(kind, audience_id, email=it) for it in forms(email)]
        return [row for rows in searched for row in rows]

    def searched(
        self, kind: str, audience_id: str, *, email: str = "", page: int = 1
    ) -> list[dict[str, Any]]:
        """Contacts of one kind that `GET /contacts` does not show."""
        query = search(kind, audience_id, email)
        params: Params = {"perPage": PAGE, "page": page, "sort[createdOn]": "ASC"}
        path = "/v3/search-contacts/contacts"
        return self._listed(self.request("POST", path, params=params, payload=query))

    def subscriptions(
        self, emails: Sequence[str], audience_id: str
    ) -> list[Subscription]:
        return [self._told(email, audience_id) for email in emails]

    def _told(self, email: str, audience_id: str) -> Subscription:
        """Searches show no custom values, so who is there is read as a whole."""
        found = self._standing(email, audience_id)
        if not found.remote_id:
            return found
        try:
            row = self.fetch("GET", contact_path(found.remote_id))
        except TargetError:  # removed just now
            return self._standing(email, audience_id)
        told = change_of(row, audience_id)
        return replace(found, fields=told.fields, tags=told.tags)

    def upsert(
        self, contacts: Sequence[Contact], audience_id: str, options: Options
    ) -> list[Outcome]:
        emails = " ".join(contact.email for contact in contacts)
        self._job = hashlib.sha256(emails.encode()).hexdigest()[:16]
        return super().upsert(contacts, audience_id, options)

    def write(self, contact: Contact, audience_id: str, options: Options) -> Outcome:
        asks = self.asks(audience_id)
        known = self._standing(contact.email, audience_id, pending=False)
        again = asks and consent.may_ask_again(known, contact, options)
        if not again and (refused := consent.left(known, self.label)):
            return refused
        if known.remote_id and not options.update_existing:
            return existing(known.remote_id)
        row = self._row(contact, options)
        if known.remote_id:
            return self._update(known.remote_id, row)
        new = {
            "email": contact.email.strip(),
            "campaign": {"campaignId": audience_id},
            "dayOfCycle": "0",
            **({"ipAddress": contact.ip} if contact.ip else {}),
        }
        try:
            self.request("POST", "/v3/contacts", payload=new | row)
        except RejectedError as error:
            if error.status != 409:  # added before, and not shown yet
                raise
        if asks:
            return awaiting(detail="GetResponse asks them to confirm.")
        return Outcome(state=OutcomeState.SUBMITTED, job=self._job)

    def _row(self, contact: Contact, options: Options) -> dict[str, Any]:
        values = filled(contact.fields)
        row: dict[str, Any] = {"name": values.pop("name")} if "name" in values else {}
        if values:
            row["customFieldValues"] = [
                {"customFieldId": name, "value": texts(value)}
                for name, value in values.items()
            ]
        if tags := dict.fromkeys([*options.tags, *contact.tags]):
            row["tags"] = [{"tagId": self._tag(tag)} for tag in tags]
        return row

    def _tag(self, tag: str) -> str:
        """The id of a tag, which is made when it is not there."""
        name = re.sub(r"[^A-Za-z0-9]", "_", tag)[:64].ljust(2, "_")
        if name.lower() not in self._tags:
            made = self.fetch("POST", "/v3/tags", payload={"name": name})
            self._tags[name.lower()] = id_in(made, "tagId")
        return self._tags[name.lower()]

    @cached_property
    def _tags(self) -> dict[str, str]:
        rows = self.all("/v3/tags")
        return {id_in(row, "name").lower(): id_in(row, "tagId") for row in rows}

    def _update(self, id: str, row: Mapping[str, Any]) -> Outcome:
        """What is left out stays; tags and values are added to those there."""
        path = contact_path(id)
        try:
            if "name" in row:
                self.request("POST", path, payload={"name": row["name"]})
            for key, part in (("customFieldValues", "custom-fields"), ("tags", "tags")):
                if key in row:
                    self.request("POST", f"{path}/{part}", payload={key: row[key]})
        except TargetError:
            raise TransientError("Removed from GetResponse just now.") from None
        return synced(id)

    def poll(self, job: str, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        """Nothing until all of them have turned up."""
        outcomes = []
        for email in emails:
            known = self._standing(email, audience_id)
            if known.status == "absent":
                return []
            if known.status == "pending":
                outcomes.append(awaiting())
            else:
                left = consent.left(known, self.label)
                outcomes.append(left or synced(known.remote_id))
        return outcomes

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        return self.each(emails, lambda email: self._remove(email, audience_id))

    def _remove(self, email: str, audience_id: str) -> Outcome:
        removed = self._delete(self.find(email, audience_id))
        if removed:
            return synced()
        return not_there("Not on this list.")

    def _delete(self, rows: Sequence[Mapping[str, Any]]) -> int:
        for row in rows:
            with suppress(TargetError):
                self.request("DELETE", contact_path(row.get("contactId")))
        return len(rows)

    def erase(self, email: str) -> Receipt:
        removed = self._delete(self.find(email))
        if not removed:
            return Receipt(ok=True, note="On no list of this GetResponse account.")
        return Receipt(
            ok=True,
            note=f"Removed from {removed} lists. GetResponse keeps a record of removed "
            "contacts, which only GetResponse itself can erase: ask its support.",
        )
