"""One person, whose address the provider keeps with its domain in the other form: the
providers without a simulator. The others are in tests/integrations/sandbox.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
import responses

from integrations.adapters.base import Contact, Options, OutcomeState
from integrations.adapters.campaignmonitor import CampaignMonitor
from integrations.adapters.copper import Copper
from integrations.adapters.each import forms
from integrations.adapters.errors import Reason
from integrations.adapters.getresponse import GetResponse
from integrations.adapters.mailman import Mailman
from integrations.adapters.sendgrid import SendGrid
from integrations.adapters.shopify import Shopify
from integrations.adapters.zoho import Zoho
from tests.integrations.adapters import (
    campaignmonitor_world,
    copper_world,
    getresponse_world,
    sendgrid_world,
    shopify_world,
    zoho_world,
)
from tests.integrations.adapters import test_mailman as mailman_world
from tests.integrations.steps import Step, register, wire

SHOWN, ASCII = "mira@müller.example", "mira@xn--mller-kva.example"
EITHER = pytest.mark.parametrize(("kept", "asked"), [(SHOWN, ASCII), (ASCII, SHOWN)])
LEFT = (OutcomeState.REJECTED, Reason.UNSUBSCRIBED)


def told(call: responses.Call) -> str:
    """Everything a request says, in plain text."""
    body = call.request.body or b""
    text = body.decode() if isinstance(body, bytes) else body
    return unquote(f"{call.request.url} {text}")


def test_the_forms_of_an_address() -> None:
    assert forms(" Mira@X.org ") == ["Mira@X.org"]
    assert forms(SHOWN) == [SHOWN, ASCII]
    assert forms(ASCII) == [ASCII, SHOWN]
    assert forms("Mira@Müller.example") == ["Mira@Müller.example", ASCII]


@EITHER
def test_getresponse(kept: str, asked: str) -> None:
    there = getresponse_world.person(kept)
    gone = getresponse_world.removed("unsubscribe", kept)

    def play(person: object, removed: object, run: Any) -> tuple[Any, list[str]]:
        with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:

            def contacts(request: Any) -> tuple[int, dict[str, str], str]:
                wanted = parse_qs(urlsplit(request.url).query)["query[email]"]
                found = [person] if person and wanted == [kept] else []
                return 200, {}, json.dumps(found)

            def search(request: Any) -> tuple[int, dict[str, str], str]:
                query = json.loads(request.body)
                value = query["section"][0]["conditions"][0]["value"]
                hit = query["subscribersType"] == ["removed"] and value == kept
                return 200, {}, json.dumps([removed] if removed and hit else [])

            api, single = getresponse_world.API, getresponse_world.DOUBLE
            mock.add_callback("GET", f"{api}/contacts", contacts)
            mock.add_callback("POST", f"{api}/search-contacts/contacts", search)
            for step in (single, getresponse_world.NAMED, getresponse_world.DELETE):
                register(mock, step)
            mock.add("GET", f"{api}/contacts/a1B", json=there)
            result = run(GetResponse(getresponse_world.SECRETS))
            return result, [f"{c.request.method} {told(c)}" for c in mock.calls]

    place = getresponse_world.LIST
    contact = Contact(email=asked, fields={"name": "Mira"})

    def write(ours: GetResponse) -> Any:
        return ours.upsert([contact], place, Options())

    [outcome], calls = play(there, None, write)
    assert (outcome.state, outcome.remote_id) == (OutcomeState.SYNCED, "a1B")
    assert not any("POST" in call and call.endswith("/contacts") for call in calls)
    [outcome], _ = play(None, gone, write)
    assert (outcome.state, outcome.reason) == LEFT
    [now], _ = play(None, gone, lambda ours: ours.subscriptions([asked], place))
    assert now.status == "unsubscribed"
    _, calls = play(there, None, lambda ours: ours.unsubscribe([asked], place))
    assert calls[-1].startswith("DELETE")


@EITHER
def test_sendgrid(kept: str, asked: str) -> None:
    world = sendgrid_world

    def play(there: bool, left: bool, run: Any) -> tuple[Any, list[str]]:
        row = world.person(kept, world.LIST)
        with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:

            def found(request: Any) -> tuple[int, dict[str, str], str]:
                if not there or kept not in json.loads(request.body)["emails"]:
                    return 404, {}, json.dumps(world.MISSING)
                return 200, {}, json.dumps({"result": {kept: {"contact": row}}})

            mock.add_callback("POST", world.SEARCH_URL, found)
            for form in (SHOWN, ASCII):
                for step in world.single(form, left=left and form == kept):
                    register(mock, step)
            register(mock, world.PUT)
            mock.add("POST", world.GLOBAL, json={"recipient_emails": []}, status=201)
            mock.add("DELETE", f"{world.API}/marketing/contacts", json={}, status=202)
            mock.add("POST", f"{world.API}/recipients/erasejob", json={}, status=202)
            result = run(SendGrid(world.SECRETS))
            return result, [told(call) for call in mock.calls]

    contact = Contact(email=asked, fields={"first_name": "Mira"})

    def write(ours: SendGrid) -> Any:
        return ours.upsert([contact], world.LIST, Options())

    [outcome], calls = play(True, False, write)
    assert outcome.state is OutcomeState.SUBMITTED
    assert f'"email": "{kept}"' in calls[-1]
    [outcome], _ = play(True, True, write)
    assert (outcome.state, outcome.reason) == LEFT
    [outcome], calls = play(
        True, False, lambda ours: ours.unsubscribe([asked], world.LIST)
    )
    assert f'"{kept}"' in calls[-1]
    receipt, calls = play(True, False, lambda ours: ours.erase(asked))
    assert receipt.ok
    assert f'"{kept}"' in calls[-1]
    assert "id-m" in calls[-2]


@EITHER
def test_zoho(kept: str, asked: str) -> None:
    world = zoho_world
    query = replace(world.QUERY, answer=world.page(world.record(kept)))
    written = Step(method="POST", url=world.UPSERT, answer={"data": [world.good()]})
    with wire() as mock:
        for step in (query, written):
            register(mock, step)
        contact = Contact(email=asked, fields={"Company": "X"})
        [outcome] = Zoho(world.SECRETS).upsert([contact], "Leads", Options())
        assert outcome.state is OutcomeState.SYNCED
        assert kept in told(mock.calls[0])
        assert f'"Email": "{kept}"' in told(mock.calls[1])


@EITHER
def test_shopify(kept: str, asked: str) -> None:
    world = shopify_world
    row = world.customer(kept)
    gone = world.customer(kept, "UNSUBSCRIBED")

    def play(customer: object, run: Any) -> tuple[Any, list[str]]:
        with responses.RequestsMock() as mock:

            def answer(request: Any) -> tuple[int, dict[str, str], str]:
                asked_for = json.loads(request.body)["variables"]
                if "email" in asked_for:
                    hit = customer if asked_for["email"] == kept else None
                    return 200, {}, json.dumps({"data": {"customerByIdentifier": hit}})
                done = {"customer": gone, "customerId": world.ID, "userErrors": []}
                names = (
                    "customerUpdate",
                    "customerEmailMarketingConsentUpdate",
                    "customerRequestDataErasure",
                )
                return 200, {}, json.dumps({"data": dict.fromkeys(names, done)})

            mock.add_callback("POST", world.URL, answer)
            result = run(Shopify(world.SECRETS))
            return result, [told(call) for call in mock.calls]

    contact = Contact(email=asked, fields={"firstName": "Mira"})

    def write(ours: Shopify) -> Any:
        return ours.upsert([contact], "customers", Options())

    [outcome], calls = play(gone, write)
    assert (outcome.state, outcome.reason) == LEFT
    [outcome], calls = play(row, write)
    assert outcome.state is OutcomeState.SYNCED
    assert not any("customerCreate" in call for call in calls)
    [now], _ = play(gone, lambda ours: ours.subscriptions([asked], "customers"))
    assert now.status == "unsubscribed"
    [outcome], calls = play(row, lambda ours: ours.unsubscribe([asked], "customers"))
    assert outcome.state is OutcomeState.SYNCED
    assert "UNSUBSCRIBED" in calls[-1]
    receipt, calls = play(row, lambda ours: ours.erase(asked))
    assert "does not hold" not in receipt.note
    assert world.ID in calls[-1]


@EITHER
def test_campaignmonitor(kept: str, asked: str) -> None:
    world = campaignmonitor_world

    def play(run: Any, state: str = "Active", asks: bool = False) -> Any:
        def answer(request: Any) -> tuple[int, dict[str, str], str]:
            at = urlsplit(request.url).path.removeprefix("/api/v3.3")
            if at == "/lists/a1.json":
                return 200, {}, json.dumps({"ConfirmedOptIn": asks})
            if at == "/subscribers/a1/import.json":
                return 201, {}, json.dumps(world.imported())
            hit = kept in told(responses.Call(request, None))
            if at == "/clients/c1/listsforemail.json":
                return 200, {}, json.dumps([{"ListID": "a1"}] if hit else [])
            if not hit:
                return 400, {}, json.dumps(world.NOT_THERE)
            return 200, {}, json.dumps(world.subscriber(kept, state))

        with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
            for method in ("GET", "POST", "DELETE"):
                mock.add_callback(method, re.compile(world.API), answer)
            result = run(CampaignMonitor(world.SECRETS))
            return result, [told(call) for call in mock.calls]

    people = [Contact(email=asked), Contact(email="b@x.org")]

    def write(ours: CampaignMonitor) -> Any:
        return ours.upsert(people, "a1", Options())

    for asks in (True, False):
        [outcome, *_], _ = play(write, "Unsubscribed", asks)
        assert (outcome.state, outcome.reason) == LEFT
    outcomes, calls = play(write)
    assert {outcome.state for outcome in outcomes} == {OutcomeState.SYNCED}
    assert sum("/import.json" in call for call in calls) == 1
    [written] = [call for call in calls if '"ConsentToTrack"' in call and kept in call]
    assert "/import.json" not in written
    [now], _ = play(lambda ours: ours.subscriptions([asked], "a1"), "Unsubscribed")
    assert now.status == "unsubscribed"
    [outcome], calls = play(lambda ours: ours.unsubscribe([asked], "a1"))
    assert outcome.state is OutcomeState.SYNCED
    assert any(kept in call and "/unsubscribe.json" in call for call in calls)
    receipt, _ = play(lambda ours: ours.erase(asked))
    assert "did not hold" not in receipt.note


@EITHER
def test_copper(kept: str, asked: str) -> None:
    world = copper_world

    def play(run: Any) -> Any:
        def fetch(request: Any) -> tuple[int, dict[str, str], str]:
            if json.loads(request.body)["email"] == kept:
                return 200, {}, json.dumps(world.person(7, kept))
            return 404, {}, json.dumps(world.failure(404, "Resource not found"))

        with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
            mock.add_callback("POST", world.FETCH, fetch)
            register(mock, world.PUT)
            mock.add("DELETE", world.PUT.url, json={"id": 7, "is_deleted": True})
            return run(Copper(world.SECRETS))

    contact = Contact(email=asked, fields={"title": "Boss"})
    [outcome] = play(lambda ours: ours.upsert([contact], "people", Options()))
    assert (outcome.state, outcome.remote_id) == (OutcomeState.SYNCED, "7")
    [now] = play(lambda ours: ours.subscriptions([asked], "people"))
    assert now.remote_id == "7"
    assert "did not hold" not in play(lambda ours: ours.erase(asked)).note


def test_copper_erases_who_is_there_twice() -> None:
    world, held = copper_world, {SHOWN: 7, ASCII: 8}

    def fetch(request: Any) -> tuple[int, dict[str, str], str]:
        email = json.loads(request.body)["email"]
        return 200, {}, json.dumps(world.person(held[email], email))

    with responses.RequestsMock() as mock:
        mock.add_callback("POST", world.FETCH, fetch)
        for number in held.values():
            mock.add("DELETE", f"{world.API}/people/{number}", json={})
        assert Copper(world.SECRETS).erase(SHOWN).ok


@EITHER
def test_mailman(kept: str, asked: str) -> None:
    world = mailman_world
    there, nobody = world.found(world.member(kept)), world.found()

    def play(run: Any, *steps: Step) -> tuple[Any, list[str]]:
        with wire() as mock:
            for step in steps:
                register(mock, step)
            result = run(Mailman(world.SECRETS))
            return result, [told(call) for call in mock.calls]

    find = Step(method="GET", url=world.FIND, answer=nobody)
    hit = Step(method="GET", url=world.FIND, answer=there)
    renamed = Step(method="PATCH", url=f"{world.API}/addresses/{kept}", status=204)
    contact = Contact(email=asked, fields={"display_name": "Mira"})
    [outcome], calls = play(
        lambda ours: ours.upsert([contact], world.NEWS, Options()),
        *(find, hit, world.ENABLED, renamed),
    )
    assert outcome.state is OutcomeState.SYNCED
    assert [asked in calls[0], kept in calls[1], kept in calls[3]] == [True] * 3
    left = replace(world.ENABLED, answer=world.wants("by_bounces"))
    [outcome], _ = play(
        lambda ours: ours.upsert([contact], world.NEWS, Options()),
        *(find, hit, left),
    )
    assert outcome.reason is Reason.BOUNCED
    users = f"{world.API}/users"
    receipt, calls = play(
        lambda ours: ours.erase(asked),
        Step(method="DELETE", url=f"{users}/{asked}", status=404),
        Step(method="DELETE", url=f"{users}/{kept}", status=204),
    )
    assert "with all addresses" in receipt.note
