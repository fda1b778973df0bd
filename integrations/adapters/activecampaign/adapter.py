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
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from integrations.adapters.activecampaign.wire import (
    FIXED,
    STATUS,
    bounced,
    list_number,
    membership,
    options_of,
    to_text,
    webhook_changes,
    whole,
)
from integrations.adapters.base import (
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
from integrations.adapters.calls import Sign, audience
from integrations.adapters.declare import Credential, Rate
from integrations.adapters.each import (
    key_of,
)
from integrations.adapters.errors import (
    CredentialsError,
    Reason,
    SetupError,
    TargetError,
)
from integrations.adapters.http import Params
from integrations.adapters.rest import Rest, Write, first_time
from integrations.adapters.shapes import (
    Row,
    count_in,
    id_in,
    row_in,
    rows_in,
)
from integrations.adapters.shared import (
    check_secret_url,
    parse_place,
    to_place,
)

ALONG = "fieldValues,contactTags.tag"  # what comes along with contacts
SIZED = 20  # lists that are counted
URL = re.compile(r"(https://[a-z0-9.-]+(?::[0-9]+)?)(?:/.*)?", re.ASCII | re.IGNORECASE)
TYPES = {
    **{"dropdown": "choice", "radio": "choice", "date": "date", "number": "number"},
    **dict.fromkeys(("multiselect", "listbox", "checkbox"), "multi_choice"),
    **{"datetime": "datetime", "currency": "number"},
}
# The filter takes days, in the account's own time zone.
OVERLAP = timedelta(days=1)


class ActiveCampaign(Rest):
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
        """Contacts with `values`, `tags` and `lists`, fields with `options`."""
        rows = super().listed(body, name)
        if name == "contacts":
            return [whole(row, body) for row in rows]
        if name == "fields":
            return [{**row, "options": options_of(row, body)} for row in rows]
        return rows

    def verify(self) -> Reading:
        user = self.fetch("GET", "/api/3/users/me").get("user") or {}
        return Reading(
            identity=str(user.get("email") or user.get("username") or ""),
            account_name=str(urlsplit(self.base_url).hostname),
            resources=self.probes("/api/3", "lists", "contacts", "fields", "tags"),
        )

    def audiences(self) -> list[Audience]:
        """Sizes cost a call each, so only the first lists have one."""
        return [
            audience(row, self._size(id_in(row)) if number < SIZED else None)
            for number, row in enumerate(self.rows("/api/3/lists"))
        ]

    def _size(self, audience_id: str) -> int | None:
        params: Params = {"listid": audience_id, "status": 1, "limit": 1}
        return self.total_of(self.fetch("GET", "/api/3/contacts", params=params))

    def fields(self, audience_id: str) -> list[Field]:
        """Custom fields belong to the account; those of no type are text."""
        fixed = [
            Field(id=name, label=label, type="phone" if name == "phone" else "text")
            for name, label in FIXED.items()
        ]
        return fixed + [
            Field(
                id=str(row["id"]),
                label=str(row.get("title", "")),
                type=TYPES.get(str(row.get("type")), "text"),
                required=str(row.get("isrequired")) == "1",
                options=row["options"],
            )
            for row in self.rows("/api/3/fields")
        ]

    def _find(self, email: str) -> Row | None:
        params: Params = {"email": email.strip(), "status": -1, "include": ALONG}
        body = self.fetch("GET", "/api/3/contacts", params=params)
        rows = self.listed(body, "contacts")
        return {key_of(id_in(row, "email")): row for row in rows}.get(key_of(email))

    def find_one(self, email: str, audience_id: str) -> Row | None:
        row = self._find(email)
        if row is None:
            return None
        lists = self.maybe(f"/api/3/contacts/{count_in(row, 'id')}/contactLists")
        if lists is None:  # deleted since
            return None
        return {**row, "lists": rows_in(lists, "contactLists")}

    def status_of(self, row: Row, audience_id: str) -> str:
        there = membership(row, audience_id)
        status = STATUS.get(str(there.get("status")), "unknown") if there else "absent"
        unmailed = status in ("pending", "absent") and bounced(row)
        return "bounced" if unmailed else status

    def left_at(self, row: Row, audience_id: str) -> datetime | None:
        return first_time(membership(row, audience_id), ("udate", "sdate"))

    def values_of(self, row: Row) -> dict[str, object]:
        values: dict[str, object] = row["values"]
        return values

    def standing(self, email: str, row: Row | None, audience_id: str) -> Subscription:
        known = super().standing(email, row, audience_id)
        why = membership(row, audience_id).get("unsubreason") if row else ""
        return replace(known, detail=self.safe(str(why or "")))

    def put(self, write: Write) -> Outcome:
        id, values = write.known.remote_id, filled(write.contact.fields)
        if write.row is None or (values and write.options.update_existing):
            id = self._sync(write.email, values)
        if write.known.status == "absent":
            self._set_status(id, write.audience_id, "1")

        def add(tag: str) -> None:
            pair = {"contact": int(id), "tag": self._tag(tag)}
            self.request("POST", "/api/3/contactTags", payload={"contactTag": pair})

        lost = self.tag_each(write.tags, add)
        return self.settled(replace(write.known, remote_id=id), lost)

    def _sync(self, email: str, values: Mapping[str, object]) -> str:
        body: dict[str, object] = {"email": email.strip()}
        body |= {name: str(value) for name, value in values.items() if name in FIXED}
        if custom := {k: v for k, v in values.items() if k not in FIXED}:
            body["fieldValues"] = [
                {"field": name, "value": to_text(value)}
                for name, value in custom.items()
            ]
        answer = self.fetch("POST", "/api/3/contact/sync", payload={"contact": body})
        return str(count_in(row_in(answer, "contact"), "id"))

    def _set_status(self, contact_id: str, audience_id: str, status: str) -> None:
        row = {"list": audience_id, "contact": contact_id, "status": status}
        self.fetch("POST", "/api/3/contactLists", payload={"contactList": row})

    @cached_property
    def _tags(self) -> dict[str, int]:
        return {}

    def _tag(self, name: str) -> int:
        """The id of a tag, which is made when there is none of this name."""
        key = name.strip().lower()
        if key not in self._tags:
            params: Params = {"search": name.strip(), "limit": self.page_size}
            rows = rows_in(self.fetch("GET", "/api/3/tags", params=params), "tags")
            same = [r for r in rows if str(r.get("tag", "")).strip().lower() == key]
            if not same:
                wanted = {"tag": name.strip(), "tagType": "contact"}
                made = self.fetch("POST", "/api/3/tags", payload={"tag": wanted})
                same = [row_in(made, "tag")]
            self._tags[key] = count_in(same[0], "id")
        return self._tags[key]

    def changes(self, audience_id: str, cursor: str) -> Page:
        """First everybody by id, then whoever changed since the day before the last
        walk began. Unverified: that a changed membership alone counts as a change."""
        place = parse_place(cursor, str, str, int) or ["", "", 0]
        since, began, last = place
        began = began or (datetime.now(UTC) - OVERLAP).date().isoformat()
        params: dict[str, str | int] = {
            **{"listid": audience_id, "status": -1, "limit": self.page_size},
            **{"orders[id]": "asc", "id_greater": last},
            "include": f"contactLists,{ALONG}",
        }
        if since:
            params["filters[updated_after]"] = since
        body = self.fetch("GET", "/api/3/contacts", params=params)
        rows = self.listed(body, "contacts")
        more = len(rows) >= self.page_size
        if more:
            place = [since, began, max(int(row["id"]) for row in rows)]
        else:
            place = [began, "", 0]
        return Page(
            changes=tuple(self._told(row, audience_id) for row in rows),
            cursor=to_place(*place),
            complete=not since,
            more=more,
        )

    def _told(self, row: Row, audience_id: str) -> Change:
        status = "" if membership(row, audience_id) else "unknown"
        return self.change(row, audience_id, status=status)

    def webhook(self, request: Incoming) -> list[Change]:
        """Unsigned, so the address given to ActiveCampaign ends in ?secret=..."""
        check_secret_url(request, self.secrets)
        return webhook_changes(request)

    def add_webhook(self, url: str, audience_id: str) -> dict[str, str]:
        hook = {
            "name": "contactsync",
            "url": url,
            "events": ["subscribe", "unsubscribe", "update", "bounce"],
            "sources": ["public", "admin", "api", "system"],
            "listid": list_number(audience_id),
        }
        answer = self.fetch("POST", "/api/3/webhooks", payload={"webhook": hook})
        return {"webhook_id": str((answer.get("webhook") or {}).get("id") or "")}

    def remove_webhook(self, webhook_id: str, audience_id: str) -> None:
        self.request("DELETE", f"/api/3/webhooks/{int(webhook_id)}")

    def leave(self, known: Subscription, audience_id: str) -> None:
        self._set_status(known.remote_id, audience_id, "2")

    def erase(self, email: str) -> Receipt:
        found = self._find(email)
        if found is not None:
            with suppress(TargetError):  # somebody else was faster
                self.request("DELETE", f"/api/3/contacts/{count_in(found, 'id')}")
        return self.erased(found, "Deleted with all their data.")
