"""What is peculiar to Campaign Monitor, beside the conformance of every adapter."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from integrations.adapters.base import Contact, Options, OutcomeState
from integrations.adapters.campaignmonitor import CampaignMonitor
from integrations.adapters.errors import (
    CredentialsError,
    Reason,
    ScopeError,
    SetupError,
    TargetError,
    TransientError,
)
from tests.integrations.adapters import campaignmonitor_world as world
from tests.integrations.adapters.campaignmonitor_world import (
    API,
    BAD,
    CLIENTS,
    CONFIRMED,
    NEW,
    NOBODY,
    OLD,
    PEOPLE,
    PEOPLE_URL,
    PLAIN,
    add,
    find,
    problem,
)
from tests.integrations.conformance import (
    AdapterConformance,
    Refusal,
    Step,
    register,
    wire,
)
from tests.integrations.contract import AdapterContract

COUNTED = CampaignMonitor.most_counted
SYNCED, AWAITING, REJECTED, SKIPPED = (
    OutcomeState.SYNCED,
    OutcomeState.AWAITING_OPT_IN,
    OutcomeState.REJECTED,
    OutcomeState.SKIPPED,
)


class TestCampaignMonitor(AdapterConformance):
    adapter = CampaignMonitor
    odd_answers = True
    secrets = world.SECRETS
    operations = world.OPERATIONS
    batch = PEOPLE
    batch_operation = "upsert of several"
    batch_outcomes = (SYNCED, REJECTED, AWAITING)
    unauthorized = world.UNAUTHORIZED
    forbidden = world.FORBIDDEN
    missing = world.MISSING
    refused = world.REFUSED
    peculiar = (
        Refusal(status=401, body=problem(60, "No permission"), error=ScopeError),
        Refusal(status=401, body=problem(102, "Invalid ClientID"), error=TargetError),
        Refusal(status=401, body=problem(121, "Expired"), error=CredentialsError),
        Refusal(status=400, body=problem(101, "Invalid ListID"), error=TargetError),
    )
    leavers = world.LEAVERS


class TestCampaignMonitorContract(AdapterContract):
    adapter = CampaignMonitor
    secrets = world.SECRETS
    operations = world.OPERATIONS
    documented = world.DOCUMENTED


def adapter(**secrets: str) -> CampaignMonitor:
    return CampaignMonitor({**world.SECRETS, **secrets})


def play(run: Any, *steps: Step) -> tuple[Any, list[Any]]:
    """The result, and the JSON bodies sent."""
    with wire() as mock:
        for step in steps:
            register(mock, step)
        result = run(adapter())
        assert len(mock.calls) == len(steps)
        bodies = [call.request.body for call in mock.calls if call.request.body]
    return result, [json.loads(body) for body in bodies]


def upsert(options: Options, *contacts: Contact) -> Any:
    return lambda a: a.upsert(contacts, "a1", options)


class TestSigningIn:
    def test_a_key_is_the_user_name(self) -> None:
        [kind, token] = (
            CampaignMonitor({"api_key": " k3y "}).headers()["Authorization"].split()
        )
        assert (kind, base64.b64decode(token)) == ("Basic", b"k3y:x")

    def test_signing_in_goes_first(self) -> None:
        headers = adapter(api_key="k3y").headers()
        assert headers["Authorization"] == f"Bearer {world.SECRETS['access_token']}"

    def test_an_expired_token_is_told_from_a_revoked_one(self) -> None:
        for code, reason in (
            (121, Reason.AUTH_EXPIRED),
            (122, Reason.AUTH_REVOKED),
        ):
            with wire() as mock, pytest.raises(CredentialsError) as caught:
                mock.add("GET", CLIENTS.url, status=401, json=problem(code, "No"))
                adapter().sub_accounts()
            assert caught.value.reason is reason

    def test_the_reset_header_says_when_to_come_back(self) -> None:
        with wire() as mock, pytest.raises(TransientError) as caught:
            body = problem(429, "Rate limit exceeded")
            headers = {"X-RateLimit-Reset": "348"}
            mock.add("GET", CLIENTS.url, status=429, json=body, headers=headers)
            adapter().sub_accounts()
        assert caught.value.retry_after == 348.0


class TestClients:
    def test_the_chosen_one_is_named(self) -> None:
        reading, _ = play(CampaignMonitor.verify, CLIENTS, world.LISTS)
        assert reading.identity == "Client One"
        assert [(r.name, r.count) for r in reading.resources] == [
            ("clients", 2),
            ("lists", 1),
        ]

    def test_one_of_several_must_be_chosen(self) -> None:
        with wire() as mock:
            register(mock, CLIENTS)
            reading = adapter(sub_account="").verify()
        assert (reading.identity, len(reading.resources)) == ("2 clients", 1)
        assert "Choose" in reading.notes[0]
        with wire() as mock, pytest.raises(SetupError, match="Choose"):
            register(mock, CLIENTS)
            adapter(sub_account="").audiences()

    def test_a_chosen_one_that_is_gone_is_told(self) -> None:
        left = replace(CLIENTS, answer=[{"ClientID": "c2", "Name": "Client Two"}])
        with wire() as mock:
            register(mock, left)
            reading = adapter(sub_account="c1").verify()
        assert (reading.identity, len(reading.resources)) == ("1 clients", 1)
        assert "Choose" in reading.notes[0]

    def test_an_answer_that_is_no_array(self) -> None:
        with wire() as mock, pytest.raises(TransientError, match="cannot be read"):
            mock.add("GET", CLIENTS.url, json={})
            adapter().sub_accounts()


class TestReading:
    def test_audiences_with_size_and_mode(self) -> None:
        [found], _ = play(
            CampaignMonitor.audiences, world.LISTS, CONFIRMED, world.STATS
        )
        assert (found.id, found.size, found.double_opt_in) == ("a1", 42, True)

    def test_only_the_first_lists_are_counted(self) -> None:
        rows = [{"ListID": f"l{n}", "Name": "Newsletter"} for n in range(COUNTED + 1)]
        steps = [Step(method="GET", url=world.LISTS.url, answer=rows)]
        for number, row in enumerate(rows):
            url = f"{API}/lists/{row['ListID']}"
            steps += [replace(CONFIRMED, url=f"{url}.json")]
            if number < COUNTED:
                steps += [replace(world.STATS, url=f"{url}/stats.json")]
        found, _ = play(CampaignMonitor.audiences, *steps)
        assert [a.size for a in found] == [42] * COUNTED + [None]
        assert found[-1].double_opt_in is True

    def test_fields(self) -> None:
        fields, _ = play(lambda a: a.fields("a1"), world.FIELDS)
        assert [(f.id, f.type, f.options) for f in fields] == [
            ("Name", "name", ()),
            ("[website]", "text", ()),
            ("[likes]", "multi_choice", ("Tea", "Jam")),
        ]

    def test_states(self) -> None:
        known = {
            **{"Active": "subscribed", "Unconfirmed": "pending", "Deleted": "archived"},
            **{"Unsubscribed": "unsubscribed", "Bounced": "bounced", "?": "unknown"},
        }
        found, _ = play(
            lambda a: a.subscriptions([OLD] * len(known), "a1"),
            *(find(OLD, state) for state in known),
        )
        assert [s.status for s in found] == list(known.values())

    def test_who_is_not_there(self) -> None:
        [found], _ = play(lambda a: a.subscriptions([OLD], "a1"), NOBODY)
        assert found.status == "absent"


class TestWriting:
    def test_what_is_imported(self) -> None:
        twice = Contact(email=NEW.upper(), fields={"Name": "Mary"})
        outcomes, bodies = play(
            upsert(Options(), Contact(email=NEW), PEOPLE[0], twice), PLAIN, world.DONE
        )
        assert [o.state for o in outcomes] == [SYNCED] * 3
        assert bodies == [
            {
                "Subscribers": [
                    {
                        "EmailAddress": NEW.upper(),
                        "ConsentToTrack": "Unchanged",
                        "Name": "Mary",
                        "CustomFields": [
                            {"Key": "[likes]", "Value": "Tea"},
                            {"Key": "[likes]", "Value": "Jam"},
                        ],
                    }
                ],
                "Resubscribe": False,
                "QueueSubscriptionBasedAutoresponders": True,
                "RestartSubscriptionBasedAutoresponders": False,
            }
        ]

    def test_a_field_of_several_values(self) -> None:
        _, bodies = play(upsert(Options(), PEOPLE[0]), PLAIN, world.DONE)
        assert bodies[0]["Subscribers"][0]["CustomFields"] == [
            {"Key": "[likes]", "Value": "Tea"},
            {"Key": "[likes]", "Value": "Jam"},
        ]

    def test_each_failure_is_the_contacts_own(self) -> None:
        [well, bad, pending], _ = play(
            upsert(Options(), *PEOPLE), *world.WRITING[0].steps
        )
        assert well.state is SYNCED
        assert (bad.state, bad.reason) == (REJECTED, Reason.ADDRESS_INVALID)
        assert bad.detail == "Invalid Email Address"
        assert pending.state is AWAITING

    def test_where_the_list_asks_new_ones_await(self) -> None:
        [new, old], bodies = play(
            upsert(Options(), PEOPLE[0], Contact(email=OLD)),
            *(CONFIRMED, NOBODY, add(NEW), find(OLD), add(OLD)),
        )
        assert (new.state, old.state) == (AWAITING, SYNCED)
        assert [body["Resubscribe"] for body in bodies] == [False, False]

    def test_who_was_asked_before_is_not_asked_twice(self) -> None:
        [outcome], bodies = play(
            upsert(Options(), PEOPLE[0]), CONFIRMED, find(NEW, "Unconfirmed")
        )
        assert (outcome.state, bodies) == (AWAITING, [])

    def test_existing_ones_are_left_alone(self) -> None:
        options = Options(update_existing=False)
        [outcome, new], bodies = play(
            upsert(options, Contact(email=OLD), PEOPLE[0]),
            *(PLAIN, find(OLD), NOBODY, add(NEW)),
        )
        assert (outcome.state, outcome.reason) == (SKIPPED, Reason.EXISTING)
        assert new.state is SYNCED
        assert [body["EmailAddress"] for body in bodies] == [NEW]

    @pytest.mark.parametrize(
        ("code", "state", "reason"),
        [
            (1, REJECTED, Reason.ADDRESS_INVALID),
            (204, REJECTED, Reason.COMPLIANCE),
            (206, REJECTED, Reason.UNSUBSCRIBED),
            (208, AWAITING, None),
            (999, REJECTED, Reason.REFUSED),
        ],
    )
    def test_a_single_refusal(
        self, code: int, state: OutcomeState, reason: Reason | None
    ) -> None:
        no = Step(method="POST", url=PEOPLE_URL, status=400, answer=problem(code, "No"))
        [outcome], _ = play(upsert(Options(), PEOPLE[0]), CONFIRMED, NOBODY, no)
        assert (outcome.state, outcome.reason) == (state, reason)

    def test_unsubscribing_who_is_not_there(self) -> None:
        url = f"{API}/subscribers/a1/unsubscribe.json"
        no = Step(method="POST", url=url, status=400, answer=world.NOT_THERE)
        [outcome], _ = play(lambda a: a.unsubscribe([BAD], "a1"), no)
        assert outcome.state is SKIPPED

    def test_erasing_says_what_stays_behind(self) -> None:
        with wire() as mock:
            for step in world.WRITING[-1].steps[1:]:
                register(mock, step)
            receipt = adapter().erase(OLD)
            assert "email=old%40x.org" in str(mock.calls[1].request.url)
        assert not receipt.ok
        assert "Newsletter" in receipt.note

    def test_erasing_who_is_not_there(self) -> None:
        nowhere = Step(
            method="GET", url=f"{API}/clients/c1/listsforemail.json", answer=[]
        )
        receipt, _ = play(lambda a: a.erase(OLD), nowhere)
        assert receipt.ok
        assert "did not hold" in receipt.note
