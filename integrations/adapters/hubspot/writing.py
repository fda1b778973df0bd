"""Writing contacts to HubSpot.

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
from dataclasses import replace
from functools import cached_property
from typing import Any
from urllib.parse import quote

from integrations.adapters import consent
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
    key_of,
    rejected,
    spellings,
    synced,
)
from integrations.adapters.errors import (
    Reason,
    RejectedError,
    ScopeError,
    TargetError,
    TransientError,
)
from integrations.adapters.http import HttpAdapter
from integrations.adapters.hubspot.wire import (
    BASICS,
    CONTACTS,
    EMAIL,
    EVERYBODY,
    LISTS,
    OPT_OUT,
    PREFERENCES,
    Target,
    addresses,
    by_any_address,
    named,
    reason_of,
    spelt,
    standing,
    trace,
    value_of,
    words_of,
)
from integrations.adapters.shapes import id_in, row_in, rows_in, unreadable
from integrations.adapters.shared import moment

READ = 100  # contacts a batch call takes
GDPR = "CONSENT_WITH_NOTICE"
STATUS = {
    "SUBSCRIBED": "subscribed",
    "UNSUBSCRIBED": "unsubscribed",
    "NOT_SPECIFIED": "absent",
}
ORDER = ("unsubscribed", "subscribed", "absent")
EXISTING = "HubSpot has this contact already; the rule leaves existing contacts alone."
AS_IT_WAS = "HubSpot had this contact already; its properties were left as they were."
UPDATED = "The record is updated."
MERGED = "HubSpot lost sight of this contact; it may have been merged meanwhile."


class HubSpotWriting(HttpAdapter):
    """The writing half of the adapter."""

    def upsert(
        self, contacts: Sequence[Contact], audience_id: str, options: Options
    ) -> list[Outcome]:
        people = by_address(contacts)
        if not people:
            return []
        target = Target.parse(audience_id)
        known = self.find(people)
        # Nothing is written to them, but the list or the type is still what they signed
        # up for, and an earlier try may have ended before it came to that.
        aside = Outcome(
            state=OutcomeState.SKIPPED, reason=Reason.EXISTING, detail=EXISTING
        )
        if target.kind != EVERYBODY:
            aside = synced(detail=AS_IT_WAS)
        outcomes = {
            key: replace(aside, remote_id=id_in(known[key]))
            for key in people
            if key in known and not options.update_existing
        }
        rest = {key: people[key] for key in people if key not in outcomes}
        if rest:
            outcomes |= self._write(rest, known)
        self._place(target, people, known, outcomes)
        return [outcomes[key_of(contact.email)] for contact in contacts]

    def find(
        self, emails: Iterable[str], more: Sequence[str] = ()
    ) -> dict[str, Mapping[str, Any]]:
        """Records by lower-case address, with the properties named as well; who is not
        there is missing."""
        wanted = list(dict.fromkeys(s for email in emails for s in spellings(email)))
        names = list(dict.fromkeys([*BASICS, *more]))
        records: list[Mapping[str, Any]] = []
        for start in range(0, len(wanted), READ):
            some = wanted[start : start + READ]
            records += self.read(some, by="email", properties=names)
        for record in records:
            row_in(record, "properties")  # or who left could not be told
        return by_any_address(records)

    def read(
        self,
        ids: Sequence[str],
        *,
        by: str = "",
        properties: Sequence[str] = BASICS,
        history: Sequence[str] = (),
        archived: bool = False,
    ) -> list[Mapping[str, Any]]:
        """Up to 100 records by id, or by a unique property."""
        payload: dict[str, object] = {
            "inputs": [{"id": item} for item in ids],
            "properties": list(properties),
            "propertiesWithHistory": list(history),
        }
        if by:
            payload["idProperty"] = by
        body = self.fetch(
            "POST",
            f"{CONTACTS}/batch/read",
            params={"archived": "true"} if archived else None,
            payload=payload,
        )
        if any(
            row.get("category") != "OBJECT_NOT_FOUND"
            for row in body.get("errors") or ()
        ):
            raise TransientError("HubSpot could not read some of the contacts.")
        return list(rows_in(body, "results"))

    def _write(
        self, people: Mapping[str, Contact], known: Mapping[str, Mapping[str, Any]]
    ) -> dict[str, Outcome]:
        ids = {key: spelt(key, known.get(key)) for key in people}
        body = self.fetch(
            "POST",
            f"{CONTACTS}/batch/upsert",
            payload={"inputs": [_input(key, ids[key], people[key]) for key in people]},
        )
        keys = {trace(key): key for key in people} | {ids[key]: key for key in people}
        keys |= {id_in(known[key]): key for key in people if key in known}
        outcomes: dict[str, Outcome] = {}
        for row in body.get("errors") or ():
            for name in named(row):
                if (key := keys.get(name)) is not None:
                    outcomes[key] = rejected(reason_of(row), self.safe(words_of(row)))
        for row in rows_in(body, "results"):
            names = (row.get("objectWriteTraceId"), row.get("id"), *addresses(row))
            for key in [keys[name] for name in names if name in keys][:1]:
                outcomes[key] = synced(id_in(row))
        unmentioned = again(TransientError("HubSpot's answer left this contact out."))
        return {key: outcomes.get(key, unmentioned) for key in people}

    def _place(
        self,
        target: Target,
        people: Mapping[str, Contact],
        known: Mapping[str, Mapping[str, Any]],
        outcomes: dict[str, Outcome],
    ) -> None:
        """Put the contacts written on the list, or subscribe them."""
        done = [key for key in people if outcomes[key].state is OutcomeState.SYNCED]
        if target.kind == "list" and done:
            ids = list(dict.fromkeys(outcomes[key].remote_id for key in done))
            missing = self.change_members(target.id, "add", ids)
            for key in [key for key in done if outcomes[key].remote_id in missing]:
                outcomes[key] = again(TransientError(MERGED))
                done.remove(key)
        later: Outcome | None = None
        for key in done:
            state = standing(key, known.get(key))
            if target.kind != "subscription":
                if left := consent.left(state, self.label):
                    detail = f"{left.detail} {outcomes[key].detail or UPDATED}"
                    outcomes[key] = replace(outcomes[key], detail=detail)
                continue
            try:
                outcomes[key] = later or self._subscribe(
                    people[key], target.id, outcomes[key], state, known.get(key)
                )
            except RejectedError as error:
                self._require(target.id)
                outcomes[key] = rejected(error.reason, error.detail)
            except TransientError as error:
                later = outcomes[key] = again(error)

    @cached_property
    def types(self) -> list[dict[str, Any]]:
        """The account's e-mail subscription types."""
        body = self.fetch("GET", f"{PREFERENCES}/definitions")
        return [row for row in body.get("results") or () if row.get("isActive")]

    def _require(self, subscription: str) -> None:
        """A type that is gone refuses everybody, but is no fault of theirs."""
        try:
            there = [str(row.get("id")) for row in self.types]
        except (ScopeError, RejectedError, TransientError):
            return  # not known: the refusal stands
        if subscription not in there:
            raise TargetError("HubSpot does not have this subscription type any more.")

    def change_members(self, list_id: str, how: str, ids: Sequence[str]) -> list[str]:
        """Adds or removes; the ids that HubSpot does not know any more."""
        path = f"{LISTS}/{list_id}/memberships/{how}"
        body = self.fetch("PUT", path, payload=ids)
        return [str(item) for item in body.get("recordIdsMissing") or ()]

    def _subscribe(
        self,
        contact: Contact,
        subscription: str,
        done: Outcome,
        known: Subscription,
        record: Mapping[str, Any] | None,
    ) -> Outcome:
        left = consent.left(known, self.label)
        if left is None:
            now = self.status(contact.email, subscription)
            left = consent.left(now, self.label)
            if now.status == "subscribed":
                return done
        if left is not None:
            return replace(left, remote_id=done.remote_id)
        since = contact.signed_up_at
        day = f" on {since:%Y-%m-%d}" if since else ""
        self.set_status(
            spelt(key_of(contact.email), record),
            subscription,
            "SUBSCRIBED",
            legalBasis=GDPR,
            legalBasisExplanation=f"Signed up through a form{day}.",
        )
        return done

    def status(self, email: str, subscription: str) -> Subscription:
        """Where an address stands with one subscription type. HubSpot keeps this by
        address, also for people without a record."""
        found = [self._status(spelling, subscription) for spelling in spellings(email)]
        # Whoever left under one form of the address has left.
        found.sort(key=lambda item: ORDER.index(item.status))
        return replace(found[0], email=email)

    def _status(self, email: str, subscription: str) -> Subscription:
        try:
            body = self.fetch("GET", status_path(email), params=EMAIL)
        except TargetError:
            return Subscription(email=email, status="absent")
        for row in rows_in(body, "results"):
            if id_in(row, "subscriptionId") == subscription:
                state = id_in(row, "status")
                if state not in STATUS:
                    raise unreadable(self.label)
                return Subscription(
                    email=email,
                    status=STATUS[state],
                    changed_at=moment(row.get("timestamp")),
                )
        return Subscription(email=email, status="absent")

    def set_status(
        self, email: str, subscription: str, status: str, **more: str
    ) -> None:
        self.request(
            "POST",
            status_path(email),
            payload={
                "channel": "EMAIL",
                "subscriptionId": int(subscription),
                "statusState": status,
                **more,
            },
        )


def status_path(email: str) -> str:
    """Where HubSpot keeps what an address has opted out of."""
    return f"{PREFERENCES}/statuses/{quote(email, safe='')}"


def _input(key: str, email: str, contact: Contact) -> dict[str, object]:
    # The address is not among the properties: HubSpot also finds people by their
    # secondary addresses, and would make it the primary one.
    properties = {
        name: value_of(value)
        for name, value in filled(contact.fields).items()
        if name != "email" and not name.startswith(OPT_OUT)
    }
    return {
        "id": email,
        "idProperty": "email",
        "objectWriteTraceId": trace(key),
        "properties": properties,
    }
