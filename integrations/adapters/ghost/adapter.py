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
from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import Any, Self
from urllib.parse import quote

from integrations.adapters.base import (
    Audience,
    Change,
    Contact,
    Field,
    Incoming,
    Options,
    Outcome,
    Page,
    Reading,
    Receipt,
    Resource,
    Subscription,
    filled,
)
from integrations.adapters.consent import left
from integrations.adapters.declare import Credential
from integrations.adapters.each import (
    EachContact,
    awaiting,
    existing,
    key_of,
    not_there,
    rejected,
    spellings,
    synced,
    tags_for,
)
from integrations.adapters.errors import (
    AdapterError,
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
    labels_of,
    lost,
    plain,
    posted,
    quoted,
    token,
    told,
    total,
    values_of,
)
from integrations.adapters.http import Answer, Params
from integrations.adapters.shapes import id_in, row_in, rows_in
from integrations.adapters.shared import json_body, own_address, parse_place, to_place

LOOK_UP = 20  # addresses in one filter
RENEW_SECONDS = 240  # a token lives for 300
API = "/ghost/api/admin"
MEMBERS = f"{API}/members/"
INTEGRITY = re.compile(rb"\d+:[0-9a-f]+:[0-9a-f]+")
CLOSED = re.compile(r"invite-only|only accepts paid")
ADDRESS = re.compile(r"\be-?mail\b", re.IGNORECASE)
EVENTS = ("member.added", "member.edited", "member.deleted")


