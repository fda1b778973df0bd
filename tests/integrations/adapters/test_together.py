"""Batches whose people are looked up before anybody is written."""

from __future__ import annotations

from integrations.adapters.base import Audience, Contact, Options, Reading
from integrations.adapters.errors import Reason
from integrations.adapters.shapes import Row
from integrations.adapters.together import Together

HELD = {"gone": Reason.UNSUBSCRIBED}


class Example(Together):
    slug = "example"
    label = "Example"
    kind = "esp"
    home = "https://api.example.com"
    states = {"on": "subscribed", "off": "unsubscribed"}

    def verify(self) -> Reading:
        return Reading(identity="x")

    def audiences(self) -> list[Audience]:
        return []


def told_apart(*, update_existing: bool = True) -> tuple[object, object]:
    """Why people are held back, and where the others stand, by their keys."""
    rows: dict[str, Row | None] = {
        "gone": {"id": 1, "status": "off"},
        "new": None,
        "there": {"id": 2, "status": "on"},
    }
    people = {key: Contact(email=f"{key}@x.org") for key in rows}
    options = Options(update_existing=update_existing)
    held, others = Example({}).told_apart(people, rows, "1", options)
    return (
        {key: outcome.reason for key, outcome in held.items()},
        {key: write.known.status for key, write in others.items()},
    )


def test_who_left_is_held_back() -> None:
    assert told_apart() == (HELD, {"new": "absent", "there": "subscribed"})


def test_who_is_there_is_held_back_where_the_rule_leaves_them_alone() -> None:
    held = {**HELD, "there": Reason.EXISTING}
    assert told_apart(update_existing=False) == (held, {"new": "absent"})
