"""GetResponse: the shared proofs, and what is peculiar to it.

The exchanges are written from the pages under https://apidocs.getresponse.com/v3 and
the description at https://apireference.getresponse.com, read on 2026-11-22.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from integrations.adapters.base import Contact, Incoming, Options, OutcomeState
from integrations.adapters.errors import CredentialsError, Reason, RejectedError
from integrations.adapters.getresponse import GetResponse
from integrations.adapters.shared import to_place
from tests.integrations.adapters.getresponse_world import (
    ADD,
    AGAIN,
    API,
    CUSTOM,
    CUSTOMS,
    DETAIL,
    DOCUMENTED,
    DOUBLE,
    FULL,
    GONE_AT,
    LATER,
    LEAVERS,
    LEFT,
    LIST,
    MADE,
    NAMED,
    NEW,
    OLD,
    ONCE,
    OPERATIONS,
    SECRETS,
    SINGLE,
    TAGGED,
    TAGS,
    campaign,
    failure,
    found,
    get,
    person,
    removed,
    searched,
)
from tests.integrations.conformance import (
    AdapterConformance,
    Step,
    register,
    wire,
)
from tests.integrations.contract import AdapterContract

COUNTED = GetResponse.most_counted
SYNCED, AWAITING, SUBMITTED, REJECTED, SKIPPED = (
    OutcomeState.SYNCED,
    OutcomeState.AWAITING_OPT_IN,
    OutcomeState.SUBMITTED,
    OutcomeState.REJECTED,
    OutcomeState.SKIPPED,
)


class TestGetResponse(AdapterConformance):
    adapter = GetResponse
    secrets = SECRETS
    operations = OPERATIONS
    audience_id = LIST
    odd_answers = True
    batch = (Contact(email=NEW), Contact(email="b@x.org"))
    batch_operation = "upsert of two new people"
    batch_outcomes = (SUBMITTED, SUBMITTED)
    unauthorized = failure(401, 1014, "Unable to authenticate request.")
    forbidden = failure(403, 1020, "Your account does not have access.")
    missing = failure(404, 1013, "Resource not found.")
    refused = failure(400, 1000, "Incorrect email format")
    leavers = LEAVERS


class TestGetResponseContract(AdapterContract):
    adapter = GetResponse
    secrets = SECRETS
    operations = OPERATIONS
    documented = DOCUMENTED


def play(run: Any, *steps: Step) -> tuple[Any, list[Any], list[Any]]:
    """The result, the JSON bodies sent, and the queries."""
    with wire() as mock:
        for step in steps:
            register(mock, step)
        result = run(GetResponse({**SECRETS, "webhook_secret": "s3cret-of-ours"}))
        assert len(mock.calls) == len(steps)
        requests = [call.request for call in mock.calls]
    bodies = [json.loads(r.body) for r in requests if r.body]
    return result, bodies, [parse_qs(urlsplit(str(r.url)).query) for r in requests]


def upsert(contact: Contact, options: Options = ONCE) -> Any:
    return lambda a: a.upsert([contact], LIST, options)


class TestReading:
    def test_lists_with_size_and_mode(self) -> None:
        with wire() as mock:
            mock.add("GET", f"{API}/campaigns", json=[campaign()])
            register(mock, DOUBLE)
            mock.add("GET", f"{API}/contacts", json=[], headers={"TotalCount": "42"})
            [audience] = GetResponse(SECRETS).audiences()
        assert (audience.id, audience.label, audience.size, audience.double_opt_in) == (
            *(LIST, "newsletter", 42, True),
        )

    def test_every_list_tells_its_mode_and_the_first_their_size(self) -> None:
        lists = [{**campaign(), "campaignId": f"l{n}"} for n in range(COUNTED + 1)]
        steps = [get("campaigns", lists)]
        for number, row in enumerate(lists):
            steps += [get(f"campaigns/{row['campaignId']}", campaign("double"))]
            steps += [found(person())] if number < COUNTED else []
        audiences, _, _ = play(GetResponse.audiences, *steps)
        assert [a.double_opt_in for a in audiences] == [True] * len(lists)
        assert [a.size for a in audiences] == [1] * COUNTED + [None]

    def test_fields(self) -> None:
        fields, _, _ = play(lambda a: a.fields(LIST), get("custom-fields", CUSTOM))
        assert [(f.id, f.type, f.options) for f in fields] == [
            ("name", "name", ()),
            ("f1", "text", ()),
            ("f2", "multi_choice", ("Tea", "Milk")),
            ("f3", "choice", ("<18", "18+")),
            ("f4", "date", ()),
        ]

    def test_all_pages(self) -> None:
        with wire() as mock:
            for rows in (CUSTOM, CUSTOM[:1]):
                headers = {"TotalCount": "1001"}
                mock.add("GET", f"{API}/custom-fields", json=rows, headers=headers)
            assert len(GetResponse(SECRETS).fields(LIST)) == len(CUSTOM) + 2
            assert "page=2" in str(mock.calls[1].request.url)

    def test_where_people_stand(self) -> None:
        emails = [OLD, NEW, LEFT, NEW]
        older = removed("complaint", deletedOn="2026-01-01T10:00:00+0000")
        states, bodies, queries = play(
            lambda a: a.subscriptions(emails, LIST),
            found(person("somebold@x.org"), person(OLD.upper())),
            get("contacts/a1B", DETAIL),
            *(found(), searched(person(NEW))),
            *(found(), searched(), searched(removed("unsubscribe"), older)),
            *(found(), searched(), searched()),
        )
        assert [s.status for s in states] == [
            *("subscribed", "pending", "unsubscribed", "absent")
        ]
        assert states[0].fields == {
            "name": "Mary",
            "f1": "London",
            "f2": ["Tea", "Milk"],
        }
        assert states[0].tags == ("vip",)
        assert {(s.fields, s.tags) for s in states[1:]} == {(None, None)}
        assert states[2].changed_at == GONE_AT
        assert queries[0] == {
            "query[email]": [OLD],
            "query[campaignId]": [LIST],
            "additionalFlags": ["exactMatch"],
        }
        assert bodies[2]["subscribersType"] == ["removed"]
        assert bodies[2]["section"][0]["campaignIdsList"] == [LIST]
        assert bodies[2]["section"][0]["conditions"][0]["value"] == LEFT

    def test_who_is_removed_while_they_are_read_is_searched(self) -> None:
        [state], _, _ = play(
            lambda a: a.subscriptions([OLD], LIST),
            *(found(person()), get("contacts/a1B", None, status=404)),
            *(searched(), searched(removed("bounce", OLD))),
        )
        assert state.status == "bounced"

    def test_when_the_limit_ends(self) -> None:
        with wire() as mock:
            headers = {"X-RateLimit-Reset": "41 seconds"}
            mock.add("GET", f"{API}/contacts", status=429, headers=headers)
            [outcome] = GetResponse(SECRETS).unsubscribe([OLD], LIST)
        assert (outcome.reason, outcome.retry_after) == (Reason.RATE, 41.0)


class TestWriting:
    def test_somebody_new(self) -> None:
        contact = replace(FULL, email=NEW, ip="192.0.2.7")
        [outcome], bodies, _ = play(
            upsert(contact), SINGLE, found(), searched(), TAGS, MADE, ADD
        )
        assert (outcome.state, bool(outcome.job)) == (SUBMITTED, True)
        assert bodies[1:] == [
            {"name": "pop_up"},
            {
                "email": NEW,
                "campaign": {"campaignId": LIST},
                "dayOfCycle": "0",
                "ipAddress": "192.0.2.7",
                "name": "Ann",
                "customFieldValues": [
                    {"customFieldId": "f1", "value": ["Bath"]},
                    {"customFieldId": "f2", "value": ["Tea"]},
                ],
                "tags": [{"tagId": "t1"}, {"tagId": "t2"}],
            },
        ]

    def test_somebody_known_is_added_to(self) -> None:
        steps = (SINGLE, found(person()), TAGS, MADE, NAMED, CUSTOMS, TAGGED)
        [outcome], bodies, _ = play(upsert(FULL), *steps)
        assert (outcome.state, outcome.remote_id) == (SYNCED, "a1B")
        assert bodies[1] == {"name": "Ann"}
        assert set(bodies[2]) == {"customFieldValues"}
        assert bodies[3] == {"tags": [{"tagId": "t1"}, {"tagId": "t2"}]}

    def test_the_list_asks(self) -> None:
        new = Contact(email=NEW)
        [outcome], _, _ = play(upsert(new), DOUBLE, found(), searched(), ADD)
        assert outcome.state is AWAITING

    def test_who_left_is_asked_where_the_list_asks(self) -> None:
        contact = Contact(email=LEFT, signed_up_at=LATER)
        gone = searched(removed("unsubscribe"))
        [outcome], _, _ = play(upsert(contact, AGAIN), DOUBLE, found(), gone, ADD)
        assert outcome.state is AWAITING

    def test_added_before_and_not_shown_yet(self) -> None:
        queued = replace(ADD, status=409, answer=failure(409, 1008, "Contact in queue"))
        new = Contact(email=NEW)
        [outcome], _, _ = play(upsert(new), SINGLE, found(), searched(), queued)
        assert outcome.state is SUBMITTED

    def test_existing_ones_are_left_alone(self) -> None:
        options = Options(update_existing=False)
        [outcome], bodies, _ = play(upsert(FULL, options), SINGLE, found(person()))
        assert (outcome.state, outcome.reason) == (SKIPPED, Reason.EXISTING)
        assert not bodies

    @pytest.mark.parametrize(
        ("words", "reason"),
        [
            ("Cannot add contact that is blacklisted", Reason.COMPLIANCE),
            ("Email domain not exists", Reason.ADDRESS_INVALID),
            ("Custom field invalid", Reason.FIELD_TYPE),
            ("No", Reason.REFUSED),
        ],
    )
    def test_why_not(self, words: str, reason: Reason) -> None:
        refused = replace(ADD, status=400, answer=failure(400, 1002, words))
        new = Contact(email=NEW)
        [outcome], _, _ = play(upsert(new), SINGLE, found(), searched(), refused)
        assert (outcome.state, outcome.reason) == (REJECTED, reason)
        assert outcome.detail == words

    def test_removed_meanwhile_is_for_later(self) -> None:
        gone = replace(NAMED, status=404, answer=failure(404, 1013, "Not found"))
        contact = Contact(email=OLD, fields={"name": "Ann"})
        [outcome], _, _ = play(upsert(contact), SINGLE, found(person()), gone)
        assert outcome.state is OutcomeState.RETRY

    def test_polling(self) -> None:
        outcomes, _, _ = play(
            lambda a: a.poll("j", [OLD, NEW, LEFT], LIST),
            found(person()),
            *(found(), searched(person(NEW))),
            *(found(), searched(), searched(removed("bounce"))),
        )
        assert [o.state for o in outcomes] == [SYNCED, AWAITING, REJECTED]
        nothing = (found(), searched(), searched())
        assert play(lambda a: a.poll("j", [NEW, OLD], LIST), *nothing)[0] == []

    def test_not_there(self) -> None:
        [outcome], _, _ = play(lambda a: a.unsubscribe([NEW], LIST), found())
        assert outcome.state is SKIPPED
        receipt, _, _ = play(lambda a: a.erase(NEW), found())
        assert receipt.ok


class TestChanges:
    def walk(self, cursor: str, *steps: Step) -> Any:
        page, bodies, queries = play(lambda a: a.changes(LIST, cursor), *steps)
        return page, bodies, queries[0]

    def test_all_of_them_and_then_what_is_new(self) -> None:
        detail = get("contacts/a1B", DETAIL)
        page, _, asked = self.walk("", found(person()), detail)
        assert asked["sort[createdOn]"] == ["ASC"]
        assert "query[createdOn][from]" not in asked
        assert (page.complete, page.more) == (True, False)
        [change] = page.changes
        assert change.fields == {"name": "Mary", "f1": "London", "f2": ["Tea", "Milk"]}
        assert (change.tags, change.status) == (("vip",), "subscribed")

        old = removed("bounce", deletedOn="2020-01-01T10:00:00+0000")
        now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S+0000}"
        gone = [removed(why, deletedOn=now) for why in ("complaint", "unsubscribe")]
        page, bodies, _ = self.walk(
            page.cursor, searched(old, *gone), found(), found(person(LEFT))
        )
        assert [c.status for c in page.changes] == ["complained"], "the other is back"
        assert not bodies[0]["section"][0]["conditions"]
        assert (page.complete, page.more) == (False, True)
        for by in ("changedOn", "createdOn"):
            page, _, asked = self.walk(page.cursor, found())
            assert f"query[{by}][from]" in asked
        assert (page.complete, page.more) == (False, False)

    def test_a_full_page_moves_on_by_time(self) -> None:
        rows = [person(createdOn=f"2026-07-01T10:00:{n:02}+0000") for n in range(50)]
        gone = get("contacts/a1B", None, status=404)
        page, _, _ = self.walk("", found(*rows), *[gone] * 50)
        assert (page.changes, page.more) == ((), True)
        page, _, asked = self.walk(page.cursor, found(*[rows[-1]] * 50), *[gone] * 50)
        assert asked["query[createdOn][from]"] == ["2026-07-01T10:00:44+0000"]
        _, _, asked = self.walk(page.cursor, found())
        assert asked["page"] == ["2"]

    def test_a_place_that_is_gone(self) -> None:
        refused = replace(found(), status=400, answer=TestGetResponse.refused)
        with pytest.raises(RejectedError) as caught:
            self.walk(to_place(0, "", "", to_place("", "9")), refused)
        assert caught.value.reason is Reason.CURSOR_EXPIRED

    @pytest.mark.parametrize(
        "cursor", ["x", "[1]", '[3, "", "", ""]', '[0, "?", "", ""]']
    )
    def test_a_foreign_cursor(self, cursor: str) -> None:
        with wire(), pytest.raises(RejectedError) as caught:
            GetResponse(SECRETS).changes(LIST, cursor)
        assert caught.value.reason is Reason.CURSOR_EXPIRED


class TestWebhook:
    def post(self, body: object, secret: str = "s3cret-of-ours") -> Any:
        request = Incoming(
            method="POST",
            url=f"https://x.example/hook?secret={secret}",
            query={"secret": secret},
            body=json.dumps(body).encode(),
        )
        return play(lambda a: a.webhook(request))[0]

    def event(self, kind: str) -> dict[str, Any]:
        return {
            "type": kind,
            "contact": {
                "contactId": "abc123",
                "email": OLD,
                "campaign": {"campaignId": LIST, "name": "my_first_campaign"},
            },
            "account": {"accountId": "def456"},
            "event": {"occurredAt": "2026-08-01T10:00:00+00:00"},
        }

    def test_the_secret_must_be_ours(self) -> None:
        with pytest.raises(CredentialsError):
            self.post({}, "other")

    @pytest.mark.parametrize(
        ("kind", "status"),
        [
            ("contact_added", "subscribed"),
            ("contact_removed_link", "unsubscribed"),
            ("contact_removed_bounce", "bounced"),
        ],
    )
    def test_events(self, kind: str, status: str) -> None:
        for body in (self.event(kind), [self.event(kind), "?"]):
            [change] = self.post(body)
            assert (change.email, change.status) == (OLD, status)
            assert (change.audience_id, change.at) == (LIST, GONE_AT)

    def test_other_events_say_nothing(self) -> None:
        assert self.post(self.event("contact_opened_message")) == []
