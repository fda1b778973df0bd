"""Rubbish, and strangers, at the endpoint that anybody may call."""

from __future__ import annotations

import json
from typing import Any

import pytest

from displays.models import Display, Signup
from displays.services import display_create, display_set_status
from tests.contactsync.api.client import Api, fields_of
from tests.displays.signups import body

pytestmark = pytest.mark.django_db

NOT_JSON = {
    "blank": b"   ",
    "a list": b"[]",
    "a text": b'"mira@gmail.com"',
    "null": b"null",
    "cut off": b'{"email": "mira@gmail.com"',
    "a form": b"email=mira%40gmail.com",
    "two values": b"{} {}",
    "single quotes": b"{'email': 'mira@gmail.com'}",
    "not UTF-8": b'{"email": "mira\xff@gmail.com"}',
    "UTF-16": '{"email": "mira@gmail.com"}'.encode("utf-16"),
    "NaN": b'{"elapsed_ms": NaN}',
    "Infinity": b'{"elapsed_ms": -Infinity}',
    "1e999": b'{"elapsed_ms": 1e999}',
    "an integer of 5000 digits": b'{"elapsed_ms": ' + b"9" * 5000 + b"}",
    "a name twice": b'{"email": "a@gmail.com", "email": "b@gmail.com"}',
    "a name twice within": b'{"fields": {"a": "1", "a": "2"}}',
    "5,000 levels of lists": b'{"fields": {"a": ' + b"[" * 5000 + b"]" * 5000 + b"}}",
    "60,000 open brackets": b"[" * 60_000,
    "a raw control character": b'{"email": "mi\x00ra@gmail.com"}',
}


@pytest.mark.usefixtures("nothing_written")
@pytest.mark.parametrize("raw", NOT_JSON.values(), ids=NOT_JSON.keys())
def test_what_is_not_json_is_400(shop: Api, display: Display, raw: bytes) -> None:
    answer = shop.call("POST", "signups", raw)
    assert answer.status_code == 400


CANNOT_BE_STORED = {
    "NUL in the address": ("email", r'"mi\u0000ra@gmail.com"'),
    "NUL in a value": ("fields.name", r'{"name": "a\u0000b"}'),
    "NUL in a name": ("(a name)", r'{"a\u0000b": "1"}'),
    "half a character": ("fields.name", r'{"name": "\ud83d"}'),
    "the other half": ("fields.name", r'{"name": "\ude00 x"}'),
    "halves in the wrong order": ("fields.name", r'{"name": "\ude00\ud83d"}'),
    "too deep": ("fields", '{"a": {"b": {"c": {"d": {"e": {"f": [[[1]]]}}}}}}'),
}


@pytest.mark.usefixtures("nothing_written")
@pytest.mark.parametrize(
    ("field", "text"), CANNOT_BE_STORED.values(), ids=CANNOT_BE_STORED.keys()
)
def test_what_cannot_be_stored_is_400_and_named(
    shop: Api, display: Display, field: str, text: str
) -> None:
    name = "email" if field == "email" else "fields"
    raw = f'{{"display": "{display.pk}", "{name}": {text}}}'.encode()
    answer = shop.call("POST", "signups", raw)
    assert answer.status_code == 400
    assert field in ",".join(fields_of(answer)) or name in ",".join(fields_of(answer))


def test_a_whole_character_by_its_halves_is_fine(shop: Api, display: Display) -> None:
    raw = json.dumps(body(display, fields={"name": "😀"})).encode()
    assert b"\\ud83d\\ude00" in raw
    assert shop.call("POST", "signups", raw).status_code == 202
    assert Signup.objects.get().fields == {"name": "😀"}


