"""The Copper adapter: declaration, reading, changes and webhooks."""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from integrations.adapters.base import (
    Audience,
    Change,
    Field,
    Incoming,
    Page,
    Reading,
    Resource,
    Subscription,
    filled,
)
from integrations.adapters.copper.people import API, CopperPeople, listed
from integrations.adapters.declare import Credential, Rate
from integrations.adapters.errors import (
    CredentialsError,
    RejectedError,
    ScopeError,
    TargetError,
)
from integrations.adapters.shared import (
    expired,
    json_body,
    moment,
    parse_place,
    to_place,
)

PEOPLE = "people"
PAGE = 200  # the API's maximum for page_size
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
STANDARD = (
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


class Copper(CopperPeople):
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

    def headers(self) -> dict[str, str]:
        return {
            "X-PW-AccessToken": self.secrets.get("api_key", "").strip(),
            "X-PW-Application": "developer_api",
            "X-PW-UserEmail": self.secrets.get("user_email", "").strip(),
        }

    def verify(self) -> Reading:
        account = self.fetch("GET", f"{API}/account")
        refused = ""
        try:
            self._search({"page_size": 1})
        except ScopeError as error:
            refused = error.detail
        people = Resource(
            name="people", readable=not refused, writable=None, detail=refused
        )
        return Reading(
            identity=self.secrets.get("user_email", ""),
            account_name=str(account.get("name", "")),
            resources=(people,),
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
        return [*STANDARD, *custom]

    def subscriptions(
        self, emails: Sequence[str], audience_id: str
    ) -> list[Subscription]:
        return [self._subscription(email) for email in emails]

    def _subscription(self, email: str) -> Subscription:
        person = self._find(email)
        if person is None:
            return Subscription(email=email, status="absent")
        return Subscription(
            email=email,
            status="unknown",
            changed_at=moment(person.get("date_modified")),
            remote_id=str(person.get("id", "")),
            detail="In Copper, which knows no marketing consent.",
            fields=self._values(person),
            tags=_tags(person),
        )

    def _search(self, query: Mapping[str, object]) -> list[dict[str, Any]]:
        body = self.request("POST", f"{API}/people/search", payload=dict(query))
        return listed(body)

    def changes(self, audience_id: str, cursor: str) -> Page:
        since, number, full = parse_place(cursor, int, int, bool) or (0, 1, True)
        query: dict[str, object] = {
            "page_size": PAGE,
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
        more = len(rows) >= PAGE
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

    def _changed(self, person: Mapping[str, Any]) -> Iterator[Change]:
        if email := _first(person.get("emails"), "email"):
            yield Change(
                email=email,
                kind="upsert",
                status="unknown",
                fields=self._values(person),
                tags=_tags(person),
                at=moment(person.get("date_modified")),
                audience_id=PEOPLE,
            )

    def _values(self, person: Mapping[str, Any]) -> dict[str, object]:
        address = person.get("address") or {}
        values: dict[str, object] = {
            "name": person.get("name"),
            "phone": _first(person.get("phone_numbers"), "number"),
            "title": person.get("title"),
            "details": person.get("details"),
            "website": _first(person.get("websites"), "url"),
            **{f"address.{part}": value for part, value in address.items()},
        }
        for row in person.get("custom_fields") or ():
            id, value = str(row.get("custom_field_definition_id")), row.get("value")
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


def _tags(person: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(tag) for tag in person.get("tags") or ())


def _first(rows: Any, name: str) -> str:
    return str(rows[0].get(name) or "") if rows else ""
