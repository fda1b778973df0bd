"""Reading from Pipedrive, signing in, and being told of changes."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from integrations.adapters.base import Incoming
from integrations.adapters.errors import (
    AdapterError,
    CredentialsError,
    Reason,
    RejectedError,
    ScopeError,
    SetupError,
    TransientError,
)
from integrations.adapters.pipedrive import Pipedrive
from tests.integrations.adapters.pipedrive_world import (
    CAPPED,
    FIELDS,
    FORBIDDEN,
    LEFT,
    NEW,
    OLD,
    REFUSED,
    SOURCE,
    TOKEN,
    TOPICS,
    V1,
    V2,
    listing,
    person,
)
from tests.integrations.conformance import (
    Step,
    register,
    wire,
)

LATER = '[0, "2026-08-01T10:00:00Z", "2026-08-02T10:00:00Z", "eyJpZCI6N30"]'


def adapter(**secrets: str) -> Pipedrive:
    return Pipedrive({"api_token": TOKEN, **secrets})


class TestReading:
    def test_fields_say_what_they_take(self) -> None:
        with wire() as mock:
            register(mock, FIELDS)
            found = {item.id: item for item in adapter().fields("people")}
        assert "email" not in found
        assert "label_ids" not in found
        assert [(found[key].type, found[key].read_only) for key in found] == [
            ("name", False),
            ("phone", False),
            ("text", True),
            ("choice", False),
            ("multi_choice", False),
            ("address", False),
            ("text", True),
        ]
        assert found[SOURCE].options == ("Inbound", "Outbound")

    def test_a_label_is_an_audience(self) -> None:
        with wire() as mock:
            register(mock, FIELDS)
            found = [(item.id, item.label) for item in adapter().audiences()]
        assert found == [
            ("people", "Everybody"),
            ("6", "Customer"),
            ("5", "Newsletter"),
        ]

    def test_changes_walk_and_then_go_on_from_its_beginning(self) -> None:
        rows = [
            person(3, OLD, label_ids=[5], custom_fields={SOURCE: 2, TOPICS: [7, 99]}),
            person(4, LEFT, update_time="2026-08-02T10:00:00Z"),
        ]
        first = Step(
            method="GET", url=f"{V2}/persons", answer=listing(*rows, cursor="more")
        )
        last = Step(method="GET", url=f"{V2}/persons", answer=listing())
        reader, began = adapter(), datetime.now(UTC).replace(microsecond=0)
        with wire() as mock:
            for step in (FIELDS, first, last, last):
                register(mock, step)
            one_page = reader.changes("5", "")
            rest = reader.changes("5", one_page.cursor)
            later = reader.changes("5", rest.cursor)
            queries = [
                parse_qs(urlsplit(str(call.request.url)).query)
                for call in mock.calls
                if call.request.url and "persons?" in call.request.url
            ]
        [change] = one_page.changes
        assert (change.email, change.status) == (OLD, "unknown")
        assert change.fields == {"name": "Mary", SOURCE: "Outbound", TOPICS: ["Tea"]}
        assert (one_page.more, one_page.complete) == (True, True)
        assert (rest.more, rest.complete, later.complete) == (False, True, False)
        assert queries[1]["cursor"] == ["more"]
        [since] = queries[2]["updated_since"]
        behind = began - datetime.fromisoformat(since)
        assert timedelta() <= behind <= Pipedrive.overlap
        assert "cursor" not in queries[2]

    @pytest.mark.parametrize("cursor", ["abc", "[1]", '[1, "", "", ""]'])
    def test_a_foreign_cursor_is_expired(self, cursor: str) -> None:
        with wire(), pytest.raises(RejectedError) as caught:
            adapter().changes("people", cursor)
        assert caught.value.reason is Reason.CURSOR_EXPIRED

    @pytest.mark.parametrize("half", [{}, {"data": None}])
    def test_an_answer_without_people_is_not_an_empty_company(self, half: Any) -> None:
        with wire() as mock, pytest.raises(TransientError):
            register(mock, FIELDS)
            mock.add("GET", f"{V2}/persons", json=half)
            adapter().changes("people", "")

    def test_a_cursor_pipedrive_refuses_is_expired(self) -> None:
        with wire() as mock, pytest.raises(RejectedError) as caught:
            register(mock, FIELDS)
            mock.add("GET", f"{V2}/persons", status=400, json=REFUSED)
            adapter().changes("people", LATER)
        assert caught.value.reason is Reason.CURSOR_EXPIRED


class TestSigningIn:
    def test_with_a_token_of_ones_own(self) -> None:
        assert adapter().headers() == {"x-api-token": TOKEN}
        assert adapter().home == "https://api.pipedrive.com"

    def test_with_oauth_at_the_companys_own_host(self) -> None:
        answer = {"access_token": "a", "api_domain": "https://shop-1.pipedrive.com"}
        found = Pipedrive.from_token(answer)
        linked = Pipedrive({"access_token": "v1u:abc", **found})
        assert linked.home == "https://shop-1.pipedrive.com"
        assert linked.headers() == {"Authorization": "Bearer v1u:abc"}

    def test_no_other_host_is_believed(self) -> None:
        for host in ("https://evil.example", "http://x.pipedrive.com", ""):
            assert Pipedrive.from_token({"api_domain": host}) == {}

    @pytest.mark.parametrize(
        ("status", "body", "headers", "kind", "reason"),
        [
            (429, "{}", {"x-ratelimit-remaining": "0"}, TransientError, Reason.RATE),
            (429, "{}", {"x-ratelimit-remaining": "9"}, TransientError, Reason.QUOTA),
            (429, "{}", {"x-daily-requests-left": "0"}, TransientError, Reason.QUOTA),
            (403, "<p>produced by Cloudflare</p>", {}, TransientError, Reason.RATE),
            (403, json.dumps(CAPPED), {}, SetupError, Reason.QUOTA),
            (403, json.dumps(FORBIDDEN), {}, ScopeError, Reason.SCOPE),
        ],
    )
    def test_what_a_refusal_means(
        self,
        status: int,
        body: str,
        headers: dict[str, str],
        kind: type[AdapterError],
        reason: Reason,
    ) -> None:
        with wire() as mock, pytest.raises(kind) as caught:
            url = f"{V2}/personFields"
            mock.add("GET", url, status=status, body=body, headers=headers)
            adapter().audiences()
        assert caught.value.reason is reason


class TestWebhook:
    SECRET = "hook-secret-of-ours"

    def hear(self, body: object, user: str = "contactsync") -> Any:
        pair = base64.b64encode(f"{user}:{self.SECRET}".encode()).decode()
        request = Incoming(
            method="POST",
            url="https://us.example/hook",
            headers={"authorization": f"Basic {pair}"},
            body=json.dumps(body).encode(),
        )
        found = adapter(webhook_secret=self.SECRET).webhook(request)
        return [(change.kind, change.email, change.status) for change in found]

    def event(self, action: str, now: Any, before: Any, entity: str = "person") -> Any:
        meta = {
            "action": action,
            "entity": entity,
            "entity_id": "3",
            "timestamp": "2026-08-01T10:00:00.000Z",
            "version": "2.0",
        }
        return {"meta": meta, "data": now, "previous": before}

    def test_changes_moves_and_deletions(self) -> None:
        now = person(3, NEW, marketing_status="unsubscribed")
        before = {"emails": [{"value": OLD, "primary": True}]}
        assert self.hear(self.event("change", now, before)) == [
            ("email", NEW, ""),
            ("upsert", NEW, "unsubscribed"),
        ]
        created = self.event("create", person(3, NEW), None)
        assert self.hear(created) == [("upsert", NEW, "")]
        gone = self.event("delete", None, person(3, OLD))
        assert self.hear(gone) == [("delete", OLD, "absent")]
        assert self.hear(self.event("create", {"id": 1}, None, "deal")) == []

    def test_what_is_not_from_pipedrive(self) -> None:
        event = self.event("create", person(3, NEW), None)
        with pytest.raises(CredentialsError):
            self.hear(event, user="somebody")
        with pytest.raises(CredentialsError):
            adapter().webhook(Incoming(method="POST", url="https://us.example/"))
        for body in ([], {}, {"data": 1}, {"meta": "x"}):
            with pytest.raises(RejectedError):
                self.hear(body)

    def test_it_is_asked_for_with_our_secret(self) -> None:
        with wire() as mock:
            made = {"success": True, "data": {"id": 77}}
            mock.add("POST", f"{V1}/webhooks", json=made, status=201)
            linked = adapter(webhook_secret=self.SECRET)
            kept = linked.add_webhook("https://us.example/hook", "5")
            body = json.loads(str(mock.calls[0].request.body, "utf-8"))  # type: ignore[arg-type]
        assert kept == {"webhook_id": "77"}
        assert (body["event_object"], body["version"]) == ("person", "2.0")
        assert body["http_auth_password"] == self.SECRET
        assert self.SECRET not in repr(linked.exchanges)
