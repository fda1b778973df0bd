"""Who left a Mailchimp audience and is asked to confirm again, and who is not."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from integrations.adapters.base import Contact, Options
from integrations.adapters.errors import (
    Reason,
)
from tests.integrations.adapters import mailchimp_world as world
from tests.integrations.adapters.mailchimp_world import (
    AFTER,
    LEFT,
    NEW,
    OLD,
    batch,
    exists,
    member,
    member_url,
    problem,
)
from tests.integrations.adapters.mailchimp_writing import (
    AWAITING,
    REJECTED,
    SYNCED,
    get,
    patch,
    post,
    put,
    upsert,
)
from tests.integrations.conformance import Step


class TestAskingLeavers:
    @pytest.mark.parametrize("status", ["unsubscribed", "archived", "transactional"])
    def test_leavers_are_asked_again_only_if_the_rule_says_so(
        self, status: str
    ) -> None:
        [outcome], bodies = upsert(
            [Contact(email=LEFT, signed_up_at=AFTER)],
            Options(reconfirm=True),
            get(LEFT, status),
            patch(LEFT, "pending"),
            put(LEFT, "pending"),
        )
        assert outcome.state is AWAITING
        assert bodies[1] == {"status": "pending"}
        assert "status" not in bodies[2]

    @pytest.mark.parametrize("status", ["archived", "transactional"])
    def test_double_opt_in_asks_the_archived_but_not_who_left(
        self, status: str
    ) -> None:
        options = Options(double_opt_in=True)
        [asked], _ = upsert(
            [Contact(email=OLD, signed_up_at=AFTER)],
            options,
            get(OLD, status),
            patch(OLD, "pending"),
            put(OLD, "pending"),
        )
        [left], _ = upsert(
            [Contact(email=LEFT, signed_up_at=AFTER)],
            options,
            get(LEFT, "unsubscribed"),
            put(LEFT, "unsubscribed"),
        )
        assert asked.state is AWAITING
        assert (left.state, left.reason) == (REJECTED, Reason.UNSUBSCRIBED)

    @pytest.mark.parametrize("status", ["unsubscribed", "archived", "transactional"])
    def test_a_signup_older_than_the_opt_out_asks_nobody(self, status: str) -> None:
        before = datetime(2026, 8, 1, 9, 59, 59, 999_999, tzinfo=UTC)
        [outcome], _ = upsert(
            [Contact(email=LEFT, signed_up_at=before)],
            Options(reconfirm=True),
            get(LEFT, status),
            put(LEFT, status),
        )
        assert (outcome.state, outcome.reason) == (REJECTED, Reason.UNSUBSCRIBED)
        assert "after they signed up" in outcome.detail

    def test_a_signup_at_an_unknown_time_asks_nobody(self) -> None:
        [outcome], _ = upsert(
            [Contact(email=LEFT)], Options(reconfirm=True), put(LEFT, "unsubscribed")
        )
        assert (outcome.state, outcome.reason) == (REJECTED, Reason.UNSUBSCRIBED)

    def test_a_signup_in_the_second_of_the_opt_out_is_later(self) -> None:
        # Mailchimp's time is 12:00:00+02:00 there, whatever the fraction was.
        at = datetime(2026, 8, 1, 10, 0, 0, 1, tzinfo=UTC)
        left = member(LEFT, "unsubscribed", last_changed="2026-08-01T12:00:00+02:00")
        [outcome], _ = upsert(
            [Contact(email=LEFT, signed_up_at=at)],
            Options(reconfirm=True),
            Step(method="GET", url=member_url(LEFT), answer=left),
            patch(LEFT, "pending"),
            put(LEFT, "pending"),
        )
        assert outcome.state is AWAITING

    @pytest.mark.parametrize("changed", [None, "", "some day"])
    def test_without_the_time_of_leaving_only_the_archived_are_asked(
        self, changed: str | None
    ) -> None:
        def found(status: str) -> Step:
            row = member(LEFT, status, last_changed=changed)
            return Step(method="GET", url=member_url(LEFT), answer=row)

        people = [Contact(email=LEFT, signed_up_at=AFTER)]
        options = Options(reconfirm=True)
        [left], _ = upsert(
            people, options, found("unsubscribed"), put(LEFT, "unsubscribed")
        )
        [archived], _ = upsert(
            people,
            options,
            found("archived"),
            patch(LEFT, "pending"),
            put(LEFT, "pending"),
        )
        assert (left.state, archived.state) == (REJECTED, AWAITING)

    def test_in_a_batch_only_later_signups_ask(self) -> None:
        before = datetime(2026, 8, 1, 9, tzinfo=UTC)
        outcomes, bodies = upsert(
            [
                Contact(email=OLD, signed_up_at=before),
                Contact(email=LEFT, signed_up_at=AFTER),
            ],
            Options(reconfirm=True),
            post(batch(errors=(exists(OLD), exists(LEFT)))),
            get(OLD, "unsubscribed"),
            get(LEFT, "unsubscribed"),
            patch(LEFT, "pending"),
            post(batch(updated=(member(OLD, "unsubscribed"), member(LEFT, "pending")))),
        )
        assert [o.state for o in outcomes] == [REJECTED, AWAITING]
        assert "after they signed up" in outcomes[0].detail
        assert all("status" not in row for row in bodies[-1]["members"])

    def test_in_a_batch_who_may_not_be_asked_is_not_written(self) -> None:
        outcomes, _ = upsert(
            [Contact(email=LEFT, signed_up_at=AFTER), Contact(email=NEW)],
            Options(reconfirm=True),
            post(batch(new=(member(NEW),), errors=(exists(LEFT),))),
            get(LEFT, "unsubscribed"),
            Step(
                method="PATCH", url=member_url(LEFT), status=400, answer=world.REFUSED
            ),
        )
        assert [o.state for o in outcomes] == [REJECTED, SYNCED]

    def test_the_bounced_are_never_asked_again(self) -> None:
        [outcome], _ = upsert(
            [Contact(email=OLD)],
            Options(reconfirm=True, double_opt_in=True),
            put(OLD, "cleaned"),
        )
        assert outcome.reason is Reason.BOUNCED

    def test_being_refused_the_question_is_told(self) -> None:
        body = problem(
            "Member In Compliance State", 400, f"{LEFT} is in a compliance state."
        )
        step = Step(method="PATCH", url=member_url(LEFT), status=400, answer=body)
        [outcome], _ = upsert(
            [Contact(email=LEFT, signed_up_at=AFTER)],
            Options(reconfirm=True),
            get(LEFT, "unsubscribed"),
            step,
        )
        assert (outcome.state, outcome.reason) == (REJECTED, Reason.COMPLIANCE)
