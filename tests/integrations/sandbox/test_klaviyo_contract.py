"""The simulator's answers against Klaviyo's own description of them."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from integrations.sandbox.klaviyo.simulator import NEWSLETTER, VIP
from integrations.sandbox.testing import RunningSandbox
from tests.integrations.contract import Contract

pytestmark = pytest.mark.contract

HOME = "https://a.klaviyo.com"
HEADERS = {
    "Authorization": "Klaviyo-API-Key pk_0123456789abcdef",
    "revision": "2026-07-15",
    "Content-Type": "application/vnd.api+json",
}
SHOWN = "additional-fields[profile]=subscriptions"
MARIE = {"email": "marie@x.example", "properties": {"Size": "S"}}


def row(kind: str, attributes: Any, list_id: str = "") -> dict[str, Any]:
    data: dict[str, Any] = {"type": kind, "attributes": attributes}
    if list_id:
        data["relationships"] = {"list": {"data": {"type": "list", "id": list_id}}}
    return {"data": data}


def subscription(verb: str, consent: str) -> dict[str, Any]:
    marketing = {"email": {"marketing": {"consent": consent}}}
    given = {"email": MARIE["email"], "subscriptions": marketing}
    profiles = {"profiles": {"data": [{"type": "profile", "attributes": given}]}}
    return row(f"profile-subscription-bulk-{verb}-job", profiles, NEWSLETTER)


WRONG = {"email": "no address"}
IMPORT = {
    "profiles": {"data": [row("profile", item)["data"] for item in (MARIE, WRONG)]}
}
CALLS: tuple[tuple[str, str, Any, int], ...] = (
    ("GET", "/api/accounts", None, 200),
    ("GET", "/api/lists?page[size]=1", None, 200),
    ("GET", f"/api/lists/{VIP}", None, 200),
    ("GET", "/api/lists/none", None, 404),
    ("GET", f"/api/lists/{NEWSLETTER}/profiles?{SHOWN}", None, 200),
    ("GET", f"/api/profiles?page[size]=2&{SHOWN}", None, 200),
    ("GET", "/api/profiles", None, 200),
    ("POST", "/api/profile-import", row("profile", MARIE), 201),
    ("POST", "/api/profile-import", row("profile", MARIE), 200),
    ("POST", "/api/profile-import", row("profile", WRONG), 400),
    ("POST", "/api/profiles", row("profile", MARIE), 409),
    (
        "POST",
        "/api/profile-bulk-import-jobs",
        row("profile-bulk-import-job", IMPORT),
        202,
    ),
    ("GET", "/api/profile-bulk-import-jobs/{id}", None, 200),
    ("GET", "/api/profile-bulk-import-jobs/{id}", None, 200),
    ("GET", "/api/profile-bulk-import-jobs/{id}/import-errors", None, 200),
    (
        "POST",
        "/api/profile-subscription-bulk-create-jobs",
        subscription("create", "SUBSCRIBED"),
        202,
    ),
    (
        "POST",
        "/api/profile-subscription-bulk-delete-jobs",
        subscription("delete", "UNSUBSCRIBED"),
        202,
    ),
    ("GET", "/api/webhook-topics", None, 200),
)


def test_every_answer_fits(sandbox: RunningSandbox) -> None:
    contract = Contract("klaviyo.json", HOME)
    made = ""
    for method, path, body, status in CALLS:
        path = path.replace("{id}", made)
        here = sandbox.base_url("klaviyo") + path
        answer = requests.request(method, here, json=body, headers=HEADERS, timeout=10)
        assert answer.status_code == status, (method, path, answer.text)
        there = requests.Request(method, HOME + path, json=body, headers=HEADERS)
        document = answer.json() if answer.content else None
        if status < 400:  # refusals are described for all of them at once, as 4XX
            contract.check_answer(there.prepare(), status, document)
        if path.endswith("import-jobs"):
            made = document["data"]["id"]
