"""An address with an internationalised domain, kept in the other form: the providers
who are asked by one form a call."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote, unquote

import pytest
import responses

from integrations.adapters import ADAPTERS
from integrations.adapters.base import Contact, Options, OutcomeState
from integrations.adapters.errors import Reason, RejectedError
from tests.integrations.adapters import (
    activecampaign_world,
    aweber_world,
    brevo_world,
    drip_world,
    mailerlite_world,
)

SHOWN, ASCII = "mira@müller.example", "mira@xn--mller-kva.example"
EITHER = pytest.mark.parametrize(("kept", "asked"), [(SHOWN, ASCII), (ASCII, SHOWN)])
ANYTHING = re.compile(".*")


def aweber(kept: str, asked: str) -> tuple[int, Any]:
    rows = [aweber_world.person(kept, "unsubscribed")] if kept == asked else []
    return 200, {"entries": rows, "total_size": len(rows)}


def drip(kept: str, asked: str) -> tuple[int, Any]:
    there = drip_world.one(drip_world.person(kept, "unsubscribed"))
    return (200, there) if kept == asked else (404, drip_world.MISSING)


def brevo(kept: str, asked: str) -> tuple[int, Any]:
    there = brevo_world.person(kept, emailBlacklisted=True)
    return (200, there) if kept == asked else (404, brevo_world.MISSING)


def activecampaign(kept: str, asked: str) -> tuple[int, Any]:
    world = activecampaign_world
    rows = [world.contact(3, kept)] if kept == asked else []
    lists = {"contactLists": [world.membership(3, "2")]}
    return 200, {**world.page("contacts", *rows), **lists}


WORLDS: dict[str, tuple[Any, dict[str, str], str]] = {
    "aweber": (aweber, aweber_world.SECRETS, "456"),
    "drip": (drip, drip_world.SECRETS, "everybody"),
    "brevo": (brevo, brevo_world.SECRETS, "1"),
    "activecampaign": (activecampaign, activecampaign_world.SECRETS, "1"),
}


def play(slug: str, kept: str, run: Any) -> tuple[Any, list[tuple[str, str]]]:
    """The result, and what was asked beside look-ups."""
    answer, secrets, audience = WORLDS[slug]
    ours = ADAPTERS[slug](secrets)
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:

        def look(request: Any) -> tuple[int, dict[str, str], str]:
            url = unquote(request.url)
            form = next((f for f in (SHOWN, ASCII) if f in url), kept)
            status, body = answer(kept, form)
            return status, {}, json.dumps(body)

        for method in ("GET", "PUT", "POST", "PATCH", "DELETE"):
            mock.add_callback(method, ANYTHING, look)
        result = run(ours, audience)
        calls = [(c.request.method, unquote(str(c.request.url))) for c in mock.calls]
    return result, [call for call in calls if call[0] != "GET"]


@EITHER
@pytest.mark.parametrize("slug", WORLDS)
def test_who_left_under_one_form_has_left(slug: str, kept: str, asked: str) -> None:
    contact = Contact(email=asked, fields={"name": "Mira"})
    [outcome], written = play(
        slug, kept, lambda a, to: a.upsert([contact], to, Options())
    )
    assert (outcome.state, outcome.reason) == (
        *(OutcomeState.REJECTED, Reason.UNSUBSCRIBED),
    )
    assert written == []
    [now], _ = play(slug, kept, lambda a, to: a.subscriptions([asked], to))
    assert now.status == "unsubscribed"


def test_who_left_under_one_form_only_leaves_under_the_other() -> None:
    world = aweber_world
    gone = world.person(SHOWN, "unsubscribed")
    with responses.RequestsMock() as mock:
        for row in (gone, world.person(ASCII)):
            body = {"entries": [row], "total_size": 1}
            mock.add("GET", world.PEOPLE, json=body)
        mock.add("PATCH", ANYTHING, json={})
        [outcome] = ADAPTERS["aweber"](world.SECRETS).unsubscribe([SHOWN], "456")
    assert outcome.state is OutcomeState.SYNCED


@EITHER
@pytest.mark.parametrize("slug", WORLDS)
def test_leaving_and_erasing_reach_either_form(
    slug: str, kept: str, asked: str
) -> None:
    [outcome], _ = play(slug, kept, lambda a, to: a.unsubscribe([asked], to))
    assert outcome.state is OutcomeState.SYNCED
    receipt, written = play(slug, kept, lambda a, to: a.erase(asked))
    assert receipt.ok
    assert "did not hold" not in receipt.note
    assert any(method == "DELETE" for method, _ in written)


@EITHER
def test_mailerlite_is_asked_for_both_forms_in_one_call(kept: str, asked: str) -> None:
    world = mailerlite_world

    def play(status: str, run: Any) -> tuple[Any, list[Any]]:
        row = {**world.person(world.OLD, status), "email": kept}

        def batch(request: Any) -> tuple[int, dict[str, str], str]:
            wanted = [
                unquote(each["path"]) for each in json.loads(request.body)["requests"]
            ]
            answers = [
                world.there(row) if kept in path else world.NOBODY for path in wanted
            ]
            return 200, {}, json.dumps({"responses": answers})

        with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
            mock.add_callback("POST", f"{world.API}/batch", batch)
            there = f"{world.API}/subscribers/{quote(kept, safe='')}"
            mock.add("GET", there, json={"data": row})
            mock.add("GET", ANYTHING, status=404, json=world.MISSING)
            mock.add("POST", f"{world.API}/subscribers", json={"data": row})
            mock.add("POST", f"{world.API}/subscribers/12/forget", json={})
            result = run(ADAPTERS["mailerlite"](world.SECRETS))
            bodies = [call.request.body for call in mock.calls if call.request.body]
            return result, [json.loads(body) for body in bodies]

    contact = Contact(email=asked)
    [outcome], bodies = play(
        "unsubscribed", lambda a: a.upsert([contact], world.GROUP, Options())
    )
    assert (outcome.reason, len(bodies)) == (Reason.UNSUBSCRIBED, 1)
    [now], _ = play("junk", lambda a: a.subscriptions([asked], world.GROUP))
    assert now.status == "complained"
    [outcome], bodies = play("active", lambda a: a.unsubscribe([asked], world.GROUP))
    assert outcome.state is OutcomeState.SYNCED
    assert bodies[1] == {"email": kept, "status": "unsubscribed"}
    receipt, _ = play("active", lambda a: a.erase(asked))
    assert "did not hold" not in receipt.note


def drip_rows(mock: Any, *rows: tuple[str, str, str]) -> list[str]:
    """Puts people at Drip by address, status and that in the campaign; gives the
    addresses that are written."""
    world, written = drip_world, []
    for number, (email, status, there) in enumerate(rows):
        person = world.person(email, status, id=f"id{number}")
        subscriptions = [{"campaign_id": "123456", "status": there}] if there else []
        on = world.rows("campaign_subscriptions", *subscriptions)
        path = f"{world.BASE}/subscribers"
        mock.add("GET", f"{path}/{quote(email, safe='')}", json=world.one(person))
        mock.add("GET", f"{path}/id{number}/campaign_subscriptions", json=on)
    mock.add("GET", f"{world.BASE}/campaigns/123456", json=world.SILENT.answer)

    def write(request: Any) -> tuple[int, dict[str, str], str]:
        [person] = json.loads(request.body)["subscribers"]
        written.append(person["email"])
        return 201, {}, json.dumps(world.one(world.person(person["email"])))

    mock.add_callback("POST", ANYTHING, write)
    return written


@pytest.mark.parametrize(
    ("first", "second", "outcome", "written"),
    [
        # A word that nobody documents does not hide that they left.
        (("odd", ""), ("unsubscribed", ""), OutcomeState.REJECTED, []),
        # Nor does a record that is not on the campaign.
        (("active", ""), ("active", "removed"), OutcomeState.REJECTED, []),
        # Who is there under one form is not put there under the other, too.
        (("active", ""), ("active", "active"), OutcomeState.SKIPPED, []),
        (("active", ""), ("active", ""), OutcomeState.SYNCED, [SHOWN]),
    ],
)
def test_of_two_records_the_one_that_says_more_counts(
    first: tuple[str, str],
    second: tuple[str, str],
    outcome: OutcomeState,
    written: list[str],
) -> None:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        posted = drip_rows(mock, (SHOWN, *first), (ASCII, *second))
        [found] = ADAPTERS["drip"](drip_world.SECRETS).upsert(
            [Contact(email=SHOWN)], drip_world.SERIES, Options(update_existing=False)
        )
    assert (found.state, posted) == (outcome, written)


INVALID: dict[str, tuple[int, Any]] = {
    "aweber": (400, {"error": {"message": "email: Invalid email address"}}),
    "drip": (422, drip_world.failure("email_error", "Email is invalid")),
    "brevo": (400, brevo_world.REFUSED),
    "activecampaign": (422, activecampaign_world.REFUSED),
}


@pytest.mark.parametrize("slug", WORLDS)
def test_who_refuses_the_other_form_keeps_nobody_under_it(
    slug: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, *more = WORLDS[slug]

    def strict(kept: str, asked: str) -> tuple[int, Any]:
        refused: tuple[int, Any] = INVALID[slug]
        return refused if asked == SHOWN else answer(kept, asked)

    monkeypatch.setitem(WORLDS, slug, (strict, *more))
    [now], _ = play(slug, ASCII, lambda a, to: a.subscriptions([ASCII], to))
    assert now.status == "unsubscribed"
    [outcome], _ = play(slug, ASCII, lambda a, to: a.unsubscribe([ASCII], to))
    assert outcome.state is OutcomeState.SYNCED
    receipt, _ = play(slug, ASCII, lambda a, to: a.erase(ASCII))
    assert "did not hold" not in receipt.note
    with pytest.raises(RejectedError):
        play(slug, ASCII, lambda a, to: a.erase(SHOWN))


def test_a_refusal_that_is_not_about_the_address_is_not_passed_over() -> None:
    refusal = {"errors": [{"code": "locked", "message": "Try another day"}]}
    with responses.RequestsMock() as mock:
        for form in (ASCII, SHOWN):
            status = 200 if form == ASCII else 423
            answer = (
                drip_world.one(drip_world.person(form)) if form == ASCII else refusal
            )
            url = f"{drip_world.BASE}/subscribers/{quote(form, safe='')}"
            mock.add("POST", f"{url}/unsubscribe_all", status=status, json=answer)
        [outcome] = ADAPTERS["drip"](drip_world.SECRETS).unsubscribe(
            [ASCII], "everybody"
        )
    assert outcome.state is OutcomeState.REJECTED


def test_mailerlite_refusing_the_other_form_keeps_the_batch() -> None:
    world = mailerlite_world
    refused, new = world.one(422, world.REFUSED), world.person(world.NEW)
    batches = (
        world.batch(world.NOBODY, refused),
        world.batch(world.GROUP_THERE, world.there(new, 201)),
        world.batch(refused, world.NOBODY),
    )
    with responses.RequestsMock() as mock:
        for step in batches:
            mock.add("POST", step.url, json=step.answer)
        ours = ADAPTERS["mailerlite"](world.SECRETS)
        [outcome] = ours.upsert([Contact(email=ASCII)], world.GROUP, Options())
        assert outcome.state is OutcomeState.SYNCED
        [outcome] = ours.unsubscribe([SHOWN], world.GROUP)
        assert outcome.state is OutcomeState.REJECTED


def test_mailerlite_writes_to_the_record_that_is_in_the_group() -> None:
    world = mailerlite_world
    rows = (
        {**world.person(world.OLD, groups=()), "email": SHOWN},
        {**world.person(world.NEW), "email": ASCII},
    )
    look = world.batch(*map(world.there, rows))
    with responses.RequestsMock() as mock:
        mock.add("POST", look.url, json=look.answer)
        [outcome] = ADAPTERS["mailerlite"](world.SECRETS).upsert(
            [Contact(email=SHOWN)], world.GROUP, Options(update_existing=False)
        )
    assert (outcome.state, outcome.remote_id) == (OutcomeState.SKIPPED, "11")
