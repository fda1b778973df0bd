"""Finding and writing the contacts of HubSpot.

A contact is a record: it is created or updated whatever its e-mail standing, because
properties and lists change no opt-out, and the opt-out properties are never sent. Only
an e-mail subscription type as the audience sets a status. There
`POST .../v4/statuses/{email}` subscribes even who had opted out (its answer then says
RESUBSCRIBE_OCCURRED), so the status is read before, and nobody who left is written to.
The batch calls for statuses need Marketing Hub Enterprise, so each contact is asked for
on its own (developers.hubspot.com/docs/api-reference/2026-03/communication-preferences/
guide, read 2026-11-22).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import cached_property

from integrations.adapters import consent
from integrations.adapters.answer import to_json
from integrations.adapters.base import (
    Contact,
    Options,
    Outcome,
    OutcomeState,
    Subscription,
    filled,
)
from integrations.adapters.each import (
    again,
    by_address,
    existing,
    key_of,
    look_ups,
    not_there,
    rejected,
    spellings,
    synced,
)
from integrations.adapters.errors import (
    RejectedError,
    ScopeError,
    TargetError,
    TransientError,
)
from integrations.adapters.http import Answer, Params
from integrations.adapters.hubspot.wire import (
    BAD_ADDRESS,
    BASICS,
    BOUNCE,
    CONTACTS,
    EMAIL,
    EVERYBODY,
    LIST,
    LISTS,
    OPT_OUT,
    PREFERENCES,
    SUBSCRIPTION,
    as_property,
    parts_of,
    person_of,
    spelt,
    status_path,
    trace,
)
from integrations.adapters.rest import Rest
from integrations.adapters.shapes import Row, dig, id_in, rows_in
from integrations.adapters.shared import moment

READ = 100  # contacts a batch call takes
STATES = {  # of a subscription type, the one that counts first
    "UNSUBSCRIBED": "unsubscribed",
    "SUBSCRIBED": "subscribed",
    "NOT_SPECIFIED": "absent",
}

AS_IT_WAS = "HubSpot had this contact already; its properties were left as they were."
UPDATED = "The record is updated."
MERGED = "HubSpot lost sight of this contact; it may have been merged meanwhile."
OMITTED = "HubSpot's answer left this contact out."


class HubSpotPeople(Rest):
    """The writing half: records, members of lists, states of subscription types."""

    state_key, left_keys = "", ("updatedAt",)
    known_as = "HubSpot has this contact already"
    unknown_as = "HubSpot does not know this address."

    # Records.

    def read(
        self,
        ids: Iterable[str],
        names: Sequence[str] = (),
        params: Params | None = None,
        **asked: object,
    ) -> list[Row]:
        """Up to 100 records by id, with the values of the properties named. Who is not
        there, or has no address, is missing. `asked`: what else the body holds."""
        inputs = [{"id": id} for id in dict.fromkeys(ids)]
        if not inputs:
            return []
        payload = {
            "inputs": inputs,
            "properties": list(dict.fromkeys([*BASICS, *names])),
            "propertiesWithHistory": [],
            **asked,
        }
        path = f"{CONTACTS}/batch/read"
        body = self.fetch("POST", path, params=params, payload=payload)
        for error in body.get("errors") or ():
            if error.get("category") != "OBJECT_NOT_FOUND":
                raise TransientError("HubSpot could not read some of the contacts.")
        people = [person_of(row, names) for row in rows_in(body, "results")]
        return [row for row in people if row["email"]]

    def find(
        self, emails: Sequence[str], audience_id: str = "", names: Sequence[str] = ()
    ) -> dict[str, Row]:
        """Of several with one address the one that left counts, else the first."""
        rows: list[Row] = []
        for some in look_ups(emails, READ):
            rows += self.read(some, names, idProperty="email")
        rows.sort(key=lambda row: self.status_of(row, "") not in consent.LEFT)
        return {key: row for row in reversed(rows) for key in row["spelt"]}

    def record_of(self, contact: Contact) -> Row:
        """The address is not among the properties: HubSpot also finds people by their
        secondary addresses, and would make it the primary one."""
        return {
            name: as_property(value)
            for name, value in filled(contact.fields).items()
            if name != "email" and not name.startswith(OPT_OUT)
        }

    def values_of(self, row: Row) -> dict[str, object]:
        return dict(row["values"])

    # Where somebody stands.

    def status_of(self, row: Row, audience_id: str) -> str:
        """By the record alone, whatever the audience."""
        told = row["properties"]
        if told.get(OPT_OUT) == "true":
            return "unsubscribed"
        bounced = told.get(BOUNCE) or told.get(BAD_ADDRESS) == "true"
        return "bounced" if bounced else "subscribed"

    def standing(self, email: str, row: Row | None, audience_id: str) -> Subscription:
        """By the record, and for who has not left by that, by the subscription type."""
        known = super().standing(email, row, audience_id)
        if known.status == "unsubscribed":
            return replace(known, detail="From all email.")
        if known.status == "bounced":
            cause = str(dig(row, "properties", BOUNCE) or "").replace("_", " ").lower()
            return replace(known, detail=f"Cause: {cause}." if cause else "")
        kind, number = parts_of(audience_id)
        if kind != SUBSCRIPTION:
            return known
        now = self._subscribed(email, number)
        return replace(now, remote_id=known.remote_id, fields=known.fields)

    def _subscribed(self, email: str, number: str) -> Subscription:
        """Where an address stands with one subscription type. HubSpot keeps this by
        address, also for people without a record. Whoever left under one form of the
        address has left."""
        at: dict[str, datetime | None] = {}
        for spelling in spellings(email):
            body = self.maybe(status_path(spelling), EMAIL)
            for row in [] if body is None else rows_in(body, "results"):
                if id_in(row, "subscriptionId") == number:
                    # Any other state cannot be read, and is no leave to subscribe.
                    state = STATES[id_in(row, "status")]
                    at.setdefault(state, moment(row.get("timestamp")))
        status = next((state for state in STATES.values() if state in at), "absent")
        return Subscription(email=email, status=status, changed_at=at.get(status))

    # Writing.

    def upsert(
        self, contacts: Sequence[Contact], audience_id: str, options: Options
    ) -> list[Outcome]:
        kind, number = parts_of(audience_id)
        people = by_address(contacts)
        known = self.find(list(people))
        kept = [key for key in people if key in known and not options.update_existing]
        # Nothing is written to them, but the list or the type is still what they signed
        # up for, and an earlier try may have ended before it came to that.
        aside = existing("", self.known_as)
        if kind != EVERYBODY:
            aside = synced(detail=AS_IT_WAS)
        outcomes = {key: replace(aside, remote_id=id_in(known[key])) for key in kept}
        rest = {key: people[key] for key in people if key not in kept}
        outcomes |= self._write(rest, known)
        done = [key for key in people if outcomes[key].state is OutcomeState.SYNCED]
        ids = [outcomes[key].remote_id for key in done]
        lost = self._members(number, "add", ids) if kind == LIST else []

        def settle(key: str) -> Outcome:
            if outcomes[key].remote_id in lost:
                return again(TransientError(MERGED))
            return self._finish(people[key], known.get(key), audience_id, outcomes[key])

        outcomes |= zip(done, self.each(done, settle), strict=True)
        return [outcomes[key_of(contact.email)] for contact in contacts]

    def _write(
        self, people: Mapping[str, Contact], known: Mapping[str, Row]
    ) -> dict[str, Outcome]:
        """Creates or updates their records."""
        if not people:
            return {}
        inputs = [
            {
                "id": spelt(key, known.get(key)),
                "idProperty": "email",
                "objectWriteTraceId": trace(key),
                "properties": self.record_of(contact),
            }
            for key, contact in people.items()
        ]
        path = f"{CONTACTS}/batch/upsert"
        body = self.fetch("POST", path, payload={"inputs": inputs})
        keys = {name: key for key in people for name in (key, trace(key))}
        keys |= {id_in(known[key]): key for key in people if key in known}
        outcomes = dict.fromkeys(people, again(TransientError(OMITTED)))
        for row in body.get("errors") or ():
            # Each is what the refusal of this contact alone would be.
            answer = Answer(status=400, headers={}, body=to_json(row))
            error = self.error_from(answer)
            told = (row.get("context") or {}).values()  # lists of ids, by their kind
            for key in (keys[name] for names in told for name in names if name in keys):
                outcomes[key] = rejected(error.reason, error.detail)
        for row in map(person_of, rows_in(body, "results")):
            names = (row.get("objectWriteTraceId"), id_in(row), *row["spelt"])
            for key in [keys[name] for name in names if name in keys][:1]:
                outcomes[key] = synced(id_in(row))
        return outcomes

    def _members(self, number: str, how: str, ids: Sequence[str]) -> list[str]:
        """Adds contacts to a list, or removes them; the ids that HubSpot does not know
        any more."""
        if not ids:
            return []
        path = f"{LISTS}/{number}/memberships/{how}"
        body = self.fetch("PUT", path, payload=list(dict.fromkeys(ids)))
        return [str(id) for id in body.get("recordIdsMissing") or ()]

    def _finish(
        self, contact: Contact, row: Row | None, audience_id: str, done: Outcome
    ) -> Outcome:
        """What it came to for somebody whose record is written."""
        kind, number = parts_of(audience_id)
        try:
            now = self.standing(contact.email, row, audience_id)
            left = consent.left(now, self.label)
            if left and kind == SUBSCRIPTION:
                return replace(left, remote_id=done.remote_id)
            if left:
                return replace(done, detail=f"{left.detail} {done.detail or UPDATED}")
            if kind == SUBSCRIPTION and now.status != "subscribed":
                self._subscribe(contact, row, number)
        except RejectedError:
            self._require(number)
            raise
        return done

    def _subscribe(self, contact: Contact, row: Row | None, number: str) -> None:
        since = contact.signed_up_at
        day = f" on {since:%Y-%m-%d}" if since else ""
        self._set_status(
            spelt(key_of(contact.email), row),
            number,
            "SUBSCRIBED",
            legalBasis="CONSENT_WITH_NOTICE",
            legalBasisExplanation=f"Signed up through a form{day}.",
        )

    def _set_status(self, email: str, number: str, state: str, **more: str) -> None:
        payload = {"subscriptionId": int(number), "statusState": state, **EMAIL, **more}
        self.request("POST", status_path(email), payload=payload)

    @cached_property
    def types(self) -> list[Row]:
        """The account's e-mail subscription types."""
        rows = rows_in(self.fetch("GET", f"{PREFERENCES}/definitions"), "results")
        return [row for row in rows if row.get("isActive")]

    def _require(self, number: str) -> None:
        """A type that is gone refuses everybody, but is no fault of theirs."""
        with suppress(ScopeError, RejectedError, TransientError):  # the refusal stands
            if number not in {id_in(row) for row in self.types}:
                raise TargetError("HubSpot no longer has this subscription type.")

    # Leaving.

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        """From a type or from everything by address, whoever HubSpot knows."""
        kind, number = parts_of(audience_id)
        known = self.find(emails) if kind == LIST else {}
        self._members(number, "remove", sorted(map(id_in, known.values())))

        def opt_out(email: str) -> Outcome:
            if kind == LIST:
                row = known.get(key_of(email))
                return synced(id_in(row)) if row else not_there(self.unknown_as)
            for spelling in spellings(email):
                if kind == SUBSCRIPTION:
                    self._set_status(spelling, number, "UNSUBSCRIBED")
                else:
                    path = f"{status_path(spelling)}/unsubscribe-all"
                    self.request("POST", path, params=EMAIL)
            return synced()

        return self.each(emails, opt_out)
