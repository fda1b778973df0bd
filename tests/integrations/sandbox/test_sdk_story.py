"""Mailchimp's official SDK meets the simulator and notices nothing."""

from __future__ import annotations

import pytest
from mailchimp_marketing import Client
from mailchimp_marketing.api_client import ApiClientError

from integrations.sandbox.testing import RunningSandbox
from tests.integrations.sandbox.helpers import (
    LEFT,
    NEWSLETTER,
    VIP,
    md5,
    problem_of,
)

MARIE = "Marie.Curie@radium.example"


def test_ping_and_account(client: Client) -> None:
    assert client.ping.get() == {"health_status": "Everything's Chimpy!"}
    account = client.root.get_root()
    assert account["account_name"] == "Provider sandbox"
    assert account["total_subscribers"] == 4


def test_lists_show_their_opt_in(client: Client) -> None:
    lists = client.lists.get_all_lists(count=100)
    assert lists["total_items"] == 2
    assert {item["name"]: item["double_optin"] for item in lists["lists"]} == {
        "Newsletter": False,
        "VIP early access": True,
    }
    one = client.lists.get_list(NEWSLETTER)
    assert one["stats"]["member_count"] == 3
    assert one["stats"]["unsubscribe_count"] == 2


def test_fields(client: Client) -> None:
    found = client.lists.get_list_merge_fields(NEWSLETTER, count=1000)
    assert [f["tag"] for f in found["merge_fields"]] == [
        "FNAME",
        "LNAME",
        "PHONE",
        "BIRTHDAY",
    ]
    made = client.lists.add_list_merge_field(
        NEWSLETTER,
        {
            "tag": "SIZE",
            "name": "Size",
            "type": "dropdown",
            "options": {"choices": ["S", "M"]},
        },
    )
    assert made["options"]["choices"] == ["S", "M"]


def test_a_member_from_signup_to_erasure(
    client: Client, sandbox: RunningSandbox
) -> None:
    added = client.lists.set_list_member(
        VIP,
        md5(MARIE),
        {
            "email_address": MARIE,
            "status_if_new": "pending",
            "merge_fields": {"FNAME": "Marie", "LNAME": "Curie"},
        },
    )
    assert added["id"] == md5(MARIE)
    assert added["email_address"] == MARIE
    assert added["full_name"] == "Marie Curie"
    assert added["status"] == "pending"
    assert added["timestamp_signup"] and not added["timestamp_opt"]
    assert added["merge_fields"] == {
        "FNAME": "Marie",
        "LNAME": "Curie",
        "PHONE": "",
        "BIRTHDAY": "",
    }

    sandbox.control("POST", "mailchimp/confirm", {"email": MARIE})
    confirmed = client.lists.get_list_member(VIP, md5(MARIE))
    assert confirmed["status"] == "subscribed"
    assert confirmed["timestamp_opt"] and confirmed["ip_opt"]

    client.lists.update_list_member_tags(
        VIP, md5(MARIE), {"tags": [{"name": "Physics", "status": "active"}]}
    )
    tags = client.lists.get_list_member_tags(VIP, md5(MARIE))
    assert [tag["name"] for tag in tags["tags"]] == ["Physics"]
    assert client.lists.get_list_member(VIP, MARIE)["tags_count"] == 1

    archived = client.lists.delete_list_member(VIP, md5(MARIE))
    assert archived.status_code == 204
    assert client.lists.get_list_member(VIP, md5(MARIE))["status"] == "archived"

    erased = client.lists.delete_list_member_permanent(VIP, md5(MARIE))
    assert erased.status_code == 204
    with pytest.raises(ApiClientError) as gone:
        client.lists.get_list_member(VIP, md5(MARIE))
    assert gone.value.status_code == 404

    with pytest.raises(ApiClientError) as again:
        client.lists.add_list_member(
            VIP, {"email_address": MARIE, "status": "subscribed"}
        )
    problem = problem_of(again)
    assert problem["title"] == "Forgotten Email Not Subscribed"
    assert "cannot be re-imported" in problem["detail"]


def test_adding_somebody_twice(client: Client) -> None:
    body = {"email_address": MARIE, "status": "subscribed", "tags": ["A", "B"]}
    added = client.lists.add_list_member(NEWSLETTER, body)
    assert [tag["name"] for tag in added["tags"]] == ["A", "B"]
    with pytest.raises(ApiClientError) as error:
        client.lists.add_list_member(NEWSLETTER, body)
    problem = problem_of(error)
    assert (error.value.status_code, problem["title"]) == (400, "Member Exists")
    assert problem["detail"] == (
        f"{MARIE} is already a list member. Use PUT to insert or update list members."
    )


def test_nobody_comes_back_against_their_will(client: Client) -> None:
    body = {"email_address": LEFT, "status": "subscribed", "status_if_new": "pending"}
    with pytest.raises(ApiClientError) as error:
        client.lists.set_list_member(NEWSLETTER, md5(LEFT), body)
    assert problem_of(error)["title"] == "Member In Compliance State"
    assert client.lists.get_list_member(NEWSLETTER, LEFT)["status"] == "unsubscribed"


def test_a_batch_reports_row_by_row(client: Client) -> None:
    answer = client.lists.batch_list_members(
        NEWSLETTER,
        {
            "members": [
                {"email_address": MARIE, "status": "subscribed"},
                {"email_address": LEFT, "status": "subscribed"},
                {"email_address": "fake@person.example", "status": "subscribed"},
            ],
            "update_existing": False,
        },
    )
    assert (answer["total_created"], answer["error_count"]) == (1, 2)
    codes = {row["email_address"]: row["error_code"] for row in answer["errors"]}
    assert codes == {
        LEFT: "ERROR_CONTACT_EXISTS",
        "fake@person.example": "ERROR_GENERIC",
    }


def test_segments_and_search(client: Client) -> None:
    made = client.lists.create_segment(
        NEWSLETTER, {"name": "Pioneers", "static_segment": [LEFT]}
    )
    changed = client.lists.batch_segment_members(
        {
            "members_to_add": ["ada.lovelace@analytical.example", "no@body.example"],
            "members_to_remove": [],
        },
        NEWSLETTER,
        made["id"],
    )
    assert (changed["total_added"], changed["error_count"]) == (1, 1)
    assert changed["errors"][0]["email_addresses"] == ["no@body.example"]
    inside = client.lists.get_segment_members_list(NEWSLETTER, made["id"])
    assert [m["email_address"] for m in inside["members"]] == [
        "ada.lovelace@analytical.example"
    ]
    found = client.searchMembers.search("lovelace")
    assert found["full_search"]["total_items"] == 2
    tags = client.lists.tag_search(NEWSLETTER, name="pio")
    assert [tag["name"] for tag in tags["tags"]] == ["Pioneers"]


def test_a_wrong_key(client: Client) -> None:
    client.set_config({"api_key": "short-us6"})
    with pytest.raises(ApiClientError) as error:
        client.ping.get()
    assert error.value.status_code == 401
    assert problem_of(error)["title"] == "API Key Invalid"


def test_an_oauth_token(client: Client) -> None:
    client.set_config({"access_token": "feedfacefeedfacefeed-us6", "server": "us6"})
    assert client.ping.get()["health_status"]
