"""Contacts and subscriptions of the simulated client folder.

As documented: a contact is on no list until there is a subscription; collections take
arrays and leave refused rows out, with `warnings`; POST modifies, PUT replaces. Where
the pages say nothing, the worst for whoever is careless happens: POST contacts with an
address that is there already blanks what is left out, and POST subscriptions brings
back who had unsubscribed.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from integrations.sandbox.book import Person, Place
from integrations.sandbox.booked import BookedSimulator, Call
from integrations.sandbox.icontact.query import page, refused
from integrations.sandbox.messages import Json

STANDARD = (
    *("prefix", "firstName", "lastName", "suffix", "street", "street2", "city"),
    *("state", "postalCode", "phone", "fax", "business"),
)
CONTACT_STATUS = (
    *("normal", "bounced", "donotcontact", "pending", "invitable", "deleted"),
)
FINAL = ("donotcontact", "pending", "invitable")
THEIRS = {"subscribed": "normal", "cleaned": "normal", "complained": "unsubscribed"}
OURS = {"normal": "subscribed", "pending": "pending", "unsubscribed": "unsubscribed"}
ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
WORDS = {
    "compliance": "This contact is set to donotcontact.",
    "forgotten": "This contact is set to donotcontact.",
    "throttled": "This contact could not be saved. Please try again later.",
    "fake": "email is not a valid email address.",
    "failed": "This contact could not be saved.",
}


class Warned(Exception):
    """A row that is left out of the answer; the text is its warning."""


class Contacts(BookedSimulator):
    """The part of the simulator that is about people."""

    # Contacts

    def contact_view(self, person: Person) -> Json:
        fields = {name: person.values.get(name, "") for name in self.field_names()}
        return {
            "contactId": person.id,
            "email": person.email,
            **fields,
            "status": self.contact_status(person),
            "createDate": person.created_at[:19].replace("T", " "),
            "bounceCount": int(self.contact_status(person) == "bounced"),
        }

    def field_names(self) -> list[str]:
        return [*STANDARD, *self.book.attributes]

    def contact_status(self, person: Person) -> str:
        """The contact's own status: a bounce or complaint counts for every list."""
        states = {place.status for place in person.places.values()}
        if "complained" in states:
            return "donotcontact"
        return "bounced" if "cleaned" in states else str(person.extra["status"])

    def contact_list(self, call: Call) -> Json:
        query = dict(call.query)
        which = query.pop("status", "")
        list_id = query.pop("listId", None)
        people = [
            person
            for person in self.folder_people(call)
            if (list_id is None or _mailed(person.places.get(list_id)))
            and self._wanted(person, which)
        ]
        return page("contacts", [self.contact_view(p) for p in people], query)

    def folder_people(self, call: Call) -> list[Person]:
        """The second client folder is empty."""
        return list(self.book.people.values()) if self.is_first(call) else []

    @abstractmethod
    def is_first(self, call: Call) -> bool:
        """Whether the call is about the first client folder."""

    def _wanted(self, person: Person, which: str) -> bool:
        listed = any(_mailed(place) for place in person.places.values())
        if which in ("", "unlisted"):
            return listed is (which == "")
        return which == "total" or self.contact_status(person) == which

    def contact_read(self, call: Call) -> Json:
        return {"contact": self.contact_view(self._person(call))}

    def contact_post(self, call: Call) -> Json:
        rows = self._rows(call)
        saved, warnings = self._in_turn(call, rows, self._save)
        answer: Json = {"contacts": [self.contact_view(person) for person in saved]}
        return {**answer, "warnings": warnings} if warnings else answer

    def _save(self, call: Call, row: Json) -> Person:
        if "contactId" in row:
            person = self.book.people.get(str(row["contactId"]))
            if person is None:
                raise Warned("The contactId is not valid.")
            self._modify(person, row)
            return person
        email = str(row.get("email") or "").strip()
        if not email:
            raise Warned("You did not provide an email. email is a required field.")
        reason = self.refusal(email, call.faults)
        if reason or not ADDRESS.fullmatch(email):
            raise Warned(WORDS[reason or "fake"])
        values = self._checked(row)
        person = self.book.find(email)
        if person is None:
            status = _status(row.get("status", "normal"))
            person = self.book.add(email, values=values, extra={"status": status})
            self.happened("create", person)
            return person
        person.values = {}  # what is left out is blank afterwards
        self._modify(person, row)
        return person

    def _modify(self, person: Person, row: Mapping[str, Any]) -> None:
        values = self._checked(row)
        now = self.contact_status(person)
        if (wanted := _status(row.get("status", now))) != now:
            if now in FINAL:
                raise Warned(f"The status of a {now} contact cannot be changed.")
            person.extra["status"] = wanted
            for place in person.places.values():
                if place.status == "cleaned":
                    place.status = "subscribed"
        person.values |= values
        email = str(row.get("email") or person.email)
        if email.lower() != person.email.lower():
            self.book.rename(person, email)
        self.book.touch(person)
        self.happened("update", person)

    def _checked(self, row: Mapping[str, Any]) -> Json:
        """The values of known fields; the others are ignored."""
        values = {name: row[name] for name in self.field_names() if name in row}
        if len(str(values.get("state") or "")) > 10:
            raise Warned("state may have 10 characters at most.")
        for name, value in values.items():
            kind = self.book.attributes[name].type if name not in STANDARD else "text"
            if value not in ("", None) and not VALID[kind](str(value)):
                raise Warned(f"{name} is not a valid {kind}.")
        return {name: "" if v is None else v for name, v in values.items()}

    def contact_modify(self, call: Call) -> Json:
        person = self._person(call)
        try:
            self._modify(person, self._row(call))
        except Warned as warned:
            return {"contact": {}, "warnings": [str(warned)]}
        return {"contact": self.contact_view(person)}

    def contact_replace(self, call: Call) -> Json:
        self._person(call).values = {}
        return self.contact_modify(call)

    def contact_delete(self, call: Call) -> Json:
        person = self._person(call)
        self.happened("delete", person)
        self.book.remove(person)
        return {}

    def actions(self, call: Call) -> Json:
        done = list(reversed(self._person(call).extra.get("actions", [])))
        return page("actions", done, call.query)

    # Subscriptions

    def place_view(self, person: Person, list_id: str) -> Json:
        place = person.places[list_id]
        return {
            "subscriptionId": f"{list_id}_{person.id}",
            "contactId": int(person.id),
            "listId": int(list_id),
            "status": THEIRS.get(place.status, place.status),
            "addDate": f"{place.changed_at[:19]}+00:00",
        }

    def subscription_list(self, call: Call) -> Json:
        rows = [
            self.place_view(person, list_id)
            for person in self.folder_people(call)
            for list_id in person.places
        ]
        return page("subscriptions", rows, call.query)

    def subscription_read(self, call: Call) -> Json:
        person, list_id = self._place(call)
        return {"subscription": self.place_view(person, list_id)}

    def subscription_post(self, call: Call) -> Json:
        rows = self._rows(call)
        saved, warnings = self._in_turn(call, rows, self._subscribe)
        answer: Json = {"subscriptions": [self.place_view(*pair) for pair in saved]}
        return {**answer, "warnings": warnings} if warnings else answer

    def _subscribe(self, call: Call, row: Json) -> tuple[Person, str]:
        person = self.book.people.get(str(row.get("contactId")))
        list_id = str(row.get("listId"))
        if person is None or list_id not in self.book.lists:
            raise Warned("The contactId or listId is not valid.")
        reason = self.refusal(person.email, call.faults)
        if reason:
            raise Warned(WORDS[reason])
        self._put(person, list_id, row)
        return person, list_id

    def subscription_modify(self, call: Call) -> Json:
        person, list_id = self._place(call)
        try:
            self._put(person, list_id, self._row(call))
        except Warned as warned:
            return {"subscription": {}, "warnings": [str(warned)]}
        return {"subscription": self.place_view(person, list_id)}

    def _put(self, person: Person, list_id: str, row: Mapping[str, Any]) -> None:
        wanted = str(row.get("status"))
        if wanted not in OURS:
            raise Warned("status must be normal, pending or unsubscribed.")
        if self.contact_status(person) == "donotcontact" and wanted != "unsubscribed":
            raise Warned("This contact is set to donotcontact.")
        message = str(row.get("confirmationMessageId", self.confirmation))
        if wanted == "pending" and message != self.confirmation:
            raise Warned("The confirmationMessageId is not valid.")
        self.book.place(person, list_id, OURS[wanted])
        kind = "unsubscribe" if wanted == "unsubscribed" else "subscribe"
        self.happened(kind, person, list_id)

    def subscription_move(self, call: Call) -> Json:
        person, list_id = self._place(call)
        target = str(self._row(call).get("listId"))
        if target not in self.book.lists:
            raise refused(400, "The listId is not valid.")
        person.places[target] = person.places.pop(list_id)
        self.book.touch(person)
        return {"subscription": self.place_view(person, target)}

    # What both need

    confirmation = "900001"  # the id of the message that asks people to confirm

    def _rows(self, call: Call) -> list[Json]:
        rows = call.json()
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise refused(400, "Your data could not be parsed.")
        if not self.is_first(call):
            raise refused(403, "You do not have permission to perform that action.")
        return rows

    def _row(self, call: Call) -> Json:
        row = call.json()
        if not isinstance(row, dict):
            raise refused(400, "Your data could not be parsed.")
        return row

    def _in_turn(
        self, call: Call, rows: list[Json], do: Callable[[Call, Json], Any]
    ) -> tuple[list[Any], list[str]]:
        done, warnings = [], []
        for row in rows:
            try:
                done.append(do(call, row))
            except Warned as warned:
                warnings.append(str(warned))
        return done, warnings

    def _person(self, call: Call) -> Person:
        person = self.book.people.get(call.params["contact"])
        if person is None or not self.is_first(call):
            raise refused(404, "Resource not found")
        return person

    def _place(self, call: Call) -> tuple[Person, str]:
        list_id, _, number = call.params["subscription"].partition("_")
        person = self.book.people.get(number)
        if person is None or list_id not in person.places or not self.is_first(call):
            raise refused(404, "Resource not found")
        return person, list_id

    def happened(self, kind: str, person: Person, list_id: str = "") -> None:
        """Keeps the contact's history too."""
        action: Json = {
            "actionType": "EditSubscription" if list_id else "EditFields",
            "actionTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S+0000"),
            "actor": "18436",
            "details": {},
        }
        if list_id and list_id in person.places:
            status = person.places[list_id].status
            action["details"] = {
                "listId": list_id,
                "newStatus": THEIRS.get(status, status),
            }
        person.extra.setdefault("actions", []).append(action)
        self.book.touch(person)
        super().happened(kind, person, list_id)


def _mailed(place: Place | None) -> bool:
    """Whether somebody is on a list, as `GET contacts` counts it."""
    return place is not None and place.status in ("subscribed", "pending", "cleaned")


def _status(value: object) -> str:
    if value not in CONTACT_STATUS:
        raise Warned(f"status must be one of {', '.join(CONTACT_STATUS)}.")
    return str(value)


def _date(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


VALID: dict[str, Callable[[str], bool]] = {
    "text": lambda text: True,
    "number": lambda text: re.fullmatch(r"-?\d+", text) is not None,
    "decimal": lambda text: re.fullmatch(r"-?\d+(\.\d{1,4})?", text) is not None,
    "date": _date,
    "checkbox": lambda text: text in ("0", "1"),
}
