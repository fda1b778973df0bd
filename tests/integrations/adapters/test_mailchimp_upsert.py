"""Writing to a Mailchimp audience: who is created, updated, asked, left alone."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from integrations.adapters.base import Contact, Options, OutcomeState
from integrations.adapters.errors import (
    Reason,
    RejectedError,
)
from integrations.adapters.mailchimp.members import member_hash
from tests.integrations.adapters import mailchimp_world as world
from tests.integrations.adapters.mailchimp_refusals import REFUSALS
from tests.integrations.adapters.mailchimp_world import (
    AFTER,
    FAKE,
    LEFT,
    LIST,
    NEW,
    OLD,
    PEOPLE,
    batch,
    exists,
    member,
    member_url,
    problem,
    row_error,
)
from tests.integrations.adapters.mailchimp_writing import (
    AWAITING,
    REJECTED,
    RETRY,
    SKIPPED,
    SYNCED,
    adapter,
    patch,
    post,
    put,
    refused,
    upsert,
)
from tests.integrations.conformance import Step, wire


class TestUpsertOfOne:
    def test_status_is_never_sent(self) -> None:
        contact = Contact(
            email=" New@x.org",
            fields={"FNAME": "Mary", "LNAME": " ", "ADDR": {"addr1": ""}, "N": 0},
            ip="192.0.2.7",
            signed_up_at=datetime(2026, 8, 1, 12, tzinfo=UTC),
        )
        nobody = Step(
            method="GET", url=member_url(NEW), status=404, answer=world.MISSING
        )
        for before, status in (([nobody], "pending"), ([], "subscribed")):
            options = Options(double_opt_in=bool(before))
            _, bodies = upsert([contact], options, *before, put(NEW, status))
            body = bodies[-1]
            assert body == {
                "email_address": "New@x.org",
                "merge_fields": {"FNAME": "Mary", "N": 0},
                "status_if_new": status,
                "ip_signup": "192.0.2.7",
                "timestamp_signup": "2026-08-01T12:00:00+00:00",
            }

    @pytest.mark.parametrize(
        ("status", "state", "reason"),
        [
            ("subscribed", SYNCED, None),
            ("pending", AWAITING, None),
            ("unsubscribed", REJECTED, Reason.UNSUBSCRIBED),
            ("cleaned", REJECTED, Reason.BOUNCED),
            ("archived", REJECTED, Reason.UNSUBSCRIBED),
            ("transactional", REJECTED, Reason.UNSUBSCRIBED),
            ("brand-new-status", REJECTED, Reason.REFUSED),
        ],
    )
    def test_the_status_read_back_decides(
        self, status: str, state: OutcomeState, reason: Reason | None
    ) -> None:
        [outcome], _ = upsert([Contact(email=OLD)], Options(), put(OLD, status))
        assert (outcome.state, outcome.reason) == (state, reason)
        assert outcome.remote_id == member_hash(OLD)
        assert bool(outcome.detail) == (state is REJECTED)

    def test_tags_of_rule_and_contact_once_each(self) -> None:
        _, bodies = upsert(
            [Contact(email=NEW, tags=("b", "a", ""))],
            Options(tags=("a",)),
            put(NEW, "subscribed"),
            Step(method="POST", url=f"{member_url(NEW)}/tags", status=204),
        )
        assert bodies[1]["tags"] == [
            {"name": "a", "status": "active"},
            {"name": "b", "status": "active"},
        ]

    @pytest.mark.parametrize(
        ("status", "state"), [("subscribed", SYNCED), ("pending", AWAITING)]
    )
    def test_refused_tags_do_not_undo_the_subscription(
        self, status: str, state: OutcomeState
    ) -> None:
        [outcome], _ = upsert(
            list(PEOPLE[:1]),
            Options(),
            put(NEW, status),
            Step(
                method="POST",
                url=f"{member_url(NEW)}/tags",
                status=400,
                answer=problem("Invalid Resource", 400, "That tag is too long."),
            ),
        )
        assert (outcome.state, outcome.reason) == (state, None)
        assert outcome.detail == "The tags were refused: That tag is too long."

    def test_no_tags_for_somebody_who_left(self) -> None:
        [outcome], _ = upsert(
            [Contact(email=LEFT, tags=("a",))], Options(), put(LEFT, "unsubscribed")
        )
        assert outcome.state is REJECTED


class TestRefusals:
    @pytest.mark.parametrize(("title", "detail", "errors", "reason"), REFUSALS)
    def test_of_one_contact(
        self, title: str, detail: str, errors: tuple[Any, ...], reason: Reason
    ) -> None:
        [outcome], _ = upsert(
            list(PEOPLE[:1]), Options(), refused(problem(title, 400, detail, *errors))
        )
        assert (outcome.state, outcome.reason) == (REJECTED, reason)
        field = errors[0]["field"] if errors else ""
        assert outcome.detail.startswith(field or detail)

    @pytest.mark.parametrize(("title", "detail", "errors", "reason"), REFUSALS)
    def test_of_a_row(
        self, title: str, detail: str, errors: tuple[Any, ...], reason: Reason
    ) -> None:
        error = errors[0] if errors else {"field": "", "message": ""}
        row = row_error(NEW, detail, field=error["field"], said=error["message"])
        outcomes, _ = upsert(
            list(PEOPLE[:2]), Options(), post(batch(new=(member(OLD),), errors=(row,)))
        )
        assert [o.reason for o in outcomes] == [reason, None]

    def test_a_role_address_in_a_batch(self) -> None:
        row = row_error(NEW, "This seems to be a role-based or known invalid address.")
        outcomes, _ = upsert(
            list(PEOPLE[:2]), Options(), post(batch(new=(member(OLD),), errors=(row,)))
        )
        assert outcomes[0].reason is Reason.ADDRESS_ROLE

    def test_a_throttled_address_is_tried_later(self) -> None:
        text = (
            f"{NEW} has signed up to a lot of lists very recently; we're not allowing "
            "more signups for now"
        )
        [one], _ = upsert(
            list(PEOPLE[:1]), Options(), refused(problem("Invalid Resource", 400, text))
        )
        many, _ = upsert(
            list(PEOPLE[:2]),
            Options(),
            post(batch(new=(member(OLD),), errors=(row_error(NEW, text),))),
        )
        for outcome in (one, many[0]):
            assert (outcome.state, outcome.reason) == (RETRY, Reason.TOO_MANY_SIGNUPS)
            assert outcome.retry_after == 3600.0


class TestBatch:
    def test_new_ones_are_created_with_the_status_wanted_and_tags(self) -> None:
        outcomes, [body] = upsert(
            list(PEOPLE[:2]),
            Options(double_opt_in=True, tags=("all",)),
            post(batch(new=(member(NEW, "pending"), member(OLD, "pending")))),
        )
        assert [o.state for o in outcomes] == [AWAITING, AWAITING]
        assert body["update_existing"] is False
        assert body["members"][0] == {
            "email_address": NEW,
            "merge_fields": {"FNAME": "Mary"},
            "tags": ["all", "popup"],
            "status": "pending",
        }

    def test_existing_ones_are_updated_without_any_status(self) -> None:
        outcomes, bodies = upsert(
            list(PEOPLE),
            Options(),
            *next(o for o in world.WRITING if o.name == "upsert of several").steps,
        )
        assert [(o.state, o.reason) for o in outcomes] == [
            (SYNCED, None),
            (SYNCED, None),
            (REJECTED, Reason.ADDRESS_FAKE),
            (REJECTED, Reason.UNSUBSCRIBED),
        ]
        assert bodies[1]["update_existing"] is True
        assert [row["email_address"] for row in bodies[1]["members"]] == [OLD, LEFT]
        for row in bodies[1]["members"]:
            assert row.keys() == {"email_address", "merge_fields", "tags"}
        assert "sync_tags" not in bodies[0] | bodies[1]

    def test_five_hundred_with_tags_take_two_calls(self) -> None:
        emails = [f"p{number}@x.org" for number in range(500)]
        outcomes, bodies = upsert(
            [Contact(email=email, tags=("popup",)) for email in emails],
            Options(),
            post(
                batch(
                    new=tuple(map(member, emails[:250])),
                    errors=tuple(map(exists, emails[250:])),
                )
            ),
            post(batch(updated=tuple(map(member, emails[250:])))),
        )
        assert {o.state for o in outcomes} == {SYNCED}
        assert [len(body["members"]) for body in bodies] == [500, 250]

    def test_existing_ones_are_left_alone_if_the_rule_says_so(self) -> None:
        outcomes, _ = upsert(
            [Contact(email=OLD)],
            Options(update_existing=False),
            post(batch(errors=(exists(OLD),))),
        )
        assert [(o.state, o.reason) for o in outcomes] == [(SKIPPED, Reason.EXISTING)]

    def test_existing_ones_left_alone_but_leavers_asked(self) -> None:
        outcomes, bodies = upsert(
            [Contact(email=OLD), Contact(email=LEFT, signed_up_at=AFTER)],
            Options(update_existing=False, reconfirm=True),
            post(batch(errors=(exists(OLD), exists(LEFT)))),
            Step(method="GET", url=member_url(OLD), answer=member(OLD)),
            Step(
                method="GET", url=member_url(LEFT), answer=member(LEFT, "unsubscribed")
            ),
            patch(LEFT, "pending"),
        )
        assert [o.state for o in outcomes] == [SKIPPED, AWAITING]
        assert bodies[-1] == {"status": "pending"}

    def test_one_address_twice_is_sent_once_and_answered_twice(self) -> None:
        outcomes, [body] = upsert(
            [
                Contact(email=NEW, fields={"FNAME": "Mary", "LNAME": "Q"}, tags=("a",)),
                Contact(email=OLD),
                Contact(email="NEW@X.ORG", fields={"FNAME": "Mary Ann", "LNAME": ""}),
            ],
            Options(),
            post(batch(new=(member(NEW),), errors=(row_error(OLD, world.LOOKS_FAKE),))),
        )
        assert [o.state for o in outcomes] == [SYNCED, REJECTED, SYNCED]
        assert len(body["members"]) == 2
        assert body["members"][0]["merge_fields"] == {"FNAME": "Mary Ann", "LNAME": "Q"}
        assert body["members"][0]["tags"] == ["a"]

    def test_the_same_address_twice_alone_is_one_contact(self) -> None:
        outcomes, _ = upsert(
            [Contact(email=NEW), Contact(email="NEW@x.org")],
            Options(),
            put(NEW, "subscribed"),
        )
        assert [o.state for o in outcomes] == [SYNCED, SYNCED]

    def test_addresses_in_error_rows_may_be_quoted(self) -> None:
        quoted = {**exists(OLD), "email_address": f'"{OLD}"'}
        outcomes, _ = upsert(
            [Contact(email=OLD)],
            Options(update_existing=False),
            post(batch(errors=(quoted,))),
        )
        assert outcomes[0].state is SKIPPED

    def test_a_contact_the_answer_left_out_is_tried_again(self) -> None:
        outcomes, _ = upsert(
            list(PEOPLE[:2]), Options(), post(batch(new=(member(NEW),)))
        )
        assert [o.state for o in outcomes] == [SYNCED, RETRY]

    def test_what_is_settled_stays_settled_when_the_rest_must_wait(self) -> None:
        outcomes, _ = upsert(
            list(PEOPLE),
            Options(),
            next(o for o in world.WRITING if o.name == "upsert of several").steps[0],
            Step(method="POST", url=LIST, status=429, answer=None),
        )
        assert [o.state for o in outcomes] == [SYNCED, RETRY, REJECTED, RETRY]
        assert outcomes[1].reason is Reason.RATE

    def test_a_batch_refused_as_a_whole_is_for_the_caller_to_split(self) -> None:
        with wire() as mock, pytest.raises(RejectedError):
            mock.add("POST", LIST, status=400, json=world.REFUSED)
            adapter().upsert(PEOPLE, "a1", Options())

    def test_an_update_refused_for_an_unknown_cause_is_made_alone(self) -> None:
        name = "upsert of several, one refused for an unknown cause"
        outcomes, bodies = upsert(
            list(PEOPLE[1:3]),
            Options(),
            *next(o for o in world.WRITING if o.name == name).steps,
        )
        assert [o.state for o in outcomes] == [SYNCED, SYNCED]
        assert bodies[2]["status_if_new"] == "subscribed"
        assert FAKE not in json.dumps(bodies[2])
