"""Looking Klaviyo profiles up, and writing them without re-subscribing anybody.

Klaviyo's subscribe job silently lifts the suppressions UNSUBSCRIBE, SPAM_COMPLAINT and
USER_SUPPRESSED, so everybody's standing is read first and nobody who left is named in
any write. Asking them to confirm again is not offered: whether the job lifts the
suppression before or after the confirmation is not documented.

* Attributes: one contact by profile-import, which answers at once; several by a
  profile-bulk-import-job, whose errors are read by `poll`. Neither touches consent.
* Subscription: one subscribe job for all who are not subscribed on the list yet. It
  answers 202 without an id. On a list with double opt-in Klaviyo then asks them, and
  the profile joins the list when they confirm; otherwise they join within moments,
  which `poll` reads back.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from integrations.adapters import consent
from integrations.adapters.base import (
    Contact,
    Options,
    Outcome,
    OutcomeState,
    Subscription,
)
from integrations.adapters.declared import filled_in
from integrations.adapters.each import (
    again,
    awaiting,
    by_address,
    key_of,
    rejected,
    spellings,
    synced,
)
from integrations.adapters.errors import Reason, RejectedError, TransientError
from integrations.adapters.http import Params
from integrations.adapters.klaviyo.wire import (
    FIXED,
    check_told,
    flat,
    reason_for,
    resource,
    stands,
)
from integrations.adapters.paging import batches
from integrations.adapters.rest import Write
from integrations.adapters.shapes import Row, dig, id_in
from integrations.adapters.shared import moment
from integrations.adapters.together import Together

EVERYBODY = "/api/profiles"
MOST = 100  # addresses in a filter, profiles in an unsubscribe job
JOINED_BY = timedelta(minutes=15)  # after that a subscription is not merely under way
ABSENT = "Klaviyo took the subscription, and the profile is not on the list."
NOT_KNOWN = (
    "Klaviyo does not show who was asked to confirm and has not answered yet; this "
    "person is known there without a confirmed subscription to the list."
)


class KlaviyoProfiles(Together):
    """The half of the adapter that knows and writes people, who are `flat` profiles."""

    state_key = ""
    time_keys = ("updated",)
    own_fields = FIXED
    custom_key, custom_texts = "properties", False

    look_up = "many"
    kept = frozenset({"subscribed", "unknown"})  # on the list, by whatever consent

    def status_of(self, row: Row, audience_id: str) -> str:
        return stands(row, audience_id)[0]

    def detail_of(self, row: Row, audience_id: str) -> str:
        return stands(row, audience_id)[1]

    def left_at(self, row: Row, audience_id: str) -> datetime | None:
        return moment(stands(row, audience_id)[2])

    # Looking people up.

    def find(self, emails: Sequence[str], audience_id: str) -> dict[str, Row]:
        """Those on the list, and who else is in the account. Of two profiles with one
        address the one that left counts, or else the one that is subscribed."""

        def order(row: Row) -> tuple[bool, bool]:
            status = self.status_of(row, audience_id)
            return status not in consent.LEFT, status != "subscribed"

        found: dict[str, Row] = {}
        for path in (self.people_path(audience_id), EVERYBODY):
            missing = [email for email in emails if key_of(email) not in found]
            for row in sorted(self.profiles(path, missing), key=order):
                found.setdefault(key_of(row["email"]), row)
        return found

    def profiles(self, path: str, emails: Sequence[str]) -> Iterator[Row]:
        """All profiles at a path that have one of the addresses.

        Both spellings are asked for: whether the filter minds the case is unverified,
        and an opt-out must not be missed.
        """
        for some in batches(emails, MOST):
            asked = dict.fromkeys(s for e in some for s in (e, *spellings(e)))
            params: Params = {
                "filter": f"any(email,{json.dumps(list(asked), ensure_ascii=False)})",
                "additional-fields[profile]": "subscriptions",
            }
            for profile in self.rows(path, params):
                check_told(profile)
                yield flat(profile, on_list=path != EVERYBODY)

    def mode_of(self, audience_id: str) -> bool:
        """Whether the list has double opt-in. Raises TargetError when it is gone."""
        path = self.at("/api/lists/{audience}", audience_id)
        body = self.fetch("GET", path, params={"fields[list]": "opt_in_process"})
        return str(dig(body, "data", "attributes", "opt_in_process")) == "double_opt_in"

    def subscriptions(
        self, emails: Sequence[str], audience_id: str
    ) -> list[Subscription]:
        """On a list with double opt-in, a profile that is not on it may have been
        asked; that is never shown, so the status is unknown."""
        found = super().subscriptions(emails, audience_id)
        aside = [now for now in found if now.status == "absent" and now.remote_id]
        if not aside or not self.asks(audience_id):
            return found
        asked = [replace(now, status="unknown", detail=NOT_KNOWN) for now in aside]
        unknown = {now.email: now for now in asked}
        return [unknown.get(now.email, now) for now in found]

    # Writing.

    def upsert(
        self, contacts: Sequence[Contact], audience_id: str, options: Options
    ) -> list[Outcome]:
        people = by_address(contacts)
        found = self.find([each.email for each in people.values()], audience_id)
        rows = {key: found.get(key) for key in people}
        outcomes, writes = self.told_apart(people, rows, audience_id, options)
        if writes:
            outcomes |= self._write(writes, audience_id)
        return [outcomes[key_of(contact.email)] for contact in contacts]

    def _write(
        self, writes: Mapping[str, Write], audience_id: str
    ) -> dict[str, Outcome]:
        double = self.asks(audience_id)
        ids = {key: write.known.remote_id for key, write in writes.items()}
        emails = {}
        rows = {}
        for key, write in writes.items():
            # As Klaviyo spells it, where it knows the person.
            emails[key] = write.row["email"] if write.row else write.email
            record = self.record_of(write.contact) if write.fills else {}
            if record or write.row is None:
                rows[key] = resource("profile", {"email": emails[key], **record})
        job = ""
        if len(writes) == 1 and rows:
            [(key, row)] = rows.items()
            try:
                done = self.fetch("POST", "/api/profile-import", payload={"data": row})
            except RejectedError as error:
                return {key: self.refusal(error)}
            ids[key] = str(dig(done, "data", "id") or "")
        elif rows:
            profiles = {"data": list(rows.values())}
            done = self.start("profile-bulk-import-job", {"profiles": profiles})
            job = id_in(dig(done, "data"))
        joining = [key for key in writes if writes[key].known.status != "subscribed"]
        some = [emails[key] for key in joining]
        self._set_consent("create", "SUBSCRIBED", some, audience_id)
        outcomes = {}
        for key, id in ids.items():
            if job or (key in joining and not double):
                # The profile's id keeps the jobs of different contacts apart.
                named = f"{'ask' if double else 'add'}:{job or f':{id}'}"
                outcomes[key] = Outcome(state=OutcomeState.SUBMITTED, job=named)
            else:
                outcomes[key] = awaiting(id) if key in joining else synced(id)
        return outcomes

    def start(self, kind: str, attributes: Row, **related: object) -> Any:
        """Has Klaviyo do a job."""
        job = resource(kind, attributes, **related)
        return self.request("POST", f"/api/{kind}s", payload={"data": job})

    def _set_consent(
        self, verb: str, status: str, emails: Sequence[str], audience_id: str
    ) -> None:
        kind = f"profile-subscription-bulk-{verb}-job"
        to = {"email": {"marketing": {"consent": status}}}
        place = {"type": "list", "id": audience_id}
        rows = [resource("profile", {"email": e, "subscriptions": to}) for e in emails]
        for some in batches(rows, MOST):
            self.start(kind, {"profiles": {"data": some}}, list=place)

    def poll(self, job: str, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        mode, imported, *_ = job.split(":")
        errors: dict[str, Outcome] = {}
        done: datetime | None = None
        if imported:
            path = self.at("/api/profile-bulk-import-jobs/{id}", id=imported)
            state = dig(self.fetch("GET", path), "data", "attributes") or {}
            if state.get("status") in ("queued", "processing"):
                return []
            done = moment(state.get("completed_at"))
            if state.get("failed_count"):
                errors = self._import_errors(path)
        fresh = done is None or datetime.now(UTC) - done < JOINED_BY
        found = self.find(emails, audience_id)
        outcomes = []
        for email in emails:
            key = key_of(email)
            now = self.standing(email, found.get(key), audience_id)
            ended = self._ended(now, errors.get(key), mode)
            if ended is None and fresh:
                return []
            outcomes.append(ended or again(TransientError(ABSENT)))
        return outcomes

    def _ended(
        self, now: Subscription, error: Outcome | None, mode: str
    ) -> Outcome | None:
        """What became of somebody who was to join, None for not yet. If their details
        were refused (`error`), the subscription is a job of its own all the same, which
        an address that is none does not survive."""
        if refused := self.turned_away(now):
            return refused
        if error and (not now.remote_id or error.reason is Reason.ADDRESS_INVALID):
            return error
        lost = error.detail if error else ""
        if now.status == "subscribed":
            return synced(now.remote_id, lost)
        return awaiting(now.remote_id, lost) if mode == "ask" else error

    def _import_errors(self, path: str) -> dict[str, Outcome]:
        refused: dict[str, Outcome] = {}
        for row in self.rows(f"{path}/import-errors"):
            error = row["attributes"]
            # Shown with and without the resource around the attributes.
            names = ("original_payload.attributes.email", "original_payload.email")
            words = self.safe(f"Their details were refused: {error.get('detail')}")
            email = filled_in(error, names)
            refused[key_of(email)] = rejected(reason_for(error), words)
        return refused

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        """Only members of the list are named, with each profile of an address: Klaviyo
        would unsubscribe others from everything."""
        rows = list(self.profiles(self.people_path(audience_id), emails))
        leaving = [row["email"] for row in rows]
        self._set_consent("delete", "UNSUBSCRIBED", leaving, audience_id)
        ids = {key_of(row["email"]): row["id"] for row in rows}
        return [synced(ids.get(key_of(email))) for email in emails]
