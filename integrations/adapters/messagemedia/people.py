"""Writing people to MessageMedia: a phone number is who somebody is.

* There is no upsert and no look-up by e-mail address. Numbers are looked up, all of a
  batch in one call; those found are changed by id, the others created; then all that
  are not on the list are added to it in one call.
* Opting out is a matter of numbers: STOP puts one on the account's blacklist, and a
  contact's SMS channel can be UNSUBSCRIBED. After either nothing is written. No channel
  is ever sent for somebody who is there already, so nobody's state changes.
* What PATCH does to custom fields that it leaves out is not documented: those that are
  there are sent along. What is there already as wanted is not sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from typing import Any
from urllib.parse import quote

from integrations.adapters.base import (
    Contact,
    Options,
    Outcome,
    OutcomeState,
    Receipt,
    filled,
    is_blank,
)
from integrations.adapters.calls import RestCalls
from integrations.adapters.consent import left
from integrations.adapters.each import again, key_of, merged, synced
from integrations.adapters.errors import (
    Reason,
    RejectedError,
    TargetError,
    TransientError,
)
from integrations.adapters.http import Params
from integrations.adapters.messagemedia.wire import (
    E164,
    ON_LIST,
    STANDARD,
    addresses_of,
    custom_rows,
    left_now,
    number_of,
    numbers_of,
    on_list,
    standing,
    text_of,
    unusable,
)
from integrations.adapters.shapes import Row, id_in, rows_in

API = "/api/v1/contacts"
NUMBERS = "/v1/number_authorisation"
AT_ONCE = 100  # numbers in one URL
BLACKLISTED_AT_ONCE = 10  # by the description of that call


class MessageMediaPeople(RestCalls):
    """The half of the adapter that finds and writes people."""

    size_param, page_size = "pageSize", 1000  # the API's maximum
    place_param, rows_key = "nextPageToken", "content"
    total_keys = ("totalElements",)

    def following(self, body: Row, rows: list[Row], place: Any) -> str:
        return str(body.get("nextPageToken") or "") if rows else ""

    @cached_property
    def custom_fields(self) -> list[Row]:
        return list(self.rows(f"{API}/custom-fields"))

    @property
    def email_field(self) -> str:
        """The id of the custom field that keeps the address, "" when there is none: one
        whose merge tag is "email" before the first of the type."""
        found = [field for field in self.custom_fields if field.get("type") == "EMAIL"]
        found.sort(key=lambda field: str(field.get("mergeTag", "")).lower() != "email")
        return str(found[0]["id"]) if found else ""

    def by_number(self, numbers: Sequence[str]) -> dict[str, Row]:
        """The contacts with these numbers as SMS channel, at most AT_ONCE."""
        params: Params = {"channelIds": ",".join(numbers), "channelTypes": "SMS"}
        return {
            str(channel["channelId"]): row
            for row in self.rows(f"{API}/contacts", params)
            for channel in row.get("channels") or ()
            if channel.get("type") == "SMS"
        }

    def blocked(self, numbers: Iterable[str]) -> set[str]:
        """Which of these numbers are on the blacklist."""
        each = list(dict.fromkeys(numbers))
        parts = (each[at : at + AT_ONCE] for at in range(0, len(each), AT_ONCE))
        return {number for part in parts for number in self._blocked(part)}

    def _blocked(self, numbers: Sequence[str]) -> set[str]:
        asked = quote(",".join(numbers), safe="+,")
        body = self.fetch("GET", f"{NUMBERS}/is_authorised/{asked}")
        # The documented answers write numbers without the plus.
        told = {
            f"+{str(row.get('number', '')).lstrip('+')}": row.get("authorised")
            for row in rows_in(body, "numbers")
        }
        if not told.keys() >= set(numbers):
            raise TransientError(
                "Sinch MessageMedia did not tell of all numbers whether they opted out."
            )
        return {number for number in numbers if told[number] is not True}

    def require_audience(self, audience_id: str) -> None:
        """Raises TargetError when the list is not there."""
        self.fetch("GET", f"{API}/lists/{quote(audience_id, safe='')}")

    def upsert(
        self, contacts: Sequence[Contact], audience_id: str, options: Options
    ) -> list[Outcome]:
        people: dict[str, Contact] = {}
        for contact in contacts:
            number = number_of(contact)
            if E164.fullmatch(number):
                known = people.get(number)
                people[number] = merged(known, contact) if known else contact
        outcomes = self._write(people, audience_id, options) if people else {}
        return [
            outcomes.get(number_of(contact)) or unusable(number_of(contact))
            for contact in contacts
        ]

    def _write(
        self, people: Mapping[str, Contact], audience_id: str, options: Options
    ) -> dict[str, Outcome]:
        known = self.by_number(list(people))
        blocked = self.blocked(list(people))
        outcomes: dict[str, Outcome] = {}
        for number in people:
            row = known.get(number, {})
            refused = left(standing("", row, number, number in blocked), self.label)
            if refused:
                outcomes[number] = refused
            elif on_list(row, audience_id) and not options.update_existing:
                outcomes[number] = replace(ON_LIST, remote_id=str(row["id"]))
        wanted = [number for number in people if number not in outcomes]
        joining = {n for n in wanted if not on_list(known.get(n, {}), audience_id)}
        if joining:
            self.require_audience(audience_id)

        def save(number: str) -> Outcome:
            return self._save(known.get(number, {}), number, people[number], options)

        outcomes |= zip(wanted, self.each(wanted, save), strict=True)
        self._join(outcomes, joining, audience_id)
        return outcomes

    def _save(
        self,
        row: Row,
        number: str,
        contact: Contact,
        options: Options,
        again: bool = False,
    ) -> Outcome:
        """Create or change one contact; `again`: what was looked up proved wrong."""
        values, custom = self._values(contact)
        try:
            if row:
                return self._change(row, values, custom, options)
            channel = {
                "channelId": number,
                "type": "SMS",
                "subscriptionState": "SUBSCRIBED",
            }
            made = {**values, "channels": [channel], **custom_rows(custom)}
            answer = self.fetch("POST", f"{API}/contacts", payload=made)
            return synced(id_in(answer), self._reachable)
        except RejectedError as error:
            if error.reason is Reason.DUPLICATE and not row and not again:
                raced = self.by_number([number]).get(number)
                if raced:
                    return left(
                        standing("", raced, number, False), self.label
                    ) or self._save(raced, number, contact, options, again=True)
            raise
        except TargetError:
            if not row:
                raise
            if again:
                raise TransientError("Deleted in MessageMedia just now.") from None
            # Deleted since it was looked up.
            return self._save({}, number, contact, options, again=True)

    def _change(
        self, row: Row, values: Row, custom: Mapping[str, str], options: Options
    ) -> Outcome:
        own = id_in(row)
        there = {
            str(field["id"]): str(field["value"])
            for field in row.get("customFields") or ()
            if not is_blank(field.get("value"))
        }
        change: Row = {k: v for k, v in values.items() if row.get(k) != v}
        if {**there, **custom} != there:
            change |= custom_rows({**there, **custom})
        if change and options.update_existing:
            path = f"{API}/contacts/{quote(own, safe='')}"
            self.request("PATCH", path, payload=change)
        return synced(own, self._reachable)

    @property
    def _reachable(self) -> str:
        """What people should know when the address could not be kept."""
        if self.email_field:
            return ""
        return "Kept without the e-mail address: there is no custom field of that type."

    def _values(self, contact: Contact) -> tuple[Row, dict[str, str]]:
        """A contact's own fields, and its custom ones by id."""
        mapped = filled(contact.fields)
        values = {k: text_of(v) for k, v in mapped.items() if k in STANDARD}
        custom = {
            k: text_of(v)
            for k, v in mapped.items()
            if k not in STANDARD and k not in ("phone", self.email_field)
        }
        if self.email_field:
            custom[self.email_field] = contact.email.strip()
        return values, custom

    def _join(
        self, outcomes: dict[str, Outcome], joining: set[str], audience_id: str
    ) -> None:
        """Put those who were written on the list."""
        added = {
            number: outcome.remote_id
            for number, outcome in outcomes.items()
            if number in joining and outcome.state is OutcomeState.SYNCED
        }
        if not added:
            return
        path = f"{API}/lists/{quote(audience_id, safe='')}/contacts"
        ids = list(added.values())
        try:
            self.request("PATCH", path, payload={"contactsToAddIds": ids})
        except TransientError as error:
            outcomes |= dict.fromkeys(added, again(error))

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        """Puts the numbers on the account's blacklist, as a STOP does."""
        found = self.find(emails, {"listIds": audience_id})
        if not any(found.values()):
            self.require_audience(audience_id)
        numbers = sorted({n for rows in found.values() for n in numbers_of(rows)})
        for start in range(0, len(numbers), BLACKLISTED_AT_ONCE):
            part = numbers[start : start + BLACKLISTED_AT_ONCE]
            self.request("POST", f"{NUMBERS}/mt/blacklist", payload={"numbers": part})
        return [left_now(found[key_of(email)]) for email in emails]

    def find(self, emails: Sequence[str], params: Params) -> dict[str, list[Row]]:
        """Contacts by their e-mail address, in lower case. Reads all that `params`
        select, because the API does not search for addresses."""
        found: dict[str, list[Row]] = {key_of(email): [] for email in emails}
        for row in self.rows(f"{API}/contacts", params):
            for address in addresses_of(row):
                if address in found:
                    found[address].append(row)
        return found

    def erase(self, email: str) -> Receipt:
        """Deletes every contact of the account that has the address."""
        gone = 0
        for row in self.find([email], {})[key_of(email)]:
            with suppress(TargetError):  # somebody was faster
                path = f"{API}/contacts/{quote(str(row['id']), safe='')}"
                self.request("DELETE", path)
                gone += 1
        if not gone:
            return Receipt(ok=True, note="No contact of this account has the address.")
        return Receipt(
            ok=True,
            note="Deleted from the contacts. Messages that were sent stay in the "
            "reports, and a number on the blacklist stays there.",
        )
