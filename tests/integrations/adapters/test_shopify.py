"""Shopify customers: the shared proofs, and what is peculiar to them.

There is no OpenAPI description. The exchanges are written from the GraphQL reference
under https://shopify.dev/docs/api/admin-graphql, read on 2026-11-22.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from integrations.adapters.base import Contact, Options, OutcomeState
from integrations.adapters.errors import (
    AdapterError,
    CredentialsError,
    Reason,
    ScopeError,
    SetupError,
    TransientError,
)
from integrations.adapters.shopify import Shopify
from tests.integrations.adapters import shopify_world as world
from tests.integrations.adapters.shopify_world import (
    BATCH,
    FULL,
    ID,
    NEW,
    NOBODY,
    OLD,
    SECRETS,
    URL,
    done,
    found,
    refused,
)
from tests.integrations.conformance import (
    AdapterConformance,
    Refusal,
    Step,
    register,
    wire,
)
from tests.integrations.contract import AdapterContract

SYNCED, AWAITING, REJECTED, SKIPPED = (
    OutcomeState.SYNCED,
    OutcomeState.AWAITING_OPT_IN,
    OutcomeState.REJECTED,
    OutcomeState.SKIPPED,
)


def failure(code: str, message: str = "x", **cost: Any) -> dict[str, Any]:
    error = {"message": message, "extensions": {"code": code}}
    return {"errors": [error], "extensions": {"cost": cost}}


class TestShopify(AdapterConformance):
    adapter = Shopify
    odd_answers = True
    secrets = SECRETS
    operations = world.OPERATIONS
    silent = frozenset({"audiences"})
    audience_id = "customers"
    batch = BATCH
    batch_operation = "upsert of three"
    batch_outcomes = (SYNCED, AWAITING, SYNCED)
    unauthorized = {"errors": "[API] Invalid API key or access token"}
    forbidden = {"errors": "[API] This action requires merchant approval"}
    missing = {"errors": "Not Found"}
    refused = {"errors": {"query": "Required parameter missing or invalid"}}
    public_words = frozenset({"the-shop", "dGhlLXNob3A"})
    peculiar = (
        Refusal(status=200, body=failure("THROTTLED"), error=TransientError),
        Refusal(
            status=200, body=failure("INTERNAL_SERVER_ERROR"), error=TransientError
        ),
        Refusal(status=200, body=failure("ACCESS_DENIED"), error=ScopeError),
        Refusal(status=200, body=failure("SHOP_INACTIVE"), error=SetupError),
        Refusal(status=423, body={"errors": "Locked"}, error=SetupError),
    )
    leavers = world.LEAVERS
    no_leavers = dict.fromkeys(
        ("bounced", "complained"), "The marketing state does not tell them apart."
    )


class TestShopifyContract(AdapterContract):
    adapter = Shopify
    secrets = SECRETS
    operations = world.OPERATIONS
    documented = {
        ("POST", "/admin/api/2026-07/graphql.json"): (
            "https://shopify.dev/docs/api/admin-graphql/2026-07 (read 2026-11-22)"
        )
    }


def adapter(**secrets: str) -> Shopify:
    return Shopify({**SECRETS, **secrets})


def sent(*steps: Step, contact: Contact, **options: bool) -> tuple[Any, list[Any]]:
    """The outcome, and the variables of each request."""
    with wire() as mock:
        for item in steps:
            register(mock, item)
        [outcome] = adapter().upsert([contact], "customers", Options(**options))
        bodies = [json.loads(call.request.body or "") for call in mock.calls]
    return outcome, [body["variables"] for body in bodies]


class TestWriting:
    def test_a_new_customer_is_subscribed_from_when_they_said_so(self) -> None:
        at = datetime(2026, 8, 1, 12, tzinfo=UTC)
        contact = Contact(
            email=f" {NEW}", fields=FULL.fields, tags=("popup",), signed_up_at=at
        )
        outcome, [asked, made] = sent(
            NOBODY, done("customerCreate", NEW), contact=contact
        )
        assert (outcome.state, outcome.remote_id) == (SYNCED, ID)
        assert asked == {"email": NEW}
        assert made["input"] == {
            "email": NEW,
            "firstName": "Ann",
            "tags": ["popup"],
            "metafields": [
                {"namespace": "custom", "key": "age", "value": "42"},
                {"namespace": "custom", "key": "size", "value": "M"},
            ],
            "emailMarketingConsent": {
                "marketingState": "SUBSCRIBED",
                "marketingOptInLevel": "SINGLE_OPT_IN",
                "consentUpdatedAt": "2026-08-01T12:00:00+00:00",
            },
        }

    def test_pending_is_told_from_subscribed(self) -> None:
        pending = done("customerCreate", NEW, "PENDING")
        outcome, _ = sent(NOBODY, pending, contact=Contact(email=NEW))
        assert outcome.state is AWAITING

    def test_a_subscriber_keeps_their_consent_and_gets_new_values(self) -> None:
        steps = (found(OLD), done("customerUpdate"), world.TAGGED)
        outcome, [_, update, tags] = sent(*steps, contact=FULL)
        assert outcome.state is SYNCED
        assert update["input"]["id"] == ID
        assert "emailMarketingConsent" not in update["input"]
        assert "tags" not in update["input"]  # it would replace those that are there
        assert tags == {"id": ID, "tags": ["popup"]}

    def test_nothing_new_is_not_written(self) -> None:
        contact = Contact(email=OLD, tags=("vip",), fields={"note": " "})
        outcome, asked = sent(found(OLD), contact=contact)
        assert (outcome.state, len(asked)) == (SYNCED, 1)

    def test_a_customer_who_never_subscribed_is_subscribed(self) -> None:
        consent = done("customerEmailMarketingConsentUpdate", OLD, "PENDING")
        steps = (found(OLD, "NOT_SUBSCRIBED"), consent)
        outcome, [_, change] = sent(*steps, contact=Contact(email=OLD))
        assert outcome.state is AWAITING
        assert change["input"]["customerId"] == ID
        assert change["input"]["emailMarketingConsent"]["marketingState"] == (
            "SUBSCRIBED"
        )

    def test_existing_customers_can_be_left_alone(self) -> None:
        outcome, _ = sent(
            found(OLD, "NOT_SUBSCRIBED"), contact=FULL, update_existing=False
        )
        assert (outcome.state, outcome.reason) == (SKIPPED, Reason.EXISTING)

    @pytest.mark.parametrize(
        ("field", "message", "reason"),
        [
            (["email"], "Email is invalid", Reason.ADDRESS_INVALID),
            (["email"], "Email has already been taken", Reason.DUPLICATE),
            (["phone"], "Phone is invalid", Reason.FIELD_TYPE),
            (None, "Creating is not possible now", Reason.REFUSED),
        ],
    )
    def test_user_errors_are_the_persons_outcome(
        self, field: list[str] | None, message: str, reason: Reason
    ) -> None:
        bad = refused("customerCreate", field, message)
        outcome, _ = sent(NOBODY, bad, contact=Contact(email=NEW))
        assert (outcome.state, outcome.reason) == (REJECTED, reason)
        assert outcome.detail == message

    @pytest.mark.parametrize(
        "half",
        [
            {},
            {"customerByIdentifier": {}},
            {"customerByIdentifier": {"id": ID, "defaultEmailAddress": None}},
            {"customerByIdentifier": {"id": ID, "defaultEmailAddress": {}}},
        ],
    )
    def test_a_state_that_is_not_told_is_not_that_of_a_stranger(
        self, half: Any
    ) -> None:
        silent = Step(method="POST", url=URL, answer={"data": half})
        outcome, asked = sent(silent, contact=Contact(email=OLD))
        assert (outcome.state, len(asked)) == (OutcomeState.RETRY, 1)

    def test_a_state_that_shopify_kept_is_not_called_left(self) -> None:
        kept = done("customerEmailMarketingConsentUpdate", OLD, "SUBSCRIBED")
        with wire() as mock:
            for step in (found(OLD), kept):
                register(mock, step)
            [outcome] = adapter().unsubscribe([OLD], "customers")
        assert outcome.state is REJECTED

    def test_an_unexpected_state_is_not_called_done(self) -> None:
        odd = done("customerCreate", NEW, "NOT_SUBSCRIBED")
        outcome, _ = sent(NOBODY, odd, contact=Contact(email=NEW))
        assert outcome.state is REJECTED


class TestLimits:
    def ask(self, body: object, status: int = 200) -> AdapterError:
        with wire() as mock, pytest.raises(AdapterError) as caught:
            mock.add("POST", URL, json=body, status=status)
            adapter().fields("customers")
        return caught.value

    def test_the_wait_is_told_from_the_cost(self) -> None:
        bucket = {
            "maximumAvailable": 2000.0,
            "currentlyAvailable": 52,
            "restoreRate": 100.0,
        }
        error = self.ask(
            failure("THROTTLED", requestedQueryCost=352, throttleStatus=bucket)
        )
        assert isinstance(error, TransientError)
        assert (error.reason, error.retry_after) == (Reason.RATE, 3.0)

    def test_protected_customer_data_is_a_missing_permission(self) -> None:
        words = "This app is not approved to access the Customer object."
        error = self.ask(failure("ACCESS_DENIED", words))
        assert isinstance(error, ScopeError)
        assert words in error.detail

    def test_words_of_a_plain_refusal_are_shown(self) -> None:
        error = self.ask({"errors": "[API] Invalid API key"}, 401)
        assert isinstance(error, CredentialsError)
        assert "Invalid API key" in error.detail

    def test_an_answer_without_data_is_unreadable(self) -> None:
        assert isinstance(self.ask({"data": None}), TransientError)
