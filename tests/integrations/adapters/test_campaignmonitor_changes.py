"""Campaign Monitor: walks through a list, and its webhooks."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from integrations.adapters.base import Incoming
from integrations.adapters.errors import (
    AdapterError,
    CredentialsError,
    Reason,
    RejectedError,
)
from tests.integrations.adapters.campaignmonitor_world import (
    LEFT,
    LIST,
    NEW,
    OLD,
    page,
    subscriber,
)
from tests.integrations.adapters.test_campaignmonitor import adapter
from tests.integrations.conformance import wire


class TestChanges:
    def walk(self, cursor: str, state: str, *rows: Any, pages: int = 1) -> Any:
        with wire() as mock:
            mock.add("GET", f"{LIST}/{state}.json", json=page(*rows, pages=pages))
            found = adapter().changes("a1", cursor)
            asked = parse_qs(urlsplit(str(mock.calls[0].request.url)).query)
        return found, asked

    def test_a_row(self) -> None:
        found, _ = self.walk("", "active", subscriber(OLD))
        [change] = found.changes
        assert (change.email, change.status) == (OLD, "subscribed")
        assert change.fields == {
            "Name": "Mary",
            "[website]": "https://example.com",
            "[likes]": ["Tea", "Jam"],
        }

    def test_state_by_state_and_from_the_last_page_to_the_first(self) -> None:
        cursor, seen = "", []
        for state, asked_page, pages in (
            ("active", "1", 3),
            ("active", "3", 3),
            ("active", "2", 3),
            ("active", "1", 3),
            ("unconfirmed", "1", 1),
            ("unsubscribed", "1", 0),
            ("bounced", "1", 1),
            ("deleted", "1", 1),
        ):
            found, asked = self.walk(cursor, state, subscriber(OLD), pages=pages)
            assert asked["page"] == [asked_page]
            assert "date" not in asked
            assert found.complete
            seen.append(found.more)
            cursor = found.cursor
        assert seen == [True] * 7 + [False]
        since = json.loads(cursor)[1]
        found, asked = self.walk(cursor, "active")
        assert (asked["date"], found.complete) == ([since], False)

    @pytest.mark.parametrize(
        "cursor", ["x", '[5, "", "", 0]', '["", "", 0, -1]', "[1]"]
    )
    def test_a_foreign_cursor(self, cursor: str) -> None:
        with wire(), pytest.raises(RejectedError) as caught:
            adapter().changes("a1", cursor)
        assert caught.value.reason is Reason.CURSOR_EXPIRED


class TestWebhook:
    def post(self, body: object, secret: str = "s3cret") -> list[Any]:
        request = Incoming(
            method="POST",
            url="https://x.example/hook",
            query={"secret": secret},
            body=json.dumps(body).encode(),
        )
        return adapter(webhook_secret="s3cret").webhook(request)

    def test_the_secret_must_be_ours(self) -> None:
        with pytest.raises(CredentialsError):
            self.post({}, "other")

    def test_what_is_no_webhook(self) -> None:
        with pytest.raises(AdapterError):
            self.post([])

    def test_events(self) -> None:
        values = [{"Key": "[website]", "Value": "https://example.com"}]
        event = {"Date": "2026-08-01 10:00:00", "Name": "Mary", "CustomFields": values}
        joined = {**event, "Type": "Subscribe", "EmailAddress": NEW}
        moved = {
            **event,
            **{"Type": "Update", "State": "Active"},
            **{"OldEmailAddress": LEFT, "EmailAddress": OLD},
        }
        gone = {**event, "Type": "Deactivate", "State": "Unsubscribed"}
        found = self.post(
            {"Events": [joined, moved, {**gone, "EmailAddress": OLD}], "ListID": "a1"}
        )
        assert [(c.email, c.kind, c.status, c.audience_id) for c in found] == [
            (NEW, "upsert", "subscribed", "a1"),
            (OLD, "email", "", "a1"),
            (OLD, "upsert", "subscribed", "a1"),
            (OLD, "status", "unsubscribed", "a1"),
        ]
        assert found[0].fields == {"Name": "Mary", "[website]": "https://example.com"}
        assert found[1].fields == {"old_email": LEFT}
