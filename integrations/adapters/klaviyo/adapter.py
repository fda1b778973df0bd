"""Klaviyo, revision 2026-07-15 (developers.klaviyo.com/en/reference, read 2026-11-22).

Unverified: which status a wrong private key gets (the reference says 400, people see
401); whether `updated` moves with every change of consent, so that `changes` looks at
suppressions and list joins of their own as well; how many values `any` takes; that a
webhook's signature is made of the body with the timestamp behind it, which others
report and the reference leaves open.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from integrations.adapters.base import (
    Audience,
    Change,
    Field,
    Incoming,
    Page,
    Reading,
    Receipt,
    Resource,
)
from integrations.adapters.declare import Credential, OAuth2, Rate
from integrations.adapters.each import forms, key_of
from integrations.adapters.errors import (
    AdapterError,
    CredentialsError,
    RejectedError,
    ScopeError,
    TransientError,
)
from integrations.adapters.http import Answer, Params
from integrations.adapters.klaviyo.profiles import KlaviyoProfiles
from integrations.adapters.klaviyo.wire import (
    FIXED,
    TOPICS,
    Known,
    check_signature,
    custom_fields,
    email_of,
    list_path,
    next_cursor,
    reason_of,
    rows_of,
    standing,
    values_of,
    webhook_changes,
)
from integrations.adapters.shared import expired, moment, parse_place, to_place

REVISION = "2026-07-15"
JSON_API = "application/vnd.api+json"
PAGE = 100  # profiles a page, at most
LISTS = 10  # lists a page, at most
SLACK = timedelta(minutes=15)  # what our clock may be ahead of Klaviyo's
EMAIL = "subscriptions.email.marketing"
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
    ("list", "greater-or-equal(joined_group_at,{})", "joined_group_at"),
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

    def headers(self) -> dict[str, str]:
        if token := self.secrets.get("access_token", ""):
            authorization = f"Bearer {token}"
        elif key := self.secrets.get("api_key", "").strip():
            authorization = f"Klaviyo-API-Key {key}"
        else:
            raise CredentialsError("A private API key of Klaviyo is needed.")
        return {
            "Authorization": authorization,
            "revision": REVISION,
            "Accept": JSON_API,
            "Content-Type": JSON_API,
        }

    def explain(self, answer: Answer) -> str:
        told = [
            str(row.get("detail") or row.get("title") or "") for row in _errors(answer)
        ]
        if not told:
            return super().explain(answer)
        return self.safe(" ".join(dict.fromkeys(told)))

    def error_from(self, answer: Answer) -> AdapterError:
        error = super().error_from(answer)
        first = next(iter(_errors(answer)), {})
        code = str(first.get("code") or "")
        if answer.status == 400 and (
            code in ("authentication_failed", "not_authenticated", "invalid_api_key")
            or "api key" in error.detail.lower()
        ):
            return CredentialsError(error.detail, status=400)
        if answer.status == 403 and not answer.object():
            # A challenge of the firewall in front of the API, not Klaviyo's answer.
            return TransientError("Klaviyo's firewall blocked this call.", status=403)
        if isinstance(error, RejectedError):
            pointer = str((first.get("source") or {}).get("pointer") or "")
            reason = reason_of(code, pointer)
            return RejectedError(error.detail, reason=reason, status=answer.status)
        return error

    def verify(self) -> Reading:
        resources = []
        identity = name = ""
        few: Params = {"page[size]": 1}
        for resource, params in (("accounts", None), ("lists", few), ("profiles", few)):
            path = f"/api/{resource}"
            readable, detail = True, ""
            try:
                rows = rows_of(self.fetch("GET", path, params=params))
            except ScopeError as error:
                rows, readable, detail = [], False, error.detail
            if resource == "accounts" and rows:
                contact = rows[0]["attributes"].get("contact_information") or {}
                identity = str(contact.get("default_sender_email") or rows[0].get("id"))
                name = str(contact.get("organization_name") or "")
            resources.append(
                Resource(name=resource, readable=readable, writable=None, detail=detail)
            )
        return Reading(
            identity=identity or "an account that the key may not name",
            account_name=name,
            resources=tuple(resources),
        )

    def audiences(self) -> list[Audience]:
        """Sizes are left out: Klaviyo counts one list per second, 15 a minute."""
        found: list[Audience] = []
        params: Params = {"page[size]": LISTS, "fields[list]": "name,opt_in_process"}
        for row in self.pages("/api/lists", params):
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
            "page[size]": PAGE,
            "fields[profile]": "properties",
        }
        body = self.fetch("GET", f"{list_path(audience_id)}/profiles", params=params)
        return [*FIXED, *custom_fields(rows_of(body))]

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
        body = self._turn(turn, after, page, audience_id)
        following = next_cursor(body)
        if following:
            ahead = to_place(turn, after, began, following)
        elif turn == WHOLE or turn + 1 == len(ROUND):
            ahead = to_place(0, began, "", "")
        else:
            ahead = to_place(turn + 1, after, began, "")
        done = not following and (turn == WHOLE or turn + 1 == len(ROUND))
        members = turn == WHOLE or ROUND[turn][0] == "list"
        return Page(
            changes=tuple(self._changes(rows_of(body), audience_id, members)),
            cursor=ahead,
            complete=turn == WHOLE,
            more=not done,
        )

    def _turn(
        self, turn: int, after: str, page: str, audience_id: str
    ) -> dict[str, Any]:
        resource, wanted, order = ("list", "", "joined_group_at")
        if turn != WHOLE:
            resource, wanted, order = ROUND[turn]
        params: dict[str, str | int] = {
            "additional-fields[profile]": "subscriptions",
            "page[size]": PAGE,
            "sort": order,
        }
        if wanted:
            params["filter"] = wanted.format(after)
        if page:
            params["page[cursor]"] = page
        path = "/api/profiles"
        if resource == "list":
            path = f"{list_path(audience_id)}/profiles"
        try:
            return self.fetch("GET", path, params=params)
        except RejectedError:
            if page:
                raise expired() from None
            raise

    def _changes(
        self, rows: list[dict[str, Any]], audience_id: str, members: bool
    ) -> list[Change]:
        people = {key_of(email_of(row)): row for row in rows if email_of(row)}
        on_list = set(people)
        if not members and people:
            found = self.find(f"{list_path(audience_id)}/profiles", list(people))
            on_list = set(found)
        changes = []
        for key, row in people.items():
            member = key in on_list
            status = standing(
                key, Known(profile=row, on_list=member), audience_id, False
            ).status
            if not member and status == "absent":
                continue  # known to the account, and nothing to do with this list
            attributes = row.get("attributes") or {}
            changes.append(
                Change(
                    email=email_of(row),
                    kind="upsert" if member else "status",
                    status=status,
                    fields=values_of(row) if member else {},
                    at=moment(attributes.get("updated")),
                    audience_id=audience_id,
                )
            )
        return changes

    def webhook(self, request: Incoming) -> list[Change]:
        check_signature(request, self.secrets.get("webhook_secret", ""))
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
        return {"webhook_id": str((body.get("data") or {}).get("id") or "")}

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


def _errors(answer: Answer) -> list[dict[str, Any]]:
    rows = answer.object().get("errors")
    return [row for row in rows or () if isinstance(row, dict)]
