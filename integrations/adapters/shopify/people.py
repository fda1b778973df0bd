"""Asking Shopify, and writing customers without bringing anybody back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from integrations.adapters.base import (
    Contact,
    Options,
    Outcome,
    OutcomeState,
    Receipt,
    filled,
)
from integrations.adapters.consent import LEFT, left
from integrations.adapters.each import (
    EachContact,
    awaiting,
    existing,
    forms,
    not_there,
    rejected,
    synced,
    tags_for,
)
from integrations.adapters.errors import (
    AdapterError,
    Reason,
    RejectedError,
    ScopeError,
    SetupError,
    TransientError,
)
from integrations.adapters.http import Answer
from integrations.adapters.shapes import id_in, row_in
from integrations.adapters.shopify import queries
from integrations.adapters.shopify.wire import (
    FINAL,
    consent_of,
    reason_for,
    state_of,
    subscription_of,
    wait_for,
)

PATH = "/admin/api/2026-07/graphql.json"


class ShopifyPeople(EachContact):
    """The half of the adapter that finds and writes people."""

    # GraphQL answers 200 to nearly everything.

    def ask(self, document: str, **variables: object) -> dict[str, Any]:
        """The data of an answer. Raises for errors, as `error_from` does for statuses.

        What the customer's data lacks is in `userErrors`, see `refused`.
        """
        body = self.fetch(
            "POST", PATH, payload={"query": document, "variables": variables}
        )
        errors = [e for e in body.get("errors") or () if isinstance(e, dict)]
        if errors:
            raise self._error(errors[0], body.get("extensions") or {})
        data = body.get("data")
        if not isinstance(data, dict):
            raise self._unreadable(None)
        return data

    def _error(
        self, error: Mapping[str, Any], extensions: Mapping[str, Any]
    ) -> AdapterError:
        code = str((error.get("extensions") or {}).get("code", ""))
        words = self.safe(f"{self.label}: {error.get('message') or code}")
        if code == "THROTTLED":
            wait = wait_for(extensions.get("cost") or {})
            return TransientError(words, reason=Reason.RATE, retry_after=wait)
        if code in ("INTERNAL_SERVER_ERROR", "TIMEOUT"):
            return TransientError(words)
        if code == "ACCESS_DENIED":
            return ScopeError(words)
        if code == "SHOP_INACTIVE":
            return SetupError(words, reason=Reason.QUOTA)
        return RejectedError(words)

    def explain(self, answer: Answer) -> str:
        errors = answer.object().get("errors")
        return self.safe(errors) if isinstance(errors, str) else super().explain(answer)

    def error_from(self, answer: Answer) -> AdapterError:
        error = super().error_from(answer)
        if answer.status == 423:
            return SetupError(
                f"Shopify has locked this shop. {self.explain(answer)}".strip(),
                reason=Reason.QUOTA,
                status=423,
            )
        return error

    def refused(self, payload: Mapping[str, Any] | None) -> None:
        """Raises RejectedError for the first of a mutation's `userErrors`."""
        if payload is None:
            raise self._unreadable(None)
        for error in payload.get("userErrors") or ():
            field = ".".join(str(part) for part in error.get("field") or ())
            words = self.safe(str(error.get("message", "")))
            raise RejectedError(words, reason=reason_for(field, words))

    def _customers(self, email: str) -> list[dict[str, Any]]:
        """The customers with an address: one for each form of it, or none."""
        name = "customerByIdentifier"
        answers = [self.ask(queries.FIND, email=form) for form in forms(email)]
        there = [data for data in answers if name not in data or data[name] is not None]
        return [row_in(data, name) for data in there]

    def _find(self, email: str) -> dict[str, Any] | None:
        """The customer with an address; of one person's two the one that left."""
        return max(
            self._customers(email),
            key=lambda found: subscription_of(email, found).status in LEFT,
            default=None,
        )

    def write(self, contact: Contact, audience_id: str, options: Options) -> Outcome:
        customer = self._find(contact.email)
        tags = tags_for(contact, options)
        row = self._row(contact)
        if customer is None:
            consent = {"emailMarketingConsent": consent_of(contact)}
            new = {"email": contact.email.strip(), "tags": tags, **row, **consent}
            return self._standing(self._mutate("customerCreate", queries.CREATE, new))
        standing, state = subscription_of(contact.email, customer), state_of(customer)
        if not state:
            raise self._unreadable(None)
        if state in FINAL:
            return rejected(*FINAL[state])
        if gone := left(standing, self.label):
            return gone
        if not options.update_existing:
            return existing(id_in(customer), "Already a customer")
        id = id_in(customer)
        if row:
            self._mutate("customerUpdate", queries.UPDATE, {"id": id, **row})
        if tags and not set(tags) <= set(customer.get("tags") or ()):
            data = self.ask(queries.TAG, id=id, tags=tags)
            self.refused(data.get("tagsAdd"))
        if state == "NOT_SUBSCRIBED":
            customer = self._set_consent(id, consent_of(contact))
        return self._standing(customer)

    def _row(self, contact: Contact) -> dict[str, object]:
        row: dict[str, object] = {}
        metafields: list[dict[str, str]] = []
        for name, value in filled(contact.fields).items():
            namespace, _, key = name.rpartition(".")
            if not namespace:
                row[name] = str(value)
                continue
            plain = value if isinstance(value, str) else json.dumps(value)
            metafields.append({"namespace": namespace, "key": key, "value": plain})
        return {**row, "metafields": metafields} if metafields else row

    def _mutate(
        self, name: str, query: str, payload: Mapping[str, object]
    ) -> dict[str, Any]:
        answer = self.ask(query, input=payload).get(name)
        self.refused(answer)
        return row_in(answer, "customer")

    def _set_consent(self, id: str, consent: Mapping[str, str]) -> dict[str, Any]:
        payload = {"customerId": id, "emailMarketingConsent": consent}
        name = "customerEmailMarketingConsentUpdate"
        return self._mutate(name, queries.CONSENT, payload)

    def _standing(self, customer: Mapping[str, Any]) -> Outcome:
        """What the state after the write makes of a signup."""
        state = state_of(customer)
        if state == "PENDING":
            return awaiting(customer.get("id"))
        if state == "SUBSCRIBED":
            return synced(customer.get("id"))
        return rejected(
            Reason.REFUSED, f"Shopify has them as {state.lower() or 'unknown'}."
        )

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        return self.each(emails, self._unsubscribe)

    def _unsubscribe(self, email: str) -> Outcome:
        outcomes = [self._opt_out(customer) for customer in self._customers(email)]
        refused = [item for item in outcomes if item.state is not OutcomeState.SYNCED]
        return next(iter(refused + outcomes), not_there("Not a customer at all."))

    def _opt_out(self, customer: dict[str, Any]) -> Outcome:
        if state_of(customer) != "UNSUBSCRIBED":
            left_now = {"marketingState": "UNSUBSCRIBED"}
            customer = self._set_consent(id_in(customer), left_now)
        if state_of(customer) != "UNSUBSCRIBED":
            return rejected(Reason.REFUSED, "Shopify did not unsubscribe them.")
        return synced(id_in(customer))

    def erase(self, email: str) -> Receipt:
        customers = self._customers(email)
        if not customers:
            return Receipt(ok=True, note="Shopify did not hold this address.")
        for customer in customers:
            data = self.ask(queries.ERASE, id=customer["id"])
            try:
                self.refused(data.get("customerRequestDataErasure"))
            except RejectedError as error:
                return Receipt(ok=False, note=error.detail)
        return Receipt(
            ok=True,
            note="Shopify erases the customer, after its own waiting time: days, or "
            "months when there are recent orders.",
        )