class Ghost(EachContact):
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

    def explain(self, answer: Answer) -> str:
        found = fault(answer)
        words = (found.get("message"), found.get("context"))
        return self.safe(" ".join(str(word) for word in words if word))

    def error_from(self, answer: Answer) -> AdapterError:
        error = super().error_from(answer)
        if isinstance(error, RejectedError):
            if fault(answer).get("code") == "INVALID_JWT":
                return CredentialsError(error.detail, status=answer.status)
            if CLOSED.search(error.detail):
                return ScopeError(f"Ghost: {error.detail}", status=answer.status)
        return error

    def reason_of(self, error: RejectedError) -> Reason:
        if "already exists" in error.detail:
            return Reason.DUPLICATE
        if ADDRESS.search(error.detail):
            return Reason.ADDRESS_INVALID
        return error.reason

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
            Audience(
                id=key,
                label=str(row.get("name", "")),
                size=(row.get("count") or {}).get("active_members"),
            )
            for key, row in self._newsletters.items()
        ]

    def fields(self, audience_id: str) -> list[Field]:
        name = Field(id="name", label="Name", type="name")
        return [name, Field(id="note", label="Note")]

    def write(self, contact: Contact, audience_id: str, options: Options) -> Outcome:
        if audience_id not in self._newsletters:
            raise TargetError("The newsletter is not there any more, or archived.")
        member = self._find([contact.email]).get(key_of(contact.email))
        tags = tags_for(contact, options)
        if member:
            return self._known(member, contact, audience_id, options, tags)
        values = filled(contact.fields)
        if options.double_opt_in:
            return self._ask(contact, audience_id, tags)
        row = {
            # On SQLite, Ghost tells addresses apart by case.
            **{"email": key_of(contact.email), **values},
            "labels": [{"name": tag} for tag in tags],
            "newsletters": [{"id": audience_id}],
        }
        made = self.fetch("POST", MEMBERS, payload={"members": [row]})
        return synced(id_in(rows_in(made, "members")[0]))

    def _known(
        self,
        member: dict[str, Any],
        contact: Contact,
        audience_id: str,
        options: Options,
        tags: list[str],
    ) -> Outcome:
        standing = self._standing(member, contact.email, audience_id)
        if gone := left(standing, self.label):
            return gone
        row: dict[str, object] = {}
        if standing.status == "absent":
            if options.double_opt_in:
                return rejected(
                    Reason.REFUSED,
                    "A member of the site already, whom Ghost cannot ask to confirm. "
                    "They can choose the newsletter in their account.",
                )
            row["newsletters"] = [{"id": id} for id in (*has(member), audience_id)]
        elif not options.update_existing:
            return existing(standing.remote_id, "Has it already")
        if options.update_existing:
            values = filled(contact.fields)
            row |= {k: v for k, v in values.items() if v != member.get(k)}
            labels = labels_of(member)
            lower = set(map(str.lower, labels))
            if new := [tag for tag in tags if tag.lower() not in lower]:
                row["labels"] = [{"name": label} for label in (*labels, *new)]
        if row:
            self._put(member, row)
        return synced(standing.remote_id)

    def _put(self, member: dict[str, Any], row: dict[str, object]) -> None:
        path = f"{MEMBERS}{quote(str(member['id']), safe='')}/"
        self.fetch("PUT", path, payload={"members": [row]})

    def _ask(self, contact: Contact, audience_id: str, tags: list[str]) -> Outcome:
        site = self._public
        answer = site.send("GET", "/members/api/integrity-token/")
        if not 200 <= answer.status < 300:
            raise site.error_from(answer)
        integrity = INTEGRITY.search(answer.body)
        if integrity is None:
            raise TransientError("Ghost gave no token to ask for a confirmation with.")
        row: dict[str, object] = {
            "email": contact.email.strip(),
            "emailType": "subscribe",
            "newsletters": [{"name": self._newsletters[audience_id]["name"]}],
            "labels": tags,
            "integrityToken": integrity[0].decode(),
        }
        if name := filled(contact.fields).get("name"):
            row["name"] = name
        site.request("POST", "/members/api/send-magic-link/", payload=row)
        return awaiting(detail="Ghost mailed them a link; it makes them a member.")

    @cached_property
    def _public(self) -> Self:
        """The site itself, whose address may be another than the API's."""
        url = str(self._site.get("url", ""))
        try:
            return self.elsewhere(own_address(url, "It"))
        except SetupError:
            return self.elsewhere(self.home)

    def _find(self, emails: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Members by lower-case address."""
        asked = list(
            dict.fromkeys(s for e in emails for s in (e.strip(), *spellings(e)))
        )
        found: dict[str, dict[str, Any]] = {}
        for start in range(0, len(asked), 2 * LOOK_UP):
            some = asked[start : start + 2 * LOOK_UP]
            filter = f"email:[{','.join(map(quoted, some))}]"
            body = self.fetch("GET", MEMBERS, params={"filter": filter, "limit": PAGE})
            rows = rows_in(body, "members")
            found |= {key_of(id_in(row, "email")): row for row in rows}
        return found

    def _standing(
        self, member: dict[str, Any] | None, email: str, audience_id: str
    ) -> Subscription:
        if member is None:
            return Subscription(email=email, status="absent")
        id = id_in(member)
        status, at = plain(member, audience_id), None
        if not status and has(member):
            had, at = self._lost(id, audience_id)
            status = "unsubscribed" if had else "absent"
        return Subscription(
            email=email,
            status=status or "unsubscribed",
            changed_at=at,
            remote_id=id,
            fields=values_of(member),
            tags=labels_of(member),
        )

    def _lost(self, member_id: str, audience_id: str) -> tuple[bool, datetime | None]:
        filter = f"type:newsletter_event+data.member_id:{quoted(member_id)}"
        params: Params = {"filter": filter, "limit": PAGE}
        try:
            body = self.fetch("GET", f"{MEMBERS}events/", params=params)
        except (ScopeError, TargetError):
            return True, None  # Ghost does not tell: they may have
        return lost(rows_in(body, "events"), audience_id)

    def subscriptions(
        self, emails: Sequence[str], audience_id: str
    ) -> list[Subscription]:
        found = self._find(emails)
        return [self._standing(found.get(key_of(e)), e, audience_id) for e in emails]

    def changes(self, audience_id: str, cursor: str) -> Page:
        """Always everybody who has the newsletter: a member's updated_at stays as it
        is when only newsletters change (sources)."""
        place = parse_place(cursor, int)
        page = place[0] if place else 1
        params = {"order": "created_at asc", "limit": PAGE, "page": page}
        body = self.fetch("GET", MEMBERS, params=params)
        more = page * PAGE < total(body)
        rows = rows_in(body, "members")
        return Page(
            changes=tuple(
                told(row, audience_id, plain(row, audience_id))
                for row in rows
                if audience_id in has(row)
            ),
            cursor=to_place(page + 1) if more else "",
            complete=True,
            more=more,
        )

    def webhook(self, request: Incoming) -> list[Change]:
        """A change for each newsletter the member has; suppressions are not told, nor
        which newsletter was turned off while another is left."""
        check_signature(request, self.secrets.get("webhook_secret", ""))
        body = json_body(request)
        member = body.get("member") if isinstance(body, dict) else None
        if not isinstance(member, dict):
            raise RejectedError("This is not a webhook about a member.")
        return posted(member.get("current") or {}, member.get("previous") or {})

    def add_webhook(self, url: str, audience_id: str) -> dict[str, str]:
        """For all members: Ghost has none for a newsletter. One for each event."""
        ids, secret = [], {"secret": self.secrets.get("webhook_secret", "")}
        for event in EVENTS:
            row = {"name": "contactsync", "event": event, "target_url": url, **secret}
            path = f"{API}/webhooks/"
            made = self.fetch("POST", path, payload={"webhooks": [row]})
            ids.append(id_in(rows_in(made, "webhooks")[0]))
        return {"webhook_id": ",".join(ids)}

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        found = self._find(emails)
        return self.each(
            emails, lambda email: self._leave(found.get(key_of(email)), audience_id)
        )

    def _leave(self, member: dict[str, Any] | None, audience_id: str) -> Outcome:
        if member is None or audience_id not in has(member):
            return not_there("Does not have this newsletter.")
        kept = [{"id": id} for id in has(member) if id != audience_id]
        self._put(member, {"newsletters": kept})
        return synced(member["id"])

    def erase(self, email: str) -> Receipt:
        member = self._find([email]).get(key_of(email))
        if member is None:
            return Receipt(ok=True, note="Ghost did not hold this address.")
        self.request("DELETE", f"{MEMBERS}{quote(str(member['id']), safe='')}/")
        return Receipt(ok=True, note="The member, and no paid subscription at Stripe.")
