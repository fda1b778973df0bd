"""Finding and writing people in Pipedrive without touching marketing consent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from integrations.adapters.base import (
    Contact,
    Options,
    Outcome,
    OutcomeState,
    Receipt,
    filled,
)
from integrations.adapters.each import (
    EachContact,
    existing,
    key_of,
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
from integrations.adapters.paging import all_pages
from integrations.adapters.pipedrive.wire import (
    LABELS,
    PHONES,
    options_of,
    status_of,
    with_phone,
)
from integrations.adapters.shapes import Row, id_in, row_in, rows_in

PEOPLE = "people"  # the audience of everybody
PAGE = 500  # the API's maximum for limit
OPTED_OUT = (
    "{0} in Pipedrive Campaigns. The person is up to date there; who has left "
    "marketing stays out of it."
)


class PipedrivePeople(EachContact):
    """The writing half of the adapter."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._made: dict[str, int] = {}  # address -> person, while the search lags

    @cached_property
    def _fields(self) -> dict[str, dict[str, Any]]:
        """Person fields by code, as Pipedrive describes them."""

        def read(cursor: str) -> tuple[list[Row], str]:
            params: dict[str, str | int] = {"limit": PAGE}
            params |= {"cursor": cursor} if cursor else {}
            body = self.fetch("GET", "/api/v2/personFields", params=params)
            more = body.get("additional_data") or {}
            return rows_in(body, "data"), str(more.get("next_cursor") or "")

        return {str(row["field_code"]): row for row in all_pages(read, "")}

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

    def _find(self, email: str) -> Row | None:
        return next(self._people(email), None)

    def _get(self, number: object) -> Row | None:
        params = {"include_fields": "marketing_status"} if self._campaigns else None
        try:
            body = self.fetch("GET", f"/api/v2/persons/{number}", params=params)
        except TargetError:  # deleted; the search may not know yet
            return None
        person = row_in(body, "data")
        return None if person.get("is_deleted") else person

    def _search(self, email: str) -> list[int]:
        found = set()
        for spelling in spellings(email):
            params = {"term": spelling, "fields": "email", "exact_match": "true"}
            body = self.fetch("GET", "/api/v2/persons/search", params=params)
            for row in rows_in(row_in(body, "data"), "items"):
                mails = row["item"].get("emails") or ()
                if key_of(email) in (key_of(str(mail)) for mail in mails):
                    found.add(int(row["item"]["id"]))
        return sorted(found)

    def write(self, contact: Contact, audience_id: str, options: Options) -> Outcome:
        label = self._label(audience_id)
        person = self._find(contact.email)
        if person is not None and not options.update_existing:
            return existing(
                person["id"],
                "Already a person in Pipedrive",
            )
        row = self._row(contact, person or {})
        labels = list((person or {}).get("label_ids") or ())
        if label is not None and label not in labels:
            row["label_ids"] = [*labels, label]
        if person is None:
            mail = {"value": contact.email.strip(), "primary": True}
            made = self.fetch(
                "POST",
                "/api/v2/persons",
                payload={"name": contact.email.strip(), "emails": [mail], **row},
            )
            number = int(id_in(row_in(made, "data")))
            self._made[key_of(contact.email)] = number
            return synced(number)
        if row:
            self._patch(person, row)
        status = status_of(person)
        gone = status in ("unsubscribed", "archived")
        return synced(
            person["id"], OPTED_OUT.format(status.capitalize()) if gone else ""
        )

    def _patch(
        self, person: Mapping[str, Any], row: Mapping[str, object]
    ) -> dict[str, Any]:
        try:
            body = self.fetch("PATCH", f"/api/v2/persons/{person['id']}", payload=row)
        except TargetError:
            raise TransientError(
                "The person was deleted in Pipedrive just now."
            ) from None
        data: dict[str, Any] = body.get("data") or {}
        return data

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

    def reason_of(self, error: RejectedError) -> Reason:
        words = error.detail.lower()
        if error.reason is Reason.REFUSED and "email" in words:
            return Reason.ADDRESS_INVALID
        return error.reason

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        self._label(audience_id)
        return self.each(emails, self._unsubscribe)

    def _unsubscribe(self, email: str) -> Outcome:
        skipped = OutcomeState.SKIPPED
        if not self._campaigns:
            return Outcome(
                state=skipped,
                detail="Without Campaigns, Pipedrive knows no marketing consent.",
            )
        people = list(self._people(email))
        for person in people:
            if status_of(person) != "unsubscribed":
                answer = self._patch(person, {"marketing_status": "unsubscribed"})
                told = "marketing_status" in answer
                person = answer if told else self._get(person["id"]) or person
            if status_of(person) != "unsubscribed":
                return rejected(
                    Reason.REFUSED, "Pipedrive kept the marketing status as it was."
                )
        if not people:
            return Outcome(state=skipped, detail="Not in Pipedrive at all.")
        return synced(people[0]["id"])

    def erase(self, email: str) -> Receipt:
        """Deletes every person with the address; for good after 30 days."""
        erased = 0
        for number in self._search(email):
            try:
                self.request("DELETE", f"/api/v2/persons/{number}")
            except TargetError:
                continue
            erased += 1
        if not erased:
            return Receipt(ok=True, note="Pipedrive did not hold this address.")
        return Receipt(
            ok=True, note="Deleted from Pipedrive, which destroys it after 30 days."
        )
