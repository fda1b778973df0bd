"""Writing to Constant Contact: consent, opt-in, tags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from integrations.adapters.base import Contact, Options, Outcome, OutcomeState
from integrations.adapters.errors import (
    Reason,
    TargetError,
)
from tests.integrations.adapters import constantcontact_world as world
from tests.integrations.adapters.constantcontact_world import (
    A1,
    ACTIVITY,
    ADDING,
    AFTER,
    API,
    CONTACTS,
    DAY,
    LEFT,
    LIST,
    MARY,
    MISSING,
    NEW,
    OLD,
    SIGN_UP,
    SIZE,
    TAGGED,
    TAGGING,
    TAGS,
    UPDATED,
    activity,
    adapter,
    contact,
    get,
    left,
    look,
    page,
    playing,
    post,
    problem,
    put,
    sent,
    signed_up,
    uid,
)
from tests.integrations.conformance import Step

SYNCED, AWAITING = OutcomeState.SYNCED, OutcomeState.AWAITING_OPT_IN
REJECTED, SUBMITTED = OutcomeState.REJECTED, OutcomeState.SUBMITTED
RETRY = OutcomeState.RETRY


RESUBSCRIBE = f"{CONTACTS}/resubscribe/{uid(LEFT)}"
LEAVER = Contact(email=LEFT, signed_up_at=AFTER)
REPORT = f"{API}/activities/{ACTIVITY}"


def upsert(
    people: Sequence[Contact], *steps: Step, **options: Any
) -> tuple[list[Outcome], list[Any]]:
    with playing(*steps) as mock:
        outcomes = adapter().upsert(people, A1, Options(**options))
        assert len(mock.calls) == len(steps)
        return outcomes, [sent(mock, n) for n in range(len(steps))]


class TestWriting:
    @pytest.mark.parametrize(
        ("permission", "state"),
        [("explicit", SYNCED), ("pending_confirmation", AWAITING)],
    )
    def test_a_new_contact_is_read_back(
        self, permission: str, state: OutcomeState
    ) -> None:
        steps = (look(), signed_up(NEW), look(contact(NEW, permission, A1)))
        [outcome], bodies = upsert([MARY], *steps)
        assert (outcome.state, outcome.remote_id) == (state, uid(NEW))
        assert bodies[1] == {
            "email_address": NEW,
            "first_name": "Mary",
            "custom_fields": [{"custom_field_id": SIZE, "value": "S"}],
            "list_memberships": [A1],
        }

    def test_the_opt_in_setting_is_learnt_once(self) -> None:
        steps = (
            look(),
            signed_up(NEW),
            look(contact(NEW, "pending_confirmation", A1)),
            look(),
            signed_up("b@x.org"),
        )
        outcomes, _ = upsert([MARY, Contact(email="b@x.org")], *steps)
        assert [outcome.state for outcome in outcomes] == [AWAITING, AWAITING]

    def test_every_field_in_its_place(self) -> None:
        fields = {
            "birthday": "12/24",
            "street_address.city": "Rome",
            "street_address.postal_code": 30308,
            "company_name": " ",
            SIZE: ["S", "M"],
            DAY: False,
        }
        person = Contact(email=OLD, fields=fields)
        _, bodies = upsert([person], look(contact(OLD, "explicit", A1)), UPDATED)
        assert bodies[1] == {
            "email_address": OLD,
            "birthday_month": 12,
            "birthday_day": 24,
            "street_address": {"kind": "home", "city": "Rome", "postal_code": "30308"},
            "custom_fields": [
                {"custom_field_id": SIZE, "value": "S, M"},
                {"custom_field_id": DAY, "value": "false"},
            ],
            "list_memberships": [A1],
        }

    def test_the_same_address_twice_is_written_once(self) -> None:
        again = Contact(email=NEW.upper(), fields={"last_name": "Ruiz"})
        steps = (look(), signed_up(NEW), look(contact(NEW, "explicit", A1)))
        outcomes, bodies = upsert([MARY, again], *steps)
        assert [outcome.state for outcome in outcomes] == [SYNCED, SYNCED]
        assert (bodies[1]["first_name"], bodies[1]["last_name"]) == ("Mary", "Ruiz")

    def test_members_are_left_alone_where_the_rule_says_so(self) -> None:
        elsewhere = replace(MARY, email=OLD)
        steps = (look(contact(NEW, "explicit", A1)), look(contact(OLD)), UPDATED)
        outcomes, bodies = upsert([MARY, elsewhere], *steps, update_existing=False)
        assert [(o.state, o.reason) for o in outcomes] == [
            (OutcomeState.SKIPPED, Reason.EXISTING),
            (SYNCED, None),
        ]
        assert bodies[2] == {"email_address": OLD, "list_memberships": [A1]}

    def test_who_is_pending_only_gets_the_list(self) -> None:
        """A second sign-up would skip their confirmation."""
        steps = (look(contact(NEW, "pending_confirmation")), post(ADDING, activity()))
        [outcome], bodies = upsert([MARY], *steps)
        assert outcome.state is AWAITING
        assert bodies[1] == {
            "source": {"contact_ids": [uid(NEW)]},
            "list_ids": [A1],
        }
        [outcome], _ = upsert([MARY], look(contact(NEW, "pending_confirmation", A1)))
        assert outcome.state is AWAITING

    def test_a_deleted_contact_who_never_left_is_revived(self) -> None:
        gone = contact(NEW, deleted_at="2026-08-01T10:00:00Z")
        back = look(contact(NEW, "pending_confirmation", A1))
        steps = (look(gone), signed_up(NEW, "updated"), back)
        [outcome], _ = upsert([MARY], *steps)
        assert outcome.state is AWAITING

    def test_two_writers_at_once_try_again(self) -> None:
        conflict = problem("contacts.api.conflict", "Conflict.")
        [outcome], _ = upsert([MARY], look(), post(SIGN_UP, conflict, 409))
        assert outcome.state is OutcomeState.RETRY

    @pytest.mark.parametrize(
        ("message", "reason"),
        [
            ("email_address is not valid.", Reason.ADDRESS_INVALID),
            ("anniversary is in an invalid format.", Reason.FIELD_TYPE),
            ("custom_field_id does not exist.", Reason.FIELD_TYPE),
            ("Something else.", Reason.REFUSED),
        ],
    )
    def test_refusals(self, message: str, reason: Reason) -> None:
        body = problem("contacts.api.validation.error", message)
        [outcome], _ = upsert([MARY], look(), post(SIGN_UP, body, 400))
        assert (outcome.state, outcome.reason) == (REJECTED, reason)
        assert outcome.detail == message

    def test_a_list_that_is_gone_is_told_from_a_bad_contact(self) -> None:
        body = problem("contacts.api.validation.error", "list_id does not exist.")
        refused = (look(), post(SIGN_UP, body, 400))
        gone = get(LIST, MISSING, status=404)
        with playing(*refused, gone), pytest.raises(TargetError):
            adapter().upsert([MARY], A1, Options())
        [outcome], _ = upsert([MARY], *refused, get(LIST, world.WEEKLY))
        assert outcome.state is REJECTED


class TestAskingAgain:
    def test_who_left_before_signing_up_is_asked(self) -> None:
        steps = (look(left()), put(RESUBSCRIBE))
        [outcome], bodies = upsert([LEAVER], *steps, reconfirm=True)
        assert (outcome.state, outcome.remote_id) == (AWAITING, uid(LEFT))
        assert bodies[1] == {"list_ids": [A1]}

    def test_who_was_deleted_meanwhile_is_looked_up_again(self) -> None:
        gone = put(RESUBSCRIBE, MISSING, 404)
        there = get(LIST, {"list_id": A1, "name": "News"})
        [outcome], _ = upsert([LEAVER], look(left()), gone, there, reconfirm=True)
        assert (outcome.state, outcome.reason) == (RETRY, Reason.SERVER)

    def test_a_list_that_is_gone_is_the_lists_fault(self) -> None:
        steps = (look(left()), put(RESUBSCRIBE, MISSING, 404))
        with (
            playing(*steps, get(LIST, MISSING, status=404)),
            pytest.raises(TargetError),
        ):
            adapter().upsert([LEAVER], A1, Options(reconfirm=True))

    def test_only_once(self) -> None:
        refused = problem("contacts.api.conflict", "Already sent.")
        steps = (look(left()), put(RESUBSCRIBE, refused, 409))
        [outcome], _ = upsert([LEAVER], *steps, reconfirm=True)
        assert (outcome.state, outcome.reason) == (REJECTED, Reason.UNSUBSCRIBED)
        assert "asks once" in outcome.detail

    def test_who_was_asked_is_awaited(self) -> None:
        asked = look(left(confirm_status="pending"))
        [outcome], _ = upsert([LEAVER], asked, reconfirm=True)
        assert outcome.state is AWAITING
        [outcome], _ = upsert([LEAVER], asked)
        assert (outcome.state, outcome.reason) == (REJECTED, Reason.UNSUBSCRIBED)

    def test_not_for_an_earlier_signup(self) -> None:
        earlier = replace(LEAVER, signed_up_at=AFTER - timedelta(minutes=1))
        [outcome], _ = upsert([earlier], look(left()), reconfirm=True)
        assert outcome.state is REJECTED


class TestReadingFirst:
    def test_who_cannot_be_read_back_is_not_taken_for_confirmed(self) -> None:
        people = [MARY, Contact(email=OLD)]
        steps = (look(), signed_up(NEW), look())
        outcomes, _ = upsert(people, *steps)
        assert [o.state for o in outcomes] == [OutcomeState.RETRY] * 2

    @pytest.mark.parametrize("permission", ["unsubscribed", "temp_hold"])
    @pytest.mark.parametrize("deleted_first", [True, False])
    def test_of_two_contacts_the_one_that_left_counts(
        self, deleted_first: bool, permission: str
    ) -> None:
        rows = [contact(OLD, "explicit", A1), {**left(), "deleted_at": DAY}]
        rows[1]["email_address"] |= {"address": OLD, "permission_to_send": permission}
        both = look(*(rows[::-1] if deleted_first else rows))
        [outcome], _ = upsert([Contact(email=OLD)], both)
        assert (outcome.state, outcome.reason) == (REJECTED, Reason.UNSUBSCRIBED)

    def test_nobody_comes_back_by_the_words_they_left_with(self) -> None:
        words = "Deleted there without having opted out."  # ours, of others
        [outcome], _ = upsert([LEAVER], look(left(opt_out_reason=words)))
        assert (outcome.state, outcome.reason) == (REJECTED, Reason.UNSUBSCRIBED)


class TestTags:
    FOUND = get(TAGS, page("tags", world.POPUP))

    def written(self, *more: Step) -> tuple[Step, ...]:
        return (look(contact(OLD, "explicit", A1)), UPDATED, *more)

    def test_tags_are_a_job_of_their_own(self) -> None:
        steps = self.written(self.FOUND, post(TAGS, world.VIP))
        [outcome], bodies = upsert([TAGGED], *steps, post(TAGGING, activity()))
        assert (outcome.state, outcome.job) == (SUBMITTED, f"synced:{ACTIVITY}")
        assert bodies[-2:] == [
            {"name": "Vip"},
            {
                "source": {"contact_ids": [uid(OLD)]},
                "tag_ids": [uid("popup"), uid("vip")],
            },
        ]

    def test_who_was_refused_is_not_tagged(self) -> None:
        [outcome], _ = upsert([replace(LEAVER, tags=("popup",))], look(left()))
        assert outcome.state is REJECTED

    def test_refused_tags_do_not_undo_the_contact(self) -> None:
        refused = post(TAGGING, problem("bad", "No such tag."), 400)
        tags = replace(TAGGED, tags=("POPUP",))
        [outcome], _ = upsert([tags], *self.written(self.FOUND, refused))
        assert outcome.state is SYNCED
        assert "tags were not set: No such tag." in outcome.detail

    def test_an_outage_there_sends_the_contact_again(self) -> None:
        busy = get(TAGS, world.THROTTLED, status=429)
        [outcome], _ = upsert([TAGGED], *self.written(busy))
        assert (outcome.state, outcome.reason) == (OutcomeState.RETRY, Reason.RATE)

    @pytest.mark.parametrize(
        ("job", "report", "state", "words"),
        [
            ("synced", activity("completed"), SYNCED, ""),
            ("awaiting_opt_in", activity("completed"), AWAITING, ""),
            ("synced", activity("failed"), SYNCED, "not set: failed"),
            ("synced", activity("completed", "No tag."), SYNCED, "not set: No tag."),
        ],
    )
    def test_what_became_of_them(
        self, job: str, report: Any, state: OutcomeState, words: str
    ) -> None:
        with playing(get(REPORT, report)):
            one, two = adapter().poll(f"{job}:{ACTIVITY}", [OLD, NEW], A1)
        assert one == two
        assert one.state is state
        assert words in one.detail
        assert bool(words) == bool(one.detail)

    def test_not_yet(self) -> None:
        with playing(get(REPORT, activity("processing"))):
            assert adapter().poll(f"synced:{ACTIVITY}", [OLD], A1) == []

    def test_a_report_that_is_gone_says_so(self) -> None:
        with playing(get(REPORT, MISSING, status=404)):
            [outcome] = adapter().poll(f"awaiting_opt_in:{ACTIVITY}", [OLD], A1)
        assert outcome.state is AWAITING
        assert "report is gone" in outcome.detail
