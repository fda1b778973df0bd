"""Writing members to a Mailchimp audience without re-subscribing anybody.

Nobody who left is re-subscribed: `status` is never sent for an existing member, except
"pending", which makes Mailchimp ask the person to confirm.

* One contact: PUT with status_if_new, which leaves an existing member's status alone.
* Several: a batch POST with update_existing false creates the new ones; Mailchimp names
  the others as existing and does not touch them. A second POST with update_existing
  true and no status updates those and tells where each stands.
* Archived members: archiving is an owner's tidying, not an opt-out. Where Mailchimp
  takes such an address for a new one it is created like one, and Mailchimp itself
  refuses who had opted out (compliance state). Where it answers that the member is
  archived, the API does not tell whether they had opted out before, so they are not set
  to subscribed. The same holds for non-subscribed ("transactional") members. Both are
  asked to confirm where the rule has double opt-in or asks leavers again; otherwise
  they are left as they are, and the outcome says so.
* Only a signup later than the opt-out asks anybody again. last_changed tells when that
  was, until we write to the member: so it is read, and the question put, before that.
* Tags go into the batch body: names, added to what is there unless sync_tags is set
  (release note of 2022-01-24). PUT takes none: one contact's follow in a second call.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain

from integrations.adapters import consent
from integrations.adapters.base import Contact, Options, Outcome, OutcomeState, filled
from integrations.adapters.each import (
    again,
    by_address,
    existing,
    key_of,
    spellings,
    tags_for,
)
from integrations.adapters.errors import Reason, RejectedError, TransientError
from integrations.adapters.mailchimp.members import (
    LIST,
    MEMBER,
    Members,
    member_hash,
)
from integrations.adapters.shapes import Row, id_in
from integrations.adapters.shared import moment

EXISTS = re.compile("CONTACT_EXISTS|already a list member|member exists", re.IGNORECASE)
LONG_AGO = datetime.min.replace(tzinfo=UTC)

ARCHIVED = (
    "Archived in this audience. Mailchimp does not tell whether they had unsubscribed "
    "before, so they are only subscribed again once they confirm it themselves."
)
NOT_SUBSCRIBED = (
    "In this audience without a subscription. Existing contacts are only subscribed "
    "once they confirm it themselves."
)
LEFT_SINCE = (
    "They left this audience after they signed up, or it is not known which came "
    "first, so they are not asked to confirm again."
)
LEFT = "Unsubscribed from this audience. A new signup alone does not change that."
BOUNCED = "Cleaned by Mailchimp: mail to this address bounced."
EXISTING = "Already known to this audience, subscribed or not"
WRITTEN = (OutcomeState.SYNCED, OutcomeState.AWAITING_OPT_IN)
STANDING: dict[str, tuple[OutcomeState, Reason | None, str]] = {
    "subscribed": (OutcomeState.SYNCED, None, ""),
    "pending": (OutcomeState.AWAITING_OPT_IN, None, ""),
    "unsubscribed": (OutcomeState.REJECTED, Reason.UNSUBSCRIBED, LEFT),
    "cleaned": (OutcomeState.REJECTED, Reason.BOUNCED, BOUNCED),
    "archived": (OutcomeState.REJECTED, Reason.UNSUBSCRIBED, ARCHIVED),
    "transactional": (OutcomeState.REJECTED, Reason.UNSUBSCRIBED, NOT_SUBSCRIBED),
}


@dataclass(frozen=True, slots=True)
class Writing:
    """One upsert to one audience."""

    adapter: Members
    audience_id: str
    options: Options

    def upsert(self, contacts: Sequence[Contact]) -> list[Outcome]:
        contacts = [self.spelt(contact) for contact in contacts]
        people = by_address(contacts)
        if len(people) == 1 and self.options.update_existing:
            outcomes = {key: self.put(contact) for key, contact in people.items()}
        else:
            outcomes = self.batch(people)
        return [outcomes[key_of(contact.email)] for contact in contacts]

    def spelt(self, contact: Contact) -> Contact:
        """The contact under the address that the audience has of them: an
        internationalised domain makes two, and each has a hash of its own."""
        if len(spellings(contact.email)) == 1:
            return contact
        member = self.find(contact)
        kept = id_in(member, "email_address") if member else key_of(contact.email)
        return replace(contact, email=kept)

    def find(self, contact: Contact) -> Row | None:
        return self.adapter.find_one(contact.email, self.audience_id)

    def put(self, contact: Contact) -> Outcome:
        if refused := self.ask_first(contact):
            return refused
        path = self.path(contact)
        new = signup(contact) | {"status_if_new": self.status}
        member = self.adapter.write("PUT", path, values(contact) | new)
        outcome = self.outcome(member, contact)
        tags = tags_for(contact, self.options)
        if tags and outcome.state in WRITTEN:
            active = [{"name": tag, "status": "active"} for tag in tags]
            try:
                self.adapter.request("POST", f"{path}/tags", payload={"tags": active})
            except RejectedError as error:
                lost = f"The tags were refused: {error.detail}"
                return replace(outcome, detail=lost)
        return outcome

    def batch(self, people: Mapping[str, Contact]) -> dict[str, Outcome]:
        told = self.post(people, update=False)
        there = {key: people[key] for key in told if is_there(told[key])}
        new = [key for key in told if key not in there]
        outcomes = {key: self.outcome(told[key], people[key]) for key in new}
        finish = self.update if self.options.update_existing else self.leave
        try:
            for key, outcome in finish(there):
                outcomes[key] = outcome
        except TransientError as error:
            # The new ones are in: only the others are tried again.
            outcomes = {key: again(error) for key in there} | outcomes
        left_out = again(TransientError("Mailchimp's answer left this contact out."))
        return {key: outcomes.get(key, left_out) for key in people}

    def update(self, people: Mapping[str, Contact]) -> Iterator[tuple[str, Outcome]]:
        """Those who are there already get the new values."""
        rest: dict[str, Contact] = {}
        for key, contact in people.items():
            if refused := self.ask_first(contact):
                yield key, refused
            else:
                rest[key] = contact
        for key, row in self.post(rest, update=True).items():
            outcome = self.outcome(row, rest[key])
            if "error" in row and outcome.reason is Reason.REFUSED:
                # For a cause we do not know: PUT is the documented way to update.
                outcome = self.put(rest[key])
            yield key, outcome

    def leave(self, people: Mapping[str, Contact]) -> Iterator[tuple[str, Outcome]]:
        """Those who are there already are left alone, but leavers may be asked."""
        for key, contact in people.items():
            member = self.find(contact) if self.options.reconfirm else None
            if member is None or member.get("status") == "subscribed":
                yield key, existing(member_hash(contact.email), EXISTING)
            else:
                yield key, self.outcome(self.ask(member, contact), contact)

    def post(self, people: Mapping[str, Contact], *, update: bool) -> dict[str, Row]:
        """What a batch call says of each, by `key_of` the address: the member, or a
        refusal, which has an "error". Somebody may be left out."""
        if not people:
            return {}
        rows = []
        for contact in people.values():
            row = values(contact, tags_for(contact, self.options))
            new = signup(contact) | {"status": self.status}
            rows.append(row if update else row | new)
        path = self.adapter.at(LIST, self.audience_id)
        batch = {"members": rows, "update_existing": update}
        body = self.adapter.fetch("POST", path, payload=batch)
        names = ("errors", "updated_members", "new_members")
        found = {}
        for row in chain(*(body.get(name) or () for name in names)):
            # In errors the address can come in quotation marks.
            found[key_of(str(row.get("email_address", "")).strip(" \"'"))] = row
        return {key: found[key] for key in people if key in found}

    def ask_first(self, contact: Contact) -> Outcome | None:
        """Asks who left to confirm again, before anything else is written. The outcome
        if Mailchimp refused to ask, else None."""
        asks = self.options.reconfirm or self.options.double_opt_in
        if contact.signed_up_at is None or not asks:
            return None
        # Nobody there is nobody to ask; writing tells if it is the audience.
        member = self.adapter.maybe(self.path(contact), MEMBER)
        asked = None if member is None else self.ask(member, contact)
        return asked if isinstance(asked, Outcome) else None

    def ask(self, member: Row, contact: Contact) -> Row | Outcome:
        """The member, asked to confirm where that is allowed, or a refusal's outcome.

        `member` is as it was before we wrote anything to it. Only a signup later than
        its last change asks; where that is not known, it asks who did not leave.
        """
        status = str(member.get("status", ""))
        changed = moment(member.get("last_changed"))
        if changed is None and status != "unsubscribed":
            changed = LONG_AGO
        later = consent.signed_up_since(contact, changed)
        if not later or not self.askable(status):
            return member
        return self.adapter.write("PATCH", self.path(contact), {"status": "pending"})

    def outcome(self, told: Row | Outcome, contact: Contact) -> Outcome:
        """What a member's status, or a refusal, means for the contact."""
        if isinstance(told, Outcome):
            return told
        if "error" in told:
            return self.adapter.refused(told, filled(contact.fields))
        status = str(told.get("status", ""))
        shown = self.adapter.safe(status) or "nothing"
        unknown = f"Mailchimp lists this contact as {shown}."
        other = (OutcomeState.REJECTED, Reason.REFUSED, unknown)
        state, reason, detail = STANDING.get(status, other)
        return Outcome(
            state=state,
            reason=reason,
            detail=LEFT_SINCE if self.askable(status) else detail,
            remote_id=member_hash(contact.email),
        )

    def askable(self, status: str) -> bool:
        """Whether the rule has members of this status asked to confirm."""
        if status == "unsubscribed":
            return self.options.reconfirm
        asks = self.options.reconfirm or self.options.double_opt_in
        return asks and status in ("archived", "transactional")

    def path(self, contact: Contact) -> str:
        return self.adapter.member_path(self.audience_id, contact.email)

    @property
    def status(self) -> str:
        """Of a new member."""
        return "pending" if self.options.double_opt_in else "subscribed"


def values(contact: Contact, tags: Sequence[str] = ()) -> Row:
    more = {"merge_fields": filled(contact.fields), "tags": tags}
    return {"email_address": contact.email.strip(), **filled(more)}


def signup(contact: Contact) -> Row:
    at = contact.signed_up_at
    when = at.astimezone(UTC).isoformat(timespec="seconds") if at else ""
    return filled({"ip_signup": contact.ip, "timestamp_signup": when})


def is_there(row: Row) -> bool:
    """Whether a refusal in a batch says no more than that the contact is there."""
    return bool(EXISTS.search(f"{row.get('error_code')} {row.get('error')}"))
