"""The iContact simulator, called as the pages of the API reference show it.

PyPI has no iContact client for Python 3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from integrations.adapters.errors import TargetError
from integrations.sandbox.testing import RunningSandbox
from tests.integrations.sandbox.test_icontact_story import (
    ADA,
    ALAN,
    CHARLES,
    EDSGER,
    GRACE,
    HEDY,
    MARIE,
    NEWS,
    SECRETS,
    VIP,
    linked,
    statuses,
)

JOAN = "joan.clarke@unlisted.example"  # on no list
Caller = Callable[..., requests.Response]


@pytest.fixture
def call(sandbox: RunningSandbox) -> Iterator[Caller]:
    """Plain HTTP as documented; paths below the first client folder."""
    with requests.Session() as session:
        session.trust_env = False
        session.headers.update(
            {
                "API-Version": "2.2",
                "API-AppId": SECRETS["app_id"],
                "API-Username": SECRETS["username"],
                "API-Password": SECRETS["api_password"],
            }
        )

        def call(method: str, path: str, body: Any = None, **more: Any) -> Any:
            url = f"{sandbox.base_url('icontact')}/icp/a/1001/c/2001{path}"
            return session.request(method, url, json=body, timeout=10, **more)

        yield call


class TestThePagesOfTheReference:
    def test_time_needs_no_signing_in(self, sandbox: RunningSandbox) -> None:
        url = f"{sandbox.base_url('icontact')}/icp/time"
        assert set(requests.get(url, timeout=10).json()) == {"time", "timestamp"}

    @pytest.mark.parametrize(
        ("header", "value", "status"),
        [
            ("API-AppId", "", 401),
            ("API-Username", "bad", 401),
            ("API-Password", "bad-password", 401),
            ("API-Version", "1.0", 501),
        ],
    )
    def test_signing_in(
        self, call: Caller, header: str, value: str, status: int
    ) -> None:
        answer = call("GET", "/lists", headers={header: value})
        assert answer.status_code == status
        assert answer.json()["errors"]

    def test_collections_give_twenty_unless_asked(self, call: Caller) -> None:
        people = [{"email": f"p{n}@x.example"} for n in range(25)]
        assert len(call("POST", "/contacts", people).json()["contacts"]) == 25
        first = call("GET", "/contacts?status=unlisted").json()
        assert (len(first["contacts"]), first["total"], first["limit"]) == (20, 28, 20)
        rest = call("GET", "/contacts?status=unlisted&limit=10&offset=20").json()
        assert len(rest["contacts"]) == 8

    @pytest.mark.parametrize(
        ("query", "emails"),
        [
            ("", [ADA, GRACE, CHARLES, HEDY]),
            (
                "status=unlisted&orderby=email:desc",
                [JOAN, EDSGER, ALAN],
            ),
            ("status=bounced", [CHARLES]),
            ("status=total&email=ada*", [ADA]),
            ("status=total&email=", []),
            ("status=total&Email=x", []),
            ("status=total&firstName=hedy", [HEDY]),
            (
                "status=total&contactId=4005&contactIdSearchType=gt",
                [HEDY, JOAN],
            ),
            ("status=total&contactId=4002,4003&contactIdSearchType=bet", [GRACE, ALAN]),
            ("status=total&listId=3001", [ADA, GRACE, CHARLES, HEDY]),
        ],
    )
    def test_searching(self, call: Caller, query: str, emails: list[str]) -> None:
        rows = call("GET", f"/contacts?{query}").json()["contacts"]
        assert [row["email"] for row in rows] == emails

    def test_a_contact_from_creation_to_deletion(self, call: Caller) -> None:
        [made] = call("POST", "/contacts", [{"email": MARIE, "city": "Paris"}]).json()[
            "contacts"
        ]
        path = f"/contacts/{made['contactId']}"
        assert (made["status"], made["city"]) == ("normal", "Paris")
        row = [{"contactId": made["contactId"], "listId": NEWS, "status": "normal"}]
        [place] = call("POST", "/subscriptions", row).json()["subscriptions"]
        assert place["subscriptionId"] == f"{NEWS}_{made['contactId']}"
        moved = call(
            "PUT", f"/subscriptions/{place['subscriptionId']}", {"listId": VIP}
        )
        assert moved.json()["subscription"]["listId"] == int(VIP)
        changed = call("POST", path, {"firstName": "Marie"}).json()["contact"]
        assert (changed["firstName"], changed["city"]) == ("Marie", "Paris")
        replaced = call("PUT", path, {"email": MARIE, "lastName": "C"}).json()[
            "contact"
        ]
        assert (replaced["firstName"], replaced["lastName"]) == ("", "C")
        kinds = [
            a["actionType"] for a in call("GET", f"{path}/actions").json()["actions"]
        ]
        assert kinds == ["EditFields", "EditFields", "EditSubscription", "EditFields"]
        assert call("DELETE", path).status_code == 200
        assert call("GET", path).status_code == 404

    def test_refused_rows_are_left_out_with_warnings(self, call: Caller) -> None:
        rows = [
            {"email": "good@x.example"},
            {"email": "nonsense"},
            {"firstName": "Nobody"},
            {"email": "a@x.example", "state": "Mecklenburg-Vorpommern"},
            {"email": "b@x.example", "birthday": "soon"},
            {"contactId": "9", "city": "X"},
            {"email": "c@x.example", "status": "happy"},
        ]
        answer = call("POST", "/contacts", rows).json()
        assert [row["email"] for row in answer["contacts"]] == ["good@x.example"]
        assert len(answer["warnings"]) == 6
        bad = call("POST", "/contacts", {"email": "x@x.example"})
        assert (bad.status_code, list(bad.json())) == (400, ["errors"])

    @pytest.mark.parametrize(
        "row",
        [
            {"contactId": "9", "listId": NEWS, "status": "normal"},
            {"contactId": "4001", "listId": "9", "status": "normal"},
            {"contactId": "4001", "listId": VIP, "status": "happy"},
            {"contactId": "4005", "listId": VIP, "status": "normal"},
            {
                "contactId": "4001",
                "listId": VIP,
                "status": "pending",
                "confirmationMessageId": 1,
            },
        ],
    )
    def test_refused_subscriptions(self, call: Caller, row: Any) -> None:
        answer = call("POST", "/subscriptions", [row]).json()
        assert answer["subscriptions"] == []
        assert len(answer["warnings"]) == 1

    def test_whoever_is_careless_does_harm(
        self, call: Caller, sandbox: RunningSandbox
    ) -> None:
        """What our adapter's care is for."""
        row = {"contactId": "4003", "listId": NEWS, "status": "normal"}
        call("POST", "/subscriptions", [row])
        assert statuses(sandbox)[ALAN] == "subscribed"
        call("POST", "/contacts", [{"email": CHARLES, "status": "normal"}])
        assert statuses(sandbox)[CHARLES] == "subscribed"
        person = call("GET", "/contacts/4004").json()["contact"]
        assert person["firstName"] == "", "what was left out is blank now"
        final = call("POST", "/contacts/4005", {"status": "normal"}).json()
        assert final["warnings"] == [
            "The status of a donotcontact contact cannot be changed."
        ]

    def test_the_second_client_folder_is_empty(self, sandbox: RunningSandbox) -> None:
        agency = linked(sandbox, username="agency", sub_account="1001/2002")
        assert agency.audiences() == []
        with pytest.raises(TargetError):
            linked(sandbox, sub_account="1001/2002").audiences()
