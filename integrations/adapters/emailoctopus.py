"""EmailOctopus, API v2 (emailoctopus.com/api-documentation/v2, read 2026-11-22).

People exist per list and are subscribed, pending or unsubscribed there; they are found
by the MD5 of their address in lower case. A listing without a status is of those who
are subscribed, so a walk lists each status. No call tells who is signed in.

The list decides about double opt-in: EmailOctopus mails people who are added over the
API, once (help.emailoctopus.com, article 36). No status is ever sent but to
unsubscribe. POST creates, and refuses with 409 whom it finds there; PUT to the list
creates or updates, and nothing tells what it does to the status of somebody who left:
so people are looked up, and then created by POST or updated by PUT to their own id. The
batch call takes ids, for people who are there already, and is not used.

People set webhooks up in EmailOctopus itself (article 314): two for an account, up to
1,000 events a post, signed with the secret that is shown there. Only the events of
somebody created, updated or deleted have the person's status, fields and tags, and not
always; there a status may also be bounced or complained, which the API does not know.

Unverified: that a contact created without a status is pending where the list asks
people; that an update without a status keeps it; that the bounced and complained are
among the unsubscribed of the API; whether only hard bounces are told, and whether a
bounce or a complaint counts as an update; "EmailAddress" among a list's fields, as in
version 1.6; whether numbers may have decimals, and whether a text field takes one;
whether `counts` is an array of one object, as described, or that object, as in version
1.6; what `paging` holds on the last page (no mark, whichever way, is the end); the unit
of X-RateLimit-Retry-After (seconds and epoch are read).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

from integrations.adapters.base import (
    Audience,
    Change,
    Field,
    Outcome,
    Reading,
    Receipt,
    Resource,
    Subscription,
)
from integrations.adapters.calls import Sign, audience
from integrations.adapters.consent import LEFT
from integrations.adapters.declare import Credential, Rate
from integrations.adapters.each import spellings
from integrations.adapters.errors import (
    Reason,
    RejectedError,
    SetupError,
    TargetError,
)
from integrations.adapters.http import Answer
from integrations.adapters.rest import Rest, Write
from integrations.adapters.shapes import Row, dig, rows_in

NAMES = frozenset({"FirstName", "LastName"})  # tags of fields that lists start with
STATUSES = ("pending", "subscribed", "unsubscribed")  # in which people move on
EVENTS = {
    **{"created": "upsert", "updated": "upsert", "deleted": "delete"},
    **{"unsubscribed": "status", "bounced": "status", "complained": "status"},
}


class EmailOctopus(Rest):
    slug = "emailoctopus"
    label = "EmailOctopus"
    kind = "esp"
    credentials = (
        Credential(
            name="api_key",
            label="API key",
            help_text="EmailOctopus: account settings, API keys. Keys that are "
            "labelled “legacy” do not work.",
        ),
        Credential(
            name="webhook_secret",
            label="Secret of the webhook",
            help_text="Only for a webhook that you set up in EmailOctopus, which shows "
            "the secret then and signs with it.",
            required=False,
        ),
    )
    opt_in = "list"
    batch_size = 20
    rate = Rate(calls=10, seconds=1)
    notice = (
        "A list with double opt-in asks people once: EmailOctopus does not send that "
        "mail again. Webhooks are set up in EmailOctopus itself."
    )
    exit_effect = "Unsubscribed from the list; other lists stay as they are."
    glyph = "EO"
    docs_url = (
        "https://help.emailoctopus.com/article/165-how-to-create-and-delete-api-keys"
    )
    features = frozenset({"tags", "update_existing"})
    home = "https://api.emailoctopus.com"
    reset_headers = ("x-ratelimit-retry-after",)

    signs = (Sign("#out-of-limits", SetupError, Reason.QUOTA, on=422),)
    reasons = (
        ("/fields", Reason.FIELD_TYPE),
        ("/email_address", Reason.ADDRESS_INVALID),
    )

    size_param, page_size, place_param = "limit", 100, "starting_after"
    rows_key = "data"

    audience_path = "/lists"
    field_keys = ("tag", "label", "type")
    field_types = {
        **{"number": "number", "date": "date"},
        **{"choice_single": "choice", "choice_multiple": "multi_choice"},
    }

    email_key = "email_address"
    states = {each: each for each in (*STATUSES, "bounced", "complained")}
    time_keys = ("occurred_at", "last_updated_at", "created_at")
    tags_key = "tags"
    custom_key, custom_texts = "fields", False

    one_path = "/lists/{audience}/contacts/{id}"
    walk_path, turns = "/lists/{audience}/contacts", len(STATUSES)
    since_param, since_format = "last_updated_at.gte", "%Y-%m-%dT%H:%M:%SZ"
    hook_header = "emailoctopus-signature"

    asked_as = "EmailOctopus asks them to confirm."

    def explain(self, answer: Answer) -> str:
        """With a pointer to what in our request each error is about."""
        places = [row["pointer"] for row in self.faults(answer) if row.get("pointer")]
        about = [f"({place})" for place in places]
        return self.safe(" ".join([super().explain(answer), *about]))

    def told(self, answer: Answer) -> str:
        """With the `type`, an address that ends in the error's name."""
        return f"{answer.object().get('type')} {self.explain(answer)}"

    def following(self, body: Row, rows: list[Row], place: Any) -> str:
        return str(dig(body["paging"], "next", "starting_after") or "")

    def verify(self) -> Reading:
        lists = Resource(
            name="lists", readable=True, writable=None, count=len(self.audiences())
        )
        return Reading(identity="", resources=(lists,))

    def audience_of(self, row: Row) -> Audience:
        counts = row.get("counts") or {}
        size = dig(counts[0] if isinstance(counts, list) else counts, "subscribed")
        return audience(row, size, double_opt_in=row.get("double_opt_in"))

    def fields(self, audience_id: str) -> list[Field]:
        found = self.fetch("GET", self.at("/lists/{audience}", audience_id))
        return [*filter(None, map(self.field_of, rows_in(found, "fields")))]

    def field_of(self, row: Row) -> Field | None:
        field = super().field_of(row)
        if field is None or field.id == "EmailAddress":
            return None
        options = tuple(map(str, row.get("choices") or ()))
        kind = "name" if field.id in NAMES else field.type
        return replace(field, type=kind, options=options)

    def status_of(self, row: Row, audience_id: str) -> str:
        """Webhooks write it in capitals."""
        return self.states.get(str(row.get("status")).lower(), "unknown")

    def find_one(self, email: str, audience_id: str) -> Row | None:
        """Of two spellings of an address the one who left."""
        paths = [self.at(self.one_path, audience_id, id) for id in _ids(email)]
        rows = [row for row in map(self.maybe, paths) if row is not None]
        left = [row for row in rows if self.status_of(row, audience_id) in LEFT]
        return next(iter([*left, *rows]), None)

    def put(self, write: Write) -> Outcome:
        if write.row is not None:
            return self._update(write)
        to = write.audience_id
        tags = {"tags": write.tags} if write.tags else {}
        new = {"email_address": write.email, **self.record_of(write.contact), **tags}
        try:
            row = self.fetch("POST", self.people_path(to), payload=new)
        except RejectedError as error:
            came = self.find_one(write.email, to) if error.status == 409 else None
            if came is None:
                raise
            there = self.to_write(write.contact, came, to, write.options)
            return self.held_back(there) or self._update(there)
        return self.settled(self.standing(write.email, row, to))

    def _update(self, write: Write) -> Outcome:
        row = write.row
        tags = {"tags": dict.fromkeys(write.tags, True)} if write.tags else {}
        if changed := {**self.record_of(write.contact), **tags}:
            path = self.at(self.one_path, write.audience_id, write.known.remote_id)
            with self.still_there():
                row = self.fetch("PUT", path, payload=changed)
        return self.settled(self.standing(write.email, row, write.audience_id))

    def leave(self, known: Subscription, audience_id: str) -> None:
        path = self.at(self.one_path, audience_id, known.remote_id)
        with suppress(TargetError):  # deleted meanwhile
            self.request("PUT", path, payload={"status": "unsubscribed"})

    def turn(
        self, turn: int, since: str, place: Any, audience_id: str
    ) -> tuple[list[Row], Any]:
        """A status of its own each."""
        asked = {"status": STATUSES[turn], **self.walk_query(audience_id, since)}
        return self.page(self.people_path(audience_id), place, asked)

    def heard(self, event: Row) -> Iterator[Change]:
        name = str(event.get("type")).removeprefix("contact.")
        row = {key.removeprefix("contact_"): value for key, value in event.items()}
        if kind := EVENTS.get(name):
            status = self.states.get(name, "")
            yield self.change(row, str(event["list_id"]), kind, status=status)

    def erase(self, email: str) -> Receipt:
        lists, ids = self.audiences(), _ids(email)
        paths = [self.at(self.one_path, each.id, id) for each in lists for id in ids]
        return self.erase_all(paths, "Deleted from every list.")


def _ids(email: str) -> list[str]:
    """What EmailOctopus may have somebody under: MD5 of the address in lower case."""
    texts = (spelling.encode() for spelling in spellings(email))
    return [hashlib.md5(text, usedforsecurity=False).hexdigest() for text in texts]
