"""Klaviyo, revision 2026-07-15 (developers.klaviyo.com/en/reference, read 2026-11-22).

Unverified: which status a wrong private key gets (the reference says 400, people see
401); whether `updated` moves with every change of consent, so that `changes` looks at
suppressions and list joins of their own as well; how many values `any` takes; that a
webhook's signature is made of the body with the timestamp behind it, which others
report and the reference leaves open.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from integrations.adapters.base import Audience, Change, Field, Incoming, Receipt
from integrations.adapters.calls import Sign, audience
from integrations.adapters.declare import Credential, OAuth2, Rate
from integrations.adapters.declared import filled_in
from integrations.adapters.each import forms, key_of
from integrations.adapters.errors import (
    AdapterError,
    CredentialsError,
    RejectedError,
    TransientError,
)
from integrations.adapters.http import Answer, Params
from integrations.adapters.klaviyo.profiles import EVERYBODY, KlaviyoProfiles
from integrations.adapters.klaviyo.wire import (
    custom_fields,
    flat,
    reason_for,
    resource,
)
from integrations.adapters.shapes import Row, dig, rows_in
from integrations.adapters.shared import check_signed, json_body, moment

REVISION = "2026-07-15"
BAD_KEY = "^(authentication_failed|not_authenticated|invalid_api_key)|api key"
BLOCKED = "Klaviyo's firewall blocked this call."
JSON_API = "application/vnd.api+json"
MEMBERS = "/api/lists/{audience}/profiles"
MARKETING = "subscriptions.email.marketing"
# What the turns of a later walk read: path, filter, order. The first reads the list.
JOINED = (MEMBERS, "greater-or-equal", "joined_group_at")
LATER = (
    (EVERYBODY, "greater-than", "updated"),
    (EVERYBODY, "greater-or-equal", f"{MARKETING}.suppression.timestamp"),
    (EVERYBODY, "greater-or-equal", f"{MARKETING}.list_suppressions.timestamp"),
    JOINED,
)
# Topic -> our status. Klaviyo has others; of these each event names one person.
TOPICS = {
    "event:klaviyo.subscribed_to_email_marketing": "subscribed",
    "event:klaviyo.unsubscribed_from_email_marketing": "unsubscribed",
    "event:klaviyo.manually_suppressed_from_email_marketing": "unsubscribed",
    "event:klaviyo.marked_email_as_spam": "complained",
    "event:klaviyo.bounced_email": "bounced",
}


class Klaviyo(KlaviyoProfiles):
    slug = "klaviyo"
    label = "Klaviyo"
    kind = "esp"
    credentials = (
        Credential(
            name="api_key",
            label="Private API key",
            help_text="Klaviyo: Settings, API keys, Create Private API Key, with full "
            "access to Lists, Profiles and Subscriptions and reading Accounts.",
            placeholder="pk_0123456789abcdef0123456789abcdef01",
        ),
    )
    oauth = OAuth2(
        authorize_url="https://www.klaviyo.com/oauth/authorize",
        token_url="https://a.klaviyo.com/oauth/token",
        revoke_url="https://a.klaviyo.com/oauth/revoke",
        scopes=(
            *("accounts:read", "lists:read", "lists:write"),
            *("profiles:read", "profiles:write", "subscriptions:write"),
            *("webhooks:read", "webhooks:write", "data-privacy:write"),
        ),
        lifetime=3600,
        idle_days=90,
    )
    audience_noun = "list"
    field_noun = "property"
    opt_in = "list"
    batch_size = 100
    concurrency = 2
    rate = Rate(calls=10, seconds=1)  # 75 a second, 750 a minute, 150 of them imports
    notice = (
        "The list's opt-in process decides whether people are asked to confirm. "
        "Klaviyo does not show who has been asked, so they count as waiting until they "
        "confirm or a month has passed."
    )
    exit_effect = "Unsubscribed from the list."
    glyph = "K"
    colour = "k"
    docs_url = "https://developers.klaviyo.com/en/docs/authenticate_"
    features = frozenset({"update_existing", "free_fields"})
    home = "https://a.klaviyo.com"

    key_header = ("Authorization", "Klaviyo-API-Key {api_key}")
    more_headers = {"revision": REVISION, "Accept": JSON_API, "Content-Type": JSON_API}

    signs = (
        Sign(BAD_KEY, CredentialsError, on=400),
        # A challenge of the firewall in front of the API, not Klaviyo's answer.
        Sign("^$", TransientError, on=403, says=BLOCKED),
    )

    size_param, page_size, place_param = "page[size]", 100, "page[cursor]"
    rows_key, next_keys = "data", ("links", "next")

    me_path = "/api/accounts"
    identity_keys = ("attributes.contact_information.default_sender_email", "id")
    account_keys = ("attributes.contact_information.organization_name",)
    nameless = "an account that the key may not name"
    probed = ("/api/lists", EVERYBODY)

    audience_path = "/api/lists"  # at most 10 a page
    audience_params = {"page[size]": 10, "fields[list]": "name,opt_in_process"}
    walk_path = MEMBERS
    turns, whole_turns = len(LATER), 1
    since_format = "%Y-%m-%dT%H:%M:%SZ"
    overlap = timedelta(minutes=15)

    hook_path, hook_key, events_key = "/api/webhooks", "data", "data"
    erasing = (
        "Klaviyo took the request. The profile is on its page of deleted profiles once "
        "that is done."
    )

    def explain(self, answer: Answer) -> str:
        rows = self.faults(answer) or [answer.object()]
        told = [str(row.get("detail") or row.get("title") or "") for row in rows]
        return self.safe(" ".join(dict.fromkeys(told))) or super().explain(answer)

    def told(self, answer: Answer) -> str:
        codes = [str(row.get("code") or "") for row in self.faults(answer)]
        return " ".join([*codes[:1], self.explain(answer)])

    def error_from(self, answer: Answer) -> AdapterError:
        error = super().error_from(answer)
        if isinstance(error, RejectedError):
            error.reason = reason_for(next(iter(self.faults(answer)), {}))
        return error

    def me(self) -> Row:
        return next(iter(rows_in(super().me(), "data")), {})

    def audience_of(self, row: Row) -> Audience:
        """Sizes are left out: Klaviyo counts one list per second, 15 a minute."""
        told = row.get("attributes") or {}
        process = told.get("opt_in_process")
        asks = process == "double_opt_in" if process else None
        return audience({**told, "id": row.get("id")}, double_opt_in=asks)

    def fields(self, audience_id: str) -> list[Field]:
        """Klaviyo's own, and the custom properties that the newest members have: there
        is no list of them. Any other name makes a new property (free_fields)."""
        params: Params = {"sort": "-joined_group_at", "fields[profile]": "properties"}
        newest, _ = self.page(self.people_path(audience_id), "", params)
        return [*self.own_fields, *custom_fields(newest)]

    def turn(
        self, turn: int, since: str, place: Any, audience_id: str
    ) -> tuple[list[Row], Any]:
        """Somebody removed from the list without leaving, or deleted, is only missed by
        a new whole walk."""
        path, newer, order = LATER[turn] if since else JOINED
        params = {"additional-fields[profile]": "subscriptions", "sort": order}
        if since:
            params["filter"] = f"{newer}({order},{since})"
        found, following = self.page(self.at(path, audience_id), place, params)
        people = [flat(profile, on_list=path == MEMBERS) for profile in found]
        return [row for row in people if row.get("email")], following

    def changed(
        self, rows: Sequence[Row], audience_id: str, since: str
    ) -> Iterator[Change]:
        """Nothing of who is known to the account only, and has not left."""
        aside = [row["email"] for row in rows if not row["on_list"]]
        members = self.profiles(self.people_path(audience_id), aside)
        there = {key_of(row["email"]) for row in members}
        for row in rows:
            row["on_list"] |= key_of(row["email"]) in there
            kind = "upsert" if row["on_list"] else "status"
            if self.status_of(row, audience_id) != "absent":
                yield self.change(row, audience_id, kind)

    def check_hook(self, request: Incoming) -> None:
        """Klaviyo-Signature is the hexadecimal HMAC-SHA256 of the body with the value
        of Klaviyo-Timestamp behind it."""
        at = request.headers.get("klaviyo-timestamp", "")
        given = request.headers.get("klaviyo-signature", "") if at else ""
        check_signed(self.secrets, request.body + at.encode(), given)
        named = dig(json_body(request), "meta", "klaviyo_webhook_id")
        if named != request.headers.get("klaviyo-webhook-id"):
            raise CredentialsError("Header and body name different webhooks.")

    def heard(self, event: Row) -> Iterator[Change]:
        status = TOPICS.get(str(event["topic"]))
        payload = event.get("payload") or {}
        told = dig(payload, "data", "attributes") or {}
        facts = told.get("event_properties") or {}
        soft = str(facts.get("Bounce Type", "")).lower() == "soft"
        rows = payload.get("included") or ()
        emails = [email for row in rows if (email := dig(row, "attributes", "email"))]
        emails.append(filled_in(facts, ("email_address", "email", "Email")))
        if status and emails[0] and not (status == "bounced" and soft):
            at = moment(told.get("timestamp")) or moment(told.get("datetime"))
            yield Change(email=str(emails[0]), kind="status", status=status, at=at)

    def hook(self, url: str, audience_id: str) -> Row:
        """For the whole account: Klaviyo has none for a list, and offers webhooks to
        app partners and on its larger plans only."""
        topics = [{"type": "webhook-topic", "id": topic} for topic in TOPICS]
        secret = self.secrets.get("webhook_secret", "")
        told = {"name": "contactsync", "endpoint_url": url, "secret_key": secret}
        return {"data": resource("webhook", told, **{"webhook-topics": topics})}

    def erase(self, email: str) -> Receipt:
        for form in forms(email):
            profile = {"data": resource("profile", {"email": form})}
            self.start("data-privacy-deletion-job", {"profile": profile})
        return Receipt(ok=True, note=self.erasing)
