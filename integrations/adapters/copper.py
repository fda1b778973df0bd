"""Copper, Developer API v1 (developer.copper.com, read 2026-11-22).

A person is a record whose address is unique. Copper knows no marketing consent: nothing
in its API says whether somebody may be mailed, so nothing of that kind is written.

Unverified: the words of a refused duplicate (any 422 that speaks of a taken address is
one); that minimum_modified_date includes its second (the walk overlaps by some). More
than 200 people changed in a few seconds are read page by page, the only place where
somebody who changes meanwhile could shift another out of sight until the next change.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, time
from functools import cached_property
from typing import Any

from integrations.adapters.base import (
    Adapter,
    Audience,
    Change,
    Field,
    Incoming,
    Outcome,
    Reading,
    Resource,
    filled,
)
from integrations.adapters.choices import ids_of, names_of
from integrations.adapters.declare import Credential, Rate
from integrations.adapters.each import probed, synced
from integrations.adapters.either import EitherForm
from integrations.adapters.errors import Reason, RejectedError, TargetError
from integrations.adapters.rest import Write
from integrations.adapters.shapes import Row, as_rows, id_in, put_in
from integrations.adapters.shared import check_same, json_body, moment
from integrations.adapters.stepping import stepped

API = "/developer_api/v1"
PEOPLE = f"{API}/people"
SECRET = "contactsync"  # the field of a notification that holds our secret
EVENTS = ("new", "update", "delete")
LISTS = {"phone": ("phone_numbers", "number"), "website": ("websites", "url")}
TYPES = {
    **dict.fromkeys(("String", "Text"), "text"),
    **dict.fromkeys(("Float", "Currency", "Percentage"), "number"),
    "Dropdown": "choice",
    "MultiSelect": "multi_choice",
    "Date": "date",
    "Checkbox": "boolean",
    "URL": "url",
}


class Copper(EitherForm):
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

    reasons = (
        ("has no option", Reason.OPTION_MISSING),
        ("^(?=.*email).*(taken|already|duplicate)", Reason.DUPLICATE),
        ("email", Reason.ADDRESS_INVALID),
    )

    page_size = 200  # the API's maximum
    me_path, account_keys = f"{API}/account", ("name",)
    hook_path = f"{API}/webhooks"
    since_format = "%Y-%m-%dT%H:%M:%S+00:00"
    one_path, erasing = f"{PEOPLE}/{{id}}", "Deleted from Copper for good."

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
        return replace(super().verify(), identity=self.secrets.get("user_email", ""))

    def resources(self) -> tuple[Resource, ...]:
        def count() -> None:
            self._search({"page_size": 1})

        return (probed("people", count),)

    def audiences(self) -> list[Audience]:
        return [Audience(id="people", label="People", double_opt_in=False)]

    @cached_property
    def _custom(self) -> dict[str, Row]:
        """Definitions of the custom fields that people have, by id."""
        rows = as_rows(self.request("GET", f"{API}/custom_field_definitions"))
        ours = [row for row in rows if "person" in (row.get("available_on") or ())]
        return {str(row["id"]): row for row in ours}

    def fields(self, audience_id: str) -> list[Field]:
        return [*self.own_fields, *map(self.field_of, self._custom.values())]

    def field_of(self, row: Row) -> Field:
        return Field(
            id=str(row["id"]),
            label=str(row["name"]),
            type=TYPES.get(str(row.get("data_type")), "text"),
            read_only=row.get("data_type") not in TYPES,
            options=tuple(_options(row).values()),
        )

    # A person.

    def find_form(self, form: str, audience_id: str) -> Row | None:
        with suppress(TargetError):
            asked = {"email": form}
            return self.fetch("POST", f"{PEOPLE}/fetch_by_email", payload=asked)
        return None

    def detail_of(self, row: Row, audience_id: str) -> str:
        return "In Copper, which knows no marketing consent."

    def values_of(self, row: Row) -> dict[str, object]:
        listed = {name: _first(row, *place) for name, place in LISTS.items()}
        values = {**super().values_of(row), **listed}
        for item in row.get("custom_fields") or ():
            id, value = str(item.get("custom_field_definition_id")), item.get("value")
            if value not in (None, []) and id in self._custom:
                values[id] = _read(self._custom[id], value)
        return filled(values)

    def put(self, write: Write) -> Outcome:
        person = write.row or {}
        row = self._row(write, person)
        if not person:
            mail = {"email": write.email, "category": "work"}
            new = {"name": write.email, "emails": [mail], **row}
            person = self.fetch("POST", PEOPLE, payload=new)
        elif row:
            with self.still_there():
                self.request("PUT", f"{PEOPLE}/{id_in(person)}", payload=row)
        return synced(id_in(person))

    def _row(self, write: Write, person: Row) -> Row:
        """What is to be written. Lists replace what is there, so they hold it too."""
        row: Row = {}
        own = {field.id for field in self.own_fields}
        for name, value in filled(write.contact.fields).items():
            if name in LISTS:
                key, part = LISTS[name]
                row[key] = _with(person.get(key) or [], part, str(value))
            elif name in own:
                put_in(row, value, *name.split("."))
            else:
                custom = row.setdefault("custom_fields", [])
                written = {"value": self._value(name, value)}
                custom.append({"custom_field_definition_id": int(name), **written})
        if address := row.get("address"):
            row["address"] = {**(person.get("address") or {}), **address}
        held = list(person.get("tags") or ())
        if fresh := [tag for tag in write.tags if tag not in held]:
            row["tags"] = [*held, *fresh]
        return row

    def _value(self, name: str, value: object) -> object:
        if name not in self._custom:
            words = "A field of the mapping is no longer in Copper."
            raise RejectedError(words, reason=Reason.FIELD_TYPE)
        definition = self._custom[name]
        kind = definition.get("data_type")
        if kind == "Date":
            return _timestamp(value)
        if kind not in ("Dropdown", "MultiSelect"):
            return value
        label, several = f"{definition['name']}: Copper", kind == "MultiSelect"
        return ids_of(value, _options(definition), label, several=several)

    # Changes.

    def _search(self, query: Row) -> list[Row]:
        return as_rows(self.request("POST", f"{PEOPLE}/search", payload=query))

    def turn(
        self, turn: int, since: str, place: str, audience_id: str
    ) -> tuple[list[Row], str]:
        def read(start: datetime | None, mark: str) -> tuple[list[Row], str]:
            page = int(mark or 1)
            rows = self._search(
                {
                    "page_size": self.page_size,
                    "page_number": page,
                    "sort_by": "date_modified",
                    "sort_direction": "asc",
                    **(
                        {"minimum_modified_date": int(start.timestamp())}
                        if start
                        else {}
                    ),
                }
            )
            return rows, str(page + 1) if len(rows) >= self.page_size else ""

        return stepped(read, "date_modified", since, place)

    def changed(
        self, rows: Sequence[Row], audience_id: str, since: str
    ) -> Iterator[Change]:
        for row in rows:
            if email := _first(row, "emails", "email"):
                yield self.change({**row, "email": email}, audience_id)

    def add_webhook(self, url: str, audience_id: str) -> dict[str, str]:
        """One subscription for each kind of event."""
        secret = {SECRET: self.secrets.get("webhook_secret", "")}
        hook = {"target": url, "type": "person", "secret": secret}
        made = [
            self.fetch("POST", self.hook_path, payload={**hook, "event": event})
            for event in EVENTS
        ]
        return {"webhook_id": ",".join(map(id_in, made))}

    def check_hook(self, request: Incoming) -> None:
        """A notification holds our secret."""
        [event] = self.events_in(json_body(request))
        ours = self.secrets.get("webhook_secret", "")
        check_same(ours, str(event.get(SECRET, "")))

    def heard(self, event: Row) -> Iterator[Change]:
        """It holds ids, so the people are read. Of somebody deleted nothing is left to
        read: a complete walk shows it."""
        if event.get("type") == "person" and event.get("event") != "delete":
            ids = [int(id) for id in event["ids"]]  # all of them, before any is read
            found = (self.maybe(f"{PEOPLE}/{id}") for id in ids)
            yield from self.changed([row for row in found if row], "people", "")


def _options(definition: Row) -> dict[Any, str]:
    return {row["id"]: str(row["name"]) for row in definition.get("options") or ()}


def _read(definition: Row, value: Any) -> object:
    match definition.get("data_type"):
        case "Dropdown" | "MultiSelect":
            return names_of(value, _options(definition))
        case "Date":
            at = moment(value)
            return at.date().isoformat() if at else None
    return value


def _first(row: Row, key: str, part: str) -> str:
    rows = row.get(key)
    return str(rows[0].get(part) or "") if rows else ""


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
