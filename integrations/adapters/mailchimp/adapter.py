"""Mailchimp, Marketing API 3.0 (mailchimp.com/developer/marketing/api).

It has no call that takes an OAuth token back (guide "Access Data on Behalf of Other
Users with OAuth 2", read 2026-11-22): the user removes the app under API keys,
Authorized applications.

Unverified: that API 3.0 names role addresses in the words of the older one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
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
    Subscription,
)
from integrations.adapters.declare import Credential, OAuth2
from integrations.adapters.each import spellings
from integrations.adapters.errors import (
    AdapterError,
    CredentialsError,
    RejectedError,
    ScopeError,
    TargetError,
    TransientError,
)
from integrations.adapters.http import Answer, Params
from integrations.adapters.mailchimp.members import MailchimpMembers
from integrations.adapters.mailchimp.wire import (
    FIELD_TYPE,
    STATUS,
    Cursor,
    list_path,
    member_change,
    member_path,
    problem,
    webhook_changes,
)
from integrations.adapters.paging import all_pages
from integrations.adapters.shared import basic, check_secret_url, moment

PAGE = 1000  # the API's maximum for count
# The data centre becomes part of the host name, so its form is checked strictly.
DC = re.compile(r"[a-z]{2,4}[0-9]{1,3}")
KEY = re.compile(rf"[\x21-\x7e]+-({DC.pattern})")
KEY_TITLES = {"api key invalid", "api key missing", "user disabled", "wrong datacenter"}
# Whether a user's level may import contacts, by Mailchimp's help page "Manage User
# Levels in Your Account" (read 2026-11). Another level: not known.
MAY_WRITE = {
    "owner": True,
    "admin": True,
    "manager": True,
    "author": False,
    "viewer": False,
}


LOGIN = "https://login.mailchimp.com"
TOLD = ("subscribe", "unsubscribe", "profile", "cleaned", "upemail")
WEBHOOK_EVENTS = {**dict.fromkeys(TOLD, True), "campaign": False}


class Mailchimp(MailchimpMembers):
    slug = "mailchimp"
    label = "Mailchimp"
    kind = "esp"
    credentials = (
        Credential(
            name="api_key",
            label="API key",
            help_text="Mailchimp: Account & billing, Extras, API keys.",
            placeholder="0123456789abcdef0123456789abcdef-us6",
        ),
    )
    oauth = OAuth2(
        authorize_url=f"{LOGIN}/oauth2/authorize",
        token_url=f"{LOGIN}/oauth2/token",
        pkce=False,
        client_auth="body",
        refreshes=False,  # its access tokens do not expire
    )
    audience_noun = "audience"
    field_noun = "merge field"
    opt_in = "caller"
    batch_size = 500
    concurrency = 5  # 10 are allowed per account; the owner's other tools need some
    exit_effect = "Unsubscribed from the audience."
    glyph = "M"
    colour = "m"
    docs_url = "https://mailchimp.com/help/about-api-keys/"
    notice = (
        "Mailchimp itself refuses people who left or bounced: only a form of its own, "
        "or their confirmation, brings them back."
    )
    hook_scope = "audience"
    features = frozenset({"tags", "double_opt_in", "update_existing", "reconfirm"})
    read_timeout = 90.0  # Mailchimp itself gives up after 120 s
    total_timeout = 120.0

    def discover(self) -> dict[str, str]:
        """The data centre: Mailchimp's guide "Access Data on Behalf of Other Users with
        OAuth 2" (read 2026-11)."""
        found = self.elsewhere(LOGIN).request(
            "GET",
            "/oauth2/metadata",
            headers={"Authorization": f"OAuth {self.secrets['access_token']}"},
        )
        return {"dc": str(found.get("dc", ""))}

    def _key(self) -> tuple[str, str]:
        """The key and its data centre."""
        key = self.secrets.get("api_key", "").strip()
        match = KEY.fullmatch(key)
        if match is None:
            raise CredentialsError(
                "This is not a whole Mailchimp API key: it must end with a dash and "
                "the data centre, like -us6. Copy the key again."
            )
        return key, match[1]

    @property
    def home(self) -> str:
        if not self.secrets.get("access_token"):
            return f"https://{self._key()[1]}.api.mailchimp.com"
        dc = self.secrets.get("dc", "")
        if not DC.fullmatch(dc):
            raise CredentialsError(
                "Mailchimp did not say where this account lives: reconnect it."
            )
        return f"https://{dc}.api.mailchimp.com"

    def headers(self) -> dict[str, str]:
        if access := self.secrets.get("access_token"):
            return {"Authorization": f"Bearer {access}"}
        return {"Authorization": basic(f"Basic contactsync:{self._key()[0]}")}

    def explain(self, answer: Answer) -> str:
        text, field, message = problem(answer)
        return self.safe(f"{text} ({field}: {message})" if field else text)

    def error_from(self, answer: Answer) -> AdapterError:
        error = super().error_from(answer)
        title = str(answer.object().get("title", "")).lower()
        if title in KEY_TITLES:
            return CredentialsError(error.detail, status=answer.status)
        if answer.status == 403 and not title:
            # From the firewall in front of the API, which may have stumbled over this
            # one request: no reason to hold the whole account.
            return TransientError(
                "Mailchimp's firewall blocked this request (403).", status=403
            )
        return error

    def verify(self) -> Reading:
        root = self.fetch("GET", "/3.0/")
        role = str(root.get("role", "") or "unknown")
        lists = self.fetch(
            "GET", "/3.0/lists", params={"count": 1, "fields": "lists.id,total_items"}
        )
        found = lists.get("lists") or []
        resources = [
            Resource(
                name="audiences",
                readable=True,
                writable=None,
                count=int(lists.get("total_items") or 0),
            )
        ]
        if found:
            path = list_path(str(found[0]["id"]))
            one: Params = {"count": 1, "fields": "total_items"}
            resources += [
                self._probe("contacts", f"{path}/members", one, role),
                self._probe("merge fields", f"{path}/merge-fields", one, role),
                self._probe("tags", f"{path}/tag-search", {}, role),
            ]
        return Reading(
            identity=str(root.get("email") or root.get("username") or ""),
            account_name=str(root.get("account_name", "")),
            resources=tuple(resources),
            notes=() if found else ("This account has no audience yet.",),
        )

    def _probe(self, name: str, path: str, params: Params, role: str) -> Resource:
        # Merge fields are only read.
        writable = None if name == "merge fields" else MAY_WRITE.get(role)
        detail = f"Role: {role}."
        try:
            body = self.fetch("GET", path, params=params)
        except ScopeError as error:
            return Resource(
                name=name, readable=False, writable=writable, detail=error.detail
            )
        return Resource(
            name=name,
            readable=True,
            writable=writable,
            count=int(body.get("total_items") or 0),
            detail=detail,
        )

    def audiences(self) -> list[Audience]:
        wanted = "lists.id,lists.name,lists.double_optin,lists.stats,total_items"
        return [
            Audience(
                id=str(row["id"]),
                label=str(row.get("name", "")),
                size=(row.get("stats") or {}).get("member_count"),
                double_opt_in=row.get("double_optin"),
            )
            for row in self._all("/3.0/lists", "lists", wanted)
        ]

    def fields(self, audience_id: str) -> list[Field]:
        path = f"{list_path(audience_id)}/merge-fields"
        return [
            Field(
                id=str(row["tag"]),
                label=str(row.get("name", "")),
                type=FIELD_TYPE.get(str(row["type"]), str(row["type"])),
                required=bool(row.get("required")),
                options=tuple(
                    str(choice)
                    for choice in (row.get("options") or {}).get("choices") or ()
                ),
            )
            for row in self._all(path, "merge_fields", "merge_fields,total_items")
        ]

    def _all(self, path: str, key: str, wanted: str) -> Iterator[dict[str, Any]]:
        def read(offset: int) -> tuple[list[dict[str, Any]], int | None]:
            params: Params = {"count": PAGE, "offset": offset, "fields": wanted}
            body = self.fetch("GET", path, params=params)
            rows = body.get(key) or []
            reached = offset + len(rows)
            more = rows and reached < int(body.get("total_items") or 0)
            return rows, reached if more else None

        return all_pages(read, 0)

    def subscriptions(
        self, emails: Sequence[str], audience_id: str
    ) -> list[Subscription]:
        return [self._subscription(email, audience_id) for email in emails]

    def _subscription(self, email: str, audience_id: str) -> Subscription:
        member = self.find(email, audience_id)
        if member is None:
            return Subscription(email=email, status="absent")
        status = str(member.get("status", ""))
        known = STATUS.get(status, "unknown")
        told = member_change(member, audience_id)
        return Subscription(
            email=email,
            status=known,
            changed_at=moment(member.get("last_changed")),
            remote_id=str(member.get("id", "")),
            detail=self.safe(
                str(member.get("unsubscribe_reason") or "")
                or (f"Mailchimp: {status}" if known == "unknown" else "")
            ),
            fields=told.fields,
            tags=told.tags,
        )

    def changes(self, audience_id: str, cursor: str) -> Page:
        place = Cursor.parse(cursor)
        wanted = ("email_address", "status", "merge_fields", "tags", "last_changed")
        params: dict[str, str | int] = {
            "count": PAGE,
            "offset": place.offset,
            "sort_field": "last_changed",
            "sort_dir": "ASC",
            "fields": ",".join(
                [*(f"members.{name}" for name in wanted), "total_items"]
            ),
        }
        if since := place.since[place.turn]:
            params["since_last_changed"] = since
        if place.turn == 1:
            params["status"] = "archived"
        body = self.fetch("GET", f"{list_path(audience_id)}/members", params=params)
        page = [member_change(row, audience_id) for row in body.get("members") or ()]
        following, more = place.after(page, int(body.get("total_items") or 0))
        return Page(
            changes=tuple(page), cursor=str(following), complete=place.full, more=more
        )

    def webhook(self, request: Incoming) -> list[Change]:
        """Mailchimp signs nothing, so the address given to it ends in ?secret=...,
        which must equal the linked account's `webhook_secret`. It checks the address
        with a GET first."""
        check_secret_url(request, self.secrets)
        if request.method == "GET" or not request.body:
            return []
        return webhook_changes(request.body)

    def add_webhook(self, url: str, audience_id: str) -> dict[str, str]:
        """`url` ends in ?secret=..., and answers Mailchimp's GET when it is added.
        Changes made over the API are left out: they are ours or another tool's."""
        sources = {"user": True, "admin": True, "api": False}
        hook = self.request(
            "POST",
            f"{list_path(audience_id)}/webhooks",
            payload={"url": url, "events": WEBHOOK_EVENTS, "sources": sources},
        )
        return {"webhook_id": str(hook.get("id", ""))}

    def remove_webhook(self, webhook_id: str, audience_id: str) -> None:
        path = f"{list_path(audience_id)}/webhooks/{quote(webhook_id, safe='')}"
        self.request("DELETE", path)

    def erase(self, email: str) -> Receipt:
        """Deletes permanently from every audience, archived or not. Mailchimp then
        refuses the address on import; only its own forms can bring it back."""
        erased: list[str] = []
        kept: list[str] = []
        places = [(a, s) for a in self.audiences() for s in spellings(email)]
        for audience, spelling in places:
            path = member_path(audience.id, spelling)
            try:
                self.request("POST", f"{path}/actions/delete-permanent")
            except TargetError:
                continue
            except RejectedError as error:
                kept.append(f"{audience.label}: {error.detail}")
            else:
                erased.append(audience.label)
        if kept:
            return Receipt(ok=False, note=f"Not erased from {'; '.join(kept)}")
        if not erased:
            return Receipt(ok=True, note="Mailchimp did not hold this address.")
        return Receipt(
            ok=True,
            note=f"Erased for good from {', '.join(erased)}. Mailchimp refuses the "
            "address from now on, except from its own forms.",
        )
