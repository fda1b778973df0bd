"""Ghost 5 and 6, Admin API (https://docs.ghost.org/admin-api, read 2026-11-22; members,
newsletters, double opt-in and webhooks were run against Ghost 5.130.6, the rest is from
its sources, https://github.com/TryGhost/Ghost).

A newsletter is an audience; labels are tags. Ghost has no word for unsubscribed: a
member just lacks the newsletter. Who has had it once, by the events of the member
(sources, undocumented), or has none at all, counts as somebody who turned it off, and
`subscribed` is never sent. Suppressed addresses bounced or complained.

Double opt-in is the members' own sign-up: a mail with a link, after which the person is
a member. It takes name and labels only, and a member is never asked.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import Self

from integrations.adapters.base import (
    Audience,
    Change,
    Field,
    Incoming,
    Outcome,
    Resource,
    Subscription,
    filled,
)
from integrations.adapters.calls import Sign, audience
from integrations.adapters.counted import Counted
from integrations.adapters.declare import Credential
from integrations.adapters.each import (
    awaiting,
    key_of,
    not_there,
    rejected,
    synced,
)
from integrations.adapters.errors import (
    CredentialsError,
    Reason,
    ScopeError,
    SetupError,
    TargetError,
    TransientError,
)
from integrations.adapters.http import Answer, to_json
from integrations.adapters.rest import Write
from integrations.adapters.shapes import Row, dig, id_in, row_in, rows_in
from integrations.adapters.shared import check_signed, moment, own_address

TOKEN_SECONDS = 300  # a token may live no longer
RENEW_SECONDS = 240
API = "/ghost/api/admin"
MEMBERS = f"{API}/members/"
HOOKS = f"{API}/webhooks/"
KEY = re.compile(r"([0-9a-f]+):((?:[0-9a-f]{2})+)")
SIGNATURE = re.compile(r"sha256=([0-9a-f]{64}), ?t=(\d+)")
INTEGRITY = re.compile(rb"\d+:[0-9a-f]+:[0-9a-f]+")
EVENTS = ("member.added", "member.edited", "member.deleted")
SUPPRESSED = {"spam": "complained", "fail": "bounced"}


class Ghost(Counted):
    slug = "ghost"
    label = "Ghost"
    kind = "esp"
    credentials = (
        Credential(
            name="url",
            label="API URL",
            help_text="Ghost: Settings, Integrations, your custom integration.",
            placeholder="https://example.ghost.io",
            secret=False,
        ),
        Credential(
            name="admin_key",
            label="Admin API key",
            help_text="There, below the Content API key.",
        ),
    )
    audience_noun = "newsletter"
    requirements = (
        "A custom integration, which Ghost(Pro) has in its larger plans.",
        "For double opt-in: Settings, Access, anyone can sign up.",
    )
    notice = (
        "Who lacks a newsletter they once had, or has none at all, counts as "
        "unsubscribed and is left alone."
    )
    opt_in = "endpoint"
    asked_are_absent = True
    batch_size = 20
    exit_effect = "Taken off the newsletter. The person stays a member of the site."
    glyph = "Gh"
    docs_url = "https://ghost.org/integrations/custom-integrations/"
    features = frozenset({"tags", "double_opt_in", "update_existing"})
    guarded = True
    _signed_at = 0.0
    _token = ""

    signs = (
        Sign("INVALID_JWT", CredentialsError),
        Sign("invite-only|only accepts paid", ScopeError),
    )
    reasons = (
        ("already exists", Reason.DUPLICATE),
        (r"\be-?mail\b", Reason.ADDRESS_INVALID),
    )

    size_param, page_size = "limit", 100  # Ghost 6 gives no more
    rows_key, total_keys = "members", ("meta", "pagination", "total")

    me_path = f"{API}/site/"
    identity_keys, account_keys = ("url",), ("title",)
    empty_note = "There is no active newsletter."
    walk_path, walk_params = MEMBERS, {"order": "created_at asc"}
    events_key = "member"
    one_path = f"{MEMBERS}{{id}}/"
    erasing = "The member, and no paid subscription at Stripe."

    state_key = ""
    time_keys = ("updated_at",)
    tags_key = "labels"
    own_fields = (
        Field(id="name", label="Name", type="name"),
        Field(id="note", label="Note"),
    )

    look_up, search_size, as_entered = "many", 40, True
    known_as = "Has it already"
    unknown_as = "Does not have this newsletter."
    asked_as = "Ghost mailed them a link; it makes them a member."

    @property
    def home(self) -> str:
        found = own_address(self.secrets.get("url", ""), "The API URL")
        return re.sub(r"(?<![:/])/ghost(/.*)?$", "", found)

    def headers(self) -> dict[str, str]:
        if self._elsewhere:  # the site, where nobody signs in
            return {}
        if time.time() - self._signed_at > RENEW_SECONDS:
            self._signed_at = time.time()
            key = self.secrets.get("admin_key", "")
            self._token = _token(key, int(self._signed_at))
            self.__dict__.pop("_redactor", None)  # it knows the old token
        return {"Authorization": f"Ghost {self._token}", "Accept-Version": "v5.0"}

    def more_secrets(self) -> list[str]:
        return [self.secrets.get("admin_key", "").partition(":")[2].strip()]

    def told(self, answer: Answer) -> str:
        codes = [str(row.get("code")) for row in self.faults(answer)]
        return " ".join([*codes, self.explain(answer)])

    def me(self) -> Row:
        return row_in(super().me(), "site")

    def resources(self) -> tuple[Resource, ...]:
        """An integration's key may do all of this: Ghost knows no narrower one."""
        people = self.count(self.fetch("GET", MEMBERS, params={"limit": 1}))
        count = len(self._newsletters)
        return (
            Resource(name="newsletters", readable=True, writable=None, count=count),
            Resource(name="members", readable=True, writable=True, count=people),
        )

    @cached_property
    def _newsletters(self) -> dict[str, Row]:
        """Active newsletters by id."""
        wanted = {"filter": "status:active", "include": "count.active_members"}
        body = self.read_page(f"{API}/newsletters/", "", wanted)
        return {id_in(row): row for row in rows_in(body, "newsletters")}

    def audiences(self) -> list[Audience]:
        return [
            audience(row, dig(row, "count", "active_members"))
            for row in self._newsletters.values()
        ]

    def search(self, emails: Sequence[str], audience_id: str) -> list[Row]:
        asked = {"filter": f"email:[{','.join(map(_quoted, emails))}]"}
        return self.listed(self.read_page(MEMBERS, "", asked), "members")

    def status_of(self, row: Row, audience_id: str) -> str:
        """ "" for somebody who lacks the newsletter."""
        suppression = row_in(row, "email_suppression")
        if suppression["suppressed"]:
            return SUPPRESSED.get(str(dig(suppression, "info", "reason")), "bounced")
        return "subscribed" if audience_id in _has(row) else ""

    def standing(self, email: str, row: Row | None, audience_id: str) -> Subscription:
        known = super().standing(email, row, audience_id)
        if row is None or known.status:
            return known
        if not _has(row):
            return replace(known, status="unsubscribed")
        had, at = self._had(known.remote_id, audience_id)
        return replace(known, status="unsubscribed" if had else "absent", changed_at=at)

    def tags_of(self, row: Row) -> tuple[str, ...]:
        return tuple(id_in(label, "name") for label in rows_in(row, "labels"))

    def _had(self, member_id: str, audience_id: str) -> tuple[bool, datetime | None]:
        """Whether a member who lacks a newsletter had it once, or may have, by their
        latest events, newest first; and when they turned it off themselves."""
        filter = f"type:newsletter_event+data.member_id:{_quoted(member_id)}"
        try:
            body = self.read_page(f"{MEMBERS}events/", "", {"filter": filter})
        except (ScopeError, TargetError):
            return True, None  # Ghost does not tell
        rows = [row_in(event, "data") for event in rows_in(body, "events")]
        ours = [row for row in rows if id_in(row, "newsletter_id") == audience_id]
        if not ours:
            return len(rows) >= self.page_size, None
        off = not ours[0].get("subscribed")
        return True, moment(ours[0].get("created_at")) if off else None

    def ready(self, audience_id: str) -> None:
        if audience_id not in self._newsletters:
            raise TargetError("The newsletter is not there any more, or archived.")

    def put(self, write: Write) -> Outcome:
        if write.row:
            return self._update(write, write.row)
        if write.options.double_opt_in:
            return self._ask(write)
        row = {
            # On SQLite, Ghost tells addresses apart by case.
            **{"email": key_of(write.email), **self.record_of(write.contact)},
            "labels": [{"name": tag} for tag in write.tags],
            "newsletters": _listed([write.audience_id]),
        }
        made = self.fetch("POST", MEMBERS, payload={"members": [row]})
        return synced(id_in(rows_in(made, "members")[0]))

    def _update(self, write: Write, member: Row) -> Outcome:
        row: Row = {}
        if write.known.status == "absent":
            if write.options.double_opt_in:
                return rejected(
                    Reason.REFUSED,
                    "A member of the site already, whom Ghost cannot ask to confirm. "
                    "They can choose the newsletter in their account.",
                )
            row["newsletters"] = _listed([*_has(member), write.audience_id])
        if write.options.update_existing:
            values = self.record_of(write.contact)
            row |= {k: v for k, v in values.items() if v != member.get(k)}
            labels = self.tags_of(member)
            lower = set(map(str.lower, labels))
            if new := [tag for tag in write.tags if tag.lower() not in lower]:
                row["labels"] = [{"name": label} for label in (*labels, *new)]
        if row:
            self._put(member, row)
        return synced(write.known.remote_id)

    def _put(self, member: Row, row: Row) -> None:
        path = self.at(self.one_path, "", id_in(member))
        self.fetch("PUT", path, payload={"members": [row]})

    def _ask(self, write: Write) -> Outcome:
        site = self._public
        answer = site.send("GET", "/members/api/integrity-token/")
        if not 200 <= answer.status < 300:
            raise site.error_from(answer)
        integrity = INTEGRITY.search(answer.body)
        if integrity is None:
            raise TransientError("Ghost gave no token to ask for a confirmation with.")
        values = self.record_of(write.contact)
        row = {
            "email": write.email,
            "emailType": "subscribe",
            "newsletters": [{"name": self._newsletters[write.audience_id]["name"]}],
            "labels": write.tags,
            "integrityToken": integrity[0].decode(),
            **filled({"name": values.get("name")}),
        }
        answer = site.send("POST", "/members/api/send-magic-link/", data=to_json(row))
        if (answer.status, answer.body.strip()) != (201, b"Created."):  # Ghost 5
            site.parsed(answer)
        return awaiting(detail=self.asked_as)

    @cached_property
    def _public(self) -> Self:
        """The site itself, whose address may be another than the API's."""
        url = str(self.me().get("url", ""))
        try:
            return self.elsewhere(own_address(url, "It"))
        except SetupError:
            return self.elsewhere(self.home)

    def belongs(self, row: Row, audience_id: str) -> bool:
        """Walks are of all members: their updated_at stays as it is when only
        newsletters change (sources)."""
        return audience_id in _has(row)

    def check_hook(self, request: Incoming) -> None:
        """X-Ghost-Signature is "sha256=..., t=milliseconds", the hex HMAC-SHA256 of
        body and time (sources)."""
        given = SIGNATURE.fullmatch(request.headers.get("x-ghost-signature", ""))
        seal, at = given.groups() if given else ("", "")
        check_signed(self.secrets, request.body + at.encode(), seal)

    def heard(self, event: Row) -> Iterator[Change]:
        """A change for each newsletter the member has; suppressions are not told, nor
        which newsletter was turned off while another is left. One who was deleted has
        nothing current."""
        now, before = event.get("current") or {}, event.get("previous") or {}
        old, new = str(before.get("email") or ""), str(now.get("email") or "")
        if not now and old:
            yield Change(email=old, kind="delete", status="absent")
        if now and old and old != new:
            yield Change(email=new, kind="email", fields={"old_email": old})
        if now:
            for id in _has(now) or [""]:
                status = "subscribed" if id else "unsubscribed"
                yield self.change(now, id, status=status)

    def add_webhook(self, url: str, audience_id: str) -> dict[str, str]:
        """For all members: Ghost has none for a newsletter. One for each event."""
        ids, secret = [], {"secret": self.secrets.get("webhook_secret", "")}
        for event in EVENTS:
            row = {"name": "contactsync", "event": event, "target_url": url, **secret}
            made = self.fetch("POST", HOOKS, payload={"webhooks": [row]})
            ids.append(id_in(rows_in(made, "webhooks")[0]))
        return {"webhook_id": ",".join(ids)}

    def remove_webhook(self, webhook_id: str, audience_id: str) -> None:
        self.request("DELETE", self.at(f"{HOOKS}{{id}}/", "", webhook_id))

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        found = self.all_records(emails, audience_id)

        def leave(email: str) -> Outcome:
            members = found.get(key_of(email), [])
            there = [row for row in members if audience_id in _has(row)]
            for member in there:
                kept = [id for id in _has(member) if id != audience_id]
                self._put(member, {"newsletters": _listed(kept)})
            return synced(there[0]["id"]) if there else not_there(self.unknown_as)

        return self.each(emails, leave)


def _token(admin_key: str, now: int) -> str:
    """A JSON web token (RFC 7519, HS256) from `now`, an epoch second, on; raises
    CredentialsError for what is no key."""
    found = KEY.fullmatch(admin_key.strip())
    if found is None:
        raise CredentialsError(
            "An Admin API key is two hexadecimal parts with a colon between them."
        )
    head = {"alg": "HS256", "typ": "JWT", "kid": found[1]}
    claims = {"iat": now, "exp": now + TOKEN_SECONDS, "aud": "/admin/"}
    signed = b".".join(_part(to_json(part)) for part in (head, claims))
    seal = hmac.new(bytes.fromhex(found[2]), signed, hashlib.sha256).digest()
    return (signed + b"." + _part(seal)).decode()


def _part(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _quoted(text: str) -> str:
    """A text in a filter."""
    return "'" + text.replace("'", "\\'") + "'"


def _listed(ids: list[str]) -> list[Row]:
    """Newsletters as a member is written."""
    return [{"id": id} for id in ids]


def _has(member: Row) -> list[str]:
    """Ids of the active newsletters a member gets."""
    return [id_in(row) for row in rows_in(member, "newsletters")]
