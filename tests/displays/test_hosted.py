"""A display's hosted page, as visitors and as those who only look like visitors."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core import signing
from django.test import Client

from contacts.models import Consent
from displays import hosted
from displays.models import Display, Signup
from displays.services import display_set_status

pytestmark = pytest.mark.django_db


@pytest.fixture
def place(display: Display) -> str:
    return f"/d/{display.pk}/"


@pytest.fixture
def visitor() -> Client:
    return Client(enforce_csrf_checks=True)


def stamp(display: Display, seconds_ago: float = 30) -> str:
    at = hosted.now_ms() - int(seconds_ago * 1000)
    return hosted.Stamp.new(display.pk, at).token


def filled(display: Display, **more: Any) -> dict[str, Any]:
    return {
        "email": "ada.lovelace@acme-mail.com",
        "first_name": "Ada",
        "consent": "on",
        "website": "",
        "stamp": stamp(display),
        **more,
    }


def text_of(response: Any) -> str:
    return " ".join(response.content.decode().split())


def test_form_needs_no_log_in_no_cookie_and_no_script(
    visitor: Client, place: str, display: Display
) -> None:
    answer = visitor.get(place)
    seen = text_of(answer)
    assert answer.status_code == 200
    assert "Join our list" in seen
    assert display.consent_text in seen
    assert "First name" in seen
    assert "<script" not in seen
    assert "style=" not in seen
    assert not answer.cookies
    assert "Cookie" not in answer.headers.get("Vary", "")
    assert answer["Cache-Control"] == "no-store"


def test_a_signup_is_stored_with_its_consent_and_campaign(
    visitor: Client, place: str, display: Display, settings: Any
) -> None:
    answer = visitor.post(f"{place}?utm_campaign=spring&utm_x=1", filled(display))
    assert answer.status_code == 303
    assert answer["Location"] == f"{place}?done=1"
    assert not answer.cookies
    assert "Thank you" in text_of(visitor.get(answer["Location"]))
    signup = Signup.objects.get()
    assert (signup.status, signup.account_id) == ("accepted", display.account_id)
    assert signup.fields == {"first_name": "Ada"}
    assert signup.context == {
        "utm": {"campaign": "spring"},
        "page_url": settings.BASE_URL + place,
    }
    consent = Consent.objects.get()
    assert (consent.given, consent.text) == (True, display.consent_text)


def test_an_unticked_box_is_recorded_as_no(
    visitor: Client, place: str, display: Display
) -> None:
    body = filled(display)
    del body["consent"]
    assert visitor.post(place, body).status_code == 303
    assert Consent.objects.get().given is False


ANSWERED_ALIKE = {
    "new": {},
    "known": {"email": "known@acme-mail.com"},
    "role address": {"email": "sales@acme-mail.com"},
    "not an address of any host": {"email": "x@y"},
    "honeypot": {"website": "https://spam.test"},
    "honeypot with NUL": {"website": "\x00"},
}


@pytest.mark.parametrize("change", ANSWERED_ALIKE.values(), ids=ANSWERED_ALIKE.keys())
def test_every_address_gets_the_same_answer(
    visitor: Client, place: str, display: Display, change: dict[str, str]
) -> None:
    visitor.post(place, filled(display, email="known@acme-mail.com"))
    answer = visitor.post(place, filled(display, **change))
    assert (answer.status_code, answer["Location"]) == (303, f"{place}?done=1")
    assert answer.content == b""
    assert Signup.objects.count() == 2


def test_bots_are_filtered_in_silence(
    visitor: Client, place: str, display: Display
) -> None:
    visitor.post(place, filled(display, website="https://spam.test"))
    visitor.post(
        place, filled(display, email="b@acme-mail.com", stamp=stamp(display, 0))
    )
    assert [s.category for s in Signup.objects.order_by("id")] == ["bot", "bot"]


WRONG = [
    ({"email": ""}, "Enter your email address."),
    ({"email": "   "}, "Enter your email address."),
    ({"email": "ada"}, "Enter an email address, such as"),
    ({"email": "a\x00@b.test"}, "Null characters are not allowed."),
    ({"email": "a" * 400 + "@b.test"}, "at most 320 characters"),
    ({"first_name": "A\x00"}, "Null characters are not allowed."),
    ({"first_name": "A" * 201}, "at most 200 characters"),
]


@pytest.mark.parametrize(("change", "sentence"), WRONG)
def test_what_is_wrong_stands_at_its_field_and_values_stay(
    visitor: Client,
    place: str,
    display: Display,
    change: dict[str, str],
    sentence: str,
) -> None:
    body = filled(display, **change)
    answer = visitor.post(place, body)
    seen = text_of(answer)
    assert answer.status_code == 422
    assert sentence in seen
    assert 'aria-invalid="true"' in seen
    assert "checked" in seen
    if "email" in change:
        assert 'value="Ada"' in seen
    assert f'value="{body["stamp"]}"' in seen
    assert not Signup.objects.exists()


def test_markup_in_a_field_stays_text(
    visitor: Client, place: str, display: Display
) -> None:
    answer = visitor.post(place, filled(display, email='"><script>alert(1)</script>'))
    assert b"<script" not in answer.content


@pytest.mark.parametrize("token", ["", "nonsense", "a:b:c", "x" * 9000])
def test_a_forged_stamp_takes_nothing(
    visitor: Client, place: str, display: Display, token: str
) -> None:
    answer = visitor.post(place, filled(display, stamp=token))
    assert answer.status_code == 422
    assert "Please press again." in text_of(answer)
    assert not Signup.objects.exists()


def test_a_stamp_of_another_display_takes_nothing(
    visitor: Client, place: str, display: Display
) -> None:
    twin = Display.objects.create(account=display.account, name="Twin", status="live")
    answer = visitor.post(place, filled(display, stamp=stamp(twin)))
    assert answer.status_code == 422
    foreign = signing.dumps(0, salt="another")
    assert visitor.post(place, filled(display, stamp=foreign)).status_code == 422


def test_a_page_left_open_for_days_works_at_the_second_press(
    visitor: Client, place: str, display: Display
) -> None:
    answer = visitor.post(place, filled(display, stamp=stamp(display, 3 * 86400)))
    assert answer.status_code == 422
    renewed = re.search(r'name="stamp" value="([^"]+)"', answer.content.decode())
    assert renewed is not None
    again = visitor.post(place, filled(display, stamp=renewed[1]))
    assert again.status_code == 303
    assert Signup.objects.get().status == "accepted"


@pytest.mark.parametrize(
    ("status", "code"), [("draft", 404), ("paused", 410), ("archived", 410)]
)
def test_a_display_that_is_not_live_is_closed(
    visitor: Client, place: str, display: Display, status: str, code: int
) -> None:
    display_set_status(display=display, status=status)
    for answer in (visitor.get(place), visitor.post(place, filled(display))):
        assert answer.status_code == code
        assert "<h1" in answer.content.decode()
    assert not Signup.objects.exists()


def test_an_unknown_display_is_not_found(visitor: Client, db: None) -> None:
    answer = visitor.get("/d/01912345-0000-7000-8000-000000000000/")
    assert answer.status_code == 404
    assert "This page does not exist" in text_of(answer)


def test_too_many_from_one_network_must_wait(
    visitor: Client, place: str, display: Display, settings: Any
) -> None:
    settings.SIGNUP_RATE_PER_IP = "2/min"
    for number in range(2):
        body = filled(display, email=f"ada{number}@acme-mail.com")
        assert visitor.post(place, body).status_code == 303
    answer = visitor.post(place, filled(display))
    assert answer.status_code == 429
    assert 1 <= int(answer["Retry-After"]) <= 61
    assert "One moment" in text_of(answer)
    assert visitor.get(place).status_code == 200


def test_a_field_of_10_mb_is_too_much(
    visitor: Client, place: str, display: Display
) -> None:
    answer = visitor.post(place, filled(display, first_name="x" * 10_000_000))
    assert answer.status_code == 413


BODIES = [
    (b" ", "application/x-www-form-urlencoded", 422),
    (b"%ff%fe=%00&email=%ED%A0%80", "application/x-www-form-urlencoded", 422),
    (b"email=a%40b.test", "application/x-www-form-urlencoded; charset=utf-7", 415),
    (b"{}", "application/json", 415),
    (b"x", "multipart/form-data", 400),
    (b"x", "multipart/form-data; boundary=\xff", 400),
    (
        b"&".join(b"a%d=1" % n for n in range(1500)),
        "application/x-www-form-urlencoded",
        400,
    ),
]


@pytest.mark.parametrize(("body", "kind", "status"), BODIES)
def test_odd_bodies_get_a_clear_refusal(
    visitor: Client, place: str, body: bytes, kind: Any, status: int
) -> None:
    answer = visitor.generic("POST", place, body, content_type=kind)
    assert answer.status_code == status
    assert not Signup.objects.exists()


@pytest.mark.parametrize("method", ["put", "delete", "patch"])
def test_other_methods_are_not_allowed(
    visitor: Client, place: str, method: str
) -> None:
    assert getattr(visitor, method)(place).status_code == 405


def test_odd_campaigns_are_left_out(
    visitor: Client, place: str, display: Display
) -> None:
    query = "utm_source=%00&utm_medium=%ED%A0%80&utm_campaign=" + "x" * 900
    assert visitor.post(f"{place}?{query}", filled(display)).status_code == 303
    utm = Signup.objects.get().context["utm"]
    assert utm["campaign"] == "x" * 200
    assert "source" not in utm


def test_without_ask_name_a_name_is_neither_asked_nor_taken(
    visitor: Client, place: str, display: Display
) -> None:
    Display.objects.filter(pk=display.pk).update(ask_name=False)
    assert "First name" not in text_of(visitor.get(place))
    assert visitor.post(place, filled(display)).status_code == 303
    assert Signup.objects.get().fields == {}
