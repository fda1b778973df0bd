"""The part of an adapter that is the same for every REST provider."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
import responses

from integrations.adapters.base import (
    Audience,
    Contact,
    Field,
    Options,
    Outcome,
    OutcomeState,
    Reading,
    Receipt,
    Subscription,
)
from integrations.adapters.calls import Sign, audience, sub_account
from integrations.adapters.declare import SubAccount
from integrations.adapters.each import awaiting, key_of, look_ups, rejected
from integrations.adapters.errors import (
    CredentialsError,
    Reason,
    RejectedError,
    ScopeError,
    SetupError,
    TransientError,
)
from integrations.adapters.rest import Rest, Write
from integrations.adapters.shapes import Row, as_text, rows_in
from tests.integrations.conformance import wire

HOME = "https://api.example.com"
LEFT_AT = "2026-08-01T10:00:00Z"


class Example(Rest):
    slug = "example"
    label = "Example"
    kind = "esp"
    home = HOME
    sub_account_noun = "office"
    signs = (
        Sign("slow down", TransientError, Reason.RATE, on=403, wait=60.0),
        Sign("who are you", CredentialsError),
        Sign("quota", TransientError, Reason.QUOTA, on=429, wait=60.0),
        Sign("^$", SetupError, on=423, says="Locked away."),
    )
    reasons = (("blocked", Reason.ADDRESS_ROLE), ("EMAIL", Reason.ADDRESS_INVALID))
    size_param, page_size, place_param, first_place = "limit", 2, "page", 1
    total_keys = ("meta", "total")
    probed = ("/lists", "/big_lists")
    walk_path = "/people"
    states = {"on": "subscribed", "wait": "pending", "off": "unsubscribed"}
    left_keys = ("left", "joined")
    tags_key = "tags"
    own_fields = (Field(id="name", label="Name", type="name"),)
    custom_key, custom_prefix = "custom", "c:"
    asked_as = "Asked."

    def following(self, body: Row, rows: list[Row], place: Any) -> int | None:
        return place + 1 if len(rows) == self.page_size else None

    def verify(self) -> Reading:
        return Reading(identity="x", resources=self.resources())

    def sub_accounts(self) -> list[SubAccount]:
        return [sub_account(row, "name") for row in self.rows("/offices")]

    def audiences(self) -> list[Audience]:
        return [audience(row, row.get("size"), kind="list") for row in self.rows("/l")]

    def find_one(self, email: str, audience_id: str) -> Row | None:
        return self.maybe(f"/people/{key_of(email)}")

    def ask_again(self, write: Write) -> Outcome | None:
        return awaiting(write.known.remote_id) if write.audience_id == "asks" else None

    def put(self, write: Write) -> Outcome:
        person = {"email": write.email, **self.record_of(write.contact)}
        made = self.fetch("POST", "/people", payload=person)
        return self.settled(self.standing(write.email, made, write.audience_id))

    def leave(self, known: Subscription, audience_id: str) -> None:
        self.request("DELETE", f"/people/{known.remote_id}")

    def erase(self, email: str) -> Receipt:
        return self.erase_all([f"/people/{email}"], "Gone.")


class Odd(Example):
    """Writes to who left, and lets the rule have no say about who waits."""

    kept = frozenset({"subscribed"})

    def turned_away(self, known: Subscription) -> Outcome | None:
        return rejected(Reason.FORGOTTEN, "No.") if known.remote_id == "9" else None


class Sized(Example):
    audience_path = "/lists"
    count_path, count_by, count_params = "/people", "list", {"state": "on"}
    most_counted = 1
    audiences = Rest.audiences


class Ahead(Example):
    look_up = "ahead"

    def find(self, emails: Sequence[str], audience_id: str) -> dict[str, Row]:
        [some] = look_ups(emails, 9)
        body = self.fetch("GET", "/search", params={"q": ",".join(some)})
        return {key_of(row["email"]): row for row in rows_in(body, "people")}

    def find_one(self, email: str, audience_id: str) -> Row | None:
        raise AssertionError("everybody was looked up already")


def person(email: str, status: str = "on", **more: Any) -> Row:
    return {"id": 7, "email": email, "status": status, "name": "Ann", **more}


def adapter(**secrets: str) -> Example:
    return Example({"api_key": "0123456789", **secrets})


def upsert(
    known: Row | None,
    made: Row | None = None,
    to: str = "1",
    kind: type[Example] = Example,
    **options: Any,
) -> Outcome:
    """The outcome for somebody; `made`: what the write answers, None for no write."""
    contact = Contact(
        email="a@x.org",
        fields={"name": "Bo", "c:city": ["Bath", "York"], "c:vip": True, "c:no": ""},
        signed_up_at=datetime(2026, 9, 1, tzinfo=UTC),
    )
    with wire() as mock:
        status, there = (404, {}) if known is None else (200, known)
        mock.add("GET", f"{HOME}/people/a@x.org", status=status, json=there)
        if made is not None:
            body = {
                **{"email": "a@x.org", "name": "Bo"},
                "custom": {"city": "Bath, York", "vip": "true"},
            }
            match = [responses.matchers.json_params_matcher(body)]
            mock.add("POST", f"{HOME}/people", json=made, match=match)
        ours = kind({"api_key": "0123456789"})
        [outcome] = ours.upsert([contact], to, Options(**options))
    return outcome


class TestWriting:
    def test_somebody_new_and_what_the_answer_makes_of_it(self) -> None:
        for status, state in (
            ("on", OutcomeState.SYNCED),
            ("wait", OutcomeState.AWAITING_OPT_IN),
            ("off", OutcomeState.REJECTED),
        ):
            assert upsert(None, person("a@x.org", status)).state is state
        waiting = upsert(None, person("a@x.org", "wait"))
        assert (waiting.detail, waiting.remote_id) == ("Asked.", "7")

    def test_who_left_is_not_written(self) -> None:
        outcome = upsert(person("a@x.org", "off"))
        assert outcome.reason is Reason.UNSUBSCRIBED

    def test_who_left_is_asked_only_by_rule_and_where_it_can_be(self) -> None:
        left = person("a@x.org", "off", left=LEFT_AT)
        asked = upsert(left, to="asks", reconfirm=True)
        assert asked.state is OutcomeState.AWAITING_OPT_IN
        assert upsert(left, to="asks").reason is Reason.UNSUBSCRIBED
        assert upsert(left, reconfirm=True).reason is Reason.UNSUBSCRIBED
        early = person("a@x.org", "off", left="2026-10-01T10:00:00Z")
        kept = upsert(early, to="asks", reconfirm=True)
        assert kept.reason is Reason.UNSUBSCRIBED

    def test_existing_ones_are_left_alone_where_the_rule_says_so(self) -> None:
        outcome = upsert(person("a@x.org"), update_existing=False)
        assert (outcome.reason, outcome.remote_id) == (Reason.EXISTING, "7")

    def test_who_is_turned_away_or_left_alone_may_be_the_providers_own(self) -> None:
        off, wait = person("a@x.org", "off"), person("a@x.org", "wait")
        erased = upsert({**off, "id": 9}, kind=Odd)
        assert (erased.reason, erased.detail) == (Reason.FORGOTTEN, "No.")
        assert upsert(off, off, kind=Odd).state is OutcomeState.SYNCED
        alone = upsert(wait, update_existing=False)
        assert alone.reason is Reason.EXISTING
        written = upsert(wait, wait, kind=Odd, update_existing=False)
        assert written.state is OutcomeState.AWAITING_OPT_IN

    def test_a_record_without_a_state_is_of_nobody_who_may_be_written(self) -> None:
        outcome = upsert({"id": 7, "email": "a@x.org"})
        assert outcome.state is OutcomeState.RETRY

    def test_a_batch_is_looked_up_with_one_call(self) -> None:
        people = [person("a@x.org", "off"), person("b@x.org", "off")]
        contacts = [Contact(email="a@x.org"), Contact(email="B@x.org")]
        with wire() as mock:
            for _ in range(3):
                mock.add("GET", f"{HOME}/search", json={"people": people})
            outcomes = Ahead({"api_key": "0123456789"}).upsert(contacts, "1", Options())
            read = Ahead({"api_key": "0123456789"}).subscriptions(
                ["b@x.org", "c@x.org"], "1"
            )
            gone = Ahead({"api_key": "0123456789"}).unsubscribe(
                ["a@x.org", "c@x.org"], "1"
            )
            assert len(mock.calls) == 3
        assert [o.reason for o in outcomes] == [Reason.UNSUBSCRIBED] * 2
        assert [s.status for s in read] == ["unsubscribed", "absent"]
        assert [o.state for o in gone] == [OutcomeState.SYNCED, OutcomeState.SKIPPED]


class TestReading:
    def test_a_record(self) -> None:
        custom = {"city": "Bath", "empty": ""}
        row = person("a@x.org", "off", joined=LEFT_AT, custom=custom, tags=["x", 5])
        known = adapter().standing("a@x.org", row, "1")
        assert known.fields == {"name": "Ann", "c:city": "Bath"}
        assert (known.tags, known.remote_id) == (("x", "5"), "7")
        assert known.changed_at == datetime(2026, 8, 1, 10, tzinfo=UTC)
        change = adapter().change(row, "1", "status")
        assert (change.status, change.at) == ("unsubscribed", known.changed_at)
        assert change.fields == {}
        assert adapter().change(person("a@x.org", "?"), "1").status == "unknown"

    def test_pages_and_audiences(self) -> None:
        rows = [{"id": 1, "name": "A", "size": 3}, {"id": 2, "name": "B"}]
        with wire() as mock:
            mock.add("GET", f"{HOME}/l?limit=2&page=1", json={"l": rows})
            mock.add("GET", f"{HOME}/l?limit=2&page=2", json={"l": []})
            found = adapter().audiences()
        assert [(a.id, a.label, a.size) for a in found] == [
            ("list:1", "List: A", 3),
            ("list:2", "List: B", None),
        ]

    def test_sizes_that_take_a_call_each(self) -> None:
        rows = [{"id": "1", "name": "A"}, {"id": "2", "name": "B"}]
        with wire() as mock:
            mock.add("GET", f"{HOME}/lists?limit=2&page=1", json={"lists": rows})
            asked = f"{HOME}/people?state=on&list=1&limit=1"
            mock.add("GET", asked, json={"meta": {"total": 12}})
            mock.add("GET", f"{HOME}/lists?limit=2&page=2", json={"lists": []})
            found = Sized({"api_key": "0123456789"}).audiences()
        assert [(a.label, a.size) for a in found] == [("A", 12), ("B", None)]

    def test_permissions_and_counts(self) -> None:
        with wire() as mock:
            mock.add("GET", f"{HOME}/lists?limit=1", json={"meta": {"total": "12"}})
            mock.add("GET", f"{HOME}/big_lists?limit=1", status=403, json={})
            lists, big = adapter().verify().resources
        assert (lists.readable, lists.count) == (True, 12)
        assert (big.name, big.readable, big.count) == ("big lists", False, None)

    def test_a_walk_and_a_place_that_is_gone(self) -> None:
        people = [person("a@x.org"), person("b@x.org", "wait")]
        with wire() as mock:
            mock.add("GET", f"{HOME}/people?limit=2&page=1", json={"people": people})
            mock.add("GET", f"{HOME}/people?limit=2&page=2", status=422, json={})
            first = adapter().changes("1", "")
            assert [c.status for c in first.changes] == ["subscribed", "pending"]
            assert (first.more, first.complete) == (True, True)
            with pytest.raises(RejectedError) as lost:
                adapter().changes("1", first.cursor)
        assert lost.value.reason is Reason.CURSOR_EXPIRED

    def test_the_chosen_account_or_the_only_one(self) -> None:
        assert adapter(sub_account="a/b").account() == "a%2Fb"
        for offices, account in (([{"id": 5}], "5"), ([{"id": 5}, {"id": 6}], None)):
            with wire() as mock:
                one = adapter()
                mock.add("GET", f"{HOME}/offices", json={"offices": offices})
                if account:
                    assert (one.account(), one.account()) == (account, account)
                    continue
                mock.add("GET", f"{HOME}/offices", json={"offices": []})
                with pytest.raises(SetupError, match="which Example office"):
                    one.account()


class TestRefusals:
    @pytest.mark.parametrize(
        ("status", "words", "error"),
        [
            (403, "Slow down!", TransientError),
            (403, "No.", ScopeError),
            (400, "Slow down!", RejectedError),
            (422, "WHO ARE YOU?", CredentialsError),
            (409, "who are you?", CredentialsError),
        ],
    )
    def test_signs(self, status: int, words: str, error: type[Exception]) -> None:
        with wire() as mock:
            mock.add("GET", f"{HOME}/l", status=status, json={"message": words})
            with pytest.raises(error) as caught:
                adapter().audiences()
        assert type(caught.value) is error
        if isinstance(caught.value, TransientError):
            assert (caught.value.retry_after, caught.value.status) == (60.0, 403)

    def test_a_sign_may_have_words_of_its_own(self) -> None:
        with wire() as mock, pytest.raises(SetupError) as caught:
            mock.add("GET", f"{HOME}/l", status=423)
            adapter().audiences()
        assert caught.value.detail == "Locked away."

    @pytest.mark.parametrize(("asked", "wait"), [("5", 60.0), ("90", 90.0)])
    @pytest.mark.parametrize(
        ("status", "words", "reason"),
        [(429, "Quota.", Reason.QUOTA), (403, "Slow down.", Reason.RATE)],
    )
    def test_the_longer_wait_counts(
        self, status: int, words: str, reason: Reason, asked: str, wait: float
    ) -> None:
        with wire() as mock, pytest.raises(TransientError) as caught:
            body, headers = {"message": words}, {"Retry-After": asked}
            mock.add("GET", f"{HOME}/l", status=status, json=body, headers=headers)
            adapter().audiences()
        assert (caught.value.reason, caught.value.retry_after) == (reason, wait)

    @pytest.mark.parametrize(
        ("words", "reason"),
        [
            ("This email is blocked", Reason.ADDRESS_ROLE),
            ("Bad email", Reason.ADDRESS_INVALID),
            ("Bad", Reason.REFUSED),
        ],
    )
    def test_reasons(self, words: str, reason: Reason) -> None:
        refusal = RejectedError(words, status=400)
        assert adapter().refusal(refusal).reason is reason

    @pytest.mark.parametrize(
        ("body", "words"),
        [
            ({"errors": ["One.", "Two."]}, "One. Two."),
            ({"errors": [{"title": "T", "detail": "D"}, {"code": "c"}]}, "T D c"),
            ({"error": {"message": "M", "type": "t"}}, "M"),
            ({"error": "E", "message": "M"}, "E"),
            ({"message": "M"}, "M"),
            ({}, ""),
        ],
    )
    def test_words(self, body: Row, words: str) -> None:
        with wire() as mock:
            mock.add("GET", f"{HOME}/l", status=400, json=body)
            answer = adapter().send("GET", "/l")
        assert adapter().explain(answer) == words


def test_leaving_and_erasing() -> None:
    with wire() as mock:
        mock.add("GET", f"{HOME}/people/a@x.org", json=person("a@x.org", "wait"))
        mock.add("DELETE", f"{HOME}/people/7", status=204)
        mock.add("GET", f"{HOME}/people/b@x.org", status=404)
        mock.add("GET", f"{HOME}/people/c@x.org", json=person("c@x.org", "off"))
        emails = ["a@x.org", "b@x.org", "c@x.org"]
        states = [o.state for o in adapter().unsubscribe(emails, "1")]
        mock.add("DELETE", f"{HOME}/people/b@x.org", status=404)
        receipt = adapter().erase("b@x.org")
        assert adapter().opting_out(["a@x.org"], lambda email: 8)[0].remote_id == "8"
    synced, skipped = OutcomeState.SYNCED, OutcomeState.SKIPPED
    assert states == [synced, skipped, synced]
    assert (receipt.ok, receipt.note) == (True, "Example did not hold this address.")


def test_erasing_somebody_who_is_there_twice() -> None:
    with wire() as mock:
        mock.add("DELETE", f"{HOME}/people/1", status=404)
        mock.add("DELETE", f"{HOME}/people/2", status=204)
        paths = ["/people/1", "/people/2"]
        assert adapter().erase_all(paths, "Gone.").note == "Gone."
        mock.add("DELETE", f"{HOME}/people/3", status=404)
        missing = adapter().erase_all(["/people/3"], "Gone.")
    assert missing.note == "Example did not hold this address."


def test_values_as_texts_and_spellings() -> None:
    assert [as_text(v) for v in (True, 3, ["a", False])] == ["true", "3", "a, false"]
    asked = list(look_ups(["Ann@x.org", "ann@x.org", "b@x.org"], 2, as_entered=True))
    assert asked == [["Ann@x.org", "ann@x.org"], ["b@x.org"]]
