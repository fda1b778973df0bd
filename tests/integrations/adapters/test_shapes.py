"""Reading answers strictly: what is missing is neither empty nor a bug of ours."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import pytest

from integrations.adapters.base import (
    Audience,
    Change,
    Contact,
    Incoming,
    Options,
    Outcome,
    OutcomeState,
    Reading,
)
from integrations.adapters.each import (
    EachContact,
    by_address,
    key_of,
    spellings,
    synced,
)
from integrations.adapters.errors import Reason, RejectedError, TransientError
from integrations.adapters.shapes import count_in, id_in, row_in, rows_in
from tests.integrations.conformance import wire

HOME = "https://api.example.com"
PEOPLE = [Contact(email=f"{name}@x.org") for name in ("a", "b", "c")]


class Example(EachContact):
    slug = "example"
    label = "Example"
    kind = "esp"
    home = HOME

    def headers(self) -> dict[str, str]:
        return {}

    def verify(self) -> Reading:
        return Reading(identity=self.secrets["missing"])

    def audiences(self) -> list[Audience]:
        rows: Any = self.request("GET", "/lists")
        return [Audience(id=row["id"], label=row["name"]) for row in rows]

    def write(self, contact: Contact, audience_id: str, options: Options) -> Outcome:
        return synced(self.fetch("POST", "/people")["id"])

    def subscriptions(self, emails: Sequence[str], audience_id: str) -> list[Any]:
        return []

    def webhook(self, request: Incoming) -> list[Change]:
        rows_in({}, "events")
        raise KeyError("mary@x.org")


def test_a_list_that_is_missing_is_not_empty() -> None:
    assert rows_in({"rows": []}, "rows") == []
    assert rows_in({"rows": [{"id": 1}]}, "rows") == [{"id": 1}]
    for body in (None, [], {}, {"rows": None}, {"rows": {}}, {"rows": ["x"]}):
        with pytest.raises(TransientError):
            rows_in(body, "rows")


def test_an_object_that_is_missing_is_not_empty() -> None:
    assert row_in({"row": {"id": 1}}, "row") == {"id": 1}
    for body in (None, [], {}, {"row": None}, {"row": {}}, {"row": []}):
        with pytest.raises(TransientError):
            row_in(body, "row")


def test_ids_and_counts() -> None:
    assert (id_in({"id": 7}), id_in({"id": "x"}), id_in({"id": 0})) == ("7", "x", "0")
    assert (count_in({"n": 7}, "n"), count_in({"n": "12"}, "n")) == (7, 12)
    for row in (None, {}, {"id": None}, {"id": ""}, {"id": True}, {"id": []}):
        with pytest.raises(TransientError):
            id_in(row)
    for count in (None, "x", -1, "", [7]):
        with pytest.raises(TransientError):
            count_in({"n": count}, "n")


def test_an_odd_answer_is_the_providers_failure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with wire() as mock, pytest.raises(TransientError, match="Example sent an answer"):
        mock.add("GET", f"{HOME}/lists", json=[{"mary@x.org": 1}])
        with caplog.at_level(logging.WARNING):
            Example({}).audiences()
    assert "KeyError" in caplog.text
    assert "mary@x.org" not in caplog.text


def test_without_an_answer_it_is_a_bug_of_ours() -> None:
    adapter = Example({})
    with wire() as mock:
        mock.add("GET", f"{HOME}/lists", json=[])
        adapter.audiences()
    with pytest.raises(KeyError):
        adapter.verify()


def test_a_webhook_that_cannot_be_read_is_none() -> None:
    with pytest.raises(RejectedError, match="no webhook of Example"):
        Example({}).webhook(Incoming(method="POST", url="https://us.example/"))


def test_what_has_to_wait_is_not_taken_for_a_bad_webhook() -> None:
    """Nothing was sent, since it is not our turn: that says nothing of the webhook."""

    class Waiting(Example):
        def webhook(self, request: Incoming) -> list[Change]:
            raise TransientError("Not our turn.", reason=Reason.RATE)

    with pytest.raises(TransientError, match="turn"):
        Waiting({}).webhook(Incoming(method="POST", url="https://us.example/"))


def test_a_secret_that_the_provider_makes_is_not_kept_in_the_exchange() -> None:
    adapter = Example({})
    with wire() as mock:
        mock.add("GET", f"{HOME}/lists", body=r'{"id": 1, "secret": "a\/b\"c"}')
        secret = adapter.fetch("GET", "/lists")["secret"]
    assert secret == 'a/b"c'
    adapter.conceal(secret)
    [exchange] = adapter.exchanges
    assert exchange.response == '{"id": 1, "secret": "•••"}'


def test_those_before_an_odd_answer_stay_done() -> None:
    with wire() as mock:
        mock.add("POST", f"{HOME}/people", json={"id": 1})
        mock.add("POST", f"{HOME}/people", json={"name": None})
        outcomes = Example({}).upsert(PEOPLE, "a1", Options())
        assert len(mock.calls) == 2
    states = [outcome.state for outcome in outcomes]
    assert states == [OutcomeState.SYNCED, OutcomeState.RETRY, OutcomeState.RETRY]


def test_one_address_twice_is_one_person() -> None:
    found = by_address(
        [
            Contact(email=" Ann@x.org", fields={"a": "1", "b": "2"}, tags=("x",)),
            Contact(email="ann+b@x.org"),
            Contact(email="ann@X.org ", fields={"a": " ", "b": "3"}, tags=("y",)),
        ]
    )
    assert list(found) == ["ann@x.org", "ann+b@x.org"]
    assert found["ann@x.org"].fields == {"a": "1", "b": "3"}
    assert found["ann@x.org"].tags == ("x", "y")


@pytest.mark.parametrize(
    ("email", "key", "asked"),
    [
        (" Ann@X.org ", "ann@x.org", ["ann@x.org"]),
        (
            "ann@BÜCHER.example",
            "ann@xn--bcher-kva.example",
            ["ann@xn--bcher-kva.example", "ann@bücher.example"],
        ),
        (
            "ann@xn--bcher-kva.example",
            "ann@xn--bcher-kva.example",
            ["ann@xn--bcher-kva.example", "ann@bücher.example"],
        ),
        # The sharp s is a letter of its own (RFC 5894); dots may stand alone.
        ("ann@straße.example", "ann@xn--strae-oqa.example", None),
        ("ann@bu\u0308cher.example", "ann@xn--bcher-kva.example", None),
        ("ann@xn--\udc80.example", None, None),
        ("ann@xn--99999999.example", "ann@xn--99999999.example", None),
        ("nonsense", "nonsense", ["nonsense"]),
        ("jörg@x.org", "jörg@x.org", ["jörg@x.org"]),
    ],
)
def test_both_forms_of_a_domain_are_one_address(
    email: str, key: str | None, asked: list[str] | None
) -> None:
    assert key_of(email) == (key or key_of(email))
    found = spellings(email)
    assert found == (asked or found)
    assert {key_of(spelling) for spelling in found} == {key_of(email)}
