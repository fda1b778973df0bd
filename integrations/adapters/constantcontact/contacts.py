"""Writing Constant Contact's contacts without re-subscribing anybody.

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
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from integrations.adapters.base import (
    Change,
    Contact,
    Options,
    Outcome,
    OutcomeState,
    Subscription,
)
from integrations.adapters.constantcontact.wire import (
    CORE,
    MAILABLE,
    ON_HOLD,
    PENDING,
    SUBRESOURCES,
    email_of,
    has_left,
    on_list,
    path_of,
    permission_of,
    properties_of,
    values_of,
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
from integrations.adapters.shapes import Row, dig, id_in, rows_in
from integrations.adapters.shared import moment

HELD = "Constant Contact holds this contact back for the moment (temporary hold)."
NO_PERMISSION = "Known there without permission to be mailed."
REVIVED = "Deleted there without having opted out."
WAITING = ("archived", "pending")
GONE = "Deleted in Constant Contact just now."
TAGS_LOST = "Their tags were not set"
SETTLED = {"synced": OutcomeState.SYNCED, "awaiting": OutcomeState.AWAITING_OPT_IN}


class ConstantContactContacts(Rest):
    """The half of the adapter that knows and writes people."""

    id_key, state_key = "contact_id", ""
    time_keys = ("updated_at",)
    kept = frozenset({"subscribed", "unknown"})  # who is pending may need the list

    _asks: bool | None = None  # whether new contacts have to confirm

    def page(
        self, path: str, place: Any, params: Params | None = None
    ) -> tuple[list[Row], str]:
        """`place` is the query behind the page before."""
        query = dict(parse_qsl(place, keep_blank_values=True)) if place else params
        body = self.fetch("GET", path, params=query)
        rows = rows_in(body, path.rpartition("/")[2].removeprefix("contact_"))
        return rows, urlsplit(str(dig(body, "_links", "next", "href") or "")).query

    def find_all(self, email: str) -> list[Row]:
        """The contacts with an address, deleted or not, with their lists; who left
        comes first, then who is there."""
        rows: list[Row] = []
        for asked in forms(email):
            params: Params = {"email": asked, "status": "all", "include": SUBRESOURCES}
            rows += self.page("/v3/contacts", "", params)[0]
        same = [row for row in rows if key_of(email_of(row)) == key_of(email)]
        same.sort(key=lambda row: bool(row.get("deleted_at")))
        same.sort(key=lambda row: permission_of(row) != "unsubscribed")
        return same

    def find_one(self, email: str, audience_id: str) -> Row | None:
        return next(iter(self.find_all(email)), None)

    def status_of(self, row: Row, audience_id: str) -> str:
        """Where somebody stands on a list; permission is the account's as a whole."""
        permission = permission_of(row)
        if has_left(row):
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

    def left_at(self, row: Row, audience_id: str) -> datetime | None:
        address = row["email_address"]
        since = moment(address.get("opt_out_date")) if has_left(row) else None
        return since or moment(address.get("updated_at") or row.get("updated_at"))

    def values_of(self, row: Row) -> dict[str, object]:
        return values_of(row)

    def standing(self, email: str, row: Row | None, audience_id: str) -> Subscription:
        known = super().standing(email, row, audience_id)
        if row is None:
            return known
        detail = str(row["email_address"].get("opt_out_reason") or "")
        if not has_left(row):
            held = permission_of(row) == ON_HOLD
            unknown = HELD if held else NO_PERMISSION
            revived = REVIVED if permission_of(row) in MAILABLE else ""
            detail = {"unknown": unknown, "archived": revived}.get(known.status, "")
        return replace(known, detail=detail)

    def told_of(self, row: Row, list_id: str) -> Iterator[Change]:
        """What a contact's row tells about a list: nothing of who is no member, and
        neither opted out nor deleted."""
        now = self.standing(email_of(row), row, list_id)
        member = on_list(row, list_id)
        if now.email and (member or now.status in ("unsubscribed", *WAITING)):
            out = now.status == "pending" and permission_of(row) != PENDING
            yield Change(
                email=now.email,
                kind="upsert" if member else "status",
                status="unsubscribed" if out else now.status,  # until they come back
                fields=values_of(row) if member else {},
                at=self.time_of(row, list_id) or now.changed_at,
                audience_id=list_id,
            )

    def check_list(self, audience_id: str) -> None:
        """Raises TargetError when the list is not there any more."""
        path = f"/v3/contact_lists/{quote(audience_id, safe='')}"
        if self.fetch("GET", path).get("deleted_at"):
            raise TargetError("This list was deleted in Constant Contact.")

    def upsert(
        self, contacts: Sequence[Contact], audience_id: str, options: Options
    ) -> list[Outcome]:
        people = by_address(contacts)
        written = super().upsert(list(people.values()), audience_id, options)
        outcomes = dict(zip(people, written, strict=True))
        outcomes |= self._tagged(people, outcomes, options)
        return [outcomes[key_of(contact.email)] for contact in contacts]

    def turned_away(self, known: Subscription) -> Outcome | None:
        if known.detail == HELD:
            return rejected(Reason.COMPLIANCE, HELD)
        revived = known.status == "archived" and known.detail == REVIVED
        return None if revived else super().turned_away(known)

    def put(self, write: Write) -> Outcome:
        row, now, to = write.row, write.known, write.audience_id
        if row and now.status == "pending":
            asked = permission_of(row) == PENDING
            if asked and not on_list(row, to):
                self._add(now.remote_id, to)
            if not asked and not write.options.reconfirm:
                # Asked by another rule, or asked and then unsubscribed: they are out.
                now = replace(now, status="unsubscribed")
            return self.settled(now)
        fill = row is None or write.options.update_existing
        body = {
            "email_address": email_of(row) if row else write.contact.email,
            **(properties_of(write.contact.fields) if fill else {}),
            "list_memberships": [to],
        }
        contact_id = self._sign_up(body, to)
        if row is None or now.status == "archived":
            return self._created(write.contact, contact_id, new=row is None)
        return synced(contact_id)

    def _sign_up(self, body: Mapping[str, Any], audience_id: str) -> str:
        try:
            answer = self.fetch("POST", "/v3/contacts/sign_up_form", payload=body)
        except RejectedError as error:
            if "list" in error.detail.lower():
                self.check_list(audience_id)  # that may have been the cause
            raise
        return id_in(answer, "contact_id")

    def _created(self, contact: Contact, contact_id: str, *, new: bool) -> Outcome:
        asked = self._asks
        if asked is None or not new:
            known = self.find_one(contact.email, "")
            if known is None:
                raise TransientError(f"{self.label} does not show this contact yet.")
            asked = permission_of(known) == PENDING
            self._asks = asked if new else self._asks
        return awaiting(contact_id) if asked else synced(contact_id)

    def ask_again(self, write: Write) -> Outcome:
        id, to = write.known.remote_id, write.audience_id
        path = f"/v3/contacts/resubscribe/{quote(id, safe='')}"
        try:
            self.request("PUT", path, payload={"list_ids": [to]})
        except TargetError:
            self.check_list(to)  # that, or the person, is gone
            raise TransientError(GONE) from None
        except RejectedError as error:
            detail = f"{self.label} asks once, and did not ask again: {error.detail}"
            return rejected(Reason.UNSUBSCRIBED, detail)
        return awaiting(id)

    def _add(self, contact_id: str, audience_id: str) -> None:
        body = {"source": {"contact_ids": [contact_id]}, "list_ids": [audience_id]}
        self.request("POST", "/v3/activities/add_list_memberships", payload=body)

    def refusal(self, error: RejectedError) -> Outcome:
        if error.status == 409:  # somebody else was writing the same contact
            return Outcome(
                state=OutcomeState.RETRY, reason=Reason.SERVER, detail=error.detail
            )
        return super().refusal(error)

    def _tagged(
        self,
        people: Mapping[str, Contact],
        outcomes: Mapping[str, Outcome],
        options: Options,
    ) -> dict[str, Outcome]:
        """The outcomes of who is tagged: submitted, since that is a job of its own."""
        groups: dict[tuple[str, ...], list[str]] = {}
        for key, contact in people.items():
            tags = tuple(tags_for(contact, options))
            if tags and outcomes[key].state in SETTLED.values():
                groups.setdefault(tags, []).append(key)
        changed: dict[str, Outcome] = {}
        known: dict[str, str] | None = None
        for tags, keys in groups.items():
            try:
                known = self._tags() if known is None else known
                ids = [known.get(tag.lower()) or self._new_tag(tag) for tag in tags]
                job = self._tag([outcomes[key].remote_id for key in keys], ids)
            except TransientError as error:
                changed |= dict.fromkeys(keys, again(error))
                continue
            except RejectedError as error:
                for key in keys:
                    detail = f"{TAGS_LOST}: {error.detail}"
                    changed[key] = replace(outcomes[key], detail=detail)
                continue
            names = {state: name for name, state in SETTLED.items()}
            for key in keys:
                named = f"{names[outcomes[key].state]}:{job}"
                changed[key] = Outcome(state=OutcomeState.SUBMITTED, job=named)
        return changed

    def _tags(self) -> dict[str, str]:
        rows = self.rows("/v3/contact_tags", {"limit": 500})
        return {str(row.get("name")).lower(): id_in(row, "tag_id") for row in rows}

    def _new_tag(self, name: str) -> str:
        made = self.fetch("POST", "/v3/contact_tags", payload={"name": name})
        return id_in(made, "tag_id")

    def _tag(self, contact_ids: Sequence[str], tag_ids: Sequence[str]) -> str:
        body = {"source": {"contact_ids": contact_ids}, "tag_ids": tag_ids}
        path = "/v3/activities/contacts_taggings_add"
        return id_in(self.fetch("POST", path, payload=body), "activity_id")

    def poll(self, job: str, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        """Whether the tags are set; the contacts themselves were written before."""
        name, _, activity = job.partition(":")
        detail = ""
        try:
            body = self.fetch("GET", f"/v3/activities/{quote(activity, safe='')}")
        except TargetError:
            detail = f"{TAGS_LOST}, as far as is known: the report is gone."
        else:
            if body.get("state") in ("initialized", "processing"):
                return []
            if body.get("state") != "completed" or body.get("activity_errors"):
                errors = [str(error) for error in body.get("activity_errors") or ()]
                told = " ".join(errors) or str(body.get("state"))
                detail = self.safe(f"{TAGS_LOST}: {told}")
        state = SETTLED.get(name, OutcomeState.SYNCED)
        return [Outcome(state=state, detail=detail) for _ in emails]

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        def leave(email: str) -> Outcome:
            rows = self.find_all(email)
            for row in rows:
                if permission_of(row) != "unsubscribed":
                    self._opt_out(row)
            return synced(id_in(rows[-1], "contact_id") if rows else "")

        return self.each(emails, leave)

    def _opt_out(self, known: Row) -> None:
        body = {name: known[name] for name in CORE if known.get(name) is not None}
        body["email_address"] = {
            "address": email_of(known),
            "permission_to_send": "unsubscribed",
        }
        body["update_source"] = "Contact"
        with suppress(TargetError):  # deleted just now, and mailed no more
            self.fetch("PUT", path_of(known), payload=body)
