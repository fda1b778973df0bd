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

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

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
from integrations.adapters.http import HttpAdapter, Params
from integrations.adapters.klaviyo.wire import (
    ATTRIBUTES,
    Known,
    any_email,
    asked_for,
    attributes_of,
    email_of,
    has_left,
    list_path,
    next_cursor,
    reason_of,
    rows_of,
    standing,
)
from integrations.adapters.paging import all_pages
from integrations.adapters.shared import moment

PAGE = 100  # profiles a page, at most
LEAVES = 100  # profiles in an unsubscribe job, at most
JOINED_BY = timedelta(minutes=15)  # after that a subscription is not merely under way
ABSENT = "Klaviyo took the subscription, and the profile is not on the list."
ASK, ADD = "ask", "add"


class KlaviyoProfiles(HttpAdapter):
    """The writing half of the adapter."""

    def upsert(
        self, contacts: Sequence[Contact], audience_id: str, options: Options
    ) -> list[Outcome]:
        people = by_address(contacts)
        if not people:
            return []
        double = self.asks(audience_id)
        known = self.known([p.email for p in people.values()], audience_id)
        outcomes: dict[str, Outcome] = {}
        for key in people:
            subscription = standing(key, known[key], audience_id, double)
            refused = consent.left(subscription, self.label)
            if refused is None and known[key].on_list and not options.update_existing:
                refused = existing(subscription.remote_id)
            if refused is not None:
                outcomes[key] = refused
        rest = {key: people[key] for key in people if key not in outcomes}
        outcomes |= self._write(rest, known, audience_id, options, double)
        return [outcomes[key_of(contact.email)] for contact in contacts]

    def _write(
        self,
        people: Mapping[str, Contact],
        known: Mapping[str, Known],
        audience_id: str,
        options: Options,
        double: bool,
    ) -> dict[str, Outcome]:
        ids = {key: str((known[key].profile or {}).get("id") or "") for key in people}
        rows = {
            key: _row(contact, known[key].email or contact.email)
            for key, contact in people.items()
            if known[key].profile is None
            or (options.update_existing and filled(contact.fields))
        }
        imported = ""
        if len(people) == 1 and rows:
            [(key, row)] = rows.items()
            try:
                ids[key] = self._import(row)
            except RejectedError as error:
                return {key: rejected(error.reason, error.detail)}
        elif rows:
            imported = self._import_all(list(rows.values()))
        joining = [key for key in people if not known[key].subscribed]
        if joining:
            emails = [known[key].email or people[key].email for key in joining]
            self._subscribe(emails, audience_id)
        outcomes = {}
        for key in people:
            if imported or (key in joining and not double):
                # The profile's id keeps the jobs of different contacts apart.
                job = ":".join([ASK if double else ADD, imported or f":{ids[key]}"])
                outcomes[key] = Outcome(state=OutcomeState.SUBMITTED, job=job)
            else:
                done = awaiting if key in joining else synced
                outcomes[key] = done(ids[key])
        return outcomes

    def _import(self, row: Mapping[str, Any]) -> str:
        body = self.fetch("POST", "/api/profile-import", payload={"data": row})
        return str((body.get("data") or {}).get("id") or "")

    def _import_all(self, rows: Sequence[Mapping[str, Any]]) -> str:
        attributes = {"profiles": {"data": rows}}
        job = {"type": "profile-bulk-import-job", "attributes": attributes}
        body = self.fetch(
            "POST", "/api/profile-bulk-import-jobs", payload={"data": job}
        )
        return str((body.get("data") or {}).get("id") or "")

    def _subscribe(self, emails: Sequence[str], audience_id: str) -> None:
        self._job("create", "SUBSCRIBED", emails, audience_id)

    def _job(
        self, verb: str, status: str, emails: Sequence[str], audience_id: str
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
            state = (self.fetch("GET", path).get("data") or {}).get("attributes") or {}
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
        known = self.known(emails, audience_id)
        outcomes: list[Outcome | None] = []
        for email in emails:
            person = known[key_of(email)]
            now = standing(email, person, audience_id, mode == ASK)
            refused = consent.left(now, self.label)
            if refused is not None:
                outcomes.append(refused)
            elif person.subscribed:
                outcomes.append(synced(now.remote_id))
            else:
                outcomes.append(awaiting(now.remote_id) if mode == ASK else None)
        return outcomes

    def _import_errors(self, path: str) -> dict[str, Outcome]:
        refused: dict[str, Outcome] = {}
        for row in self.pages(f"{path}/import-errors", {"page[size]": PAGE}):
            error = row.get("attributes") or {}
            source = error.get("source") or {}
            sent = error.get("original_payload") or {}
            # Shown with and without the resource around the attributes.
            email = email_of(sent) or str(sent.get("email") or "")
            refused[key_of(email)] = rejected(
                reason_of(str(error.get("code")), str(source.get("pointer"))),
                self.safe(f"Their details were refused: {error.get('detail')}"),
            )
        return refused

    def pages(self, path: str, params: Params) -> Iterator[dict[str, Any]]:
        """All resources of a collection."""

        def read(cursor: str) -> tuple[list[dict[str, Any]], str]:
            more = {"page[cursor]": cursor} if cursor else {}
            body = self.fetch("GET", path, params={**params, **more})
            return rows_of(body), next_cursor(body)

        return all_pages(read, "")

    def asks(self, audience_id: str) -> bool:
        """Whether the list has double opt-in. Raises TargetError when it is gone."""
        body = self.fetch(
            "GET", list_path(audience_id), params={"fields[list]": "opt_in_process"}
        )
        attributes = (body.get("data") or {}).get("attributes") or {}
        return bool(attributes.get("opt_in_process") == "double_opt_in")

    def known(self, emails: Sequence[str], audience_id: str) -> dict[str, Known]:
        """What Klaviyo has about each address, by the address in lower case."""
        wanted = {key_of(email): email for email in emails}
        found: dict[str, Known] = {}
        for chunk in chunks(list(wanted), PAGE):
            path = f"{list_path(audience_id)}/profiles"
            spelt = [wanted[key] for key in chunk]
            for key, profile in self.find(path, spelt).items():
                found[key] = Known(profile=profile, on_list=True)
            missing = [wanted[key] for key in chunk if key not in found]
            if missing:
                for key, profile in self.find("/api/profiles", missing).items():
                    found[key] = Known(profile=profile)
        return {key: found.get(key, Known()) for key in wanted}

    def find(self, path: str, emails: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Profiles by their address in lower case, for up to PAGE addresses.

        Both spellings are asked for: whether the filter minds the case is unverified,
        and an opt-out must not be missed, so of two profiles the one that left counts.
        """
        asked = dict.fromkeys(s for e in emails for s in (e, *spellings(e)))
        params: Params = {
            "filter": any_email(asked),
            "fields[profile]": ",".join(ATTRIBUTES),
            "additional-fields[profile]": "subscriptions",
            "page[size]": PAGE,
        }
        found: dict[str, dict[str, Any]] = {}
        for row in self.pages(path, params):
            key = key_of(email_of(asked_for(row)))
            if key not in found or has_left(row):
                found[key] = row
        return found

    def subscriptions(
        self, emails: Sequence[str], audience_id: str
    ) -> list[Subscription]:
        known = self.known(emails, audience_id)
        aside = any(item.profile and not item.on_list for item in known.values())
        double = self.asks(audience_id) if aside else False
        return [
            standing(email, known[key_of(email)], audience_id, double)
            for email in emails
        ]

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        """Only members of the list are named: Klaviyo would unsubscribe others from
        everything."""
        known = self.known(emails, audience_id)
        leaving = [item.email for item in known.values() if item.on_list]
        for chunk in chunks(leaving, LEAVES):
            self._job("delete", "UNSUBSCRIBED", chunk, audience_id)
        return [
            synced((known[key_of(email)].profile or {}).get("id")) for email in emails
        ]


def _told(now: Outcome | None, error: Outcome) -> Outcome:
    """What became of somebody whose details were refused. The subscription is a job of
    its own, which an address that is none does not survive."""
    if now is None or now.state is OutcomeState.REJECTED:
        return now or error
    there = now.remote_id and error.reason is not Reason.ADDRESS_INVALID
    return replace(now, detail=error.detail) if there else error


def chunks(keys: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (keys[start : start + size] for start in range(0, len(keys), size))


def _row(contact: Contact, email: str) -> dict[str, Any]:
    attributes = {"email": email, **attributes_of(contact.fields)}
    return {"type": "profile", "attributes": attributes}
