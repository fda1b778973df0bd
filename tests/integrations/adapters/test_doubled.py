"""Somebody who is there twice, under both forms of an internationalised address: who
left under one of them has left, and an opt-out or an erasure reaches both."""

from __future__ import annotations

import json
from typing import Any

from integrations.adapters.base import Contact, Options, OutcomeState
from integrations.adapters.errors import Reason
from integrations.adapters.ghost import Ghost
from integrations.adapters.kit import Kit
from integrations.adapters.listmonk import Listmonk
from integrations.adapters.mailman import Mailman
from tests.integrations.adapters import ghost_world, kit_world
from tests.integrations.adapters import test_listmonk as listmonk_world
from tests.integrations.adapters import test_mailman as mailman_world
from tests.integrations.steps import Step, register, wire

SHOWN, ASCII = "mira@müller.example", "mira@xn--mller-kva.example"
SUBSCRIBES = [Contact(email=SHOWN)]


def play(adapter: Any, run: Any, *steps: Step) -> tuple[Any, list[str]]:
    """What an operation gives, and the writes it made."""
    with wire() as mock:
        for step in steps:
            register(mock, step)
        outcome = run(adapter)
        calls = [call.request for call in mock.calls]
        assert len(calls) == len(steps), [call.url for call in calls]
    return outcome, [f"{c.method} {c.url}" for c in calls if c.method != "GET"]


def refused(outcomes: Any) -> bool:
    [outcome] = outcomes
    return bool(outcome.reason is Reason.UNSUBSCRIBED)


def kit_people(*states: str) -> Step:
    world = kit_world
    forms = zip((SHOWN, ASCII), states, (21, 22), strict=True)
    rows = [
        {**world.person(world.OLD, state), "id": id, "email_address": form}
        for form, state, id in forms
    ]
    return world.known(*rows)


def test_kit() -> None:
    for states in (("cancelled", "active"), ("active", "cancelled")):
        outcomes, written = play(
            Kit(kit_world.SECRETS),
            lambda a: a.upsert(SUBSCRIBES, "form:53", Options()),
            kit_people(*states),
        )
        assert refused(outcomes) and not written
    left = [
        kit_world.post(f"subscribers/{id}/unsubscribe", None, 204) for id in (21, 22)
    ]
    [outcome], _ = play(
        Kit(kit_world.SECRETS),
        lambda a: a.unsubscribe([SHOWN], "form:53"),
        kit_people("active", "active"),
        *left,
    )
    assert outcome.state is OutcomeState.SYNCED


def ghost_members(*lists: tuple[str, ...]) -> Step:
    rows = [
        {**ghost_world.member(form, *ids), "id": id}
        for form, ids, id in zip(
            (SHOWN, ASCII), lists, ("1" * 24, "2" * 24), strict=True
        )
    ]
    return ghost_world.found(*rows)


def ghost_write(method: str, id: str) -> Step:
    url, answer = f"{ghost_world.API}/members/{id}/", ghost_world.members()
    if method == "DELETE":
        return Step(method=method, url=url, status=204)
    changed = {**answer, "members": [ghost_world.member(SHOWN)]}
    return Step(method=method, url=url, answer=changed)


def test_ghost() -> None:
    news, ids = "n" * 24, ("1" * 24, "2" * 24)
    for lists in (((), (news,)), ((news,), ())):
        outcomes, _ = play(
            Ghost(ghost_world.SECRETS),
            lambda a: a.subscriptions([ASCII], news),
            ghost_members(*lists),
        )
        assert outcomes[0].status == "unsubscribed"
    [outcome], written = play(
        Ghost(ghost_world.SECRETS),
        lambda a: a.unsubscribe([ASCII], news),
        ghost_members((news,), (news,)),
        *(ghost_write("PUT", id) for id in ids),
    )
    assert outcome.state is OutcomeState.SYNCED and len(written) == 2
    _, written = play(
        Ghost(ghost_world.SECRETS),
        lambda a: a.erase(SHOWN),
        ghost_members((news,), (news,)),
        *(ghost_write("DELETE", id) for id in ids),
    )
    assert len(written) == 2


def listmonk_people(*states: str) -> Step:
    world = listmonk_world
    people = [
        world.person(form, world.on(state), id=id)
        for form, state, id in zip((SHOWN, ASCII), states, (21, 22), strict=True)
    ]
    return world.found(*people)


def test_listmonk() -> None:
    for states in (("unsubscribed", "confirmed"), ("confirmed", "unsubscribed")):
        [known], _ = play(
            Listmonk(listmonk_world.SECRETS),
            lambda a: a.subscriptions([SHOWN], "3"),
            listmonk_people(*states),
        )
        assert known.status == "unsubscribed"
    changed = Step(
        method="PUT",
        url=f"{listmonk_world.API}/subscribers/lists",
        answer={"data": True},
    )
    with wire() as mock:
        register(mock, listmonk_people("confirmed", "confirmed"))
        register(mock, changed)
        [outcome] = Listmonk(listmonk_world.SECRETS).unsubscribe([SHOWN], "3")
        assert json.loads(mock.calls[1].request.body or "")["ids"] == [21, 22]
    assert outcome.state is OutcomeState.SYNCED


def test_mailman() -> None:
    world = mailman_world
    there = [
        Step(method="GET", url=world.FIND, answer=world.found(world.member(form, key)))
        for form, key in ((SHOWN, "a1"), (ASCII, "b2"))
    ]
    wants = [
        Step(
            method="GET",
            url=f"{world.API}/members/{key}/all/preferences",
            answer=world.wants(status),
        )
        for key, status in (("a1", "enabled"), ("b2", "by_bounces"))
    ]
    gone = [
        Step(method="DELETE", url=f"{world.API}/members/{key}", status=204)
        for key in ("b2", "a1")
    ]
    [outcome], written = play(
        Mailman(world.SECRETS),
        lambda a: a.unsubscribe([SHOWN], world.NEWS),
        *(*there, *wants, *gone),
    )
    assert outcome.state is OutcomeState.SYNCED and len(written) == 2
