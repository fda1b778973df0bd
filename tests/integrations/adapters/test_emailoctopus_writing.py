"""EmailOctopus: who is written, who is not, and how people leave."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.adapters.base import Contact, Options, OutcomeState
from integrations.adapters.emailoctopus import EmailOctopus
from integrations.adapters.errors import Reason
from tests.integrations.adapters.emailoctopus_world import (
    API,
    EVERY,
    FULL,
    GONE,
    LEFT,
    LIST,
    LISTS,
    NEW,
    OLD,
    OTHER,
    PEOPLE,
    SECRETS,
    TAKEN,
    created,
    deleted,
    denied,
    invalid,
    known,
    nobody,
    play,
    problem,
    updated,
    upsert,
)
from tests.integrations.conformance import Step, register, wire


class TestWriting:
    @pytest.mark.parametrize(
        ("status", "state"),
        [
            ("pending", OutcomeState.AWAITING_OPT_IN),
            ("subscribed", OutcomeState.SYNCED),
        ],
    )
    def test_the_list_decides(self, status: str, state: OutcomeState) -> None:
        contact = Contact(email=NEW, fields={"FirstName": "Ann", "City": ""})
        [found], [body], _ = play(
            upsert(contact, Options(double_opt_in=True, tags=("news",))),
            *(nobody(), created(status)),
        )
        assert (found.state, found.remote_id) == (state, "id-of-new")
        assert body == {
            "email_address": NEW,
            "fields": {"FirstName": "Ann"},
            "tags": ["news"],
        }

    @pytest.mark.parametrize("status", ["subscribed", "pending"])
    def test_no_status_for_who_is_there(self, status: str) -> None:
        [found], [body], _ = play(
            upsert(FULL), known(OLD, status), updated(OLD, status)
        )
        asked = found.state is OutcomeState.AWAITING_OPT_IN
        assert asked == (status == "pending")
        assert body == {
            "fields": {"FirstName": "Ann", "Likes": ["tea", "cake"], "Cats": 3},
            "tags": {"popup": True},
        }

    def test_nothing_to_write(self) -> None:
        [found], bodies, _ = play(upsert(Contact(email=OLD)), known())
        assert (found.state, bodies) == (OutcomeState.SYNCED, [])

    def test_existing_ones_are_left_alone(self) -> None:
        [found], _, _ = play(upsert(FULL, Options(update_existing=False)), known())
        assert (found.state, found.reason) == (OutcomeState.SKIPPED, Reason.EXISTING)

    def test_somebody_who_came_meanwhile(self) -> None:
        came = (nobody(OLD), denied(409, TAKEN), known())
        [found], bodies, _ = play(upsert(FULL), *came, updated())
        assert found.state is OutcomeState.SYNCED
        assert bodies[1]["tags"] == {"popup": True}
        [found], _, _ = play(upsert(FULL, Options(update_existing=False)), *came)
        assert (found.state, found.reason) == (OutcomeState.SKIPPED, Reason.EXISTING)

    def test_somebody_taken_and_never_found(self) -> None:
        steps = (nobody(), denied(409, TAKEN), nobody())
        [found], _, _ = play(upsert(Contact(email=NEW)), *steps)
        assert (found.state, found.reason) == (
            *(OutcomeState.REJECTED, Reason.DUPLICATE),
        )

    def test_somebody_deleted_meanwhile_is_written_again(self) -> None:
        url = f"{API}/{PEOPLE}/id-of-old"
        gone = Step(method="PUT", url=url, answer=GONE, status=404)
        [found], _, _ = play(upsert(FULL), known(), gone)
        assert found.state is OutcomeState.RETRY

    @pytest.mark.parametrize(
        ("answer", "reason", "told"),
        [
            (
                invalid("/email_address", "This value is not valid."),
                Reason.ADDRESS_INVALID,
                "This value is not valid. (/email_address)",
            ),
            (
                invalid("/fields/email_address", "This value is not a date."),
                Reason.FIELD_TYPE,
                "This value is not a date. (/fields/email_address)",
            ),
            (
                problem(422, "unprocessable-content", "No.", errors=[{"detail": "x"}]),
                Reason.REFUSED,
                "x",
            ),
            (problem(400, "bad-request", "Bad."), Reason.REFUSED, "Bad."),
        ],
    )
    def test_why_not(self, answer: Any, reason: Reason, told: str) -> None:
        steps = (nobody(), denied(answer["status"], answer))
        [found], _, _ = play(upsert(Contact(email=NEW)), *steps)
        assert (found.state, found.reason) == (OutcomeState.REJECTED, reason)
        assert found.detail == told

    def test_each_value_as_what_it_is(self) -> None:
        fields = {"FirstName": "Ann", "Cats": 3, "Likes": ["tea"]}
        steps = (nobody(), created())
        _, [body], _ = play(upsert(Contact(email=NEW, fields=fields)), *steps)
        assert body["fields"] == fields

    def test_their_header_says_when_to_come_back(self) -> None:
        with wire() as mock:
            register(mock, nobody())
            mock.add(
                "POST",
                f"{API}/{PEOPLE}",
                status=429,
                json=problem(429, "too-many-requests", "Slow down."),
                headers={"X-RateLimit-Retry-After": "7"},
            )
            [found] = upsert(Contact(email=NEW))(EmailOctopus(SECRETS))
        assert (found.reason, found.retry_after) == (Reason.RATE, 7.0)


class TestLeaving:
    def test_unsubscribing(self) -> None:
        found, bodies, _ = play(
            lambda a: a.unsubscribe([NEW, LEFT, OLD], LIST),
            *(nobody(), known(LEFT, "unsubscribed"), known(), updated()),
        )
        assert [o.state for o in found] == [
            *(OutcomeState.SKIPPED, OutcomeState.SYNCED, OutcomeState.SYNCED)
        ]
        assert bodies == [{"status": "unsubscribed"}]

    def test_erasing_from_every_list(self) -> None:
        receipt, _, _ = play(
            lambda a: a.erase(OLD), EVERY, deleted(LIST, 404), deleted(OTHER)
        )
        assert (receipt.ok, receipt.note) == (True, "Deleted from every list.")
        receipt, _, _ = play(lambda a: a.erase(OLD), LISTS, deleted(LIST, 404))
        assert receipt.note == "EmailOctopus did not hold this address."
