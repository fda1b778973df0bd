"""Writing to HubSpot: records, lists, subscription types."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from integrations.adapters.base import Contact, Options, OutcomeState
from integrations.adapters.errors import Reason, TargetError, TransientError
from integrations.adapters.hubspot import HubSpot
from integrations.adapters.hubspot.wire import as_property, trace
from tests.integrations.adapters import hubspot_world as world
from tests.integrations.adapters.hubspot_world import (
    BAD,
    EVERYBODY,
    LIST,
    NEW,
    OLD,
    PEOPLE,
    SUBSCRIPTION,
    asked,
    members,
    read,
    record,
    row_error,
    run,
    set_to,
    status,
    status_url,
    upsert,
    written,
)
from tests.integrations.conformance import Step

SYNCED, REJECTED, SKIPPED, RETRY = (
    OutcomeState.SYNCED,
    OutcomeState.REJECTED,
    OutcomeState.SKIPPED,
    OutcomeState.RETRY,
)


class TestWriting:
    def test_values_are_text(self) -> None:
        values = {"a": True, "b": 7, "c": ["x", "y"], "d": date(2026, 8, 1), "e": " "}
        contact = Contact(email="New@X.org", fields={**values, "email": "evil@x.org"})
        _, sent = run(
            (read(), upsert(written(NEW))),
            lambda a: a.upsert([contact], EVERYBODY, Options()),
        )
        [row] = sent[1]["inputs"]
        assert row == {
            "id": NEW,
            "idProperty": "email",
            "objectWriteTraceId": trace(NEW),
            "properties": {"a": "true", "b": "7", "c": "x;y", "d": "2026-08-01"},
        }
        assert as_property(False) == "false"

    def test_one_address_twice_is_written_once(self) -> None:
        twice = [
            Contact(email="NEW@x.org", fields={"firstname": "A", "age": 1}),
            Contact(email=NEW, fields={"firstname": "B", "age": None}),
        ]
        outcomes, sent = run(
            (read(), upsert(written(NEW))),
            lambda a: a.upsert(twice, EVERYBODY, Options()),
        )
        assert [o.state for o in outcomes] == [SYNCED, SYNCED]
        [row] = sent[1]["inputs"]
        assert row["properties"] == {"firstname": "B", "age": "1"}

    def test_new_ones_only(self) -> None:
        outcomes, sent = run(
            (read(record(OLD)), upsert(written(NEW)), members("add", "101", "102")),
            lambda a: a.upsert(PEOPLE[:2], LIST, Options(update_existing=False)),
        )
        assert [o.state for o in outcomes] == [SYNCED, SYNCED]
        assert "left as they were" in outcomes[1].detail
        assert [row["id"] for row in sent[1]["inputs"]] == [NEW]
        assert sent[2] == ["101", "102"]

    def test_everybody_known_already_means_nothing_is_written(self) -> None:
        outcomes, _ = run(
            (read(record(OLD)),),
            lambda a: a.upsert(PEOPLE[1:2], EVERYBODY, Options(update_existing=False)),
        )
        assert (outcomes[0].state, outcomes[0].reason) == (SKIPPED, Reason.EXISTING)
        assert outcomes[0].remote_id == "102"

    def test_whom_the_list_did_not_take_is_not_said_to_be_on_it(self) -> None:
        added = {
            "recordsIdsAdded": ["101"],
            "recordIdsRemoved": [],
            "recordIdsMissing": ["102"],
        }
        step = Step(method="PUT", url=members("add").url, answer=added)
        outcomes, _ = run(
            (read(), upsert(written(NEW), written(OLD)), step),
            lambda a: a.upsert(PEOPLE[:2], LIST, Options()),
        )
        assert [o.state for o in outcomes] == [SYNCED, RETRY]

    def test_an_opt_out_is_asked_for_in_one_spelling(self) -> None:
        who = Contact(email=f" {OLD.upper()}")
        out = asked(OLD, status(OLD, "UNSUBSCRIBED"))
        [outcome], _ = run(
            (read(), upsert(written(OLD)), out),
            lambda a: a.upsert([who], SUBSCRIPTION, Options()),
        )
        assert (outcome.state, outcome.reason) == (REJECTED, Reason.UNSUBSCRIBED)

    @pytest.mark.parametrize("row", [{"status": "ON_HOLD"}, {"status": None}])
    def test_a_status_that_nobody_knows_is_no_leave_to_subscribe(
        self, row: dict[str, Any]
    ) -> None:
        odd = asked(OLD, {**status(OLD, ""), **row})
        [outcome], _ = run(
            (read(), upsert(written(OLD)), odd),
            lambda a: a.upsert(PEOPLE[1:2], SUBSCRIPTION, Options()),
        )
        assert outcome.state is RETRY

    def test_contacts_that_could_not_be_read_are_not_taken_for_new(self) -> None:
        failed = {"status": "error", "category": "INTERNAL", "message": "Later."}
        step = Step(
            method="POST",
            url=read().url,
            status=207,
            answer=world.done(record(OLD), errors=(failed,)),
        )
        with pytest.raises(TransientError):
            run((step,), lambda a: a.upsert(PEOPLE[:2], EVERYBODY, Options()))

    def test_each_refusal_has_its_reason(self) -> None:
        refused = row_error(BAD, "size: no such choice", "INVALID_OPTION")
        outcomes, _ = run(
            (read(), upsert(written(NEW), written(OLD), errors=(refused,))),
            lambda a: a.upsert(PEOPLE, EVERYBODY, Options()),
        )
        assert outcomes[2].reason is Reason.OPTION_MISSING
        assert outcomes[2].detail == "size: no such choice"

    def test_whom_the_answer_leaves_out_is_tried_again(self) -> None:
        outcomes, _ = run(
            (read(), upsert(written(NEW))),
            lambda a: a.upsert(PEOPLE[:2], EVERYBODY, Options()),
        )
        assert [o.state for o in outcomes] == [SYNCED, RETRY]

    def test_a_secondary_address_finds_its_contact(self) -> None:
        whole = record(OLD, hs_additional_emails=f"{NEW};other@x.org")
        answer = {**written(OLD), "objectWriteTraceId": ""}
        outcomes, _ = run(
            (read(whole), upsert(answer)),
            lambda a: a.upsert(PEOPLE[:1], EVERYBODY, Options()),
        )
        assert (outcomes[0].state, outcomes[0].remote_id) == (SYNCED, "102")

    def test_consent_is_recorded_once_and_with_its_day(self) -> None:
        signup = Contact(email=NEW, signed_up_at=datetime(2026, 8, 1, tzinfo=UTC))
        steps = (read(), upsert(written(NEW)), asked(NEW), set_to(NEW, "SUBSCRIBED"))
        outcomes, sent = run(
            steps, lambda a: a.upsert([signup], SUBSCRIPTION, Options())
        )
        assert outcomes[0].state is SYNCED
        assert sent[3] == {
            "channel": "EMAIL",
            "subscriptionId": 789,
            "statusState": "SUBSCRIBED",
            "legalBasis": "CONSENT_WITH_NOTICE",
            "legalBasisExplanation": "Signed up through a form on 2026-08-01.",
        }

    @pytest.mark.parametrize("there", [True, False])
    def test_a_refused_subscription_is_no_fault_of_theirs_if_the_type_is_gone(
        self, there: bool
    ) -> None:
        rows = [world.definition("789", "Newsletter", isActive=there)]
        steps = (
            read(),
            upsert(written(NEW)),
            asked(NEW),
            Step(method="POST", url=status_url(NEW), status=400, answer=world.REFUSED),
            Step(method="GET", url=world.DEFINITIONS.url, answer=world.done(*rows)),
        )

        def subscribe(adapter: HubSpot) -> Any:
            return adapter.upsert(PEOPLE[:1], SUBSCRIPTION, Options())

        if there:
            assert run(steps, subscribe)[0][0].state is REJECTED
        else:
            with pytest.raises(TargetError):
                run(steps, subscribe)

    def test_who_was_subscribed_before_a_failure_stays_done(self) -> None:
        steps = (
            read(),
            upsert(written(NEW), written(OLD), written(BAD)),
            asked(NEW, status(NEW, "SUBSCRIBED")),
            Step(method="GET", url=status_url(OLD), status=500, answer={}),
        )
        outcomes, _ = run(steps, lambda a: a.upsert(PEOPLE, SUBSCRIPTION, Options()))
        assert [o.state for o in outcomes] == [SYNCED, RETRY, RETRY]

    def test_unsubscribing_somebody_who_is_not_there(self) -> None:
        outcomes, _ = run((read(),), lambda a: a.unsubscribe([NEW], LIST))
        assert outcomes[0].state is SKIPPED

    def test_nobody_unknown_is_put_on_the_block_list_by_erasing(self) -> None:
        receipt, _ = run((read(),), lambda a: a.erase(NEW))
        assert receipt.ok
        assert "did not hold" in receipt.note
