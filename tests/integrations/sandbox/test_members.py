"""Writing single members: consent, fields, addresses, listing."""

from __future__ import annotations

import time
from typing import Any

import pytest

from integrations.sandbox.testing import RunningSandbox
from tests.integrations.sandbox.helpers import (
    BOUNCED,
    LEFT,
    NEWSLETTER,
    PENDING,
    REMOVED,
    SUBSCRIBED,
    VIP,
    Api,
    md5,
    member_path,
)

NEW = "rosalind@helix.example"


def test_put_without_status_leaves_the_status_alone(api: Api) -> None:
    answer = api.put(LEFT, merge_fields={"FNAME": "Alan M."})
    assert answer.status_code == 200
    assert answer.json()["status"] == "unsubscribed"
    assert answer.json()["merge_fields"]["FNAME"] == "Alan M."
    assert answer.json()["merge_fields"]["LNAME"] == "Turing"


def test_put_needs_a_status_for_somebody_new(api: Api) -> None:
    answer = api("PUT", member_path(NEW), {"email_address": NEW})
    assert answer.status_code == 400
    assert answer.json()["errors"] == [
        {"field": "", "message": "Required fields were not provided: status_if_new"}
    ]


def test_status_if_new_is_for_new_ones_only(api: Api) -> None:
    assert api.put(SUBSCRIBED, status_if_new="pending").json()["status"] == "subscribed"
    assert api.put(SUBSCRIBED, status="unsubscribed").json()["status"] == "unsubscribed"


@pytest.mark.parametrize("email", [LEFT, BOUNCED])
@pytest.mark.parametrize("method", ["PUT", "PATCH", "POST"])
def test_compliance(api: Api, method: str, email: str) -> None:
    path = f"/lists/{NEWSLETTER}/members" if method == "POST" else member_path(email)
    answer = api(method, path, {"email_address": email, "status": "subscribed"})
    assert answer.status_code == 400
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    problem = answer.json()
    assert problem["title"] == "Member In Compliance State"
    assert problem["detail"] == (
        f"{email} is in a compliance state due to unsubscribe, bounce, or compliance"
        " review and cannot be subscribed."
    )
    assert set(problem) == {"type", "title", "status", "detail", "instance"}


def test_an_admins_unsubscribe_can_be_undone(api: Api) -> None:
    assert api.put(REMOVED, status="subscribed").json()["status"] == "subscribed"
    assert api.put(SUBSCRIBED, status="unsubscribed").status_code == 200
    assert api.put(SUBSCRIBED, status="subscribed").json()["status"] == "subscribed"


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_who_left_may_be_asked_again(
    api: Api, sandbox: RunningSandbox, method: str
) -> None:
    body = {"email_address": LEFT, "status": "pending"}
    assert api(method, member_path(LEFT), body).json()["status"] == "pending"
    assert sandbox.member(LEFT)["opt_in_mails"] == 1
    sandbox.control("POST", "mailchimp/confirm", {"email": LEFT})
    assert sandbox.member(LEFT)["status"] == "subscribed"


def test_who_left_and_was_archived_still_left(api: Api) -> None:
    assert api("DELETE", member_path(LEFT)).status_code == 204
    assert api.put(LEFT).json()["title"] == "Member In Compliance State"
    assert api.put(LEFT, status_if_new="pending").json()["status"] == "pending"


def test_archiving_is_not_for_good(api: Api) -> None:
    assert api("DELETE", member_path(SUBSCRIBED)).status_code == 204
    assert api("DELETE", member_path(SUBSCRIBED)).status_code == 405
    rows = api("GET", f"/lists/{NEWSLETTER}/members?count=100").json()["members"]
    assert SUBSCRIBED not in [row["email_address"] for row in rows]
    archived = api("GET", f"/lists/{NEWSLETTER}/members?status=archived").json()
    assert [row["email_address"] for row in archived["members"]] == [SUBSCRIBED]
    assert api.put(SUBSCRIBED).json()["status"] == "subscribed"
    assert (
        api("GET", member_path(SUBSCRIBED)).json()["merge_fields"]["FNAME"] == "Grace"
    )


@pytest.mark.parametrize("status", ["subscribed", "pending"])
def test_forgotten_stays_forgotten(api: Api, status: str) -> None:
    erase = f"{member_path(SUBSCRIBED)}/actions/delete-permanent"
    assert api("POST", erase).status_code == 204
    assert api("POST", erase).status_code == 404
    answer = api.put(SUBSCRIBED, status_if_new=status)
    assert answer.status_code == 400
    assert answer.json()["title"] == "Forgotten Email Not Subscribed"
    assert api.put(SUBSCRIBED, audience=VIP).status_code == 200


