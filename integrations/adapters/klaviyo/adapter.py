"""Klaviyo, revision 2026-07-15 (developers.klaviyo.com/en/reference, read 2026-11-22).

Unverified: which status a wrong private key gets (the reference says 400, people see
401); whether `updated` moves with every change of consent, so that `changes` looks at
suppressions and list joins of their own as well; how many values `any` takes; that a
webhook's signature is made of the body with the timestamp behind it, which others
report and the reference leaves open.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from integrations.adapters.base import (
    Audience,
    Change,
    Field,
    Incoming,
    Page,
    Reading,
    Receipt,
)
from integrations.adapters.calls import Sign
from integrations.adapters.declare import Credential, OAuth2, Rate
from integrations.adapters.each import forms, key_of, probed
from integrations.adapters.errors import (
    AdapterError,
    CredentialsError,
    RejectedError,
    TransientError,
)
from integrations.adapters.http import Answer, Params
from integrations.adapters.klaviyo.profiles import KlaviyoProfiles
from integrations.adapters.klaviyo.wire import (
    FIXED,
    TOPICS,
    custom_fields,
    flat,
    list_path,
    reason_for,
    webhook_changes,
)
from integrations.adapters.shapes import Row, dig, rows_in
from integrations.adapters.shared import (
    check_signed,
    expired,
    moment,
    parse_place,
    to_place,
)

REVISION = "2026-07-15"
BAD_KEY = "^(authentication_failed|not_authenticated|invalid_api_key)|api key"
BLOCKED = "Klaviyo's firewall blocked this call."
JSON_API = "application/vnd.api+json"
LISTS = 10  # lists a page, at most
SLACK = timedelta(minutes=15)  # what our clock may be ahead of Klaviyo's
EMAIL = "subscriptions.email.marketing"
JOINED = ("list", "greater-or-equal(joined_group_at,{})", "joined_group_at")
# A round of `changes` reads these one after the other: resource, filter, order.
ROUND = (
    ("profiles", "greater-than(updated,{})", "updated"),
    (
        "profiles",
        f"greater-or-equal({EMAIL}.suppression.timestamp,{{}})",
        f"{EMAIL}.suppression.timestamp",
    ),
    (
        "profiles",
        f"greater-or-equal({EMAIL}.list_suppressions.timestamp,{{}})",
        f"{EMAIL}.list_suppressions.timestamp",
    ),
    JOINED,
)
WHOLE = -1  # the walk through the whole list


class Klaviyo(KlaviyoProfiles):
    slug = "klaviyo"
    label = "Klaviyo"
    kind = "esp"
    credentials = (
        Credential(
            name="api_key",
            label="Private API key",
            help_text=(
                "Klaviyo: Settings, API keys, Create Private API Key, with full access "
                "to Lists, Profiles and Subscriptions and reading Accounts."
            ),
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
    more_headers = {
        **{"revision": REVISION, "Accept": JSON_API, "Content-Type": JSON_API},
    }

    signs = (
        Sign(BAD_KEY, CredentialsError, on=400),
        # A challenge of the firewall in front of the API, not Klaviyo's answer.
        Sign("^$", TransientError, on=403, says=BLOCKED),
    )

    def explain(self, answer: Answer) -> str:
        rows = _errors(answer) or [answer.object()]
        told = [str(row.get("detail") or row.get("title") or "") for row in rows]
        return self.safe(" ".join(dict.fromkeys(told))) or super().explain(answer)

    def told(self, answer: Answer) -> str:
        codes = [str(row.get("code") or "") for row in _errors(answer)]
        return " ".join([*codes[:1], self.explain(answer)])

    def error_from(self, answer: Answer) -> AdapterError:
        error = super().error_from(answer)
        if isinstance(error, RejectedError):
            error.reason = reason_for(next(iter(_errors(answer)), {}))
        return error

    def verify(self) -> Reading:
        account: Row = {}

        def read() -> None:
            for row in rows_in(self.fetch("GET", "/api/accounts"), "data")[:1]:
                mine = row["attributes"].get("contact_information") or {}
                account.update(mine, id=row.get("id"))

        accounts = probed("accounts", read)
        identity = account.get("default_sender_email") or account.get("id")
        return Reading(
            identity=str(identity or "an account that the key may not name"),
            account_name=str(account.get("organization_name") or ""),
            resources=(accounts, *self.probes("/api", "lists", "profiles")),
        )

    def audiences(self) -> list[Audience]:
        """Sizes are left out: Klaviyo counts one list per second, 15 a minute."""
        found: list[Audience] = []
        params: Params = {"page[size]": LISTS, "fields[list]": "name,opt_in_process"}
        for row in self.rows("/api/lists", params):
            attributes = row.get("attributes") or {}
            process = attributes.get("opt_in_process")
            found.append(
                Audience(
                    id=str(row.get("id")),
                    label=str(attributes.get("name") or ""),
                    double_opt_in=process == "double_opt_in" if process else None,
                )
            )
        return found

    def fields(self, audience_id: str) -> list[Field]:
        """Klaviyo's own, and the custom properties that the newest members have: there
        is no list of them. Any other name makes a new property (free_fields)."""
        params: Params = {
            "sort": "-joined_group_at",
            "fields[profile]": "properties",
        }
        newest, _ = self.page(f"{list_path(audience_id)}/profiles", "", params)
        return [*FIXED, *custom_fields(map(flat, newest))]

    def changes(self, audience_id: str, cursor: str) -> Page:
        """The first round walks the whole list. Later ones read what changed since the
        round before began: profiles, suppressions and joins; somebody removed from the
        list without leaving, or deleted, is only missed by a new whole walk."""
        since = (datetime.now(UTC) - SLACK).strftime("%Y-%m-%dT%H:%M:%SZ")
        place = parse_place(cursor, int, str, str, str)
        turn, after, began, page = place or (WHOLE, "", since, "")
        if not WHOLE <= turn < len(ROUND) or (turn >= 0 and moment(after) is None):
            raise expired()
        began = began or since
        resource, wanted, order = JOINED if turn == WHOLE else ROUND[turn]
        members = f"{list_path(audience_id)}/profiles"
        params: dict[str, str | int] = {
            "additional-fields[profile]": "subscriptions",
            "sort": order,
            **({} if turn == WHOLE else {"filter": wanted.format(after)}),
        }
        path = members if resource == "list" else "/api/profiles"
        rows, following = self.walk(page, path, page, params)
        last = turn == WHOLE or turn + 1 == len(ROUND)
        if following:
            ahead = to_place(turn, after, began, following)
        elif last:
            ahead = to_place(0, began, "", "")
        else:
            ahead = to_place(turn + 1, after, began, "")
        people = {row["email"]: row for row in map(flat, rows) if row["email"]}
        there = {key_of(email) for email in people}
        if people and path != members:
            there = set(self.profiles(members, list(people), True))
        return Page(
            changes=tuple(
                change
                for email, row in people.items()
                for change in self._changed(row, audience_id, key_of(email) in there)
            ),
            cursor=ahead,
            complete=turn == WHOLE,
            more=bool(following) or not last,
        )

    def _changed(self, row: Row, audience_id: str, member: bool) -> Iterator[Change]:
        """Nothing of who is known to the account only, and has not left."""
        row = {**row, "on_list": member}
        if member or self.status_of(row, audience_id) != "absent":
            yield self.change(row, audience_id, "upsert" if member else "status")

    def webhook(self, request: Incoming) -> list[Change]:
        """Klaviyo-Signature is the hexadecimal HMAC-SHA256 of the body with the value
        of Klaviyo-Timestamp behind it."""
        at = request.headers.get("klaviyo-timestamp", "")
        given = request.headers.get("klaviyo-signature", "") if at else ""
        check_signed(self.secrets, request.body + at.encode(), given)
        return webhook_changes(request)

    def add_webhook(self, url: str, audience_id: str) -> dict[str, str]:
        """For the whole account: Klaviyo has none for a list, and offers webhooks to
        app partners and on its larger plans only."""
        topics = [{"type": "webhook-topic", "id": topic} for topic in TOPICS]
        webhook = {
            "type": "webhook",
            "attributes": {
                "name": "contactsync",
                "endpoint_url": url,
                "secret_key": self.secrets.get("webhook_secret", ""),
            },
            "relationships": {"webhook-topics": {"data": topics}},
        }
        body = self.fetch("POST", "/api/webhooks", payload={"data": webhook})
        return {"webhook_id": str(dig(body, "data", "id") or "")}

    def remove_webhook(self, webhook_id: str, audience_id: str) -> None:
        self.request("DELETE", f"/api/webhooks/{quote(webhook_id, safe='')}")

    def erase(self, email: str) -> Receipt:
        kind = "data-privacy-deletion-job"
        for form in forms(email):
            profile = {"type": "profile", "attributes": {"email": form}}
            job = {"type": kind, "attributes": {"profile": {"data": profile}}}
            self.request("POST", f"/api/{kind}s", payload={"data": job})
        return Receipt(
            ok=True,
            note="Klaviyo took the request. The profile is on its page of deleted "
            "profiles once that is done.",
        )


def _errors(answer: Answer) -> list[Row]:
    rows = answer.object().get("errors")
    return [row for row in rows or () if isinstance(row, dict)]
