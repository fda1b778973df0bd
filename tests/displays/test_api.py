"""REST: displays, sync rules, and signups as they are read."""

from __future__ import annotations

from typing import Any

import pytest

from contactsync.tenancy.models import Account
from contactsync.tenancy.services import IssuedKey
from displays.models import Display, Signup, SyncRule
from integrations.models import Delivery, LinkedAccount, Target
from integrations.sandbox.mailchimp.seed import NEWSLETTER
from integrations.sandbox.testing import RunningSandbox
from integrations.services import linked_account_create
from tests.contactsync.api.client import Api, fields_of
from tests.integrations.world import rule_to

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sandbox")]
ORIGIN = "https://shop.acme.test"


@pytest.fixture
def api(secret_key: IssuedKey) -> Api:
    return Api(secret_key.text)


@pytest.fixture
def shop(publishable_key: IssuedKey) -> Api:
    return Api(publishable_key.text)


def test_create_read_and_change_a_display(api: Api) -> None:
    made = api.post("displays", {"name": "Spring", "kind": "bar", "status": "live"})
    assert made.status_code == 201
    assert (made.json()["kind"], made.json()["status"]) == ("bar", "live")
    path = f"displays/{made.json()['id']}"
    assert api.get(path).json() == made.json()
    changed = api.patch(path, {"headline": "Hello", "status": "paused"}).json()
    assert (changed["headline"], changed["status"]) == ("Hello", "paused")
    assert changed["name"] == "Spring"
    listed = api.get("displays?status=paused").json()["results"]
    assert [row["id"] for row in listed] == [made.json()["id"]]
    assert api.get("displays?status=live").json()["results"] == []


def test_a_display_needs_but_a_name(api: Api) -> None:
    made = api.post("displays", {"name": "Spring"}).json()
    assert (made["kind"], made["status"]) == ("popup", "draft")


BAD_DISPLAYS = {
    "no name": ("name", {"name": None}),
    "a blank name": ("name", {"name": " "}),
    "a long name": ("name", {"name": "x" * 121}),
    "a name that is a number": ("name", {"name": 7}),
    "a name of two lines": ("name", {"name": "Spring\npopup"}),
    "an unknown kind": ("kind", {"kind": "banner"}),
    "a kind that is a list": ("kind", {"kind": ["bar"]}),
    "an unknown status": ("status", {"status": "on"}),
    "a flag that is a text": ("ask_name", {"ask_name": "true"}),
    "an unknown field": ("colour", {"colour": "red"}),
    "an id": ("id", {"id": "x"}),
}


@pytest.mark.parametrize(
    ("field", "change"), BAD_DISPLAYS.values(), ids=BAD_DISPLAYS.keys()
)
def test_a_display_that_is_wrong_is_422_and_not_made(
    api: Api, display: Display, field: str, change: dict[str, Any]
) -> None:
    answer = api.post("displays", {"name": "Spring", **change})
    assert answer.status_code == 422 and field in fields_of(answer)
    assert Display.objects.count() == 1
    answer = api.patch(f"displays/{display.pk}", {"headline": "Changed", **change})
    assert answer.status_code == 422 and field in fields_of(answer)
    display.refresh_from_db()
    assert display.headline == "Join our list"


def test_a_page_reads_what_it_shows_and_no_more(
    api: Api, shop: Api, display: Display
) -> None:
    answer = shop.get(f"displays/{display.pk}", origin=ORIGIN)
    assert answer.status_code == 200
    assert answer["Access-Control-Allow-Origin"] == ORIGIN
    assert set(answer.json()) == {
        *("id", "kind", "status", "headline", "body", "button"),
        *("consent_text", "ask_name"),
    }
    assert "name" in api.get(f"displays/{display.pk}").json()
    assert (
        shop.get(f"displays/{display.pk}", origin="https://x.test").status_code == 403
    )
    assert shop.get("displays").status_code == 403
    assert shop.patch(f"displays/{display.pk}", {"name": "x"}).status_code == 403
    preflight = Api().call("OPTIONS", f"displays/{display.pk}", origin=ORIGIN)
    assert preflight.status_code == 204
    assert "Authorization" in preflight["Access-Control-Allow-Headers"]


def rule_body(linked: LinkedAccount, **more: Any) -> dict[str, Any]:
    return {
        "linked_account": str(linked.pk),
        "audience": "8f21c0news",
        "mapping": {"first_name": "FNAME"},
        **more,
    }


