"""The MessageMedia simulator, called as the provider's description shows it.

No client on PyPI knows contacts. What comes back must fit the description.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from integrations.sandbox.messagemedia.contacts import identifier
from integrations.sandbox.testing import RunningSandbox
from tests.integrations.adapters.test_messagemedia import HOST, SPEC
from tests.integrations.contract import Contract

KEY, SECRET = "uCXUdoogNfCsehEClbO2", "q1w2e3r4t5y6u7i8o9"
ADA = "ada.lovelace@analytical.example"
ALAN = "alan.turing@bletchley.example"  # channel unsubscribed
EDSGER = "edsger.dijkstra@paths.example"  # on the blacklist
NEWS, VIP, EMAIL = identifier("news"), identifier("vip"), identifier("email")
CONTACTS, LISTS = "/api/v1/contacts/contacts", "/api/v1/contacts/lists"
BLACKLIST = "/v1/number_authorisation/mt/blacklist"
NUMBER = "+61491570099"
# In the words of the description, but not among its answers.
UNDESCRIBED = ("POST", BLACKLIST, 200)
SMS = {"channelId": NUMBER, "type": "SMS"}
Caller = Callable[..., requests.Response]


@pytest.fixture
def call(sandbox: RunningSandbox) -> Iterator[Caller]:
    """Plain HTTP; what comes back must fit the provider's description."""
    contract = Contract(SPEC, HOST)
    with requests.Session() as session:
        session.trust_env = False
        session.auth = (KEY, SECRET)

        def call(method: str, path: str, body: Any = None, **more: Any) -> Any:
            url = sandbox.base_url("messagemedia") + path
            answer = session.request(method, url, json=body, timeout=10, **more)
            here = (method, path, answer.status_code)
            if answer.ok and answer.content and here != UNDESCRIBED:
                real = requests.Request(method, HOST + path).prepare()
                if answer.headers["Content-Type"].startswith("application/json"):
                    contract.check_answer(real, answer.status_code, answer.json())
            return answer

        yield call


