"""The Pipedrive adapter: declaration, signing in, changes and webhooks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from integrations.adapters.base import (
    Audience,
    Change,
    Incoming,
    Resource,
    filled,
)
from integrations.adapters.calls import Sign
from integrations.adapters.declare import Credential, OAuth2, Rate
from integrations.adapters.errors import Reason, SetupError, TransientError
from integrations.adapters.http import Answer, Params
from integrations.adapters.pipedrive.people import (
    FIELDS,
    PEOPLE,
    PERSONS,
    PipedrivePeople,
    has_label,
    primary,
)
from integrations.adapters.shapes import Row, row_in
from integrations.adapters.shared import basic, check_same, moment

DOMAIN = re.compile(r"https://[a-z0-9-]+\.pipedrive\.com")
WEBHOOK_USER = "contactsync"


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
        Sign(  # who keeps calling in spite of 429 meets the firewall for a while
            *("cloudflare", TransientError, Reason.RATE),
            on=403,
            says="Pipedrive's firewall blocks this token for a while (403).",
        ),
        Sign(
            *("^spent", TransientError, Reason.QUOTA),
            on=429,
            wait=3600.0,  # the budget comes back at the server's midnight
            says="Your Pipedrive company has used up its API tokens for today.",
        ),
    )
    reasons = (
        ("has no option", Reason.OPTION_MISSING),
        ("email", Reason.ADDRESS_INVALID),
    )

    me_path = "/api/v1/users/me"
    identity_keys, account_keys = ("data.email",), ("data.company_name",)
    hook_path, hook_key = "/api/v1/webhooks", "data"
    walk_path = PERSONS
    walk_params = {"sort_by": "update_time", "sort_direction": "asc"}
    since_param, since_format = "updated_since", "%Y-%m-%dT%H:%M:%SZ"
    erasing = "Deleted from Pipedrive, which destroys it after 30 days."

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

    def resources(self) -> tuple[Resource, ...]:
        return self.probe("people", PERSONS), self.probe("person fields", FIELDS)

    def audiences(self) -> list[Audience]:
        labels = sorted(self._labels.items(), key=lambda item: item[1].lower())
        return [
            Audience(id=id, label=label, double_opt_in=False)
            for id, label in [(PEOPLE, "Everybody"), *labels]
        ]

    # Changes.

    def walk_query(self, audience_id: str, since: str) -> Params:
        """Whoever changes meanwhile moves to the end."""
        self.ready(audience_id)
        return {**super().walk_query(audience_id, since), **self.more}

    def changed(
        self, rows: Sequence[Row], audience_id: str, since: str
    ) -> Iterator[Change]:
        """Deletions come by webhook only."""
        for row in rows:
            email = primary(row.get("emails"))
            if email and has_label(row, audience_id) and not row.get("is_deleted"):
                yield self.change({**row, "email": email}, audience_id)

    def hook(self, url: str, audience_id: str) -> Row:
        return {
            "subscription_url": url,
            "event_action": "*",
            "event_object": "person",
            "name": "contactsync",
            "version": "2.0",
            "http_auth_user": WEBHOOK_USER,
            "http_auth_password": self.secrets.get("webhook_secret", ""),
        }

    def check_hook(self, request: Incoming) -> None:
        """Pipedrive signs nothing but sends the Basic credentials that it was given
        (guide for webhooks v2)."""
        secret = self.secrets.get("webhook_secret", "")
        ours = secret and basic(f"Basic {WEBHOOK_USER}:{secret}")
        check_same(ours, request.headers.get("authorization", ""))

    def events_in(self, body: Any) -> list[Row]:
        row_in(body, "meta")
        return [body]

    def heard(self, event: Row) -> Iterable[Change]:
        """Custom fields are left to `changes`."""
        meta, now, before = (event.get(k) or {} for k in ("meta", "data", "previous"))
        if meta.get("entity") != "person":
            return
        at, old = moment(meta.get("timestamp")), primary(before.get("emails"))
        if meta.get("action") == "delete":
            if old:
                yield Change(email=old, kind="delete", status="absent", at=at)
            return
        new = primary(now.get("emails"))
        if old and new and old.lower() != new.lower():
            yield Change(email=new, kind="email", fields={"old_email": old}, at=at)
        if new:
            values = {"name": now.get("name"), "phone": primary(now.get("phones"))}
            status = self.status_of(now, "") if now.get("marketing_status") else ""
            yield Change(
                email=new, kind="upsert", status=status, fields=filled(values), at=at
            )
