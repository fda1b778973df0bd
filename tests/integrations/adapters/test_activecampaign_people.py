"""People of ActiveCampaign: tags that are refused, and addresses in either form."""

from __future__ import annotations

from dataclasses import replace

from integrations.adapters.base import Options, OutcomeState
from tests.integrations.adapters import activecampaign_world as world
from tests.integrations.adapters.activecampaign_world import (
    NEW,
    PEOPLE,
    contact,
    find,
    put,
    sync,
)
from tests.integrations.adapters.test_activecampaign import play


def test_a_refused_tag_is_no_refusal_of_the_person() -> None:
    refused = replace(world.ADD_TAG, status=422, answer={"message": "No such tag."})
    for step in (refused, replace(world.FIND_TAG, status=400, answer={})):
        steps = [find(), sync(1, NEW), put(1, "1"), world.FIND_TAG, refused]
        if step.method == "GET":
            steps[3:] = [step]
        [outcome], _ = play(
            lambda a: a.upsert(PEOPLE[:1], "1", Options(tags=("popup",))), *steps
        )
        assert outcome.state is OutcomeState.SYNCED
        assert "tags were set" in outcome.detail


def test_an_address_is_known_in_either_form() -> None:
    stored = contact(2, "ann@bücher.example")
    for email in ("ann@xn--bcher-kva.example", "ann@Bücher.example"):
        [known], _ = play(
            lambda a, email=email: a.subscriptions([email], "1"),
            find(stored),
            world.lists_of(2, world.membership(2, "2")),
            find(),  # there may be another in the other form
        )
        assert known.status == "unsubscribed"
