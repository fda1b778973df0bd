"""Constant Contact's interface as its documentation shows it, over plain HTTP.

Its official client (constant-contact-api-client) wants a urllib3 older than 2.1, so it
cannot be installed beside ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from integrations.sandbox.constantcontact.render import uid
from integrations.sandbox.constantcontact.simulator import NEWSLETTER, VIP
from integrations.sandbox.testing import RunningSandbox
from tests.integrations.sandbox.helpers import Api

SLUG = "constantcontact"
ADA = "ada.lovelace@analytical.example"
ALAN = "alan.turing@bletchley.example"  # unsubscribed
MARIE = "marie.curie@radium.example"


@pytest.fixture
def call(sandbox: RunningSandbox) -> Iterator[Api]:
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = "Bearer a-constant-contact-token"
        yield Api(f"{sandbox.base_url(SLUG)}/v3", session)


def sign_up(call: Api, email: str, *lists: str, **more: Any) -> requests.Response:
    body = {"email_address": email, "list_memberships": lists or [NEWSLETTER], **more}
    return call("POST", "/contacts/sign_up_form", body)


def found(call: Api, email: str) -> Any:
    query = {"email": email, "status": "all", "include": "list_memberships"}
    rows = call("GET", "/contacts", params=query).json()["contacts"]
    return rows[0] if rows else None


def permission(call: Api, email: str) -> str:
    return str(found(call, email)["email_address"]["permission_to_send"])


def test_a_contact_from_sign_up_to_deletion(call: Api) -> None:
    answer = sign_up(call, MARIE, first_name="Marie")
    assert (answer.status_code, answer.json()["action"]) == (201, "created")
    contact_id = answer.json()["contact_id"]
    assert permission(call, MARIE) == "explicit"
    answer = sign_up(call, MARIE.upper(), VIP, last_name="Curie")
    assert answer.status_code == 200
    assert answer.json() == {"contact_id": contact_id, "action": "updated"}
    row = found(call, MARIE)
    assert (row["first_name"], row["last_name"]) == ("Marie", "Curie")
    assert set(row["list_memberships"]) == {NEWSLETTER, VIP}
    body = {
        "email_address": {"address": MARIE, "permission_to_send": "unsubscribed"},
        "update_source": "Contact",
    }
    answer = call("PUT", f"/contacts/{contact_id}", body)
    assert "first_name" not in answer.json(), "a PUT empties what it leaves out"
    row = found(call, MARIE)
    assert row["email_address"]["opt_out_source"] == "Contact"
    assert row["list_memberships"] == []
    assert call("DELETE", f"/contacts/{contact_id}").status_code == 204
    assert found(call, MARIE)["deleted_at"]
    visible = call("GET", "/contacts", params={"email": MARIE}).json()
    assert visible["contacts"] == []


def test_signing_up_silently_brings_back_who_left(call: Api) -> None:
    """Why our adapter reads before it writes."""
    assert permission(call, ALAN) == "unsubscribed"
    assert sign_up(call, ALAN).status_code == 200
    assert permission(call, ALAN) == "explicit"


def test_confirmed_opt_in_holds_for_new_contacts_only(
    call: Api, sandbox: RunningSandbox
) -> None:
    body = {"name": "Asked", "double_optin": True}
    sandbox.control("POST", f"{SLUG}/audiences", body)
    sign_up(call, MARIE)
    assert permission(call, MARIE) == "pending_confirmation"
    sign_up(call, MARIE)
    assert permission(call, MARIE) == "explicit", "the second one skips it"


def test_resubscribing_is_asked_once(call: Api, sandbox: RunningSandbox) -> None:
    path = f"/contacts/resubscribe/{found(call, ALAN)['contact_id']}"
    body = {"list_ids": [NEWSLETTER]}
    assert call("PUT", path, body).status_code == 200
    assert permission(call, ALAN) == "unsubscribed"
    assert call("PUT", path, body).status_code == 409
    sandbox.control("POST", f"{SLUG}/confirm", {"email": ALAN})
    assert permission(call, ALAN) == "explicit"
    assert found(call, ALAN)["list_memberships"] == [NEWSLETTER]


def test_an_import_is_done_at_the_second_look(call: Api) -> None:
    rows = [{"email": MARIE}, {"email": ALAN}, {"email": "no address"}]
    body = {"import_data": rows, "list_ids": [VIP]}
    answer = call("POST", "/activities/contacts_json_import", body)
    assert (answer.status_code, answer.json()["state"]) == (201, "initialized")
    path = f"/activities/{answer.json()['activity_id']}"
    states = [call("GET", path).json() for _ in range(2)]
    assert [state["state"] for state in states] == ["processing", "completed"]
    assert states[1]["status"] == {
        "person_count": 3,
        "error_count": 0,
        "correctable_count": 1,
        "cannot_add_to_list_count": 1,
    }
    assert permission(call, MARIE) == "implicit"
    assert found(call, ALAN)["list_memberships"] == []


def test_lists_fields_and_tags(call: Api) -> None:
    made = call("POST", "/contact_lists", {"name": "Pop-up"})
    assert made.status_code == 201
    assert call("POST", "/contact_lists", {"name": "Pop-up"}).status_code == 409
    list_id = made.json()["list_id"]
    assert call("GET", f"/contact_lists/{list_id}").json()["name"] == "Pop-up"
    query = {"include_membership_count": "all", "include_count": "true"}
    lists = call("GET", "/contact_lists", params=query).json()
    counts = {row["name"]: row["membership_count"] for row in lists["lists"]}
    assert counts == {"Newsletter": 3, "VIP early access": 0, "Pop-up": 0}
    assert lists["lists_count"] == 3
    fields = call("GET", "/contact_custom_fields").json()["custom_fields"]
    assert {field["label"]: field["type"] for field in fields} == {
        "Size": "string",
        "Since": "date",
    }
    tag = call("POST", "/contact_tags", {"name": "Popup"}).json()
    assert call("POST", "/contact_tags", {"name": "popup"}).status_code == 409
    body = {
        "source": {"contact_ids": [found(call, ADA)["contact_id"]]},
        "tag_ids": [tag["tag_id"]],
    }
    answer = call("POST", "/activities/contacts_taggings_add", body)
    assert answer.status_code == 201
    row = call("GET", "/contacts", params={"email": ADA, "include": "taggings"})
    assert row.json()["contacts"][0]["taggings"] == [tag["tag_id"]]
    body = {"source": body["source"], "list_ids": [NEWSLETTER]}
    call("POST", "/activities/remove_list_memberships", body)
    assert found(call, ADA)["list_memberships"] == []
    call("POST", "/activities/add_list_memberships", body)
    assert found(call, ADA)["list_memberships"] == [NEWSLETTER]


def test_pages(call: Api) -> None:
    for number in range(5):
        sign_up(call, f"p{number}@x.example")
    query: Any = {"limit": 4, "status": "all", "include_count": "true"}
    seen: list[str] = []
    path = "/contacts"
    while True:
        page = call("GET", path, params=query).json()
        seen += [row["email_address"]["address"] for row in page["contacts"]]
        assert page["contacts_count"] == 9
        if "_links" not in page:
            break
        path = page["_links"]["next"]["href"].removeprefix("/v3")
        query = None
    assert len(seen) == len(set(seen)) == 9


def test_contacts_by_state_list_and_time(call: Api) -> None:
    def emails(**query: str) -> set[str]:
        rows = call("GET", "/contacts", params=query).json()["contacts"]
        return {row["email_address"]["address"].partition(".")[0] for row in rows}

    assert emails(status="unsubscribed,pending_confirmation") == {"alan", "hedy"}
    assert emails(status="active") == {"ada", "grace"}
    assert emails(lists=NEWSLETTER) == {"ada", "grace", "hedy"}
    assert emails(optout_after="2020-01-01T00:00:00Z") == {"alan"}
    assert emails(updated_after="2120-01-01T00:00:00Z") == set()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"email_address": "no address"}, "email_address"),
        ({"email_address": MARIE, "list_memberships": []}, "list_memberships"),
        (
            {"email_address": MARIE, "list_memberships": [uid("no list")]},
            "does not exist",
        ),
        ({"email_address": MARIE, "shoe_size": 42}, "shoe_size"),
        ({"email_address": MARIE, "birthday_month": 2}, "birthday_day"),
        (
            {"email_address": MARIE, "custom_fields": [{"custom_field_id": "x"}]},
            "custom_field_id",
        ),
    ],
)
def test_refusals_are_an_array(call: Api, body: dict[str, Any], words: str) -> None:
    body = {"list_memberships": [NEWSLETTER], **body}
    answer = call("POST", "/contacts/sign_up_form", body)
    assert answer.status_code == 400
    [error] = answer.json()
    assert words in error["error_message"]
    assert found(call, MARIE) is None


def test_other_refusals(call: Api, sandbox: RunningSandbox) -> None:
    taken = {"email_address": {"address": ADA}}
    assert call("POST", "/contacts", taken).status_code == 409
    made = call("POST", "/contacts", {"email_address": {"address": MARIE}})
    assert made.status_code == 201
    path = f"/contacts/{made.json()['contact_id']}"
    assert call("GET", path).json()["email_address"]["address"] == MARIE
    assert call("PUT", path, taken).status_code == 400  # without update_source
    assert call("GET", f"/contacts/{uid('nobody')}").status_code == 404
    assert call("GET", "/elsewhere").status_code == 404
    for query in ({"limit": 501}, {"cursor": "none"}, {"updated_after": "soon"}):
        assert call("GET", "/contacts", params=query).status_code == 400
    call.session.headers["Authorization"] = "Bearer a-bad-token-of-theirs"
    answer = call("GET", "/contacts")
    assert (answer.status_code, answer.json()["error_key"]) == (401, "unauthorized")
    sandbox.faults(SLUG, status=429)
    assert call("GET", "/contacts").json()["error_key"] == "throttled"
