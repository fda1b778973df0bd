"""MailerLite, the API at connect.mailerlite.com (https://developers.mailerlite.com,
read 2026-11-22).

People belong to the account and have one status there; groups only sort them. Writing
merges: values and groups left out stay. Without `resubscribe`, which is never sent,
somebody who left stays so; they are not written at all here, so that the outcome can
say it. `status` is only sent for new people, and only "unconfirmed": without it the
account's own setting decides.

Up to 50 requests go into one batch call, each answered on its own. A batch of nothing
but subscriber writes counts as an import (5 a minute), so one request of each asks for
the group, which also tells when it is gone.

There is no filter by time: changes are always a whole walk, and webhooks tell the rest.

Unverified: whether the account's switch must be on for an "unconfirmed" person to get a
mail (reports differ; the requirement is shown).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from integrations.adapters import consent
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
)
from integrations.adapters.calls import audience
from integrations.adapters.declare import Credential, Rate
from integrations.adapters.each import (
    again,
    by_address,
    existing,
    key_of,
    not_there,
    synced,
)
from integrations.adapters.errors import (
    AdapterError,
    Reason,
    RejectedError,
    TargetError,
    TransientError,
)
from integrations.adapters.http import Answer
from integrations.adapters.mailerlite.wire import (
    EVENTS,
    PROFILE,
    answer_of,
    errors_of,
    group_path,
    groups_of,
    person_path,
    row_of,
)
from integrations.adapters.rest import Rest
from integrations.adapters.shapes import Row, dig, row_in, rows_in
from integrations.adapters.shared import (
    check_signed,
    expired,
    json_body,
    parse_place,
    to_place,
)

VERSION = "2026-11-22"  # the API as it was on that day
BATCH = 50  # requests in one call
TYPES = {"number": "number", "date": "date"}


class MailerLite(Rest):
    slug = "mailerlite"
    label = "MailerLite"
    kind = "esp"
    credentials = (
        Credential(
            name="api_key",
            label="API token",
            help_text="MailerLite: Integrations, MailerLite API, Generate new token. "
            "It stops working when the user who made it is removed.",
        ),
    )
    audience_noun = "group"
    opt_in = "caller"
    batch_size = BATCH - 1
    concurrency = 2
    rate = Rate(calls=120, seconds=60)
    requirements = (
        "For double opt-in: switch on “Double opt-in for API and integrations” in "
        "MailerLite's subscribe settings.",
    )
    notice = (
        "Where MailerLite's own double opt-in for the API is on, it asks everybody, "
        "whatever the rule says."
    )
    exit_effect = "Unsubscribed in MailerLite, from every group."
    glyph = "ML"
    docs_url = "https://www.mailerlite.com/help/where-to-find-the-mailerlite-api-key-groupid-and-documentation"
    features = frozenset({"double_opt_in", "update_existing"})
    home = "https://connect.mailerlite.com"

    more_headers = {"X-Version": VERSION}

    size_param, page_size = "limit", 100
    place_param, first_place = "page", 1
    rows_key = "data"
    total_keys = ("meta", "total")

    states = {
        **{"active": "subscribed", "unconfirmed": "pending", "bounced": "bounced"},
        **{"unsubscribed": "unsubscribed", "junk": "complained"},
    }
    left_keys = ("unsubscribed_at",)
    time_keys = ("updated_at",)
    custom_key = "fields"

    known_as = "Already in this group"
    unknown_as = "Not in this account at all."
    asked_as = "MailerLite asks them to confirm."

    def explain(self, answer: Answer) -> str:
        for messages in errors_of(answer).values():
            for message in messages if isinstance(messages, list) else [messages]:
                return self.safe(str(message))
        return super().explain(answer)

    def error_from(self, answer: Answer) -> AdapterError:
        error = super().error_from(answer)
        if isinstance(error, RejectedError):
            names = [name.partition(".")[0] for name in errors_of(answer)]
            if "groups" in names:
                return TargetError(error.detail, status=answer.status)
            if "email" in names:
                error.reason = Reason.ADDRESS_INVALID
            elif "fields" in names:
                error.reason = Reason.FIELD_TYPE
        return error

    def following(self, body: Row, rows: list[Row], place: Any) -> int | None:
        return place + 1 if place < int(dig(body, "meta", "last_page") or 1) else None

    def verify(self) -> Reading:
        people = self.fetch("GET", "/api/subscribers", params={"limit": 0})
        count = int(people.get("total") or 0)
        known = Resource(name="subscribers", readable=True, writable=None, count=count)
        return Reading(
            identity=f"{count:,} subscribers",
            resources=(known, *self.probes("/api", "groups", "fields")),
        )

    def audiences(self) -> list[Audience]:
        rows = self.rows("/api/groups")
        return [audience(row, row.get("active_count")) for row in rows]

    def fields(self, audience_id: str) -> list[Field]:
        """Fields belong to the account and are known by their key."""
        return [
            Field(
                id=str(row["key"]),
                label=str(row.get("name", "")),
                type="phone"
                if row["key"] == "phone"
                else TYPES.get(str(row.get("type")), "text"),
            )
            for row in self.rows("/api/fields")
            if row["key"] != "email"
        ]

    def standing(self, email: str, row: Row | None, audience_id: str) -> Subscription:
        """In the account, where they have left it, else in the group."""
        known = super().standing(email, row, audience_id)
        missing = row is not None and audience_id not in groups_of(row)
        if known.status == "subscribed" and missing:
            return replace(known, status="absent")
        return known

    def _batch(self, requests: Sequence[Mapping[str, object]]) -> list[Answer]:
        """The answer to each of up to `BATCH` requests."""
        body = self.fetch("POST", "/api/batch", payload={"requests": requests})
        rows = body.get("responses")
        if not isinstance(rows, list) or len(rows) != len(requests):
            raise self._unreadable(None)
        return [answer_of(row) for row in rows]

    def _known(
        self, emails: Sequence[str], audience_id: str
    ) -> list[Subscription | TransientError]:
        found: list[Subscription | TransientError] = []
        for start in range(0, len(emails), BATCH):
            part = emails[start : start + BATCH]
            wanted = [{"method": "GET", "path": person_path(email)} for email in part]
            for email, answer in zip(part, self._batch(wanted), strict=True):
                try:
                    row = None if answer.status == 404 else self._row(answer)
                    found.append(self.standing(email, row, audience_id))
                except TransientError as error:
                    found.append(error)
        return found

    def _row(self, answer: Answer) -> Row:
        return row_in(self.parsed(answer), "data")

    def upsert(
        self, contacts: Sequence[Contact], audience_id: str, options: Options
    ) -> list[Outcome]:
        people = by_address(contacts)
        outcomes: dict[str, Outcome] = {}
        rows: dict[str, Row] = {}
        known = self._known(list(people), audience_id) if people else []
        for (email, contact), standing in zip(people.items(), known, strict=True):
            if isinstance(standing, TransientError):
                outcomes[email] = again(standing)
            elif refused := consent.left(standing, self.label):
                outcomes[email] = refused
            elif standing.status == "subscribed" and not options.update_existing:
                outcomes[email] = existing(standing.remote_id, self.known_as)
            else:
                rows[email] = row_of(contact, standing, audience_id, options)
        if rows:
            outcomes |= self._put(rows, audience_id)
        return [outcomes[key_of(contact.email)] for contact in contacts]

    def _put(
        self, rows: Mapping[str, Mapping[str, object]], audience_id: str
    ) -> dict[str, Outcome]:
        group = {
            "method": "GET",
            "path": f"{group_path(audience_id)}/subscribers?limit=1",
        }
        path = "api/subscribers"
        posts = [{"method": "POST", "path": path, "body": row} for row in rows.values()]
        first, *answers = self._batch([group, *posts])
        self.parsed(first)
        return {
            email: self._outcome(email, answer, audience_id)
            for email, answer in zip(rows, answers, strict=True)
        }

    def _outcome(self, email: str, answer: Answer, audience_id: str) -> Outcome:
        try:
            return self.settled(self.standing(email, self._row(answer), audience_id))
        except RejectedError as error:
            return self.refusal(error)
        except TransientError as error:
            return again(error)

    def subscriptions(
        self, emails: Sequence[str], audience_id: str
    ) -> list[Subscription]:
        found = []
        for standing in self._known(emails, audience_id):
            if isinstance(standing, TransientError):
                raise standing
            found.append(standing)
        return found

    def changes(self, audience_id: str, cursor: str) -> Page:
        """The group's people, status by status; always all of them."""
        turn, mark = parse_place(cursor, int, str) or [0, ""]
        statuses = list(self.states)
        if not 0 <= turn < len(statuses):
            raise expired()
        params: dict[str, str | int] = {
            **{"filter[status]": statuses[turn], "limit": self.page_size},
            **({"cursor": mark} if mark else {}),
        }
        path = f"/{group_path(audience_id)}/subscribers"
        body = self.fetch("GET", path, params=params)
        mark = str((body.get("meta") or {}).get("next_cursor") or "")
        turn = turn if mark else turn + 1
        more = turn < len(statuses)
        return Page(
            changes=tuple(
                self.change(row, audience_id) for row in rows_in(body, "data")
            ),
            cursor=to_place(turn, mark) if more else "",
            complete=True,
            more=more,
        )

    def webhook(self, request: Incoming) -> list[Change]:
        """Signature is the hex HMAC-SHA256 of the body with the webhook's secret."""
        given = request.headers.get("signature", "")
        check_signed(self.secrets, request.body, given)
        body = json_body(request)
        rows = body.get("events", [body]) if isinstance(body, dict) else ()
        return [change for row in rows for change in self._heard(row)]

    def _heard(self, event: Any) -> Iterator[Change]:
        """The change in one event; the person stands in it, or is it."""
        if not isinstance(event, dict):
            return
        name = str(event.get("event") or event.get("type"))
        row = event.get("subscriber") or event
        if name in EVENTS and row.get("email"):
            gone = name == "subscriber.removed_from_group"
            kind = "delete" if gone else "upsert" if name in PROFILE else "status"
            group = str((event.get("group") or {}).get("id") or "")
            yield self.change(row, group, kind, status=EVENTS[name])

    def add_webhook(self, url: str, audience_id: str) -> dict[str, str]:
        """For the whole account: MailerLite has none for a group."""
        hook = {"name": "contactsync", "url": url, "events": list(EVENTS)}
        made = self.fetch("POST", "/api/webhooks", payload=hook).get("data") or {}
        secret = str(made.get("secret") or "")
        if not secret:
            raise self._unreadable(None)
        self.conceal(secret)
        return {"webhook_id": str(made.get("id") or ""), "webhook_secret": secret}

    def remove_webhook(self, webhook_id: str, audience_id: str) -> None:
        self.request("DELETE", f"/api/webhooks/{quote(webhook_id, safe='')}")

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        known = self._known(emails, audience_id)
        pairs = zip(emails, known, strict=True)
        return self.each(pairs, lambda pair: self._leave(*pair))

    def _leave(self, email: str, known: Subscription | TransientError) -> Outcome:
        """One who cannot leave now does not keep the others."""
        if isinstance(known, TransientError):
            return again(known)
        if not known.remote_id:
            return not_there(self.unknown_as)
        row = {"email": email.strip(), "status": "unsubscribed"}
        try:
            if not consent.left(known, self.label):
                self.fetch("POST", "/api/subscribers", payload=row)
        except TransientError as error:
            return again(error)
        return synced(known.remote_id)

    def erase(self, email: str) -> Receipt:
        found = self.maybe(f"/{person_path(email)}")
        if found is not None:
            number = quote(str(dig(found, "data", "id") or ""), safe="")
            with suppress(TargetError):  # forgotten meanwhile
                self.request("POST", f"/api/subscribers/{number}/forget")
        note = "MailerLite forgets them: all data is gone within 30 days."
        return self.erased(found, note)
