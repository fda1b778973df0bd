"""Writing contacts and subscriptions to iContact without re-subscribing anybody.

* A contact belongs to a client folder; only a subscription puts it on a list. So a
  batch is two calls: POST contacts, POST subscriptions.
* Both take arrays. A row that is refused is missing in the answer, and `warnings` has
  prose that names no row: with one missing it is about that one, with more the batch is
  handed back to be split.
* POST contacts with an address that is there already may blank the fields left out
  (reported of a sister API; the reference says it modifies). So every address is looked
  up first, and those found are sent by their contactId, which changes only what is
  supplied.
* What POST subscriptions does to somebody who unsubscribed is not documented. They are
  looked up before, and nothing is sent for who left or is on the list. Nobody's
  contact status is ever sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from urllib.parse import quote

from integrations.adapters.base import (
    Contact,
    Options,
    Outcome,
    OutcomeState,
    Receipt,
    filled,
)
from integrations.adapters.consent import left, may_ask_again
from integrations.adapters.each import (
    awaiting,
    by_address,
    existing,
    key_of,
    not_there,
    rejected,
    synced,
)
from integrations.adapters.errors import Reason, RejectedError, TargetError
from integrations.adapters.http import Params
from integrations.adapters.icontact.folder import IContactFolder, Known
from integrations.adapters.icontact.wire import (
    left_at,
    number_of,
    standing,
    words_of,
)
from integrations.adapters.rest import as_text
from integrations.adapters.shapes import Row, id_in, rows_in

ON_LIST = existing()


class IContactContacts(IContactFolder):
    """The writing half of the adapter."""

    def upsert(
        self, contacts: Sequence[Contact], audience_id: str, options: Options
    ) -> list[Outcome]:
        people = by_address(contacts)
        known = {
            key: self.look_up(item.email, audience_id) for key, item in people.items()
        }
        outcomes: dict[str, Outcome] = {}
        for key, contact in people.items():
            settled = self._settled(known[key], contact, audience_id, options)
            if settled:
                outcomes[key] = settled
        wanted = {key: item for key, item in people.items() if key not in outcomes}
        joining = {"listId": number_of(audience_id), "status": "normal"}
        if any(known[key].place is None for key in wanted):
            self.require_audience(audience_id)  # its absence would look like refusals
            if options.double_opt_in:
                if self.confirmation is None:
                    raise TargetError(
                        "This iContact client folder has no confirmation message, so "
                        "nobody can be asked to confirm: create one, or turn double "
                        "opt-in off."
                    )
                asking = {"confirmationMessageId": self.confirmation}
                joining |= {"status": "pending", **asking}
        ids = self._save(wanted, known, options, outcomes)
        self._subscribe(ids, known, joining, outcomes)
        return [outcomes[key_of(contact.email)] for contact in contacts]

    def _settled(
        self, known: Known, contact: Contact, audience_id: str, options: Options
    ) -> Outcome | None:
        """The outcome of somebody who is not to be written, None for the others."""
        refused = left(known.standing, self.label)
        if refused is None:
            skip = known.place is not None and not options.update_existing
            return replace(ON_LIST, remote_id=known.id) if skip else None
        if not options.reconfirm or known.place is None:
            return refused
        if known.contact.get("status") != "normal":  # final, whatever we ask
            return refused
        when = left_at(self._history(known.id), audience_id)
        if not may_ask_again(
            replace(known.standing, changed_at=when), contact, options
        ):
            return refused
        if self.confirmation is None:  # one leaver's signup holds nobody else's
            return refused
        asked = self._modify(
            known, {"status": "pending", "confirmationMessageId": self.confirmation}
        )
        if asked.get("status") == "pending":
            return awaiting(known.id, "They had unsubscribed and are asked again.")
        return refused

    def _history(self, contact_id: str) -> list[Row]:
        path = f"{self.folder}/contacts/{quote(contact_id, safe='')}/actions"
        params: Params = {"actionType": "EditSubscription"}
        try:
            return list(self.rows(path, params))
        except TargetError:  # deleted meanwhile: nothing is known of them
            return []

    def _modify(self, known: Known, change: Mapping[str, object]) -> Row:
        """Change one subscription; as it is afterwards, {} when iContact refused."""
        place = known.place or {}
        number = quote(f"{place.get('listId')}_{known.id}", safe="")
        path = f"{self.folder}/subscriptions/{number}"
        try:
            done = self.fetch("POST", path, payload=change).get("subscription")
        except TargetError:  # the person was deleted meanwhile, or the list
            self.require_audience(str(place.get("listId")))
            return {}
        return done if isinstance(done, dict) else {}

    def _save(
        self,
        wanted: Mapping[str, Contact],
        known: dict[str, Known],
        options: Options,
        outcomes: dict[str, Outcome],
    ) -> dict[str, str]:
        """Create and update contacts: the contactId of each that went well."""
        ids: dict[str, str] = {}
        rows: dict[str, Row] = {}
        for key, contact in wanted.items():
            values = {k: _sent(v) for k, v in filled(contact.fields).items()}
            if not known[key].id:
                rows[key] = {"email": contact.email.strip(), **values}
                continue
            ids[key] = known[key].id
            if values and options.update_existing:
                rows[key] = {"contactId": number_of(known[key].id), **values}
        saved = self._post("contacts", list(rows.values()), _same_person)
        for key, row in zip(rows, saved, strict=True):
            if isinstance(row, Outcome):
                outcomes[key] = row
                ids.pop(key, None)
            else:
                ids[key] = id_in(row, "contactId")
                if not known[key].id:
                    # It may be somebody whom the search did not find.
                    now = standing(key, row, None)
                    known[key] = Known(contact=row, place=None, standing=now)
                    refused = left(now, self.label)
                    if refused:
                        outcomes[key] = refused
                        del ids[key]
        return ids

    def _subscribe(
        self,
        ids: Mapping[str, str],
        known: Mapping[str, Known],
        joining: Row,
        outcomes: dict[str, Outcome],
    ) -> None:
        rows: dict[str, Row] = {}
        for key, number in ids.items():
            found = known[key].standing
            if found.status != "absent":  # on the list: nothing of theirs is touched
                outcomes[key] = _outcome(found.status, number, found.detail)
                continue
            rows[key] = {"contactId": number_of(number), **joining}
        for key, row in zip(
            rows,
            self._post("subscriptions", list(rows.values()), _same_place),
            strict=True,
        ):
            if isinstance(row, Outcome):
                outcomes[key] = replace(row, remote_id=ids[key])
            else:
                own = known[key].contact.get("status", "normal")
                now = standing("", {"status": own}, row)
                outcomes[key] = _outcome(now.status, ids[key], now.detail)

    def _post(
        self, name: str, rows: list[Row], same: Callable[[Row, Row], bool]
    ) -> list[Row | Outcome]:
        """POST a collection: per row what came back of it, or its refusal.

        Raises RejectedError when it cannot be told which refusal is whose.
        """
        if not rows:
            return []
        try:
            answer = self.fetch("POST", f"{self.folder}/{name}", payload=rows)
        except RejectedError as error:
            if len(rows) > 1:
                raise
            return [self.refusal(error)]
        said = words_of(answer)
        given = rows_in(answer, name) if name in answer or not said else []
        done = [next((got for got in given if same(row, got)), None) for row in rows]
        words = self.safe(said) or "iContact did not take this contact."
        refused = RejectedError(words)
        if done.count(None) > 1:
            raise refused
        return [self.refusal(refused) if got is None else got for got in done]

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        return self.each(emails, lambda email: self._unsubscribe(email, audience_id))

    def _unsubscribe(self, email: str, audience_id: str) -> Outcome:
        there = self.look_up_all(email, audience_id)
        on_list = [known for known in there if known.place is not None]
        if not on_list:
            self.require_audience(audience_id)
            return replace(not_there("Not on this list at all."), remote_id=there[0].id)
        outcomes = [self._leave(known) for known in on_list]
        return min(outcomes, key=lambda done: done.state is OutcomeState.SYNCED)

    def _leave(self, known: Known) -> Outcome:
        if (known.place or {}).get("status") == "unsubscribed":
            return synced(known.id)
        if self._modify(known, {"status": "unsubscribed"}).get("status") == (
            "unsubscribed"
        ):
            return synced(known.id)
        return rejected(Reason.REFUSED, "iContact did not unsubscribe this contact.")

    def erase(self, email: str) -> Receipt:
        """Deletes the contact from the client folder."""
        gone = 0
        for contact in self.people(email):
            number = quote(str(contact["contactId"]), safe="")
            with suppress(TargetError):  # somebody was faster
                self.request("DELETE", f"{self.folder}/contacts/{number}")
                gone += 1
        return self.erased(
            gone,
            "Deleted from this client folder. Others of the same account, and "
            "iContact's statistics of past mailings, are not touched.",
        )


def _sent(value: object) -> object:
    """A value as iContact takes it: a checkbox is 1 or 0 (unverified)."""
    if isinstance(value, bool):
        return int(value)
    return as_text(value) if isinstance(value, (list, tuple)) else value


def _same_person(row: Row, given: Row) -> bool:
    if "contactId" in row:
        return str(given.get("contactId")) == str(row["contactId"])
    return key_of(str(given.get("email", ""))) == key_of(str(row["email"]))


def _same_place(row: Row, given: Row) -> bool:
    return str(given.get("contactId")) == str(row["contactId"])


def _outcome(status: str, number: str, detail: str) -> Outcome:
    if status == "pending":
        return awaiting(number, detail)
    if status == "subscribed":
        return synced(number, detail)
    return rejected(Reason.REFUSED, detail or "iContact gives them no known status.")
