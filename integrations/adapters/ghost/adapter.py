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

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import Any, Self
from urllib.parse import quote

from integrations.adapters.base import (
    Audience,
    Change,
    Field,
    Incoming,
    Outcome,
    Page,
    Reading,
    Receipt,
    Resource,
    Subscription,
)
from integrations.adapters.calls import Sign, audience
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
    RejectedError,
    ScopeError,
    SetupError,
    TargetError,
    TransientError,
)
from integrations.adapters.ghost.wire import (
    PAGE,
    check_signature,
    fault,
    has,
    lost,
    quoted,
    token,
    total,
)
from integrations.adapters.http import Answer, Params, to_json
from integrations.adapters.rest import Rest, Write, look_ups
from integrations.adapters.shapes import Row, dig, id_in, row_in, rows_in
from integrations.adapters.shared import json_body, own_address, parse_place, to_place

LOOK_UP = 40  # addresses in one filter
RENEW_SECONDS = 240  # a token lives for 300
API = "/ghost/api/admin"
MEMBERS = f"{API}/members/"
INTEGRITY = re.compile(rb"\d+:[0-9a-f]+:[0-9a-f]+")
EVENTS = ("member.added", "member.edited", "member.deleted")
SUPPRESSED = {"spam": "complained", "fail": "bounced"}


