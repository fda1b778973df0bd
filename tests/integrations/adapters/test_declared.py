"""What follows from a provider's declarations alone."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from integrations.adapters.base import Audience, Change, Field, Incoming, Page
from integrations.adapters.declare import SubAccount
from integrations.adapters.errors import (
    CredentialsError,
    NotSupported,
    Reason,
    RejectedError,
    TransientError,
)
from integrations.adapters.rest import Rest
from integrations.adapters.shapes import Row
from tests.integrations.conformance import wire

HOME = "https://api.example.com"


class Bare(Rest):
    """A provider that declares nothing but where it is."""

    slug = "bare"
    label = "Bare"
    kind = "esp"
    home = HOME


class Example(Bare):
    key_header = ("X-Key", "{api_key}")
    more_headers = {"X-User": "{user}"}
    size_param, page_size, place_param, first_place = "limit", 2, "page", 1
    total_keys = ("total",)
    states = {"on": "subscribed", "off": "unsubscribed"}

    me_path = "/{account}/me"
    identity_keys, account_keys = ("email", "owner.email"), ("owner.firm",)
    probed = ("/{account}/lists", "/{account}/custom-fields")
    audience_path, audience_params, size_key = "/lists", {"limit": 9}, "people"
    own_fields = (Field(id="name", label="Name", type="name"),)
    field_path, field_keys = "/lists/{audience}/fields", ("key", "title", "kind")
    field_types = {"n": "number"}
    custom_prefix = "c:"
    hook_path, hook_key, hook_header = "/hooks/{audience}", "hook", "x-signature"
    events_key = "events"
    erasing = "Gone for good."
    walk_path, walk_params = "/lists/{audience}/people", {"order": "id"}

    def following(self, body: Row, rows: list[Row], place: Any) -> int | None:
        return place + 1 if len(rows) == self.page_size else None

    def sub_accounts(self) -> list[SubAccount]:
        return [SubAccount(id="a/1", label="One")]

    def field_of(self, row: Row) -> Field | None:
        return None if row.get("hidden") else super().field_of(row)

    def hook(self, url: str, audience_id: str) -> Row:
        return {"url": url}

    def heard(self, event: Row) -> Iterator[Change]:
        yield self.change(event, "5", "status")

    def find_one(self, email: str, audience_id: str) -> Row | None:
        return self.maybe(self.at("/people/{id}", id=email))

    def remove(self, row: Row) -> None:
        self.request("DELETE", self.at("/people/{id}", id=row["id"]))


class Since(Example):
    """Tells what changed: who joined, and then who left."""

    turns, whole_turns = 2, 1
    since_format = "%Y-%m-%dT%H:%M:%SZ"
    overlap = timedelta(hours=1)

    def turn(
        self, turn: int, since: str, place: Any, audience_id: str
    ) -> tuple[list[Row], Any]:
        asked = {"kind": ("joined", "left")[turn], "since": since} if since else {}
        return self.page(self.people_path(audience_id), place, asked)

    def changed(
        self, rows: Iterable[Row], audience_id: str, since: str
    ) -> Iterable[Change]:
        return super().changed([r for r in rows if "email" in r], audience_id, since)


class Makes(Example):
    makes_secret = True


def adapter(kind: type[Rest] = Example, **secrets: str) -> Any:
    return kind({"api_key": "0123456789", "user": "ann", **secrets})


class TestSupports:
    def test_only_what_is_declared(self) -> None:
        operations = {"changes", "webhook", "add_webhook", "remove_webhook", "erase"}
        assert not operations & Bare.supports
        assert operations <= Example.supports

    def test_what_is_not_says_so_and_sends_nothing(self) -> None:
        bare = adapter(Bare)
        request = Incoming(method="POST", url="https://x.example")
        for name, arguments in (
            ("changes", ("1", "")),
            ("webhook", (request,)),
            ("add_webhook", ("https://x.example", "1")),
            ("remove_webhook", ("7", "1")),
            ("erase", ("a@x.org",)),
        ):
            with wire(), pytest.raises(NotSupported):
                getattr(bare, name)(*arguments)


class TestSigningIn:
    def headers(self, kind: type[Rest] = Example, **secrets: str) -> dict[str, str]:
        found: dict[str, str] = adapter(kind, **secrets).headers()
        return found

    def test_with_a_key(self) -> None:
        assert self.headers() == {"X-Key": "0123456789", "X-User": "ann"}
        assert self.headers(api_key=" 55 ")["X-Key"] == "55"
        assert self.headers(Bare) == {"Authorization": "Bearer 0123456789"}

    def test_with_a_token(self) -> None:
        assert self.headers(access_token="tok")["Authorization"] == "Bearer tok"

    def test_with_a_user_and_a_password(self) -> None:
        class Basic(Bare):
            key_header = ("Authorization", "Basic {user}:{api_key}")

        # RFC 7617: the two with a colon, in base 64.
        assert self.headers(Basic) == {"Authorization": "Basic YW5uOjAxMjM0NTY3ODk="}

    @pytest.mark.parametrize("missing", ["api_key", "user"])
    def test_without_a_credential_nothing_is_sent(self, missing: str) -> None:
        ours = adapter()
        ours.secrets[missing] = " "
        with wire(), pytest.raises(CredentialsError, match="Bare was not given all"):
            ours.fetch("GET", "/me")


class TestReading:
    def test_the_account(self) -> None:
        me = {"email": "", "owner": {"email": "ann@x.org", "firm": "Acme"}}
        with wire() as mock:
            mock.add("GET", f"{HOME}/a%2F1/me", json=me)
            mock.add("GET", f"{HOME}/a%2F1/lists?limit=1", json={"total": 3})
            mock.add("GET", f"{HOME}/a%2F1/custom-fields?limit=1", status=403, json={})
            reading = adapter().verify()
        assert (reading.identity, reading.account_name) == ("ann@x.org", "Acme")
        assert [(r.name, r.readable, r.count) for r in reading.resources] == [
            ("lists", True, 3),
            ("custom fields", False, None),
        ]

    def test_audiences(self) -> None:
        rows = [{"id": 1, "name": "News", "people": 7}, {"id": 2, "name": "Sales"}]
        with wire() as mock:
            mock.add("GET", f"{HOME}/lists?limit=9&page=1", json={"lists": rows})
            mock.add("GET", f"{HOME}/lists?limit=9&page=2", json={"lists": []})
            found = adapter().audiences()
        assert found == [
            Audience(id="1", label="News", size=7),
            Audience(id="2", label="Sales"),
        ]

    def test_fields(self) -> None:
        rows = [{"key": "age", "title": "Age", "kind": "n"}, {"key": "x", "hidden": 1}]
        with wire() as mock:
            mock.add("GET", f"{HOME}/lists/a%2Fb/fields", json={"fields": rows})
            mock.add("GET", f"{HOME}/lists/a%2Fb/fields", json={"fields": []})
            found = adapter().fields("a/b")
        assert found == [
            *Example.own_fields,
            Field(id="c:age", label="Age", type="number"),
        ]
        assert adapter(Bare).fields("1") == []


class TestWebhooks:
    def test_added_and_removed(self) -> None:
        with wire() as mock:
            mock.add("POST", f"{HOME}/hooks/5", json={"hook": [{"id": 8}]})
            mock.add("DELETE", f"{HOME}/hooks/5/8%2F9", status=204)
            kept = adapter().add_webhook("https://x.example", "5")
            adapter().remove_webhook("8/9", "5")
        assert kept == {"webhook_id": "8"}

    def test_a_secret_that_the_provider_makes_is_kept_and_concealed(self) -> None:
        ours = adapter(Makes)
        with wire() as mock:
            mock.add("POST", f"{HOME}/hooks/5", json={"id": "8", "secret": "sesame55"})
            kept = ours.add_webhook("https://x.example", "5")
        assert kept == {"webhook_id": "8", "webhook_secret": "sesame55"}
        assert "sesame55" not in ours.exchanges[0].response

    def test_without_an_id_it_could_not_be_removed(self) -> None:
        with wire() as mock, pytest.raises(TransientError):
            mock.add("POST", f"{HOME}/hooks/5", json={"hook": {}})
            adapter().add_webhook("https://x.example", "5")

    def post(
        self, body: object, secret: str = "s3cret", before: str = ""
    ) -> list[Change]:
        data = json.dumps(body).encode()
        signature = hmac.new(secret.encode(), data, hashlib.sha256).hexdigest()
        heard: list[Change] = adapter(webhook_secret="s3cret").webhook(
            Incoming(
                method="POST",
                url="https://x.example",
                headers={"x-signature": f"{before}{signature}"},
                body=data,
            )
        )
        return heard

    def test_one_event_or_many(self) -> None:
        event = {"email": "a@x.org", "status": "off"}
        [change] = self.post({"events": event})
        assert (change.email, change.status) == ("a@x.org", "unsubscribed")
        assert len(self.post({"events": [event, "rubbish", event]})) == 2

    def test_a_signature_that_says_how_it_is_made(self) -> None:
        event = {"email": "a@x.org", "status": "off"}
        assert len(self.post({"events": event}, before="sha256=")) == 1
        for before in ("sha1=", "sha256=sha256=", "sha256"):
            with pytest.raises(CredentialsError):
                self.post({"events": event}, before=before)
        with pytest.raises(CredentialsError):
            self.post({"events": event}, "other", before="sha256=")

    @pytest.mark.parametrize("body", [{}, [], "text", {"events": 5}, None])
    def test_no_webhook_at_all(self, body: object) -> None:
        with pytest.raises(RejectedError):
            self.post(body)

    def test_of_a_stranger(self) -> None:
        with pytest.raises(CredentialsError):
            self.post({"events": []}, "guessed")


class TestErasing:
    def test_somebody(self) -> None:
        with wire() as mock:
            mock.add("GET", f"{HOME}/people/a%40x.org", json={"id": 7})
            mock.add("DELETE", f"{HOME}/people/7", status=204)
            assert adapter().erase("a@x.org").note == "Gone for good."

    def test_somebody_else_was_faster(self) -> None:
        with wire() as mock:
            mock.add("GET", f"{HOME}/people/a%40x.org", json={"id": 7})
            mock.add("DELETE", f"{HOME}/people/7", status=404, json={})
            assert adapter().erase("a@x.org").ok

    def test_nobody(self) -> None:
        with wire() as mock:
            mock.add("GET", f"{HOME}/people/a%40x.org", status=404, json={})
            receipt = adapter().erase("a@x.org")
        assert receipt.ok and "did not hold" in receipt.note


def person(name: str, status: str = "on") -> Row:
    return {"id": name, "email": f"{name}@x.org", "status": status}


class TestWalks:
    def walk(
        self, kind: type[Rest], cursor: str, *people: Row
    ) -> tuple[Page, dict[str, list[str]]]:
        with wire() as mock:
            mock.add("GET", f"{HOME}/lists/5/people", json={"people": list(people)})
            page: Page = adapter(kind).changes("5", cursor)
            query = urlsplit(str(mock.calls[0].request.url)).query
        return page, parse_qs(query)

    def test_everybody_page_by_page(self) -> None:
        first, asked = self.walk(Example, "", person("a"), person("b", "off"))
        assert asked == {"limit": ["2"], "page": ["1"], "order": ["id"]}
        statuses = [(c.email, c.status, c.audience_id) for c in first.changes]
        assert statuses == [
            ("a@x.org", "subscribed", "5"),
            ("b@x.org", "unsubscribed", "5"),
        ]
        assert (first.complete, first.more) == (True, True)
        last, asked = self.walk(Example, first.cursor, person("c"))
        assert asked["page"] == ["2"]
        assert (last.cursor, last.complete, last.more) == ("", True, False)

    def test_later_only_what_changed_turn_by_turn(self) -> None:
        before = datetime.now(UTC)
        whole, asked = self.walk(Since, "", person("a"), {"id": "no address"})
        assert "since" not in asked and len(whole.changes) == 1
        end, _ = self.walk(Since, whole.cursor)
        assert (end.complete, end.more) == (True, False)
        joined, asked = self.walk(Since, end.cursor)
        [since] = asked["since"]
        began = datetime.fromisoformat(since)
        assert timedelta(0) <= before - began - Since.overlap < timedelta(seconds=5)
        assert asked["kind"] == ["joined"]
        assert (joined.complete, joined.more) == (False, True)
        left, asked = self.walk(Since, joined.cursor)
        assert (asked["kind"], asked["since"]) == (["left"], [since])
        turn, later, *_ = json.loads(left.cursor)
        assert not left.more and turn == 0 and later >= since

    def test_a_place_that_is_refused_or_of_another_walk_is_lost(self) -> None:
        first, _ = self.walk(Example, "", person("a"), person("b"))
        for cursor, status in (
            (first.cursor, 400),
            ('[1, "", "", 1]', 200),
            ('[-1, "", "", 1]', 200),
            ('[0, "yesterday", "", 1]', 200),
            ('[0, "", "", "1"]', 200),
            ("rubbish", 200),
        ):
            with wire() as mock, pytest.raises(RejectedError) as caught:
                mock.assert_all_requests_are_fired = False
                address = f"{HOME}/lists/5/people"
                mock.add("GET", address, status=status, json={"people": []})
                adapter().changes("5", cursor)
            assert caught.value.reason is Reason.CURSOR_EXPIRED

    def test_the_first_page_refused_is_a_refusal(self) -> None:
        with wire() as mock, pytest.raises(RejectedError) as caught:
            mock.add("GET", f"{HOME}/lists/5/people", status=400, json={})
            adapter().changes("5", "")
        assert caught.value.reason is not Reason.CURSOR_EXPIRED
