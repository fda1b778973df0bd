"""iContact, REST API 2.2.

Facts: the pages of kb.icontact.com, section "iContact API" (Contacts 360046954672,
Subscriptions 360047450911, Lists 360047023252, Custom Fields 360046958412, Messages
360047023472, Contact History 360047386411, Web Hooks 360047381851, Client Folders
360046954572, Getting Started 360054682352), read 2026-11-22. Unverified: the limit of
75,000 calls a day and 10,000 an hour (the pages name none), that contactId can be
searched with gt and bet as other fields can, the format of date fields (ISO 8601 is
sent), how many rows a POST may hold, the bodies of 401, 403, 429 and 503, and how
complaints show (there is no status for them; Do Not Contact is likely).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from integrations.adapters.base import (
    Audience,
    Change,
    Field,
    Incoming,
    Page,
    Reading,
    Subscription,
)
from integrations.adapters.calls import Sign
from integrations.adapters.declare import Credential, Rate
from integrations.adapters.errors import (
    Reason,
    RejectedError,
    SetupError,
    TransientError,
)
from integrations.adapters.http import Params
from integrations.adapters.icontact.contacts import IContactContacts
from integrations.adapters.icontact.wire import (
    FIELD_TYPE,
    LABELS,
    STANDARD,
    event_change,
    standing,
    values_of,
    words_of,
)
from integrations.adapters.shapes import rows_in
from integrations.adapters.shared import (
    check_secret_url,
    json_body,
    parse_place,
    to_place,
)

EVENTS = (
    "contact_created",
    "contact_updated",
    "contact_subscribed",
    "contact_unsubscribed",
)
COUNTED = 25  # lists whose size is asked for, one call each


class IContact(IContactContacts):
    slug = "icontact"
    label = "iContact"
    kind = "esp"
    credentials = (
        Credential(
            name="app_id",
            label="Application ID",
            help_text="iContact: Settings and Billing, iContact Integrations, "
            "Custom API Integrations. It is in the section Getting Connected.",
        ),
        Credential(
            name="username",
            label="Username",
            help_text="The username that you log in to iContact with.",
            secret=False,
        ),
        Credential(
            name="api_password",
            label="API password",
            help_text="The password of the integration, not the one you log in with.",
        ),
        Credential(
            name="confirmation_message",
            label="Confirmation message",
            help_text="For double opt-in: the number of the message that asks people "
            "to confirm. Left empty, the newest one is used.",
            secret=False,
            required=False,
        ),
    )
    audience_noun = "list"
    opt_in = "caller"
    batch_size = 25  # each address is looked up by itself
    concurrency = 2
    rate = Rate(calls=10_000, seconds=3600)
    sub_account_noun = "client folder"
    requirements = (
        "iContact Pro: your account must have been moved to the new iContact Pro "
        "platform first. Your Strategic Advisor or iContact Support can tell.",
        "Agency accounts: log in as the agency's administrator.",
        "The integration must be enabled: at app.icontact.com/icp/core/externallogin, "
        "or by creating it under Custom API Integrations.",
    )
    notice = (
        "A contact who is set to Do Not Contact cannot be brought back by any tool. "
        "Let no other integration write to the same client folder."
    )
    exit_effect = "Unsubscribed from the list; the contact stays in iContact."
    glyph = "iC"
    docs_url = (
        "https://kb.icontact.com/hc/en-us/articles/"
        "360054682352-API-Getting-Started-Guide"
    )
    features = frozenset({"double_opt_in", "update_existing", "reconfirm"})
    home = "https://app.icontact.com"

    reasons = (  # the words are unverified
        ("do ?not ?contact|unsubscribed", Reason.UNSUBSCRIBED),
        ("bounced", Reason.BOUNCED),
        ("required field", Reason.REQUIRED_FIELD),
        ("email", Reason.ADDRESS_INVALID),
    )
    signs = (
        Sign("", SetupError, Reason.QUOTA, on=507),
        *(Sign(words, RejectedError, reason) for words, reason in reasons),
    )

    def headers(self) -> dict[str, str]:
        return {
            "API-Version": "2.2",
            "API-AppId": self.secrets.get("app_id", ""),
            "API-Username": self.secrets.get("username", ""),
            "API-Password": self.secrets.get("api_password", ""),
        }

    def verify(self) -> Reading:
        folder = self.folder
        number = folder.split("/")[3]
        account = self.fetch("GET", f"/icp/a/{number}").get("account") or {}
        asking: Params = {"messageType": "confirmation"}
        resources = (
            self.probe("lists", f"{folder}/lists"),
            self.probe("contacts", f"{folder}/contacts", {"status": "total"}),
            self.probe("custom fields", f"{folder}/customfields"),
            self.probe("confirmation messages", f"{folder}/messages", asking),
        )
        notes = [f"Client folder {folder.rpartition('/')[2]}."]
        if resources[3].count == 0:
            notes.append(
                "There is no confirmation message, so rules with double opt-in cannot "
                "be used."
            )
        return Reading(
            identity=str(account.get("email") or self.secrets.get("username", "")),
            account_name=str(account.get("companyName") or ""),
            resources=resources,
            notes=tuple(notes),
        )

    def audiences(self) -> list[Audience]:
        lists = list(self.rows(f"{self.folder}/lists"))
        return [
            Audience(
                id=str(row["listId"]),
                label=str(row.get("name", "")),
                size=self._size(str(row["listId"])) if place < COUNTED else None,
                double_opt_in=False,
            )
            for place, row in enumerate(lists)
        ]

    def _size(self, audience_id: str) -> int | None:
        params: Params = {"listId": audience_id, "status": "normal", "limit": 1}
        path = f"{self.folder}/subscriptions"
        return self.total_of(self.fetch("GET", path, params=params))

    def fields(self, audience_id: str) -> list[Field]:
        """Custom fields belong to the client folder: every list has the same."""
        custom = [
            Field(
                id=str(row["privateName"]),
                label=str(row.get("publicName") or row["privateName"]),
                type=FIELD_TYPE.get(str(row.get("fieldType")), "text"),
            )
            for row in self.rows(f"{self.folder}/customfields")
        ]
        status = Field(
            id="status",
            label="Contact status",
            type="choice",
            read_only=True,
            options=tuple(LABELS.values()),
        )
        return [
            *(Field(id=name, label=label, type=kind) for name, label, kind in STANDARD),
            *custom,
            status,
        ]

    def subscriptions(
        self, emails: Sequence[str], audience_id: str
    ) -> list[Subscription]:
        found = [self.look_up(email, audience_id) for email in emails]
        if found and all(known.place is None for known in found):
            self.require_audience(audience_id)
        return [known.standing for known in found]

    def changes(self, audience_id: str, cursor: str) -> Page:
        """iContact cannot tell what changed since a time: each walk reads the whole
        client folder by rising contactId, and beside it who is on the list."""
        place = parse_place(cursor, int)
        last = place[0] if place else 0
        params: dict[str, Any] = {"status": "total", "orderby": "contactId"}
        params |= {
            "limit": self.page_size,
            "contactId": last,
            "contactIdSearchType": "gt",
        }
        body = self.fetch("GET", f"{self.folder}/contacts", params=params)
        rows = rows_in(body, "contacts")
        ids = [int(row["contactId"]) for row in rows]
        if ids != sorted(set(ids)) or (ids and ids[0] <= last):
            raise TransientError(
                "iContact gave its contacts in another order than asked for, so some "
                "could have been missed."
            )
        if not ids:
            return Page(changes=(), cursor="", complete=True, more=False)
        there = self._members(audience_id, ids[0], ids[-1])
        changes = [
            Change(
                email=str(row.get("email", "")),
                kind="upsert",
                status=standing("", row, there[number]).status,
                fields=values_of(row),
                audience_id=audience_id,
            )
            for number, row in zip(ids, rows, strict=True)
            if number in there
        ]
        # Whether the API really gives as many as asked for is not documented.
        more = int(body.get("total") or len(rows) + 1) > len(rows)
        following = to_place(ids[-1]) if more else ""
        return Page(changes=tuple(changes), cursor=following, complete=True, more=more)

    def _members(
        self, audience_id: str, first: int, last: int
    ) -> dict[int, dict[str, Any]]:
        """The subscriptions to the list of contacts in a range of ids."""
        params: Params = {
            "listId": audience_id,
            "contactId": f"{first},{last}",
            "contactIdSearchType": "bet",
        }
        path = f"{self.folder}/subscriptions"
        return {
            int(row["contactId"]): row
            for row in self.rows(path, params)
            if str(row.get("listId")) == audience_id
        }

    def webhook(self, request: Incoming) -> list[Change]:
        """iContact signs nothing and does not name the event either, so the address
        given to it carries our secret and the event."""
        check_secret_url(request, self.secrets)
        kind = request.query.get("event", "")
        events = json_body(request)
        if kind not in EVENTS or not isinstance(events, list):
            raise RejectedError("This is not an iContact webhook.")
        changes = [event_change(kind, event) for event in events]
        return [change for change in changes if change is not None]

    def add_webhook(self, url: str, audience_id: str) -> dict[str, str]:
        """Four webhooks of the client folder, one for each kind of event; iContact has
        none for Do Not Contact."""
        mark = "&" if "?" in url else "?"
        hooks = [
            {"eventId": kind, "url": f"{url}{mark}event={kind}"} for kind in EVENTS
        ]
        answer = self.fetch("POST", f"{self.folder}/webhooks", payload=hooks)
        made = [str(hook["webhookId"]) for hook in answer.get("webhooks") or ()]
        if len(made) < len(EVENTS):
            words = self.safe(words_of(answer)) or "iContact did not take the webhook."
            raise RejectedError(words)
        return {"webhook_id": ",".join(made)}

    def remove_webhook(self, webhook_id: str, audience_id: str) -> None:
        self.request("DELETE", f"{self.folder}/webhooks/{quote(webhook_id, safe='')}")
