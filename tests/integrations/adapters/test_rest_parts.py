"""Parts of REST providers that are declared: pages, the account, fields with dots."""

from __future__ import annotations

from typing import ClassVar
from urllib.parse import parse_qsl, urlsplit

import pytest
import responses

from integrations.adapters.base import Contact, Field, Options
from integrations.adapters.errors import ScopeError
from integrations.adapters.rest import Rest, Write
from integrations.adapters.shapes import Row
from tests.integrations.conformance import wire

HOME = "https://api.example.com"


class Example(Rest):
    slug = "example"
    label = "Example"
    kind = "esp"
    home = HOME
    size_param, page_size, place_param = "limit", 2, "mark"
    next_keys: ClassVar[tuple[str, ...]] = ("links", "next")
    me_path, identity_keys = "/me", ("user.email", "id")
    probed = ("/lists",)
    states = {"on": "subscribed", "off": "unsubscribed"}
    own_fields = (
        Field(id="name", label="Name"),
        Field(id="place.city", label="City"),
        Field(id="place.zip", label="Postal code", type="zip"),
    )
    custom_key = "custom"

    def detail_of(self, row: Row, audience_id: str) -> str:
        return f"Since {row['since']}."


class ByQuery(Example):
    place_param = ""


class Endless(Example):
    next_keys: ClassVar[tuple[str, ...]] = ()


class Nameless(Example):
    nameless = "somebody"


def adapter(kind: type[Example] = Example) -> Example:
    return kind({"api_key": "0123456789"})


def queries(mock: responses.RequestsMock) -> list[dict[str, str]]:
    urls = [str(call.request.url) for call in mock.calls]
    return [dict(parse_qsl(urlsplit(url).query)) for url in urls]


@pytest.mark.parametrize(
    ("kind", "second"),
    [
        (Example, {"limit": "2", "sort": "age", "mark": "c2"}),
        (ByQuery, {"mark": "c2", "all": "1"}),
        (Endless, None),
    ],
)
def test_pages_lead_to_the_next(
    kind: type[Example], second: dict[str, str] | None
) -> None:
    following = {"next": f"{HOME}/people?mark=c2&all=1"}
    with wire() as mock:
        mock.add("GET", f"{HOME}/people", json={"people": [{}], "links": following})
        if second is not None:
            mock.add("GET", f"{HOME}/people", json={"people": [{}, {}]})
        found = list(adapter(kind).rows("/people", {"sort": "age"}))
        asked = queries(mock)
    assert asked == [{"limit": "2", "sort": "age"}, *([second] if second else [])]
    assert len(found) == (3 if second else 1)


def test_an_account_that_may_not_be_named() -> None:
    with wire() as mock, pytest.raises(ScopeError):
        mock.add("GET", f"{HOME}/me", status=403)
        adapter().verify()
    for status, identity in ((200, "a@x.org"), (403, "somebody")):
        with wire() as mock:
            mine = {"user": {"email": "a@x.org"}, "id": 7}
            mock.add("GET", f"{HOME}/me", status=status, json=mine)
            mock.add("GET", f"{HOME}/lists", json={"lists": []})
            reading = adapter(Nameless).verify()
        assert reading.identity == identity
        readable = [(each.name, each.readable) for each in reading.resources]
        assert readable == [("account", status == 200), ("lists", True)]


def test_dots_in_own_fields_lead_inwards() -> None:
    fields = {"name": "Ann", "place.city": "Rome", "place.zip": 1, "a.b": "c"}
    contact = Contact(email="a@x.org", fields=fields)
    record = adapter().record_of(contact)
    assert record == {
        "name": "Ann",
        "place": {"city": "Rome", "zip": "1"},
        "custom": {"a.b": "c"},
    }
    assert adapter().values_of(record) == {**fields, "place.zip": "1"}
    assert adapter().values_of({"place": None}) == {}


def test_who_is_to_be_written_and_who_is_not() -> None:
    contact = Contact(email="a@x.org")
    leave = Options(update_existing=False)

    def write(status: str | None, options: Options) -> Write:
        row = {"id": 7, "status": status, "since": "May"} if status else None
        return adapter().to_write(contact, row, "1", options)

    assert write(None, leave).fills
    assert write("on", Options()).fills
    assert not write("on", leave).fills
    assert write("on", leave).known.detail == "Since May."
    for status, options in ((None, leave), ("on", Options())):
        assert adapter().held_back(write(status, options)) is None
    for status, options in (("off", Options()), ("on", leave)):
        assert adapter().held_back(write(status, options)) is not None
