"""Mailchimp, Marketing API 3.0 (mailchimp.com/developer/marketing/api).

It has no call that takes an OAuth token back (guide "Access Data on Behalf of Other
Users with OAuth 2", read 2026-11-22): the user removes the app under API keys,
Authorized applications.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

from integrations.adapters.base import (
    Audience,
    Change,
    Contact,
    Field,
    Incoming,
    Options,
    Outcome,
    Reading,
    Resource,
)
from integrations.adapters.calls import Place, Sign, audience
from integrations.adapters.declare import Credential, OAuth2
from integrations.adapters.declared import filled_in
from integrations.adapters.each import probed
from integrations.adapters.errors import CredentialsError, TransientError
from integrations.adapters.http import Answer
from integrations.adapters.mailchimp.members import LIST, MEMBERS, Members
from integrations.adapters.mailchimp.writing import Writing
from integrations.adapters.redact import clean_json
from integrations.adapters.shapes import Row, count_in, dig, id_in, rows_in
from integrations.adapters.shared import moment, parse_place, to_place

BLOCKED = "Mailchimp's firewall blocked this request (403)."
LOGIN = "https://login.mailchimp.com"
DC = "[a-z]{2,4}[0-9]{1,3}"
KEY_TITLES = "^(api key invalid|api key missing|user disabled|wrong datacenter)$"
# Whether a user's level may import contacts, by Mailchimp's help page "Manage User
# Levels in Your Account" (read 2026-11). Another level: not known.
MAY_WRITE = {
    **{"owner": True, "admin": True, "manager": True},
    **{"author": False, "viewer": False},
}
# A row changed in the same second as the last one read may still be unread, and the
# API's times have whole seconds.
STEP_BACK = timedelta(seconds=5)
# What a webhook tells of, as kind and status of a change.
EVENTS = {
    "subscribe": ("upsert", "subscribed"),
    "profile": ("upsert", ""),
    "unsubscribe": ("status", "unsubscribed"),
    "cleaned": ("status", "bounced"),
    "upemail": ("email", ""),
}
MERGE = re.compile(r"data\[merges\]\[([^\]]*)\]")


class Mailchimp(Members):
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

    key_header = ("Authorization", "Basic contactsync:{api_key}")

    signs = (
        Sign(KEY_TITLES, CredentialsError),
        Sign(KEY_TITLES, CredentialsError, on=403),
        # From the firewall in front of the API, which may have stumbled over this one
        # request: no reason to hold the whole account.
        Sign("^$", TransientError, on=403, says=BLOCKED),
    )

    size_param, page_size, place_param = "count", 1000, "offset"
    total_keys = ("total_items",)
    probe_params = {"fields": "total_items"}

    me_path = "/3.0/"
    identity_keys, account_keys = ("email", "username"), ("account_name",)
    audience_path = "/3.0/lists"
    audience_params = {
        "fields": "lists.id,lists.name,lists.double_optin,lists.stats,total_items"
    }
    field_path = f"{LIST}/merge-fields"
    field_types = {
        **{"number": "number", "address": "address", "phone": "phone", "date": "date"},
        **{"url": "url", "birthday": "birthday", "zip": "zip", "imageurl": "url"},
        **{"radio": "choice", "dropdown": "choice"},
    }
    hook_path = f"{LIST}/webhooks"

    walk_path = MEMBERS
    walk_params = {
        "sort_field": "last_changed",
        "sort_dir": "ASC",
        "fields": "members.email_address,members.status,members.merge_fields,"
        "members.tags,members.last_changed,total_items",
    }
    turns = 2  # archived members are only listed when asked for
    since_format = "%Y-%m-%dT%H:%M:%S+00:00"

    # Signing in.

    def discover(self) -> dict[str, str]:
        """The data centre: Mailchimp's guide "Access Data on Behalf of Other Users with
        OAuth 2" (read 2026-11)."""
        login = self.elsewhere(LOGIN)
        token = {"Authorization": f"OAuth {self.secrets['access_token']}"}
        found = login.request("GET", "/oauth2/metadata", headers=token)
        return {"dc": str(found.get("dc", ""))}

    def data_centre(self) -> str:
        """It becomes part of the host name, so its form is checked strictly. Raises
        CredentialsError."""
        if self.secrets.get("access_token"):
            found = re.fullmatch(f"({DC})", self.secrets.get("dc", ""))
            remedy = "Mailchimp did not say where this account lives: reconnect it."
        else:
            key = self.secrets.get("api_key", "").strip()
            found = re.fullmatch(rf"[\x21-\x7e]+-({DC})", key)
            remedy = (
                "This is not a whole Mailchimp API key: it must end with a dash and "
                "the data centre, like -us6. Copy the key again."
            )
        if not found:
            raise CredentialsError(remedy)
        return found[1]

    @property
    def home(self) -> str:
        return f"https://{self.data_centre()}.api.mailchimp.com"

    def headers(self) -> dict[str, str]:
        if not self.secrets.get("access_token"):
            self.data_centre()  # says what is wrong with a key, whatever the host
        return super().headers()

    def told(self, answer: Answer) -> str:
        return str(answer.object().get("title") or "")

    # Reading the account.

    def following(self, body: Row, rows: list[Row], place: Any) -> Place | None:
        reached = int(place or 0) + len(rows)
        return reached if rows and reached < count_in(body, "total_items") else None

    def listed(self, body: Row, name: str) -> list[Row]:
        return rows_in(body, name.replace("-", "_"))

    def verify(self) -> Reading:
        """Looks into one audience, too, where there is one."""
        me = self.fetch("GET", self.me_path)
        role = str(me.get("role") or "unknown")
        found = self.audiences()
        audiences = probed("audiences", lambda: len(found))
        inside = self.inside(found[0].id, role) if found else ()
        return Reading(
            identity=filled_in(me, self.identity_keys),
            account_name=filled_in(me, self.account_keys),
            resources=(audiences, *inside),
            notes=() if found else ("This account has no audience yet.",),
        )

    def inside(self, audience_id: str, role: str) -> Iterator[Resource]:
        """What a user of this level may read and write in an audience."""
        tags = self.at(f"{LIST}/tag-search", audience_id)
        may_write = MAY_WRITE.get(role)
        for writable, found in (
            (may_write, self.probe("contacts", self.at(MEMBERS, audience_id))),
            (None, self.probe("merge fields", self.at(self.field_path, audience_id))),
            (may_write, probed("tags", lambda: self.total_of(self.fetch("GET", tags)))),
        ):
            said = found.detail or f"Role: {role}."
            yield replace(found, writable=writable, detail=said)

    def audience_of(self, row: Row) -> Audience:
        size, asks = dig(row, "stats", "member_count"), row.get("double_optin")
        return audience(row, size, double_opt_in=asks)

    def field_of(self, row: Row) -> Field:
        return Field(
            id=id_in(row, "tag"),
            label=str(row.get("name", "")),
            type=self.field_types.get(str(row["type"]), "text"),
            required=bool(row.get("required")),
            options=tuple(map(str, dig(row, "options", "choices") or ())),
        )

    def upsert(
        self, contacts: Sequence[Contact], audience_id: str, options: Options
    ) -> list[Outcome]:
        return Writing(self, audience_id, options).upsert(contacts)

    def turn(
        self, turn: int, since: str, place: Any, audience_id: str
    ) -> tuple[list[Row], str]:
        """A place is the time reached, and an offset, which is only used inside a
        stretch of members too dense to step over by time. Steps by time rather than by
        offset: members changed while we read move to the end and would shift the
        others past an offset."""
        after, offset = parse_place(place, str, int) or (since, 0)
        newer = {"since_last_changed": after} if after else {}
        archived = {"status": "archived"} if turn == 1 else {}
        params = {**self.walk_params, **newer, **archived}
        rows, more = self.page(self.people_path(audience_id), offset, params)
        if not more:
            return rows, ""
        latest = self.time_of(rows[-1], audience_id)
        reached = (latest - STEP_BACK).isoformat() if latest else ""
        if reached > after:
            return rows, to_place(reached, 0)
        # Half a page of overlap, for members that leave the stretch meanwhile.
        return rows, to_place(after, offset + (len(rows) + 1) // 2)

    # Webhooks.

    def hook(self, url: str, audience_id: str) -> Row:
        """`url` answers Mailchimp's GET when it is added. Changes made over the API are
        left out: they are ours or another tool's."""
        events = {**dict.fromkeys(EVENTS, True), "campaign": False}
        sources = {"user": True, "admin": True, "api": False}
        return {"url": url, "events": events, "sources": sources}

    def webhook(self, request: Incoming) -> list[Change]:
        """Mailchimp signs nothing, and checks the address with a GET first. It posts a
        form: type, fired_at, data[email], data[list_id], data[merges][FNAME] ... (guide
        "Sync audience data with webhooks")."""
        self.check_hook(request)
        if request.method == "GET" or not request.body:
            return []
        body = request.body.decode()
        form = parse_qsl(body, strict_parsing=True, max_num_fields=1000)
        return list(self.heard(clean_json(dict(form))))

    def heard(self, event: Row) -> Iterator[Change]:
        told = event.get("type", "")
        kind, status = EVENTS.get(told, ("", ""))
        if told == "unsubscribe" and event.get("data[action]") == "delete":
            kind, status = "delete", "archived"
        elif kind == "status" and event.get("data[reason]") == "abuse":
            status = "complained"
        email, fields = event.get("data[email]"), {}
        if kind == "upsert":
            fields = merges(event)
        elif kind == "email":
            email = event.get("data[new_email]")
            fields = {"old_email": event.get("data[old_email]", "")}
        if kind and email:
            yield Change(
                email=email,
                kind=kind,
                status=status,
                fields=fields,
                at=moment(event.get("fired_at")),
                audience_id=event.get("data[list_id]", ""),
            )


def merges(event: Row) -> dict[str, str]:
    """The merge fields in a webhook but for the address."""
    found = ((MERGE.fullmatch(name), value) for name, value in event.items())
    return {tag[1]: value for tag, value in found if tag and tag[1] != "EMAIL"}
