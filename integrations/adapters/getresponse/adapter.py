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
from datetime import UTC, datetime, timedelta
from typing import Any

from integrations.adapters.base import (
    Audience,
    Change,
    Contact,
    Field,
    Incoming,
    Options,
    Outcome,
    OutcomeState,
    Page,
    Reading,
    Receipt,
    Subscription,
    filled,
)
from integrations.adapters.declare import Credential, Rate
from integrations.adapters.each import (
    awaiting,
    forms,
    not_there,
    synced,
)
from integrations.adapters.errors import (
    Reason,
    RejectedError,
    TargetError,
    TransientError,
)
from integrations.adapters.getresponse.calls import (
    CONTACTS,
    GetResponseCalls,
    path_of,
)
from integrations.adapters.http import Params
from integrations.adapters.rest import Write
from integrations.adapters.shapes import Row, dig
from integrations.adapters.shared import (
    check_secret_url,
    expired,
    json_body,
    moment,
    parse_place,
    to_place,
)

WALK = 50  # contacts of a walk that are then read one by one
SIZED = 30  # lists that are counted
OVERLAP = timedelta(minutes=5)
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

    def verify(self) -> Reading:
        account = self.fetch("GET", "/v3/accounts")
        return Reading(
            identity=str(account.get("email", "")),
            account_name=str(account.get("companyName") or ""),
            resources=(
                self.probe("lists", "/v3/campaigns"),
                self.probe("contacts", CONTACTS),
                self.probe("custom fields", "/v3/custom-fields"),
            ),
        )

    def audiences(self) -> list[Audience]:
        """A list's mode costs a call, and so does a size, which only the first have."""
        found = []
        for number, row in enumerate(self.rows("/v3/campaigns")):
            id, size = str(row["campaignId"]), None
            if number < SIZED:
                params: Params = {"query[campaignId]": id, self.size_param: 1}
                _, size = self.counted(CONTACTS, params)
            label, asks = str(row.get("name", "")), self.asks(id)
            found.append(Audience(id=id, label=label, size=size, double_opt_in=asks))
        return found

    def fields(self, audience_id: str) -> list[Field]:
        """Custom fields belong to the account and are known by their id."""
        return [*self.own_fields, *map(_field, self.rows("/v3/custom-fields"))]

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
        return [str(v).lower() if isinstance(v, bool) else str(v) for v in items]

    def standing(self, email: str, row: Row | None, audience_id: str) -> Subscription:
        known = super().standing(email, row, audience_id)
        if row is None or "hidden" not in row:
            return known
        why = ""
        if row["hidden"] == "removed":
            why = f"Removed from the list: {row.get('reason') or 'no reason given'}."
        return replace(known, remote_id="", detail=why, fields=None, tags=None)

    def find_one(
        self, email: str, audience_id: str, *hidden: str, whole: bool = False
    ) -> Row | None:
        """Who is waiting to confirm is only looked for as one of the `hidden`. `whole`:
        with custom values, which searches lack."""
        if found := self.contacts(email, audience_id):
            row = self.maybe(path_of(found[0])) if whole else found[0]
            # Or removed just now, and looked up again.
            return row or self.find_one(email, audience_id, *hidden)
        for kind in hidden or ("removed",):
            searched = (
                self.searched(kind, audience_id, email=form) for form in forms(email)
            )
            if rows := [row for some in searched for row in some]:
                return max(rows, key=lambda row: str(row.get("deletedOn") or ""))
        return None

    def _now(self, email: str, audience_id: str, *, whole: bool) -> Subscription:
        hidden = ("unconfirmed", "removed")
        row = self.find_one(email, audience_id, *hidden, whole=whole)
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
        path = path_of({"contactId": id})
        parts = {"name": "", self.custom_key: "/custom-fields", "tags": "/tags"}
        try:
            for key, part in parts.items():
                if key in row:
                    self.request("POST", f"{path}{part}", payload={key: row[key]})
        except TargetError:
            raise TransientError("Removed from GetResponse just now.") from None
        return synced(id)

    def _delete(self, rows: Sequence[Row]) -> int:
        for row in rows:
            with suppress(TargetError):
                self.request("DELETE", path_of(row))
        return len(rows)

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        def leave(email: str) -> Outcome:
            removed = self._delete(self.contacts(email, audience_id))
            return synced() if removed else not_there(self.unknown_as)

        return self.each(emails, leave)

    def erase(self, email: str) -> Receipt:
        removed = self._delete(self.contacts(email))
        return self.erased(
            removed,
            f"Removed from {removed} lists. GetResponse keeps a record of removed "
            "contacts, which only GetResponse itself can erase: ask its support.",
        )

    def changes(self, audience_id: str, cursor: str) -> Page:
        """First all contacts, by the time they were added. Later who was removed,
        changed or added since. Lists hold no custom values, so each contact is read on
        its own."""
        start = f"{datetime.now(UTC) - OVERLAP:%Y-%m-%dT%H:%M:%S+0000}"
        first: list[Any] = [len(TURNS) - 1, "", 1, "", start]
        place = parse_place(cursor, int, str, int, str, str) or first
        turn, since, page, origin, begun = place
        if not 0 <= turn < len(TURNS):
            raise expired()
        by, reached = TURNS[turn], since
        if by == "deletedOn":
            rows = self.searched("removed", audience_id, page=page)
            changes = tuple(self._gone(rows, since, audience_id))
            more = len(rows) == self.page_size
        else:
            try:
                rows = self._walked(by, since, page, audience_id)
            except RejectedError as error:
                raise expired() if cursor else error from None
            details = filter(None, (self.maybe(path_of(row)) for row in rows))
            changes = tuple(self.change(row, audience_id) for row in details)
            more = len(rows) == WALK
            reached = max(since, *(str(row.get(by) or "") for row in rows), "")
        if more and reached > since:
            place = [turn, reached, 1, origin, begun]
        elif more:  # more in one second than a page holds
            place = [turn, since, page + 1, origin, begun]
        elif more := turn + 1 < len(TURNS):
            place = [turn + 1, origin, 1, origin, begun]
        else:
            place = [0, begun, 1, begun, start]
        return Page(
            changes=changes, cursor=to_place(*place), complete=not origin, more=more
        )

    def _gone(
        self, rows: Sequence[Row], since: str, audience_id: str
    ) -> Iterator[Change]:
        """Who was removed since, and is not back."""
        for row in rows:
            recent = str(row.get("deletedOn") or "") >= since
            if recent and not self.contacts(row["email"], audience_id):
                yield self.change(row, audience_id, "status")

    def _walked(self, by: str, since: str, page: int, audience_id: str) -> list[Row]:
        params: Params = {
            "query[campaignId]": audience_id,
            f"sort[{by}]": "ASC",
            **{self.size_param: WALK, self.place_param: page},
            **({f"query[{by}][from]": since} if since else {}),
        }
        return self.counted(CONTACTS, params)[0]

    def webhook(self, request: Incoming) -> list[Change]:
        """Unsigned: their documentation wants a secret in the address. One event, or
        a list of them."""
        check_secret_url(request, self.secrets)
        body = json_body(request)
        events = body if isinstance(body, list) else [body]
        return [change for event in events for change in self._heard(event)]

    def _heard(self, event: Any) -> Iterator[Change]:
        name, person = str(dig(event, "type")), dig(event, "contact") or {}
        if name in EVENTS and person.get("email"):
            kind, status = EVENTS[name]
            to = str(dig(person, "campaign", "campaignId") or "")
            at = moment(dig(event, "event", "occurredAt"))
            yield self.change(person, to, kind, status=status, at=at)


def _field(row: Row) -> Field:
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
