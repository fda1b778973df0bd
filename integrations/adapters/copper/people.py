"""Finding and writing people in Copper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, time
from functools import cached_property
from typing import Any

from integrations.adapters.base import (
    Contact,
    Options,
    Outcome,
    Receipt,
    filled,
)
from integrations.adapters.each import EachContact, existing, synced
from integrations.adapters.errors import (
    Reason,
    RejectedError,
    TargetError,
    TransientError,
)
from integrations.adapters.shapes import id_in, rows_in

API = "/developer_api/v1"


class CopperPeople(EachContact):
    """The writing half of the adapter."""

    @cached_property
    def _custom(self) -> dict[str, dict[str, Any]]:
        """Definitions of the custom fields that people have, by id."""
        rows = listed(self.request("GET", f"{API}/custom_field_definitions"))
        ours = [row for row in rows if "person" in (row.get("available_on") or ())]
        return {str(row["id"]): row for row in ours}

    def _find(self, email: str) -> dict[str, Any] | None:
        path = f"{API}/people/fetch_by_email"
        try:
            return self.fetch("POST", path, payload={"email": email.strip()})
        except TargetError:
            return None

    def write(self, contact: Contact, audience_id: str, options: Options) -> Outcome:
        person = self._find(contact.email)
        if person is not None and not options.update_existing:
            return existing(
                person.get("id", ""),
                "Already a person in Copper",
            )
        tags = [*options.tags, *contact.tags]
        row = self._row(contact, person or {}, tags)
        if person is None:
            mail = {"email": contact.email.strip(), "category": "work"}
            new = {"name": contact.email.strip(), "emails": [mail], **row}
            person = self.fetch("POST", f"{API}/people", payload=new)
        elif row:
            try:
                self.request("PUT", f"{API}/people/{id_in(person)}", payload=row)
            except TargetError:
                raise TransientError("Deleted in Copper just now.") from None
        return synced(id_in(person))

    def _row(
        self, contact: Contact, person: Mapping[str, Any], tags: Sequence[str]
    ) -> dict[str, object]:
        """What is to be written. Lists replace what is there, so they hold it too."""
        row: dict[str, Any] = {}
        custom: list[dict[str, object]] = []
        for name, value in filled(contact.fields).items():
            if name.startswith("address."):
                known = row.get("address") or person.get("address") or {}
                row["address"] = {**known, name.removeprefix("address."): value}
            elif name == "phone":
                numbers = person.get("phone_numbers") or []
                row["phone_numbers"] = _with(numbers, "number", str(value))
            elif name == "website":
                row["websites"] = _with(person.get("websites") or [], "url", str(value))
            elif name in ("name", "title", "details"):
                row[name] = value
            else:
                written = self._value(name, value)
                custom.append({"custom_field_definition_id": int(name), **written})
        if custom:
            row["custom_fields"] = custom
        held = list(person.get("tags") or ())
        if fresh := [tag for tag in dict.fromkeys(tags) if tag not in held]:
            row["tags"] = [*held, *fresh]
        return row

    def _value(self, name: str, value: object) -> dict[str, object]:
        definition = self._custom.get(name)
        if definition is None:
            raise RejectedError(
                "A field of the mapping is no longer in Copper.",
                reason=Reason.FIELD_TYPE,
            )
        kind = definition.get("data_type")
        if kind == "Date":
            return {"value": _timestamp(value)}
        if kind not in ("Dropdown", "MultiSelect"):
            return {"value": value}
        ids = {str(o["name"]): o["id"] for o in definition.get("options") or ()}
        wanted = list(value) if isinstance(value, (list, tuple)) else [value]
        if gone := [choice for choice in wanted if str(choice) not in ids]:
            raise RejectedError(
                f"{definition.get('name')}: Copper has no option “{gone[0]}”.",
                reason=Reason.OPTION_MISSING,
            )
        chosen = [ids[str(choice)] for choice in wanted]
        return {"value": chosen if kind == "MultiSelect" else chosen[0]}

    def reason_of(self, error: RejectedError) -> Reason:
        words = error.detail.lower()
        if error.reason is not Reason.REFUSED or "email" not in words:
            return error.reason
        taken = any(word in words for word in ("taken", "already", "duplicate"))
        return Reason.DUPLICATE if taken else Reason.ADDRESS_INVALID

    def erase(self, email: str) -> Receipt:
        person = self._find(email)
        if person is None:
            return Receipt(ok=True, note="Copper did not hold this address.")
        with suppress(TargetError):
            self.request("DELETE", f"{API}/people/{id_in(person)}")
        return Receipt(ok=True, note="Deleted from Copper for good.")


def listed(body: object) -> list[dict[str, Any]]:
    return rows_in({"rows": body}, "rows")


def _with(rows: list[dict[str, Any]], name: str, value: str) -> list[dict[str, Any]]:
    if any(str(row.get(name)) == value for row in rows):
        return rows
    return [*rows, {name: value, "category": "work"}]


def _timestamp(value: object) -> object:
    """The epoch second of a date's midnight in UTC; anything else as it is."""
    try:
        day = date.fromisoformat(str(value)[:10])
    except ValueError:
        return value
    return int(datetime.combine(day, time(), UTC).timestamp())
