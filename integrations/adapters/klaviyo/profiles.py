"""Writing Klaviyo profiles without re-subscribing anybody.

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

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from integrations.adapters import consent
from integrations.adapters.base import (
    Contact,
    Options,
    Outcome,
    OutcomeState,
    Subscription,
    filled,
)
from integrations.adapters.each import (
    awaiting,
    by_address,
    existing,
    key_of,
    rejected,
    spellings,
    synced,
)
from integrations.adapters.errors import Reason, RejectedError
from integrations.adapters.http import Params
from integrations.adapters.klaviyo.wire import (
    ATTRIBUTES,
    FIXED,
    any_email,
    check_told,
    flat,
    list_path,
    reason_for,
    stands,
)
from integrations.adapters.rest import Rest, Write
from integrations.adapters.shapes import Row, dig
from integrations.adapters.shared import moment

LEAVES = 100  # profiles in an unsubscribe job, at most
JOINED_BY = timedelta(minutes=15)  # after that a subscription is not merely under way
ABSENT = "Klaviyo took the subscription, and the profile is not on the list."
ASK, ADD = "ask", "add"


class KlaviyoProfiles(Rest):
    """The writing half of the adapter. People are `flat` profiles."""

    size_param, page_size, place_param = "page[size]", 100, "page[cursor]"
    rows_key = "data"

    state_key = ""
    time_keys = ("updated",)
    own_fields = FIXED
    custom_key = "properties"

    def following(self, body: Row, rows: list[Row], place: Any) -> str:
        url = str(dig(body, "links", "next") or "")
        return (parse_qs(urlsplit(url).query).get(self.place_param) or [""])[0]

    def status_of(self, row: Row, audience_id: str) -> str:
        return stands(row, audience_id)[0]

    def left_at(self, row: Row, audience_id: str) -> datetime | None:
        return moment(stands(row, audience_id)[2])

    def standing(self, email: str, row: Row | None, audience_id: str) -> Subscription:
        known = super().standing(email, row, audience_id)
        return replace(known, detail=stands(row, audience_id)[1]) if row else known

    def custom_value(self, value: object) -> object:
        return value

    def record_of(self, contact: Contact) -> Row:
        record = super().record_of(contact)
        for id in [id for id in record if id.startswith("location.")]:
            place = record.setdefault("location", {})
            place[id.removeprefix("location.")] = record.pop(id)
        return record

    def find(self, emails: Sequence[str], audience_id: str) -> dict[str, Row]:
        """Those on the list, and who else is in the account."""
        wanted = {key_of(email): email for email in emails}
        found: dict[str, Row] = {}
        for some in chunks(list(wanted), self.page_size):
            members = f"{list_path(audience_id)}/profiles"
            found |= self.profiles(members, [wanted[key] for key in some], True)
            missing = [wanted[key] for key in some if key not in found]
            if missing:
                found |= self.profiles("/api/profiles", missing, False)
        return found

    def profiles(
        self, path: str, emails: Sequence[str], on_list: bool
    ) -> dict[str, Row]:
        """Profiles by `key_of`; of two with one address the one that left counts."""
        found: dict[str, Row] = {}
        for row in self.each_profile(path, emails, on_list):
            key = key_of(row["email"])
            if key not in found or self.status_of(row, "") in consent.LEFT:
                found[key] = row
        return found

    def each_profile(
        self, path: str, emails: Sequence[str], on_list: bool
    ) -> Iterator[Row]:
        """All profiles with up to a page of addresses.

        Both spellings are asked for: whether the filter minds the case is unverified,
        and an opt-out must not be missed.
        """
        asked = dict.fromkeys(s for e in emails for s in (e, *spellings(e)))
        params: Params = {
            "filter": any_email(asked),
            "fields[profile]": ",".join(ATTRIBUTES),
            "additional-fields[profile]": "subscriptions",
        }
        for profile in self.rows(path, params):
            check_told(profile)
            yield flat(profile, on_list=on_list)

    def asks(self, audience_id: str) -> bool:
        """Whether the list has double opt-in. Raises TargetError when it is gone."""
        wanted = {"fields[list]": "opt_in_process"}
        body = self.fetch("GET", list_path(audience_id), params=wanted)
        process = str(dig(body, "data", "attributes", "opt_in_process"))
        return process == "double_opt_in"

    def subscriptions(
        self, emails: Sequence[str], audience_id: str
    ) -> list[Subscription]:
        known = self.find(emails, audience_id)
        aside = [row for row in known.values() if not row["on_list"]]
        double = self.asks(audience_id) if aside else False
        return self._standings(emails, known, audience_id, double)

    def _standings(
        self,
        emails: Sequence[str],
        known: Mapping[str, Row],
        audience_id: str,
        double: bool,
    ) -> list[Subscription]:
        rows = {key: {**row, "asks": double} for key, row in known.items()}
        return [
            self.standing(email, rows.get(key_of(email)), audience_id)
            for email in emails
        ]

    def upsert(
        self, contacts: Sequence[Contact], audience_id: str, options: Options
    ) -> list[Outcome]:
        people = by_address(contacts)
        if not people:
            return []
        double = self.asks(audience_id)
        known = self.find([p.email for p in people.values()], audience_id)
        outcomes: dict[str, Outcome] = {}
        writes = []
        for now in self._standings(list(people), known, audience_id, double):
            key, row = now.email, known.get(now.email)
            refused = self.turned_away(now)
            if not refused and row and row["on_list"] and not options.update_existing:
                refused = existing(now.remote_id)
            if refused:
                outcomes[key] = refused
            else:
                new = Write(
                    contact=people[key],
                    audience_id=audience_id,
                    options=options,
                    row=row,
                    known=now,
                )
                writes.append(new)
        outcomes |= self._write(writes, audience_id, double)
        return [outcomes[key_of(contact.email)] for contact in contacts]

    def _write(
        self, writes: Sequence[Write], audience_id: str, double: bool
    ) -> dict[str, Outcome]:
        ids = {write.known.email: write.known.remote_id for write in writes}
        rows = {
            write.known.email: {
                "type": "profile",
                "attributes": {
                    "email": _address(write),
                    **self.record_of(write.contact),
                },
            }
            for write in writes
            if write.row is None
            or (write.options.update_existing and filled(write.contact.fields))
        }
        imported = ""
        if len(writes) == 1 and rows:
            [(key, row)] = rows.items()
            try:
                ids[key] = self._import(row)
            except RejectedError as error:
                return {key: rejected(error.reason, error.detail)}
        elif rows:
            imported = self._import_all(list(rows.values()))
        joining = {
            write.known.email: _address(write)
            for write in writes
            if write.known.status != "subscribed"
        }
        if joining:
            self._job("create", "SUBSCRIBED", joining.values(), audience_id)
        outcomes = {}
        for key, id in ids.items():
            if imported or (key in joining and not double):
                # The profile's id keeps the jobs of different contacts apart.
                job = ":".join([ASK if double else ADD, imported or f":{id}"])
                done = Outcome(state=OutcomeState.SUBMITTED, job=job)
            else:
                done = awaiting(id) if key in joining else synced(id)
            outcomes[key] = done
        return outcomes

    def _import(self, row: Row) -> str:
        body = self.fetch("POST", "/api/profile-import", payload={"data": row})
        return str(dig(body, "data", "id") or "")

    def _import_all(self, rows: Sequence[Row]) -> str:
        kind = "profile-bulk-import-job"
        job = {"type": kind, "attributes": {"profiles": {"data": rows}}}
        body = self.fetch("POST", f"/api/{kind}s", payload={"data": job})
        return str(dig(body, "data", "id") or "")

    def _job(
        self, verb: str, status: str, emails: Iterable[str], audience_id: str
    ) -> None:
        kind = f"profile-subscription-bulk-{verb}-job"
        marketing = {"email": {"marketing": {"consent": status}}}
        profiles = [
            {
                "type": "profile",
                "attributes": {"email": email, "subscriptions": marketing},
            }
            for email in emails
        ]
        job = {
            "type": kind,
            "attributes": {"profiles": {"data": profiles}},
            "relationships": {"list": {"data": {"type": "list", "id": audience_id}}},
        }
        self.request("POST", f"/api/{kind}s", payload={"data": job})

    def poll(self, job: str, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        mode, _, rest = job.partition(":")
        imported = rest.partition(":")[0]
        errors: dict[str, Outcome] = {}
        done: datetime | None = None
        if imported:
            path = f"/api/profile-bulk-import-jobs/{quote(imported, safe='')}"
            state = dig(self.fetch("GET", path), "data", "attributes") or {}
            if state.get("status") in ("queued", "processing"):
                return []
            done = moment(state.get("completed_at"))
            if state.get("failed_count"):
                errors = self._import_errors(path)
        found = self._now(emails, audience_id, mode)
        fresh = done is None or datetime.now(UTC) - done < JOINED_BY
        late = Outcome(state=OutcomeState.RETRY, reason=Reason.SERVER, detail=ABSENT)
        outcomes = []
        for email, now in zip(emails, found, strict=True):
            error = errors.get(key_of(email))
            if now is None and error is None and fresh:
                return []
            outcomes.append(_told(now, error) if error else now or late)
        return outcomes

    def _now(
        self, emails: Sequence[str], audience_id: str, mode: str
    ) -> list[Outcome | None]:
        """What became of those who were to join, None for not yet."""
        known = self.find(emails, audience_id)
        outcomes: list[Outcome | None] = []
        for now in self._standings(emails, known, audience_id, mode == ASK):
            if now.status == "subscribed":
                outcomes.append(synced(now.remote_id))
            elif (refused := self.turned_away(now)) or mode != ASK:
                outcomes.append(refused)
            else:
                outcomes.append(awaiting(now.remote_id))
        return outcomes

    def _import_errors(self, path: str) -> dict[str, Outcome]:
        refused: dict[str, Outcome] = {}
        for row in self.rows(f"{path}/import-errors"):
            error = row.get("attributes") or {}
            sent = error.get("original_payload") or {}
            # Shown with and without the resource around the attributes.
            email = dig(sent, "attributes", "email") or sent.get("email")
            refused[key_of(str(email or ""))] = rejected(
                reason_for(error),
                self.safe(f"Their details were refused: {error.get('detail')}"),
            )
        return refused

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        """Only members of the list are named, with each profile of an address: Klaviyo
        would unsubscribe others from everything."""
        ids: dict[str, object] = {}
        leaving = []
        members = f"{list_path(audience_id)}/profiles"
        for some in chunks(emails, self.page_size):
            for row in self.each_profile(members, some, True):
                leaving.append(row["email"])
                ids[key_of(row["email"])] = row["id"]
        for some in chunks(leaving, LEAVES):
            self._job("delete", "UNSUBSCRIBED", some, audience_id)
        return [synced(ids.get(key_of(email))) for email in emails]


def _told(now: Outcome | None, error: Outcome) -> Outcome:
    """What became of somebody whose details were refused. The subscription is a job of
    its own, which an address that is none does not survive."""
    if now is None or now.state is OutcomeState.REJECTED:
        return now or error
    there = now.remote_id and error.reason is not Reason.ADDRESS_INVALID
    return replace(now, detail=error.detail) if there else error


def chunks(keys: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (keys[start : start + size] for start in range(0, len(keys), size))


def _address(write: Write) -> str:
    """As Klaviyo spells it, if it knows the person."""
    return (write.row or {}).get("email") or write.contact.email
