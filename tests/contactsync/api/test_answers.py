"""What holds for every endpoint: errors, paging, wrong methods and media types."""

from __future__ import annotations

from typing import Any

import pytest

from contactsync.tenancy.models import Account
from contactsync.tenancy.services import IssuedKey
from displays.models import Display
from tests.contactsync.api.client import Api, fields_of

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "path",
    ["displays/7", "displays/spring", "displays/%00", "displays/../../etc/passwd"]
    + ["displays/01900000-0000-7000-8000-00000000000g", "nowhere", "", "displays//"]
    + ["deliveries/x", "deliveries/-1", "deliveries/1.5", "signups/batch/x", "%ff"],
)
def test_a_path_that_leads_nowhere_is_404(api: Api, path: str) -> None:
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        assert api.call(method, path, {}).status_code == 404


def test_one_slash_too_many_is_forgiven(api: Api, display: Display) -> None:
    assert api.get("displays/").json() == api.get("displays").json()
    path = f"displays/{display.pk}"
    assert api.patch(f"{path}/", {"headline": "Hi"}).json()["headline"] == "Hi"
    body = {"display": str(display.pk), "email": "mira@gmail.com"}
    assert api.post("signups/", body).status_code == 202
    assert len(api.get("signups/").json()["results"]) == 1


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "displays"),
        ("PUT", "displays"),
        ("POST", "contacts"),
        ("POST", "ledger"),
        ("GET", "hygiene/check"),
        ("GET", "signups/batch"),
        ("OPTIONS", "contacts"),
        ("TRACE", "contacts"),
        ("BREW", "contacts"),
    ],
)
def test_a_wrong_method_is_405_and_says_what_is_allowed(
    api: Api, method: str, path: str
) -> None:
    answer = api.call(method, path)
    assert answer.status_code == 405
    assert method not in answer["Allow"] and answer["Allow"]


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "text/html"]
)
def test_another_media_type_is_415(api: Api, content_type: str) -> None:
    answer = api.call("POST", "displays", {"name": "x"}, content_type=content_type)
    assert answer.status_code == 415
    assert not Display.objects.exists()


def test_other_answers_than_json_are_not_served(api: Api) -> None:
    assert api.get("displays", accept="text/html").status_code == 406
    assert api.get("displays", accept="text/html,*/*;q=0.1").status_code == 200


RUBBISH = {
    "cut off": b'{"name": "x"',
    "a list": b'[{"name": "x"}]',
    "a text": b'"x"',
    "NaN": b'{"name": NaN}',
    "1e999": b'{"name": 1e999}',
    "a name twice": b'{"name": "x", "name": "y"}',
    "NUL": rb'{"name": "a\u0000b"}',
    "half a character": rb'{"name": "\ud800"}',
    "not UTF-8": b'{"name": "\xff"}',
    "deep": b'{"name": ' + b"[" * 3000 + b"]" * 3000 + b"}",
}


@pytest.mark.parametrize("raw", RUBBISH.values(), ids=RUBBISH.keys())
@pytest.mark.parametrize(
    "path", ["displays", "signups/batch", "hygiene/check", "suppressions"]
)
def test_rubbish_is_400_everywhere(api: Api, path: str, raw: bytes) -> None:
    assert api.call("POST", path, raw).status_code == 400
    assert not Display.objects.exists()


def test_a_body_that_is_too_large_is_413(api: Api) -> None:
    large = b'{"name": "' + b"x" * 70_000 + b'"}'
    assert api.call("POST", "displays", large).status_code == 413
    larger = b'{"signups": ["' + b"x" * 9_000_000 + b'"]}'
    assert api.call("POST", "signups/batch", larger).status_code == 413


def test_several_wrong_fields_are_told_at_once(api: Api) -> None:
    answer = api.post("displays", {"kind": "banner", "status": 1, "colour": "red"})
    assert fields_of(answer) == {
        "name": "required",
        "kind": "choice",
        "status": "choice",
        "colour": "unknown",
    }
    assert "Unknown field" in answer.content.decode()


@pytest.fixture
def many(acme: Account) -> list[str]:
    """Five displays, newest first."""
    made = [Display.objects.create(account=acme, name=str(i)) for i in range(5)]
    return sorted((str(row.pk) for row in made), reverse=True)


def test_pages_follow_each_other_and_miss_nothing(
    api: Api, many: list[str], acme: Account
) -> None:
    seen: list[str] = []
    path = "displays?limit=2"
    while path:
        page = api.get(path).json()
        seen += [row["id"] for row in page["results"]]
        if len(seen) == 2:
            # A new row comes first, so it is on no later page.
            Display.objects.create(account=acme, name="new")
        path = (page["next"] or "").removeprefix("http://testserver")
    assert seen == many
    assert api.get("displays").json()["next"] is None


def test_the_way_back(api: Api, many: list[str]) -> None:
    def at(link: str) -> Any:
        return api.get(link.removeprefix("http://testserver")).json()

    first = api.get("displays?limit=2").json()
    back = at(at(first["next"])["previous"])
    assert back["results"] == first["results"]


@pytest.mark.parametrize("limit", ["0", "-1", "201", "x", "1e9", "9" * 50, "٣", " "])
def test_a_limit_that_is_none(api: Api, many: list[str], limit: str) -> None:
    answer = api.get(f"displays?limit={limit}")
    assert answer.status_code == 422
    assert fields_of(answer) == {"limit": "invalid"}


@pytest.mark.parametrize(
    "cursor",
    ["x", "%00", "cD0x", "cD1hYmM%3D", "bz0tMQ%3D%3D", "cD0lMDA%3D", "%FF", "cj0x8J%2B"]
    + ["cD05OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5"],
)
@pytest.mark.parametrize("path", ["displays", "deliveries", "events", "contacts"])
def test_a_cursor_that_we_never_gave(
    api: Api, many: list[str], path: str, cursor: str
) -> None:
    answer = api.get(f"{path}?cursor={cursor}")
    assert answer.status_code in (200, 422)
    if answer.status_code == 422:
        assert fields_of(answer) == {"cursor": "invalid"}


def test_a_filter_that_we_do_not_know_is_refused(api: Api) -> None:
    answer = api.get("contacts?stauts=accepted")
    assert fields_of(answer) == {"stauts": "unknown"}
    assert api.get("events?contact=%00").status_code == 422
    assert api.get("contacts?email=%00").status_code == 422


def test_too_many_calls_are_429(api: Api, settings: Any) -> None:
    settings.API_RATE_PER_KEY = "1/min"
    assert api.get("displays").status_code == 200
    answer = api.get("displays")
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) >= 1


def test_answers_are_not_kept_by_anybody(api: Api, display: Display) -> None:
    assert api.get("displays")["Cache-Control"] == "no-store"
    assert api.get(f"displays/{display.pk}")["Cache-Control"] == "no-store"
    assert api.get("nowhere")["Cache-Control"] == "no-store"


def test_the_first_request_of_a_process_finds_the_fast_lane(
    secret_key: IssuedKey,
) -> None:
    answer = Api(secret_key.text).get("signups")
    assert answer.status_code == 200
    assert answer.json() == {"next": None, "previous": None, "results": []}
    assert "sessionid" not in answer.cookies
