"""Klaviyo's official client meets the simulator and notices nothing."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from klaviyo_api import KlaviyoAPI
from openapi_client.exceptions import ApiException

from integrations.sandbox.klaviyo.simulator import NEWSLETTER, VIP
from integrations.sandbox.testing import RunningSandbox

KEY = "pk_0123456789abcdef0123456789abcdef01"
MARIE = "marie.curie@radium.example"
ADA = "ada.lovelace@analytical.example"
ALAN = "alan.turing@bletchley.example"  # unsubscribed
CHARLES = "charles.babbage@engines.example"  # bounced


@pytest.fixture
def klaviyo(sandbox: RunningSandbox) -> KlaviyoAPI:
    return KlaviyoAPI(KEY, max_retries=0, test_host=sandbox.base_url("klaviyo"))


def profile(email: str, **attributes: Any) -> dict[str, Any]:
    return {"data": {"type": "profile", "attributes": {"email": email, **attributes}}}


def subscription(verb: str, consent: str, list_id: str, *emails: str) -> Any:
    profiles = [
        {
            "type": "profile",
            "attributes": {
                "email": email,
                "subscriptions": {"email": {"marketing": {"consent": consent}}},
            },
        }
        for email in emails
    ]
    return {
        "data": {
            "type": f"profile-subscription-bulk-{verb}-job",
            "attributes": {"profiles": {"data": profiles}},
            "relationships": {"list": {"data": {"type": "list", "id": list_id}}},
        }
    }


def subscribe(klaviyo: KlaviyoAPI, list_id: str, *emails: str) -> None:
    klaviyo.Profiles.bulk_subscribe_profiles(
        subscription("create", "SUBSCRIBED", list_id, *emails)
    )


def consent(klaviyo: KlaviyoAPI, email: str) -> Any:
    """The marketing consent of one address, None without a profile."""
    found = klaviyo.Profiles.get_profiles(
        filter=f'equals(email,"{email}")',
        additional_fields_profile=["subscriptions"],
    )
    if not found.data:
        return None
    return found.data[0].attributes.subscriptions.email.marketing


def members(klaviyo: KlaviyoAPI, list_id: str) -> set[str]:
    found = klaviyo.Lists.get_profiles_for_list(list_id, page_size=100)
    return {row.attributes.email for row in found.data}


def errors_of(error: ApiException) -> Any:
    return json.loads(error.body)["errors"][0]


def test_account_and_lists(klaviyo: KlaviyoAPI) -> None:
    [account] = klaviyo.Accounts.get_accounts().data
    contact = account.attributes.contact_information
    assert contact.organization_name == "Provider sandbox"
    lists = klaviyo.Lists.get_lists().data
    assert {item.attributes.name: item.attributes.opt_in_process for item in lists} == {
        "Newsletter": "single_opt_in",
        "VIP early access": "double_opt_in",
    }
    one = klaviyo.Lists.get_list(VIP).data
    assert one.id == VIP
    made = klaviyo.Lists.create_list(
        {"data": {"type": "list", "attributes": {"name": "Pop-up"}}}
    ).data
    assert klaviyo.Lists.get_list(made.id).data.attributes.name == "Pop-up"


def test_a_profile_from_creation_to_erasure(klaviyo: KlaviyoAPI) -> None:
    made = klaviyo.Profiles.create_or_update_profile(
        profile(MARIE, first_name="Marie", properties={"Size": "S"})
    ).data
    again = klaviyo.Profiles.create_or_update_profile(
        profile(MARIE.upper(), last_name="Curie", properties={"Age": 30})
    ).data
    assert again.id == made.id
    assert again.attributes.first_name == "Marie"
    assert again.attributes.properties == {"Size": "S", "Age": 30}
    assert consent(klaviyo, MARIE).consent == "NEVER_SUBSCRIBED"
    subscribe(klaviyo, NEWSLETTER, MARIE)
    now = consent(klaviyo, MARIE)
    assert (now.consent, now.can_receive_email_marketing) == ("SUBSCRIBED", True)
    assert MARIE in members(klaviyo, NEWSLETTER)
    klaviyo.Profiles.bulk_unsubscribe_profiles(
        subscription("delete", "UNSUBSCRIBED", NEWSLETTER, MARIE)
    )
    assert MARIE not in members(klaviyo, NEWSLETTER)
    now = consent(klaviyo, MARIE)
    assert [entry.list_id for entry in now.list_suppressions] == [NEWSLETTER]
    klaviyo.Data_Privacy.request_profile_deletion(
        {
            "data": {
                "type": "data-privacy-deletion-job",
                "attributes": {"profile": profile(MARIE)},
            }
        }
    )
    assert consent(klaviyo, MARIE) is None


def test_double_opt_in_is_invisible_until_confirmed(
    klaviyo: KlaviyoAPI, sandbox: RunningSandbox
) -> None:
    subscribe(klaviyo, VIP, MARIE)
    assert consent(klaviyo, MARIE) is None
    assert MARIE not in members(klaviyo, VIP)
    assert sandbox.member(MARIE, "klaviyo")["status"] == "pending"
    sandbox.control("POST", "klaviyo/confirm", {"email": MARIE})
    now = consent(klaviyo, MARIE)
    assert (now.consent, now.double_optin) == ("SUBSCRIBED", True)
    assert MARIE in members(klaviyo, VIP)


def test_subscribing_silently_lifts_an_opt_out_but_no_bounce(
    klaviyo: KlaviyoAPI,
) -> None:
    """Why our adapter reads before it writes."""
    before = consent(klaviyo, ALAN)
    assert [entry.reason for entry in before.suppression] == ["UNSUBSCRIBE"]
    subscribe(klaviyo, NEWSLETTER, ALAN, CHARLES)
    after = consent(klaviyo, ALAN)
    assert (after.consent, after.suppression) == ("SUBSCRIBED", [])
    bounced = consent(klaviyo, CHARLES)
    assert [entry.reason for entry in bounced.suppression] == ["HARD_BOUNCE"]
    assert not bounced.can_receive_email_marketing


def test_unsubscribing_somebody_off_the_list_is_global(klaviyo: KlaviyoAPI) -> None:
    klaviyo.Profiles.bulk_unsubscribe_profiles(
        subscription("delete", "UNSUBSCRIBED", VIP, ADA)
    )
    assert consent(klaviyo, ADA).consent == "UNSUBSCRIBED"
    assert ADA not in members(klaviyo, NEWSLETTER)


def test_a_bulk_import_ends_at_the_second_poll(klaviyo: KlaviyoAPI) -> None:
    rows = [profile(email)["data"] for email in ("a@x.example", "no address", MARIE)]
    rows[2]["attributes"]["phone_number"] = "555"
    job = klaviyo.Profiles.bulk_import_profiles(
        {
            "data": {
                "type": "profile-bulk-import-job",
                "attributes": {"profiles": {"data": rows}},
            }
        }
    ).data
    states = []
    for _ in range(2):
        found = klaviyo.Profiles.get_bulk_import_profiles_job(job.id).data.attributes
        states.append((found.status, found.failed_count))
    assert states == [("processing", 0), ("complete", 2)]
    errors = klaviyo.Profiles.get_errors_for_bulk_import_profiles_job(job.id).data
    assert [error.attributes.source.pointer for error in errors] == [
        "/data/attributes/profiles/data/1/attributes/email",
        "/data/attributes/profiles/data/2/attributes/phone_number",
    ]
    assert consent(klaviyo, "a@x.example").consent == "NEVER_SUBSCRIBED"


def test_pages_filters_and_order(klaviyo: KlaviyoAPI) -> None:
    for number in range(5):
        klaviyo.Profiles.create_or_update_profile(profile(f"p{number}@x.example"))
    seen: list[str] = []
    cursor = None
    while True:
        page = klaviyo.Profiles.get_profiles(
            filter="greater-than(created,2020-01-01T00:00:00Z)",
            sort="updated",
            page_size=2,
            page_cursor=cursor,
        )
        seen += [row.attributes.email for row in page.data]
        if not page.links.next:
            break
        # The client takes whole links too, but only https ones.
        cursor = parse_qs(urlsplit(page.links.next).query)["page[cursor]"][0]
    assert seen[-5:] == [f"p{number}@x.example" for number in range(5)]
    assert len(seen) == len(set(seen)) == 11
    some = klaviyo.Profiles.get_profiles(
        filter='any(email,["P1@x.example","p3@x.example","nobody@x.example"])'
    )
    assert len(some.data) == 2


@pytest.mark.parametrize(
    ("attributes", "status", "pointer"),
    [
        ({"email": "no address"}, 400, "/data/attributes/email"),
        ({"email": "fake@x.example"}, 400, "/data/attributes/email"),
        (
            {"email": MARIE, "phone_number": "555"},
            400,
            "/data/attributes/phone_number",
        ),
        ({"email": ADA}, 409, "/data/attributes"),
    ],
)
def test_refusals(
    klaviyo: KlaviyoAPI, attributes: dict[str, str], status: int, pointer: str
) -> None:
    with pytest.raises(ApiException) as caught:
        klaviyo.Profiles.create_profile(
            {"data": {"type": "profile", "attributes": attributes}}
        )
    assert caught.value.status == status
    assert errors_of(caught.value)["source"]["pointer"] == pointer


def test_wrong_keys_and_lists(sandbox: RunningSandbox, klaviyo: KlaviyoAPI) -> None:
    bad = KlaviyoAPI(
        "pk_bad_0123456789", max_retries=0, test_host=sandbox.base_url("klaviyo")
    )
    with pytest.raises(ApiException) as caught:
        bad.Lists.get_lists()
    assert caught.value.status == 401
    assert errors_of(caught.value)["code"] == "authentication_failed"
    with pytest.raises(ApiException) as caught:
        subscribe(klaviyo, "nolist", MARIE)
    assert caught.value.status == 404
    with pytest.raises(ApiException) as caught:
        subscribe(klaviyo, NEWSLETTER, *(f"p{n}@x.example" for n in range(1001)))
    assert caught.value.status == 400


def test_what_the_client_never_forgets(sandbox: RunningSandbox) -> None:
    url = f"{sandbox.base_url('klaviyo')}/api/lists"
    key = {"Authorization": f"Klaviyo-API-Key {KEY}"}
    dated = {**key, "revision": "2026-07-15"}
    assert requests.get(url, headers=dated, timeout=5).status_code == 200
    assert requests.get(url, headers=key, timeout=5).status_code == 400
    plain = {"Authorization": KEY, "revision": "2026-07-15"}
    assert requests.get(url, headers=plain, timeout=5).status_code == 401
    imports = f"{sandbox.base_url('klaviyo')}/api/profile-import"
    answer = requests.post(imports, json=profile(MARIE), headers=dated, timeout=5)
    assert answer.status_code == 415
    for query in (
        {"page[size]": "11"},
        {"sort": "size"},
        {"filter": "size(x,1)"},
        {"page[cursor]": "nothing"},
    ):
        answer = requests.get(url, params=query, headers=dated, timeout=5)
        assert answer.status_code == 400, query
