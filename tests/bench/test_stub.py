"""The provider stub that end to end is measured against: the real adapter's view."""

from __future__ import annotations

import http.client
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from bench.procs import Stub, provider_stub
from integrations.adapters.base import Contact, Options, OutcomeState
from integrations.adapters.mailchimp import Mailchimp

KEY = "0123456789abcdef0123456789abcdef-us21"


@pytest.fixture(scope="module")
def running() -> Iterator[Stub]:
    with provider_stub() as stub:
        yield stub


@pytest.fixture
def stub(running: Stub) -> Stub:
    running.ask("/stub/reset")
    return running


@pytest.fixture
def adapter(stub: Stub) -> Mailchimp:
    return Mailchimp({"api_key": KEY}, base_url=stub.url)


def people(*numbers: int) -> list[Contact]:
    return [
        Contact(email=f"mira{n}@gmail.com", fields={"FNAME": "Mira"}) for n in numbers
    ]


def test_a_batch_is_one_call(stub: Stub, adapter: Mailchimp) -> None:
    done = adapter.upsert(people(*range(500)), "a", Options())
    assert {outcome.state for outcome in done} == {OutcomeState.SYNCED}
    assert stub.ask("/stub/counts") == {"contacts": 500, "calls": 1, "rows": 500}


def test_who_is_known_takes_a_second_call(stub: Stub, adapter: Mailchimp) -> None:
    adapter.upsert(people(1, 2), "a", Options())
    done = adapter.upsert(people(2, 3), "a", Options())
    assert [outcome.state for outcome in done] == [OutcomeState.SYNCED] * 2
    assert stub.ask("/stub/counts") == {"contacts": 3, "calls": 3, "rows": 5}


def test_one_is_put_and_its_arrival_is_kept(stub: Stub, adapter: Mailchimp) -> None:
    before = time.monotonic()
    [done] = adapter.upsert(people(7), "a", Options())
    assert done.state is OutcomeState.SYNCED
    [(email, at)] = stub.ask("/stub/arrivals").items()
    assert email == "mira7@gmail.com"
    assert before <= at <= time.monotonic()


def test_the_plain_way_is_answered(stub: Stub) -> None:
    link = http.client.HTTPConnection("127.0.0.1", stub.port, timeout=10)
    body = b'{"email_address": "mira@gmail.com", "status": "subscribed"}'
    for path, status in (("/3.0/lists/a/members", 200), ("/3.0/else", 503)):
        link.request("POST", path, body)  # on one connection
        answer = link.getresponse()
        answer.read()
        assert answer.status == status
    link.close()
    assert stub.contacts() == 1


def test_an_unknown_benchmark_is_refused() -> None:
    command = [sys.executable, "-m", "bench", "nonsense"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "one of signup, drain, claim, drift, e2e, memory, wake" in done.stderr
