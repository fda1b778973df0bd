"""The Zoho CRM adapter: declaration, reading and changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, timedelta
from typing import Any
from urllib.parse import urlsplit

from integrations.adapters.base import (
    Audience,
    Field,
    Page,
    Reading,
    Resource,
    Subscription,
)
from integrations.adapters.calls import Sign
from integrations.adapters.declare import Credential, OAuth2, Rate
from integrations.adapters.each import key_of
from integrations.adapters.errors import (
    Reason,
    RejectedError,
    ScopeError,
    TargetError,
    TransientError,
)
from integrations.adapters.http import Answer, Params
from integrations.adapters.shapes import Row, id_in, row_in
from integrations.adapters.shared import expired, moment, parse_place, to_place
from integrations.adapters.zoho.records import ZohoRecords
from integrations.adapters.zoho.wire import (
    MODULES,
    OURS,
    TAGS,
    error_of,
    field_of,
    is_shown,
    path_of,
    rows_of,
)

PAGE = 200  # the API's maximum for per_page
FIELDS = 50  # names that a listing takes
IDS = 100  # ids that it takes
OVERLAP = timedelta(seconds=5)

NO_RIGHT = "^(OAUTH_SCOPE_MISMATCH|NO_PERMISSION|AUTHORIZATION_FAILED)"
UNSEEN = (
    "This Zoho user may not see Email or Email Opt Out, so nobody's opt-out could be "
    "respected."
)

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
        given = urlsplit(str(answer.get("api_domain", "")))
        known = {host for _, host in CENTRES.values()}
        if given.scheme != "https" or given.netloc not in known:
            return {}
        return {"api_domain": f"https://{given.netloc}"}

    def explain(self, answer: Answer) -> str:
        error = error_of(answer)
        return self.safe(str(error.get("message") or error.get("code") or ""))

    def told(self, answer: Answer) -> str:
        names = ("code", "message", "details")
        return " ".join(str(error_of(answer).get(name, "")) for name in names)

    def verify(self) -> Reading:
        users = self.fetch("GET", "/crm/v8/users", params={"type": "CurrentUser"})
        org = self.fetch("GET", "/crm/v8/org")
        user = (users.get("users") or [{}])[0]
        modules = {str(row.get("api_name")): row for row in self._modules()}
        return Reading(
            identity=str(user.get("email", "")),
            account_name=str((org.get("org") or [{}])[0].get("company_name", "")),
            resources=tuple(
                Resource(
                    name=name,
                    readable=bool(modules.get(name, {}).get("viewable")),
                    writable=all(
                        modules.get(name, {}).get(right)
                        for right in ("creatable", "editable")
                    ),
                )
                for name in MODULES
            ),
        )

    def _modules(self) -> list[dict[str, Any]]:
        body = self.fetch("GET", "/crm/v8/settings/modules")
        return [row for row in body.get("modules") or () if row.get("api_supported")]

    def audiences(self) -> list[Audience]:
        return [
            Audience(
                id=str(row["api_name"]),
                label=str(row.get("plural_label") or row["api_name"]),
                double_opt_in=False,
            )
            for row in self._modules()
            if row.get("api_name") in MODULES
        ]

    def fields(self, audience_id: str) -> list[Field]:
        body = self.fetch(
            "GET",
            "/crm/v8/settings/fields",
            params={"module": audience_id, "include": "allowed_permissions_to_update"},
        )
        return [field_of(row) for row in body.get("fields") or () if is_shown(row)]

    def subscriptions(
        self, emails: Sequence[str], audience_id: str
    ) -> list[Subscription]:
        found = self.find(emails, audience_id)
        told = self._whole(audience_id, [row["ids"][0] for row in found.values()])
        standings = [
            self.standing(email, found.get(key_of(email)), audience_id)
            for email in emails
        ]
        unknown: Row = {"fields": None, "tags": None}
        return [
            replace(known, **told.get(known.remote_id, unknown)) for known in standings
        ]

    def _whole(self, module: str, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The `fields` and `tags` of some records; a call tells of each so many fields
        at most."""
        values: dict[str, dict[str, Any]] = {}
        names = [TAGS, *self._writable(module)] if ids else []
        for first in range(0, len(ids), IDS):
            for start in range(0, len(names), FIELDS):
                part = names[start : start + FIELDS]
                params: Params = {
                    "ids": ",".join(ids[first : first + IDS]),
                    "fields": ",".join(part),
                    "per_page": PAGE,
                }
                body = self.request("GET", path_of(module), params=params)
                for row in rows_of(body):
                    told = {name: row.get(name) for name in part}
                    values.setdefault(id_in(row), {}).update(told)
        return {
            id: {"tags": self.tags_of(row), "fields": self.values_of(row)}
            for id, row in values.items()
        }

    def _writable(self, module: str) -> list[str]:
        return [field.id for field in self.fields(module) if not field.read_only]

    def changes(self, audience_id: str, cursor: str) -> Page:
        """Records by the time of their last change, each page from where the last one
        ended. A page token is only used inside a stretch too dense to step over."""
        since, token, full = parse_place(cursor, str, str, bool) or ("", "", True)
        if since and moment(since) is None:
            raise expired()
        names = [*OURS, *self._writable(audience_id)][:FIELDS]
        params: dict[str, str | int] = {
            "fields": ",".join(names),
            "sort_by": "Modified_Time",
            "sort_order": "asc",
            "per_page": PAGE,
        }
        if token:
            params["page_token"] = token
        headers = {"If-Modified-Since": since} if since else {}
        path = path_of(audience_id)
        answer = self.send("GET", path, params=params, headers=headers)
        try:
            body = None if answer.status == 304 else self.parsed(answer)
        except RejectedError as error:
            raise expired() if token or since else error from None
        rows = rows_of(body)
        info = row_in(body, "info") if rows else {}
        more = bool(info.get("more_records"))
        latest = moment(rows[-1].get("Modified_Time")) if rows else None
        reached = (latest - OVERLAP).astimezone(UTC).isoformat() if latest else ""
        ahead = reached > since
        if more and not ahead:
            following = to_place(since, id_in(info, "next_page_token"), full)
        else:
            following = to_place(reached if ahead else since, "", full and more)
        return Page(
            changes=tuple(
                self.change({name: row.get(name) for name in names}, audience_id)
                for row in rows
                if row.get(self.email_key)
            ),
            cursor=following,
            complete=full,
            more=more,
        )
