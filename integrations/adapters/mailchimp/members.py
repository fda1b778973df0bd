"""Mailchimp's members: what is read of them, refusals, and leaving.

Refusals are from the error glossary (mailchimp.com/developer/marketing). Their texts
are matched because most of them have one title ("Invalid Resource") and no code.

Unverified: that API 3.0 names role addresses in the words of the older one.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from hashlib import md5

from integrations.adapters.base import Outcome, Receipt, Subscription
from integrations.adapters.each import again, not_there, rejected, spellings, synced
from integrations.adapters.errors import (
    Reason,
    RejectedError,
    TargetError,
    TransientError,
)
from integrations.adapters.http import Answer, Params, to_json
from integrations.adapters.rest import Rest
from integrations.adapters.shapes import Row, dig, unreadable

LIST = "/3.0/lists/{audience}"
MEMBERS = f"{LIST}/members"
WANTED = "email_address,id,status,last_changed,unsubscribe_reason,merge_fields,tags"
MEMBER: Params = {"fields": WANTED}
LATER = 3600.0  # seconds; Mailchimp does not say how long "very recently" is


class Members(Rest):
    """The half of the adapter that is about people."""

    reasons = (  # read in the name of the field refused, if any, and what is said
        ("compliance state", Reason.COMPLIANCE),
        ("permanently deleted|forgotten email", Reason.FORGOTTEN),
        ("signed up to a lot of lists", Reason.TOO_MANY_SIGNUPS),
        ("looks fake or invalid", Reason.ADDRESS_FAKE),
        ("role-based", Reason.ADDRESS_ROLE),
        ("(domain|username) portion of the email|valid email", Reason.ADDRESS_INVALID),
        ("^email([_ ]address)?: ", Reason.ADDRESS_INVALID),
    )
    email_key, tags_key, custom_key = "email_address", "tags", "merge_fields"
    left_keys = ("last_changed",)
    states = {
        **{"subscribed": "subscribed", "pending": "pending", "cleaned": "bounced"},
        **{"unsubscribed": "unsubscribed", "archived": "archived"},
    }
    unknown_as = "Not in this audience at all."

    def tags_of(self, row: Row) -> tuple[str, ...]:
        return tuple(str(tag["name"]) for tag in row.get("tags") or ())

    def standing(self, email: str, row: Row | None, audience_id: str) -> Subscription:
        known = super().standing(email, row, audience_id)
        other = f"Mailchimp: {dig(row, 'status')}" if known.status == "unknown" else ""
        said = str(dig(row, "unsubscribe_reason") or other)
        return replace(known, detail=self.safe(said))

    def member_path(self, audience_id: str, email: str) -> str:
        """The path of a member, whether there is one or not."""
        return self.at(f"{MEMBERS}/{{id}}", audience_id, member_hash(email))

    def find_one(self, email: str, audience_id: str) -> Row | None:
        """Of one person's two, the one that is not subscribed counts. Raises
        TargetError when it is the audience that is missing."""
        paths = [self.member_path(audience_id, each) for each in spellings(email)]
        rows = [self.maybe(path, MEMBER) for path in paths]
        found = [row for row in rows if row is not None]
        if not found:
            self.require_audience(audience_id)
            return None
        return min(found, key=lambda row: row.get("status") == "subscribed")

    def require_audience(self, audience_id: str) -> None:
        """A missing member and a missing audience give the same 404."""
        self.fetch("GET", self.at(LIST, audience_id), params={"fields": "id"})

    # Refusals.

    def write(self, method: str, path: str, payload: Row) -> Row | Outcome:
        """The member as written, or the outcome of a refusal."""
        answer = self.send(method, path, data=to_json(payload))
        try:
            member = self.parsed(answer)
        except RejectedError:
            return self.refused(problem(answer), payload.get("merge_fields", ()))
        if not isinstance(member, dict):
            raise unreadable(self.label)
        return member

    def explain(self, answer: Answer) -> str:
        return self.safe(said(problem(answer)))

    def refused(self, row: Row, sent: Collection[str]) -> Outcome:
        """The outcome of a refusal in a batch, or of a `problem`.

        Mailchimp words `field_message` in the account's language, so whether a value
        is missing is told from the merge fields that were `sent` with one.
        """
        field = str(row.get("field") or "")
        words = f"{field}: {row.get('error')} {row.get('field_message')}"
        reason = Reason.REQUIRED_FIELD if field else Reason.REFUSED
        if field in sent:
            one_of = "must be one of" in words.lower()
            reason = Reason.OPTION_MISSING if one_of else Reason.FIELD_TYPE
        reason = self.reason_of(RejectedError(words, reason=reason))
        detail = self.safe(said(row)) or "Mailchimp refused this contact."
        if reason is Reason.TOO_MANY_SIGNUPS:
            return again(TransientError(detail, reason=reason, retry_after=LATER))
        return rejected(reason, detail)

    # Leaving.

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        def leave(email: str) -> Outcome:
            done: Outcome | None = None
            for spelling in spellings(email):
                path = self.member_path(audience_id, spelling)
                with suppress(TargetError):
                    gone = self.write("PATCH", path, {"status": "unsubscribed"})
                    if isinstance(gone, Outcome):
                        return gone
                    done = synced(member_hash(spelling))
            if done is None:
                self.require_audience(audience_id)
            return done or not_there(self.unknown_as)

        return self.each(emails, leave)

    def erase(self, email: str) -> Receipt:
        """Deletes permanently from every audience, archived or not. Mailchimp then
        refuses the address on import; only its own forms can bring it back."""
        erased: list[str] = []
        kept: list[str] = []
        places = [(a, s) for a in self.audiences() for s in spellings(email)]
        for audience, spelling in places:
            path = self.member_path(audience.id, spelling)
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
        note = (
            f"Erased for good from {', '.join(erased)}. Mailchimp refuses the "
            "address from now on, except from its own forms."
        )
        return self.erased(erased, note)


def member_hash(email: str) -> str:
    """Mailchimp's id of a member: MD5 of the address in lower case."""
    return md5(email.strip().lower().encode(), usedforsecurity=False).hexdigest()


def problem(answer: Answer) -> Row:
    """A problem document in the form that refusals have in a batch."""
    body = answer.object()
    rows = (row for row in body.get("errors") or () if isinstance(row, dict))
    first, text = next(rows, {}), body.get("detail") or body.get("title")
    field, message = first.get("field"), first.get("message")
    return {"error": text, "field": field, "field_message": message}


def said(row: Row) -> str:
    """A refusal as a sentence."""
    field, message = row.get("field"), row.get("field_message")
    text = str(row.get("error") or message or "")
    return f"{field}: {message or text}" if field else text
