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
from dataclasses import replace
from datetime import UTC
from typing import Any

from integrations.adapters import consent
from integrations.adapters.base import (
    Change,
    Contact,
    Field,
    Options,
    Outcome,
    Reading,
    Resource,
    Subscription,
)
from integrations.adapters.calls import Sign
from integrations.adapters.declare import Credential, Rate
from integrations.adapters.each import (
    again,
    by_address,
    forms,
    key_of,
    not_there,
    synced,
)
from integrations.adapters.either import EitherForm
from integrations.adapters.errors import (
    Reason,
    RejectedError,
    TargetError,
    TransientError,
)
from integrations.adapters.http import Answer, to_json
from integrations.adapters.paging import batches
from integrations.adapters.rest import Write
from integrations.adapters.shapes import Row, dig, id_in, row_in, rows_in

VERSION = "2026-11-22"  # the API as it was on that day
BATCH = 50  # requests in one call
PEOPLE = "/api/subscribers"
PERSON = f"{PEOPLE}/{{id}}"  # by id or address
# Kind and status of a change; "" is the person's own.
EVENTS = {
    "subscriber.created": ("upsert", ""),
    "subscriber.updated": ("upsert", ""),
    "subscriber.unsubscribed": ("status", "unsubscribed"),
    "subscriber.bounced": ("status", "bounced"),
    "subscriber.spam_reported": ("status", "complained"),
    "subscriber.added_to_group": ("upsert", ""),
    "subscriber.removed_from_group": ("delete", "absent"),
}


