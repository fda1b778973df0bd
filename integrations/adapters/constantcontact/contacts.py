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
from typing import Any
from urllib.parse import quote

from integrations.adapters import consent
from integrations.adapters.base import (
    Contact,
    Options,
    Outcome,
    OutcomeState,
    Subscription,
)
from integrations.adapters.constantcontact.wire import (
    CORE,
    HELD,
    MAILABLE,
    PENDING,
    SUBRESOURCES,
    email_of,
    next_page,
    on_list,
    permission_of,
    properties_of,
    query_of,
    standing,
)
from integrations.adapters.each import (
    EachContact,
    again,
    awaiting,
    by_address,
    existing,
    forms,
    key_of,
    rejected,
    synced,
)
from integrations.adapters.errors import (
    Reason,
    RejectedError,
    TargetError,
    TransientError,
)
from integrations.adapters.http import Params
from integrations.adapters.paging import all_pages
from integrations.adapters.shapes import id_in, rows_in

GONE = "Deleted in Constant Contact just now."
TAGS_LOST = "Their tags were not set"
SETTLED = {"synced": OutcomeState.SYNCED, "awaiting": OutcomeState.AWAITING_OPT_IN}


class ConstantContactContacts(EachContact):
    """The writing half of the adapter."""

    _asks: bool | None = None  # whether new contacts have to confirm

    def find(self, email: str) -> dict[str, Any] | None:
        """The contact with an address, deleted or not, with its lists."""
        same = self.find_all(email)
        # A deleted one beside one that is there: who left counts, then who is there.
        same.sort(key=lambda row: bool(row.get("deleted_at")))
        same.sort(key=lambda row: permission_of(row) != "unsubscribed")
        return next(iter(same), None)

    def find_all(self, email: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        for asked in forms(email):
            params: Params = {"email": asked, "status": "all", "include": SUBRESOURCES}
            body = self.fetch("GET", "/v3/contacts", params=params)
            rows += rows_in(body, "contacts")
        return [row for row in rows if key_of(email_of(row)) == key_of(email)]

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

    def write(self, contact: Contact, audience_id: str, options: Options) -> Outcome:
        known = self.find(contact.email)
        now = standing(contact.email, known, audience_id)
        permission = permission_of(known) if known else ""
        if now.status == "pending" and permission != PENDING and not options.reconfirm:
            # Asked by another rule, or asked and then unsubscribed: they are out.
            now = replace(now, status="unsubscribed")
        refused = consent.left(now, self.label)
        if refused is not None and not (
            now.status == "archived" and permission in MAILABLE
        ):
            if consent.may_ask_again(now, contact, options):
                return self._ask(now, audience_id)
            return refused
        if now.detail == HELD:
            return rejected(Reason.COMPLIANCE, HELD)
        if now.status == "pending":
            if permission == PENDING and not on_list(known or {}, audience_id):
                self._add(now.remote_id, audience_id)
            return awaiting(now.remote_id)
        member = on_list(known or {}, audience_id)
        if member and not options.update_existing:
            return existing(now.remote_id)
        fields = contact.fields if known is None or options.update_existing else {}
        body = {
            "email_address": email_of(known) if known else contact.email,
            **properties_of(fields),
            "list_memberships": [audience_id],
        }
        contact_id = self._sign_up(body, audience_id)
        if known is None or now.status == "archived":
            return self._created(contact, contact_id, new=known is None)
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
            known = self.find(contact.email)
            if known is None:
                raise TransientError(f"{self.label} does not show this contact yet.")
            asked = permission_of(known) == PENDING
            self._asks = asked if new else self._asks
        return awaiting(contact_id) if asked else synced(contact_id)

    def _ask(self, now: Subscription, audience_id: str) -> Outcome:
        path = f"/v3/contacts/resubscribe/{quote(now.remote_id, safe='')}"
        try:
            self.request("PUT", path, payload={"list_ids": [audience_id]})
        except TargetError:
            self.check_list(audience_id)  # that, or the person, is gone
            raise TransientError(GONE) from None
        except RejectedError as error:
            detail = f"{self.label} asks once, and did not ask again: {error.detail}"
            return rejected(Reason.UNSUBSCRIBED, detail)
        return awaiting(now.remote_id)

    def _add(self, contact_id: str, audience_id: str) -> None:
        body = {"source": {"contact_ids": [contact_id]}, "list_ids": [audience_id]}
        self.request("POST", "/v3/activities/add_list_memberships", payload=body)

    def refusal(self, error: RejectedError) -> Outcome:
        if error.status == 409:  # somebody else was writing the same contact
            return Outcome(
                state=OutcomeState.RETRY, reason=Reason.SERVER, detail=error.detail
            )
        return super().refusal(error)

    def reason_of(self, error: RejectedError) -> Reason:
        words = error.detail.lower()
        if "email" in words:
            return Reason.ADDRESS_INVALID
        if "custom_field" in words or any(name in words for name in CORE):
            return Reason.FIELD_TYPE
        return error.reason

    def _tagged(
        self,
        people: Mapping[str, Contact],
        outcomes: Mapping[str, Outcome],
        options: Options,
    ) -> dict[str, Outcome]:
        """The outcomes of who is tagged: submitted, since that is a job of its own."""
        groups: dict[tuple[str, ...], list[str]] = {}
        for key, contact in people.items():
            tags = tuple(dict.fromkeys((*options.tags, *contact.tags)))
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
        rows = self.pages("/v3/contact_tags", "tags", {"limit": 500})
        return {str(row.get("name")).lower(): id_in(row, "tag_id") for row in rows}

    def pages(self, path: str, key: str, params: Params) -> Iterator[dict[str, Any]]:
        """All rows of a collection."""

        def read(page: str) -> tuple[list[dict[str, Any]], str]:
            body = self.fetch("GET", path, params=query_of(page) if page else params)
            return rows_in(body, key), next_page(body)

        return all_pages(read, "")

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

    def subscriptions(
        self, emails: Sequence[str], audience_id: str
    ) -> list[Subscription]:
        return [standing(email, self.find(email), audience_id) for email in emails]

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        return self.each(emails, self._unsubscribe)

    def _unsubscribe(self, email: str) -> Outcome:
        done = synced()
        for known in self.find_all(email):
            if permission_of(known) != "unsubscribed":
                self._leave(known)
            done = synced(known.get("contact_id"))
        return done

    def _leave(self, known: Mapping[str, Any]) -> None:
        body = {name: known[name] for name in CORE if known.get(name) is not None}
        body["email_address"] = {
            "address": email_of(known),
            "permission_to_send": "unsubscribed",
        }
        body["update_source"] = "Contact"
        path = f"/v3/contacts/{quote(str(known.get('contact_id')), safe='')}"
        with suppress(TargetError):  # deleted just now, and mailed no more
            self.fetch("PUT", path, payload=body)
