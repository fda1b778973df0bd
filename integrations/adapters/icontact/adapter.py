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

from collections.abc import Iterator
from typing import Any

from integrations.adapters.base import (
    Audience,
    Change,
    Field,
    Incoming,
    Resource,
)
from integrations.adapters.calls import Sign
from integrations.adapters.declare import Credential, Rate, SubAccount
from integrations.adapters.errors import (
    Reason,
    RejectedError,
    SetupError,
    TargetError,
    TransientError,
)
from integrations.adapters.http import Params
from integrations.adapters.icontact.contacts import (
    CONFIRMING,
    CONTACTS,
    FOLDER,
    LABELS,
    MESSAGES,
    PLACE,
    SUBSCRIPTIONS,
    IContactContacts,
    words_of,
)
from integrations.adapters.shapes import Row, dig, id_in, unreadable
from integrations.adapters.shared import json_body

# What is posted to us, and the subscription that it tells of.
EVENTS = {
    **{"contact_created": "", "contact_updated": ""},
    **{"contact_subscribed": "normal", "contact_unsubscribed": "unsubscribed"},
}


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

    key_header = ("API-AppId", "{app_id}")
    more_headers = {
        "API-Version": "2.2",
        "API-Username": "{username}",
        "API-Password": "{api_password}",
    }

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

    size_param, page_size = "limit", 500  # the maximum, by its forum; it gives 20
    place_param, first_place = "offset", 0
    total_keys = ("total",)

    identity_keys = ("account.email", "username")
    account_keys = ("account.companyName",)
    audience_path = f"{FOLDER}/lists"
    count_path, count_by = SUBSCRIPTIONS, "listId"
    count_params = {"status": "normal"}
    field_path = f"{FOLDER}/customfields"
    field_keys = ("privateName", "publicName", "fieldType")
    field_types = {
        **{"number": "number", "decimal": "number"},
        **{"date": "date", "checkbox": "boolean"},
    }
    own_fields = (
        Field(id="prefix", label="Salutation"),
        Field(id="firstName", label="First name", type="name"),
        Field(id="lastName", label="Last name", type="name"),
        Field(id="suffix", label="Suffix"),
        Field(id="street", label="Street"),
        Field(id="street2", label="Street, second line"),
        Field(id="city", label="City"),
        Field(id="state", label="State"),
        Field(id="postalCode", label="Postal code", type="zip"),
        Field(id="phone", label="Phone", type="phone"),
        Field(id="fax", label="Fax", type="phone"),
        Field(id="business", label="Business phone", type="phone"),
        Field(
            id="status",
            label="Contact status",
            type="choice",
            read_only=True,
            options=tuple(LABELS.values()),
        ),
    )
    hook_path = f"{FOLDER}/webhooks"
    erasing = (
        "Deleted from this client folder. Others of the same account, and iContact's "
        "statistics of past mailings, are not touched."
    )

    # The account.

    def sub_accounts(self) -> list[SubAccount]:
        """Every client folder of every account that is enabled, as "account/folder"."""
        found = []
        for account in self.rows("/icp/a/"):
            if str(account.get("enabled", 1)) != "1":
                continue
            who = account.get("companyName") or account.get("email") or self.label
            own = id_in(account, "accountId")
            for folder in self.rows(self.at("/icp/a/{id}/c/", id=own)):
                number = id_in(folder, "clientFolderId")
                name = folder.get("name") or f"client folder {number}"
                found.append(SubAccount(id=f"{own}/{number}", label=f"{who}: {name}"))
        return found

    def account(self) -> str:
        """The account and the client folder in a path: the chosen one, or the only."""
        chosen = self.secrets.get("sub_account", "")
        if not chosen:
            reached = self.sub_accounts()
            if len(reached) != 1:
                raise TargetError(
                    f"This iContact log-in reaches {len(reached)} client folders: "
                    "choose the one to use."
                )
            chosen = self.secrets["sub_account"] = reached[0].id
        account, _, folder = chosen.partition("/")
        if not (account.isdecimal() and folder.isdecimal()):
            raise TargetError("This is not an iContact client folder: choose it again.")
        return f"{account}/c/{folder}"

    def listed(self, body: Row, name: str) -> list[Row]:
        """Accounts and folders are named in the answer only."""
        named = "accounts" if "accounts" in body else "clientfolders"
        return super().listed(body, name or named)

    def following(self, body: Row, rows: list[Row], place: Any) -> int | None:
        """Whether the API really gives as many as asked for is not documented, so only
        its total, or an empty page, is the end."""
        reached: int = place + len(rows)
        total = int(body.get("total") or reached + bool(rows))
        if not rows and reached < total:
            raise unreadable(self.label)
        return reached if reached < total else None

    def me(self) -> Row:
        number = self.account().partition("/")[0]
        entered = {"username": self.secrets["username"]}
        return {**entered, **self.fetch("GET", f"/icp/a/{number}")}

    def resources(self) -> tuple[Resource, ...]:
        return (
            self.probe("lists", self.at(self.audience_path)),
            self.probe("contacts", self.at(CONTACTS), {"status": "total"}),
            self.probe("custom fields", self.at(self.field_path)),
            self.probe("confirmation messages", self.at(MESSAGES), CONFIRMING),
        )

    def notes(self, resources: tuple[Resource, ...]) -> Iterator[str]:
        yield f"Client folder {self.account().rpartition('/')[2]}."
        if resources[-1].count == 0:
            yield (
                "There is no confirmation message, so rules with double opt-in cannot "
                "be used."
            )

    def audience_of(self, row: Row) -> Audience:
        name = str(row.get("name", ""))
        return Audience(id=id_in(row, "listId"), label=name, double_opt_in=False)

    # Walking through an audience, and webhooks.

    def turn(
        self, turn: int, since: str, place: Any, audience_id: str
    ) -> tuple[list[Row], Any]:
        """iContact cannot tell what changed since a time: each walk reads the whole
        client folder by rising contactId, and beside it who is on the list."""
        asked: Params = {
            **{"status": "total", "orderby": "contactId"},
            **{"contactId": place, "contactIdSearchType": "gt"},
        }
        rows, more = self.page(self.at(CONTACTS), 0, asked)
        ids = [int(row["contactId"]) for row in rows]
        if [place, *ids] != sorted({place, *ids}):
            raise TransientError(
                "iContact gave its contacts in another order than asked for, so some "
                "could have been missed."
            )
        if not ids:
            return [], None
        near: Params = {
            **{"listId": audience_id, "contactId": f"{ids[0]},{ids[-1]}"},
            "contactIdSearchType": "bet",
        }
        return self.placed(rows, near, audience_id), ids[-1] if more else None

    def webhook(self, request: Incoming) -> list[Change]:
        """iContact signs nothing and does not name the event either, so the address
        given to it carries our secret and the event."""
        self.check_hook(request)
        event, posted = request.query.get("event", ""), json_body(request)
        if event not in EVENTS or not isinstance(posted, list):
            raise RejectedError("This is not an iContact webhook.")
        kind = "status" if event == "contact_unsubscribed" else "upsert"
        return [
            self.change(
                {**row["contact"], PLACE: EVENTS[event]},
                str(dig(row, "list", "listId") or ""),
                kind,
            )
            for row in posted
            if dig(row, "contact", "email")
        ]

    def add_webhook(self, url: str, audience_id: str) -> dict[str, str]:
        """Four webhooks of the client folder, one for each kind of event; iContact has
        none for Do Not Contact."""
        mark = "&" if "?" in url else "?"
        hooks = [
            {"eventId": event, "url": f"{url}{mark}event={event}"} for event in EVENTS
        ]
        answer = self.fetch("POST", self.at(self.hook_path), payload=hooks)
        made = [id_in(hook, "webhookId") for hook in answer.get("webhooks") or ()]
        if len(made) < len(EVENTS):
            words = self.safe(words_of(answer)) or "iContact did not take the webhook."
            raise RejectedError(words)
        return {"webhook_id": ",".join(made)}
