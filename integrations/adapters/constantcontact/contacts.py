"""Knowing Constant Contact's contacts, and writing them without re-subscribing anybody.

sign_up_form, the one call that creates or updates, sets an existing contact's
permission to explicit whatever it was: it would bring back who unsubscribed, and skip
the confirmation of who was asked. So everybody is read first. Who unsubscribed is left
alone, or asked with the resubscribe call, which Constant Contact answers once per
contact; who is pending only gets the list, by an activity that leaves permission alone.
A deleted contact is revived only where it shows that it had not opted out.

Bulk import is not used: it gives permission "implicit", skips Confirmed Opt-In and
tells how many rows failed, never which.

Whether a new contact has to confirm is the account's setting, which no call tells: it
is read from the first contact created, and taken to hold for this adapter's lifetime.

Facts are from its OpenAPI description 3.0.172 and from
developer.constantcontact.com/api_guide (contacts_create_or_update,
contacts_re-subscribe, glossary_responses; read 2026-11-22).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import cached_property

from integrations.adapters.base import (
    Contact,
    Field,
    Options,
    Outcome,
    OutcomeState,
    Subscription,
)
from integrations.adapters.each import (
    again,
    awaiting,
    by_address,
    forms,
    key_of,
    rejected,
    synced,
    tags_for,
)
from integrations.adapters.errors import (
    Reason,
    RejectedError,
    TargetError,
    TransientError,
)
from integrations.adapters.http import Params
from integrations.adapters.rest import Rest, Write
from integrations.adapters.shapes import Row, id_in, row_in
from integrations.adapters.shared import moment

# What a PUT needs back, because it empties every core property that it does not name.
CORE = (
    *("first_name", "last_name", "job_title", "company_name", "anniversary"),
    *("birthday_month", "birthday_day"),
)
SUBRESOURCES = "custom_fields,list_memberships,phone_numbers,street_addresses"
MAILABLE = ("explicit", "implicit")
PENDING, ON_HOLD, OUT = "pending_confirmation", "temp_hold", "unsubscribed"
HELD = "Constant Contact holds this contact back for the moment (temporary hold)."
NO_PERMISSION = "Known there without permission to be mailed."
REVIVED = "Deleted there without having opted out."
TAGS_LOST = "Their tags were not set"
WRITTEN = (OutcomeState.SYNCED, OutcomeState.AWAITING_OPT_IN)


class ConstantContactContacts(Rest):
    """The half of the adapter that knows and writes people, see `flat`."""

    state_key = ""
    time_keys = ("updated_at",)
    own_fields = (
        Field(id="first_name", label="First name"),
        Field(id="last_name", label="Last name"),
        Field(id="job_title", label="Job title"),
        Field(id="company_name", label="Company"),
        Field(id="phone_number", label="Phone number", type="phone"),
        Field(id="birthday", label="Birthday", type="birthday", format="MM/DD"),
        Field(id="anniversary", label="Anniversary", type="date"),
        Field(id="street_address.street", label="Street"),
        Field(id="street_address.city", label="City"),
        Field(id="street_address.state", label="State"),
        Field(id="street_address.postal_code", label="Postal code", type="zip"),
        Field(id="street_address.country", label="Country"),
    )
    custom_key = "custom_fields"
    one_path = "/v3/contacts/{id}"
    kept = frozenset({"subscribed", "unknown"})  # who is pending may need the list

    _asks: bool | None = None  # whether new contacts have to confirm

    # A contact.

    def listed(self, body: Row, name: str) -> list[Row]:
        rows = super().listed(body, name.removeprefix("contact_"))
        return [flat(row) for row in rows] if name == "contacts" else rows

    def status_of(self, row: Row, audience_id: str) -> str:
        """Where somebody stands on a list; permission is the account's as a whole."""
        permission = row["permission"]
        if row["left"]:
            # Asked to confirm their return, as it seems, and not answered yet.
            asked = row["email_address"].get("confirm_status") == "pending"
            return "pending" if asked else "unsubscribed"
        if row.get("deleted_at"):
            return "archived"
        if permission == PENDING:
            return "pending"
        if permission != ON_HOLD and not on_list(row, audience_id):
            return "absent"
        return "subscribed" if permission in MAILABLE else "unknown"

    def detail_of(self, row: Row, audience_id: str) -> str:
        if row["left"]:
            return str(row["email_address"].get("opt_out_reason") or "")
        status, permission = self.status_of(row, audience_id), row["permission"]
        if status == "unknown":
            return HELD if permission == ON_HOLD else NO_PERMISSION
        return REVIVED if status == "archived" and permission in MAILABLE else ""

    def left_at(self, row: Row, audience_id: str) -> datetime | None:
        address = row["email_address"]
        since = moment(address.get("opt_out_date")) if row["left"] else None
        return since or moment(address.get("updated_at") or row.get("updated_at"))

    def record_of(self, contact: Contact) -> Row:
        """Field values as a sign-up takes them."""
        record = super().record_of(contact)
        if place := record.get("street_address"):
            place["kind"] = "home"
        month, _, day = str(record.pop("birthday", "")).partition("/")
        if month.isdecimal() and day.isdecimal():
            record |= {"birthday_month": int(month), "birthday_day": int(day)}
        if custom := record.get("custom_fields"):
            rows = [{"custom_field_id": id, "value": custom[id]} for id in custom]
            record["custom_fields"] = rows
        return record

    # Looking people up.

    def find_all(self, email: str) -> list[Row]:
        """The contacts with an address, deleted or not, with their lists; who left
        comes first, then who is there."""
        rows: list[Row] = []
        for asked in forms(email):
            params: Params = {"email": asked, "status": "all", "include": SUBRESOURCES}
            rows += self.page("/v3/contacts", "", params)[0]

        def order(row: Row) -> tuple[bool, bool]:
            return not row["left"], bool(row.get("deleted_at"))

        same = [row for row in rows if key_of(id_in(row, "email")) == key_of(email)]
        return sorted(same, key=order)

    def find_one(self, email: str, audience_id: str) -> Row | None:
        return next(iter(self.find_all(email)), None)

    def check_list(self, audience_id: str) -> None:
        """Raises TargetError when the list is not there any more."""
        path = self.at("/v3/contact_lists/{audience}", audience_id)
        if self.fetch("GET", path).get("deleted_at"):
            raise TargetError("This list was deleted in Constant Contact.")

    # Writing.

    def upsert(
        self, contacts: Sequence[Contact], audience_id: str, options: Options
    ) -> list[Outcome]:
        people = by_address(contacts)
        written = super().upsert(list(people.values()), audience_id, options)
        outcomes = dict(zip(people, written, strict=True))
        tags = {
            key: tuple(tags_for(contact, options))
            for key, contact in people.items()
            if outcomes[key].state in WRITTEN
        }
        for some in filter(None, dict.fromkeys(tags.values())):
            done = {key: outcomes[key] for key in tags if tags[key] == some}
            outcomes |= self._tagged(done, some)
        return [outcomes[key_of(contact.email)] for contact in contacts]

    def turned_away(self, known: Subscription) -> Outcome | None:
        if known.detail == HELD:
            return rejected(Reason.COMPLIANCE, HELD)
        revived = known.status == "archived" and known.detail == REVIVED
        return None if revived else super().turned_away(known)

    def put(self, write: Write) -> Outcome:
        row, now, to = write.row, write.known, write.audience_id
        if row and now.status == "pending":
            asked = row["permission"] == PENDING
            if asked and not on_list(row, to):
                body = {"source": {"contact_ids": [now.remote_id]}, "list_ids": [to]}
                self.request(
                    "POST", "/v3/activities/add_list_memberships", payload=body
                )
            if not asked and not write.options.reconfirm:
                # Asked by another rule, or asked and then unsubscribed: they are out.
                now = replace(now, status="unsubscribed")
            return self.settled(now)
        record = self.record_of(write.contact) if write.fills else {}
        email = row["email"] if row else write.email
        id = self._sign_up({"email_address": email, **record}, to)
        asked = (row is None or now.status == "archived") and self._must_confirm(write)
        return awaiting(id) if asked else synced(id)

    def _sign_up(self, person: Row, audience_id: str) -> str:
        body = {**person, "list_memberships": [audience_id]}
        try:
            answer = self.fetch("POST", "/v3/contacts/sign_up_form", payload=body)
        except RejectedError as error:
            if "list" in error.detail.lower():
                self.check_list(audience_id)  # that may have been the cause
            raise
        return id_in(answer, "contact_id")

    def _must_confirm(self, write: Write) -> bool:
        """Whether somebody who was just created or revived was asked to confirm."""
        if self._asks is not None and write.row is None:
            return self._asks
        made = self.find_one(write.email, "")
        if made is None:
            raise TransientError(f"{self.label} does not show this contact yet.")
        asked = bool(made["permission"] == PENDING)
        if write.row is None:
            self._asks = asked
        return asked

    def ask_again(self, write: Write) -> Outcome:
        id, to = write.known.remote_id, write.audience_id
        path = self.at("/v3/contacts/resubscribe/{id}", id=id)
        try:
            self.request("PUT", path, payload={"list_ids": [to]})
        except TargetError:
            self.check_list(to)  # that, or the person, is gone
            raise TransientError(f"Deleted in {self.label} just now.") from None
        except RejectedError as error:
            detail = f"{self.label} asks once, and did not ask again: {error.detail}"
            return rejected(Reason.UNSUBSCRIBED, detail)
        return awaiting(id)

    def refusal(self, error: RejectedError) -> Outcome:
        if error.status == 409:  # somebody else was writing the same contact
            return again(TransientError(error.detail))
        return super().refusal(error)

    # Tags.

    def _tagged(
        self, done: Mapping[str, Outcome], tags: Sequence[str]
    ) -> dict[str, Outcome]:
        """The outcomes of who is tagged: submitted, since that is a job of its own."""
        try:
            ids = [self.tag_id(tag) for tag in tags]
            people = [outcome.remote_id for outcome in done.values()]
            body = {"source": {"contact_ids": people}, "tag_ids": ids}
            path = "/v3/activities/contacts_taggings_add"
            job = id_in(self.fetch("POST", path, payload=body), "activity_id")
        except TransientError as error:
            return dict.fromkeys(done, again(error))
        except RejectedError as error:
            lost = f"{TAGS_LOST}: {error.detail}"
            return {key: replace(done[key], detail=lost) for key in done}
        jobs = {key: f"{done[key].state}:{job}" for key in done}
        state = OutcomeState.SUBMITTED
        return {key: Outcome(state=state, job=jobs[key]) for key in done}

    @cached_property
    def _tags(self) -> dict[str, str]:
        rows = self.rows("/v3/contact_tags", {"limit": 500})
        return {str(row.get("name")).lower(): id_in(row, "tag_id") for row in rows}

    def tag_named(self, name: str) -> str:
        if found := self._tags.get(name.lower()):
            return found
        made = self.fetch("POST", "/v3/contact_tags", payload={"name": name})
        return id_in(made, "tag_id")

    def poll(self, job: str, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        """Whether the tags are set; the contacts themselves were written before."""
        state, _, activity = job.partition(":")
        report = self.maybe(self.at("/v3/activities/{id}", id=activity))
        detail = ""
        if report is None:
            detail = f"{TAGS_LOST}, as far as is known: the report is gone."
        elif report.get("state") in ("initialized", "processing"):
            return []
        elif report.get("state") != "completed" or report.get("activity_errors"):
            errors = report.get("activity_errors") or [report.get("state")]
            detail = self.safe(f"{TAGS_LOST}: {' '.join(map(str, errors))}")
        return [Outcome(state=OutcomeState(state), detail=detail) for _ in emails]

    # Leaving.

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        def leave(email: str) -> Outcome:
            rows = self.find_all(email)
            for row in rows:
                if row["permission"] != OUT:
                    self._opt_out(row)
            return synced(rows[-1]["id"] if rows else "")

        return self.each(emails, leave)

    def _opt_out(self, row: Row) -> None:
        body = {name: row[name] for name in CORE if row.get(name) is not None}
        out = {"address": row["email"], "permission_to_send": OUT}
        body |= {"email_address": out, "update_source": "Contact"}
        with suppress(TargetError):  # deleted just now, and mailed no more
            self.fetch("PUT", self.at(self.one_path, id=row["id"]), payload=body)


def flat(contact: Row) -> Row:
    """A contact with what is read of it: address, permission, whether they left, the
    first phone number and street address, custom fields by their ids.

    Raises TransientError for an address without a permission: who left could not be
    told.
    """
    mailed = contact.get("email_address") is not None  # a name or a phone may do
    address = row_in(contact, "email_address") if mailed else {}
    permission = id_in(address, "permission_to_send") if mailed else ""
    welcome = permission in (*MAILABLE, PENDING)
    phones = contact.get("phone_numbers") or [{}]
    places = contact.get("street_addresses") or [{}]
    month, day = contact.get("birthday_month"), contact.get("birthday_day")
    custom = contact.get("custom_fields") or ()
    return {
        **contact,
        "id": id_in(contact, "contact_id"),
        "email": str(address.get("address") or ""),
        "permission": permission,
        "left": not welcome and bool(permission == OUT or address.get("opt_out_date")),
        "phone_number": phones[0].get("phone_number"),
        "street_address": places[0],
        "birthday": f"{int(month):02}/{int(day):02}" if month and day else "",
        "custom_fields": {
            str(r.get("custom_field_id")): r.get("value") for r in custom
        },
    }


def on_list(contact: Row, list_id: str) -> bool:
    return list_id in (contact.get("list_memberships") or ())
