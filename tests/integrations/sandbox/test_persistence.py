"""With a state file a restarted sandbox knows what it knew."""

from __future__ import annotations

from pathlib import Path

import requests

from integrations.sandbox.testing import RunningSandbox, running_sandbox
from tests.integrations.sandbox.helpers import (
    KEY,
    NEWSLETTER,
    SUBSCRIBED,
    VIP,
    Api,
    member_path,
)

NEW = "new@shop.example"


def api_of(sandbox: RunningSandbox, session: requests.Session) -> Api:
    session.auth = ("x", KEY)
    return Api(f"{sandbox.base_url('mailchimp')}/3.0", session)


def test_everything_survives_a_restart(tmp_path: Path) -> None:
    state = tmp_path / "deep" / "sandbox.sqlite3"
    with requests.Session() as session, running_sandbox(state) as sandbox:
        api = api_of(sandbox, session)
        field = {"audience": NEWSLETTER, "tag": "AGE", "type": "number"}
        sandbox.control("POST", "mailchimp/fields", field)
        api.put(NEW, merge_fields={"AGE": 7})
        api(
            "POST",
            f"{member_path(NEW)}/tags",
            {"tags": [{"name": "Kept", "status": "active"}]},
        )
        api("POST", f"{member_path(SUBSCRIBED)}/actions/delete-permanent")
        made = sandbox.control("POST", "mailchimp/audiences", {"name": "Third"})
        sandbox.control("DELETE", "mailchimp/audiences", {"audience": VIP})
        hook = {"url": "https://hooks.example.com/", "events": {"profile": True}}
        api("POST", f"/lists/{NEWSLETTER}/webhooks", hook)
        before = api("GET", member_path(NEW)).json()
        sandbox.faults(status=500)

    with requests.Session() as session, running_sandbox(state) as sandbox:
        api = api_of(sandbox, session)
        after = api("GET", member_path(NEW)).json()
        assert after.pop("_links") and before.pop("_links")
        assert after == before
        assert [tag["name"] for tag in after["tags"]] == ["Kept"]
        assert api("GET", member_path(SUBSCRIBED)).status_code == 404
        assert api.put(SUBSCRIBED).json()["title"] == "Forgotten Email Not Subscribed"
        lists = {row["id"] for row in api("GET", "/lists").json()["lists"]}
        assert lists == {NEWSLETTER, made["id"]}
        hooks = api("GET", f"/lists/{NEWSLETTER}/webhooks").json()["webhooks"]
        assert [hook["url"] for hook in hooks] == ["https://hooks.example.com/"]
        again = api.put("another@shop.example").json()
        assert again["web_id"] > after["web_id"]


def test_a_reset_is_kept_too(tmp_path: Path) -> None:
    state = tmp_path / "sandbox.sqlite3"
    for _ in range(2):
        with requests.Session() as session, running_sandbox(state) as sandbox:
            assert sandbox.member(NEW) is None
            api_of(sandbox, session).put(NEW)
            sandbox.reset()


def test_without_a_state_file_nothing_is_kept() -> None:
    for _ in range(2):
        with requests.Session() as session, running_sandbox() as sandbox:
            assert sandbox.member(NEW) is None
            assert api_of(sandbox, session).put(NEW).status_code == 200
