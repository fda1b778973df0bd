"""GetResponse, API v3 (https://apidocs.getresponse.com/v3 and its description at
https://apireference.getresponse.com, read 2026-11-22; not MAX, which has other hosts).

A contact belongs to one list ("campaign"). The list decides about double opt-in, and a
contact who has not confirmed is not among the contacts. Whoever leaves is removed, and
adding the address again would bring it back, so the removed are searched first; the
search tells why and when somebody was removed.

Adding is answered with 202 and no id: on a list without confirmation the contact shows
up later, which `poll` looks for.

Unverified: the words of refusals; that a removed person who is added to a list with
confirmation is asked again (only done where the rule asks leavers).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from integrations.adapters.base import (
    Audience,
    Change,
    Contact,
    Field,
    Options,
    Outcome,
    OutcomeState,
    Receipt,
    Resource,
    Subscription,
    filled,
)
from integrations.adapters.declare import Credential, Rate
from integrations.adapters.each import awaiting, not_there, synced
from integrations.adapters.errors import Reason, RejectedError, TargetError
from integrations.adapters.getresponse.calls import (
    CONTACTS,
    LISTS,
    GetResponseCalls,
    path_of,
)
from integrations.adapters.rest import Write
from integrations.adapters.shapes import Row, as_text, dig, id_in
from integrations.adapters.shared import moment
from integrations.adapters.stepping import stepped

WALK = 50  # contacts of a walk that are then read one by one
TURNS = ("deletedOn", "changedOn", "createdOn")  # of a walk; the first has the last
EVENTS = {
    "contact_added": ("upsert", "subscribed"),
    "contact_custom_field_changed": ("upsert", "subscribed"),
    "contact_removed_link": ("status", "unsubscribed"),
    "contact_removed_bounce": ("status", "bounced"),
}
TYPES = {"number", "date", "datetime", "phone", "url"}
SEVERAL = {"checkbox", "multi_select"}


class GetResponse(GetResponseCalls):
    slug = "getresponse"
    label = "GetResponse"
    kind = "esp"
    credentials = (
        Credential(
            name="api_key",
            label="API key",
            help_text="GetResponse: Tools, Integrations & API, API. A key that was not "
            "used for 90 days stops working.",
        ),
    )
    field_noun = "custom field"
    opt_in = "list"
    asked_are_absent = True
    batch_size = 20
    concurrency = 5  # of 10
    rate = Rate(calls=30_000, seconds=600)
    reset_headers = ("x-ratelimit-reset",)
    notice = (
        "New contacts start on day 0 of the list's autoresponders. Webhooks are set up "
        "in GetResponse itself."
    )
    exit_effect = "Removed from the list."
    glyph = "GR"
    docs_url = "https://www.getresponse.com/help/where-do-i-find-the-api-key.html"
    features = frozenset({"tags", "update_existing", "reconfirm"})
    home = "https://api.getresponse.com"

    reasons = (
        ("blacklist|blocklist", Reason.COMPLIANCE),
        ("custom", Reason.FIELD_TYPE),
        ("email", Reason.ADDRESS_INVALID),
    )

    me_path, account_keys = "/v3/accounts", ("companyName",)
    probed = (CONTACTS, "/v3/custom-fields")
    audience_path, count_path, count_by = LISTS, CONTACTS, "query[campaignId]"
    most_counted = 30
    field_path = "/v3/custom-fields"
    erasing = (
        "Removed from all lists. GetResponse keeps a record of removed contacts, which "
        "only GetResponse itself can erase: ask its support."
    )

    id_key, state_key = "contactId", ""
    states = {  # by the reason of somebody's removal
        **{"unsubscribe": "unsubscribed", "api": "unsubscribed"},  # ours, or another's
        **{"bounce": "bounced", "complaint": "complained"},
    }
    left_keys, time_keys = ("deletedOn", "changedOn"), TURNS
    tags_key = "tags"
    own_fields = (Field(id="name", label="Name", type="name"),)
    custom_key = "customFieldValues"

    unknown_as = "Not on this list."
    asked_as = "GetResponse asks them to confirm."

    turns, whole_turns = len(TURNS), 1
    since_format = "%Y-%m-%dT%H:%M:%S+0000"

    # Reading the account.

    def resources(self) -> tuple[Resource, ...]:
        return self.probe("lists", LISTS), *super().resources()

    def audience_of(self, row: Row) -> Audience:
        """A list's mode costs a call."""
        id, label = id_in(row, "campaignId"), str(row.get("name", ""))
        return Audience(id=id, label=label, double_opt_in=self.asks(id))

    def field_of(self, row: Row) -> Field:
        """Custom fields belong to the account and are known by their id."""
        kind = str(row.get("valueType") or row.get("type"))
        form = row.get("format") or row.get("fieldType")
        options = tuple(str(value) for value in row.get("values") or ())
        type = kind if kind in TYPES else "text"
        if options:
            type = "multi_choice" if form in SEVERAL else "choice"
        return Field(
            id=str(row["customFieldId"]),
            label=str(row.get("name", "")),
            type=type,
            options=options,
        )

    # A person: one of the contacts, or one of those whom a search finds as `hidden`.

    def status_of(self, row: Row, audience_id: str) -> str:
        if row.get("hidden") == "removed":
            return self.states.get(str(row.get("reason")), "archived")
        return "pending" if "hidden" in row else "subscribed"

    def values_of(self, row: Row) -> dict[str, object]:
        values: dict[str, object] = {"name": row.get("name")}
        for item in row.get(self.custom_key) or ():
            written = item.get("value") or [None]
            several = item.get("fieldType") in SEVERAL
            values[str(item.get("customFieldId"))] = written if several else written[0]
        return filled(values)

    def tags_of(self, row: Row) -> tuple[str, ...]:
        return tuple(str(tag.get("name")) for tag in row.get(self.tags_key) or ())

    def record_of(self, contact: Contact) -> Row:
        record = super().record_of(contact)
        if custom := record.pop(self.custom_key, None):
            record[self.custom_key] = [
                {"customFieldId": id, "value": value} for id, value in custom.items()
            ]
        return record

    def custom_value(self, value: object) -> list[str]:
        items = value if isinstance(value, (list, tuple)) else [value]
        return [as_text(item) for item in items]

    def standing(self, email: str, row: Row | None, audience_id: str) -> Subscription:
        known = super().standing(email, row, audience_id)
        if row is None or "hidden" not in row:
            return known
        why = ""
        if row["hidden"] == "removed":
            why = f"Removed from the list: {row.get('reason') or 'no reason given'}."
        return replace(known, remote_id="", detail=why, fields=None, tags=None)

    # Looking people up.

    def find_one(self, email: str, audience_id: str) -> Row | None:
        """Who has yet to confirm is not looked for: added again, they still have."""
        there = self.contacts(email, audience_id)
        return there[0] if there else self.hidden("removed", email, audience_id)

    def _now(self, email: str, audience_id: str, *, whole: bool) -> Subscription:
        """`whole`: with custom values, which searches lack."""
        there = self.contacts(email, audience_id)
        row = there[0] if there else None
        if row and whole:
            row = self.maybe(path_of(row))  # or removed just now
        for kind in ("unconfirmed", "removed"):
            row = row or self.hidden(kind, email, audience_id)
        return self.standing(email, row, audience_id)

    def subscriptions(
        self, emails: Sequence[str], audience_id: str
    ) -> list[Subscription]:
        return [self._now(email, audience_id, whole=True) for email in emails]

    def poll(self, job: str, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        """Nothing until all of them have turned up."""
        outcomes = []
        for email in emails:
            known = self._now(email, audience_id, whole=False)
            if known.status == "absent":
                return []
            outcomes.append(self.settled(known))
        return outcomes

    # Writing.

    def upsert(
        self, contacts: Sequence[Contact], audience_id: str, options: Options
    ) -> list[Outcome]:
        emails = " ".join(contact.email for contact in contacts)
        self._job = hashlib.sha256(emails.encode()).hexdigest()[:16]
        return super().upsert(contacts, audience_id, options)

    def ready(self, audience_id: str) -> None:
        self.asks(audience_id)

    def ask_again(self, write: Write) -> Outcome | None:
        return self.put(write) if self.asks(write.audience_id) else None

    def put(self, write: Write) -> Outcome:
        row = self.record_of(write.contact)
        if write.tags:
            row["tags"] = [{"tagId": self.tag(tag)} for tag in write.tags]
        if write.known.remote_id:
            return self._update(write.known.remote_id, row)
        new = {
            "email": write.email,
            "campaign": {"campaignId": write.audience_id},
            "dayOfCycle": "0",
            **({"ipAddress": write.contact.ip} if write.contact.ip else {}),
        }
        try:
            self.request("POST", CONTACTS, payload=new | row)
        except RejectedError as error:
            if error.status != 409:  # added before, and not shown yet
                raise
        if self.asks(write.audience_id):
            return awaiting(detail=self.asked_as)
        return Outcome(state=OutcomeState.SUBMITTED, job=self._job)

    def _update(self, id: str, row: Row) -> Outcome:
        """What is left out stays; tags and values are added to those there."""
        parts = {"name": "", self.custom_key: "/custom-fields", "tags": "/tags"}
        with self.still_there():
            for key, part in parts.items():
                if key in row:
                    path = f"{path_of({'contactId': id})}{part}"
                    self.request("POST", path, payload={key: row[key]})
        return synced(id)

    def _delete(self, email: str, audience_id: str = "") -> list[Row]:
        """Removes the contacts of an address from a list, or from all."""
        found = self.contacts(email, audience_id)
        for row in found:
            with suppress(TargetError):
                self.request("DELETE", path_of(row))
        return found

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        def leave(email: str) -> Outcome:
            there = self._delete(email, audience_id)
            return synced() if there else not_there(self.unknown_as)

        return self.each(emails, leave)

    def erase(self, email: str) -> Receipt:
        return self.erased(self._delete(email), self.erasing)

    # Changes.

    def turn(
        self, turn: int, since: str, place: str, audience_id: str
    ) -> tuple[list[Row], str]:
        """First all contacts, by the time they were added. Later who was removed,
        changed or added since."""
        by = TURNS[turn] if since else "createdOn"
        if by == "deletedOn":
            page = int(place or 1)
            rows = self.searched("removed", audience_id, page=page)
            more = len(rows) == self.page_size
            recent = [row for row in rows if str(row.get(by) or "") >= since]
            return recent, str(page + 1) if more else ""

        def read(start: datetime | None, mark: str) -> tuple[list[Row], str]:
            params: dict[str, str | int] = {
                "query[campaignId]": audience_id,
                f"sort[{by}]": "ASC",
                self.size_param: WALK,
            }
            if start:
                params[f"query[{by}][from]"] = f"{start:{self.since_format}}"
            page = int(mark or 1)
            rows, _ = self.page(CONTACTS, page, params)
            return rows, str(page + 1) if len(rows) == WALK else ""

        return stepped(read, by, since, place)

    def changed(
        self, rows: Sequence[Row], audience_id: str, since: str
    ) -> Iterator[Change]:
        """Lists hold no custom values, so each contact is read on its own. Of those who
        were removed, only who is not back has changed."""
        for row in rows:
            if "hidden" in row:
                if not self.contacts(row["email"], audience_id):
                    yield self.change(row, audience_id, "status")
            elif whole := self.maybe(path_of(row)):
                yield self.change(whole, audience_id)

    def heard(self, event: Row) -> Iterator[Change]:
        """Unsigned: their documentation wants a secret in the address."""
        name, person = str(event.get("type")), event.get("contact") or {}
        if name in EVENTS and person.get("email"):
            kind, status = EVENTS[name]
            to = str(dig(person, "campaign", "campaignId") or "")
            at = moment(dig(event, "event", "occurredAt"))
            yield self.change(person, to, kind, status=status, at=at)
