"""Who may post a signup, from where, how often, and what a repeat does."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from contactsync.tenancy.models import ApiKey
from contactsync.tenancy.services import IssuedKey, api_key_issue, api_key_revoke
from displays.models import Display, Signup
from displays.services import display_create
from integrations.models import Delivery
from tests.contactsync.api.client import Api, fields_of
from tests.displays.signups import ORIGIN, body, rows
from tests.integrations.world import rule_to

pytestmark = pytest.mark.django_db


@pytest.mark.usefixtures("nothing_written")
@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Basic cGs6", "Bearer pk_live_unknown", "pk_live_x"]
    + ["Bearer \xff\xfe", "Bearer " + "x" * 5000, "Bearer a b c"],
)
def test_without_a_key_that_is_known_401(display: Display, header: str) -> None:
    answer = Api().post("signups", body(display), authorization=header)
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.usefixtures("nothing_written")
def test_a_revoked_key_is_401(
    shop: Api, publishable_key: IssuedKey, display: Display
) -> None:
    api_key_revoke(key=publishable_key.key)
    assert shop.post("signups", body(display)).status_code == 401


@pytest.mark.usefixtures("nothing_written")
def test_a_key_in_the_address_is_not_a_key(
    publishable_key: IssuedKey, display: Display
) -> None:
    path = f"signups?key={publishable_key.text}&api_key={publishable_key.text}"
    assert Api().post(path, body(display)).status_code == 401


@pytest.mark.usefixtures("nothing_written")
@pytest.mark.parametrize(
    "origin",
    ["https://evil.test", "null", ORIGIN + ".evil.test", "http://shop.acme.test"]
    + [ORIGIN + ":8443", ORIGIN.upper()],
)
def test_a_foreign_origin_is_403_and_may_read_why(
    shop: Api, display: Display, origin: str
) -> None:
    answer = shop.post("signups", body(display), origin=origin)
    assert answer.status_code == 403
    assert fields_of(answer) == {"Origin": "origin"}
    assert answer["Access-Control-Allow-Origin"] == origin


def test_the_shop_s_origin_may_post_and_read(shop: Api, display: Display) -> None:
    answer = shop.post("signups", body(display), origin=ORIGIN)
    assert answer.status_code == 202
    assert answer["Access-Control-Allow-Origin"] == ORIGIN
    assert "Origin" in answer["Vary"]
    assert "Access-Control-Allow-Credentials" not in answer


@pytest.mark.usefixtures("nothing_written")
def test_a_preflight_needs_no_key(db: None) -> None:
    answer = Client().options(
        "/api/v1/signups",
        headers={
            "origin": ORIGIN,
            "access-control-request-method": "POST",
            "access-control-request-headers": "authorization,content-type",
        },
    )
    assert answer.status_code == 204
    assert answer["Access-Control-Allow-Origin"] == ORIGIN
    assert "POST" in answer["Access-Control-Allow-Methods"]
    allowed = answer["Access-Control-Allow-Headers"].lower()
    assert "authorization" in allowed and "content-type" in allowed


def test_to_a_page_every_address_gets_the_same_answer(
    shop: Api, server: Api, display: Display
) -> None:
    known = shop.post("signups", body(display))
    server.post("suppressions", {"email": "gone@gmail.com"})
    answers = [
        shop.post("signups", body(display, email=email))
        for email in ("mira@gmail.com", "new@gmail.com", "x@mailinator.com", "rubbish")
        + ("admin@acme.test", "gone@gmail.com")
    ] + [shop.post("signups", body(display, hp="I am a bot"))]
    for answer in answers:
        assert answer.status_code == known.status_code == 202
        assert set(answer.json()) == set(known.json()) == {"id", "status"}
        assert answer.json()["status"] == "accepted"
        assert dict(answer.headers) | {"Content-Length": ""} == dict(known.headers) | {
            "Content-Length": ""
        }
    statuses = set(Signup.objects.values_list("status", flat=True))
    assert statuses == {"accepted", "filtered"}


def test_the_same_idempotency_key_is_one_signup(
    shop: Api, display: Display, linked: Any
) -> None:
    rule_to(display, linked)
    first = shop.post("signups", body(display), idempotency_key="order-1")
    before = rows()
    again = shop.post("signups", body(display), idempotency_key="order-1")
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.json() == first.json()
    assert rows() == before
    assert Delivery.objects.count() == 1


def test_an_idempotency_key_with_another_body_is_422(
    shop: Api, display: Display
) -> None:
    shop.post("signups", body(display), idempotency_key="order-1")
    before = rows()
    email = "other@gmail.com"
    answer = shop.post("signups", body(display, email=email), idempotency_key="order-1")
    assert answer.status_code == 422
    assert fields_of(answer) == {"Idempotency-Key": "reused"}
    assert rows() == before


def test_two_accounts_may_use_the_same_idempotency_key(
    shop: Api, display: Display, other: Any
) -> None:
    theirs = display_create(account=other, name="X", kind="popup", status="live")
    key = api_key_issue(account=other, kind="sk", name="theirs")
    shop.post("signups", body(display), idempotency_key="1")
    answer = Api(key.text).post(
        "signups",
        {"display": str(theirs.pk), "email": "z@gmail.com"},
        idempotency_key="1",
    )
    assert answer.status_code == 202
    assert Signup.objects.for_account(other).count() == 1


@pytest.mark.usefixtures("nothing_written")
@pytest.mark.parametrize("text", ["x" * 256, "a\tb"])
def test_an_idempotency_key_that_is_none(
    shop: Api, display: Display, text: str
) -> None:
    answer = shop.post("signups", body(display), idempotency_key=text)
    assert answer.status_code == 422
    assert "Idempotency-Key" in fields_of(answer)


def test_too_many_from_one_address_is_429(
    shop: Api, server: Api, display: Display, settings: Any
) -> None:
    settings.SIGNUP_RATE_PER_IP = "2/min"
    for _ in range(2):
        assert shop.post("signups", body(display)).status_code == 202
    before = rows()
    answer = shop.post("signups", body(display))
    assert answer.status_code == 429
    assert 1 <= int(answer["Retry-After"]) <= 61
    assert rows() == before
    assert server.post("signups", body(display)).status_code == 202  # counted by key


def test_too_many_with_one_key_is_429(
    server: Api, display: Display, settings: Any
) -> None:
    settings.SIGNUP_RATE_PER_KEY = "1/min"
    assert server.post("signups", body(display)).status_code == 202
    answer = server.post("signups", body(display))
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) >= 1
    assert Signup.objects.count() == 1


def test_a_test_key_takes_test_signups(display: Display, acme: Any) -> None:
    key = api_key_issue(
        account=acme, kind="sk", name="t", environment=ApiKey.Environment.TEST
    )
    assert Api(key.text).post("signups", body(display)).status_code == 202
    assert Signup.objects.get().environment == "test"