class MailerLite(EitherForm):
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

    signs = (  # the words are the parts of a request that errors are about
        Sign(r"\bgroups\b", TargetError),
        Sign(r"\bemail\b", RejectedError, Reason.ADDRESS_INVALID),
        Sign(r"\bfields\b", RejectedError, Reason.FIELD_TYPE),
    )

    size_param, page_size = "limit", 100
    place_param, first_place = "page", 1
    rows_key = "data"
    total_keys = ("meta", "total")

    audience_path, size_key = "/api/groups", "active_count"
    probed = (audience_path, "/api/fields")
    field_path, field_keys = "/api/fields", ("key", "name", "type")  # of the account
    field_types = {"number": "number", "date": "date", "phone": "phone"}
    hook_path, hook_key, hook_header = "/api/webhooks", "data", "signature"
    makes_secret = True
    erasing = "MailerLite forgets them: all data is gone within 30 days."

    states = {
        **{"active": "subscribed", "unconfirmed": "pending", "bounced": "bounced"},
        **{"unsubscribed": "unsubscribed", "junk": "complained"},
    }
    left_keys = ("unsubscribed_at",)
    time_keys = ("updated_at",)
    custom_key, custom_texts = "fields", False

    walk_path, walk_from = "/api/groups/{audience}/subscribers", ""
    turns = len(states)

    kept = frozenset({"subscribed"})
    known_as = "Already in this group"
    unknown_as = "Not in this account at all."
    asked_as = "MailerLite asks them to confirm."

    def explain(self, answer: Answer) -> str:
        for messages in _errors(answer).values():
            for message in messages if isinstance(messages, list) else [messages]:
                return self.safe(str(message))
        return super().explain(answer)

    def told(self, answer: Answer) -> str:
        return " ".join(name.partition(".")[0] for name in _errors(answer))

    def following(self, body: Row, rows: list[Row], place: Any) -> int | None:
        return place + 1 if place < int(dig(body, "meta", "last_page") or 1) else None

    def verify(self) -> Reading:
        people = self.fetch("GET", PEOPLE, params={"limit": 0})
        count = int(people.get("total") or 0)
        known = Resource(name="subscribers", readable=True, writable=None, count=count)
        return Reading(
            identity=f"{count:,} subscribers",
            resources=(known, *self.resources()),
        )

    def field_of(self, row: Row) -> Field | None:
        if row["key"] == "email":
            return None
        kind = "phone" if row["key"] == "phone" else row.get("type")
        return super().field_of({**row, "type": kind})

    def standing(self, email: str, row: Row | None, audience_id: str) -> Subscription:
        """In the account, where they have left it, else in the group."""
        known = super().standing(email, row, audience_id)
        if row is None or known.status != "subscribed":
            return known
        groups = {str(group.get("id")) for group in row.get("groups") or ()}
        return known if audience_id in groups else replace(known, status="absent")

    def _batch(self, requests: Sequence[Row]) -> list[Answer]:
        """The answer to each of up to `BATCH` requests, whose paths lack a slash."""
        wanted = [{**each, "path": each["path"].removeprefix("/")} for each in requests]
        body = self.fetch("POST", "/api/batch", payload={"requests": wanted})
        rows = body.get("responses")
        if not isinstance(rows, list) or len(rows) != len(requests):
            raise self._unreadable(None)
        return [_answer_of(row) for row in rows]

    def _look_up(self, emails: Sequence[str]) -> list[dict[str, Answer]]:
        """What there is to say about each form of each address."""
        each = [forms(email.lower()) for email in emails]
        paths = [self.at(PERSON, "", form) for some in each for form in some]
        asked = [{"method": "GET", "path": path} for path in paths]
        parts = map(self._batch, batches(asked, BATCH))
        answers = (answer for part in parts for answer in part)
        return [dict(zip(some, answers, strict=False)) for some in each]

    def _row_in(self, answer: Answer) -> Row:
        return row_in(self.parsed(answer), "data")

    def _rows(self, answers: Mapping[str, Answer], audience_id: str) -> list[Row]:
        """The records of one person, those first who left."""

        def read(form: str) -> Row | None:
            answer = answers[form]
            return None if answer.status == 404 else self._row_in(answer)

        found = self.of_forms(next(iter(answers)), read)
        return self.left_first((row for row in found if row), audience_id)

    def _row(self, answers: Mapping[str, Answer], audience_id: str) -> Row | None:
        return next(iter(self._rows(answers, audience_id)), None)

    def subscriptions(
        self, emails: Sequence[str], audience_id: str
    ) -> list[Subscription]:
        return [
            self.standing(email, self._row(answers, audience_id), audience_id)
            for email, answers in zip(emails, self._look_up(emails), strict=True)
        ]

    def upsert(
        self, contacts: Sequence[Contact], audience_id: str, options: Options
    ) -> list[Outcome]:
        people = by_address(contacts)
        outcomes: dict[str, Outcome] = {}
        persons: dict[str, Row] = {}
        for key, answers in zip(people, self._look_up(list(people)), strict=True):
            try:
                row = self._row(answers, audience_id)
                write = self.to_write(people[key], row, audience_id, options)
            except TransientError as error:
                outcomes[key] = again(error)
                continue
            if held := self.held_back(write):
                outcomes[key] = held
            else:
                persons[key] = self._person(write)
        if persons:
            written = self._write(list(persons.values()), audience_id)
            outcomes |= zip(persons, written, strict=True)
        return [outcomes[key_of(contact.email)] for contact in contacts]

    def _person(self, write: Write) -> Row:
        contact, new = write.contact, write.row is None
        kept = id_in(write.row, "email") if write.row else write.email
        person: Row = {"email": kept, "groups": [write.audience_id]}
        if write.fills:
            person |= self.record_of(contact)
        if new and write.options.double_opt_in:
            person["status"] = "unconfirmed"
        if new and contact.ip:
            person["ip_address"] = contact.ip
        if new and contact.signed_up_at:
            at = contact.signed_up_at.astimezone(UTC)
            person["subscribed_at"] = f"{at:%Y-%m-%d %H:%M:%S}"
        return person

    def _write(self, people: Sequence[Row], audience_id: str) -> list[Outcome]:
        """What became of them, behind a look at the group."""
        group = {"method": "GET", "path": f"{self.people_path(audience_id)}?limit=1"}
        post = {"method": "POST", "path": PEOPLE}
        posts = [{**post, "body": person} for person in people]
        first, *answers = self._batch([group, *posts])
        self.parsed(first)

        def outcome(answer: Answer) -> Outcome:
            row = self._row_in(answer)
            return self.settled(self.standing(str(row.get("email")), row, audience_id))

        return self.apart(answers, outcome)

    def turn(
        self, turn: int, since: str, place: Any, audience_id: str
    ) -> tuple[list[Row], Any]:
        """The group's people, status by status; always all of them."""
        asked: dict[str, str | int] = {"filter[status]": list(self.states)[turn]}
        asked |= {"limit": self.page_size, **({"cursor": place} if place else {})}
        body = self.fetch("GET", self.people_path(audience_id), params=asked)
        return rows_in(body, "data"), str(dig(body, "meta", "next_cursor") or "")

    def events_in(self, body: Any) -> list[Row]:
        """Several, or one that is not wrapped."""
        found = dig(body, "events")
        return super().events_in(body if found is None else found)

    def heard(self, event: Row) -> Iterator[Change]:
        """The person stands in the event, or is it."""
        name = str(event.get("event") or event.get("type"))
        row = event.get("subscriber") or event
        if name in EVENTS and row.get("email"):
            kind, status = EVENTS[name]
            group = str(dig(event, "group", "id") or "")
            yield self.change(row, group, kind, status=status)

    def hook(self, url: str, audience_id: str) -> Row:
        """For the whole account: MailerLite has none for a group."""
        return {"name": "contactsync", "url": url, "events": list(EVENTS)}

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        def leave(answers: Mapping[str, Answer]) -> Outcome:
            rows = self._rows(answers, audience_id)
            for row in rows:
                known = self.standing(id_in(row, "email"), row, audience_id)
                if not consent.left(known, self.label):
                    gone = {"email": known.email, "status": "unsubscribed"}
                    self.fetch("POST", PEOPLE, payload=gone)
            return synced(id_in(rows[0])) if rows else not_there(self.unknown_as)

        return self.apart(self._look_up(emails), leave)

    def find_form(self, form: str, audience_id: str) -> Row | None:
        found = self.maybe(self.at(PERSON, "", form.lower()))
        return row_in(found, "data") if found is not None else None

    def remove(self, row: Row) -> None:
        self.request("POST", self.at(f"{PERSON}/forget", "", id_in(row)))


def _errors(answer: Answer) -> dict[str, Any]:
    errors = answer.object().get("errors")
    return errors if isinstance(errors, dict) else {}


def _answer_of(row: Any) -> Answer:
    """One answer within a batch: {"code": 200, "body": {...}}, or the body as text."""
    code, body = dig(row, "code"), dig(row, "body")
    data = body.encode() if isinstance(body, str) else to_json(body)
    return Answer(status=code if isinstance(code, int) else 502, headers={}, body=data)
