"""The page for people."""

from __future__ import annotations

import re

import pytest
import requests

from integrations.sandbox.testing import RunningSandbox
from tests.integrations.sandbox.helpers import PENDING, SUBSCRIBED, VIP, Api


def page(sandbox: RunningSandbox, **query: str) -> str:
    answer = requests.get(sandbox.url + "/", params=query, timeout=10)
    assert answer.status_code == 200
    return answer.text


def press(sandbox: RunningSandbox, action: str, **form: str) -> str:
    """Send a form the way a browser on the page does; the page it leads to."""
    answer = requests.post(
        f"{sandbox.url}/_page/mailchimp/{action}",
        data=form,
        headers={"Origin": sandbox.url},
        timeout=10,
    )
    assert [hop.status_code for hop in answer.history] == [303]
    assert answer.status_code == 200
    return answer.text


def test_it_shows_audiences_members_and_requests(
    api: Api, sandbox: RunningSandbox
) -> None:
    api("GET", "/lists?count=3")
    text = page(sandbox)
    for part in ("Newsletter", "VIP early access", PENDING, SUBSCRIBED, "At rest"):
        assert part in text
    assert "/3.0/lists?count=3" in text
    assert text.count(">Confirm<") == 1


def test_it_needs_no_script_and_no_inline_style(sandbox: RunningSandbox) -> None:
    answer = requests.get(sandbox.url + "/", timeout=10)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert "<script" not in answer.text and "style=" not in answer.text
    for path in re.findall(r'<link rel="[a-z]+" href="([^"]+)"', answer.text):
        assert requests.get(sandbox.url + path, timeout=10).status_code == 200


def test_confirm_unsubscribe_delete(sandbox: RunningSandbox) -> None:
    form = {"email": PENDING, "audience": VIP}
    assert "confirmed the opt-in" in press(sandbox, "confirm", **form)
    assert sandbox.member(PENDING)["status"] == "subscribed"
    press(sandbox, "unsubscribe", **form)
    assert sandbox.member(PENDING)["status"] == "unsubscribed"
    press(sandbox, "delete", **form)
    assert sandbox.member(PENDING)["status"] == "archived"
    press(sandbox, "erase", **form)
    assert sandbox.member(PENDING) is None


def test_the_dial(api: Api, sandbox: RunningSandbox) -> None:
    text = press(
        sandbox,
        "faults",
        credentials="broken",
        latency_ms="10",
        connection="truncate",
        fail_share="1",
        compliance="a@x.org, b@x.org",
        only="GET /ping",
        times="5",
    )
    assert "Faults on" in text
    faults = sandbox.control("GET", "mailchimp/faults")
    assert faults["credentials"] == "broken" and faults["truncate"] is True
    assert faults["fail_share"] == 0.5 and faults["times"] == 5
    assert faults["compliance"] == ["a@x.org", "b@x.org"]
    assert api("GET", "/lists").status_code == 200
    assert "At rest" in press(sandbox, "rest")


@pytest.mark.parametrize("form", [{"latency_ms": "soon"}, {"status": "200"}])
def test_a_setting_that_makes_no_sense(
    sandbox: RunningSandbox, form: dict[str, str]
) -> None:
    text = press(sandbox, "faults", **form)
    assert 'role="alert"' in text
    assert "At rest" in text


def test_everything_is_escaped(api: Api, sandbox: RunningSandbox) -> None:
    nasty = "<script>alert('x')</script>"
    api.put("a@shop.example", merge_fields={"FNAME": nasty})
    path = "/lists/x?<b>=%3Cb%3E"
    api("POST", path, {"q": nasty})
    sandbox.control("POST", "mailchimp/audiences", {"name": nasty})
    sandbox.faults(only=f"/{nasty}", status=500)
    press(sandbox, "confirm", email=nasty)
    text = page(sandbox, q='"><i>', notice=nasty, problem=nasty)
    assert "<script" not in text and "<i>" not in text and "<b>" not in text
    assert "&lt;script&gt;" in text


def test_search(sandbox: RunningSandbox) -> None:
    text = page(sandbox, q="hopper")
    assert SUBSCRIBED in text and PENDING not in text
    assert "Nobody matches." in page(sandbox, q="nobody")


def test_other_paths(sandbox: RunningSandbox) -> None:
    for path in ("/nothing", "/_page/mailchimp/confirm", "/_page/none/confirm"):
        assert requests.get(sandbox.url + path, timeout=10).status_code == 404
