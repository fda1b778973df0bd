"""Pages that never end: a provider that gives the same one again and again."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import responses

from integrations.adapters import ADAPTERS
from integrations.adapters.base import Page
from integrations.adapters.errors import TransientError
from integrations.adapters.paging import all_pages, batches

HOME = "https://provider.example"
EVERYTHING = re.compile(".*")
Call = Callable[[Any], object]


def field(number: int) -> dict[str, Any]:
    return {"field_code": f"f{number}", "field_name": "F", "field_type": "text"}


AUDIENCES: Call = lambda a: a.audiences()  # noqa: E731
ENDLESS: dict[str, tuple[dict[str, str], Call, Any]] = {
    "klaviyo": (
        {"api_key": "pk_0123456789"},
        AUDIENCES,
        {"data": [{"id": "1"}], "links": {"next": f"{HOME}/?page[cursor]=same"}},
    ),
    "constantcontact": (
        {"access_token": "0123456789"},
        AUDIENCES,
        {
            "lists": [{"list_id": "1"}],
            "_links": {"next": {"href": "/v3/contact_lists?cursor=same"}},
        },
    ),
    "kit": (
        {"api_key": "kit_0123456789"},
        AUDIENCES,
        {"forms": [], "pagination": {"has_next_page": True, "end_cursor": "same"}},
    ),
    "messagemedia": (
        {"api_key": "0123456789", "api_secret": "9876543210"},
        lambda a: a.custom_fields,
        {"content": [{"id": "1"}], "nextPageToken": "same"},
    ),
    "pipedrive": (
        {"api_token": "0123456789"},
        AUDIENCES,
        {"data": [field(1)], "additional_data": {"next_cursor": "same"}},
    ),
    "salesforce": (
        {"access_token": "0123456789"},
        lambda a: list(a.query("SELECT Id FROM Lead")),
        {
            "records": [{"Id": "1"}],
            "done": False,
            "nextRecordsUrl": "/services/data/v64.0/query/same-1",
        },
    ),
    "activecampaign": (
        {"url": HOME, "api_key": "0123456789"},
        lambda a: list(a.rows("/api/3/lists")),
        {"lists": [{"id": str(n)} for n in range(100)], "meta": {"total": "1"}},
    ),
    "aweber": (
        {"access_token": "0123456789"},
        lambda a: a.sub_accounts(),
        {"entries": [{"id": 1}], "next_collection_link": "more"},
    ),
    "mailchimp": (
        {"api_key": "0123456789abcdef0123456789abcdef-us6"},
        AUDIENCES,
        {"lists": [{"id": "1"}], "total_items": 10**9},
    ),
    "mailerlite": (
        {"api_key": "0123456789"},
        AUDIENCES,
        {"data": [{"id": "1"}], "meta": {"last_page": 10**9}},
    ),
    "mailman": (
        {"url": HOME, "username": "u", "password": "0123456789"},
        lambda a: list(a.rows("/3.1/lists")),
        {"entries": [{"list_id": "1"}], "total_size": 10**9},
    ),
    "icontact": (
        {"app_id": "0123456789", "username": "u", "api_password": "9876543210"},
        lambda a: a.sub_accounts(),
        {"accounts": [{"accountId": "1", "enabled": 0}], "total": 10**9},
    ),
    "brevo": (
        {"api_key": "xkeysib-0123456789"},
        AUDIENCES,
        {"lists": [{"id": 1}], "count": 10**9},
    ),
    "emailoctopus": (
        {"api_key": "0123456789"},
        AUDIENCES,
        {"data": [{"id": "1"}], "paging": {"next": {"starting_after": "same"}}},
    ),
    "hubspot": (
        {"token": "pat-0123456789"},
        lambda a: list(a._lists()),
        {"lists": [{"listId": "1"}], "hasMore": True},
    ),
    "zoho": (
        {"access_token": "0123456789"},
        lambda a: a.find(["a@x.org"], "Leads"),
        {"data": [{"id": "1", "Email": "a@x.org"}], "info": {"more_records": True}},
    ),
}


@pytest.mark.parametrize("slug", ENDLESS)
def test_the_same_page_again_and_again_is_the_providers_failure(slug: str) -> None:
    secrets, call, answer = ENDLESS[slug]
    adapter = ADAPTERS[slug](secrets, base_url=HOME)
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        for method in ("GET", "POST"):
            for _ in range(6):
                mock.add(method, url=EVERYTHING, json=answer)
        with pytest.raises(TransientError, match="cannot be read"):
            call(adapter)
        assert len(mock.calls) < 5


def test_a_walk_whose_place_does_not_move_is_the_providers_failure() -> None:
    answer = {
        "subscribers": [],
        "pagination": {"has_next_page": True, "end_cursor": "same"},
    }
    kit = ADAPTERS["kit"]({"api_key": "kit_0123456789"}, base_url=HOME)
    with responses.RequestsMock() as mock:
        mock.add("GET", url=EVERYTHING, json=answer)
        first = kit.changes("form:1", "")
        assert isinstance(first, Page) and first.more
        with pytest.raises(TransientError, match="cannot be read"):
            kit.changes("form:1", first.cursor)


def test_pages_end_where_the_provider_says_so() -> None:
    pages: dict[int, tuple[list[str], int | None]] = {
        0: (["a", "b"], 2),
        2: ([], 3),
        3: (["a"], 0),
    }
    assert list(all_pages(lambda place: pages[place], 0)) == ["a", "b", "a"]


@pytest.mark.parametrize(
    ("items", "parts"),
    [([], []), ([1, 2], [[1, 2]]), ([1, 2, 3, 4, 5], [[1, 2], [3, 4], [5]])],
)
def test_batches_are_full_but_for_the_last(
    items: list[int], parts: list[list[int]]
) -> None:
    assert list(batches(items, 2)) == parts


def test_a_circle_of_pages_is_seen() -> None:
    following = {"": "x", "x": "y", "y": "x"}
    found = all_pages(lambda place: ([place], following[place]), "")
    with pytest.raises(TransientError):
        list(found)


def test_so_many_at_once() -> None:
    assert list(batches("abcde", 2)) == ["ab", "cd", "e"]
    assert list(batches([], 2)) == []
