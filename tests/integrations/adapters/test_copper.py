"""Copper: the shared proofs, and what is peculiar to it.

There is no API description. The exchanges are written from the pages under
https://developer.copper.com, read on 2026-11-22.
"""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from integrations.adapters.base import Contact, Incoming, Options, OutcomeState
from integrations.adapters.copper import Copper
from integrations.adapters.errors import CredentialsError, Reason, RejectedError
from tests.integrations.adapters.copper_world import (
    API,
    AT,
    BATCH,
    DEFINITIONS,
    FETCH,
    FOUND,
    FULL,
    HEARD,
    MAKE,
    NEW,
    NOBODY,
    OLD,
    OPERATIONS,
    PUT,
    SECRETS,
    failure,
    notice,
    person,
)
from tests.integrations.conformance import (
    AdapterConformance,
    Operation,
    Step,
    register,
    wire,
)
from tests.integrations.contract import AdapterContract

NO_CONSENT = "Copper's API has no field for marketing consent or for what mail did."


class TestCopper(AdapterConformance):
    adapter = Copper
    odd_answers = True
    secrets = SECRETS
    operations = OPERATIONS
    silent = frozenset({"audiences"})
    audience_id = "people"
    batch = BATCH
    batch_operation = "upsert of two new people"
    batch_outcomes = (OutcomeState.SYNCED, OutcomeState.SYNCED)
    unauthorized = failure(401, "Invalid API key")
    forbidden = failure(403, "Forbidden")
    missing = failure(404, "Resource not found")
    refused = failure(422, "Invalid input: Validation errors: Name: can't be blank")
    # Who signs in is no secret, and neither is the name of the API.
    public_words = frozenset(
        {"developer_api", "owner@shop.example", "owner%40shop.example"}
        | {"b3duZXJAc2hvcC5leGFtcGxl"}
    )
    leavers = ()
    no_leavers = dict.fromkeys(("unsubscribed", "bounced", "complained"), NO_CONSENT)


PAGES = "https://developer.copper.com"
SEEN = "(read 2026-11-22)"


class TestCopperContract(AdapterContract):
    adapter = Copper
    secrets = SECRETS
    operations = (
        *OPERATIONS,
        Operation(
            name="webhook", run=lambda adapter: adapter.webhook(notice()), steps=HEARD
        ),
    )
    documented = {
        ("GET", "/developer_api/v1/account"): (
            f"{PAGES}/account-and-users/fetch-account-details.html {SEEN}"
        ),
        ("GET", "/developer_api/v1/custom_field_definitions"): (
            f"{PAGES}/custom-fields/list-custom-field-definitions.html {SEEN}"
        ),
        ("POST", "/developer_api/v1/people/fetch_by_email"): (
            f"{PAGES}/people/fetch-a-person-by-email.html {SEEN}"
        ),
        ("POST", "/developer_api/v1/people/search"): (
            f"{PAGES}/people/list-people-search.html {SEEN}"
        ),
        ("POST", "/developer_api/v1/people"): (
            f"{PAGES}/people/create-a-new-person.html {SEEN}"
        ),
        ("GET", "/developer_api/v1/people/{id}"): (
            f"{PAGES}/people/fetch-a-person-by-id.html {SEEN}"
        ),
        ("PUT", "/developer_api/v1/people/{id}"): (
            f"{PAGES}/people/update-a-person.html {SEEN}"
        ),
        ("DELETE", "/developer_api/v1/people/{id}"): (
            f"{PAGES}/people/delete-a-person.html {SEEN}"
        ),
        ("POST", "/developer_api/v1/webhooks"): (
            f"{PAGES}/webhooks/create-new-subscription.html {SEEN}"
        ),
        ("DELETE", "/developer_api/v1/webhooks/{id}"): (
            "https://support.copper.com/en/articles/"
            f"8823460-learn-more-about-copper-webhooks {SEEN}"
        ),
    }


def sent(*steps: Step, contact: Contact, **options: bool) -> tuple[Any, list[Any]]:
    with wire() as mock:
        for step in steps:
            register(mock, step)
        [outcome] = Copper(SECRETS).upsert([contact], "people", Options(**options))
        bodies = [json.loads(call.request.body or "null") for call in mock.calls]
    return outcome, bodies


