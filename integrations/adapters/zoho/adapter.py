"""The Zoho CRM adapter: declaration, reading and changes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from integrations.adapters.base import (
    Audience,
    Change,
    Incoming,
    OutcomeState,
    Resource,
)
from integrations.adapters.calls import Sign
from integrations.adapters.declare import Credential, OAuth2, Rate
from integrations.adapters.errors import (
    Reason,
    RejectedError,
    ScopeError,
    TargetError,
    TransientError,
)
from integrations.adapters.http import Answer, Params
from integrations.adapters.paging import batches
from integrations.adapters.shapes import Row, dig, id_in, row_in, rows_in
from integrations.adapters.shared import check_same, json_body
from integrations.adapters.stepping import stepped
from integrations.adapters.zoho.records import (
    FIELDS,
    IDS,
    MODULES,
    OURS,
    PAGE,
    ZohoRecords,
    path_of,
    rows_of,
)

NO_RIGHT = "^(OAUTH_SCOPE_MISMATCH|NO_PERMISSION|AUTHORIZATION_FAILED)"
UNSEEN = (
    "This Zoho user may not see Email or Email Opt Out, so nobody's opt-out could be "
    "respected."
)

WATCHED = ("create", "edit")

# Accounts server -> API server; the API's page "Multi DC Support".
CENTRES = {
    "zoho.com": ("United States", "www.zohoapis.com"),
    "zoho.eu": ("Europe", "www.zohoapis.eu"),
    "zoho.in": ("India", "www.zohoapis.in"),
    "zoho.com.au": ("Australia", "www.zohoapis.com.au"),
    "zoho.jp": ("Japan", "www.zohoapis.jp"),
    "zohocloud.ca": ("Canada", "www.zohoapis.ca"),
    "zoho.sa": ("Saudi Arabia", "www.zohoapis.sa"),
    "zoho.com.cn": ("China", "www.zohoapis.com.cn"),
}


class Zoho(ZohoRecords):
    slug = "zoho"
    label = "Zoho CRM"
    kind = "crm"
    credentials = (
        Credential(
            name="region",
            label="Data centre",
            help_text="Where you sign in to Zoho: the end of the address.",
            secret=False,
            options={host: f"{name} ({host})" for host, (name, _) in CENTRES.items()},
        ),
    )
    oauth = OAuth2(
        authorize_url="https://accounts.{region}/oauth/v2/auth",
        token_url="https://accounts.{region}/oauth/v2/token",
        revoke_url="https://accounts.{region}/oauth/v2/token/revoke",
        scopes=(
            "ZohoCRM.modules.leads.ALL",
            "ZohoCRM.modules.contacts.ALL",
            "ZohoCRM.settings.modules.READ",
            "ZohoCRM.settings.fields.READ",
            "ZohoCRM.coql.READ",
            "ZohoCRM.notifications.ALL",
            "ZohoCRM.org.READ",
            "ZohoCRM.users.READ",
        ),
        separator=",",
        pkce=False,
        client_auth="body",
        lifetime=3600,
        extra={"access_type": "offline", "prompt": "consent"},
    )
    audience_noun = "module"
    opt_in = "none"
    batch_size = 100
    concurrency = 3  # 5 in the smallest edition
    rate = Rate(calls=5, seconds=1)
    reset_headers = ("x-ratelimit-reset",)
    exit_effect = "Email Opt Out is set on the record. The record stays."
    glyph = "Zo"
    docs_url = "https://www.zoho.com/crm/developer/docs/api/v8/oauth-overview.html"
    features = frozenset({"tags", "update_existing"})
    hook_lifetime = 6 * 24 * 3600.0  # a week is the most

    hook_path = "/crm/v8/actions/watch"
    identity_keys, account_keys = ("user.email",), ("org.company_name",)
    walk_params = {"sort_by": "Modified_Time", "sort_order": "asc", "per_page": PAGE}
    since_format = "%Y-%m-%dT%H:%M:%S+00:00"

    token_header = key_header = ("Authorization", "Zoho-oauthtoken {access_token}")

    signs = (
        Sign(NO_RIGHT, ScopeError, on=401),
        Sign(NO_RIGHT, ScopeError),
        Sign("^INVALID_QUERY.*column given", ScopeError, says=UNSEEN),
        Sign("^INVALID_MODULE", TargetError),
        Sign("credit", TransientError, Reason.QUOTA, on=429, wait=3600.0),
    )

    @property
    def home(self) -> str:
        centre = CENTRES.get(self.secrets.get("region", ""), CENTRES["zoho.com"])
        return self.secrets.get("api_domain") or f"https://{centre[1]}"

    @classmethod
    def from_token(cls, answer: Mapping[str, Any]) -> dict[str, str]:
        home = str(answer.get("api_domain", "")).rstrip("/")
        known = {f"https://{host}" for _, host in CENTRES.values()}
        return {"api_domain": home} if home in known else {}

    def explain(self, answer: Answer) -> str:
        error = _error_of(answer)
        return self.safe(str(error.get("message") or error.get("code") or ""))

    def told(self, answer: Answer) -> str:
        names = ("code", "message", "details")
        return " ".join(str(_error_of(answer).get(name, "")) for name in names)

    # Reading the account.

    def _modules(self) -> dict[str, Row]:
        rows = self.listed_at("settings/modules")
        return {
            str(row["api_name"]): row
            for row in rows
            if row.get("api_supported") and row["api_name"] in MODULES
        }

    def me(self) -> Row:
        [user, *_] = self.listed_at("users", {"type": "CurrentUser"})
        [org, *_] = self.listed_at("org")
        return {"user": user, "org": org}

    def resources(self) -> tuple[Resource, ...]:
        modules = self._modules()

        def may(module: str, *rights: str) -> bool:
            return all(modules.get(module, {}).get(right) for right in rights)

        return tuple(
            Resource(
                name=module,
                readable=may(module, "viewable"),
                writable=may(module, "creatable", "editable"),
            )
            for module in MODULES
        )

    def audiences(self) -> list[Audience]:
        return [
            Audience(
                id=name,
                label=str(row.get("plural_label") or name),
                double_opt_in=False,
            )
            for name, row in self._modules().items()
        ]

    # Changes.

    def turn(
        self, turn: int, since: str, place: str, audience_id: str
    ) -> tuple[list[Row], str]:
        """Records by the time of their last change, with the values that we know."""
        names = self._told(audience_id)

        def read(start: datetime | None, token: str) -> tuple[list[Row], str]:
            params: Params = {
                "fields": ",".join(names),
                **self.walk_params,
                **({"page_token": token} if token else {}),
            }
            newer = {"If-Modified-Since": start.isoformat()} if start else {}
            path = path_of(audience_id)
            answer = self.send("GET", path, params=params, headers=newer)
            body = None if answer.status == 304 else self.parsed(answer)
            rows = _only(names, rows_of(body))
            info = row_in(body, "info") if rows else {}
            return rows, id_in(info, "next_page_token") if info.get(
                "more_records"
            ) else ""

        return stepped(read, "Modified_Time", since, place)

    def _told(self, module: str) -> list[str]:
        """The fields that a change is told with."""
        return [*OURS, *self.writable(module)][:FIELDS]

    def belongs(self, row: Row, audience_id: str) -> bool:
        return bool(row.get(self.email_key))

    # Notification channels.

    def add_webhook(self, url: str, audience_id: str) -> dict[str, str]:
        """One channel for both modules. Its number follows from the address: asking
        for it again is how Zoho wants it renewed."""
        number = int(hashlib.sha256(url.encode()).hexdigest()[:12], 16)
        ends = datetime.now(UTC) + timedelta(seconds=self.hook_lifetime)
        channel = {
            "channel_id": str(number),
            "notify_url": url,
            "token": self.secrets.get("webhook_secret", ""),
            "events": [f"{name}.{what}" for name in MODULES for what in WATCHED],
            "channel_expiry": ends.isoformat(timespec="seconds"),
        }
        body = self.fetch("POST", self.hook_path, payload={"watch": [channel]})
        for row in rows_in(body, "watch"):
            outcome = self._outcome(row)
            if outcome.state is not OutcomeState.SYNCED:
                raise RejectedError(outcome.detail, reason=outcome.reason)
        return {"webhook_id": str(number)}

    def remove_webhook(self, webhook_id: str, audience_id: str) -> None:
        self.request("DELETE", self.hook_path, params={"channel_ids": webhook_id})

    def check_hook(self, request: Incoming) -> None:
        """The token that the channel was given comes back with each message."""
        given = str(dig(json_body(request), "token") or "")
        check_same(self.secrets.get("webhook_secret", ""), given)

    def heard(self, event: Row) -> Iterator[Change]:
        """Messages name records, which are read. Of deleted ones nothing is left to
        read: a complete walk shows them."""
        module, ids = str(event.get("module")), list(map(str, event.get("ids") or ()))
        if module not in MODULES or event.get("operation") == "delete" or not ids:
            return
        names = self._told(module)
        for some in batches(ids, IDS):
            asked = {"ids": ",".join(some), "fields": ",".join(names)}
            rows = rows_of(self.request("GET", path_of(module), params=asked))
            yield from self.changed(_only(names, rows), module, "")


def _only(names: Iterable[str], rows: Sequence[Row]) -> list[Row]:
    return [{name: row.get(name) for name in names} for row in rows]


def _error_of(answer: Answer) -> Row:
    """The error in an answer, which stands alone or in a list of one."""
    body = answer.object()
    rows = body.get("data")
    return rows[0] if isinstance(rows, list) and rows else body
