"""The ground that simulators stand on: a book of people, routes and controls."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest

from integrations.sandbox.book import Attribute, Book, Person
from integrations.sandbox.booked import BookedSimulator, Call, Refused, Route
from integrations.sandbox.faults import ControlError, Faults
from integrations.sandbox.messages import Json, Request, Response, json_response
from integrations.sandbox.posts import Post
from integrations.sandbox.store import Store


class Toy(BookedSimulator):
    slug = "toy"
    label = "Toy"

    def plant(self, book: Book) -> None:
        book.set_attribute(Attribute("first", "First name"))
        book.add_list("News", "l1")
        book.add_list("Double", "l2", double_opt_in=True)
        mary = book.add("Mary@x.org", values={"first": "Mary"})
        book.place(mary, "l1", "subscribed")
        book.place(mary, "l2", "pending")

    def authorize(self, request: Request, faults: Faults) -> None:
        if faults.credentials != "ok":
            raise Refused(self.problem(401))

    def problem(self, status: int) -> Response:
        return json_response({"error": status}, status)

    def not_found(self) -> Response:
        return self.problem(404)

    def event(self, kind: str, person: Person, list_id: str) -> list[Post]:
        return [
            Post(url="http://127.0.0.1:9/", body=b"{}", type=kind, email=person.email)
        ]

    def read(self, call: Call) -> Json:
        person = self.book.people.get(call.params["id"])
        if person is None:
            raise Refused(self.not_found())
        return {"email": person.email}

    def write(self, call: Call) -> Json:
        email = call.json()["email"]
        refused = self.refusal(email, call.faults)
        if refused:
            raise Refused(json_response({"refused": refused}, 422))
        person = self.book.find(email) or self.book.add(email)
        self.book.place(person, "l1", "subscribed")
        return {"id": person.id}

    routes: ClassVar[tuple[Route, ...]] = (
        ("GET", "/people/{id}", read),
        ("POST", "/people", write),
    )


def ask(toy: Toy, method: str, path: str, body: bytes = b"") -> Response:
    return toy.handle(
        Request(
            method=method,
            path=path,
            query={},
            headers={},
            body=body,
            base_url="http://x",
            remote_addr="127.0.0.1",
        )
    )


@pytest.fixture
def toy() -> Toy:
    return Toy(Store())


def test_routes_name_what_is_missing_and_what_is_not_allowed(toy: Toy) -> None:
    mary = toy.book.find("mary@X.org")
    assert mary is not None
    assert ask(toy, "GET", f"/people/{mary.id}/").status == 200
    assert ask(toy, "GET", "/people/none").status == 404
    assert ask(toy, "GET", "/elsewhere").status == 404
    assert ask(toy, "DELETE", f"/people/{mary.id}").status == 405


def test_the_dial_reaches_credentials_and_writes(toy: Toy) -> None:
    body = b'{"email": "ann@x.org"}'
    for kind in ("compliance", "forgotten", "throttled", "fake"):
        toy.dial.set(Faults(**{kind: ("ann@x.org",)}))  # type: ignore[arg-type]
        assert kind.encode() in ask(toy, "POST", "/people", body).body
    toy.dial.set(Faults(fail_share=0.5))
    statuses = [ask(toy, "POST", "/people", body).status for _ in range(4)]
    assert sorted(statuses) == [200, 200, 422, 422]
    toy.dial.set(Faults(credentials="broken"))
    assert ask(toy, "POST", "/people", body).status == 401


def test_people_confirm_leave_complain_and_bounce(toy: Toy) -> None:
    (row,) = toy.confirm("mary@x.org")
    assert (row["status"], row["audience"]) == ("subscribed", "Double")
    (row,) = toy.unsubscribe("mary@x.org", "complaint", "News")
    assert row["status"] == "complained"
    (row,) = toy.clean("mary@x.org")
    assert (row["status"], row["audience"]) == ("cleaned", "Double")
    with pytest.raises(ControlError):
        toy.confirm("mary@x.org")
    with pytest.raises(ControlError):
        toy.unsubscribe("mary@x.org", "nobody")


def test_deleting_from_one_list_keeps_the_other(toy: Toy) -> None:
    toy.delete("mary@x.org", False, "News")
    assert [row["audience"] for row in toy.members("mary@x.org")] == ["Double"]
    toy.delete("mary@x.org", True)
    assert toy.members() == []
    answer = ask(toy, "POST", "/people", b'{"email": "mary@x.org"}')
    assert b"forgotten" in answer.body


def test_audiences_and_fields_can_be_changed(toy: Toy) -> None:
    made = toy.add_audience("Shop", True)
    toy.add_field("News", {"tag": "size", "required": True, "options": ["S"]})
    shown = {item["name"]: item for item in toy.audiences()}
    assert shown["Shop"]["id"] == made["id"] and shown["Shop"]["double_opt_in"]
    assert shown["News"]["fields"][1]["options"] == ["S"]
    assert shown["News"]["members"] == {"subscribed": 1}
    toy.remove_audience("News")
    assert [item["name"] for item in toy.audiences()] == ["Double", "Shop"]
    with pytest.raises(ControlError):
        toy.remove_audience("News")
    with pytest.raises(ControlError):
        toy.add_field("Shop", {"tag": "x", "type": "colour"})


def test_everything_outlives_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite3"
    store = Store(path)
    toy = Toy(store)
    for number in range(12):
        ask(toy, "POST", "/people", b'{"email": "p%d@x.org"}' % number)
    toy.delete("p3@x.org", True)
    before: list[dict[str, Any]] = toy.members()
    lists = toy.audiences()
    store.close()
    store = Store(path)
    again = Toy(store)
    assert again.members() == before
    assert again.audiences() == lists
    assert again.book.forgotten == {"p3@x.org"}
    assert again.book.next_id() == toy.book.next_id()
    again.reset()
    assert len(again.members()) == 2
    store.close()