WRONG = {
    "email is a number": ("email", {"email": 5}),
    "email is a list": ("email", {"email": ["a@gmail.com"]}),
    "email is an object": ("email", {"email": {"$ne": None}}),
    "email is true": ("email", {"email": True}),
    "email is null": ("email", {"email": None}),
    "email is empty": ("email", {"email": ""}),
    "email is blank": ("email", {"email": "  \t "}),
    "email is too long": ("email", {"email": "a" * 400 + "@gmail.com"}),
    "display is no id": ("display", {"display": "spring"}),
    "display is a number": ("display", {"display": 7}),
    "display is a list": ("display", {"display": []}),
    "display is null": ("display", {"display": None}),
    "fields is a list": ("fields", {"fields": [1]}),
    "fields is a text": ("fields", {"fields": "x"}),
    "a field is an object": ("fields.a", {"fields": {"a": {"b": "c"}}}),
    "a field is a list of numbers": ("fields.a", {"fields": {"a": [1, 2]}}),
    "a field is long": ("fields.a", {"fields": {"a": "x" * 2001}}),
    "a field's name is empty": ("fields.", {"fields": {"": "x"}}),
    "a field's name is long": ("fields." + "n" * 64, {"fields": {"n" * 65: "x"}}),
    "51 fields": ("fields", {"fields": {f"f{i}": "x" for i in range(51)}}),
    "consent is true": ("consent", {"consent": True}),
    "consent.given is a text": ("consent", {"consent": {"given": "yes"}}),
    "consent.text is a number": (
        "consent.text",
        {"consent": {"given": True, "text": 1}},
    ),
    "page_url is an object": ("page_url", {"page_url": {}}),
    "page_url is too long": ("page_url", {"page_url": "https://x/" + "a" * 2000}),
    "referrer is a number": ("referrer", {"referrer": 1}),
    "utm is a list": ("utm", {"utm": []}),
    "a utm value is a number": ("utm.source", {"utm": {"source": 1}}),
    "token is a number": ("token", {"token": 1}),
    "elapsed_ms is a text": ("elapsed_ms", {"elapsed_ms": "10"}),
    "elapsed_ms is a fraction": ("elapsed_ms", {"elapsed_ms": 1.5}),
    "elapsed_ms is true": ("elapsed_ms", {"elapsed_ms": True}),
    "elapsed_ms is negative": ("elapsed_ms", {"elapsed_ms": -1}),
    "elapsed_ms is huge": ("elapsed_ms", {"elapsed_ms": 10**300}),
    "hp is a list": ("hp", {"hp": ["x"]}),
    "an unknown name": ("mail", {"mail": "a@gmail.com"}),
    "a prototype": ("__proto__", {"__proto__": {"admin": True}}),
}


