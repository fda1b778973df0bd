"""Writing to Klaviyo: profiles, subscriptions, jobs and leaving."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from integrations.adapters.base import (
    Contact,
    Options,
    Outcome,
    OutcomeState,
)
from integrations.adapters.errors import (
    Reason,
    TransientError,
)
from tests.integrations.adapters import klaviyo_world as world
from tests.integrations.adapters.klaviyo_world import (
    ASK,
    IMPORT,
    IMPORTS,
    LEFT,
    MARY,
    MEMBERS,
    NEVER,
    NEW,
    OLD,
    OTHER,
    PROFILES,
    SUBSCRIBE,
    adapter,
    get,
    look,
    looked_up,
    marketing,
    page,
    playing,
    post,
    profile,
    sent,
)
from tests.integrations.conformance import (
    Step,
)

SUBMITTED, REJECTED = OutcomeState.SUBMITTED, OutcomeState.REJECTED
SYNCED, AWAITING = OutcomeState.SYNCED, OutcomeState.AWAITING_OPT_IN
JOB = f"{IMPORTS}/job1"


class TestWriting:
    def upsert(
        self, people: Sequence[Contact], *steps: Step, **options: Any
    ) -> tuple[list[Outcome], list[Any]]:
        with playing(*steps) as mock:
            outcomes = adapter().upsert(people, "a1", Options(**options))
            assert len(mock.calls) == len(steps)
            return outcomes, [sent(mock, n) for n in range(len(steps))]

    def test_one_on_a_list_with_double_opt_in_awaits(self) -> None:
        steps = (*look(**ASK), post(IMPORT, world.IMPORTED, 201), post(SUBSCRIBE))
        [outcome], bodies = self.upsert([MARY], *steps)
        assert (outcome.state, outcome.remote_id) == (AWAITING, world.pid(NEW))
        assert bodies[-2]["data"]["attributes"] == {
            "email": NEW,
            "first_name": "Mary",
            "properties": {"Size": "S"},
        }
        job = bodies[-1]["data"]
        assert job["relationships"]["list"]["data"]["id"] == "a1"
        [row] = job["attributes"]["profiles"]["data"]
        assert row["attributes"]["subscriptions"] == {
            "email": {"marketing": {"consent": "SUBSCRIBED"}}
        }

    def test_one_on_a_plain_list_is_looked_up_later(self) -> None:
        steps = (*look(), post(IMPORT, world.IMPORTED, 201), post(SUBSCRIBE))
        [outcome], _ = self.upsert([MARY], *steps)
        assert (outcome.state, outcome.job) == (SUBMITTED, f"add::{world.pid(NEW)}")

    def test_who_is_subscribed_is_only_updated(self) -> None:
        steps = (*look(profile(NEW), aside=None), post(IMPORT, world.IMPORTED, 200))
        [outcome], _ = self.upsert([MARY], *steps)
        assert outcome.state is SYNCED

    def test_nothing_to_say_about_a_subscriber_is_said(self) -> None:
        blank = Contact(email=NEW, fields={"first_name": " "})
        [outcome], _ = self.upsert([blank], *look(profile(NEW), aside=None))
        assert outcome.state is SYNCED

    def test_the_same_address_twice_is_written_once(self) -> None:
        again = Contact(email=NEW.upper(), fields={"Size": "", "Age": 3})
        steps = (*look(**ASK), post(IMPORT, world.IMPORTED, 201), post(SUBSCRIBE))
        outcomes, bodies = self.upsert([MARY, again], *steps)
        assert [outcome.state for outcome in outcomes] == [AWAITING, AWAITING]
        properties = bodies[-2]["data"]["attributes"]["properties"]
        assert properties == {"Size": "S", "Age": 3}

    def test_members_are_left_alone_where_the_rule_says_so(self) -> None:
        elsewhere = Contact(email=OTHER, fields={"first_name": "Eve"})
        steps = (*look(profile(NEW), aside=(profile(OTHER),)), post(SUBSCRIBE))
        people = [MARY, elsewhere]
        outcomes, bodies = self.upsert(people, *steps, update_existing=False)
        assert [(o.state, o.reason) for o in outcomes] == [
            (OutcomeState.SKIPPED, Reason.EXISTING),
            (SUBMITTED, None),
        ]
        assert "Eve" not in str(bodies)
        assert NEW not in str(bodies)

    @pytest.mark.parametrize(
        ("status", "code", "pointer", "reason"),
        [
            (400, "invalid", "/data/attributes/email", Reason.ADDRESS_INVALID),
            (400, "invalid", "/data/attributes/phone_number", Reason.FIELD_TYPE),
            (409, "duplicate_profile", "/data/attributes", Reason.DUPLICATE),
            (400, "invalid", "/data", Reason.REFUSED),
        ],
    )
    def test_a_refused_profile_is_not_subscribed(
        self, status: int, code: str, pointer: str, reason: Reason
    ) -> None:
        body = world.problem(status, code, "No such thing.", pointer)
        [outcome], _ = self.upsert([MARY], *look(), post(IMPORT, body, status))
        assert (outcome.state, outcome.reason) == (REJECTED, reason)
        assert outcome.detail == "No such thing."

    def test_several_are_imported_and_then_subscribed(self) -> None:
        steps = (*look(profile(OLD)), post(IMPORTS, world.import_job("queued")))
        outcomes, bodies = self.upsert(world.PEOPLE[:2], *steps, post(SUBSCRIBE))
        assert [outcome.job for outcome in outcomes] == ["add:job1", "add:job1"]
        imported, joined = (
            [
                row["attributes"]["email"]
                for row in body["data"]["attributes"]["profiles"]["data"]
            ]
            for body in bodies[-2:]
        )
        assert (imported, joined) == ([NEW, OLD], [NEW])

    @pytest.mark.parametrize("answer", [None, [], {}, {"data": {"id": None}}])
    def test_a_job_that_is_not_told_is_not_done(self, answer: Any) -> None:
        steps = (*look(profile(OLD)), post(IMPORTS, answer), post(SUBSCRIBE))
        with playing(*steps) as mock, pytest.raises(TransientError):
            mock.assert_all_requests_are_fired = False
            adapter().upsert(world.PEOPLE[:2], "a1", Options())

    @pytest.mark.parametrize("order", [1, -1])
    def test_of_two_profiles_on_the_list_the_subscribed_one_counts(
        self, order: int
    ) -> None:
        shown, ascii = "mira@müller.example", "mira@xn--mller-kva.example"
        rows = [profile(shown), profile(ascii, NEVER)][::order]
        steps = look(*rows, aside=None, **ASK)
        outcomes, bodies = self.upsert([Contact(email=shown)], *steps)
        assert outcomes[0].state is SYNCED
        assert not any(bodies)

    def test_asking_again_is_not_offered(self) -> None:
        after = datetime(2026, 11, 1, tzinfo=UTC)
        contact = Contact(email=LEFT, signed_up_at=after)
        [outcome], _ = self.upsert(
            [contact], *looked_up(aside=(world.UNSUBSCRIBED,)), reconfirm=True
        )
        assert (outcome.state, outcome.reason) == (REJECTED, Reason.UNSUBSCRIBED)


class TestPolling:
    def poll(
        self, job: str, *steps: Step, emails: Sequence[str] = (NEW, OLD)
    ) -> list[Outcome]:
        with playing(*steps) as mock:
            outcomes = adapter().poll(job, emails, "a1")
            assert len(mock.calls) == len(steps)
            return outcomes

    def test_not_yet(self) -> None:
        assert self.poll("add:job1", get(JOB, world.import_job("processing"))) == []
        fresh = datetime.now(UTC).isoformat()
        job = get(JOB, world.import_job(completed_at=fresh))
        late = (get(MEMBERS, page(profile(OLD))), get(PROFILES, page()))
        assert self.poll("add:job1", job, *late) == []

    def test_who_never_joined_is_sent_again(self) -> None:
        steps = (get(MEMBERS, page(profile(OLD))), get(PROFILES, page()))
        late, done = self.poll("add:job1", get(JOB, world.import_job()), *steps)
        assert (late.state, done.state) == (OutcomeState.RETRY, SYNCED)

    def test_each_end(self) -> None:
        errors = page(world.import_error(NEW.upper()))
        outcomes = self.poll(
            "ask:job1",
            get(JOB, world.import_job(failed=1)),
            get(f"{JOB}/import-errors", errors),
            get(MEMBERS, page()),
            get(PROFILES, page(profile(OLD, NEVER))),
        )
        assert [(o.state, o.reason) for o in outcomes] == [
            (REJECTED, Reason.FIELD_TYPE),
            (AWAITING, None),
        ]
        assert "Invalid phone number format." in outcomes[0].detail

    @pytest.mark.parametrize(
        ("mode", "there", "state"),
        [
            ("add", (get(MEMBERS, page(profile(NEW))),), SYNCED),
            (
                "ask",
                (get(MEMBERS, page()), get(PROFILES, page(profile(NEW, NEVER)))),
                AWAITING,
            ),
            (
                "add",
                (get(MEMBERS, page()), get(PROFILES, page(profile(NEW, NEVER)))),
                REJECTED,
            ),
        ],
    )
    def test_whose_details_are_refused_may_be_subscribed_all_the_same(
        self, mode: str, there: tuple[Step, ...], state: OutcomeState
    ) -> None:
        job = get(JOB, world.import_job(failed=1))
        errors = get(f"{JOB}/import-errors", page(world.import_error(NEW)))
        [outcome] = self.poll(f"{mode}:job1", job, errors, *there, emails=(NEW,))
        assert outcome.state is state
        assert "Invalid phone number format." in outcome.detail

    def test_who_left_meanwhile_is_told_apart(self) -> None:
        left = profile(OLD, marketing("UNSUBSCRIBED"))
        outcomes = self.poll("add::x", get(MEMBERS, page(profile(NEW), left)))
        assert [(o.state, o.reason) for o in outcomes] == [
            (SYNCED, None),
            (REJECTED, Reason.UNSUBSCRIBED),
        ]


class TestLeaving:
    def test_only_members_of_the_list_are_named(self) -> None:
        with playing(get(MEMBERS, page(profile(OLD))), post(world.UNSUBSCRIBE)) as mock:
            outcomes = adapter().unsubscribe([OLD, OTHER], "a1")
            job = sent(mock)["data"]
        assert {outcome.state for outcome in outcomes} == {SYNCED}
        [row] = job["attributes"]["profiles"]["data"]
        assert row["attributes"]["email"] == OLD
        assert job["relationships"]["list"]["data"]["id"] == "a1"

    def test_nobody_on_the_list_nothing_sent(self) -> None:
        with playing(get(MEMBERS, page())):
            [outcome] = adapter().unsubscribe([OTHER], "a1")
        assert outcome.state is SYNCED

    def test_both_profiles_of_one_address_leave(self) -> None:
        """Made before, or by somebody else; one of them may have left already."""
        shown, ascii = "mira@müller.example", "mira@xn--mller-kva.example"
        for states in ((marketing(), marketing()), (marketing("UNSUBSCRIBED"), NEVER)):
            rows = [profile(e, s) for e, s in zip((shown, ascii), states, strict=True)]
            with playing(get(MEMBERS, page(*rows)), post(world.UNSUBSCRIBE)) as mock:
                [outcome] = adapter().unsubscribe([shown], "a1")
                named = sent(mock)["data"]["attributes"]["profiles"]["data"]
            assert outcome.state is SYNCED
            assert {row["attributes"]["email"] for row in named} == {shown, ascii}