def test_a_rule_from_add_to_remove(
    api: Api, display: Display, linked: LinkedAccount
) -> None:
    rules = f"displays/{display.pk}/rules"
    made = api.post(
        rules,
        rule_body(
            linked,
            double_opt_in=True,
            tags=["spring"],
            conditions=[{"field": "utm.campaign", "op": "is", "value": "spring"}],
            match="any",
        ),
    )
    assert made.status_code == 201
    rule = made.json()
    assert rule["double_opt_in"] is True and rule["update_existing"] is True
    assert rule["enabled"] is True and rule["version"] == 1
    path = f"{rules}/{rule['id']}"
    assert api.get(path).json() == rule
    assert [row["id"] for row in api.get(rules).json()["results"]] == [rule["id"]]

    patched = api.patch(path, {"update_existing": False}).json()
    kept = {"changed_at", "version", "update_existing"}
    assert {k: v for k, v in patched.items() if k not in kept} == {
        k: v for k, v in rule.items() if k not in kept
    }
    assert patched["update_existing"] is False and patched["version"] == 2

    replaced = api.put(path, rule_body(linked, enabled=False)).json()
    assert replaced["tags"] == [] and replaced["conditions"] == []
    assert replaced["double_opt_in"] is False and replaced["enabled"] is False
    assert replaced["version"] == 3

    assert api.delete(path).status_code == 204
    assert api.get(path).status_code == 404
    assert api.get(rules).json()["results"] == []
    assert SyncRule.objects.count() == 1  # its history stays


def test_a_stale_version_is_409(
    api: Api, display: Display, linked: LinkedAccount
) -> None:
    path = f"displays/{display.pk}/rules/{rule_to(display, linked).pk}"
    assert api.patch(path, {"tags": ["a"], "version": 1}).status_code == 200
    answer = api.patch(path, {"tags": ["b"], "version": 1})
    assert answer.status_code == 409
    assert api.get(path).json()["tags"] == ["a"]


def test_another_audience_loses_the_old_one_s_name(
    api: Api, display: Display, linked: LinkedAccount
) -> None:
    path = f"displays/{display.pk}/rules/{rule_to(display, linked).pk}"
    assert api.patch(path, {"audience": "8f21c0news"}).json()["audience_label"]
    assert api.patch(path, {"audience": "vip"}).json()["audience_label"] == ""


BAD_RULES = {
    "no linked account": ("linked_account", {"linked_account": None}),
    "a linked account that is no id": ("linked_account", {"linked_account": "store"}),
    "a linked account that is a number": ("linked_account", {"linked_account": 1}),
    "a linked account that is not there": (
        "linked_account",
        {"linked_account": "01900000-0000-7000-8000-000000000000"},
    ),
    "no audience": ("audience", {"audience": ""}),
    "an audience that is a number": ("audience", {"audience": 5}),
    "a flag that is a number": ("double_opt_in", {"double_opt_in": 1}),
    "a mapping that is a text": ("mapping", {"mapping": "FNAME"}),
    "a mapping to a number": ("mapping.first_name", {"mapping": {"first_name": 1}}),
    "a mapping to nothing": ("mapping.first_name", {"mapping": {"first_name": ""}}),
    "a mapping from nothing": ("mapping", {"mapping": {"": "FNAME"}}),
    "tags that are a text": ("tags", {"tags": "spring"}),
    "an unknown operator": (
        "conditions[0].op",
        {"conditions": [{"field": "email", "op": "like", "value": "x"}]},
    ),
    "a condition without a field": ("conditions[0].field", {"conditions": [{}]}),
    "a condition that is a text": ("conditions[0]", {"conditions": ["x"]}),
    "another match": ("match", {"match": "none"}),
    "an unknown field": ("audience_id", {"audience_id": "x"}),
}


@pytest.mark.parametrize(("field", "change"), BAD_RULES.values(), ids=BAD_RULES.keys())
def test_a_rule_that_is_wrong_is_422_and_changes_nothing(
    api: Api,
    display: Display,
    linked: LinkedAccount,
    field: str,
    change: dict[str, Any],
) -> None:
    rule = rule_to(display, linked)
    before = list(Target.objects.values())
    path = f"displays/{display.pk}/rules"
    for answer in (
        api.post(path, {**rule_body(linked), **change}),
        api.patch(f"{path}/{rule.pk}", {"tags": ["new"], **change}),
        api.put(f"{path}/{rule.pk}", {**rule_body(linked), **change}),
    ):
        assert answer.status_code == 422
        assert any(name.startswith(field) for name in fields_of(answer))
    assert list(Target.objects.values()) == before


def test_a_rule_keeps_its_linked_account(
    api: Api, acme: Account, display: Display, linked: LinkedAccount
) -> None:
    second = linked_account_create(
        account=acme,
        provider="mailchimp",
        label="Second",
        credentials={"api_key": "1" * 32 + "-us1"},
    )
    path = f"displays/{display.pk}/rules/{rule_to(display, linked).pk}"
    answer = api.patch(path, {"linked_account": str(second.pk)})
    assert answer.status_code == 422
    assert fields_of(answer) == {"linked_account": "fixed"}
    assert api.patch(path, {"linked_account": str(linked.pk)}).status_code == 200


