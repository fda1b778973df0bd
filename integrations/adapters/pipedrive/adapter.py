"""The Pipedrive adapter: declaration, reading, changes and webhooks."""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
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
    filled,
)
from integrations.adapters.calls import Sign
from integrations.adapters.consent import LEFT
from integrations.adapters.declare import Credential, OAuth2, Rate
from integrations.adapters.errors import (
    CredentialsError,
    Reason,
    RejectedError,
    SetupError,
    TransientError,
)
from integrations.adapters.http import Answer
from integrations.adapters.pipedrive.people import (
    FIELDS,
    PEOPLE,
    PERSONS,
    PipedrivePeople,
)
from integrations.adapters.pipedrive.wire import (
    NEVER,
    PHONES,
    TYPES,
    has_label,
    options_of,
    primary,
    takes,
)
from integrations.adapters.shapes import Row, dig
from integrations.adapters.shared import (
    basic,
    json_body,
    moment,
    parse_place,
    to_place,
)

BLOCKED = "Pipedrive's firewall blocks this token for a while (403)."
NO_CONSENT = "In Pipedrive, which has no marketing consent of theirs on record."
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

    key_header = ("x-api-token", "{api_token}")

    signs = (
        Sign(r'"code": *"\w*_limit"', SetupError, Reason.QUOTA, on=403),
        # Who keeps calling in spite of 429 meets the firewall for a while.
        Sign("cloudflare", TransientError, Reason.RATE, on=403, says=BLOCKED),
        Sign(
            *("^spent", TransientError, Reason.QUOTA),
            on=429,
            wait=TOMORROW,
            says="Your Pipedrive company has used up its API tokens for today.",
        ),
    )
    reasons = (
        ("has no option", Reason.OPTION_MISSING),
        ("email", Reason.ADDRESS_INVALID),
    )

    @property
    def home(self) -> str:
        return self.secrets.get("api_domain") or "https://api.pipedrive.com"

    @classmethod
    def from_token(cls, answer: Mapping[str, Any]) -> dict[str, str]:
        domain = str(answer.get("api_domain", "")).rstrip("/")
        return {"api_domain": domain} if DOMAIN.fullmatch(domain) else {}

    def told(self, answer: Answer) -> str:
        """The firewall is known by its page, a spent budget by headers beside 429."""
        left = answer.headers.get("x-ratelimit-remaining", "0")
        spent = answer.headers.get("x-daily-requests-left") == "0" or left != "0"
        return f"{'spent' if spent else ''} {answer.body.decode(errors='replace')}"

    def verify(self) -> Reading:
        me = self.fetch("GET", "/api/v1/users/me").get("data") or {}
        return Reading(
            identity=str(me.get("email", "")),
            account_name=str(me.get("company_name", "")),
            resources=(
                self.probe("people", PERSONS),
                self.probe("person fields", FIELDS),
            ),
        )

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

        def stand(email: str) -> Subscription:
            people = list(self._people(email))
            fields = self.values_of(people[0]) if people else None  # who is written to
            # Of several records of one person, the one that opted out counts.
            row = max(
                (row for row in people if has_label(row, label)),
                key=lambda row: self.status_of(row, audience_id) in LEFT,
                default=None,
            )
            known = self.standing(email, row, audience_id)
            detail = NO_CONSENT if known.status == "unknown" else ""
            return replace(known, fields=fields, detail=detail)

        return [stand(email) for email in emails]

    def changes(self, audience_id: str, cursor: str) -> Page:
        """People by the time of their last update; whoever changes meanwhile moves to
        the end. Deletions come by webhook only."""
        label = self._label(audience_id)
        read = parse_place(cursor, str, str, str, bool)
        since, place, latest, full = read or ("", "", "", True)
        params = {"sort_by": "update_time", "sort_direction": "asc"}
        if since:
            params["updated_since"] = since
        if self._campaigns:
            params["include_fields"] = "marketing_status"
        rows, following = self.walk(cursor, PERSONS, place, params)
        latest = max([latest, *(str(row.get("update_time") or "") for row in rows)])
        state = (
            to_place(since, following, latest, full)
            if following
            else to_place(latest, "", "", False)
        )
        people = [{**row, "email": primary(row.get("emails"))} for row in rows]
        return Page(
            changes=tuple(
                self.change(row, audience_id)
                for row in people
                if row["email"] and has_label(row, label) and not row.get("is_deleted")
            ),
            cursor=state,
            complete=full,
            more=bool(following),
        )

    def values_of(self, row: Row) -> dict[str, object]:
        """A person's values as `fields` describes them."""
        phones = next((code for code in PHONES if code in self._fields), PHONES[0])
        values: dict[str, object] = {
            "name": row.get("name"),
            phones: primary(row.get("phones")),
        }
        for code, value in (row.get("custom_fields") or {}).items():
            field = self._fields.get(code)
            if field is None or not takes(code, field):
                continue
            if field["field_type"] in ("enum", "set"):
                names = {o["id"]: str(o["label"]) for o in options_of(field)}
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
        ours = basic(f"Basic {WEBHOOK_USER}:{secret}").encode()
        given = request.headers.get("authorization", "").encode()
        if not secret or not hmac.compare_digest(ours, given):
            raise CredentialsError("This webhook does not carry our secret.")
        body = json_body(request)
        parts = (dig(body, name) for name in ("meta", "data", "previous"))
        meta, now, before = (part if isinstance(part, dict) else {} for part in parts)
        if not meta:
            raise RejectedError("This is not a Pipedrive webhook.")
        if meta.get("entity") != "person":
            return []
        at = moment(meta.get("timestamp"))
        return list(self._heard(meta.get("action"), now, before, at))

    def _heard(
        self, action: object, now: Row, before: Row, at: datetime | None
    ) -> Iterator[Change]:
        old, new = primary(before.get("emails")), primary(now.get("emails"))
        if action == "delete":
            if old:
                yield Change(email=old, kind="delete", status="absent", at=at)
            return
        if old and new and old.lower() != new.lower():
            yield Change(email=new, kind="email", fields={"old_email": old}, at=at)
        if new:
            values = {"name": now.get("name"), "phone": primary(now.get("phones"))}
            status = self.status_of(now, "") if now.get("marketing_status") else ""
            yield Change(
                email=new, kind="upsert", status=status, fields=filled(values), at=at
            )
