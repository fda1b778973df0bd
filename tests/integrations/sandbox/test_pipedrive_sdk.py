"""An independent client (PyPI api-pipedrive-python) lives in the simulator.

It knows the paths of API v1; those of v2 are the same below another beginning, except
that a person is changed with PATCH.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from pipedrive.client import Client
from pipedrive.exceptions import BadRequestError, NotFoundError, UnauthorizedError

from integrations.sandbox.pipedrive.simulator import SOURCE, TOPICS
from integrations.sandbox.testing import RunningSandbox

TOKEN = "0123456789abcdef0123456789abcdef01234567"
GRACE = "grace.hopper@compilers.example"
ALAN = "alan.turing@bletchley.example"  # unsubscribed
ADA = "ada.lovelace@analytical.example"


@pytest.fixture
def v1(sandbox: RunningSandbox) -> Client:
    client = Client(domain=f"{sandbox.base_url('pipedrive')}/api")
    client.set_api_token(TOKEN)
    return client


@pytest.fixture
def v2(v1: Client) -> Client:
    v1.BASE_URL = v1.BASE_URL.replace("/v1/", "/v2/")
    return v1


@pytest.fixture
def patch(sandbox: RunningSandbox) -> Iterator[Any]:
    with requests.Session() as session:
        session.trust_env = False
        session.headers["x-api-token"] = TOKEN

        def call(id: int, **body: Any) -> Any:
            url = f"{sandbox.base_url('pipedrive')}/api/v2/persons/{id}"
            answer = session.patch(url, json=body, timeout=10)
            return answer.json()["data"]

        yield call


def found(v2: Client, email: str) -> list[int]:
    query = {"term": email, "fields": "email", "exact_match": "true"}
    items = v2.persons.search_persons(params=query)["data"]["items"]
    return [row["item"]["id"] for row in items]


def emails(*addresses: str) -> list[dict[str, Any]]:
    return [{"value": email, "primary": n == 0} for n, email in enumerate(addresses)]


def test_who_and_what_is_there(v1: Client) -> None:
    assert v1.users.get_me()["data"]["company_name"] == "Sandbox Ltd"
    assert v1.webhooks.get_hooks_subscription()["data"] == []


def test_fields_and_their_options(v2: Client) -> None:
    rows = {r["field_code"]: r for r in v2.persons.get_person_fields()["data"]}
    assert rows[SOURCE]["options"] == [
        {"id": 1, "label": "Web"},
        {"id": 2, "label": "Shop"},
    ]
    assert [o["label"] for o in rows["label_ids"]["options"]] == [
        "Newsletter",
        "Customer",
    ]
    assert rows["marketing_status"]["is_optional_response_field"]


def test_a_person_from_first_to_last(v2: Client, patch: Any) -> None:
    data = {"name": "Ada", "emails": emails(ADA), "label_ids": [5]}
    made = v2.persons.create_person({**data, "custom_fields": {SOURCE: 1}})["data"]
    assert made["emails"] == [{"value": ADA, "primary": True, "label": "work"}]
    assert found(v2, ADA.upper()) == [made["id"]]
    changed = patch(made["id"], label_ids=[6], custom_fields={TOPICS: [1, 2]})
    assert changed["label_ids"] == [6]
    assert changed["custom_fields"] == {SOURCE: 1, TOPICS: [1, 2]}
    read = v2.persons.get_person(made["id"])["data"]
    assert "marketing_status" not in read
    assert read["first_name"] == "Ada"
    v2.persons.delete_person(made["id"])
    assert found(v2, ADA) == []
    with pytest.raises(NotFoundError):
        v2.persons.get_person(made["id"])


def test_nothing_prevents_two_people_of_one_address(v2: Client) -> None:
    for _ in range(2):
        v2.persons.create_person({"name": "Ada", "emails": emails(ADA)})
    assert len(found(v2, ADA)) == 2


def test_a_careless_caller_subscribes_who_left_once(v2: Client, patch: Any) -> None:
    [alan] = found(v2, ALAN)
    assert patch(alan, name="Al")["marketing_status"] == "unsubscribed"
    assert patch(alan, marketing_status="subscribed")["marketing_status"] == (
        "subscribed"
    )
    assert patch(alan, marketing_status="no_consent")["marketing_status"] == (
        "subscribed"
    )


@pytest.mark.parametrize(
    "body",
    [
        {"emails": emails(ADA)},
        {"name": " "},
        {"name": "A", "email": ADA},
        {"name": "A", "emails": [ADA]},
        {"name": "A", "label_ids": [99]},
        {"name": "A", "custom_fields": {"unknown": 1}},
        {"name": "A", "custom_fields": {SOURCE: "Web"}},
        {"name": "A", "custom_fields": {TOPICS: []}},
        {"name": "A", "marketing_status": "yes"},
        {"name": "A", "emails": emails("fake@x.example")},
    ],
)
def test_what_does_not_fit_is_refused(v2: Client, body: Any) -> None:
    with pytest.raises(BadRequestError, match="Validation failed"):
        v2.persons.create_person(body)


def test_pages(v2: Client) -> None:
    first = v2.persons.get_all_persons(params={"limit": 2, "sort_by": "update_time"})
    cursor = first["additional_data"]["next_cursor"]
    rest = v2.persons.get_all_persons(params={"limit": 2, "cursor": cursor})
    assert len(first["data"] + rest["data"]) == 3
    assert rest["additional_data"]["next_cursor"] is None
    for query in ({"limit": 501}, {"cursor": "x"}, {"updated_since": "yesterday"}):
        with pytest.raises(BadRequestError):
            v2.persons.get_all_persons(params=query)


def test_keys(v2: Client) -> None:
    for token in ("short", "a-bad-token-of-some-length"):
        v2.set_api_token(token)
        with pytest.raises(UnauthorizedError, match="unauthorized access"):
            v2.persons.get_all_persons()
    v2.set_api_token("")
    v2.set_access_token("v1u:0123456789")
    assert v2.persons.get_all_persons()["success"]


def test_webhooks_come_and_go(v1: Client) -> None:
    made = v1.webhooks.create_hook_subscription("http://127.0.0.1:9/", "*", "person")
    [hook] = v1.webhooks.get_hooks_subscription()["data"]
    assert (hook["id"], hook["version"]) == (made["data"]["id"], "2.0")
    v1.webhooks.delete_hook_subscription(hook["id"])
    assert v1.webhooks.get_hooks_subscription()["data"] == []
    with pytest.raises(NotFoundError):
        v1.webhooks.delete_hook_subscription(hook["id"])
    with pytest.raises(BadRequestError):
        v1.webhooks.create_hook_subscription("nowhere", "*", "person")
