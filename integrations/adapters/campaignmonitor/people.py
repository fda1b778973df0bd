"""Writing people to Campaign Monitor, where nobody is ever subscribed again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from integrations.adapters import consent
from integrations.adapters.base import (
    Contact,
    Options,
    Outcome,
    Subscription,
)
from integrations.adapters.campaignmonitor.wire import (
    NOT_THERE,
    STATUS,
    UNCONFIRMED,
    Refused,
    change_of,
    code_of,
    failures,
    list_path,
    refused_by,
    row_of,
    subscribers_path,
)
from integrations.adapters.each import (
    EachContact,
    awaiting,
    by_address,
    existing,
    key_of,
    not_there,
    synced,
)
from integrations.adapters.errors import (
    RejectedError,
)
from integrations.adapters.http import Params, to_json
from integrations.adapters.shapes import row_in, rows_in


class CampaignMonitorPeople(EachContact):
    """The half of the adapter that finds and writes people."""

    def refusal(self, error: RejectedError) -> Outcome:
        code = error.code if isinstance(error, Refused) else 0
        return refused_by(code, error.detail)

    def _rows(self, path: str, params: Params | None = None) -> list[dict[str, Any]]:
        """The objects of an answer that must be an array."""
        rows = self.request("GET", path, params=params)
        return rows_in({"rows": rows}, "rows")

    def upsert(
        self, contacts: Sequence[Contact], audience_id: str, options: Options
    ) -> list[Outcome]:
        if not contacts:
            return []
        if self._asks(audience_id) or not options.update_existing:
            return super().upsert(contacts, audience_id, options)
        refused = self._import(by_address(contacts), audience_id)
        return [refused.get(key_of(who.email)) or synced() for who in contacts]

    @cached_property
    def _modes(self) -> dict[str, bool]:
        return {}

    def _asks(self, audience_id: str) -> bool:
        """Whether the list has new people confirm."""
        if audience_id not in self._modes:
            details = self.fetch("GET", f"{list_path(audience_id)}.json")
            mode = details.get("ConfirmedOptIn")
            if not isinstance(mode, bool):
                raise self._unreadable(None)
            self._modes[audience_id] = mode
        return self._modes[audience_id]

    def _import(
        self, people: Mapping[str, Contact], audience_id: str
    ) -> dict[str, Outcome]:
        """Those who were refused, by their address.

        Raises RejectedError when it cannot be told whom a refusal is about.
        """
        body = {
            "Subscribers": [row_of(contact) for contact in people.values()],
            "Resubscribe": False,
            "QueueSubscriptionBasedAutoresponders": True,
            "RestartSubscriptionBasedAutoresponders": False,
        }
        answer = self.send(
            "POST", subscribers_path(audience_id, "/import"), data=to_json(body)
        )
        result = answer.object()
        if answer.status == 400 and code_of(result) == 210:
            result = row_in(result, "ResultData")
        elif answer.status >= 300:
            raise self.error_from(answer)
        found = failures(rows_in(result, "FailureDetails"), people, self.safe)
        if answer.status >= 300 and not found:
            raise self._unreadable(answer.status)
        return found

    def write(self, contact: Contact, audience_id: str, options: Options) -> Outcome:
        standing = self._standing(contact.email, audience_id)
        if refused := consent.left(standing, self.label):
            return refused
        if standing.status == "unknown":
            raise self._unreadable(None)
        if standing.status == "pending":
            return refused_by(UNCONFIRMED, "")
        known = standing.status == "subscribed"
        if known and not options.update_existing:
            return existing()
        body = {
            **row_of(contact),
            "Resubscribe": False,
            "RestartSubscriptionBasedAutoresponders": False,
        }
        self.request("POST", subscribers_path(audience_id), payload=body)
        if not known and self._asks(audience_id):
            return awaiting("", "Campaign Monitor asks them to confirm.")
        return synced()

    def _standing(self, email: str, audience_id: str) -> Subscription:
        params: Params = {"email": email.strip()}
        try:
            row = self.fetch("GET", subscribers_path(audience_id), params=params)
        except Refused as error:
            if error.code != NOT_THERE:
                raise
            return Subscription(email=email, status="absent")
        status = STATUS.get(str(row.get("State")), "unknown")
        told = change_of(row, audience_id)
        return Subscription(email=email, status=status, fields=told.fields)

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        def leave(email: str) -> Outcome:
            body = {"EmailAddress": email.strip()}
            path = subscribers_path(audience_id, "/unsubscribe")
            try:
                self.request("POST", path, payload=body)
            except Refused as error:
                if error.code == NOT_THERE:
                    detail = "Not on this list, or not active on it."
                    return not_there(detail)
                raise
            return synced()

        return self.each(emails, leave)