@pytest.mark.usefixtures("nothing_written")
@pytest.mark.parametrize(("field", "change"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_value_is_422_and_named(
    shop: Api, display: Display, field: str, change: dict[str, Any]
) -> None:
    answer = shop.post("signups", {**body(display), **change})
    assert answer.status_code == 422
    assert field in fields_of(answer)


@pytest.mark.usefixtures("nothing_written")
def test_all_errors_are_told_at_once(shop: Api) -> None:
    answer = shop.post("signups", {"email": 5, "fields": [], "colour": "red"})
    assert answer.status_code == 422
    assert set(fields_of(answer)) == {"email", "fields", "colour", "display"}
    assert "Unknown field" in answer.content.decode()


STRANGE = {
    "an integer of 4,000 digits": int("9" * 4000),
    "a small fraction": 1e-300,
    "a large number": 1.7e308,
    "minus zero": -0.0,
    "false": False,
    "a list of texts": ["a", "b"],
    "right to left": "\u202emoc.liamg@arim",
    "only combining marks": "\u0301\u0301",
    "SQL": "'); DROP TABLE displays_signup; --",
    "percent signs": "%s %(id)s %%",
    "markup": "<script>alert(1)</script>",
    "a line break": "a\r\nb",
    "a private character": "\ue000\U0010ffff",
}


@pytest.mark.parametrize("value", STRANGE.values(), ids=STRANGE.keys())
def test_strange_values_come_back_as_they_were(
    shop: Api, server: Api, display: Display, value: Any
) -> None:
    answer = shop.post("signups", body(display, fields={"x": value}))
    assert answer.status_code == 202
    read = server.get(f"signups/{answer.json()['id']}")
    assert read.status_code == 200
    kept = read.json()["fields"]["x"]
    if isinstance(value, str):
        assert kept == value.strip()
    else:  # PostgreSQL keeps 1.7e308 as the decimal number that was written
        assert kept == value or float(kept) == value
    # The contact is merged by another statement, the second time by its other branch.
    assert shop.post("signups", body(display, fields={"x": value})).status_code == 202
    contact = server.get(f"contacts/{read.json()['contact']}").json()
    assert contact["fields"]["x"] == kept


ADDRESSES = [
    "x",
    "@",
    "a@b",
    "'",
    "a@" + "b" * 300,
    "a b@c.de",
    "müller@bücher.example",
]


@pytest.mark.parametrize("email", ADDRESSES)
def test_what_is_no_address_is_filtered_not_lost(
    shop: Api, server: Api, display: Display, email: str
) -> None:
    answer = shop.post("signups", body(display, email=email))
    assert answer.status_code == 202
    signup = server.get(f"signups/{answer.json()['id']}").json()
    assert signup["status"] == "filtered"
    assert signup["verdict"]["category"] != "valid" and signup["verdict"]["evidence"]


@pytest.mark.usefixtures("nothing_written")
def test_a_large_body_is_413_however_it_is_sent(shop: Api, display: Display) -> None:
    large = json.dumps(body(display, fields={"x": "a" * 10_000_000})).encode()
    answer = shop.call("POST", "signups", large)
    assert answer.status_code == 413
    # The same with a header that says it is small.
    answer = shop.client.generic(
        "POST",
        "/api/v1/signups",
        b"{" + b" " * 100_000 + b"}",
        content_type="application/json",
        headers={"authorization": f"Bearer {shop.key}"},
    )
    assert answer.status_code == 413


@pytest.mark.usefixtures("nothing_written")
@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "application/x-www-form-urlencoded", "application/xml"]
    + ["multipart/form-data; boundary=x", "application/jsonp", "rubbish"],
)
def test_another_media_type_is_415(
    shop: Api, display: Display, content_type: str
) -> None:
    answer = shop.call("POST", "signups", body(display), content_type=content_type)
    assert answer.status_code == 415


def test_json_with_a_charset_is_json(shop: Api, display: Display) -> None:
    answer = shop.call(
        "POST", "signups", body(display), content_type="application/json; charset=utf-8"
    )
    assert answer.status_code == 202


@pytest.mark.usefixtures("nothing_written")
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "QUERY"])
def test_another_method_is_405(shop: Api, method: str) -> None:
    answer = shop.call(method, "signups")
    assert answer.status_code == 405
    assert "POST" in answer["Allow"]


@pytest.mark.usefixtures("nothing_written")
def test_a_display_that_takes_no_signups_is_422(
    shop: Api, display: Display, other: Any
) -> None:
    strangers = display_create(account=other, name="X", kind="popup", status="live")
    unknown = shop.post("signups", body(display, display=str(strangers.pk)))
    never = shop.post("signups", body(display, display=str(other_id())))
    assert unknown.status_code == never.status_code == 422
    assert unknown.content == never.content  # a stranger's display is not there
    for status in ("draft", "paused", "archived"):
        display_set_status(display=display, status=status)
        answer = shop.post("signups", body(display))
        assert answer.status_code == 422
        assert fields_of(answer) == {"display": "not_live"}
        assert status in answer.json()["detail"]


def other_id() -> str:
    return "01900000-0000-7000-8000-000000000000"


@pytest.mark.usefixtures("nothing_written")
def test_a_list_that_is_too_long_is_named(shop: Api, display: Display) -> None:
    fields = {"sizes": ["m"] * 51, "name": "Mira"}
    answer = shop.post("signups", body(display, fields=fields))
    assert answer.status_code == 422
    assert fields_of(answer) == {"fields.sizes": "too_many"}


def test_a_list_of_fifty_is_kept(shop: Api, display: Display) -> None:
    fields = {"sizes": ["m"] * 50}
    assert shop.post("signups", body(display, fields=fields)).status_code == 202
    assert Signup.objects.get().fields == fields
