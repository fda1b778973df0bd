"""The control interface: what people and admins do, and what arrived."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from integrations.sandbox.registry import SIMULATORS
from integrations.sandbox.testing import ControlRefused, RunningSandbox
from tests.integrations.sandbox.helpers import (
    LEFT,
    NEWSLETTER,
    PENDING,
    SUBSCRIBED,
    VIP,
    Api,
)

ADA = "ada.lovelace@analytical.example"  # on both audiences


def test_index(sandbox: RunningSandbox) -> None:
    index = sandbox.control("GET", "")
    assert index["simulators"] == list(SIMULATORS)
    assert "PUT /_control/{slug}/faults" in index["calls"]


def test_every_call_of_the_index_exists(sandbox: RunningSandbox) -> None:
    for line in sandbox.control("GET", "")["calls"]:
        method, _, path = line.partition(" ")
        path = path.partition("?")[0].replace("{slug}", "mailchimp")
        answer = requests.request(method, sandbox.url + path, json={}, timeout=10)
        assert answer.status_code in (200, 400), line


def test_requests_are_recorded(api: Api, sandbox: RunningSandbox) -> None:
    api("GET", "/lists?count=1")
    api.put("new@shop.example")
    first, second = sandbox.requests()
    assert (first["method"], first["path"]) == ("GET", "/3.0/lists?count=1")
    assert first["status"] == 200 and first["body"] == "" and first["ms"] >= 0
    assert second["method"] == "PUT" and "new@shop.example" in second["body"]
    assert '"status":"subscribed"' in second["response"]
    assert "us6" not in str(second)
    last = sandbox.control("GET", "mailchimp/requests", limit="1")["requests"]
    assert last == [second]
    sandbox.control("DELETE", "mailchimp/requests")
    assert sandbox.requests() == []


def test_confirm(sandbox: RunningSandbox) -> None:
    (row,) = sandbox.control("POST", "mailchimp/confirm", {"email": PENDING})["members"]
    assert (row["status"], row["audience"]) == ("subscribed", "VIP early access")
    with pytest.raises(ControlRefused) as error:
        sandbox.control("POST", "mailchimp/confirm", {"email": PENDING})
    assert error.value.status == 404


@pytest.mark.parametrize("by", ["person", "admin"])
def test_unsubscribe(api: Api, sandbox: RunningSandbox, by: str) -> None:
    body = {"email": ADA, "by": by, "audience": "Newsletter"}
    sandbox.control("POST", "mailchimp/unsubscribe", body)
    assert sandbox.member(ADA, audience=NEWSLETTER)["status"] == "unsubscribed"
    assert sandbox.member(ADA, audience=VIP)["status"] == "subscribed"
    back = api.put(ADA, status="subscribed")
    assert back.status_code == (400 if by == "person" else 200)


def test_without_an_audience_it_is_everywhere(sandbox: RunningSandbox) -> None:
    rows = sandbox.control("POST", "mailchimp/unsubscribe", {"email": ADA})["members"]
    assert {row["audience_id"] for row in rows} == {NEWSLETTER, VIP}


def test_delete(api: Api, sandbox: RunningSandbox) -> None:
    sandbox.control("POST", "mailchimp/delete", {"email": SUBSCRIBED})
    assert sandbox.member(SUBSCRIBED)["status"] == "archived"
    body = {"email": SUBSCRIBED, "permanent": True}
    sandbox.control("POST", "mailchimp/delete", body)
    assert sandbox.member(SUBSCRIBED) is None
    assert api.put(SUBSCRIBED).json()["title"] == "Forgotten Email Not Subscribed"


def test_clean(api: Api, sandbox: RunningSandbox) -> None:
    sandbox.control("POST", "mailchimp/clean", {"email": SUBSCRIBED})
    assert sandbox.member(SUBSCRIBED)["status"] == "cleaned"
    assert api.put(SUBSCRIBED, status="pending").status_code == 400


def test_fields(api: Api, sandbox: RunningSandbox) -> None:
    given = {
        "audience": NEWSLETTER,
        "tag": "size",
        "name": "Size",
        "type": "dropdown",
        "required": True,
        "options": ["S"],
    }
    assert sandbox.control("POST", "mailchimp/fields", given)["tag"] == "SIZE"
    changed = {"audience": NEWSLETTER, "tag": "SIZE", "type": "dropdown"}
    sandbox.control("POST", "mailchimp/fields", {**changed, "options": ["S", "L"]})
    rows = api("GET", f"/lists/{NEWSLETTER}/merge-fields").json()["merge_fields"]
    assert rows[-1]["options"]["choices"] == ["S", "L"]
    assert rows[-1]["required"] is True
    assert rows[-1]["name"] == "Size"


def test_audiences(api: Api, sandbox: RunningSandbox) -> None:
    body = {"name": "Pop-up", "double_optin": True}
    made = sandbox.control("POST", "mailchimp/audiences", body)
    assert api("GET", f"/lists/{made['id']}").json()["double_optin"] is True
    assert api.put("a@shop.example", audience=made["id"]).status_code == 200
    sandbox.control("DELETE", "mailchimp/audiences", {"audience": "Pop-up"})
    assert api("GET", f"/lists/{made['id']}").status_code == 404
    names = [
        a["name"] for a in sandbox.control("GET", "mailchimp/audiences")["audiences"]
    ]
    assert names == ["Newsletter", "VIP early access"]


def test_reset(api: Api, sandbox: RunningSandbox) -> None:
    api.put("a@shop.example")
    sandbox.faults(status=500)
    sandbox.control("POST", "mailchimp/reset", {})
    assert sandbox.member("a@shop.example") is None
    assert sandbox.member(LEFT)["status"] == "unsubscribed"
    assert sandbox.control("GET", "mailchimp/faults")["status"] is None


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "field"),
    [
        ("POST", "mailchimp/confirm", {}, 400, "email"),
        ("POST", "mailchimp/confirm", {"email": 7}, 400, "email"),
        ("POST", "mailchimp/confirm", {"email": "a@x.org", "mail": ""}, 400, "mail"),
        ("POST", "mailchimp/confirm", {"email": "no@body.org"}, 404, "email"),
        ("POST", "mailchimp/confirm", [1], 400, ""),
        ("POST", "mailchimp/unsubscribe", {"email": ADA, "by": "cat"}, 400, "by"),
        ("POST", "mailchimp/delete", {"email": ADA, "permanent": 1}, 400, "permanent"),
        (
            "POST",
            "mailchimp/fields",
            {"audience": "Newsletter", "tag": "lower case!"},
            400,
            "tag",
        ),
        (
            "POST",
            "mailchimp/fields",
            {"audience": "Newsletter", "tag": "X", "type": "blob"},
            400,
            "type",
        ),
        ("POST", "mailchimp/fields", {"audience": "No", "tag": "X"}, 404, "audience"),
        ("POST", "mailchimp/audiences", {"name": " "}, 400, "name"),
        ("GET", "mailchimp/nothing", None, 404, "path"),
        ("PUT", "mailchimp/confirm", {}, 405, "method"),
        ("GET", "klaviyo2/faults", None, 404, "slug"),
    ],
)
def test_calls_that_make_no_sense(
    sandbox: RunningSandbox, method: str, path: str, body: Any, status: int, field: str
) -> None:
    with pytest.raises(ControlRefused) as error:
        sandbox.control(method, path, body)
    assert error.value.status == status
    assert error.value.document["error"]["field"] == field
    assert error.value.document["error"]["detail"]


def test_no_json(sandbox: RunningSandbox) -> None:
    url = f"{sandbox.url}/_control/mailchimp/confirm"
    answer = requests.post(url, data=b"email=a", timeout=10)
    assert answer.status_code == 400
    assert answer.json()["error"]["detail"] == "The body is not JSON."


def test_pages_of_other_sites_are_refused(sandbox: RunningSandbox) -> None:
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
    ):
        answer = requests.post(
            f"{sandbox.url}/_control/reset", headers=headers, timeout=10
        )
        assert answer.status_code == 403
