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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from integrations.adapters import consent
from integrations.adapters.activecampaign.wire import (
    FIXED,
    bounced,
    contact_change,
    list_number,
    membership,
    status_of,
    tags_of,
    to_text,
    total_of,
    values_of,
    webhook_changes,
)
from integrations.adapters.base import (
    Audience,
    Change,
    Contact,
    Field,
    Incoming,
    Options,
    Outcome,
    Page,
    Reading,
    Receipt,
    Resource,
    Subscription,
    filled,
)
from integrations.adapters.declare import Credential, Rate
from integrations.adapters.each import (
    EachContact,
    awaiting,
    existing,
    key_of,
    not_there,
    probed,
    synced,
    tags_for,
)
from integrations.adapters.errors import (
    AdapterError,
    CredentialsError,
    Reason,
    RejectedError,
    SetupError,
    TargetError,
)
from integrations.adapters.http import Answer, Params
from integrations.adapters.paging import all_pages
from integrations.adapters.shapes import (
    Row,
    count_in,
    id_in,
    row_in,
    rows_in,
)
from integrations.adapters.shared import (
    check_secret_url,
    moment,
    parse_place,
    to_place,
)

PAGE = 100
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


class ActiveCampaign(EachContact):
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

    def headers(self) -> dict[str, str]:
        return {"Api-Token": self.secrets.get("api_key", "").strip()}

    def explain(self, answer: Answer) -> str:
        rows = answer.object().get("errors")
        if not isinstance(rows, list):
            return super().explain(answer)
        parts = [
            str(row.get(name) or "")
            for row in rows
            if isinstance(row, dict)
            for name in ("title", "detail")
        ]
        return self.safe(" ".join(part for part in parts if part))

    def error_from(self, answer: Answer) -> AdapterError:
        error = super().error_from(answer)
        if answer.status == 403 and "permission" not in error.detail.lower():
            return CredentialsError(error.detail, status=403)
        return error

    def reason_of(self, error: RejectedError) -> Reason:
        words = error.detail.lower()
        if "email" in words and "valid" in words:
            return Reason.ADDRESS_INVALID
        return error.reason

    def verify(self) -> Reading:
        user = self.fetch("GET", "/api/3/users/me").get("user") or {}
        return Reading(
            identity=str(user.get("email") or user.get("username") or ""),
            account_name=str(urlsplit(self.base_url).hostname),
            resources=tuple(
                self._probe(name) for name in ("lists", "contacts", "fields", "tags")
            ),
        )

    def _probe(self, name: str) -> Resource:
        def count() -> int | None:
            body = self.fetch("GET", f"/api/3/{name}", params={"limit": 1})
            return total_of(body)

        return probed(name, count)

    def _all(self, name: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """Every row of a collection, with the answer it stood in."""

        def read(offset: int) -> tuple[list[tuple[Row, Row]], int | None]:
            params: Params = {"limit": PAGE, "offset": offset}
            body = self.fetch("GET", f"/api/3/{name}", params=params)
            rows = [(row, body) for row in rows_in(body, name)]
            return rows, offset + PAGE if len(rows) >= PAGE else None

        return all_pages(read, 0)

    def audiences(self) -> list[Audience]:
        """Sizes cost a call each, so only the first lists have one."""
        return [
            Audience(
                id=str(row["id"]),
                label=str(row.get("name", "")),
                size=self._size(str(row["id"])) if number < SIZED else None,
            )
            for number, (row, _) in enumerate(self._all("lists"))
        ]

    def _size(self, audience_id: str) -> int | None:
        params: Params = {"listid": audience_id, "status": 1, "limit": 1}
        return total_of(self.fetch("GET", "/api/3/contacts", params=params))

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
                options=tuple(
                    str(option.get("value", ""))
                    for option in body.get("fieldOptions") or ()
                    if str(option.get("field")) == str(row["id"])
                ),
            )
            for row, body in self._all("fields")
        ]

    def write(self, contact: Contact, audience_id: str, options: Options) -> Outcome:
        found = self._find(contact.email)
        standing = self._standing(contact.email, found, audience_id)
        if refused := consent.left(standing, self.label):
            return refused
        if standing.status != "absent" and not options.update_existing:
            return existing(standing.remote_id)
        contact_id = standing.remote_id
        values = filled(contact.fields)
        if found is None or (values and options.update_existing):
            contact_id = self._sync(contact.email, values)
        if standing.status == "absent":
            self._set_status(contact_id, audience_id, "1")

        def add(tag: str) -> None:
            pair = {"contact": int(contact_id), "tag": self._tag(tag)}
            self.request("POST", "/api/3/contactTags", payload={"contactTag": pair})

        lost = self.tag_each(tags_for(contact, options), add)
        if standing.status == "pending":
            left = "Unconfirmed at ActiveCampaign, and left so."
            return awaiting(contact_id, f"{left} {lost}".strip())
        return synced(contact_id, lost)

    def _find(self, email: str) -> dict[str, Any] | None:
        """The contact, with `values` and `tags` beside what ActiveCampaign calls so."""
        params: Params = {"email": email.strip(), "status": -1, "include": ALONG}
        body = self.fetch("GET", "/api/3/contacts", params=params)
        wanted = key_of(email)
        for row in rows_in(body, "contacts"):
            if key_of(id_in(row, "email")) == wanted:
                return {
                    **row,
                    "values": values_of(row, body),
                    "tags": tags_of(row, body),
                }
        return None

    def _standing(
        self, email: str, found: Mapping[str, Any] | None, audience_id: str
    ) -> Subscription:
        if found is None:
            return Subscription(email=email, status="absent")
        contact_id = str(count_in(found, "id"))
        path = f"/api/3/contacts/{contact_id}/contactLists"
        try:
            rows = rows_in(self.fetch("GET", path), "contactLists")
        except TargetError:  # deleted since
            return Subscription(email=email, status="absent")
        row = membership(rows, contact_id, audience_id)
        status = status_of(row, found) if row else "absent"
        if status == "absent" and bounced(found):
            status = "bounced"
        return Subscription(
            email=email,
            status=status,
            changed_at=moment(row.get("udate") or row.get("sdate")),
            remote_id=contact_id,
            detail=self.safe(str(row.get("unsubreason") or "")),
            fields=found["values"],
            tags=found["tags"],
        )

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
            params: Params = {"search": name.strip(), "limit": PAGE}
            rows = rows_in(self.fetch("GET", "/api/3/tags", params=params), "tags")
            same = [r for r in rows if str(r.get("tag", "")).strip().lower() == key]
            if not same:
                wanted = {"tag": name.strip(), "tagType": "contact"}
                made = self.fetch("POST", "/api/3/tags", payload={"tag": wanted})
                same = [row_in(made, "tag")]
            self._tags[key] = count_in(same[0], "id")
        return self._tags[key]

    def subscriptions(
        self, emails: Sequence[str], audience_id: str
    ) -> list[Subscription]:
        return [
            self._standing(email, self._find(email), audience_id) for email in emails
        ]

    def changes(self, audience_id: str, cursor: str) -> Page:
        """First everybody by id, then whoever changed since the day before the last
        walk began. Unverified: that a changed membership alone counts as a change."""
        place = parse_place(cursor, str, str, int) or ["", "", 0]
        since, began, last = place
        began = began or (datetime.now(UTC) - OVERLAP).date().isoformat()
        params: dict[str, str | int] = {
            **{"listid": audience_id, "status": -1, "limit": PAGE},
            **{"orders[id]": "asc", "id_greater": last},
            "include": f"contactLists,{ALONG}",
        }
        if since:
            params["filters[updated_after]"] = since
        body = self.fetch("GET", "/api/3/contacts", params=params)
        rows = rows_in(body, "contacts")
        more = len(rows) >= PAGE
        if more:
            place = [since, began, max(int(row["id"]) for row in rows)]
        else:
            place = [began, "", 0]
        return Page(
            changes=tuple(contact_change(row, body, audience_id) for row in rows),
            cursor=to_place(*place),
            complete=not since,
            more=more,
        )

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

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        def leave(email: str) -> Outcome:
            standing = self._standing(email, self._find(email), audience_id)
            if standing.status == "absent":
                detail = "Not on this list at all."
                return not_there(detail)
            if standing.status not in ("unsubscribed", "bounced"):
                self._set_status(standing.remote_id, audience_id, "2")
            return synced(standing.remote_id)

        return self.each(emails, leave)

    def erase(self, email: str) -> Receipt:
        found = self._find(email)
        if found is None:
            return Receipt(ok=True, note="ActiveCampaign did not hold this address.")
        with suppress(TargetError):  # somebody else was faster
            self.request("DELETE", f"/api/3/contacts/{count_in(found, 'id')}")
        return Receipt(ok=True, note="Deleted with all their data.")
