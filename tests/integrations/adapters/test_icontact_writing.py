"""Writing to iContact: two steps, refusals, double opt-in, leaving."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from integrations.adapters.base import Contact, Options, Outcome, OutcomeState
from integrations.adapters.errors import (
    Reason,
    RejectedError,
    TargetError,
    TransientError,
)
from tests.integrations.adapters import icontact_world as world
from tests.integrations.adapters.icontact_world import (
    CONTACTS,
    FOLDER,
    LEFT,
    LIST,
    NEW,
    OLD,
    SUBSCRIPTIONS,
    adapter,
    contact,
    got,
    looked_up,
    page,
    place,
    posted,
)
from tests.integrations.conformance import Step, register, wire

SYNCED, REJECTED, AWAITING, SKIPPED = (
    OutcomeState.SYNCED,
    OutcomeState.REJECTED,
    OutcomeState.AWAITING_OPT_IN,
    OutcomeState.SKIPPED,
)


def upsert(
    steps: tuple[Step, ...], *contacts: Contact, **options: Any
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


class TestWriting:
    def test_a_new_contact_takes_two_steps(self) -> None:
        steps = (
            *looked_up(NEW),
            world.THERE,
            posted(CONTACTS, page("contacts", contact(NEW))),
            posted(SUBSCRIPTIONS, page("subscriptions", place(NEW))),
        )
        person = Contact(
            email=f" {NEW} ", fields={"firstName": "Mary", "city": " ", "vip": True}
        )
        outcomes, bodies = upsert(steps, person)
        assert bodies == [
            [{"email": NEW, "firstName": "Mary", "vip": 1}],
            [{"contactId": 333001, "listId": 444444, "status": "normal"}],
        ]
        assert (outcomes[0].state, outcomes[0].remote_id) == (SYNCED, "333001")

    def test_a_known_one_is_sent_by_id_and_without_a_status(self) -> None:
        steps = (*looked_up(OLD), world.SAVED)
        outcomes, bodies = upsert(steps, Contact(email=OLD, fields={"city": "X"}))
        assert bodies == [[{"contactId": 333002, "city": "X"}]]
        assert outcomes[0].state is SYNCED

    @pytest.mark.parametrize(
        ("own", "reason"),
        [("donotcontact", Reason.UNSUBSCRIBED), ("bounced", Reason.BOUNCED)],
    )
    def test_somebody_the_search_did_not_find_is_not_subscribed_either(
        self, own: str, reason: Reason
    ) -> None:
        steps = (
            *looked_up(NEW),
            world.THERE,
            posted(CONTACTS, page("contacts", contact(NEW, own))),
        )
        [outcome], _ = upsert(steps, Contact(email=NEW))
        assert (outcome.state, outcome.reason) == (REJECTED, reason)

    def test_one_address_twice_is_written_once(self) -> None:
        steps = (
            *looked_up(NEW),
            world.THERE,
            posted(CONTACTS, page("contacts", contact(NEW))),
            posted(SUBSCRIPTIONS, page("subscriptions", place(NEW))),
        )
        outcomes, bodies = upsert(
            steps,
            Contact(email=NEW, fields={"firstName": "Mary", "city": "X"}),
            Contact(email=NEW.upper(), fields={"firstName": "Ann", "city": ""}),
        )
        assert bodies[0] == [{"email": NEW.upper(), "firstName": "Ann", "city": "X"}]
        assert [o.state for o in outcomes] == [SYNCED, SYNCED]

    def test_the_warning_is_about_the_row_that_is_missing(self) -> None:
        outcomes, bodies = upsert(world.BATCH.steps, *world.PEOPLE)
        assert [len(body) for body in bodies] == [2, 1]
        assert outcomes[0].state is SYNCED
        assert outcomes[1].state is REJECTED
        assert outcomes[1].reason is Reason.ADDRESS_INVALID
        assert outcomes[1].detail == world.BAD_ADDRESS

    def test_with_two_missing_the_batch_is_handed_back_to_be_split(self) -> None:
        steps = (*world.BATCH.steps[:3], posted(CONTACTS, page("contacts")))
        with wire() as mock, pytest.raises(RejectedError):
            for step in steps:
                register(mock, step)
            adapter().upsert(world.PEOPLE, LIST, Options())

    @pytest.mark.parametrize("half", [{}, {"contacts": None}, {"contacts": ["x"]}])
    def test_a_search_that_does_not_answer_finds_not_nobody(self, half: Any) -> None:
        with pytest.raises(TransientError):
            upsert((got(CONTACTS, half), world.THERE), Contact(email=NEW))

    def test_every_page_of_their_subscriptions_is_read(self) -> None:
        elsewhere = [place(LEFT, "normal", str(number)) for number in range(20)]
        steps = (
            got(CONTACTS, page("contacts", contact(LEFT))),
            got(SUBSCRIPTIONS, page("subscriptions", *elsewhere, total=21)),
            got(SUBSCRIPTIONS, page("subscriptions", place(LEFT, "unsubscribed"))),
        )
        [outcome], _ = upsert(steps, Contact(email=LEFT))
        assert (outcome.state, outcome.reason) == (REJECTED, Reason.UNSUBSCRIBED)

    def test_a_page_that_breaks_off_is_not_the_end(self) -> None:
        steps = (
            got(CONTACTS, page("contacts", contact(LEFT))),
            got(SUBSCRIPTIONS, page("subscriptions", total=3)),
        )
        with pytest.raises(TransientError):
            upsert(steps, Contact(email=LEFT))

    def test_an_answer_that_tells_nothing_refuses_nobody(self) -> None:
        steps = (*looked_up(NEW), world.THERE, posted(CONTACTS, {}))
        with pytest.raises(TransientError):
            upsert(steps, Contact(email=NEW))

    def test_a_list_that_is_gone_is_not_the_persons_fault(self) -> None:
        missing = got(f"{FOLDER}/lists/{LIST}", world.MISSING, status=404)
        with wire() as mock, pytest.raises(TargetError):
            for step in (*looked_up(NEW), missing):
                register(mock, step)
            adapter().upsert([Contact(email=NEW)], LIST, Options())

    def test_a_refusal_by_the_list_keeps_the_contact(self) -> None:
        outcomes, _ = upsert(
            world.WRITING[3].steps, Contact(email=OLD, fields={"city": "X"})
        )
        assert (outcomes[0].state, outcomes[0].detail) == (REJECTED, "No.")
        assert outcomes[0].remote_id == "333002"

    def test_an_answer_that_has_them_as_gone_says_so(self) -> None:
        gone = posted(SUBSCRIPTIONS, page("subscriptions", place(OLD, "unsubscribed")))
        steps = (*looked_up(OLD, None), world.THERE, gone)
        [outcome], _ = upsert(steps, Contact(email=OLD))
        assert (outcome.state, outcome.reason) == (REJECTED, Reason.UNSUBSCRIBED)

    def test_an_answer_without_a_status_is_no_subscription(self) -> None:
        odd = posted(SUBSCRIPTIONS, page("subscriptions", place(OLD, "")))
        steps = (*looked_up(OLD, None), world.THERE, odd)
        [outcome], _ = upsert(steps, Contact(email=OLD))
        assert (outcome.state, outcome.reason) == (REJECTED, Reason.REFUSED)

    def test_existing_ones_are_left_alone_when_the_rule_says_so(self) -> None:
        outcomes, bodies = upsert(
            looked_up(OLD), Contact(email=OLD), update_existing=False
        )
        assert bodies == []
        assert (outcomes[0].state, outcomes[0].reason) == (SKIPPED, Reason.EXISTING)

    def test_known_elsewhere_joins_the_list_with_nothing_changed(self) -> None:
        steps = (*looked_up(OLD, None), world.THERE, world.JOINED)
        person = Contact(email=OLD, fields={"city": "X"})
        outcomes, bodies = upsert(steps, person, update_existing=False)
        assert outcomes[0].state is SYNCED
        assert [row["status"] for row in bodies[0]] == ["normal"]

    def test_somebody_waiting_is_not_asked_twice(self) -> None:
        outcomes, bodies = upsert(
            looked_up(OLD, "pending"), Contact(email=OLD), double_opt_in=True
        )
        assert outcomes[0].state is AWAITING
        assert bodies == []

    def test_an_invitable_contact_waits(self) -> None:
        steps = (*looked_up(OLD, None, "invitable"), world.THERE, world.JOINED)
        outcomes, _ = upsert(steps, Contact(email=OLD))
        assert outcomes[0].state is AWAITING
        assert "invitation" in outcomes[0].detail


class TestDoubleOptIn:
    STEPS = world.WRITING[4].steps

    def test_asks_with_the_newest_confirmation_message(self) -> None:
        outcomes, bodies = upsert(
            self.STEPS,
            Contact(email=NEW, fields={"firstName": "Mary"}),
            double_opt_in=True,
        )
        assert bodies[-1] == [
            {
                "contactId": 333001,
                "listId": 444444,
                "status": "pending",
                "confirmationMessageId": 555666,
            }
        ]
        assert outcomes[0].state is AWAITING

    def test_asks_with_the_one_that_was_entered(self) -> None:
        asking = adapter(confirmation_message=" 777 ").asking
        assert asking == {"status": "pending", "confirmationMessageId": 777}

    def test_without_a_message_the_owner_must_act_before_anything_is_written(
        self,
    ) -> None:
        nothing = got(f"{FOLDER}/messages", page("messages"))
        with wire() as mock, pytest.raises(TargetError, match="confirmation message"):
            for step in (*looked_up(NEW), world.THERE, nothing):
                register(mock, step)
            adapter().upsert([Contact(email=NEW)], LIST, Options(double_opt_in=True))


class TestAskingAgain:
    ASKED = world.WRITING[5].steps

    def again(self, *steps: Step, when: Any = world.AFTER) -> Outcome:
        person = Contact(email=LEFT, signed_up_at=when)
        return upsert(steps, person, reconfirm=True)[0][0]

    def test_a_later_signup_has_them_asked(self) -> None:
        assert self.again(*self.ASKED).state is AWAITING

    def test_an_earlier_one_does_not(self) -> None:
        early = world.AFTER.replace(hour=13)
        outcome = self.again(*self.ASKED[:3], when=early)
        assert (outcome.state, outcome.reason) == (REJECTED, Reason.UNSUBSCRIBED)

    def test_nor_when_it_is_not_known_when_they_left(self) -> None:
        unknown = replace(world.HISTORY, answer=page("actions"))
        assert self.again(*self.ASKED[:2], unknown).state is REJECTED

    def test_without_a_message_they_stay_away_and_the_others_go_on(self) -> None:
        nothing = got(f"{FOLDER}/messages", page("messages"))
        outcome = self.again(*self.ASKED[:3], nothing)
        assert (outcome.state, outcome.reason) == (REJECTED, Reason.UNSUBSCRIBED)

    def test_the_latest_leaving_counts_however_long_the_history(self) -> None:
        early = world.action("unsubscribed", "2026-07-01T10:00:00-0400")
        first = got(world.HISTORY.url, page("actions", *[early] * 500, total=501))
        late = world.action("unsubscribed", "2026-10-01T10:00:00-0400")
        second = got(world.HISTORY.url, page("actions", late, total=501))
        assert self.again(*self.ASKED[:2], first, second).state is REJECTED

    def test_do_not_contact_is_final(self) -> None:
        steps = looked_up(LEFT, "unsubscribed", "donotcontact")
        assert self.again(*steps).state is REJECTED

    def test_an_answer_without_the_subscription_is_a_refusal(self) -> None:
        no = {"subscription": {}, "warnings": ["Status cannot be changed"]}
        steps = (*self.ASKED[:-1], replace(self.ASKED[-1], answer=no))
        assert self.again(*steps).state is REJECTED


class TestLeaving:
    def test_who_left_already_needs_no_call(self) -> None:
        with wire() as mock:
            for step in looked_up(LEFT, "unsubscribed"):
                register(mock, step)
            [outcome] = adapter().unsubscribe([LEFT], LIST)
        assert outcome.state is SYNCED

    def test_unsubscribing_sends_the_status_only(self) -> None:
        with wire() as mock:
            for step in world.WRITING[6].steps:
                register(mock, step)
            [outcome] = adapter().unsubscribe([LEFT], LIST)
            assert json.loads(mock.calls[-1].request.body or "") == {
                "status": "unsubscribed"
            }
        assert outcome.state is SYNCED

    def test_one_refusal_hides_nobody(self) -> None:
        no = posted(
            f"{SUBSCRIPTIONS}/{LIST}_{world.IDS[OLD]}", world.REFUSED, status=400
        )
        gone = looked_up(LEFT, "unsubscribed")
        with wire() as mock:
            for step in (*looked_up(OLD), no, *gone):
                register(mock, step)
            outcomes = adapter().unsubscribe([OLD, LEFT], LIST)
        assert [outcome.state for outcome in outcomes] == [REJECTED, SYNCED]

    def test_a_person_deleted_meanwhile_is_no_missing_target(self) -> None:
        steps = (
            *world.WRITING[6].steps[:-1],
            posted(world.MODIFIED, world.MISSING, status=404),
            got(f"{FOLDER}/lists/{LIST}", {"list": {}}),
        )
        with wire() as mock:
            for step in steps:
                register(mock, step)
            assert adapter().unsubscribe([LEFT], LIST)[0].state is REJECTED

    @pytest.mark.parametrize(("status", "note"), [(200, "Deleted"), (404, "not hold")])
    def test_erase(self, status: int, note: str) -> None:
        with wire() as mock:
            mock.add("GET", CONTACTS, json=page("contacts", contact(OLD)))
            mock.add("DELETE", f"{CONTACTS}/333002", status=status, json=[])
            receipt = adapter().erase(OLD)
        assert receipt.ok
        assert note in receipt.note
