"""What changed in HubSpot: walks, searches, webhooks."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from integrations.adapters.base import Incoming
from integrations.adapters.errors import (
    CredentialsError,
    Reason,
    RejectedError,
)
from integrations.adapters.hubspot import HubSpot
from tests.integrations.adapters import hubspot_world as world
from tests.integrations.adapters.hubspot_calls import OPERATIONS
from tests.integrations.adapters.hubspot_world import (
    CONTACTS,
    EVERYBODY,
    LEFT,
    LIST,
    NEW,
    OLD,
    SECRETS,
    SUBSCRIPTION,
    asked,
    page,
    read,
    record,
    run,
    signed,
    status,
)
from tests.integrations.conformance import (
    Step,
    wire,
)

SIGNATURE = "x-hubspot-signature-v3"


def place(since: str) -> str:
    """The cursor of a search that has yet to begin."""
    return json.dumps([0, since, "", ""])


def bounds(sent: list[Any]) -> list[tuple[str, str, str]]:
    """The filters of a search that was sent."""
    [group] = sent[0]["filterGroups"]
    names = ("propertyName", "operator", "value")
    return [tuple(row[name] for name in names) for row in group["filters"]]


class TestChanges:
    def walk(self, cursor: str, *steps: Step, audience: str = EVERYBODY) -> Any:
        return run(steps, lambda a: a.changes(audience, cursor))

    def test_a_walk_goes_over_into_a_search(self) -> None:
        first, _ = self.walk("", *OPERATIONS[6].steps)
        assert (first.complete, first.more) == (True, True)
        [change] = first.changes
        assert (change.email, change.kind, change.status) == (
            OLD,
            "upsert",
            "subscribed",
        )
        assert change.fields == {"firstname": "Mary"}
        end = Step(method="GET", url=CONTACTS, answer=page())
        last, _ = self.walk(first.cursor, end)
        assert (last.complete, last.more) == (True, False)
        turn, since, began, place = json.loads(last.cursor)
        assert (turn, began, place) == (0, "", "")
        assert 590 < time.time() - datetime.fromisoformat(since).timestamp() < 620

    def found(self, *rows: Any, after: str = "") -> Step:
        answer = {"total": 1, **page(*rows, after=after)}
        return Step(method="POST", url=f"{CONTACTS}/search", answer=answer)

    def test_a_search_goes_on_ten_minutes_before_it_began(self) -> None:
        since, before = "2026-08-01T10:00:00.123Z", time.time() - 600
        found, sent = self.walk(
            place(since), self.found(record(OLD)), world.FIELDS, read(record(OLD))
        )
        assert bounds(sent) == [
            ("lastmodifieddate", "GTE", "1785578400123"),
            ("hs_object_id", "GT", "0"),
        ]
        following = datetime.fromisoformat(json.loads(found.cursor)[1]).timestamp()
        assert before - 2 < following < before + 10
        assert (found.complete, found.more) == (False, False)

    def test_the_pages_of_a_search_keep_when_it_began(self) -> None:
        first, _ = self.walk(
            place("2026-08-01T09:00:00Z"),
            self.found(record(OLD), after="100"),
            world.FIELDS,
            read(record(OLD)),
        )
        began = json.loads(first.cursor)[2]
        last, _ = self.walk(
            first.cursor.replace(began, "2026-08-02T00:00:00Z"), self.found()
        )
        assert last.cursor == place("2026-08-02T00:00:00Z")

    def test_each_page_is_searched_behind_the_last_so_that_nobody_slips_past(
        self,
    ) -> None:
        first, _ = self.walk(
            place(world.AT),
            self.found(record(NEW), record(OLD), after="100"),
            world.FIELDS,
            read(record(NEW), record(OLD)),
        )
        assert first.more
        _, sent = self.walk(first.cursor, self.found())
        assert bounds(sent) == [
            ("lastmodifieddate", "GTE", "1785578400123"),
            ("hs_object_id", "GT", "102"),
        ]
        # Never an offset: a search ends at 10,000 results.
        assert (sent[0]["sorts"], sent[0]["after"]) == (["hs_object_id"], "0")

    def test_a_search_that_is_refused_starts_a_walk(self) -> None:
        refused = Step(
            method="POST", url=f"{CONTACTS}/search", status=400, answer=world.REFUSED
        )
        with pytest.raises(RejectedError) as caught:
            self.walk(place(world.AT), refused)
        assert caught.value.reason is Reason.CURSOR_EXPIRED

    @pytest.mark.parametrize(
        "cursor",
        ["x", "[]", '["contacts", "search", 1, ""]', place("soon"), '[1, "", "", ""]'],
    )
    def test_a_foreign_cursor_has_expired(self, cursor: str) -> None:
        with wire(), pytest.raises(RejectedError) as caught:
            HubSpot(SECRETS).changes(EVERYBODY, cursor)
        assert caught.value.reason is Reason.CURSOR_EXPIRED

    def test_a_list_is_walked_again_and_again(self) -> None:
        found, _ = self.walk("", *OPERATIONS[7].steps, audience=LIST)
        assert (found.complete, found.more, found.cursor) == (True, False, "")

    def test_only_subscribers_and_leavers_are_in_a_subscription_type(self) -> None:
        found, _ = self.walk(
            "",
            Step(method="GET", url=CONTACTS, answer=page(record(OLD), record(LEFT))),
            world.FIELDS,
            read(record(OLD), record(NEW), record(LEFT, hs_email_optout="true")),
            asked(OLD, status(OLD, "NOT_SPECIFIED")),
            asked(NEW, status(NEW, "SUBSCRIBED")),
            audience=SUBSCRIPTION,
        )
        assert [(c.email, c.status) for c in found.changes] == [
            (NEW, "subscribed"),
            (LEFT, "unsubscribed"),
        ]


class TestWebhook:
    def event(self, what: str, number: str, **more: Any) -> dict[str, Any]:
        return {
            "objectId": int(number),
            "subscriptionType": f"contact.{what}",
            "portalId": 62515,
            "occurredAt": 1785578400123,
            **more,
        }

    def test_events_are_read_by_id(self) -> None:
        events = [
            self.event("creation", "102"),
            self.event("propertyChange", "102", propertyName="firstname"),
            self.event("deletion", "104"),
            {"subscriptionType": "deal.creation", "objectId": 9},
        ]
        gone = read({**record(LEFT), "archived": True, "archivedAt": world.AT})
        found, sent = run(
            (world.FIELDS, read(record(OLD, hs_email_optout="true")), gone),
            lambda a: a.webhook(signed(events)),
        )
        assert [(c.email, c.kind, c.status) for c in found] == [
            (OLD, "upsert", "unsubscribed"),
            (LEFT, "delete", ""),
        ]
        assert [row["id"] for row in sent[1]["inputs"]] == ["102"]

    def test_who_is_told_of_twice_is_read_once(self) -> None:
        """HubSpot refuses a batch that names a record twice."""
        events = [self.event("creation", "102"), self.event("deletion", "104")]
        gone = read({**record(LEFT), "archived": True, "archivedAt": world.AT})
        found, sent = run(
            (world.FIELDS, read(record(OLD)), gone),
            lambda a: a.webhook(signed(events * 2)),
        )
        assert [c.kind for c in found] == ["upsert", "delete"]
        assert [body["inputs"] for body in sent[1:]] == [
            [{"id": "102"}],
            [{"id": "104"}],
        ]

    def test_a_new_address_names_the_old_one(self) -> None:
        history = {"email": [{"value": NEW}, {"value": "Before@x.org"}]}
        events = [self.event("propertyChange", "101", propertyName="email")]
        [change], sent = run(
            (world.FIELDS, read({**record(NEW), "propertiesWithHistory": history})),
            lambda a: a.webhook(signed(events)),
        )
        assert (change.kind, change.fields) == ("email", {"old_email": "before@x.org"})
        assert sent[1]["propertiesWithHistory"] == ["email"]

    def test_forged_old_or_unsigned_calls_are_refused(self) -> None:
        events = [self.event("creation", "102")]
        good = signed(events)
        for call, secrets in (
            (signed(events, secret="other"), {}),
            (signed(events, age=400), {}),
            (signed(events, age=-400), {}),
            (Incoming(method="POST", url=world.HOOK, body=good.body), {}),
            (replace(good, headers={**good.headers, SIGNATURE: "no base64"}), {}),
            (replace(good, body=good.body + b" "), {}),
            (good, {"webhook_secret": ""}),
        ):
            with wire(), pytest.raises(CredentialsError):
                HubSpot({**SECRETS, **secrets}).webhook(call)

    @pytest.mark.parametrize("body", [{"a": 1}, "x"])
    def test_what_is_no_list_is_no_webhook(self, body: Any) -> None:
        with wire(), pytest.raises(RejectedError):
            HubSpot(SECRETS).webhook(signed(body))
