"""The simulator's answers against Constant Contact's own description of them."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from integrations.sandbox.constantcontact.render import uid
from integrations.sandbox.constantcontact.simulator import NEWSLETTER, VIP
from integrations.sandbox.testing import RunningSandbox
from tests.integrations.contract import Contract

pytestmark = pytest.mark.contract

API = "https://api.cc.email/v3"
HEADERS = {"Authorization": "Bearer a-constant-contact-token"}
ADA, ALAN = (
    uid(email)
    for email in ("ada.lovelace@analytical.example", "alan.turing@bletchley.example")
)
EVERYTHING = "custom_fields,list_memberships,phone_numbers,street_addresses,taggings"
MARIE = {
    "email_address": "marie@x.example",
    "first_name": "Marie",
    "birthday_month": 11,
    "birthday_day": 7,
    "phone_number": "555-0100",
    "street_address": {"kind": "home", "city": "Paris"},
    "custom_fields": [{"custom_field_id": uid("field Size"), "value": "S"}],
    "list_memberships": [NEWSLETTER],
}
LEAVING = {
    "email_address": {
        "address": "ada.lovelace@analytical.example",
        "permission_to_send": "unsubscribed",
    },
    "update_source": "Contact",
}
SOURCE = {"source": {"contact_ids": [ADA]}}
CALLS: tuple[tuple[str, str, Any, int], ...] = (
    ("GET", "/account/summary", None, 200),
    ("GET", "/contact_lists?include_membership_count=all", None, 200),
    ("GET", f"/contact_lists/{VIP}", None, 200),
    ("GET", "/contact_custom_fields", None, 200),
    ("POST", "/contacts/sign_up_form", MARIE, 201),
    ("POST", "/contacts/sign_up_form", MARIE, 200),
    ("GET", f"/contacts?include={EVERYTHING}", None, 200),
    ("GET", "/contacts?limit=1", None, 200),
    ("GET", f"/contacts/{ADA}?include={EVERYTHING}", None, 200),
    ("PUT", f"/contacts/{ADA}", LEAVING, 200),
    ("POST", "/contact_tags", {"name": "Popup"}, 201),
    ("GET", "/contact_tags", None, 200),
    (
        "POST",
        "/activities/add_list_memberships",
        {**SOURCE, "list_ids": [VIP]},
        201,
    ),
    ("GET", "/activities/{id}", None, 200),
    ("PUT", f"/contacts/resubscribe/{ALAN}", {"list_ids": [VIP]}, 200),
    ("DELETE", f"/contacts/{ADA}", None, 204),
)


def test_every_answer_fits(sandbox: RunningSandbox) -> None:
    contract = Contract("constantcontact.openapi3.json", API)
    made = ""
    for method, path, body, status in CALLS:
        path = path.replace("{id}", made)
        here = f"{sandbox.base_url('constantcontact')}/v3{path}"
        answer = requests.request(method, here, json=body, headers=HEADERS, timeout=10)
        assert answer.status_code == status, (method, path, answer.text)
        there = requests.Request(method, API + path, json=body, headers=HEADERS)
        document = answer.json() if answer.content else None
        contract.check_answer(there.prepare(), status, document)
        if path.startswith("/activities/"):
            made = document["activity_id"]