class TestTheCalls:
    def test_a_contact_from_creation_to_deletion(self, call: Caller) -> None:
        body = {"channels": [SMS], "firstName": "Marie", "lists": [{"id": NEWS}]}
        body["customFields"] = [{"id": EMAIL, "value": "marie@radium.example"}]
        answer = call("POST", CONTACTS, body)
        made = answer.json()
        assert answer.status_code == 201
        assert made["channels"] == [{**SMS, "subscriptionState": "SUBSCRIBED"}]
        assert [item["id"] for item in made["lists"]] == [NEWS]
        path = f"{CONTACTS}/{made['id']}"
        changed = call("PATCH", path, {"country": "FR"}).json()
        assert (changed["country"], changed["firstName"]) == ("FR", "Marie")
        found = call("GET", f"{CONTACTS}?channelIds=%2B61491570099").json()
        assert [row["id"] for row in found["content"]] == [made["id"]]
        call("DELETE", f"{LISTS}/{NEWS}/contacts/{made['id']}")
        call("POST", f"{LISTS}/{VIP}/contacts/{made['id']}")
        now = call("GET", path).json()
        assert [item["id"] for item in now["lists"]] == [VIP]
        assert call("DELETE", path).status_code == 204
        assert call("GET", path).status_code == 404

    @pytest.mark.parametrize(
        ("body", "status", "field", "code"),
        [
            ({}, 400, "channels", "must_not_be_empty"),
            (
                {"channels": [{**SMS, "channelId": "0491"}]},
                400,
                "channelId",
                "invalid_",
            ),
            ({"channels": [{**SMS, "type": "EMAIL"}]}, 400, "type", "type_mismatch"),
            ({"channels": [SMS], "lists": [{"id": "x"}]}, 400, "lists", "invalid_ref"),
            (
                {"channels": [SMS], "dateOfBirth": "soon"},
                400,
                "dateOfBirth",
                "invalid_",
            ),
            ({"channels": [{**SMS, "channelId": "+61491570001"}]}, 409, "", ""),
        ],
    )
    def test_refusals(
        self, call: Caller, body: Any, status: int, field: str, code: str
    ) -> None:
        answer = call("POST", CONTACTS, body)
        assert answer.status_code == status
        if status == 400:
            [named] = answer.json()["invalidFields"]
            assert field in named["name"]
            assert named["code"].startswith(code)

    @pytest.mark.parametrize(
        ("value", "status"), [("nonsense", 400), ("x" * 61, 400), (7, 400)]
    )
    def test_custom_fields_are_checked(
        self, call: Caller, value: object, status: int
    ) -> None:
        row = {"channels": [SMS], "customFields": [{"id": EMAIL, "value": value}]}
        assert call("POST", CONTACTS, row).status_code == status

    def test_pages(self, call: Caller) -> None:
        first = call("GET", f"{CONTACTS}?pageSize=3").json()
        assert (len(first["content"]), first["totalElements"]) == (3, 4)
        token = first["nextPageToken"]
        rest = call("GET", f"{CONTACTS}?pageSize=3&nextPageToken={token}").json()
        assert (len(rest["content"]), rest.get("nextPageToken")) == (1, None)
        assert call("GET", f"{CONTACTS}?nextPageToken=x").status_code == 400
        assert call("GET", f"{CONTACTS}?pageSize=1001").status_code == 400

    def test_lists_take_a_thousand_ids(self, call: Caller) -> None:
        path = f"{LISTS}/{NEWS}/contacts"
        body = {"contactsToAddIds": [identifier(ADA)] * 1001}
        assert call("PATCH", path, body).status_code == 400
        body = {"contactsToAddIds": [identifier("nobody")]}
        assert call("PATCH", path, body).status_code == 400

    def test_lists_and_fields_can_be_made(self, call: Caller) -> None:
        made = call("POST", LISTS, {"name": "Pop-up"})
        assert made.status_code == 201
        assert call("POST", LISTS, {"name": "Pop-up"}).status_code == 409
        assert call("DELETE", f"{LISTS}/{made.json()['id']}").status_code == 204
        field = {"label": "Shoe", "mergeTag": "shoe", "maxLength": 5, "type": "NUMBER"}
        assert call("POST", "/api/v1/contacts/custom-fields", field).status_code == 201
        named = call("GET", "/api/v1/contacts/custom-fields?mergeTag=shoe").json()
        assert [row["label"] for row in named["content"]] == ["Shoe"]

    def test_the_blacklist(self, call: Caller) -> None:
        assert call("GET", BLACKLIST).json()["numbers"] == ["+61491570004"]
        body = {"numbers": [NUMBER, "61491570001"]}
        assert call("POST", BLACKLIST, body).status_code == 201
        assert call("POST", BLACKLIST, body).status_code == 200
        asked = f"/v1/number_authorisation/is_authorised/{NUMBER},+61491570002"
        assert [row["authorised"] for row in call("GET", asked).json()["numbers"]] == [
            False,
            True,
        ]
        assert call("DELETE", f"{BLACKLIST}/{NUMBER}").status_code == 200
        assert call("DELETE", f"{BLACKLIST}/{NUMBER}").status_code == 404
        assert call("POST", BLACKLIST, {"numbers": ["+6149"] * 11}).status_code == 400

    @pytest.mark.parametrize(
        ("path", "status"),
        [(CONTACTS, 401), (BLACKLIST, 403), ("/v1/iam/signature_keys", 401)],
    )
    @pytest.mark.parametrize("auth", [("short", SECRET), (KEY, "bad-secret")])
    def test_signing_in(
        self, call: Caller, path: str, status: int, auth: tuple[str, str]
    ) -> None:
        assert call("GET", path, auth=auth).status_code == status

    def test_whoever_is_careless_does_harm(
        self, call: Caller, sandbox: RunningSandbox
    ) -> None:
        """What our adapter's care is for."""
        path = f"{CONTACTS}/{identifier(ALAN)}"
        sms = {"channelId": "+61491570003", "type": "SMS"}
        body = {"channels": [{**sms, "subscriptionState": "SUBSCRIBED"}]}
        changed = call("PATCH", path, {**body, "customFields": []}).json()
        assert changed["channels"][0]["subscriptionState"] == "SUBSCRIBED"
        assert changed["customFields"] == [], "what was left out is gone"
        edsger = call("GET", f"{CONTACTS}/{identifier(EDSGER)}").json()
        assert edsger["channels"][0]["subscriptionState"] == "SUBSCRIBED", (
            "a STOP is known to the blacklist only"
        )
        assert json.dumps(edsger).count(EDSGER) == 1
