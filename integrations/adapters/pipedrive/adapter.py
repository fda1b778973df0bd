"""The Pipedrive adapter: declaration, reading, changes and webhooks."""

from __future__ import annotations

import base64
import hmac
import re
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
from integrations.adapters.consent import LEFT
from integrations.adapters.declare import Credential, OAuth2, Rate
from integrations.adapters.errors import (
    AdapterError,
    CredentialsError,
    Reason,
    RejectedError,
    ScopeError,
    SetupError,
    TransientError,
)
from integrations.adapters.http import Answer
from integrations.adapters.pipedrive.people import PAGE, PEOPLE, PipedrivePeople
from integrations.adapters.pipedrive.wire import (
    NEVER,
    PHONES,
    TYPES,
    has_label,
    heard,
    options_of,
    primary,
    status_of,
    takes,
)
from integrations.adapters.shapes import rows_in
from integrations.adapters.shared import (
    expired,
    json_body,
    moment,
    parse_place,
    to_place,
)

DOMAIN = re.compile(r"https://[a-z0-9-]+\.pipedrive\.com")
WEBHOOK_USER = "contactsync"
TOMORROW = 3600.0  # seconds; the budget comes back at the server's midnight


class Pipedrive(PipedrivePeople):
    slug = "pipedrive"
    label = "Pipedrive"
    kind = "crm"
    credentials = (
        Credential(
            name="api_token",
            label="API token",
            help_text="Pipedrive: your picture, Personal preferences, API.",
        ),
    )
    oauth = OAuth2(
        authorize_url="https://oauth.pipedrive.com/oauth/authorize",
        token_url="https://oauth.pipedrive.com/oauth/token",
        revoke_url="https://oauth.pipedrive.com/oauth/revoke",
        idle_days=60,
        pkce=False,
    )
    audience_noun = "label"
    opt_in = "none"
    batch_size = 25
    concurrency = 2
    rate = Rate(calls=10, seconds=2)  # the search's own limit, on every plan
    reset_headers = ("x-ratelimit-reset",)
    notice = (
        "A contact costs about 50 of the API tokens that your company has per day "
        "(30,000 for each seat on the smallest plan)."
    )
    exit_effect = "Set to unsubscribed in Pipedrive Campaigns. The person stays."
    glyph = "Pi"
    docs_url = (
        "https://support.pipedrive.com/en/article/how-can-i-find-my-personal-api-key"
    )
    features = frozenset({"update_existing"})

    @property
    def home(self) -> str:
        return self.secrets.get("api_domain") or "https://api.pipedrive.com"

    @classmethod
    def from_token(cls, answer: Mapping[str, Any]) -> dict[str, str]:
        domain = str(answer.get("api_domain", "")).rstrip("/")
        return {"api_domain": domain} if DOMAIN.fullmatch(domain) else {}

    def headers(self) -> dict[str, str]:
        if token := self.secrets.get("access_token"):
            return {"Authorization": f"Bearer {token}"}
        return {"x-api-token": self.secrets.get("api_token", "").strip()}

    def error_from(self, answer: Answer) -> AdapterError:
        error = super().error_from(answer)
        body = answer.object()
        if answer.status == 403 and str(body.get("code", "")).endswith("_limit"):
            return SetupError(error.detail, reason=Reason.QUOTA, status=403)
        if answer.status == 403 and b"cloudflare" in answer.body.lower():
            # Who keeps calling in spite of 429 meets the firewall for a while.
            return TransientError(
                "Pipedrive's firewall blocks this token for a while (403).",
                reason=Reason.RATE,
                status=403,
            )
        left = answer.headers.get("x-ratelimit-remaining", "0")
        spent = answer.headers.get("x-daily-requests-left") == "0" or left != "0"
        if answer.status == 429 and spent:
            return TransientError(
                "Your Pipedrive company has used up its API tokens for today.",
                reason=Reason.QUOTA,
                status=429,
                retry_after=TOMORROW,
            )
        return error

    def verify(self) -> Reading:
        me = self.fetch("GET", "/api/v1/users/me").get("data") or {}
        people = self._probe("people", "/api/v2/persons")
        fields = self._probe("person fields", "/api/v2/personFields")
        return Reading(
            identity=str(me.get("email", "")),
            account_name=str(me.get("company_name", "")),
            resources=(people, fields),
        )

    def _probe(self, name: str, path: str) -> Resource:
        try:
            self.fetch("GET", path, params={"limit": 1})
        except ScopeError as error:
            return Resource(
                name=name, readable=False, writable=None, detail=error.detail
            )
        return Resource(name=name, readable=True, writable=None)

    def audiences(self) -> list[Audience]:
        everybody = Audience(id=PEOPLE, label="Everybody", double_opt_in=False)
        labels = sorted(self._labels.items(), key=lambda item: item[1].lower())
        return [
            everybody,
            *(Audience(id=id, label=name, double_opt_in=False) for id, name in labels),
        ]

    def fields(self, audience_id: str) -> list[Field]:
        self._label(audience_id)
        return [
            Field(
                id=code,
                label=str(row["field_name"]),
                type="name" if code == "name" else TYPES.get(row["field_type"], "text"),
                read_only=not takes(code, row),
                options=tuple(str(option["label"]) for option in options_of(row)),
            )
            for code, row in self._fields.items()
            if code not in NEVER
        ]

    def subscriptions(
        self, emails: Sequence[str], audience_id: str
    ) -> list[Subscription]:
        label = self._label(audience_id)
        return [self._subscription(email, label) for email in emails]

    def _subscription(self, email: str, label: int | None) -> Subscription:
        known = list(self._people(email))
        fields = self._values_of(known[0]) if known else None  # who is written to
        people = [who for who in known if has_label(who, label)]
        if not people:
            return Subscription(email=email, status="absent", fields=fields)
        # Of several records of one person, the one that opted out counts.
        person = max(people, key=lambda who: status_of(who) in LEFT)
        status = status_of(person)
        return Subscription(
            email=email,
            status=status,
            changed_at=moment(person.get("update_time")),
            remote_id=str(person["id"]),
            fields=fields,
            detail=""
            if status != "unknown"
            else "In Pipedrive, which has no marketing consent of theirs on record.",
        )

    def changes(self, audience_id: str, cursor: str) -> Page:
        """People by the time of their last update; whoever changes meanwhile moves to
        the end. Deletions come by webhook only."""
        label = self._label(audience_id)
        read = parse_place(cursor, str, str, str, bool)
        since, place, latest, full = read or ("", "", "", True)
        params: dict[str, str | int] = {
            "sort_by": "update_time",
            "sort_direction": "asc",
            "limit": PAGE,
        }
        if since:
            params["updated_since"] = since
        if place:
            params["cursor"] = place
        if self._campaigns:
            params["include_fields"] = "marketing_status"
        try:
            body = self.fetch("GET", "/api/v2/persons", params=params)
        except RejectedError as error:
            raise expired() if place or since else error from None
        rows = rows_in(body, "data")
        latest = max([latest, *(str(row.get("update_time") or "") for row in rows)])
        following = (body.get("additional_data") or {}).get("next_cursor") or ""
        state = (
            to_place(since, following, latest, full)
            if following
            else to_place(latest, "", "", False)
        )
        return Page(
            changes=tuple(self._changes(rows, label, audience_id)),
            cursor=state,
            complete=full,
            more=bool(following),
        )

    def _changes(
        self, rows: Sequence[Mapping[str, Any]], label: int | None, audience_id: str
    ) -> Iterator[Change]:
        for row in rows:
            email = primary(row.get("emails"))
            if email and has_label(row, label) and not row.get("is_deleted"):
                yield Change(
                    email=email,
                    kind="upsert",
                    status=status_of(row),
                    fields=self._values_of(row),
                    at=moment(row.get("update_time")),
                    audience_id=audience_id,
                )

    def _values_of(self, person: Mapping[str, Any]) -> dict[str, object]:
        """A person's values as `fields` describes them."""
        phones = next((code for code in PHONES if code in self._fields), PHONES[0])
        values: dict[str, object] = {
            "name": person.get("name"),
            phones: primary(person.get("phones")),
        }
        for code, value in (person.get("custom_fields") or {}).items():
            row = self._fields.get(code)
            if row is None or not takes(code, row):
                continue
            if row["field_type"] in ("enum", "set"):
                names = {o["id"]: str(o["label"]) for o in options_of(row)}
                if isinstance(value, list):
                    value = [names[item] for item in value if item in names]
                else:
                    value = names.get(value)
            elif isinstance(value, Mapping):
                value = value.get("value")
            values[code] = value
        return filled(values)

    def add_webhook(self, url: str, audience_id: str) -> dict[str, str]:
        answer = self.fetch(
            "POST",
            "/api/v1/webhooks",
            payload={
                "subscription_url": url,
                "event_action": "*",
                "event_object": "person",
                "name": "contactsync",
                "version": "2.0",
                "http_auth_user": WEBHOOK_USER,
                "http_auth_password": self.secrets.get("webhook_secret", ""),
            },
        )
        return {"webhook_id": str((answer.get("data") or {}).get("id", ""))}

    def remove_webhook(self, webhook_id: str, audience_id: str) -> None:
        self.request("DELETE", f"/api/v1/webhooks/{quote(webhook_id, safe='')}")

    def webhook(self, request: Incoming) -> list[Change]:
        """Pipedrive signs nothing but sends the Basic credentials that it was given
        (guide for webhooks v2). Custom fields are left to `changes`."""
        secret = self.secrets.get("webhook_secret", "")
        pair = base64.b64encode(f"{WEBHOOK_USER}:{secret}".encode()).decode()
        given = request.headers.get("authorization", "").encode()
        if not secret or not hmac.compare_digest(f"Basic {pair}".encode(), given):
            raise CredentialsError("This webhook does not carry our secret.")
        body = json_body(request)
        meta, now, before = (
            part if isinstance(part, dict) else {}
            for part in (
                body.get(name) if isinstance(body, dict) else None
                for name in ("meta", "data", "previous")
            )
        )
        if not meta:
            raise RejectedError("This is not a Pipedrive webhook.")
        if meta.get("entity") != "person":
            return []
        return list(heard(str(meta.get("action")), now, before, meta.get("timestamp")))
