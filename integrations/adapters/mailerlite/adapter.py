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

import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
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
    filled,
)
from integrations.adapters.declare import Credential, Rate
from integrations.adapters.each import (
    again,
    awaiting,
    by_address,
    existing,
    key_of,
    not_there,
    rejected,
    synced,
)
from integrations.adapters.errors import (
    AdapterError,
    CredentialsError,
    Reason,
    RejectedError,
    ScopeError,
    TargetError,
    TransientError,
)
from integrations.adapters.http import Answer, HttpAdapter, Params
from integrations.adapters.mailerlite.wire import (
    EVENTS,
    STATUS,
    answer_of,
    errors_of,
    group_path,
    person_path,
    posted,
    row_of,
    standing_of,
)
from integrations.adapters.paging import all_pages
from integrations.adapters.shapes import rows_in
from integrations.adapters.shared import (
    expired,
    json_body,
    moment,
    parse_place,
    to_place,
)

VERSION = "2026-11-22"  # the API as it was on that day
PAGE = 100
BATCH = 50  # requests in one call
TYPES = {"number": "number", "date": "date"}


class MailerLite(HttpAdapter):
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

    def headers(self) -> dict[str, str]:
        token = self.secrets.get("api_key", "").strip()
        return {"Authorization": f"Bearer {token}", "X-Version": VERSION}

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

    def verify(self) -> Reading:
        people = self.fetch("GET", "/api/subscribers", params={"limit": 0})
        return Reading(
            identity=f"{int(people.get('total') or 0):,} subscribers",
            resources=(
                Resource(
                    name="subscribers",
                    readable=True,
                    writable=None,
                    count=int(people.get("total") or 0),
                ),
                self._probe("groups"),
                self._probe("fields"),
            ),
        )

    def _probe(self, name: str) -> Resource:
        try:
            body = self.fetch("GET", f"/api/{name}", params={"limit": 1})
        except ScopeError as error:
            return Resource(
                name=name, readable=False, writable=None, detail=error.detail
            )
        total = (body.get("meta") or {}).get("total")
        return Resource(name=name, readable=True, writable=None, count=total)

    def _all(self, name: str) -> Iterator[dict[str, Any]]:
        def read(page: int) -> tuple[list[dict[str, Any]], int | None]:
            params: Params = {"limit": PAGE, "page": page}
            body = self.fetch("GET", f"/api/{name}", params=params)
            last = int((body.get("meta") or {}).get("last_page") or 1)
            return rows_in(body, "data"), page + 1 if page < last else None

        return all_pages(read, 1)

    def audiences(self) -> list[Audience]:
        return [
            Audience(
                id=str(row["id"]),
                label=str(row.get("name", "")),
                size=row.get("active_count"),
            )
            for row in self._all("groups")
        ]

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
            for row in self._all("fields")
            if row["key"] != "email"
        ]

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
                if answer.status == 404:
                    found.append(Subscription(email=email, status="absent"))
                    continue
                try:
                    row = self._row(answer)
                    found.append(standing_of(email, row, audience_id))
                except TransientError as error:
                    found.append(error)
        return found

    def _row(self, answer: Answer) -> dict[str, Any]:
        body = self.parsed(answer)
        row = body.get("data") if isinstance(body, dict) else None
        if not isinstance(row, dict):
            raise self._unreadable(answer.status)
        return row

    def upsert(
        self, contacts: Sequence[Contact], audience_id: str, options: Options
    ) -> list[Outcome]:
        people = by_address(contacts)
        outcomes: dict[str, Outcome] = {}
        rows: dict[str, dict[str, object]] = {}
        known = self._known(list(people), audience_id) if people else []
        for (email, contact), standing in zip(people.items(), known, strict=True):
            if isinstance(standing, TransientError):
                outcomes[email] = again(standing)
            elif refused := consent.left(standing, self.label):
                outcomes[email] = refused
            elif standing.status == "subscribed" and not options.update_existing:
                outcomes[email] = existing(
                    standing.remote_id,
                    "Already in this group",
                )
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
            now = standing_of(email, self._row(answer), audience_id)
        except RejectedError as error:
            return rejected(error.reason, error.detail)
        except TransientError as error:
            return again(error)
        if refused := consent.left(now, self.label):  # they left meanwhile
            return refused
        if now.status == "pending":
            return awaiting(now.remote_id, "MailerLite asks them to confirm.")
        return synced(now.remote_id)

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
        statuses = list(STATUS)
        if not 0 <= turn < len(statuses):
            raise expired()
        params: dict[str, str | int] = {
            **{"filter[status]": statuses[turn], "limit": PAGE},
            **({"cursor": mark} if mark else {}),
        }
        path = f"/{group_path(audience_id)}/subscribers"
        body = self.fetch("GET", path, params=params)
        mark = str((body.get("meta") or {}).get("next_cursor") or "")
        turn = turn if mark else turn + 1
        more = turn < len(statuses)
        return Page(
            changes=tuple(
                Change(
                    email=str(row.get("email", "")),
                    kind="upsert",
                    status=STATUS.get(str(row.get("status")), "unknown"),
                    fields=filled(row.get("fields") or {}),
                    at=moment(row.get("updated_at")),
                    audience_id=audience_id,
                )
                for row in rows_in(body, "data")
            ),
            cursor=to_place(turn, mark) if more else "",
            complete=True,
            more=more,
        )

    def webhook(self, request: Incoming) -> list[Change]:
        """Signature is the hex HMAC-SHA256 of the body with the webhook's secret."""
        secret = self.secrets.get("webhook_secret", "").encode()
        signed = hmac.new(secret, request.body, hashlib.sha256).hexdigest()
        given = request.headers.get("signature", "")
        if not secret or not hmac.compare_digest(signed.encode(), given.encode()):
            raise CredentialsError("This webhook is not signed with our secret.")
        body = json_body(request)
        rows = body.get("events", [body]) if isinstance(body, dict) else ()
        return [change for row in rows for change in posted(row)]

    def add_webhook(self, url: str, audience_id: str) -> dict[str, str]:
        """For the whole account: MailerLite has none for a group."""
        hook = {"name": "contactsync", "url": url, "events": list(EVENTS)}
        made = self.fetch("POST", "/api/webhooks", payload=hook).get("data") or {}
        secret = str(made.get("secret") or "")
        if not secret:
            raise self._unreadable(None)
        self.conceal(secret)
        return {"webhook_id": str(made.get("id") or ""), "webhook_secret": secret}

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        outcomes = []
        for email, standing in zip(
            emails, self._known(emails, audience_id), strict=True
        ):
            if isinstance(standing, TransientError):
                outcomes.append(again(standing))
            elif consent.left(standing, self.label):
                outcomes.append(synced(standing.remote_id))
            elif not standing.remote_id:
                detail = "Not in this account at all."
                outcomes.append(not_there(detail))
            else:
                row = {"email": email.strip(), "status": "unsubscribed"}
                try:
                    self.fetch("POST", "/api/subscribers", payload=row)
                except RejectedError as error:
                    outcomes.append(rejected(error.reason, error.detail))
                except TransientError as error:
                    outcomes.append(again(error))
                else:
                    outcomes.append(synced(standing.remote_id))
        return outcomes

    def erase(self, email: str) -> Receipt:
        path = f"/{person_path(email)}"
        try:
            row = self.fetch("GET", path).get("data") or {}
            number = quote(str(row.get("id") or ""), safe="")
            self.request("POST", f"/api/subscribers/{number}/forget")
        except TargetError:
            return Receipt(ok=True, note="MailerLite did not hold this address.")
        return Receipt(
            ok=True, note="MailerLite forgets them: all data is gone within 30 days."
        )
