"""HubSpot's official client meets the simulator and notices nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from hubspot import HubSpot as Sdk
from hubspot.crm.contacts import ApiException

from integrations.sandbox.testing import RunningSandbox

TOKEN = "pat-eu1-0123456789"
GRACE = "grace.hopper@compilers.example"
ALAN = "alan.turing@bletchley.example"  # unsubscribed from all
CHARLES = "charles.babbage@engines.example"  # bounced
ADA = "ada.lovelace@analytical.example"


@pytest.fixture
def sdk(sandbox: RunningSandbox) -> Sdk:
    return Sdk(access_token=TOKEN, host=sandbox.base_url("hubspot"))


@pytest.fixture
def http(sandbox: RunningSandbox) -> Iterator[Any]:
    """Calls that the client, at this version, does not have."""
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {TOKEN}"

        def call(method: str, path: str, body: Any = None) -> requests.Response:
            url = sandbox.base_url("hubspot") + path
            return session.request(method, url, json=body, timeout=10)

        yield call


class TestTheirClient:
    def test_a_contact_from_creation_to_its_end(self, sdk: Sdk) -> None:
        contacts = sdk.crm.contacts
        made = contacts.basic_api.create({"properties": {"email": ADA, "company": "X"}})
        with pytest.raises(ApiException) as caught:
            contacts.basic_api.create({"properties": {"email": ADA.upper()}})
        assert caught.value.status == 409
        assert f"Existing ID: {made.id}" in caught.value.body
        changed = contacts.basic_api.update(made.id, {"properties": {"company": "Y"}})
        assert changed.properties["company"] == "Y"
        found = contacts.basic_api.get_by_id(ADA, id_property="email")
        assert (found.id, found.archived) == (made.id, False)
        contacts.basic_api.archive(made.id)
        with pytest.raises(ApiException) as caught:
            contacts.basic_api.get_by_id(made.id)
        assert caught.value.status == 404
        gone = contacts.basic_api.get_page(archived=True)
        assert [row.id for row in gone.results] == [made.id]

    def test_pages(self, sdk: Sdk) -> None:
        first = sdk.crm.contacts.basic_api.get_page(limit=2)
        rest = sdk.crm.contacts.basic_api.get_page(after=first.paging.next.after)
        emails = [row.properties["email"] for row in (*first.results, *rest.results)]
        assert emails == [GRACE, ALAN, CHARLES]
        assert len(sdk.crm.contacts.get_all()) == 3

    def test_what_is_wrong_with_values(self, sdk: Sdk) -> None:
        for properties, code in (
            ({"email": "nobody"}, "INVALID_EMAIL"),
            ({"email": ADA, "colour": "red"}, "PROPERTY_DOESNT_EXIST"),
            ({"email": ADA, "lifecyclestage": "king"}, "INVALID_OPTION"),
            ({"email": ADA, "hs_email_optout": "false"}, "READ_ONLY_VALUE"),
        ):
            with pytest.raises(ApiException) as caught:
                sdk.crm.contacts.basic_api.create({"properties": properties})
            assert caught.value.status == 400
            body = json.loads(caught.value.body)
            assert body["category"] == "VALIDATION_ERROR"
            assert code in body["message"]

    def test_batches_fail_as_a_whole_without_trace_ids(self, sdk: Sdk) -> None:
        good = {"id": ADA, "idProperty": "email", "properties": {"company": "X"}}
        bad = {"id": "nobody", "idProperty": "email", "properties": {}}
        api = sdk.crm.contacts.batch_api
        with pytest.raises(ApiException) as caught:
            api.upsert({"inputs": [good, bad]})
        assert caught.value.status == 400
        traced = [{**row, "objectWriteTraceId": row["id"]} for row in (good, bad)]
        some = api.upsert({"inputs": traced})
        assert [row.properties["email"] for row in some.results] == [ADA]
        assert some.errors[0].context == {"objectWriteTraceId": ["nobody"]}
        again = api.upsert({"inputs": [good]})
        assert [row.new for row in again.results] == [False]

    def test_batch_limits(self, sdk: Sdk) -> None:
        rows = [{"id": str(n)} for n in range(101)]
        for inputs in (rows, rows[:1] * 2, []):
            with pytest.raises(ApiException) as caught:
                sdk.crm.contacts.batch_api.read({"inputs": inputs, "properties": []})
            assert caught.value.status == 400
        known = {"inputs": [{"id": GRACE}, {"id": ADA}], "idProperty": "email"}
        read = sdk.crm.contacts.batch_api.read({**known, "properties": ["company"]})
        assert [row.properties["email"] for row in read.results] == [GRACE]
        assert read.errors[0].category == "OBJECT_NOT_FOUND"

    def test_search(self, sdk: Sdk) -> None:
        search = sdk.crm.contacts.search_api.do_search

        def having(name: str, operator: str, value: str) -> list[str]:
            one = {"propertyName": name, "operator": operator, "value": value}
            found = search({"filterGroups": [{"filters": [one]}], "limit": 5})
            return [row.properties["email"] for row in found.results]

        assert having("email", "EQ", GRACE.upper()) == [GRACE]
        assert having("firstname", "CONTAINS_TOKEN", "Ala*") == [ALAN]
        assert having("lastmodifieddate", "GTE", "99999999999999") == []
        assert len(having("createdate", "LT", "2999-01-01T00:00:00Z")) == 3
        newest = search({"sorts": ["-hs_object_id"], "limit": 1, "after": "0"})
        assert (newest.total, newest.paging.next.after) == (3, "1")
        for body in ({"limit": 201}, {"limit": 100, "after": "9950"}):
            with pytest.raises(ApiException) as caught:
                search(body)
            assert caught.value.status == 400

    def test_lists(self, sdk: Sdk) -> None:
        lists, members = sdk.crm.lists.lists_api, sdk.crm.lists.memberships_api
        body = {"objectTypeId": "0-1", "processingType": "MANUAL", "name": "VIP"}
        made = lists.create(body).list
        grace = sdk.crm.contacts.basic_api.get_by_id(GRACE, id_property="email").id
        added = members.add(made.list_id, [grace, "999"])
        assert (added.records_ids_added, added.record_ids_missing) == ([grace], ["999"])
        page = members.get_page(made.list_id)
        assert [row.record_id for row in page.results] == [grace]
        assert members.remove(made.list_id, [grace]).record_ids_removed == [grace]
        found = lists.do_search({"query": "", "processingTypes": ["MANUAL"]})
        assert [row.name for row in found.lists] == ["Shop customers", "VIP"]
        with pytest.raises(Exception) as caught:
            members.add("43", [grace])  # a dynamic list
        assert caught.value.status == 400  # type: ignore[attr-defined]

    def test_properties(self, sdk: Sdk) -> None:
        core = sdk.crm.properties.core_api
        core.create(
            "contacts",
            {
                "name": "size",
                "label": "Size",
                "type": "enumeration",
                "fieldType": "checkbox",
                "groupName": "contactinformation",
                "options": [{"label": "S", "value": "s", "hidden": False}],
            },
        )
        rows = {row.name: row for row in core.get_all("contacts").results}
        assert rows["size"].options[0].value == "s"
        assert rows["hs_email_optout"].modification_metadata.read_only_value

    def test_a_wrong_token(self, sandbox: RunningSandbox) -> None:
        for token in ("bad-token-000", "short"):
            sdk = Sdk(access_token=token, host=sandbox.base_url("hubspot"))
            with pytest.raises(ApiException) as caught:
                sdk.crm.contacts.basic_api.get_page()
            assert caught.value.status == 401
            assert "INVALID_AUTHENTICATION" in caught.value.body

    def test_a_plain_write_subscribes_again_who_left(self, http: Any) -> None:
        path = f"/communication-preferences/v4/statuses/{ALAN}"
        left = http("GET", f"{path}?channel=EMAIL").json()["results"]
        assert [row["status"] for row in left] == ["UNSUBSCRIBED"]
        body = {"channel": "EMAIL", "subscriptionId": 789, "statusState": "SUBSCRIBED"}
        [done] = http("POST", path, body).json()["results"]
        assert done["setStatusSuccessReason"] == "RESUBSCRIBE_OCCURRED"
        assert done["status"] == "SUBSCRIBED"

    def test_opt_outs_outlive_the_record(self, sdk: Sdk, http: Any) -> None:
        api = sdk.crm.contacts.basic_api
        api.archive(api.get_by_id(ALAN, id_property="email").id)
        path = f"/communication-preferences/v4/statuses/{ALAN}/unsubscribe-all"
        assert len(http("GET", f"{path}?channel=EMAIL").json()["results"]) == 1
        made = api.create({"properties": {"email": ALAN}})
        whole = api.get_by_id(made.id, properties=["hs_email_optout"])
        assert whole.properties["hs_email_optout"] == "true"
