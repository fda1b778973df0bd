"""What providers declare for walks, look-ups and tags, and what follows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from integrations.adapters.base import Change, Contact, Field, Incoming, Outcome
from integrations.adapters.base import OutcomeState as State
from integrations.adapters.counted import Counted
from integrations.adapters.each import synced
from integrations.adapters.errors import (
    Reason,
    RejectedError,
    TargetError,
    TransientError,
)
from integrations.adapters.rest import Rest, Write
from integrations.adapters.shapes import Row, rows_in
from integrations.adapters.shared import to_place
from tests.integrations.conformance import wire

HOME = "https://api.example.com"


class Declaring(Rest):
    slug = "declaring"
    label = "Declaring"
    kind = "esp"
    audience_noun = "list"
    home = HOME
    size_param, page_size = "limit", 5
    place_param, first_place = "offset", 0
    rows_key, total_keys = "people", ("total",)

    me_path = "/me"
    empty_note = "There is no list yet."
    audience_path = "/lists"
    probed = (audience_path,)
    own_fields = (Field(id="name", label="Name", type="name"),)
    custom_key, custom_texts = "more", False
    states = {"on": "subscribed", "off": "unsubscribed"}

    look_up, search_size, as_entered = "many", 2, True
    walk_path, walk_params = "/lists/{audience}/people", {"sort": "id"}
    since_param, since_format, step_back = "since", "%Y-%m-%d", 2
    one_path, erasing = "/people/{id}", "Gone."

    def following(self, body: Row, rows: list[Row], place: Any) -> int | None:
        reached: int = place + len(rows)
        return reached if reached < body["total"] else None

    def detail_of(self, row: Row, audience_id: str) -> str:
        return str(row.get("why", ""))

    def belongs(self, row: Row, audience_id: str) -> bool:
        return bool(row["email"])

    def search(self, emails: list[str], audience_id: str) -> list[Row]:
        body = self.fetch("GET", "/people", params={"emails": ",".join(emails)})
        return rows_in(body, "people")

    def tag_named(self, name: str) -> str:
        return str(self.fetch("GET", f"/tags/{name}")["id"])

    def put(self, write: Write) -> Outcome:
        self.request("POST", "/people", payload=self.record_of(write.contact))
        return synced()

    def posted(self, request: Incoming) -> Row:
        return {"email": request.body.decode()}

    def heard(self, event: Row) -> list[Change]:
        return [Change(email=event["email"], kind="upsert")]


class Cased(Declaring):
    tags_cased = True


class Pages(Counted):
    slug = "pages"
    label = "Pages"
    kind = "esp"
    home = HOME
    size_param, page_size = "limit", 2
    rows_key, total_keys = "people", ("meta", "total")
    audience_path = "/lists"
    walk_path = "/people"
    states = {"on": "subscribed"}

    def put(self, write: Write) -> Outcome:
        return synced()


SECRETS = {"api_key": "0123456789", "webhook_secret": "s"}
ONLY = Incoming(method="POST", url="", query={"secret": "s"}, body=b"a@x.org")


def person(email: str, **more: Any) -> Row:
    return {"id": 7, "email": email, "status": "on", "name": "Ann", **more}


def query(call: Any) -> dict[str, str]:
    found = parse_qs(urlsplit(str(call.request.url)).query)
    return {name: values[0] for name, values in found.items()}


class TestWalks:
    def test_steps_back_and_later_asks_for_what_is_new(self) -> None:
        people = [person(f"p{n}@x.org") for n in range(4)]
        ours = Declaring(SECRETS)
        with wire() as mock:
            url = f"{HOME}/lists/a%2Fb/people"
            mock.add("GET", url, json={"people": [*people, person("")], "total": 6})
            mock.add("GET", url, json={"people": people[:3], "total": 6})
            mock.add("GET", url, json={"people": [], "total": 0})
            first = ours.changes("a/b", "")
            second = ours.changes("a/b", first.cursor)
            third = ours.changes("a/b", second.cursor)
            asked = [query(call) for call in mock.calls]
        assert [len(page.changes) for page in (first, second, third)] == [4, 3, 0]
        assert asked[:2] == [
            {"limit": "5", "sort": "id", "offset": "0"},
            {"limit": "5", "sort": "id", "offset": "3"},
        ]
        assert set(asked[2]) == {"limit", "sort", "offset", "since"}
        assert (second.complete, third.complete) == (True, False)

    def test_a_step_back_is_never_the_whole_way(self) -> None:
        with wire() as mock:
            one = {"people": [person("a@x.org")], "total": 9}
            mock.add("GET", f"{HOME}/lists/1/people", json=one)
            page = Declaring(SECRETS).changes("1", to_place(0, "", "2026", 3))
        assert page.cursor == to_place(0, "", "2026", 4)

    def counted(self, *totals: int) -> list[str]:
        """The pages that are asked for."""
        with wire() as mock:
            for total in totals:
                body = {"people": [person("a@x.org")], "meta": {"total": total}}
                mock.add("GET", f"{HOME}/people", json=body)
            page = Pages(SECRETS).changes("1", "")
            while page.more:
                page = Pages(SECRETS).changes("1", page.cursor)
            return [query(call)["page"] for call in mock.calls]

    def test_who_is_deleted_meanwhile_hides_nobody(self) -> None:
        assert self.counted(5, 5, 5) == ["1", "2", "3"]
        assert self.counted(5, 4, 4, 4) == ["1", "2", "1", "2"]
        assert self.counted(5, 5, 2, 2) == ["1", "2", "3", "1"]

    @pytest.mark.parametrize("mark", ["x", "[0, 3]", '["1", 3]', "[1]"])
    def test_a_foreign_mark(self, mark: str) -> None:
        with wire(), pytest.raises(RejectedError) as caught:
            Pages(SECRETS).changes("1", to_place(0, "", "", mark))
        assert caught.value.reason is Reason.CURSOR_EXPIRED

    def test_a_page_that_does_not_count_is_an_outage(self) -> None:
        with wire() as mock, pytest.raises(TransientError):
            mock.add("GET", f"{HOME}/people", json={"people": []})
            Pages(SECRETS).changes("1", "")


class TestPeople:
    def test_searches_take_so_many_spellings(self) -> None:
        with wire() as mock:
            near = person("other@x.org")
            found = [person("a@x.org", why="So."), near]
            mock.add("GET", f"{HOME}/people", json={"people": found})
            mock.add("GET", f"{HOME}/people", json={"people": []})
            emails = ["A@x.org", "b@x.org"]
            states = Declaring(SECRETS).subscriptions(emails, "1")
            asked = [query(call)["emails"] for call in mock.calls]
        assert asked == ["A@x.org,a@x.org", "b@x.org"]
        assert [(s.status, s.detail) for s in states] == [
            ("subscribed", "So."),
            ("absent", ""),
        ]

    def test_custom_values_as_they_are(self) -> None:
        contact = Contact(email="a@x.org", fields={"name": 1, "size": 38, "vip": True})
        record = Declaring(SECRETS).record_of(contact)
        assert record == {"name": "1", "more": {"size": 38, "vip": True}}

    def test_erasing_who_is_there_or_just_went(self) -> None:
        for status in (200, 404):
            with wire() as mock:
                rows = {"people": [person("a@x.org")]}
                mock.add("GET", f"{HOME}/people", json=rows)
                mock.add("DELETE", f"{HOME}/people/7", status=status, json={})
                assert Declaring(SECRETS).erase("a@x.org").note == "Gone."

    def test_one_that_fails_does_not_keep_the_others(self) -> None:
        def do(number: int) -> Outcome:
            if number == 1:
                raise TransientError("Not now.")
            if number == 2:
                raise RejectedError("No.")
            return synced(number)

        def states(outcomes: Sequence[Outcome]) -> list[State]:
            return [outcome.state for outcome in outcomes]

        ours = Declaring(SECRETS)
        assert states(ours.apart([1, 2, 3], do)) == [
            *(State.RETRY, State.REJECTED, State.SYNCED)
        ]
        assert states(ours.each([1, 2, 3], do)) == [State.RETRY] * 3

    def test_tags_are_asked_for_once(self) -> None:
        for kind, calls in ((Declaring, 1), (Cased, 2)):
            ours = kind(SECRETS)
            with wire() as mock:
                for name in ("VIP", "vip")[:calls]:
                    mock.add("GET", f"{HOME}/tags/{name}", json={"id": 3})
                ids = {ours.tag_id(tag) for tag in ("VIP", " VIP ", "vip")}
                assert ids == {"3"}
                assert len(mock.calls) == calls


class TestAccount:
    def test_an_account_without_a_list_says_so(self) -> None:
        for total, notes in ((0, ("There is no list yet.",)), (2, ())):
            with wire() as mock:
                mock.add("GET", f"{HOME}/me", json={"email": "me@x.org"})
                mock.add("GET", f"{HOME}/lists", json={"people": [], "total": total})
                assert Declaring(SECRETS).verify().notes == notes

    def test_numbers(self) -> None:
        assert Declaring(SECRETS).number("53") == 53
        for id in ("", "x", "-1", "\u0663", "1.0"):
            with pytest.raises(TargetError, match="no such list"):
                Declaring(SECRETS).number(id)

    def test_webhooks_of_another_form(self) -> None:
        [change] = Declaring(SECRETS).webhook(ONLY)
        assert change.email == "a@x.org"

    def test_what_a_refusal_lists(self) -> None:
        for body, faults in (
            ({"errors": [{"code": 1}, "x"]}, [{"code": 1}]),
            ({"errors": {"code": 1}}, []),
            ([], []),
        ):
            with wire() as mock:
                mock.add("GET", f"{HOME}/x", status=400, json=body)
                answer = Declaring(SECRETS).send("GET", "/x")
            assert Declaring(SECRETS).faults(answer) == faults