@pytest.mark.parametrize(
    ("email", "detail"),
    [
        ("nothing", "Please provide a valid email address."),
        ("", "Please provide a valid email address."),
        ("a b@x.example", "The username portion of the email address is invalid"),
        ("a@nodot", "The domain portion of the email address is invalid"),
        ("a@-x.example", "The domain portion of the email address is invalid"),
        ("somebody@example.invalid", "looks fake or invalid, please enter a real"),
        ("fakey@shop.example", "looks fake or invalid, please enter a real"),
    ],
)
def test_addresses(api: Api, email: str, detail: str) -> None:
    answer = api.put(email)
    assert answer.status_code == 400
    assert answer.json()["title"] == "Invalid Resource"
    assert detail in answer.json()["detail"]
    assert "errors" not in answer.json()


@pytest.mark.parametrize(
    ("kind", "options", "good", "stored", "bad", "message"),
    [
        ("number", [], "15.5", 15.5, "AAAAA", "Please enter a number"),
        ("number", [], 7, 7, "1,000", "Please enter a number"),
        ("date", [], "12/31/2025", "2025-12-31", "DecDec", "Please enter the date"),
        ("date", [], "2025-02-28", "2025-02-28", "2025-02-30", "Please enter the date"),
        (
            "birthday",
            [],
            "3/9",
            "03/09",
            "1990-03-09",
            "Please enter a month (01-12) and a day (01-31)",
        ),
        ("dropdown", ["S", "M"], "M", "M", "XL", "Value must be one of: S, M"),
        ("radio", ["S", "M"], "S", "S", "s", "Value must be one of: S, M"),
        (
            "url",
            [],
            "https://a.example/x",
            "https://a.example/x",
            "a.example",
            "Please enter a valid URL",
        ),
        ("zip", [], "30308", "30308", "3030", "Please enter a zip code (5 digits)"),
        (
            "address",
            [],
            {"addr1": "1 Way", "city": "Rome", "state": "GA", "zip": "30161"},
            {
                "addr1": "1 Way",
                "addr2": "",
                "city": "Rome",
                "state": "GA",
                "zip": "30161",
                "country": "US",
            },
            {"addr1": "1 Way"},
            "Please enter a complete address",
        ),
    ],
)
def test_field_types(
    api: Api,
    sandbox: RunningSandbox,
    kind: str,
    options: list[str],
    good: Any,
    stored: Any,
    bad: Any,
    message: str,
) -> None:
    field = {"audience": NEWSLETTER, "tag": "X", "type": kind, "options": options}
    sandbox.control("POST", "mailchimp/fields", field)
    refused = api.put(NEW, merge_fields={"X": bad})
    assert refused.status_code == 400
    assert refused.json()["detail"] == "Your merge fields were invalid."
    assert refused.json()["errors"] == [{"field": "X", "message": message}]
    assert sandbox.member(NEW) is None
    assert api.put(NEW, merge_fields={"X": good}).json()["merge_fields"]["X"] == stored
    assert api.put(NEW, merge_fields={"X": ""}).json()["merge_fields"]["X"] == ""


def test_values_that_are_no_values(api: Api) -> None:
    answer = api.put(NEW, merge_fields={"FNAME": None})
    assert answer.json()["errors"] == [
        {
            "field": "merge_fields.FNAME",
            "message": "Data did not match any of the schemas described in anyOf.",
        }
    ]
    unknown = api.put(NEW, merge_fields={"NOSUCH": "x"}).json()
    assert "NOSUCH" not in unknown["merge_fields"]


def test_required_fields(api: Api, sandbox: RunningSandbox) -> None:
    field = {"audience": "Newsletter", "tag": "LNAME", "required": True}
    sandbox.control("POST", "mailchimp/fields", field)
    refused = api.put(NEW, merge_fields={"FNAME": "Rosalind"})
    assert refused.json()["errors"] == [
        {"field": "LNAME", "message": "Please enter a value"}
    ]
    path = f"{member_path(NEW)}?skip_merge_validation=true"
    body = {"email_address": NEW, "status_if_new": "subscribed"}
    assert api("PUT", path, body).status_code == 200
    assert api("PATCH", member_path(NEW), {"vip": True}).json()["vip"] is True


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ({}, "", "Required fields were not provided: email_address, status"),
        (
            {"email_address": 7, "status": "subscribed"},
            "email_address",
            "Schema describes string, integer found instead",
        ),
        (
            {"email_address": NEW, "status": "member"},
            "status",
            "Model presented is not one of the accepted values:",
        ),
        ([], "", "Schema describes object, array found instead"),
    ],
)
def test_bodies_that_do_not_fit(api: Api, body: Any, field: str, message: str) -> None:
    answer = api("POST", f"/lists/{NEWSLETTER}/members", body)
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert error["field"] == field
    assert error["message"].startswith(message)


def test_broken_json(api: Api) -> None:
    answer = api("POST", f"/lists/{NEWSLETTER}/members", data=b'{"email')
    assert (answer.status_code, answer.json()["title"]) == (400, "JSON Parse Error")


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/lists/none",
        "/lists/none/members",
        f"/lists/{NEWSLETTER}/members/x",
    ],
)
def test_what_is_not_there(api: Api, path: str) -> None:
    answer = api("GET", path)
    assert answer.status_code == 404
    problem = answer.json()
    assert problem["title"] == "Resource Not Found"
    assert problem["detail"] == "The requested resource could not be found."
    assert problem["type"].startswith("https://mailchimp.com/developer/")
    assert problem["status"] == 404 and problem["instance"]


