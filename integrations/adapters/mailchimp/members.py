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

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC
from typing import Any

from integrations.adapters.base import Contact, Options, Outcome, OutcomeState, filled
from integrations.adapters.each import (
    again,
    key_of,
    not_there,
    rejected,
    spellings,
    synced,
    tags_for,
)
from integrations.adapters.errors import (
    Reason,
    RejectedError,
    TargetError,
    TransientError,
)
from integrations.adapters.http import HttpAdapter, to_json
from integrations.adapters.mailchimp.standing import (
    EXISTING,
    LEFT_SINCE,
    STANDING,
    askable,
    signed_up_since,
)
from integrations.adapters.mailchimp.wire import (
    already_exists,
    list_path,
    member_hash,
    member_path,
    problem,
    refusal,
)
from integrations.adapters.shapes import id_in

LATER = 3600.0  # seconds; Mailchimp does not say how long "very recently" is
MEMBER = "email_address,id,status,last_changed,unsubscribe_reason,merge_fields,tags"


class MailchimpMembers(HttpAdapter):
    """The writing half of the adapter."""

    def upsert(
        self, contacts: Sequence[Contact], audience_id: str, options: Options
    ) -> list[Outcome]:
        contacts = [self._spelt(contact, audience_id) for contact in contacts]
        people: dict[str, Contact] = {}
        for contact in contacts:
            key = member_hash(contact.email)
            people[key] = _merged(people[key], contact) if key in people else contact
        if len(people) == 1 and options.update_existing:
            [(key, contact)] = people.items()
            outcomes = {key: self._put(contact, audience_id, options)}
        else:
            outcomes = self._batch(people, audience_id, options)
        return [outcomes[member_hash(contact.email)] for contact in contacts]

    def _spelt(self, contact: Contact, audience_id: str) -> Contact:
        """The contact under the address that the audience has of them: an
        internationalised domain makes two, and each has a hash of its own."""
        if len(spellings(contact.email)) == 1:
            return contact
        member = self.find(contact.email, audience_id)
        kept = id_in(member, "email_address") if member else key_of(contact.email)
        return replace(contact, email=kept)

    def _put(self, contact: Contact, audience_id: str, options: Options) -> Outcome:
        fields = filled(contact.fields)
        row = _row(contact, fields) | _signup(contact)
        row["status_if_new"] = _status(options)
        path = member_path(audience_id, contact.email)
        refused = self._ask_first(contact, audience_id, options)
        if refused:
            return refused
        member = self._write("PUT", path, row, fields)
        if isinstance(member, Outcome):
            return member
        outcome = self._standing(member, contact, options)
        tags = tags_for(contact, options)
        if tags and outcome.state in (
            OutcomeState.SYNCED,
            OutcomeState.AWAITING_OPT_IN,
        ):
            active = [{"name": tag, "status": "active"} for tag in tags]
            try:
                self.request("POST", f"{path}/tags", payload={"tags": active})
            except RejectedError as error:
                done = (
                    "Subscribed"
                    if outcome.state is OutcomeState.SYNCED
                    else "Asked to confirm"
                )
                said = f"{done}; the tags were refused: {error.detail}"
                return replace(outcome, detail=self.safe(said))
        return outcome

    def _batch(
        self, people: Mapping[str, Contact], audience_id: str, options: Options
    ) -> dict[str, Outcome]:
        if not people:
            return {}
        rows = [
            _row(contact, filled(contact.fields), tags_for(contact, options))
            | _signup(contact)
            | {"status": _status(options)}
            for contact in people.values()
        ]
        created, refused = self._post_batch(audience_id, rows, update=False)
        outcomes: dict[str, Outcome] = {}
        existing: dict[str, Contact] = {}
        for key, contact in people.items():
            if key in created:
                outcomes[key] = self._standing(created[key], contact, options)
            elif key in refused and already_exists(refused[key]):
                existing[key] = contact
            elif key in refused:
                outcomes[key] = self._refused_row(refused[key], contact)
        try:
            if existing and options.update_existing:
                self._update(existing, audience_id, options, outcomes)
            elif existing:
                self._leave(existing, audience_id, options, outcomes)
        except TransientError as error:
            # The new ones are in: only the others are tried again.
            for key in existing:
                outcomes.setdefault(key, again(error))
        unmentioned = again(TransientError("Mailchimp's answer left this contact out."))
        return {key: outcomes.get(key, unmentioned) for key in people}

    def _update(
        self,
        people: Mapping[str, Contact],
        audience_id: str,
        options: Options,
        outcomes: dict[str, Outcome],
    ) -> None:
        for key, contact in people.items():
            if outcome := self._ask_first(contact, audience_id, options):
                outcomes[key] = outcome
        left = {key: people[key] for key in people if key not in outcomes}
        if not left:
            return
        rows = [
            _row(contact, filled(contact.fields), tags_for(contact, options))
            for contact in left.values()
        ]
        updated, refused = self._post_batch(audience_id, rows, update=True)
        for key, contact in left.items():
            if key in updated:
                outcomes[key] = self._standing(updated[key], contact, options)
            elif key in refused:
                outcome = self._refused_row(refused[key], contact)
                if outcome.reason is Reason.REFUSED:
                    # For a cause we do not know: PUT is the documented way to update.
                    outcome = self._put(contact, audience_id, options)
                outcomes[key] = outcome

    def _leave(
        self,
        people: Mapping[str, Contact],
        audience_id: str,
        options: Options,
        outcomes: dict[str, Outcome],
    ) -> None:
        skipped = Outcome(
            state=OutcomeState.SKIPPED, reason=Reason.EXISTING, detail=EXISTING
        )
        for key, contact in people.items():
            member = (
                self.find(contact.email, audience_id) if options.reconfirm else None
            )
            if member is None or member.get("status") == "subscribed":
                outcomes[key] = replace(skipped, remote_id=key)
            else:
                asked = self._ask(member, contact, audience_id, options)
                outcomes[key] = (
                    asked
                    if isinstance(asked, Outcome)
                    else self._standing(asked, contact, options)
                )

    def _post_batch(
        self, audience_id: str, rows: Sequence[dict[str, object]], *, update: bool
    ) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
        """Members written and rows refused, each by member hash."""
        body = self.fetch(
            "POST",
            list_path(audience_id),
            payload={"members": rows, "update_existing": update},
        )
        written = (body.get("new_members") or []) + (body.get("updated_members") or [])
        return _by_hash(written), _by_hash(body.get("errors") or [])

    def _write(
        self,
        method: str,
        path: str,
        payload: Mapping[str, object],
        sent: Mapping[str, object],
    ) -> dict[str, Any] | Outcome:
        """The member as written, or the outcome of a refusal."""
        answer = self.send(method, path, data=to_json(payload))
        try:
            member = self.parsed(answer)
        except RejectedError:
            text, field, message = problem(answer)
            return self._refused(text, field, message, sent)
        if not isinstance(member, dict):
            raise TransientError("Mailchimp sent an answer that cannot be read.")
        return member

    def _refused_row(self, row: Mapping[str, Any], contact: Contact) -> Outcome:
        return self._refused(
            str(row.get("error") or ""),
            str(row.get("field") or ""),
            str(row.get("field_message") or ""),
            filled(contact.fields),
        )

    def _refused(
        self, text: str, field: str, message: str, sent: Mapping[str, object]
    ) -> Outcome:
        reason, detail = refusal(text, field, message, sent)
        if reason is Reason.TOO_MANY_SIGNUPS:
            return Outcome(
                state=OutcomeState.RETRY,
                reason=reason,
                detail=self.safe(detail),
                retry_after=LATER,
            )
        return rejected(reason, self.safe(detail))

    def _ask_first(
        self, contact: Contact, audience_id: str, options: Options
    ) -> Outcome | None:
        """Ask who left to confirm again, before anything else is written.

        The outcome if Mailchimp refused to ask, else None.
        """
        if contact.signed_up_at is None:
            return None
        if not (options.reconfirm or options.double_opt_in):
            return None
        try:
            member = self._member(contact.email, audience_id)
        except TargetError:
            return None  # nobody to ask; writing tells if it is the audience
        asked = self._ask(member, contact, audience_id, options)
        return asked if isinstance(asked, Outcome) else None

    def _ask(
        self,
        member: dict[str, Any],
        contact: Contact,
        audience_id: str,
        options: Options,
    ) -> dict[str, Any] | Outcome:
        """The member, asked to confirm where that is allowed, or a refusal's outcome.

        `member` is as it was before we wrote anything to it.
        """
        if not askable(str(member.get("status", "")), options):
            return member
        if not signed_up_since(member, contact):
            return member
        path = member_path(audience_id, contact.email)
        return self._write("PATCH", path, {"status": "pending"}, {})

    def _standing(
        self, member: Mapping[str, Any], contact: Contact, options: Options
    ) -> Outcome:
        """What a member's status means for the contact."""
        status = str(member.get("status", ""))
        state, reason, detail = STANDING.get(
            status, (OutcomeState.REJECTED, Reason.REFUSED, "")
        )
        if status not in STANDING:
            known = self.safe(status) or "nothing"
            detail = f"Mailchimp lists this contact as {known}."
        if askable(status, options):
            detail = LEFT_SINCE
        own = member_hash(contact.email)
        return Outcome(state=state, reason=reason, detail=detail, remote_id=own)

    def _member(self, email: str, audience_id: str) -> dict[str, Any]:
        """The member; raises TargetError when it or the audience is missing."""
        path = member_path(audience_id, email)
        return self.fetch("GET", path, params={"fields": MEMBER})

    def find(self, email: str, audience_id: str) -> dict[str, Any] | None:
        """The member, None when the address is not in the audience.

        Of one person's two, the one that is not subscribed counts. Raises TargetError
        when it is the audience that is missing.
        """
        found = []
        for spelling in spellings(email):
            with suppress(TargetError):
                found.append(self._member(spelling, audience_id))
        if not found:
            self.require_audience(audience_id)
            return None
        return min(found, key=lambda member: member.get("status") == "subscribed")

    def require_audience(self, audience_id: str) -> None:
        """A missing member and a missing audience give the same 404."""
        self.fetch("GET", list_path(audience_id), params={"fields": "id"})

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        return [self._unsubscribe(email, audience_id) for email in emails]

    def _unsubscribe(self, email: str, audience_id: str) -> Outcome:
        done = None
        for spelling in spellings(email):
            path = member_path(audience_id, spelling)
            with suppress(TargetError):
                member = self._write("PATCH", path, {"status": "unsubscribed"}, {})
                if isinstance(member, Outcome):
                    return member
                done = synced(member_hash(spelling))
        if done is None:
            self.require_audience(audience_id)
        return done or not_there("Not in this audience at all.")


def _status(options: Options) -> str:
    return "pending" if options.double_opt_in else "subscribed"


def _row(
    contact: Contact, fields: Mapping[str, object], tags: Sequence[str] = ()
) -> dict[str, object]:
    row: dict[str, object] = {"email_address": contact.email.strip()}
    if fields:
        row["merge_fields"] = fields
    if tags:
        row["tags"] = tags
    return row


def _signup(contact: Contact) -> dict[str, object]:
    row: dict[str, object] = {}
    if contact.ip:
        row["ip_signup"] = contact.ip
    if contact.signed_up_at:
        at = contact.signed_up_at.astimezone(UTC)
        row["timestamp_signup"] = at.isoformat(timespec="seconds")
    return row


def _merged(earlier: Contact, later: Contact) -> Contact:
    """One address twice in a batch: the later values win, blanks do not."""
    return replace(
        later,
        fields={**earlier.fields, **filled(later.fields)},
        tags=(*earlier.tags, *later.tags),
        ip=earlier.ip or later.ip,
        signed_up_at=earlier.signed_up_at or later.signed_up_at,
    )


def _by_hash(rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    # In errors the address can come in quotation marks.
    return {
        member_hash(str(row.get("email_address", "")).strip(" \"'")): row
        for row in rows
    }
