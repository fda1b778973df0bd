"""Finding and writing people in Pipedrive without touching marketing consent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any

from integrations.adapters.base import (
    Contact,
    Outcome,
    Receipt,
    Subscription,
    filled,
)
from integrations.adapters.consent import LEFT
from integrations.adapters.each import (
    existing,
    key_of,
    not_there,
    rejected,
    spellings,
    synced,
)
from integrations.adapters.errors import (
    Reason,
    RejectedError,
    TargetError,
    TransientError,
)
from integrations.adapters.pipedrive.wire import (
    LABELS,
    PHONES,
    options_of,
    with_phone,
)
from integrations.adapters.rest import Rest, Write
from integrations.adapters.shapes import Row, dig, id_in, row_in, rows_in

PERSONS, FIELDS = "/api/v2/persons", "/api/v2/personFields"
PEOPLE = "people"  # the audience of everybody
OPTED_OUT = (
    "{0} in Pipedrive Campaigns. The person is up to date there; who has left "
    "marketing stays out of it."
)


class PipedrivePeople(Rest):
    """The writing half: people are kept up to date whether they opted out or not."""

    size_param, page_size = "limit", 500  # the API's maximum
    place_param, rows_key = "cursor", "data"

    state_key = ""
    states = {each: each for each in ("subscribed", "unsubscribed", "archived")}
    left_keys = ("update_time",)

    kept = frozenset()  # `put` sees to that: whoever is in Pipedrive, label or not

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._made: dict[str, int] = {}  # address -> person, while the search lags

    @cached_property
    def _fields(self) -> dict[str, dict[str, Any]]:
        """Person fields by code, as Pipedrive describes them."""
        return {str(row["field_code"]): row for row in self.rows(FIELDS)}

    def following(self, body: Row, rows: list[Row], place: Any) -> str:
        return str(dig(body, "additional_data", "next_cursor") or "")

    @property
    def _campaigns(self) -> bool:
        return "marketing_status" in self._fields

    @property
    def _labels(self) -> dict[str, str]:
        rows = [row for code in LABELS for row in options_of(self._fields.get(code))]
        return {str(row["id"]): str(row["label"]) for row in rows}

    def _label(self, audience_id: str) -> int | None:
        """The label's number, None for everybody; raises TargetError."""
        if audience_id == PEOPLE:
            return None
        if audience_id not in self._labels:
            raise TargetError("This label is no longer in Pipedrive.")
        return int(audience_id)

    def _people(self, email: str) -> Iterator[Row]:
        """Everybody with this address, whichever of theirs it is, the oldest first."""
        made = self._made.get(key_of(email))
        for number in [made] if made else self._search(email):
            if person := self._get(number):
                yield person

    def find_one(self, email: str, audience_id: str) -> Row | None:
        return next(self._people(email), None)

    def _get(self, number: object) -> Row | None:
        """None for who was deleted; the search may not know yet."""
        params = {"include_fields": "marketing_status"} if self._campaigns else None
        body = self.maybe(f"{PERSONS}/{number}", params)
        person = row_in(body, "data") if body is not None else {}
        return person if person and not person.get("is_deleted") else None

    def _search(self, email: str) -> list[int]:
        found = set()
        for spelling in spellings(email):
            params = {"term": spelling, "fields": "email", "exact_match": "true"}
            body = self.fetch("GET", f"{PERSONS}/search", params=params)
            for row in rows_in(row_in(body, "data"), "items"):
                mails = row["item"].get("emails") or ()
                if key_of(email) in (key_of(str(mail)) for mail in mails):
                    found.add(int(row["item"]["id"]))
        return sorted(found)

    def status_of(self, row: Row, audience_id: str) -> str:
        return self.states.get(str(row.get("marketing_status")), "unknown")

    def ready(self, audience_id: str) -> None:
        self._label(audience_id)

    def turned_away(self, known: Subscription) -> None:
        return None

    def put(self, write: Write) -> Outcome:
        label, person = self._label(write.audience_id), write.row
        if person is not None and not write.options.update_existing:
            return existing(person["id"], "Already a person in Pipedrive")
        row = self._row(write.contact, person or {})
        labels = list((person or {}).get("label_ids") or ())
        if label is not None and label not in labels:
            row["label_ids"] = [*labels, label]
        if person is None:
            mail = {"value": write.email, "primary": True}
            new = {"name": write.email, "emails": [mail], **row}
            made = row_in(self.fetch("POST", PERSONS, payload=new), "data")
            self._made[key_of(write.email)] = int(id_in(made))
            return synced(made["id"])
        if row:
            self._patch(person, row)
        status = write.known.status
        gone = OPTED_OUT.format(status.capitalize()) if status in LEFT else ""
        return synced(person["id"], gone)

    def _patch(self, person: Row, row: Mapping[str, object]) -> Row:
        try:
            body = self.fetch("PATCH", f"{PERSONS}/{person['id']}", payload=row)
        except TargetError:
            raise TransientError(
                "The person was deleted in Pipedrive just now."
            ) from None
        return body.get("data") or {}

    def _row(self, contact: Contact, person: Mapping[str, Any]) -> dict[str, Any]:
        row: dict[str, Any] = {}
        custom: dict[str, object] = {}
        for code, value in filled(contact.fields).items():
            if code == "name":
                row["name"] = str(value)
            elif code in PHONES:
                row["phones"] = with_phone(person.get("phones") or [], str(value))
            else:
                custom[code] = self._value(code, value)
        return {**row, "custom_fields": custom} if custom else row

    def _value(self, code: str, value: object) -> object:
        row = self._fields.get(code) or {}
        kind = row.get("field_type")
        if kind == "address" and not isinstance(value, Mapping):
            return {"value": str(value)}
        if kind not in ("enum", "set"):
            return value
        ids = {str(option["label"]): option["id"] for option in options_of(row)}
        wanted = list(value) if isinstance(value, (list, tuple)) else [value]
        for choice in wanted:
            if str(choice) not in ids:
                raise RejectedError(
                    f"{row.get('field_name')}: Pipedrive has no option “{choice}”.",
                    reason=Reason.OPTION_MISSING,
                )
        chosen = [ids[str(choice)] for choice in wanted]
        return chosen if kind == "set" else chosen[0]

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        self._label(audience_id)
        return self.each(emails, self._unsubscribe)

    def _unsubscribe(self, email: str) -> Outcome:
        if not self._campaigns:
            return not_there("Without Campaigns, Pipedrive knows no marketing consent.")
        people, out = list(self._people(email)), {"marketing_status": "unsubscribed"}
        for person in people:
            if not out.items() <= person.items():
                answer = self._patch(person, out)
                told = "marketing_status" in answer
                person = answer if told else self._get(person["id"]) or person
            if not out.items() <= person.items():
                words = "Pipedrive kept the marketing status as it was."
                return rejected(Reason.REFUSED, words)
        if not people:
            return not_there("Not in Pipedrive at all.")
        return synced(people[0]["id"])

    def erase(self, email: str) -> Receipt:
        """Deletes every person with the address; for good after 30 days."""
        erased = 0
        for number in self._search(email):
            with suppress(TargetError):
                self.request("DELETE", f"{PERSONS}/{number}")
                erased += 1
        note = "Deleted from Pipedrive, which destroys it after 30 days."
        return self.erased(erased, note)
