"""Who leaves MailerLite, or left it while we were writing."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.adapters.base import Contact, Options, OutcomeState
from integrations.adapters.errors import Reason
from tests.integrations.adapters import mailerlite_world as world
from tests.integrations.adapters.mailerlite_world import (
    GROUP,
    GROUP_THERE,
    NEW,
    NOBODY,
    OLD,
    batch,
    one,
    person,
    there,
)
from tests.integrations.adapters.test_mailerlite import play, upsert
from tests.integrations.conformance import Step

SYNCED, REJECTED, SKIPPED, RETRY = (
    OutcomeState.SYNCED,
    OutcomeState.REJECTED,
    OutcomeState.SKIPPED,
    OutcomeState.RETRY,
)
LEAVE = world.WRITING[3].steps[1]


def leave(*emails: str) -> Any:
    return lambda a: a.unsubscribe(emails, GROUP)


def test_unsubscribing() -> None:
    outcomes, bodies = play(
        leave(NEW, OLD, OLD, OLD),
        batch(
            NOBODY,
            there(person(OLD, "unsubscribed")),
            one(500, None),
            there(person(OLD)),
        ),
        LEAVE,
    )
    assert [o.state for o in outcomes] == [SKIPPED, SYNCED, RETRY, SYNCED]
    assert bodies[1] == {"email": OLD, "status": "unsubscribed"}


@pytest.mark.parametrize("status", ["bounced", "junk"])
def test_why_they_are_out_is_not_written_over(status: str) -> None:
    [outcome], _ = play(leave(OLD), batch(there(person(OLD, status))))
    assert outcome.state is SYNCED


@pytest.mark.parametrize(("status", "state"), [(422, REJECTED), (503, RETRY)])
def test_one_who_cannot_leave_now_does_not_keep_the_others(
    status: int, state: OutcomeState
) -> None:
    failed = Step(
        method="POST", url=LEAVE.url, status=status, answer={"message": "No."}
    )
    outcomes, _ = play(
        leave(OLD, NEW),
        batch(there(person(OLD)), there(person(NEW))),
        failed,
        LEAVE,
    )
    assert [o.state for o in outcomes] == [state, SYNCED]


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("unsubscribed", Reason.UNSUBSCRIBED),
        ("bounced", Reason.BOUNCED),
        ("junk", Reason.COMPLIANCE),
    ],
)
def test_who_left_between_reading_and_writing_is_not_said_to_be_on(
    status: str, reason: Reason
) -> None:
    [outcome], _ = play(
        upsert(Options(), Contact(email=OLD)),
        batch(NOBODY),
        batch(GROUP_THERE, there(person(OLD, status))),
    )
    assert (outcome.state, outcome.reason) == (REJECTED, reason)


def test_one_address_twice_is_written_once_with_all_its_values() -> None:
    again = Contact(email=f" {NEW.upper()}", fields={"name": " ", "city": "Rome"})
    outcomes, bodies = play(
        upsert(Options(), Contact(email=NEW, fields={"name": "Mary"}), again),
        batch(NOBODY),
        batch(GROUP_THERE, there(person(NEW), 201)),
    )
    assert [o.state for o in outcomes] == [SYNCED, SYNCED]
    [_, row] = bodies[1]["requests"]
    assert row["body"]["fields"] == {"name": "Mary", "city": "Rome"}


def test_an_answer_without_a_status_tells_nothing() -> None:
    row = person(OLD)
    del row["status"]
    outcomes, bodies = play(
        upsert(Options(double_opt_in=True), Contact(email=OLD)), batch(there(row))
    )
    assert [o.state for o in outcomes] == [RETRY]
    assert len(bodies) == 1
