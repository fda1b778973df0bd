"""What changed at iContact: walking the client folder, webhooks."""

from __future__ import annotations

import json
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest

from integrations.adapters.base import Incoming
from integrations.adapters.errors import (
    CredentialsError,
    Reason,
    RejectedError,
    TransientError,
)
from tests.integrations.adapters import icontact_world as world
from tests.integrations.adapters.icontact_world import (
    CONTACTS,
    FOLDER,
    LIST,
    NEW,
    OLD,
    adapter,
    contact,
    page,
)
from tests.integrations.conformance import register, wire


class TestChanges:
    def test_a_walk_joins_contacts_with_the_list(self) -> None:
        with wire() as mock:
            for step in world.READING[6].steps:
                register(mock, step)
            found = adapter().changes(LIST, "")
            first, second = (
                parse_qs(urlsplit(str(call.request.url)).query) for call in mock.calls
            )
        assert [(c.email, c.status) for c in found.changes] == [(OLD, "pending")]
        assert found.changes[0].fields == {"firstName": "Mary", "status": "Normal"}
        assert (found.complete, found.more) == (True, True)
        assert first["contactId"] == ["0"]
        assert first["contactIdSearchType"] == ["gt"]
        assert second["contactId"] == ["333001,333002"]
        assert second["contactIdSearchType"] == ["bet"]
        with wire() as mock:
            mock.add("GET", CONTACTS, json=page("contacts"))
            end = adapter().changes(LIST, found.cursor)
            assert "contactId=333002" in str(mock.calls[0].request.url)
        assert (end.changes, end.cursor, end.complete, end.more) == (
            (),
            "",
            True,
            False,
        )

    def test_another_order_is_not_believed(self) -> None:
        with wire() as mock, pytest.raises(TransientError, match="order"):
            mock.add("GET", CONTACTS, json=page("contacts", contact(OLD), contact(NEW)))
            adapter().changes(LIST, "")

    @pytest.mark.parametrize("half", [{}, {"contacts": None}])
    def test_an_answer_without_contacts_is_not_an_empty_folder(self, half: Any) -> None:
        with wire() as mock, pytest.raises(TransientError):
            mock.add("GET", CONTACTS, json=half)
            adapter().changes(LIST, "")

    @pytest.mark.parametrize("cursor", ["x", "[]", '["1"]', "[1, 2]", "{}"])
    def test_a_foreign_cursor(self, cursor: str) -> None:
        with pytest.raises(RejectedError) as caught:
            adapter().changes(LIST, cursor)
        assert caught.value.reason is Reason.CURSOR_EXPIRED


class TestWebhook:
    PERSON: ClassVar[dict[str, Any]] = {
        "contact": contact(OLD),
        "list": {"listId": 444444},
    }

    def incoming(self, event: str, body: object, secret: str = "s3cret") -> Any:
        return adapter(webhook_secret="s3cret").webhook(
            Incoming(
                method="POST",
                url="https://h.example/",
                query={"secret": secret, "event": event},
                body=json.dumps(body).encode(),
            )
        )

    @pytest.mark.parametrize(
        ("event", "kind", "status", "own"),
        [
            ("contact_subscribed", "upsert", "subscribed", "normal"),
            ("contact_subscribed", "upsert", "pending", "pending"),
            ("contact_unsubscribed", "status", "unsubscribed", "normal"),
            ("contact_updated", "upsert", "", "normal"),
            ("contact_updated", "upsert", "bounced", "bounced"),
            ("contact_created", "upsert", "unsubscribed", "donotcontact"),
        ],
    )
    def test_events(self, event: str, kind: str, status: str, own: str) -> None:
        body = {"contact": contact(OLD, own)}
        if event.endswith("subscribed"):
            body["list"] = {"listId": 444444}
        [change] = self.incoming(event, [body])
        assert (change.email, change.kind, change.status) == (OLD, kind, status)
        assert change.audience_id == (LIST if "list" in body else "")
        assert change.fields["firstName"] == "Mary"

    def test_needs_our_secret(self) -> None:
        with pytest.raises(CredentialsError):
            self.incoming("contact_updated", [self.PERSON], secret="guess")

    @pytest.mark.parametrize(
        ("event", "body"), [("", []), ("sent", []), ("contact_updated", {"a": 1})]
    )
    def test_something_else(self, event: str, body: object) -> None:
        with pytest.raises(RejectedError):
            self.incoming(event, body)

    def test_events_about_nobody_are_left_out(self) -> None:
        assert self.incoming("contact_updated", [{}, {"contact": {}}, 3]) == []

    def test_adding_names_the_event_in_each_address(self) -> None:
        with wire() as mock:
            register(mock, world.WRITING[-1].steps[0])
            kept = adapter().add_webhook("https://h.example/?secret=s", LIST)
            sent = json.loads(mock.calls[0].request.body or "")
        assert kept == {"webhook_id": "0,1,2,3"}
        assert sent[3] == {
            "eventId": "contact_unsubscribed",
            "url": "https://h.example/?secret=s&event=contact_unsubscribed",
        }

    def test_adding_half_of_them_is_a_failure(self) -> None:
        with wire() as mock, pytest.raises(RejectedError, match="too many"):
            answer = {"webhooks": [{"webhookId": 1}], "warnings": ["too many"]}
            mock.add("POST", f"{FOLDER}/webhooks", json=answer)
            adapter().add_webhook("https://h.example/", LIST)