class Ghost(Rest):
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

    size_param, page_size = "limit", PAGE
    place_param, first_place = "page", 1
    rows_key = "members"

    state_key = ""
    time_keys = ("updated_at",)
    tags_key = "labels"
    own_fields = (
        Field(id="name", label="Name", type="name"),
        Field(id="note", label="Note"),
    )

    look_up = "many"
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
            self._token = token(self.secrets.get("admin_key", ""), int(self._signed_at))
            self.__dict__.pop("_redactor", None)  # it knows the old token
        return {"Authorization": f"Ghost {self._token}", "Accept-Version": "v5.0"}

    def more_secrets(self) -> list[str]:
        return [self.secrets.get("admin_key", "").partition(":")[2].strip()]

    def told(self, answer: Answer) -> str:
        return f"{fault(answer).get('code')} {self.explain(answer)}"

    def following(self, body: Row, rows: list[Row], place: Any) -> int | None:
        return place + 1 if place * PAGE < total(body) else None

    def verify(self) -> Reading:
        people = total(self.fetch("GET", MEMBERS, params={"limit": 1}))
        count = len(self._newsletters)
        return Reading(
            identity=str(self._site.get("url", "")),
            account_name=str(self._site.get("title", "")),
            # An integration's key may do all of this: Ghost knows no narrower one.
            resources=(
                Resource(name="newsletters", readable=True, writable=None, count=count),
                Resource(name="members", readable=True, writable=True, count=people),
            ),
            notes=() if count else ("There is no active newsletter.",),
        )

    @cached_property
    def _site(self) -> dict[str, Any]:
        return row_in(self.fetch("GET", f"{API}/site/"), "site")

    @cached_property
    def _newsletters(self) -> dict[str, dict[str, Any]]:
        """Active newsletters by id."""
        wanted = {"filter": "status:active", "include": "count.active_members"}
        asked: Params = {**wanted, "limit": PAGE}
        body = self.fetch("GET", f"{API}/newsletters/", params=asked)
        return {id_in(row): row for row in rows_in(body, "newsletters")}

    def audiences(self) -> list[Audience]:
        return [
            audience(row, dig(row, "count", "active_members"))
            for row in self._newsletters.values()
        ]

    def fields(self, audience_id: str) -> list[Field]:
        return list(self.own_fields)

    def find(self, emails: Sequence[str], audience_id: str) -> dict[str, Row]:
        found: dict[str, Row] = {}
        for some in look_ups(emails, LOOK_UP, as_entered=True):
            asked = f"email:[{','.join(map(quoted, some))}]"
            body = self.fetch("GET", MEMBERS, params={"filter": asked, "limit": PAGE})
            rows = rows_in(body, "members")
            found |= {key_of(id_in(row, "email")): row for row in rows}
        return found

    def status_of(self, row: Row, audience_id: str) -> str:
        """ "" for somebody who lacks the newsletter."""
        suppression = row_in(row, "email_suppression")
        if suppression["suppressed"]:
            return SUPPRESSED.get(str(dig(suppression, "info", "reason")), "bounced")
        return "subscribed" if audience_id in has(row) else ""

    def standing(self, email: str, row: Row | None, audience_id: str) -> Subscription:
        known = super().standing(email, row, audience_id)
        if row is None or known.status:
            return known
        if not has(row):
            return replace(known, status="unsubscribed")
        had, at = self._lost(known.remote_id, audience_id)
        status = "unsubscribed" if had else "absent"
        return replace(known, status=status, changed_at=at)

    def tags_of(self, row: Row) -> tuple[str, ...]:
        return tuple(id_in(label, "name") for label in rows_in(row, "labels"))

    def _lost(self, member_id: str, audience_id: str) -> tuple[bool, datetime | None]:
        filter = f"type:newsletter_event+data.member_id:{quoted(member_id)}"
        params: Params = {"filter": filter, "limit": PAGE}
        try:
            body = self.fetch("GET", f"{MEMBERS}events/", params=params)
        except (ScopeError, TargetError):
            return True, None  # Ghost does not tell: they may have
        return lost(rows_in(body, "events"), audience_id)

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
            "newsletters": [{"id": write.audience_id}],
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
            ids = (*has(member), write.audience_id)
            row["newsletters"] = [{"id": id} for id in ids]
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
        self.fetch("PUT", _member(member), payload={"members": [row]})

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
            **({"name": values["name"]} if "name" in values else {}),
        }
        answer = site.send("POST", "/members/api/send-magic-link/", data=to_json(row))
        if (answer.status, answer.body.strip()) != (201, b"Created."):  # Ghost 5
            site.parsed(answer)
        return awaiting(detail=self.asked_as)

    @cached_property
    def _public(self) -> Self:
        """The site itself, whose address may be another than the API's."""
        url = str(self._site.get("url", ""))
        try:
            return self.elsewhere(own_address(url, "It"))
        except SetupError:
            return self.elsewhere(self.home)

    def changes(self, audience_id: str, cursor: str) -> Page:
        """Always everybody who has the newsletter: a member's updated_at stays as it
        is when only newsletters change (sources)."""
        [page] = parse_place(cursor, int) or [1]
        rows, page = self.walk(cursor, MEMBERS, page, {"order": "created_at asc"})
        theirs = [row for row in rows if audience_id in has(row)]
        return self.walked(theirs, audience_id, to_place(page) if page else "")

    def webhook(self, request: Incoming) -> list[Change]:
        """A change for each newsletter the member has; suppressions are not told, nor
        which newsletter was turned off while another is left."""
        check_signature(request, self.secrets)
        body = json_body(request)
        member = body.get("member") if isinstance(body, dict) else None
        if not isinstance(member, dict):
            raise RejectedError("This is not a webhook about a member.")
        return list(
            self._heard(member.get("current") or {}, member.get("previous") or {})
        )

    def add_webhook(self, url: str, audience_id: str) -> dict[str, str]:
        """For all members: Ghost has none for a newsletter. One for each event."""
        ids, secret = [], {"secret": self.secrets.get("webhook_secret", "")}
        for event in EVENTS:
            row = {"name": "contactsync", "event": event, "target_url": url, **secret}
            made = self.fetch("POST", f"{API}/webhooks/", payload={"webhooks": [row]})
            ids.append(id_in(rows_in(made, "webhooks")[0]))
        return {"webhook_id": ",".join(ids)}

    def remove_webhook(self, webhook_id: str, audience_id: str) -> None:
        self.request("DELETE", f"{API}/webhooks/{quote(webhook_id, safe='')}/")

    def _heard(self, now: Row, before: Row) -> Iterator[Change]:
        """`now` is {} for a member who was deleted."""
        old, new = str(before.get("email") or ""), str(now.get("email") or "")
        if not now and old:
            yield Change(email=old, kind="delete", status="absent")
        if now and old and old != new:
            yield Change(email=new, kind="email", fields={"old_email": old})
        if now:
            for id in has(now) or [""]:
                status = "subscribed" if id else "unsubscribed"
                yield self.change(now, id, status=status)

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        found = self.find(emails, audience_id)

        def leave(email: str) -> Outcome:
            member = found.get(key_of(email))
            if member is None or audience_id not in has(member):
                return not_there(self.unknown_as)
            kept = [{"id": id} for id in has(member) if id != audience_id]
            self._put(member, {"newsletters": kept})
            return synced(member["id"])

        return self.each(emails, leave)

    def erase(self, email: str) -> Receipt:
        member = self.find_one(email, "")
        if member is not None:
            self.request("DELETE", _member(member))
        return self.erased(member, "The member, and no paid subscription at Stripe.")


def _member(member: Row) -> str:
    return f"{MEMBERS}{quote(str(member['id']), safe='')}/"