def test_a_rule_is_found_under_its_own_display_only(
    api: Api, acme: Account, display: Display, linked: LinkedAccount
) -> None:
    rule = rule_to(display, linked)
    second = Display.objects.create(account=acme, name="Second")
    assert api.get(f"displays/{second.pk}/rules/{rule.pk}").status_code == 404


def test_a_signup_read_by_a_server(
    api: Api, display: Display, linked: LinkedAccount
) -> None:
    rule = rule_to(display, linked)
    taken = api.post(
        "signups",
        {
            "display": str(display.pk),
            "email": "Mira@gmail.com",
            "fields": {"first_name": "Mira"},
            "utm": {"campaign": "spring"},
        },
    ).json()
    signup = api.get(f"signups/{taken['id']}").json()
    assert signup["status"] == "accepted"
    assert signup["verdict"]["category"] == "valid"
    assert signup["email"] == "Mira@gmail.com"
    assert signup["context"] == {"utm": {"campaign": "spring"}}
    (row,) = signup["deliveries"]
    assert row["state"] == "pending" and row["rule"] == str(rule.pk)
    assert row["target"]["audience"] == "8f21c0news"
    assert (
        api.get("signups?email=mira@GMAIL.com").json()["results"][0]["id"]
        == (taken["id"])
    )
    assert api.get("signups?email=nobody@gmail.com").json()["results"] == []
    assert (
        api.get(f"signups?display={display.pk}&status=filtered").json()["results"] == []
    )


def test_a_batch_answers_each_in_order(
    api: Api,
    display: Display,
    linked: LinkedAccount,
) -> None:
    rule_to(display, linked)
    good = {"display": str(display.pk), "email": "a@gmail.com"}
    items: list[Any] = [
        good,
        {**good, "email": "x@mailinator.com"},
        {**good, "email": 5},
        {**good, "display": "nope"},
        "rubbish",
        None,
        {**good, "colour": "red"},
        {**good, "email": "b@gmail.com"},
    ]
    answer = api.post("signups/batch", {"signups": items})
    assert answer.status_code == 202
    body = answer.json()
    assert [row["index"] for row in body["results"]] == list(range(8))
    assert [row["status"] for row in body["results"]] == [
        *("accepted", "filtered", "invalid", "invalid", "invalid", "invalid"),
        *("invalid", "accepted"),
    ]
    assert (body["accepted"], body["filtered"], body["invalid"]) == (2, 1, 5)
    assert body["results"][1]["verdict"]["category"] == "disposable"
    assert body["results"][2]["errors"][0]["field"] == "email"
    assert Signup.objects.count() == 3
    assert Delivery.objects.count() == 2


def test_a_batch_is_one_to_a_thousand(api: Api, display: Display) -> None:
    item = {"display": str(display.pk), "email": "a@gmail.com"}
    assert api.post("signups/batch", {"signups": []}).status_code == 422
    assert api.post("signups/batch", {"signups": {}}).status_code == 422
    assert api.post("signups/batch", {}).status_code == 422
    assert api.post("signups/batch", {"signups": [item] * 1001}).status_code == 422
    assert not Signup.objects.exists()
    many = [{**item, "email": f"person{i}@gmail.com"} for i in range(1000)]
    answer = api.post("signups/batch", {"signups": many})
    assert answer.status_code == 202 and len(answer.json()["results"]) == 1000
    assert Signup.objects.count() == 1000


def test_a_batch_needs_a_secret_key(shop: Api, display: Display) -> None:
    item = {"display": str(display.pk), "email": "a@gmail.com"}
    assert shop.post("signups/batch", {"signups": [item]}).status_code == 403


def test_a_repeated_batch_is_taken_once(api: Api, display: Display) -> None:
    body = {"signups": [{"display": str(display.pk), "email": "a@gmail.com"}]}
    first = api.post("signups/batch", body, idempotency_key="b1")
    again = api.post("signups/batch", body, idempotency_key="b1")
    assert again.json() == first.json() and again.status_code == 202
    assert again["Idempotency-Replayed"] == "true"
    assert Signup.objects.count() == 1


def test_an_audience_gets_the_name_that_the_provider_gives_it(
    api: Api, display: Display, linked: LinkedAccount
) -> None:
    body = {"linked_account": str(linked.pk), "audience": NEWSLETTER}
    rules = f"displays/{display.pk}/rules"
    made = api.post(rules, body).json()
    assert made["audience_label"] == "Newsletter"
    path = f"{rules}/{made['id']}"
    named = api.patch(path, {"audience": NEWSLETTER, "audience_label": "Ours"})
    assert named.json()["audience_label"] == "Ours"


def test_a_provider_that_is_down_keeps_nobody_from_making_a_rule(
    api: Api, display: Display, linked: LinkedAccount, sandbox: RunningSandbox
) -> None:
    sandbox.faults(status=503)
    body = {"linked_account": str(linked.pk), "audience": NEWSLETTER}
    made = api.post(f"displays/{display.pk}/rules", body)
    assert (made.status_code, made.json()["audience_label"]) == (201, "")
