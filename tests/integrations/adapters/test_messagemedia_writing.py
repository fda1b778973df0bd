"""Writing to Sinch MessageMedia: numbers, opt-outs, signed callbacks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from integrations.adapters.base import Options, Outcome, OutcomeState
from integrations.adapters.errors import (
    Reason,
    TransientError,
)
from tests.integrations.adapters import messagemedia_world as world
from tests.integrations.adapters.messagemedia_world import (
    CHANGE,
    CONTACTS,
    CREATE,
    CUSTOM,
    EMAIL_FIELD,
    FIELDS,
    IDS,
    JOIN,
    LIST,
    NEW,
    OLD,
    PHONES,
    SIZE_FIELD,
    THERE,
    adapter,
    authorised,
    contact,
    found,
    got,
    page,
    person,
)
from tests.integrations.conformance import Step, register, wire

SYNCED, REJECTED, RETRY, SKIPPED = (
    OutcomeState.SYNCED,
    OutcomeState.REJECTED,
    OutcomeState.RETRY,
    OutcomeState.SKIPPED,
)
BUSY = {"status": 503, "body": b"busy"}


def upsert(
    steps: tuple[Step, ...], *contacts: Any, **options: Any
) -> tuple[list[Outcome], list[Any]]:
    """The outcomes, and the bodies that were sent."""
    with wire() as mock:
        for step in steps:
            register(mock, step)
        outcomes = adapter().upsert(contacts, LIST, Options(**options))
        assert len(mock.calls) == len(steps)
        bodies = [
            json.loads(call.request.body) for call in mock.calls if call.request.body
        ]
    return outcomes, bodies


class TestNumbers:
    def test_a_new_person(self) -> None:
        steps = (found(), authorised(NEW), THERE, FIELDS, CREATE, JOIN)
        outcomes, bodies = upsert(
            steps,
            person(NEW, firstName="Mary", lastName=" ", **{SIZE_FIELD: ["S", "M"]}),
        )
        assert bodies == [
            {
                "firstName": "Mary",
                "channels": [
                    {
                        "channelId": PHONES[NEW],
                        "type": "SMS",
                        "subscriptionState": "SUBSCRIBED",
                    }
                ],
                "customFields": [
                    {"id": SIZE_FIELD, "value": "S, M"},
                    {"id": EMAIL_FIELD, "value": NEW},
                ],
            },
            {"contactsToAddIds": [IDS[NEW]]},
        ]
        assert (outcomes[0].state, outcomes[0].remote_id) == (SYNCED, IDS[NEW])

    def test_numbers_are_looked_up_together(self) -> None:
        steps = world.BATCH.steps
        with wire() as mock:
            for step in steps:
                register(mock, step)
            adapter().upsert([person(NEW)], LIST, Options())
            assert "channelIds=%2B61491570101&channelTypes=SMS" in str(
                mock.calls[0].request.url
            )

    @pytest.mark.parametrize(
        ("number", "reason"),
        [
            (None, Reason.REQUIRED_FIELD),
            (" ", Reason.REQUIRED_FIELD),
            ("0491 570 156", Reason.FIELD_TYPE),
            ("+0491570156", Reason.FIELD_TYPE),
            ("+61 491", Reason.FIELD_TYPE),
        ],
    )
    def test_without_a_usable_one_nothing_is_asked(
        self, number: str | None, reason: Reason
    ) -> None:
        someone = person(NEW)
        bad = type(someone)(email=NEW, fields={"phone": number})
        [outcome], _ = upsert((), bad)
        assert (outcome.state, outcome.reason) == (REJECTED, reason)
        assert outcome.detail.startswith("Mobile number:")

    def test_one_number_twice_is_one_person(self) -> None:
        steps = (found(), authorised(NEW), THERE, FIELDS, CREATE, JOIN)
        again = type(person(NEW))(
            email="second@x.org", fields={"phone": PHONES[NEW], "city": ""}
        )
        outcomes, bodies = upsert(steps, person(NEW, firstName="Mary"), again)
        assert [o.remote_id for o in outcomes] == [IDS[NEW], IDS[NEW]]
        assert bodies[0]["firstName"] == "Mary"
        assert bodies[0]["customFields"] == [
            {"id": EMAIL_FIELD, "value": "second@x.org"}
        ]


class TestKnownPeople:
    def test_only_what_differs_is_sent_and_never_a_channel(self) -> None:
        steps = (found(contact(OLD, LIST)), authorised(OLD), FIELDS, CHANGE)
        _, bodies = upsert(steps, person(OLD, firstName="Mary", country="AU"))
        assert bodies == [{"country": "AU"}]

    def test_custom_fields_that_are_there_are_sent_along(self) -> None:
        steps = (found(contact(OLD, LIST)), authorised(OLD), FIELDS, CHANGE)
        other = "33333333-5717-4562-b3fc-2c963f66afa6"
        _, bodies = upsert(steps, person(OLD, **{other: True}))
        assert bodies == [
            {
                "customFields": [
                    {"id": EMAIL_FIELD, "value": OLD},
                    {"id": SIZE_FIELD, "value": "M"},
                    {"id": other, "value": "true"},
                ]
            }
        ]

    def test_the_same_again_writes_nothing(self) -> None:
        steps = (found(contact(OLD, LIST)), authorised(OLD), FIELDS)
        outcomes, bodies = upsert(steps, person(OLD, firstName="Mary"))
        assert (outcomes[0].state, bodies) == (SYNCED, [])

    def test_left_alone_when_the_rule_says_so(self) -> None:
        steps = (found(contact(OLD, LIST)), authorised(OLD))
        outcomes, _ = upsert(steps, person(OLD), update_existing=False)
        assert (outcomes[0].state, outcomes[0].reason) == (SKIPPED, Reason.EXISTING)

    def test_known_elsewhere_joins_the_list_with_nothing_changed(self) -> None:
        steps = (found(contact(OLD)), authorised(OLD), THERE, FIELDS, JOIN)
        _, bodies = upsert(steps, person(OLD, country="AU"), update_existing=False)
        assert bodies == [{"contactsToAddIds": [IDS[OLD]]}]

    def test_somebody_created_meanwhile_is_changed(self) -> None:
        taken = Step(method="POST", url=CONTACTS, answer=world.CONFLICT, status=409)
        steps = (found(), authorised(OLD), THERE, FIELDS, taken)
        steps = (*steps, found(contact(OLD)), CHANGE, JOIN)
        outcomes, _ = upsert(steps, person(OLD, country="AU"))
        assert (outcomes[0].state, outcomes[0].remote_id) == (SYNCED, IDS[OLD])

    def test_somebody_created_meanwhile_who_left_joins_nothing(self) -> None:
        taken = Step(method="POST", url=CONTACTS, answer=world.CONFLICT, status=409)
        steps = (found(), authorised(OLD), THERE, FIELDS, taken)
        steps = (*steps, found(contact(OLD, state="UNSUBSCRIBED")))
        [outcome], _ = upsert(steps, person(OLD, country="AU"))
        assert (outcome.state, outcome.reason) == (REJECTED, Reason.UNSUBSCRIBED)

    def test_answers_that_contradict_each_other_end(self) -> None:
        taken = Step(method="POST", url=CONTACTS, answer=world.CONFLICT, status=409)
        gone = Step(method="PATCH", url=CHANGE.url, answer=world.MISSING, status=404)
        steps = (found(contact(OLD, LIST)), authorised(OLD), FIELDS, gone, taken)
        [outcome], _ = upsert(steps, person(OLD, country="AU"))
        assert (outcome.state, outcome.reason) == (REJECTED, Reason.DUPLICATE)
        steps = (found(), authorised(OLD), THERE, FIELDS, taken)
        steps = (*steps, found(contact(OLD)), gone)
        [outcome], _ = upsert(steps, person(OLD, country="AU"))
        assert outcome.state is RETRY

    def test_an_answer_without_an_id_joins_nobody(self) -> None:
        odd = Step(method="POST", url=CONTACTS, answer={"id": None})
        steps = (found(), authorised(NEW), THERE, FIELDS, odd)
        [outcome], _ = upsert(steps, person(NEW))
        assert outcome.state is RETRY

    def test_a_field_that_is_empty_stays_empty(self) -> None:
        empty = {"id": "other", "type": "TEXT", "value": None}
        there = contact(OLD, LIST)
        there["customFields"] = [*there["customFields"], empty]
        steps = (found(there), authorised(OLD), FIELDS, CHANGE)
        _, bodies = upsert(steps, person(OLD, **{SIZE_FIELD: "XL"}))
        assert "other" not in [row["id"] for row in bodies[0]["customFields"]]

    def test_another_conflict_is_a_refusal(self) -> None:
        taken = Step(method="POST", url=CONTACTS, answer=world.CONFLICT, status=409)
        steps = (found(), authorised(OLD), THERE, FIELDS, taken, found())
        outcomes, _ = upsert(steps, person(OLD))
        assert (outcomes[0].state, outcomes[0].reason) == (REJECTED, Reason.DUPLICATE)

    def test_a_refused_value_names_the_field(self) -> None:
        no = Step(method="POST", url=CONTACTS, answer=world.REFUSED, status=400)
        steps = (found(), authorised(OLD), THERE, FIELDS, no)
        [outcome], _ = upsert(steps, person(OLD, dateOfBirth="soon"))
        assert (outcome.state, outcome.reason) == (REJECTED, Reason.FIELD_TYPE)
        assert "dateOfBirth: must be a date" in outcome.detail

    def test_somebody_deleted_meanwhile_is_created(self) -> None:
        gone = Step(method="PATCH", url=CHANGE.url, answer=world.MISSING, status=404)
        steps = (
            found(contact(OLD)),
            authorised(OLD),
            THERE,
            FIELDS,
            gone,
            CREATE,
            JOIN,
        )
        outcomes, _ = upsert(steps, person(OLD, country="AU"))
        assert outcomes[0].state is SYNCED

    def test_an_account_without_a_field_for_the_address_says_so(self) -> None:
        steps = (found(), authorised(NEW), THERE, got(CUSTOM, page()), CREATE, JOIN)
        outcomes, bodies = upsert(steps, person(NEW))
        assert "customFields" not in bodies[0]
        assert "without the e-mail address" in outcomes[0].detail

    def test_those_before_an_outage_are_done_and_the_others_wait(self) -> None:
        with wire() as mock:
            for step in (found(), authorised(NEW, OLD), THERE, FIELDS, CREATE):
                register(mock, step)
            mock.add("POST", CONTACTS, **BUSY)
            register(mock, JOIN)
            outcomes = adapter().upsert([person(NEW), person(OLD)], LIST, Options())
            sent = json.loads(mock.calls[-1].request.body or "")
        assert [o.state for o in outcomes] == [SYNCED, RETRY]
        assert sent == {"contactsToAddIds": [IDS[NEW]]}

    def test_an_answer_that_leaves_numbers_out_is_not_believed(self) -> None:
        partial = got(authorised(NEW).url, {"uri": "", "numbers": []})
        with wire() as mock, pytest.raises(TransientError, match="opted out"):
            register(mock, found())
            register(mock, partial)
            adapter().upsert([person(NEW)], LIST, Options())


class TestLeaving:
    def test_unsubscribing_blocks_the_number(self) -> None:
        with wire() as mock:
            for step in world.WRITING[2].steps:
                register(mock, step)
            outcomes = adapter().unsubscribe([OLD], LIST)
            assert json.loads(mock.calls[1].request.body or "") == {
                "numbers": [PHONES[OLD]]
            }
        assert outcomes[0].state is SYNCED

    def test_ten_numbers_a_call(self) -> None:
        rows = []
        for place in range(12):
            channel = {"channelId": f"+614915702{place:02}", "type": "SMS"}
            rows.append(contact(OLD, LIST, channels=[channel]))
        with wire() as mock:
            register(mock, found(*rows))
            for _ in range(2):
                mock.add("POST", world.BLACKLIST, status=201, json={"numbers": []})
            adapter().unsubscribe([OLD], LIST)
            sent = [json.loads(call.request.body) for call in list(mock.calls)[1:]]
        assert [len(body["numbers"]) for body in sent] == [10, 2]

    def test_a_number_that_is_none_hides_nobody(self) -> None:
        odd = {"channelId": "0491570156", "type": "SMS"}
        rows = (contact(NEW, LIST, channels=[odd]), contact(OLD, LIST))
        with wire() as mock:
            register(mock, found(*rows))
            mock.add("POST", world.BLACKLIST, status=201, json={"numbers": []})
            outcomes = adapter().unsubscribe([NEW, OLD], LIST)
            sent = json.loads(mock.calls[1].request.body or "")
        assert sent == {"numbers": [PHONES[OLD]]}
        assert [o.state for o in outcomes] == [SKIPPED, SYNCED]

    def test_nobody_and_nothing_to_stop(self) -> None:
        row = contact(OLD, LIST, channels=[])
        with wire() as mock:
            register(mock, found(row))
            outcomes = adapter().unsubscribe([OLD, NEW], LIST)
        assert [o.state for o in outcomes] == [SKIPPED, SKIPPED]
        assert "no mobile number" in outcomes[0].detail

    @pytest.mark.parametrize(("status", "note"), [(204, "Deleted"), (404, "not hold")])
    def test_erase(self, status: int, note: str) -> None:
        with wire() as mock:
            register(mock, found(contact(OLD)))
            mock.add("DELETE", f"{CONTACTS}/{IDS[OLD]}", status=status)
            receipt = adapter().erase(OLD)
        assert receipt.ok
        assert note in receipt.note
