"""Pipedrive: the shared proofs, and what is peculiar to it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from integrations.adapters.base import Contact, Options, OutcomeState
from integrations.adapters.errors import (
    Reason,
    SetupError,
    TargetError,
)
from integrations.adapters.pipedrive import Pipedrive
from tests.integrations.adapters.pipedrive_world import (
    BATCH,
    CAPPED,
    FIELDS,
    FORBIDDEN,
    FOUND,
    FOUND_LEFT,
    HOME,
    LEFT,
    MAKE,
    MISSING,
    NEW,
    NOBODY,
    OLD,
    OPERATIONS,
    PATCH,
    PLAIN,
    READ,
    REFUSED,
    SOURCE,
    TOKEN,
    TOPICS,
    UNAUTHORIZED,
    V1,
    V2,
    VALUES,
    WITH_CAMPAIGNS,
    hits,
    listing,
    one,
    read_left,
    upsert,
)
from tests.integrations.conformance import (
    AdapterConformance,
    Leaver,
    Operation,
    Refusal,
    Step,
    register,
    wire,
)
from tests.integrations.contract import AdapterContract, Description

LATER = '[0, "2026-08-01T10:00:00Z", "2026-08-02T10:00:00Z", "eyJpZCI6N30"]'
SYNCED, REJECTED, SKIPPED, RETRY = (
    OutcomeState.SYNCED,
    OutcomeState.REJECTED,
    OutcomeState.SKIPPED,
    OutcomeState.RETRY,
)


class TestPipedrive(AdapterConformance):
    adapter = Pipedrive
    odd_answers = True
    secrets = {
        "api_token": TOKEN,
        "access_token": "v1u:AQIBAHj-access",
        "webhook_secret": "hook-secret-of-ours",
    }
    operations = OPERATIONS
    audience_id = "people"
    batch = BATCH
    batch_operation = "upsert of two new people"
    batch_outcomes = (SYNCED, SYNCED)
    unauthorized = UNAUTHORIZED
    forbidden = FORBIDDEN
    missing = MISSING
    refused = REFUSED
    peculiar = (Refusal(status=403, body=CAPPED, error=SetupError),)
    leavers = tuple(
        Leaver(
            status=status,
            steps=(
                WITH_CAMPAIGNS,
                FOUND_LEFT,
                read_left(status),
                Step(method="PATCH", url=f"{V2}/persons/4", answer=one(4, LEFT)),
            ),
            state=SYNCED,
            reason=None,
            never=('"marketing_status"', '"emails"'),
            contacts=(Contact(email=LEFT, fields={"name": "Mary"}),),
            audience_id="5",
        )
        for status in ("unsubscribed", "archived")
    )
    no_leavers = {
        "bounced": "Campaigns keeps them to itself: there are four marketing statuses.",
        "complained": "Not told from any other leaving.",
    }


class TestPipedriveContract(AdapterContract):
    adapter = Pipedrive
    secrets = {"api_token": TOKEN, "webhook_secret": "hook-secret-of-ours"}
    operations = (
        *OPERATIONS,
        Operation(
            name="changes since then",
            run=lambda adapter: adapter.changes("5", LATER),
            steps=(
                FIELDS,
                Step(method="GET", url=f"{V2}/persons", answer=listing()),
            ),
        ),
        Operation(
            name="fields on two pages",
            run=lambda adapter: adapter.audiences(),
            steps=(
                Step(
                    method="GET",
                    url=f"{V2}/personFields",
                    answer=listing(PLAIN[0], cursor="eyJpZCI6N30"),
                ),
                FIELDS,
            ),
        ),
        Operation(
            name="upsert of a whole new person",
            run=upsert(Contact(email=NEW, fields={**VALUES, HOME: "1 Main St"})),
            steps=(NOBODY, FIELDS, MAKE),
        ),
    )
    descriptions = (
        Description(name="pipedrive-v2.yaml", server=V2),
        Description(name="pipedrive-v1.yaml", server=V1),
    )


def adapter(**secrets: str) -> Pipedrive:
    return Pipedrive({"api_token": TOKEN, **secrets})


def sent(*steps: Step, contact: Contact, audience: str = "people", **options: bool):  # type: ignore[no-untyped-def]
    """The outcome, and the JSON bodies that were sent."""
    with wire() as mock:
        for step in steps:
            register(mock, step)
        [outcome] = adapter().upsert([contact], audience, Options(**options))
        bodies = [call.request.body for call in mock.calls if call.request.body]
    return outcome, [json.loads(body) for body in bodies]


class TestWriting:
    def test_a_new_person_gets_values_in_pipedrives_types(self) -> None:
        contact = Contact(
            email=" New@x.org", fields={**VALUES, HOME: "1 Main St", "name": "Ann"}
        )
        outcome, [body] = sent(FIELDS, NOBODY, MAKE, contact=contact, audience="5")
        assert (outcome.state, outcome.remote_id) == (SYNCED, "9")
        assert body == {
            "name": "Ann",
            "emails": [{"value": "New@x.org", "primary": True}],
            "phones": [{"value": "+44 1", "primary": True}],
            "custom_fields": {
                SOURCE: 1,
                TOPICS: [7],
                HOME: {"value": "1 Main St"},
            },
            "label_ids": [5],
        }

    def test_without_a_name_the_address_is_the_name(self) -> None:
        _, [body] = sent(NOBODY, MAKE, contact=Contact(email=NEW))
        assert body["name"] == NEW

    def test_labels_and_numbers_are_added_to_what_is_there(self) -> None:
        known = Step(
            method="GET",
            url=f"{V2}/persons/3",
            answer=one(
                3, OLD, label_ids=[6], phones=[{"value": "(44) 2", "primary": True}]
            ),
        )
        contact = Contact(email=OLD, fields={"phone": "+44 1", "name": "  "})
        _, [body] = sent(FIELDS, FOUND, known, PATCH, contact=contact, audience="5")
        assert body == {
            "phones": [
                {"value": "(44) 2", "primary": True},
                {"value": "+44 1", "primary": False},
            ],
            "label_ids": [6, 5],
        }

    def test_nothing_new_is_not_written(self) -> None:
        outcome, bodies = sent(FOUND, FIELDS, READ, contact=Contact(email=OLD))
        assert (outcome.state, outcome.remote_id, bodies) == (SYNCED, "3", [])

    def test_existing_people_can_be_left_alone(self) -> None:
        outcome, bodies = sent(
            FOUND, FIELDS, READ, contact=Contact(email=OLD), update_existing=False
        )
        assert (outcome.state, outcome.reason) == (SKIPPED, Reason.EXISTING)
        assert bodies == []

    def test_one_address_twice_in_a_batch_is_one_person(self) -> None:
        """The search may not know the person yet that was made a moment ago."""
        twice = [Contact(email=NEW), Contact(email="NEW@x.org", fields={"name": "Ann"})]
        again = Step(method="GET", url=f"{V2}/persons/9", answer=one(9, NEW))
        patch = Step(method="PATCH", url=f"{V2}/persons/9", answer=one(9, NEW))
        with wire() as mock:
            for step in (NOBODY, MAKE, FIELDS, again, patch):
                register(mock, step)
            outcomes = adapter().upsert(twice, "people", Options())
        assert [outcome.remote_id for outcome in outcomes] == ["9", "9"]

    def test_a_lookalike_address_is_somebody_else(self) -> None:
        similar = Step(
            method="GET", url=f"{V2}/persons/search", answer=hits((3, f"x{NEW}"))
        )
        _, [body] = sent(similar, MAKE, contact=Contact(email=NEW))
        assert body["emails"][0]["value"] == NEW

    def test_an_option_that_is_gone_is_the_mappings_business(self) -> None:
        contact = Contact(email=NEW, fields={SOURCE: "Radio"})
        outcome, bodies = sent(NOBODY, FIELDS, contact=contact)
        assert (outcome.state, outcome.reason) == (REJECTED, Reason.OPTION_MISSING)
        assert "Lead source" in outcome.detail
        assert bodies == []

    def test_a_label_that_is_gone_is_a_missing_target(self) -> None:
        with wire() as mock, pytest.raises(TargetError, match="label"):
            register(mock, FIELDS)
            adapter().upsert([Contact(email=NEW)], "99", Options())


class TestLeaving:
    def test_without_campaigns_there_is_nothing_to_leave(self) -> None:
        with wire() as mock:
            register(mock, FIELDS)
            [outcome] = adapter().unsubscribe([LEFT], "people")
        assert (outcome.state, "Campaigns" in outcome.detail) == (SKIPPED, True)

    def test_leaving_does_not_need_the_label(self) -> None:
        gone = Step(
            method="PATCH",
            url=f"{V2}/persons/4",
            answer=one(4, LEFT, marketing_status="unsubscribed"),
        )
        with wire() as mock:
            for step in (WITH_CAMPAIGNS, FOUND_LEFT, read_left("subscribed"), gone):
                register(mock, step)
            [outcome] = adapter().unsubscribe([LEFT], "99")
        assert outcome.state is SYNCED

    def test_a_status_that_pipedrive_kept_is_not_called_done(self) -> None:
        kept = Step(
            method="PATCH",
            url=f"{V2}/persons/4",
            answer=one(4, LEFT, marketing_status="no_consent"),
        )
        with wire() as mock:
            for step in (WITH_CAMPAIGNS, FOUND_LEFT, read_left("no_consent"), kept):
                register(mock, step)
            [outcome] = adapter().unsubscribe([LEFT], "people")
        assert outcome.state is REJECTED

    def test_an_answer_that_does_not_tell_is_checked(self) -> None:
        silent = Step(method="PATCH", url=f"{V2}/persons/4", answer=one(4, LEFT))
        before, after = read_left("subscribed"), read_left("unsubscribed")
        with wire() as mock:
            for step in (WITH_CAMPAIGNS, FOUND_LEFT, before, silent, after):
                register(mock, step)
            [outcome] = adapter().unsubscribe([LEFT], "people")
        assert outcome.state is SYNCED

    @pytest.mark.parametrize(
        ("marketing", "status"),
        [
            ("subscribed", "subscribed"),
            ("unsubscribed", "unsubscribed"),
            ("archived", "archived"),
            ("no_consent", "unknown"),
        ],
    )
    def test_where_they_stand(self, marketing: str, status: str) -> None:
        with wire() as mock:
            for step in (FOUND_LEFT, WITH_CAMPAIGNS, read_left(marketing), NOBODY):
                register(mock, step)
            found = adapter().subscriptions([LEFT, NEW], "people")
        assert [item.status for item in found] == [status, "absent"]

    def test_every_record_of_the_address_leaves(self) -> None:
        both = Step(
            method="GET", url=f"{V2}/persons/search", answer=hits((4, LEFT), (5, LEFT))
        )
        first, second = read_left("subscribed"), read_left("subscribed", 5)
        gone = [
            Step(
                method="PATCH",
                url=f"{V2}/persons/{number}",
                answer=one(number, LEFT, marketing_status="unsubscribed"),
            )
            for number in (4, 5)
        ]
        with wire() as mock:
            for step in (WITH_CAMPAIGNS, both, first, second, *gone):
                register(mock, step)
            [outcome] = adapter().unsubscribe([LEFT], "people")
        assert outcome.state is SYNCED

    def test_the_record_that_opted_out_counts(self) -> None:
        both = Step(
            method="GET", url=f"{V2}/persons/search", answer=hits((4, LEFT), (5, LEFT))
        )
        with wire() as mock:
            for step in (
                *(both, WITH_CAMPAIGNS, read_left("subscribed")),
                read_left("unsubscribed", 5),
            ):
                register(mock, step)
            [found] = adapter().subscriptions([LEFT], "people")
        assert found.status == "unsubscribed"

    @pytest.mark.parametrize("half", [{}, {"data": None}, {"data": {}}])
    def test_a_search_that_does_not_answer_finds_not_nobody(self, half: Any) -> None:
        with wire() as mock:
            mock.add("GET", f"{V2}/persons/search", json=half)
            [outcome] = adapter().upsert([Contact(email=NEW)], "people", Options())
        assert outcome.state is RETRY

    def test_nobody_to_erase_is_erased(self) -> None:
        with wire() as mock:
            register(mock, NOBODY)
            receipt = adapter().erase(NEW)
        assert receipt.ok
        assert "did not hold" in receipt.note
