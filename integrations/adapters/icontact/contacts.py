"""Finding and writing iContact's contacts without re-subscribing anybody.

* A contact belongs to a client folder; only a subscription puts it on a list. So a
  batch is two calls: POST contacts, POST subscriptions.
* Both take arrays. A row that is refused is missing in the answer, and `warnings` has
  prose that names no row: with one missing it is about that one, with more the batch is
  handed back to be split. Errors are prose without a code, too, so refusals are told
  from their words.
* POST contacts with an address that is there already may blank the fields left out
  (reported of a sister API; the reference says it modifies). So every address is looked
  up first, and those found are sent by their contactId, which changes only what is
  supplied.
* What POST subscriptions does to somebody who unsubscribed is not documented. They are
  looked up before, and nothing is sent for who left or is on the list. Nobody's
  contact status is ever sent.

In here, a person's record is the contact with one thing more, PLACE: the status of
their subscription to the list, "" where there is none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import Any

from integrations.adapters.base import (
    Change,
    Contact,
    Options,
    Outcome,
    Receipt,
    Subscription,
    filled,
)
from integrations.adapters.consent import LEFT
from integrations.adapters.each import (
    awaiting,
    by_address,
    forms,
    key_of,
    not_there,
    rejected,
    synced,
)
from integrations.adapters.errors import (
    Reason,
    RejectedError,
    TargetError,
)
from integrations.adapters.http import Params
from integrations.adapters.rest import Write
from integrations.adapters.shapes import Row, as_text, dig, id_in, rows_in
from integrations.adapters.shared import moment
from integrations.adapters.together import Together

FOLDER = "/icp/a/{account}"
CONTACTS, SUBSCRIPTIONS = f"{FOLDER}/contacts", f"{FOLDER}/subscriptions"
MESSAGES, CONFIRMING = f"{FOLDER}/messages", {"messageType": "confirmation"}
# The status of a contact in a client folder, as people know it from iContact.
LABELS = {
    **{"normal": "Normal", "bounced": "Bounced", "donotcontact": "DNC"},
    **{"pending": "Pending", "invitable": "Invitable"},
}
# Those that count for every list, whatever the subscription says.
FINAL = {"bounced": "bounced", "donotcontact": "unsubscribed", "deleted": "archived"}
DETAILS = {
    "donotcontact": "iContact has them as Do Not Contact, for all lists; that is "
    "final.",
    "deleted": "They are a deleted contact there.",
    "invitable": "Invitable: iContact mails them once they accept an invitation.",
}
PLACE = "subscription.status"  # no custom field is named so
NOT_FIELDS = ("email", "contactId", "createDate", "bounceCount", "status", PLACE)


class IContactContacts(Together):
    """The half of the adapter that finds and writes people."""

    look_up = "many"
    id_key, state_key = "contactId", ""

    # A person's record.

    def status_of(self, row: Row, audience_id: str) -> str:
        own, place = str(row.get("status", "")), row[PLACE]
        if own in FINAL:
            return FINAL[own]
        if place in ("", "unsubscribed"):
            return place or "absent"
        if place == "pending" or own in ("pending", "invitable"):
            return "pending"
        return "subscribed" if place == "normal" else "unknown"

    def values_of(self, row: Row) -> dict[str, object]:
        return filled({name: row[name] for name in row if name not in NOT_FIELDS})

    def detail_of(self, row: Row, audience_id: str) -> str:
        own = str(row.get("status"))
        waits = self.status_of(row, audience_id) == "pending"
        return DETAILS.get(own, "") if waits or own in FINAL else ""

    def change(
        self, row: Row, audience_id: str, kind: str = "upsert", **more: Any
    ) -> Change:
        """Tells the contact's own status as well, by the name that people know. A
        contact without a subscription says nothing of where they stand."""
        told = super().change(row, audience_id, kind, **more)
        own = str(row.get("status", ""))
        status = "" if told.status == "absent" else told.status
        fields = {**self.values_of(row), "status": LABELS.get(own, own)}
        return replace(told, status=status, fields=filled(fields))

    def record_of(self, contact: Contact) -> Row:
        return {name: _sent(value) for name, value in filled(contact.fields).items()}

    def belongs(self, row: Row, audience_id: str) -> bool:
        return bool(row[PLACE])

    # Looking people up.

    def ready(self, audience_id: str) -> None:
        self.fetch("GET", self.at(f"{self.audience_path}/{{audience}}", audience_id))

    def people(self, email: str) -> list[Row]:
        """The contacts with this address, whatever their status: one for each form
        of it, or none."""
        found: list[Row] = []
        for spelling in forms(email):
            asked: Params = {"status": "total", "email": spelling}
            found += self.rows(self.at(CONTACTS), asked)
        # A * in an address is a wildcard to iContact.
        return [row for row in found if key_of(str(row.get("email"))) == key_of(email)]

    def find_all(self, email: str, audience_id: str) -> list[Row]:
        """The records of an address."""
        found: list[Row] = []
        for row in self.people(email):
            asked: Params = {"contactId": id_in(row, "contactId")}
            found += self.placed([row], asked, audience_id)
        return found

    def placed(self, rows: list[Row], asked: Params, audience_id: str) -> list[Row]:
        """The records of contacts, whose subscriptions are found by what is `asked`."""
        places = {
            id_in(place, "contactId"): str(place.get("status") or "unknown")
            for place in self.rows(self.at(SUBSCRIPTIONS), asked)
            if str(place["listId"]) == audience_id
        }
        return [{**row, PLACE: places.get(str(row["contactId"]), "")} for row in rows]

    def find_one(self, email: str, audience_id: str) -> Row | None:
        """Of one person's several records the one that left."""
        found = self.find_all(email, audience_id)
        left = (row for row in found if self.status_of(row, audience_id) in LEFT)
        return next(left, found[0] if found else None)

    def find(self, emails: Sequence[str], audience_id: str) -> dict[str, Row]:
        found = {key_of(email): self.find_one(email, audience_id) for email in emails}
        there = {key: row for key, row in found.items() if row}
        if not any(row[PLACE] for row in there.values()):
            self.ready(audience_id)
        return there

    # Writing.

    def upsert(
        self, contacts: Sequence[Contact], audience_id: str, options: Options
    ) -> list[Outcome]:
        people = by_address(contacts)
        rows = {key: self.find_one(people[key].email, audience_id) for key in people}
        outcomes, writes = self.told_apart(people, rows, audience_id, options)
        joining: Row = {"listId": number_of(audience_id), "status": "normal"}
        if any(write.known.status == "absent" for write in writes.values()):
            self.ready(audience_id)  # its absence would look like refusals
            if options.double_opt_in:
                if not self.asking:
                    raise TargetError(
                        "This iContact client folder has no confirmation message, so "
                        "nobody can be asked to confirm: create one, or turn double "
                        "opt-in off."
                    )
                joining |= self.asking
        outcomes |= self._write(writes, joining)
        return [outcomes[key_of(contact.email)] for contact in contacts]

    def _write(self, writes: Mapping[str, Write], joining: Row) -> dict[str, Outcome]:
        """Saves the contacts, then puts those on the list who are not yet."""
        saving = {key: row for key in writes if (row := self._row(writes[key]))}
        saved, outcomes = self._post("contacts", saving)
        people = {
            # Who is new may be somebody whom the search did not find.
            key: write.row or {**saved[key], PLACE: ""}
            for key, write in writes.items()
            if key not in outcomes
        }
        places: dict[str, Row] = {}
        for key, row in people.items():
            now = self.standing(key, row, "")
            if now.status == "absent":
                places[key] = {"contactId": number_of(now.remote_id), **joining}
            else:  # on the list: nothing of theirs is touched
                outcomes[key] = self.settled(now)
        joined, refused = self._post("subscriptions", places)
        for key, refusal in refused.items():
            outcomes[key] = replace(refusal, remote_id=id_in(people[key], self.id_key))
        for key, place in joined.items():
            row = {**people[key], PLACE: str(place.get("status") or "unknown")}
            outcomes[key] = self.settled(self.standing(key, row, ""))
        return outcomes

    def _row(self, write: Write) -> Row:
        """A contact as it is posted, {} when there is nothing to change."""
        values = self.record_of(write.contact)
        if write.row is None:
            return {"email": write.email, **values}
        known = {"contactId": number_of(write.known.remote_id)}
        return {**known, **values} if values and write.fills else {}

    def _post(
        self, name: str, rows: Mapping[str, Row]
    ) -> tuple[dict[str, Row], dict[str, Outcome]]:
        """POSTs a collection: what came back of each row, and the refusals.

        Raises RejectedError when it cannot be told which refusal is whose.
        """
        if not rows:
            return {}, {}
        path = self.at(f"{FOLDER}/{name}")
        try:
            answer = self.fetch("POST", path, payload=list(rows.values()))
        except RejectedError as error:
            refused, given = error, []
        else:
            said = words_of(answer)
            refused = RejectedError(
                self.safe(said) or "iContact did not take this contact."
            )
            given = [] if said and name not in answer else rows_in(answer, name)
        done = {k: row for k in rows for row in given if _is_same(rows[k], row)}
        lost = [key for key in rows if key not in done]
        if len(lost) > 1:
            raise refused
        return done, {key: self.refusal(refused) for key in lost}

    def settled(self, now: Subscription, lost: str = "") -> Outcome:
        if now.status == "unknown":
            return rejected(Reason.REFUSED, "iContact gives them no known status.")
        return super().settled(now, now.detail)

    # Asking somebody again who left.

    @cached_property
    def asking(self) -> Row:
        """A subscription that iContact asks somebody to confirm: with the message that
        was entered, else the newest one; {} when the folder has none."""
        entered = self.secrets.get("confirmation_message", "").strip()
        rows = [] if entered else self.rows(self.at(MESSAGES), CONFIRMING)
        newest = max((int(row["messageId"]) for row in rows), default=0)
        number = number_of(entered) or newest
        return {"status": "pending", "confirmationMessageId": number} if number else {}

    def held_back(self, write: Write) -> Outcome | None:
        """When somebody left is looked up for those who might be asked again. Do Not
        Contact, and any status of their own but the normal one, is final."""
        known = write.known
        left = known.status == "unsubscribed" and dig(write.row, "status") == "normal"
        if left and write.options.reconfirm:
            when = self._left_at(known.remote_id, write.audience_id)
            write = replace(write, known=replace(known, changed_at=when))
        return super().held_back(write)

    def _left_at(self, id: str, audience_id: str) -> datetime | None:
        """When somebody left the list, by the page "Contact History"; None: not
        known."""
        path = self.at(f"{CONTACTS}/{{id}}/actions", id=id)
        try:
            actions = list(self.rows(path, {"actionType": "EditSubscription"}))
        except TargetError:  # deleted meanwhile: nothing is known of them
            return None
        times = [
            moment(action.get("actionTime"))
            for action in actions
            if str(dig(action, "details", "listId")) == audience_id
            and dig(action, "details", "newStatus") == "unsubscribed"
        ]
        return max(filter(None, times), default=None)

    def ask_again(self, write: Write) -> Outcome | None:
        if not self.asking:  # one leaver's signup holds nobody else's
            return None
        if not self._move(write.row or {}, write.audience_id, self.asking):
            return None
        words = "They had unsubscribed and are asked again."
        return awaiting(write.known.remote_id, words)

    def _move(self, row: Row, audience_id: str, change: Row) -> bool:
        """Changes somebody's subscription, and says whether it is as wanted then."""
        place = f"{audience_id}_{id_in(row, self.id_key)}"
        path = self.at(f"{SUBSCRIPTIONS}/{{id}}", id=place)
        try:
            changed = self.fetch("POST", path, payload=change)
        except TargetError:  # the person was deleted meanwhile, or the list
            self.ready(audience_id)
            return False
        return bool(dig(changed, "subscription", "status") == change["status"])

    # Leaving.

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        gone = {"status": "unsubscribed"}

        def leave(email: str) -> Outcome:
            there = [row for row in self.find_all(email, audience_id) if row[PLACE]]
            if not there:
                self.ready(audience_id)
                return not_there(self.unknown_as)
            done = [
                row[PLACE] == "unsubscribed" or self._move(row, audience_id, gone)
                for row in there
            ]
            if not all(done):
                words = "iContact did not unsubscribe this contact."
                return rejected(Reason.REFUSED, words)
            return synced(there[0][self.id_key])

        return self.each(emails, leave)

    def erase(self, email: str) -> Receipt:
        """Deletes the contact from the client folder."""
        path = f"{CONTACTS}/{{id}}"
        ids = [id_in(row, "contactId") for row in self.people(email)]
        return self.erase_all((self.at(path, id=id) for id in ids), self.erasing)


def number_of(text: str) -> int | str:
    """An id as the API writes it."""
    return int(text) if text.isdecimal() else text


def words_of(body: Row) -> str:
    """The errors or warnings in an answer as one text, "" when there are none."""
    said = body.get("errors") or body.get("warnings") or []
    return " ".join(map(str, said)) if isinstance(said, list) else str(said)


def _sent(value: object) -> object:
    """A value as iContact takes it: a checkbox is 1 or 0 (unverified)."""
    if isinstance(value, bool):
        return int(value)
    return as_text(value) if isinstance(value, (list, tuple)) else value


def _is_same(row: Row, given: Row) -> bool:
    """Whether a row that was posted is the one that came back."""
    if "contactId" in row:
        return str(given.get("contactId")) == str(row["contactId"])
    return key_of(str(given.get("email", ""))) == key_of(str(row["email"]))
