"""Copper, Developer API v1 (developer.copper.com, read 2026-11-22).

A person is a record whose address is unique. Copper knows no marketing consent: nothing
in its API says whether somebody may be mailed, so nothing of that kind is written.

Unverified: the words of a refused duplicate (any 422 that speaks of a taken address is
one); that minimum_modified_date includes its second (the walk overlaps by one). More
than 200 people changed in one second are read page by page, the only place where
somebody who changes meanwhile could shift another out of sight until the next change.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, time
from functools import cached_property
from typing import Any
from urllib.parse import quote

from integrations.adapters.base import (
    Adapter,
    Audience,
    Change,
    Field,
    Incoming,
    Outcome,
    Page,
    Reading,
    Receipt,
    Subscription,
    filled,
)
from integrations.adapters.declare import Credential, Rate
from integrations.adapters.each import probed, synced
from integrations.adapters.errors import (
    CredentialsError,
    Reason,
    RejectedError,
    TargetError,
    TransientError,
)
from integrations.adapters.rest import Rest, Write
from integrations.adapters.shapes import Row, id_in, rows_in
from integrations.adapters.shared import (
    expired,
    json_body,
    moment,
    parse_place,
    to_place,
)

API = "/developer_api/v1"
PEOPLE = "people"
SECRET = "contactsync"  # the field of a notification that holds our secret
EVENTS = ("new", "update", "delete")

TYPES = {
    "String": "text",
    "Text": "text",
    "Dropdown": "choice",
    "MultiSelect": "multi_choice",
    "Date": "date",
    "Checkbox": "boolean",
    "Float": "number",
    "Currency": "number",
    "Percentage": "number",
    "URL": "url",
}


class Copper(Rest):
    slug = "copper"
    label = "Copper"
    kind = "crm"
    credentials = (
        Credential(
            name="api_key",
            label="API key",
            help_text="Copper: Settings, Integrations, API keys.",
        ),
        Credential(
            name="user_email",
            label="Email of the key's owner",
            help_text="The address of the Copper user who made the key.",
            secret=False,
        ),
    )
    audience_noun = "record type"
    opt_in = "none"
    batch_size = 25
    rate = Rate(calls=3, seconds=1)  # 180 a minute
    requirements = ("A Professional or Business plan; only an admin can make the key.",)
    glyph = "Co"
    docs_url = "https://support.copper.com/en/articles/8823347-generating-an-api-key"
    features = frozenset({"tags", "update_existing"})
    home = "https://api.copper.com"

    key_header = ("X-PW-AccessToken", "{api_key}")
    more_headers = {
        **{"X-PW-Application": "developer_api", "X-PW-UserEmail": "{user_email}"},
    }

    page_size = 200  # the API's maximum
    state_key = ""
    left_keys = ("date_modified",)
    tags_key = "tags"
    own_fields = (
        Field(id="name", label="Name", type="name"),
        Field(id="phone", label="Phone", type="phone"),
        Field(id="title", label="Title"),
        Field(id="details", label="Description"),
        Field(id="website", label="Website", type="url"),
        Field(id="address.street", label="Street"),
        Field(id="address.city", label="City"),
        Field(id="address.state", label="State"),
        Field(id="address.postal_code", label="Postal code", type="zip"),
        Field(id="address.country", label="Country"),
    )

    known_as = "Already a person in Copper"
    unsubscribe = Adapter.unsubscribe  # there is nothing to leave

    def verify(self) -> Reading:
        account = self.fetch("GET", f"{API}/account")

        def count() -> None:
            self._search({"page_size": 1})

        return Reading(
            identity=self.secrets.get("user_email", ""),
            account_name=str(account.get("name", "")),
            resources=(probed("people", count),),
        )

    def audiences(self) -> list[Audience]:
        return [Audience(id=PEOPLE, label="People", double_opt_in=False)]

    def fields(self, audience_id: str) -> list[Field]:
        custom = (
            Field(
                id=id,
                label=str(row["name"]),
                type=TYPES.get(str(row.get("data_type")), "text"),
                read_only=row.get("data_type") not in TYPES,
                options=tuple(str(o["name"]) for o in row.get("options") or ()),
            )
            for id, row in self._custom.items()
        )
        return [*self.own_fields, *custom]

    @cached_property
    def _custom(self) -> dict[str, Row]:
        """Definitions of the custom fields that people have, by id."""
        rows = _listed(self.request("GET", f"{API}/custom_field_definitions"))
        ours = [row for row in rows if "person" in (row.get("available_on") or ())]
        return {str(row["id"]): row for row in ours}

    def find_one(self, email: str, audience_id: str) -> Row | None:
        asked = {"email": email.strip()}
        with suppress(TargetError):
            return self.fetch("POST", f"{API}/people/fetch_by_email", payload=asked)
        return None

    def standing(self, email: str, row: Row | None, audience_id: str) -> Subscription:
        known = super().standing(email, row, audience_id)
        detail = "In Copper, which knows no marketing consent." if row else ""
        return replace(known, detail=detail)

    def put(self, write: Write) -> Outcome:
        person = write.row
        row = self._row(write, person or {})
        if person is None:
            mail = {"email": write.email, "category": "work"}
            new = {"name": write.email, "emails": [mail], **row}
            person = self.fetch("POST", f"{API}/people", payload=new)
        elif row:
            try:
                self.request("PUT", f"{API}/people/{id_in(person)}", payload=row)
            except TargetError:
                raise TransientError("Deleted in Copper just now.") from None
        return synced(id_in(person))

    def _row(self, write: Write, person: Row) -> Row:
        """What is to be written. Lists replace what is there, so they hold it too."""
        row: Row = {}
        custom: list[Row] = []
        for name, value in filled(write.contact.fields).items():
            if name.startswith("address."):
                known = row.get("address") or person.get("address") or {}
                row["address"] = {**known, name.removeprefix("address."): value}
            elif name == "phone":
                numbers = person.get("phone_numbers") or []
                row["phone_numbers"] = _with(numbers, "number", str(value))
            elif name == "website":
                row["websites"] = _with(person.get("websites") or [], "url", str(value))
            elif name in ("name", "title", "details"):
                row[name] = value
            else:
                written = self._value(name, value)
                custom.append({"custom_field_definition_id": int(name), **written})
        if custom:
            row["custom_fields"] = custom
        held = list(person.get("tags") or ())
        if fresh := [tag for tag in write.tags if tag not in held]:
            row["tags"] = [*held, *fresh]
        return row

    def _value(self, name: str, value: object) -> Row:
        definition = self._custom.get(name)
        if definition is None:
            raise RejectedError(
                "A field of the mapping is no longer in Copper.",
                reason=Reason.FIELD_TYPE,
            )
        kind = definition.get("data_type")
        if kind == "Date":
            return {"value": _timestamp(value)}
        if kind not in ("Dropdown", "MultiSelect"):
            return {"value": value}
        ids = {str(o["name"]): o["id"] for o in definition.get("options") or ()}
        wanted = list(value) if isinstance(value, (list, tuple)) else [value]
        if gone := [choice for choice in wanted if str(choice) not in ids]:
            raise RejectedError(
                f"{definition.get('name')}: Copper has no option “{gone[0]}”.",
                reason=Reason.OPTION_MISSING,
            )
        chosen = [ids[str(choice)] for choice in wanted]
        return {"value": chosen if kind == "MultiSelect" else chosen[0]}

    def reason_of(self, error: RejectedError) -> Reason:
        words = error.detail.lower()
        if error.reason is not Reason.REFUSED or "email" not in words:
            return error.reason
        taken = any(word in words for word in ("taken", "already", "duplicate"))
        return Reason.DUPLICATE if taken else Reason.ADDRESS_INVALID

    def erase(self, email: str) -> Receipt:
        if person := self.find_one(email, PEOPLE):
            with suppress(TargetError):
                self.request("DELETE", f"{API}/people/{id_in(person)}")
        return self.erased(person, "Deleted from Copper for good.")

    def _search(self, query: Row) -> list[Row]:
        return _listed(self.request("POST", f"{API}/people/search", payload=query))

    def changes(self, audience_id: str, cursor: str) -> Page:
        since, number, full = parse_place(cursor, int, int, bool) or (0, 1, True)
        query: Row = {
            "page_size": self.page_size,
            "page_number": number,
            "sort_by": "date_modified",
            "sort_direction": "asc",
        }
        if since:
            query["minimum_modified_date"] = since
        try:
            rows = self._search(query)
        except RejectedError as error:
            raise expired() if cursor else error from None
        more = len(rows) >= self.page_size
        reached = max(
            [since, *(int(row.get("date_modified") or 0) - 1 for row in rows)]
        )
        dense = more and reached <= since
        place = (since, number + 1, full) if dense else (reached, 1, full and more)
        return Page(
            changes=tuple(change for row in rows for change in self._changed(row)),
            cursor=to_place(*place),
            complete=full,
            more=more,
        )

    def _changed(self, person: Row) -> Iterator[Change]:
        if email := _first(person.get("emails"), "email"):
            yield self.change({**person, "email": email}, PEOPLE)

    def values_of(self, row: Row) -> dict[str, object]:
        address = row.get("address") or {}
        values: dict[str, object] = {
            "name": row.get("name"),
            "phone": _first(row.get("phone_numbers"), "number"),
            "title": row.get("title"),
            "details": row.get("details"),
            "website": _first(row.get("websites"), "url"),
            **{f"address.{part}": value for part, value in address.items()},
        }
        for item in row.get("custom_fields") or ():
            id, value = str(item.get("custom_field_definition_id")), item.get("value")
            if value is not None and value != [] and id in self._custom:
                values[id] = self._read_value(self._custom[id], value)
        return filled(values)

    def _read_value(self, definition: Mapping[str, Any], value: Any) -> object:
        names = {o["id"]: str(o["name"]) for o in definition.get("options") or ()}
        match definition.get("data_type"):
            case "Dropdown":
                return names.get(value)
            case "MultiSelect":
                return [names[item] for item in value if item in names]
            case "Date":
                at = moment(value)
                return at.date().isoformat() if at else None
        return value

    def add_webhook(self, url: str, audience_id: str) -> dict[str, str]:
        """One subscription for each kind of event."""
        secret = {SECRET: self.secrets.get("webhook_secret", "")}
        ids = []
        for event in EVENTS:
            payload = {"target": url, "type": "person", "event": event}
            answer = self.fetch(
                "POST", f"{API}/webhooks", payload={**payload, "secret": secret}
            )
            ids.append(str(answer.get("id", "")))
        return {"webhook_id": ",".join(ids)}

    def remove_webhook(self, webhook_id: str, audience_id: str) -> None:
        self.request("DELETE", f"{API}/webhooks/{quote(webhook_id, safe='')}")

    def webhook(self, request: Incoming) -> list[Change]:
        """A notification holds our secret and ids, so the people are read. Of somebody
        deleted nothing is left to read: a complete walk shows it."""
        body = json_body(request)
        if not isinstance(body, dict) or "ids" not in body:
            raise RejectedError("This is not a Copper notification.")
        secret = self.secrets.get("webhook_secret", "").encode()
        given = str(body.get(SECRET, "")).encode()
        if not secret or not hmac.compare_digest(secret, given):
            raise CredentialsError("This webhook does not carry our secret.")
        if body.get("type") != "person" or body.get("event") == "delete":
            return []
        ids = [int(id) for id in body["ids"]]  # all of them, before any is read
        return [change for id in ids for change in self._heard(id)]

    def _heard(self, id: int) -> Iterator[Change]:
        try:
            person = self.fetch("GET", f"{API}/people/{id}")
        except TargetError:
            return
        yield from self._changed(person)


def _first(rows: Any, name: str) -> str:
    return str(rows[0].get(name) or "") if rows else ""


def _listed(body: object) -> list[Row]:
    return rows_in({"rows": body}, "rows")


def _with(rows: list[Row], name: str, value: str) -> list[Row]:
    if any(str(row.get(name)) == value for row in rows):
        return rows
    return [*rows, {name: value, "category": "work"}]


def _timestamp(value: object) -> object:
    """The epoch second of a date's midnight in UTC; anything else as it is."""
    try:
        day = date.fromisoformat(str(value)[:10])
    except ValueError:
        return value
    return int(datetime.combine(day, time(), UTC).timestamp())
