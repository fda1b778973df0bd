"""Campaign Monitor's answers that tell less than they should."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.adapters.base import Contact, Options, OutcomeState
from integrations.adapters.campaignmonitor import CampaignMonitor
from integrations.adapters.errors import Reason, RejectedError, TransientError
from tests.integrations.adapters import campaignmonitor_world as world
from tests.integrations.adapters.campaignmonitor_world import LIST, list_details
from tests.integrations.conformance import Step, register, wire

ONE = Contact(email="one@x.org")
TWO = Contact(email="m\u00fcller@x.org")


def sent(*steps: Step, contacts: tuple[Contact, ...] = (ONE, TWO)) -> Any:
    with wire() as mock:
        for step in steps:
            register(mock, step)
        return CampaignMonitor(world.SECRETS).upsert(contacts, "a1", Options())


def imported(answer: Any, status: int = 400) -> Step:
    return Step(method="POST", url=world.IMPORT_URL, status=status, answer=answer)


class TestImport:
    @pytest.mark.parametrize("result", [None, {}, {"FailureDetails": []}, []])
    def test_a_failure_that_names_nobody_is_not_success(self, result: Any) -> None:
        answer = {**world.problem(210, "Failed"), "ResultData": result}
        with pytest.raises(TransientError):
            sent(list_details(False), imported(answer))

    @pytest.mark.parametrize("answer", [["x"], {}, {"FailureDetails": None}])
    def test_something_else(self, answer: Any) -> None:
        with pytest.raises(TransientError, match="cannot be read"):
            sent(list_details(False), imported(answer, status=201))

    def test_a_refusal_of_an_address_written_otherwise_is_split(self) -> None:
        failure = world.failure("xn--mller-kva@x.org", 206, "Unsubscribed")
        with pytest.raises(RejectedError):
            sent(list_details(False), world.partly(failure))
        [outcome] = sent(list_details(False), world.partly(failure), contacts=(TWO,))
        assert outcome.state is OutcomeState.REJECTED
        assert outcome.reason is Reason.UNSUBSCRIBED

    def test_a_list_that_does_not_tell_who_is_asked(self) -> None:
        silent = Step(method="GET", url=f"{LIST}.json", answer={"ListID": "a1"})
        with pytest.raises(TransientError):
            sent(silent)


class TestReading:
    def test_a_subscriber_without_a_state_is_not_written_to(self) -> None:
        silent = Step(
            method="GET", url=world.PEOPLE_URL, answer={"EmailAddress": ONE.email}
        )
        [outcome] = sent(list_details(True), silent, contacts=(ONE,))
        assert outcome.state is OutcomeState.RETRY

    @pytest.mark.parametrize("kept", [None, "", []])
    def test_a_subscriber_without_an_address_is_not_written_to(self, kept: Any) -> None:
        answer = {**world.subscriber(ONE.email), "EmailAddress": kept}
        silent = Step(method="GET", url=world.PEOPLE_URL, answer=answer)
        with wire() as mock:
            for step in (list_details(True), silent):
                register(mock, step)
            contacts = (ONE,)
            [outcome] = CampaignMonitor(world.SECRETS).upsert(contacts, "a1", Options())
            assert [call.request.method for call in mock.calls] == ["GET", "GET"]
        assert outcome.state is OutcomeState.RETRY

    @pytest.mark.parametrize("lost", ["Results", "NumberOfPages"])
    def test_a_page_cut_short_is_not_an_empty_list(self, lost: str) -> None:
        answer = world.page()
        del answer[lost]
        with wire() as mock, pytest.raises(TransientError):
            mock.add("GET", f"{LIST}/active.json", json=answer)
            CampaignMonitor(world.SECRETS).changes("a1", "")

    def test_who_was_deleted_meanwhile_is_erased(self) -> None:
        lists = f"{world.API}/clients/c1/listsforemail.json"
        with wire() as mock:
            mock.add("GET", lists, json=[{"ListID": "a1", "ListName": "News"}])
            mock.add("DELETE", world.PEOPLE_URL, status=400, json=world.NOT_THERE)
            receipt = CampaignMonitor(world.SECRETS).erase(ONE.email)
        assert receipt.ok
