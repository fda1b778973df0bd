"""ActiveCampaign, API v3 (https://developers.activecampaign.com/reference).

A contact belongs to the account; a list membership has status 0 unconfirmed, 1 active,
2 unsubscribed or 3 bounced. contact/sync writes the contact and touches no membership.
A membership set to 1 is active at once, whoever had left, so it is only ever created
for somebody who has none. The API cannot ask for double opt-in. The bulk importer
subscribes nobody who left either, but does not tell whom it left out: not used.

Unverified: what a wrong key is answered with (reports say 403 without the word
"permission", which is how a missing one reads); that listing contacts with include=
brings memberships, field values and tags along (the pagination and include pages show
it, the endpoint's own page does not); what a complaint looks like (the help pages say
it unsubscribes the person).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from integrations.adapters.base import (
    Change,
    Contact,
    Field,
    Incoming,
    Outcome,
    Subscription,
    filled,
)
from integrations.adapters.calls import Sign
from integrations.adapters.declare import Credential, Rate
from integrations.adapters.each import (
    key_of,
)
from integrations.adapters.either import EitherForm
from integrations.adapters.errors import (
    CredentialsError,
    Reason,
    SetupError,
)
from integrations.adapters.http import Params
from integrations.adapters.redact import clean
from integrations.adapters.rest import Write, first_time
from integrations.adapters.shapes import (
    Row,
    count_in,
    id_in,
    row_in,
    rows_in,
)
from integrations.adapters.shared import (
    moment,
)

ALONG = "fieldValues,contactTags.tag"  # what comes along with contacts
URL = re.compile(r"(https://[a-z0-9.-]+(?::[0-9]+)?)(?:/.*)?", re.ASCII | re.IGNORECASE)
STATUS = {"0": "pending", "1": "subscribed", "2": "unsubscribed", "3": "bounced"}
# Kind and status of a change. Which bounce it was is not told.
EVENTS = {
    **{"subscribe": ("upsert", "subscribed"), "update": ("upsert", "")},
    **{"unsubscribe": ("status", "unsubscribed"), "bounce": ("status", "")},
}
POSTED = {"first_name": "firstName", "last_name": "lastName", "phone": "phone"}


class ActiveCampaign(EitherForm):
    slug = "activecampaign"
    label = "ActiveCampaign"
    kind = "esp"
    credentials = (
        Credential(
            name="url",
            label="API URL",
            help_text="ActiveCampaign: Settings, Developer, API access.",
            secret=False,
            placeholder="https://example.api-us1.com",
        ),
        Credential(
            name="api_key", label="API key", help_text="On the same page as the URL."
        ),
    )
    opt_in = "none"
    batch_size = 25
    rate = Rate(calls=5, seconds=1)  # of the whole account, other tools included
    exit_effect = "Unsubscribed from the list."
    glyph = "AC"
    docs_url = "https://help.activecampaign.com/hc/en-us/articles/207317590"
    hook_scope = "audience"
    features = frozenset({"tags", "update_existing"})
    guarded = True

    key_header = ("Api-Token", "{api_key}")

    signs = (Sign("^(?!.*permission)", CredentialsError, on=403),)
    reasons = (("email.*valid|valid.*email", Reason.ADDRESS_INVALID),)

    size_param, page_size = "limit", 100
    place_param, first_place = "offset", 0
    total_keys = ("meta", "total")

    me_path = "/api/3/users/me"
    identity_keys, account_keys = ("user.email", "user.username"), ("host",)
    audience_path, one_path = "/api/3/lists", "/api/3/contacts/{id}"
    count_path, count_by, count_params = "/api/3/contacts", "listid", {"status": 1}
    most_counted = 20
    probed = (audience_path, "/api/3/contacts", "/api/3/fields", "/api/3/tags")
    hook_path, hook_key = "/api/3/webhooks", "webhook"
    erasing = "Deleted with all their data."

    own_fields = (
        Field(id="firstName", label="First name"),
        Field(id="lastName", label="Last name"),
        Field(id="phone", label="Phone", type="phone"),
    )
    field_path, field_keys = "/api/3/fields", ("id", "title", "type")  # account-wide
    field_types = {
        **{"dropdown": "choice", "radio": "choice", "listbox": "multi_choice"},
        **{"multiselect": "multi_choice", "checkbox": "multi_choice"},
        **{"date": "date", "datetime": "datetime"},
        **{"number": "number", "currency": "number"},
    }
    custom_key = "fieldValues"

    walk_path = "/api/3/contacts"
    walk_params = {
        **{"status": -1, "orders[id]": "asc"},
        "include": f"contactLists,{ALONG}",
    }
    since_param, since_format = "filters[updated_after]", "%Y-%m-%d"
    overlap = timedelta(days=1)  # days are in the account's own time zone

    state_key = ""
    time_keys = ("udate",)
    tags_key = "tags"

    gone = frozenset({"unsubscribed", "bounced"})
    asked_as = "Unconfirmed at ActiveCampaign, and left so."

    @property
    def home(self) -> str:
        text = self.secrets.get("url", "").strip()
        text = text if "://" in text else f"https://{text}"
        match = URL.fullmatch(text)
        if match is None:
            raise SetupError(
                "The API URL must be the one that ActiveCampaign shows, like "
                "https://example.api-us1.com."
            )
        return match[1].lower()

    def following(self, body: Row, rows: list[Row], place: Any) -> int | None:
        return place + self.page_size if len(rows) >= self.page_size else None

    def listed(self, body: Row, name: str) -> list[Row]:
        """Contacts with what belongs to them, fields with `options`."""
        rows = super().listed(body, name)
        if name == "contacts":
            return [_whole(row, body) for row in rows]
        if name == "fields":
            for row in rows:
                row["options"] = _along(body, "fieldOptions", "field", row)
        return rows

    def me(self) -> Row:
        return {**super().me(), "host": urlsplit(self.base_url).hostname}

    def field_of(self, row: Row) -> Field | None:
        field = super().field_of(row)
        options = tuple(str(option.get("value", "")) for option in row["options"])
        required = str(row.get("isrequired")) == "1"
        return field and replace(field, required=required, options=options)

    def find_form(self, form: str, audience_id: str) -> Row | None:
        """With their lists, but for an `audience_id` of ""."""
        asked: Params = {"email": form, "status": -1, "include": ALONG}
        body = self.fetch("GET", "/api/3/contacts", params=asked)
        row = self.by_email(self.listed(body, "contacts")).get(key_of(form))
        if row is None or not audience_id:
            return row
        lists = self.maybe(self.at(f"{self.one_path}/contactLists", "", id_in(row)))
        if lists is None:  # deleted since
            return None
        return {**row, "contactLists": rows_in(lists, "contactLists")}

    def status_of(self, row: Row, audience_id: str) -> str:
        there = _membership(row, audience_id)
        status = STATUS.get(str(there.get("status")), "unknown") if there else "absent"
        bounced = str(row.get("bounced_hard") or "0") != "0"
        return "bounced" if bounced and status in ("pending", "absent") else status

    def left_at(self, row: Row, audience_id: str) -> datetime | None:
        return first_time(_membership(row, audience_id), ("udate", "sdate"))

    def detail_of(self, row: Row, audience_id: str) -> str:
        return self.safe(str(_membership(row, audience_id).get("unsubreason") or ""))

    def custom_value(self, value: object) -> object:
        """Several values of one field stand between double bars."""
        if isinstance(value, (list, tuple)):
            return f"||{'||'.join(map(str, value))}||"
        return str(value)

    def record_of(self, contact: Contact) -> Row:
        record = super().record_of(contact)
        if custom := record.get(self.custom_key):
            pairs = custom.items()
            record[self.custom_key] = [{"field": k, "value": v} for k, v in pairs]
        return record

    def put(self, write: Write) -> Outcome:
        id, values = write.known.remote_id, self.record_of(write.contact)
        if write.row is None or (values and write.options.update_existing):
            kept = write.row["email"] if write.row else write.email
            person = {"contact": {"email": kept, **values}}
            made = self.fetch("POST", "/api/3/contact/sync", payload=person)
            id = str(count_in(row_in(made, "contact"), "id"))
        if write.known.status == "absent":
            self._set_status(id, write.audience_id, "1")

        def add(tag: str) -> None:
            pair = {"contact": int(id), "tag": int(self.tag_id(tag))}
            self.request("POST", "/api/3/contactTags", payload={"contactTag": pair})

        lost = self.tag_each(write.tags, add)
        return self.settled(replace(write.known, remote_id=id), lost)

    def _set_status(self, contact_id: str, audience_id: str, status: str) -> None:
        row = {"list": audience_id, "contact": contact_id, "status": status}
        self.fetch("POST", "/api/3/contactLists", payload={"contactList": row})

    def tag_named(self, name: str) -> str:
        asked: Params = {"search": name, "limit": self.page_size}
        rows = rows_in(self.fetch("GET", "/api/3/tags", params=asked), "tags")
        same = [r for r in rows if str(r["tag"]).strip().lower() == name.lower()]
        if not same:
            wanted = {"tag": {"tag": name, "tagType": "contact"}}
            made = self.fetch("POST", "/api/3/tags", payload=wanted)
            same = [row_in(made, "tag")]
        return str(count_in(same[0], "id"))

    def walk_query(self, audience_id: str, since: str) -> Params:
        return {**super().walk_query(audience_id, since), "listid": audience_id}

    def turn(
        self, turn: int, since: str, place: Any, audience_id: str
    ) -> tuple[list[Row], Any]:
        """In the order of ids, those above the last one. Unverified: that a changed
        membership alone counts as a change."""
        after = {"limit": self.page_size, "id_greater": place}
        asked = {**self.walk_query(audience_id, since), **after}
        body = self.fetch("GET", self.walk_path, params=asked)
        rows = self.listed(body, "contacts")
        more = len(rows) >= self.page_size
        return rows, max(int(row["id"]) for row in rows) if more else None

    def changed(
        self, rows: Sequence[Row], audience_id: str, since: str
    ) -> Iterator[Change]:
        for row in rows:
            status = "" if _membership(row, audience_id) else "unknown"
            yield self.change(row, audience_id, status=status)

    def hook(self, url: str, audience_id: str) -> Row:
        hook = {
            "name": "contactsync",
            "url": url,
            "events": list(EVENTS),
            "sources": ["public", "admin", "api", "system"],
            "listid": self.number(audience_id),
        }
        return {"webhook": hook}

    def posted(self, request: Incoming) -> Row:
        """A form: type, date_time, list, contact[email] and so on."""
        pairs = parse_qsl(request.body.decode(), max_num_fields=1000)
        return {clean(name): clean(value) for name, value in pairs}

    def heard(self, event: Row) -> Iterator[Change]:
        email, list_id = event.get("contact[email]"), event.get("list", "")
        if not email or event.get("type") not in EVENTS:
            return
        kind, status = EVENTS[event["type"]]
        fields = {ours: event.get(f"contact[{name}]") for name, ours in POSTED.items()}
        yield Change(
            email=email,
            kind=kind,
            status=status,
            fields=filled(fields) if kind == "upsert" else {},
            at=moment(event.get("date_time")),
            audience_id=list_id if list_id != "0" else "",
        )

    def leave(self, known: Subscription, audience_id: str) -> None:
        self._set_status(known.remote_id, audience_id, "2")


def _along(body: Row, name: str, kind: str, row: Row) -> list[Row]:
    """What came along under a name and belongs to a contact or a field."""
    id = str(row["id"])
    return [part for part in body.get(name) or () if str(part.get(kind)) == id]


def _whole(contact: Row, body: Row) -> Row:
    """A contact with custom values by their fields, names of tags, and memberships."""
    values = _along(body, "fieldValues", "contact", contact)
    tags = _along(body, "contactTags", "contact", contact)
    names = {str(tag["id"]): str(tag["tag"]) for tag in body.get("tags") or ()}
    return {
        **contact,
        "fieldValues": {str(r["field"]): _from_text(r.get("value")) for r in values},
        "tags": [names[id] for r in tags if (id := str(r.get("tag"))) in names],
        "contactLists": _along(body, "contactLists", "contact", contact),
    }


def _from_text(text: object) -> object:
    parts = str(text).strip("|").split("||")
    return parts if str(text).startswith("||") else text


def _membership(contact: Row, audience_id: str) -> Row:
    """The contact's membership of a list, {} when there is none."""
    rows = contact["contactLists"]
    return next((row for row in rows if str(row.get("list")) == audience_id), {})
