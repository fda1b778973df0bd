"""EmailOctopus, API v2 (emailoctopus.com/api-documentation/v2, read 2026-11-22).

People exist per list and are subscribed, pending or unsubscribed there; they are found
by the MD5 of their address. The list decides about double opt-in: a contact that is
created without a status is pending where the list asks people to confirm, and
EmailOctopus mails them, once (help.emailoctopus.com, article 36). No status is ever
sent but to unsubscribe. POST creates and does not update, so nobody is touched whom the
look-up missed. The batch call only updates people who are there, so everybody is
written on their own. No call tells who is signed in.

Webhooks are left out: people set them up in EmailOctopus itself. They are signed with
an HMAC, but neither the header nor what is signed could be found.

Unverified, because only the beginning of the reference could be read and the rest was
taken from version 1.6 and from what others write of their clients: that an update
without a status keeps it; that bounces and complaints, which only webhooks name, are
among the unsubscribed; that the batch call creates nobody; that no call tells who is
signed in; that a walk without a filter shows everybody; tags as an array in POST and as
name -> true in PUT; a list of texts as the value of a multiple choice, text for all
others; "EmailAddress" among a list's fields; 409 for somebody who is there already, 401
for a wrong key; the form of `errors`; "out-of-limits" for a tag too many as well as for
a full plan; the unit of X-RateLimit-Retry-After; whether unknown fields are refused.
The API tells who changed since a time, but the parameter's name was not to be found:
walks read everybody.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import replace
from typing import Any

from integrations.adapters.base import (
    Audience,
    Field,
    Outcome,
    Reading,
    Receipt,
    Resource,
    Subscription,
)
from integrations.adapters.calls import Sign, audience
from integrations.adapters.declare import Credential, Rate
from integrations.adapters.each import existing, spellings
from integrations.adapters.errors import (
    Reason,
    RejectedError,
    SetupError,
    TargetError,
    TransientError,
)
from integrations.adapters.http import Answer
from integrations.adapters.rest import Rest, Write, as_text
from integrations.adapters.shapes import Row, dig, rows_in

PERSON = "/lists/{audience}/contacts/{id}"
NAMES = frozenset({"FirstName", "LastName"})  # tags of fields that lists start with


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
    )
    opt_in = "list"
    batch_size = 20
    rate = Rate(calls=10, seconds=1)
    notice = (
        "A list with double opt-in asks people once: EmailOctopus does not send that "
        "mail again."
    )
    exit_effect = "Unsubscribed from the list; other lists stay as they are."
    glyph = "EO"
    docs_url = (
        "https://help.emailoctopus.com/article/165-how-to-create-and-delete-api-keys"
    )
    features = frozenset({"tags", "update_existing"})
    home = "https://api.emailoctopus.com"
    reset_headers = ("x-ratelimit-retry-after",)

    signs = (Sign("out-of-limits", SetupError, Reason.QUOTA, on=422),)
    reasons = (
        ("already exist", Reason.DUPLICATE),
        ("e-?mail", Reason.ADDRESS_INVALID),
        ("field|choice", Reason.FIELD_TYPE),
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
    states = {each: each for each in ("subscribed", "pending", "unsubscribed")}
    time_keys = ("last_updated_at", "created_at")
    tags_key = "tags"
    custom_key = "fields"
    walk_path = "/lists/{audience}/contacts"

    asked_as = "EmailOctopus asks them to confirm."

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
        size, asks = dig(row, "counts", "subscribed"), row.get("double_opt_in")
        return audience(row, size, double_opt_in=asks)

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

    def custom_value(self, value: object) -> object:
        if isinstance(value, (list, tuple)):
            return [as_text(each) for each in value]
        return as_text(value)

    def status_of(self, row: Row, audience_id: str) -> str:
        """Version 1.6 and webhooks write it in capitals."""
        return self.states.get(str(row.get("status")).lower(), "unknown")

    def find_one(self, email: str, audience_id: str) -> Row | None:
        """Of two spellings of an address the one who left."""
        paths = [self.at(PERSON, audience_id, id) for id in _ids(email)]
        rows = [row for row in map(self.maybe, paths) if row is not None]
        left = [r for r in rows if self.status_of(r, audience_id) == "unsubscribed"]
        return next(iter([*left, *rows]), None)

    def put(self, write: Write) -> Outcome:
        if write.row is not None:
            return self._update(write, write.row)
        tags = {"tags": write.tags} if write.tags else {}
        new = {"email_address": write.email, **self.record_of(write.contact), **tags}
        try:
            row = self.fetch("POST", self.people_path(write.audience_id), payload=new)
        except RejectedError as error:
            if Reason.DUPLICATE not in (error.reason, self.reason_of(error)):
                raise
            there = self.find_one(write.email, write.audience_id)
            if there is None:
                raise
            return self._overtaken(write, there)
        return self.settled(self.standing(write.email, row, write.audience_id))

    def _overtaken(self, write: Write, row: Row) -> Outcome:
        """Somebody who came there since they were looked up."""
        known = self.standing(write.email, row, write.audience_id)
        if refused := self.turned_away(known):
            return refused
        if not write.options.update_existing:
            return existing(known.remote_id, self.known_as)
        return self._update(replace(write, known=known), row)

    def _update(self, write: Write, row: Row) -> Outcome:
        tags = {"tags": dict.fromkeys(write.tags, True)} if write.tags else {}
        if changed := {**self.record_of(write.contact), **tags}:
            path = self.at(PERSON, write.audience_id, write.known.remote_id)
            try:
                row = self.fetch("PUT", path, payload=changed)
            except TargetError:
                raise TransientError("Deleted in EmailOctopus just now.") from None
        return self.settled(self.standing(write.email, row, write.audience_id))

    def leave(self, known: Subscription, audience_id: str) -> None:
        path = self.at(PERSON, audience_id, known.remote_id)
        with suppress(TargetError):  # deleted meanwhile
            self.request("PUT", path, payload={"status": "unsubscribed"})

    def erase(self, email: str) -> Receipt:
        """Deletes from every list."""
        erased = 0
        for each in self.audiences():
            for id in _ids(email):
                with suppress(TargetError):  # not on this one
                    self.request("DELETE", self.at(PERSON, each.id, id))
                    erased += 1
        return self.erased(erased, f"Deleted from {erased} of the lists.")


def _ids(email: str) -> list[str]:
    """What EmailOctopus may have somebody under: MD5 of the address in lower case."""
    texts = (spelling.encode() for spelling in spellings(email))
    return [hashlib.md5(text, usedforsecurity=False).hexdigest() for text in texts]
