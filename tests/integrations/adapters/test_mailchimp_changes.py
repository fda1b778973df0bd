"""Reading an audience's changes and webhooks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import responses

from integrations.adapters.base import Change, Incoming
from integrations.adapters.errors import CredentialsError, Reason, RejectedError
from integrations.adapters.mailchimp import Mailchimp
from tests.integrations.adapters.mailchimp_world import KEY, LIST, REFUSED, member

NOW = 3600  # seconds after the start of an `Audience`


class Audience:
    """A list that answers GET members as documented: since (exclusive), sort, page."""

    def __init__(self) -> None:
        now = datetime.now(UTC).replace(microsecond=0)
        self.start = now - timedelta(seconds=NOW)
        self.members: dict[str, dict[str, Any]] = {}

    def put(self, number: int, second: int, status: str = "subscribed") -> None:
        email = f"p{number}@x.org"
        at = (self.start + timedelta(seconds=second)).isoformat()
        self.members[email] = member(email, status, last_changed=at)

    def answer(self, request: Any) -> tuple[int, dict[str, str], str]:
        query = {k: v[0] for k, v in parse_qs(urlsplit(request.url).query).items()}
        assert query["sort_field"] == "last_changed"
        assert query["sort_dir"] == "ASC"
        since = query.get("since_last_changed", "")
        wanted = query.get("status")
        found = sorted(
            (
                row
                for row in self.members.values()
                if row["last_changed"] > since
                and (row["status"] == wanted if wanted else row["status"] != "archived")
            ),
            key=lambda row: row["last_changed"],
        )
        offset, count = int(query["offset"]), int(query["count"])
        body = {"members": found[offset : offset + count], "total_items": len(found)}
        return 200, {}, json.dumps(body)


@contextmanager
def serving(audience: Audience) -> Iterator[Mailchimp]:
    with responses.RequestsMock() as mock:
        mock.add_callback("GET", f"{LIST}/members", callback=audience.answer)
        yield Mailchimp({"api_key": KEY})


def round_of(
    adapter: Mailchimp, cursor: str, between: Any = lambda: None
) -> tuple[list[Change], str, bool]:
    """All changes of one round, the next cursor, and whether it was complete."""
    changes: list[Change] = []
    for _ in range(200):
        page = adapter.changes("a1", cursor)
        changes += page.changes
        cursor = page.cursor
        if not page.more:
            return changes, cursor, page.complete
        between()
    raise AssertionError("the walk does not end")


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Mailchimp, "page_size", 4)


@pytest.mark.usefixtures("small_pages")
class TestWalk:
    def test_the_first_round_gives_everybody_and_says_so(self) -> None:
        audience = Audience()
        for number in range(30):
            audience.put(
                number, number * 7, "archived" if number % 5 == 0 else "pending"
            )
        with serving(audience) as adapter:
            changes, cursor, complete = round_of(adapter, "")
            assert {change.email for change in changes} == set(audience.members)
            assert complete
            archived = {c.email for c in changes if c.status == "archived"}
            assert len(archived) == 6
            _, _, complete = round_of(adapter, cursor)
            assert not complete

    def test_later_rounds_give_only_what_is_new_or_close_to_it(self) -> None:
        audience = Audience()
        for number in range(10):
            audience.put(number, number * 60)
        with serving(audience) as adapter:
            _, cursor, _ = round_of(adapter, "")
            audience.put(3, NOW, "unsubscribed")
            audience.put(11, NOW + 1, "archived")
            changes, cursor, _ = round_of(adapter, cursor)
            found = {change.email: change.status for change in changes}
            assert found["p3@x.org"] == "unsubscribed"
            assert found["p11@x.org"] == "archived"
            assert len(found) <= 3

    def test_a_row_of_the_same_second_is_not_missed(self) -> None:
        audience = Audience()
        audience.put(1, NOW)
        with serving(audience) as adapter:
            _, cursor, _ = round_of(adapter, "")
            audience.put(2, NOW)
            changes, _, _ = round_of(adapter, cursor)
        assert "p2@x.org" in {change.email for change in changes}

    def test_who_changes_behind_the_back_of_a_round_is_in_the_next(self) -> None:
        audience = Audience()
        for number in range(10):
            audience.put(number, number * 60, "archived" if number > 6 else "pending")
        with serving(audience) as adapter:
            page = adapter.changes("a1", "")
            while json.loads(page.cursor)[0] == 0:
                page = adapter.changes("a1", page.cursor)
            audience.put(2, NOW, "unsubscribed")
            changes, cursor, _ = round_of(adapter, page.cursor)
            assert {change.status for change in changes} == {"archived"}
            changes, _, _ = round_of(adapter, cursor)
        assert [(c.email, c.status) for c in changes] == [("p2@x.org", "unsubscribed")]

    def test_more_members_in_one_second_than_a_page_holds(self) -> None:
        audience = Audience()
        for number in range(23):
            audience.put(number, 100)
        for number in range(23, 40):
            audience.put(number, 100 + number)
        with serving(audience) as adapter:
            changes, _, complete = round_of(adapter, "")
        assert {change.email for change in changes} == set(audience.members)
        assert complete

    def test_members_changed_while_we_read_shift_nobody_out(self) -> None:
        audience = Audience()
        for number in range(60):
            audience.put(number, number * 20)
        moved = iter(range(60))

        def touch() -> None:
            number = next(moved, None)
            if number is not None and number < 20:
                audience.put(number, 5000 + number)

        with serving(audience) as adapter:
            changes, _, _ = round_of(adapter, "", between=touch)
        assert {change.email for change in changes} == set(audience.members)

    def test_members_leaving_a_dense_second_shift_nobody_out(self) -> None:
        audience = Audience()
        for number in range(40):
            audience.put(number, 100)
        moved = iter(range(10))

        def touch() -> None:
            number = next(moved, None)
            if number is not None:
                audience.put(number, 5000 + number)

        with serving(audience) as adapter:
            changes, _, _ = round_of(adapter, "", between=touch)
        assert {change.email for change in changes} == set(audience.members)

    def test_an_empty_audience(self) -> None:
        with serving(Audience()) as adapter:
            changes, cursor, complete = round_of(adapter, "")
            assert (changes, complete) == ([], True)
            assert round_of(adapter, cursor)[0] == []


@pytest.mark.parametrize(
    "cursor",
    [
        *("x", "[]", "{}", "null", '["", "", 0, 0, true]', '[7, "", "", ""]'),
        *('[0, "", "", "x"]', '[0, "", "", "[0, 0]"]', '[0, "once", "", ""]'),
    ],
)
def test_a_cursor_we_did_not_write_has_expired(cursor: str) -> None:
    with pytest.raises(RejectedError) as caught:
        Mailchimp({"api_key": KEY}).changes("a1", cursor)
    assert caught.value.reason is Reason.CURSOR_EXPIRED


def test_a_place_that_mailchimp_refuses_has_expired() -> None:
    with responses.RequestsMock() as mock, pytest.raises(RejectedError) as caught:
        mock.add("GET", f"{LIST}/members", status=400, json=REFUSED)
        Mailchimp({"api_key": KEY}).changes("a1", '[0, "", "", "[\\"\\", -1]"]')
    assert caught.value.reason is Reason.CURSOR_EXPIRED


def test_a_change_holds_fields_tags_and_time() -> None:
    audience = Audience()
    audience.put(1, 0)
    with serving(audience) as adapter:
        [change] = adapter.changes("a1", "").changes
    assert change == Change(
        email="p1@x.org",
        kind="upsert",
        status="subscribed",
        fields={"FNAME": "Mary"},
        tags=("popup",),
        at=audience.start,
        audience_id="a1",
    )


FIRED = {"fired_at": "2026-08-01 10:00:00", "data[list_id]": "a1"}
AT = datetime(2026, 8, 1, 10, tzinfo=UTC)


def posted(query: dict[str, str], body: bytes, method: str = "POST") -> Incoming:
    return Incoming(method=method, url="https://x.example/", query=query, body=body)


def hook(kind: str, **data: str) -> list[Change]:
    form = {"type": kind, **FIRED, **{f"data[{k}]": v for k, v in data.items()}}
    adapter = Mailchimp({"api_key": KEY, "webhook_secret": "s3cret-in-the-url"})
    query = {"secret": "s3cret-in-the-url"}
    return adapter.webhook(posted(query, urlencode(form).encode()))


@pytest.mark.parametrize(
    ("kind", "data", "expected"),
    [
        (
            "unsubscribe",
            {"action": "unsub", "reason": "manual"},
            ("status", "unsubscribed"),
        ),
        (
            "unsubscribe",
            {"action": "unsub", "reason": "abuse"},
            ("status", "complained"),
        ),
        ("unsubscribe", {"action": "delete"}, ("delete", "archived")),
        ("cleaned", {"reason": "hard"}, ("status", "bounced")),
        ("cleaned", {"reason": "abuse"}, ("status", "complained")),
        ("subscribe", {}, ("upsert", "subscribed")),
        ("profile", {}, ("upsert", "")),
    ],
)
def test_webhooks(kind: str, data: dict[str, str], expected: tuple[str, str]) -> None:
    [change] = hook(kind, email="mary@x.org", **data)
    assert (change.kind, change.status) == expected
    assert (change.email, change.at, change.audience_id) == ("mary@x.org", AT, "a1")


def test_webhook_merge_fields() -> None:
    [change] = hook(
        "profile",
        **{
            "email": "mary@x.org",
            "merges][EMAIL": "mary@x.org",
            "merges][FNAME": "Mary",
            "merges][LNAME": "",
        },
    )
    assert change.fields == {"FNAME": "Mary"}


def test_webhook_of_a_changed_address() -> None:
    [change] = hook("upemail", new_email="new@x.org", old_email="old@x.org")
    assert (change.kind, change.email) == ("email", "new@x.org")
    assert change.fields == {"old_email": "old@x.org"}


def test_webhooks_about_no_contact() -> None:
    assert hook("campaign", id="c1") == []
    assert hook("subscribe") == []


def test_the_address_is_validated_with_a_get() -> None:
    adapter = Mailchimp({"api_key": KEY, "webhook_secret": "s3cret"})
    assert adapter.webhook(posted({"secret": "s3cret"}, b"", "GET")) == []


@pytest.mark.parametrize(
    ("secrets", "query"),
    [
        ({"webhook_secret": "right"}, {"secret": "wrong"}),
        ({"webhook_secret": "right"}, {}),
        ({}, {"secret": ""}),
        ({}, {}),
        ({"webhook_secret": "right"}, {"secret": "ключ"}),
    ],
)
def test_a_webhook_without_our_secret_is_refused(
    secrets: dict[str, str], query: dict[str, str]
) -> None:
    adapter = Mailchimp({"api_key": KEY, **secrets})
    for method in ("GET", "POST"):
        with pytest.raises(CredentialsError):
            adapter.webhook(posted(query, b"type=unsubscribe", method))


@pytest.mark.parametrize("body", [b"\xff\xfe", b"nonsense", b"a=1&" * 2000])
def test_a_body_that_is_no_form_is_refused(body: bytes) -> None:
    adapter = Mailchimp({"api_key": KEY, "webhook_secret": "s3cret"})
    with pytest.raises(RejectedError):
        adapter.webhook(posted({"secret": "s3cret"}, body))
