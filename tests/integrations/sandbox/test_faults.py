"""Every position of the fault dial."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from integrations.sandbox import base
from integrations.sandbox.testing import ControlRefused, RunningSandbox
from tests.integrations.sandbox.helpers import (
    NEWSLETTER,
    SUBSCRIBED,
    Api,
    member_path,
    soon,
)

NEW = "new@shop.example"


@pytest.mark.parametrize("status", [429, 500, 503, 403, 418])
def test_status(api: Api, sandbox: RunningSandbox, status: int) -> None:
    sandbox.faults(status=status, retry_after=7)
    answer = api("GET", "/ping")
    assert answer.status_code == status == answer.json()["status"]
    assert answer.headers["Retry-After"] == "7"
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    sandbox.faults()
    assert api("GET", "/ping").status_code == 200


@pytest.mark.parametrize(
    ("setting", "detail"),
    [("broken", "Your API key may be invalid"), ("disabled", "has been disabled")],
)
def test_credentials(
    api: Api, sandbox: RunningSandbox, setting: str, detail: str
) -> None:
    sandbox.faults(credentials=setting)
    answer = api("GET", "/lists")
    assert answer.status_code == 401
    assert answer.json()["title"] == "API Key Invalid"
    assert detail in answer.json()["detail"]


def test_one_revoked_key(api: Api, sandbox: RunningSandbox) -> None:
    sandbox.faults(revoked=["aaaaaaaaaaaaaaaa-us6"])
    assert api("GET", "/ping").status_code == 200
    api.session.auth = ("x", "aaaaaaaaaaaaaaaa-us6")
    assert api("GET", "/ping").status_code == 401


def test_latency(api: Api, sandbox: RunningSandbox) -> None:
    sandbox.faults(latency_ms=300)
    started = time.monotonic()
    assert api("GET", "/ping").status_code == 200
    assert time.monotonic() - started >= 0.3
    assert sandbox.requests()[-1]["ms"] >= 300


def test_drop(api: Api, sandbox: RunningSandbox) -> None:
    sandbox.faults(drop=True)
    with pytest.raises(requests.ConnectionError):
        api.put(NEW)
    assert sandbox.member(NEW) is None
    assert sandbox.requests()[-1]["status"] is None


def test_truncate(api: Api, sandbox: RunningSandbox) -> None:
    sandbox.faults(truncate=True)
    with pytest.raises(
        (requests.exceptions.ChunkedEncodingError, requests.ConnectionError)
    ):
        api.put(NEW)
    assert sandbox.member(NEW)["status"] == "subscribed"


def test_timeout_after_accept(api: Api, sandbox: RunningSandbox) -> None:
    sandbox.faults(timeout_after_accept=True, times=1)
    with pytest.raises(requests.ReadTimeout):
        api("PUT", member_path(NEW), _subscribe(NEW), timeout=0.4)
    assert soon(lambda: sandbox.member(NEW))["status"] == "subscribed"
    assert api.put(NEW).status_code == 200


def test_drop_after_accept(api: Api, sandbox: RunningSandbox) -> None:
    sandbox.faults(drop_after_accept=True)
    with pytest.raises(requests.ConnectionError):
        api.put(NEW)
    assert sandbox.member(NEW)["status"] == "subscribed"


def _subscribe(email: str) -> dict[str, str]:
    return {"email_address": email, "status_if_new": "subscribed"}


@pytest.mark.parametrize(
    ("dial", "title", "detail"),
    [
        ("compliance", "Member In Compliance State", "in a compliance state"),
        ("forgotten", "Forgotten Email Not Subscribed", "permanently deleted"),
        ("throttled", "Invalid Resource", "signed up to a lot of lists very recently"),
        ("fake", "Invalid Resource", "looks fake or invalid"),
    ],
)
def test_refused_addresses(
    api: Api, sandbox: RunningSandbox, dial: str, title: str, detail: str
) -> None:
    sandbox.faults(**{dial: [NEW.upper()]})
    answer = api.put(NEW)
    assert (answer.status_code, answer.json()["title"]) == (400, title)
    assert detail in answer.json()["detail"]
    assert api.batch(NEW, "other@shop.example").json()["error_count"] == 1
    sandbox.faults()
    assert api.put(NEW).status_code == 200


def test_half_failed_batch(api: Api, sandbox: RunningSandbox) -> None:
    people = [f"p{n}@crowd.example" for n in range(10)]
    for _ in range(2):
        sandbox.reset()
        sandbox.faults(fail_share=0.5)
        answer = api.batch(*people)
        assert answer.status_code == 200
        assert [e["email_address"] for e in answer.json()["errors"]] == people[1::2]
    assert sandbox.member(people[0]) is not None
    assert sandbox.member(people[1]) is None


def test_the_share_holds_for_single_writes(api: Api, sandbox: RunningSandbox) -> None:
    sandbox.faults(fail_share=0.25)
    codes = [api.put(f"p{n}@crowd.example").status_code for n in range(8)]
    assert codes == [200, 200, 200, 400] * 2


@pytest.mark.parametrize(
    ("only", "hit"),
    [
        ("POST /lists/*", [False, False, True]),
        ("/lists/*", [False, True, True]),
        ("GET *", [True, True, False]),
        ("GET /3.0/ping", [True, False, False]),
    ],
)
def test_only(api: Api, sandbox: RunningSandbox, only: str, hit: list[bool]) -> None:
    sandbox.faults(status=500, only=only)
    codes = [
        api("GET", "/ping").status_code,
        api("GET", member_path(SUBSCRIBED)).status_code,
        api.batch(NEW).status_code,
    ]
    assert [code == 500 for code in codes] == hit


def test_times(api: Api, sandbox: RunningSandbox) -> None:
    sandbox.faults(status=500, times=2, only="GET /ping")
    api("GET", "/lists")
    codes = [api("GET", "/ping").status_code for _ in range(3)]
    assert codes == [500, 500, 200]
    assert sandbox.control("GET", "mailchimp/faults")["status"] is None


def test_ten_at_a_time(
    api: Api, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten are kept waiting until four have been turned away."""
    sandbox.faults(latency_ms=1)
    go_on = threading.Event()
    clock = SimpleNamespace(monotonic=time.monotonic, sleep=lambda _: go_on.wait(60))
    monkeypatch.setattr(base, "time", clock)

    def call() -> requests.Response:
        return requests.get(f"{api.base}/ping", auth=api.session.auth, timeout=90)

    with ThreadPoolExecutor(14) as pool:
        calls = [pool.submit(call) for _ in range(14)]
        try:
            soon(lambda: sum(one.done() for one in calls) == 4)
        finally:
            go_on.set()
        answers = [one.result() for one in calls]
    codes = sorted(answer.status_code for answer in answers)
    assert codes == [200] * 10 + [429] * 4
    (problem,) = {a.json()["detail"] for a in answers if a.status_code == 429}
    assert problem == "You have exceeded the limit of 10 simultaneous connections."
    sandbox.faults()
    assert api("GET", "/ping").status_code == 200


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"status": 200}, "status"),
        ({"status": "500"}, "status"),
        ({"latency_ms": -1}, "latency_ms"),
        ({"latency_ms": True}, "latency_ms"),
        ({"drop": "yes"}, "drop"),
        ({"compliance": "a@x.example"}, "compliance"),
        ({"fail_share": 2}, "fail_share"),
        ({"credentials": "lost"}, "credentials"),
        ({"only": "lists"}, "only"),
        ({"times": 0}, "times"),
        ({"speed": 1}, "speed"),
    ],
)
def test_settings_that_make_no_sense(
    sandbox: RunningSandbox, document: dict[str, Any], field: str
) -> None:
    sandbox.faults(status=503)
    with pytest.raises(ControlRefused) as error:
        sandbox.control("PUT", "mailchimp/faults", document)
    assert error.value.status == 400
    assert error.value.document["error"]["field"] == field
    assert sandbox.control("GET", "mailchimp/faults")["status"] == 503


def test_put_replaces_patch_adds_delete_rests(sandbox: RunningSandbox) -> None:
    def call(method: str, document: Any = None) -> Any:
        return sandbox.control(method, "mailchimp/faults", document)

    call("PUT", {"status": 500})
    assert call("PATCH", {"latency_ms": 5})["status"] == 500
    assert call("PUT", {"latency_ms": 5})["status"] is None
    assert call("DELETE")["latency_ms"] == 0


def test_a_held_call_counts_as_open(api: Api, sandbox: RunningSandbox) -> None:
    sandbox.faults(timeout_after_accept=True, only=f"PUT /lists/{NEWSLETTER}/*")
    simulator = sandbox.app.simulators["mailchimp"]
    with pytest.raises(requests.ReadTimeout):
        api("PUT", member_path(NEW), _subscribe(NEW), timeout=0.2)
    assert soon(lambda: sandbox.member(NEW)), "it has come and is held"
    # The client is gone: the simulator must notice and let go of the call.
    soon(lambda: not simulator._open)