class TestWriting:
    def test_a_new_person(self) -> None:
        outcome, bodies = sent(NOBODY, DEFINITIONS, MAKE, contact=FULL)
        assert (outcome.state, outcome.remote_id) == (OutcomeState.SYNCED, "9")
        assert bodies[-1] == {
            "name": "Ann",
            "emails": [{"email": NEW, "category": "work"}],
            "phone_numbers": [{"number": "+44 1", "category": "work"}],
            "websites": [{"url": "https://x.org", "category": "work"}],
            "address": {"city": "Bath", "country": "GB"},
            "custom_fields": [
                {"custom_field_definition_id": 1, "value": 10},
                {"custom_field_definition_id": 2, "value": [20]},
                {"custom_field_definition_id": 3, "value": 1785542400},
            ],
            "tags": ["popup"],
        }

    def test_lists_are_added_to(self) -> None:
        known = person(7, OLD, tags=["vip"], address={"street": "1 A", "city": "X"})
        found = Step(method="POST", url=FETCH, answer=known)
        contact = Contact(
            email=OLD,
            fields={"phone": "+44 1", "address.city": "Bath", "title": " "},
            tags=("popup", "vip"),
        )
        _, [_, body] = sent(found, PUT, contact=contact)
        assert body == {
            "phone_numbers": [
                {"number": "415-123-45678", "category": "mobile"},
                {"number": "+44 1", "category": "work"},
            ],
            "address": {"street": "1 A", "city": "Bath"},
            "tags": ["vip", "popup"],
        }

    def test_nothing_new_is_not_written(self) -> None:
        outcome, bodies = sent(FOUND, contact=Contact(email=OLD))
        assert (outcome.state, len(bodies)) == (OutcomeState.SYNCED, 1)

    def test_existing_people_can_be_left_alone(self) -> None:
        outcome, _ = sent(FOUND, contact=FULL, update_existing=False)
        assert outcome.reason is Reason.EXISTING

    @pytest.mark.parametrize(
        ("fields", "reason"),
        [({"1": "Radio"}, Reason.OPTION_MISSING), ({"99": "x"}, Reason.FIELD_TYPE)],
    )
    def test_what_the_mapping_gets_wrong(self, fields: Any, reason: Reason) -> None:
        contact = Contact(email=NEW, fields=fields)
        outcome, _ = sent(NOBODY, DEFINITIONS, contact=contact)
        assert (outcome.state, outcome.reason) == (OutcomeState.REJECTED, reason)

    @pytest.mark.parametrize(
        ("words", "reason"),
        [
            ("Invalid input: Email has already been taken", Reason.DUPLICATE),
            ("Invalid input: Invalid email: x", Reason.ADDRESS_INVALID),
            ("Invalid input: Name: can't be blank", Reason.REFUSED),
        ],
    )
    def test_refusals_are_told_apart(self, words: str, reason: Reason) -> None:
        refused = Step(
            method="POST", url=f"{API}/people", status=422, answer=failure(422, words)
        )
        outcome, _ = sent(NOBODY, refused, contact=Contact(email=NEW))
        assert (outcome.state, outcome.reason) == (OutcomeState.REJECTED, reason)
        assert outcome.detail == words


class TestReading:
    def test_fields(self) -> None:
        with wire() as mock:
            register(mock, DEFINITIONS)
            found = {f.id: f for f in Copper(SECRETS).fields("people")}
        assert found["1"].options == ("Web", "Shop")
        assert [found[id].type for id in ("1", "2", "3")] == [
            "choice",
            "multi_choice",
            "date",
        ]
        assert "4" not in found
        assert found["5"].read_only

    def walk(self, cursor: str, rows: list[Any], *more: Step) -> tuple[Any, Any]:
        with wire() as mock:
            mock.add("POST", f"{API}/people/search", json=rows)
            for step in more:
                register(mock, step)
            found = Copper(SECRETS).changes("people", cursor)
            return found, json.loads(mock.calls[0].request.body or "")

    def test_values_as_they_would_be_written(self) -> None:
        custom = [
            {"custom_field_definition_id": id, "value": value}
            for id, value in ((1, 11), (2, [20, 99]), (3, 1785542400), (9, "x"))
        ]
        row = person(7, OLD, custom_fields=custom, tags=["vip"])
        [change] = self.walk("", [row], DEFINITIONS)[0].changes
        assert change.fields == {
            "name": "My Contact",
            "phone": "415-123-45678",
            "1": "Shop",
            "2": ["Tea"],
            "3": "2026-08-01",
        }
        assert (change.tags, change.status) == (("vip",), "unknown")

    def test_a_walk_steps_by_time_and_through_a_dense_second(self) -> None:
        dense = [person(n, f"p{n}@x.org") for n in range(200)]
        began = int(time.time())
        first, query = self.walk("", dense)
        assert "minimum_modified_date" not in query
        second, query = self.walk(first.cursor, dense)
        assert (query["minimum_modified_date"], query["page_number"]) == (AT - 5, 1)
        third, query = self.walk(second.cursor, [person(9, NEW, date_modified=AT + 9)])
        assert (query["minimum_modified_date"], query["page_number"]) == (AT - 5, 2)
        assert (third.more, third.complete) == (False, True)
        later, query = self.walk(third.cursor, [])
        behind = began - query["minimum_modified_date"]
        assert 0 <= behind <= Copper.overlap.total_seconds()
        assert (query["page_number"], later.complete, later.more) == (1, False, False)

    def test_a_foreign_cursor_is_expired(self) -> None:
        with wire(), pytest.raises(RejectedError) as caught:
            Copper(SECRETS).changes("people", '["x"]')
        assert caught.value.reason is Reason.CURSOR_EXPIRED


class TestWebhook:
    def test_the_people_of_a_notification_are_read(self) -> None:
        with wire() as mock:
            for step in HEARD:
                register(mock, step)
            found = Copper(SECRETS).webhook(notice())
        assert [(c.email, c.kind) for c in found] == [(OLD, "upsert")]

    def test_nothing_is_read_of_deletions_and_of_others(self) -> None:
        with wire():
            assert Copper(SECRETS).webhook(notice("delete")) == []
            assert Copper(SECRETS).webhook(notice(kind="lead")) == []

    def test_what_is_not_from_copper(self) -> None:
        for secrets in (SECRETS, {**SECRETS, "webhook_secret": ""}):
            with wire(), pytest.raises(CredentialsError):
                Copper(secrets).webhook(notice(contactsync=""))
        with wire(), pytest.raises(RejectedError):
            Copper(SECRETS).webhook(Incoming(method="POST", url="", body=b"[]"))

    def test_a_notification_is_read_whole_before_anybody_is(self) -> None:
        """Else its fault would count as Copper's, and it would come again for ever."""
        with wire() as mock, pytest.raises(RejectedError, match="no webhook"):
            for step in HEARD:
                register(mock, step)
            Copper(SECRETS).webhook(notice(ids=[1, "x"]))