def test_methods_that_do_not_fit(api: Api) -> None:
    answer = api("PUT", f"/lists/{NEWSLETTER}/members", {})
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, POST")


def test_no_key_at_all(api: Api) -> None:
    api.session.auth = None
    answer = api("GET", "/ping")
    assert (answer.status_code, answer.json()["title"]) == (401, "API Key Missing")


def test_the_slot_takes_hash_address_and_contact_id(api: Api) -> None:
    one = api("GET", member_path(SUBSCRIBED)).json()
    for slot in (SUBSCRIBED, SUBSCRIBED.upper(), one["contact_id"], md5(SUBSCRIBED)):
        found = api("GET", f"/lists/{NEWSLETTER}/members/{slot}").json()
        assert found["email_address"] == SUBSCRIBED


def test_addresses_beyond_ascii(api: Api) -> None:
    email = "søren@blåbær.example"
    assert api.put(email).json()["id"] == md5(email)
    found = api("GET", f"/lists/{NEWSLETTER}/members/{email}")
    assert found.json()["email_address"] == email


def test_a_new_address_keeps_the_person(api: Api) -> None:
    before = api("GET", member_path(SUBSCRIBED)).json()
    after = api("PATCH", member_path(SUBSCRIBED), {"email_address": NEW}).json()
    assert (after["id"], after["contact_id"]) == (md5(NEW), before["contact_id"])
    assert api("GET", member_path(SUBSCRIBED)).status_code == 404
    taken = api("PATCH", member_path(NEW), {"email_address": LEFT})
    assert taken.json()["errors"][0]["field"] == "email address"


def test_listing_changes_since(api: Api) -> None:
    path = f"/lists/{NEWSLETTER}/members"
    first = api("GET", path, params={"sort_field": "last_changed"}).json()["members"]
    times = [row["last_changed"] for row in first]
    assert times == sorted(times)
    cursor = times[-1]
    api.put(REMOVED, merge_fields={"FNAME": "E. W."})
    since = {"since_last_changed": cursor, "sort_field": "last_changed"}
    found = api("GET", path, params=since).json()
    assert [row["email_address"] for row in found["members"]] == [REMOVED]
    assert found["total_items"] == 1
    before = {"before_last_changed": cursor, "count": 2, "sort_dir": "DESC"}
    page = api("GET", path, params={**before, "sort_field": "last_changed"}).json()
    assert [row["last_changed"] for row in page["members"]] == sorted(
        (row["last_changed"] for row in page["members"]), reverse=True
    )
    assert (len(page["members"]), page["total_items"]) == (2, 4)


def test_an_update_that_changes_nothing_is_no_change(api: Api) -> None:
    before = api("GET", member_path(SUBSCRIBED)).json()["last_changed"]
    time.sleep(1.1)
    same = api.put(SUBSCRIBED, merge_fields={"FNAME": "Grace"}).json()
    assert same["last_changed"] == before
    other = api.put(SUBSCRIBED, merge_fields={"FNAME": "G."}).json()
    assert other["last_changed"] > before


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("count=1001", "count"),
        ("offset=-1", "offset"),
        ("status=gone", "status"),
        ("sort_field=email", "sort_field"),
        ("since_last_changed=yesterday", "since_last_changed"),
    ],
)
def test_parameters_that_do_not_fit(api: Api, query: str, field: str) -> None:
    answer = api("GET", f"/lists/{NEWSLETTER}/members?{query}")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field


def test_choosing_fields(api: Api) -> None:
    query = (
        "count=2&fields=members.email_address,members.stats.avg_open_rate,total_items"
    )
    found = api("GET", f"/lists/{NEWSLETTER}/members?{query}").json()
    assert set(found) == {"members", "total_items"}
    assert set(found["members"][0]) == {"email_address", "stats"}
    assert found["members"][0]["stats"] == {"avg_open_rate": 0}
    without = api(
        "GET", f"{member_path(SUBSCRIBED)}?exclude_fields=_links,stats"
    ).json()
    assert "_links" not in without and "stats" not in without and "tags" in without


def test_tags(api: Api) -> None:
    path = f"{member_path(SUBSCRIBED)}/tags"
    change = [
        {"name": "customer", "status": "inactive"},
        {"name": "New", "status": "active"},
    ]
    assert api("POST", path, {"tags": change}).status_code == 204
    names = {tag["name"] for tag in api("GET", path).json()["tags"]}
    assert names == {"Early bird", "New"}
    wrong = api("POST", path, {"tags": [{"name": "X", "status": "on"}]})
    assert wrong.json()["errors"][0]["field"] == "tags.item:0.status"


def test_pending_can_be_seen_but_not_counted_in(api: Api) -> None:
    assert api("GET", member_path(PENDING, VIP)).json()["status"] == "pending"
    assert api("GET", f"/lists/{VIP}").json()["stats"]["member_count"] == 2
