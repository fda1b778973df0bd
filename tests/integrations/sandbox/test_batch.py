"""POST /lists/{id}: up to 500 members in one call."""

from __future__ import annotations

from integrations.sandbox.testing import RunningSandbox
from tests.integrations.sandbox.helpers import (
    LEFT,
    NEWSLETTER,
    SUBSCRIBED,
    Api,
    member_path,
)


def test_five_hundred_and_not_one_more(api: Api, sandbox: RunningSandbox) -> None:
    people = [f"p{n}@crowd.example" for n in range(501)]
    assert api.batch(*people).status_code == 400
    assert sandbox.member("p0@crowd.example") is None
    answer = api.batch(*people[:500]).json()
    assert (answer["total_created"], answer["error_count"]) == (500, 0)
    assert [m["email_address"] for m in answer["new_members"]] == people[:500]


def test_existing_members(api: Api) -> None:
    refused = api.batch(SUBSCRIBED).json()["errors"]
    assert refused == [
        {
            "email_address": SUBSCRIBED,
            "error": f"{SUBSCRIBED} is already a list member, do you want to update?"
            " please provide update_existing:true in the request body",
            "error_code": "ERROR_CONTACT_EXISTS",
            "field": "",
            "field_message": "",
        }
    ]
    row = {"email_address": SUBSCRIBED, "merge_fields": {"FNAME": "Amazing"}}
    updated = api.batch(row, update_existing=True).json()
    assert (updated["total_updated"], updated["total_created"]) == (1, 0)
    assert updated["updated_members"][0]["merge_fields"]["FNAME"] == "Amazing"
    assert updated["updated_members"][0]["status"] == "subscribed"


def test_one_bad_row_does_not_stop_the_others(
    api: Api, sandbox: RunningSandbox
) -> None:
    field = {"audience": NEWSLETTER, "tag": "AGE", "type": "number"}
    sandbox.control("POST", "mailchimp/fields", field)
    rows = [
        "good@shop.example",
        LEFT,
        {
            "email_address": "odd@shop.example",
            "status": "subscribed",
            "merge_fields": {"AGE": "old"},
        },
        {"status": "subscribed"},
        "no address",
        "last@shop.example",
    ]
    answer = api.batch(*rows, update_existing=True)
    assert answer.status_code == 200
    errors = answer.json()["errors"]
    assert [e["email_address"] for e in errors] == [
        LEFT,
        "odd@shop.example",
        "",
        "no address",
    ]
    assert {e["error_code"] for e in errors} == {"ERROR_GENERIC"}
    assert "compliance state" in errors[0]["error"]
    assert errors[1]["error"] == "Your merge fields were invalid."
    assert (errors[1]["field"], errors[1]["field_message"]) == (
        "AGE",
        "Please enter a number",
    )
    assert answer.json()["total_created"] == 2
    assert sandbox.member("odd@shop.example") is None


def test_the_same_address_twice(api: Api) -> None:
    twice = ["a@shop.example", "A@shop.example"]
    assert api.batch(*twice).json()["error_count"] == 1
    path = f"/lists/{NEWSLETTER}?skip_duplicate_check=true"
    rows = [{"email_address": e, "status": "pending"} for e in ("b@x.example",) * 2]
    answer = api("POST", path, {"members": rows}).json()
    assert (answer["total_created"], answer["error_count"]) == (1, 0)


def test_archived_ones_come_back_as_new(api: Api) -> None:
    api("DELETE", member_path(SUBSCRIBED))
    assert api.batch(SUBSCRIBED).json()["total_created"] == 1


def test_tags(api: Api) -> None:
    row = {"email_address": SUBSCRIBED, "tags": ["Fresh"]}
    added = api.batch(row, update_existing=True).json()["updated_members"][0]
    assert {t["name"] for t in added["tags"]} == {"Early bird", "Customer", "Fresh"}
    only = api.batch(row, update_existing=True, sync_tags=True).json()
    assert [t["name"] for t in only["updated_members"][0]["tags"]] == ["Fresh"]


def test_bodies_that_do_not_fit(api: Api) -> None:
    path = f"/lists/{NEWSLETTER}"
    missing = api("POST", path, {}).json()["errors"][0]["message"]
    assert missing == "Required fields were not provided: members"
    wrong = api("POST", path, {"members": ["a@shop.example"]}).json()["errors"][0]
    assert wrong["field"] == "members.item:0"
