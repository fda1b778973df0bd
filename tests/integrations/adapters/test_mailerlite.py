"""What is peculiar to MailerLite, beside the conformance of every adapter."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from integrations.adapters.base import Contact, Incoming, Options, OutcomeState
from integrations.adapters.errors import (
    CredentialsError,
    Reason,
    RejectedError,
    ScopeError,
    TargetError,
    TransientError,
)
from integrations.adapters.mailerlite import VERSION, MailerLite
from tests.integrations.adapters import mailerlite_world as world
from tests.integrations.adapters.mailerlite_world import (
    API,
    GROUP,
    GROUP_THERE,
    NEW,
    NOBODY,
    OLD,
    PEOPLE,
    batch,
    one,
    page,
    person,
    there,
)
from tests.integrations.conformance import (
    AdapterConformance,
    Step,
    register,
    wire,
)
from tests.integrations.contract import AdapterContract

SYNCED, AWAITING, REJECTED, SKIPPED, RETRY = (
    OutcomeState.SYNCED,
    OutcomeState.AWAITING_OPT_IN,
    OutcomeState.REJECTED,
    OutcomeState.SKIPPED,
    OutcomeState.RETRY,
)


class TestMailerLite(AdapterConformance):
    odd_answers = True
    adapter = MailerLite
    secrets = world.SECRETS
    operations = world.OPERATIONS
    audience_id = GROUP
    batch = PEOPLE[1:2]  # answers come in the order of the requests
    batch_operation = "upsert of one"
    batch_outcomes = (SYNCED,)
    unauthorized = world.UNAUTHORIZED
    forbidden = world.FORBIDDEN
    missing = world.MISSING
    refused = world.REFUSED
    public_words = frozenset({VERSION})
    leavers = world.LEAVERS


class TestMailerLiteContract(AdapterContract):
    adapter = MailerLite
    secrets = world.SECRETS
    operations = world.OPERATIONS
    documented = world.DOCUMENTED


def adapter(**secrets: str) -> MailerLite:
    return MailerLite({**world.SECRETS, **secrets})


def play(run: Any, *steps: Step) -> tuple[Any, list[Any]]:
    """The result, and the JSON bodies sent."""
    with wire() as mock:
        for step in steps:
            register(mock, step)
        result = run(adapter())
        assert len(mock.calls) == len(steps)
        bodies = [call.request.body for call in mock.calls if call.request.body]
    return result, [json.loads(body) for body in bodies]


def upsert(options: Options, *contacts: Contact) -> Any:
    return lambda a: a.upsert(contacts, GROUP, options)


class TestReading:
    def test_audiences_of_all_pages(self) -> None:
        pages = [
            page({"id": str(n), "name": "G", "active_count": n}, last_page=2)
            for n in (1, 2)
        ]
        with wire() as mock:
            for answer in pages:
                mock.add("GET", f"{API}/groups", json=answer)
            found = adapter().audiences()
            assert "page=2" in str(mock.calls[1].request.url)
        assert [(a.id, a.size) for a in found] == [("1", 1), ("2", 2)]

    def test_fields_are_known_by_their_key(self) -> None:
        step = Step(method="GET", url=f"{API}/fields", answer=world.FIELDS)
        fields, _ = play(lambda a: a.fields(GROUP), step)
        assert [(f.id, f.label, f.type) for f in fields] == [
            ("name", "Name", "text"),
            ("phone", "Phone", "phone"),
            ("age", "Age", "number"),
            ("since", "Since", "date"),
        ]

    def test_where_people_stand(self) -> None:
        emails = [OLD] * 5
        found, bodies = play(
            lambda a: a.subscriptions(emails, GROUP),
            batch(
                there(person(OLD)),
                there(person(OLD, groups=("7",))),
                there(person(OLD, "unconfirmed", groups=())),
                there(person(OLD, "unsubscribed", unsubscribed_at="2026-08-01 10:00")),
                NOBODY,
            ),
        )
        assert [s.status for s in found] == [
            *("subscribed", "absent", "pending", "unsubscribed", "absent")
        ]
        assert found[3].changed_at == datetime(2026, 8, 1, 10, tzinfo=UTC)
        assert bodies[0]["requests"][0] == {
            "method": "GET",
            "path": "api/subscribers/old%40x.org",
        }

    def test_fifty_in_a_call(self) -> None:
        found, bodies = play(
            lambda a: a.subscriptions([OLD] * 51, GROUP),
            batch(*[NOBODY] * 50),
            batch(NOBODY),
        )
        assert len(found) == 51
        assert [len(body["requests"]) for body in bodies] == [50, 1]

    def test_one_that_failed_for_the_moment_is_no_status(self) -> None:
        with pytest.raises(TransientError):
            play(lambda a: a.subscriptions([OLD], GROUP), batch(one(503, None)))


class TestWriting:
    def test_what_is_sent(self) -> None:
        twice = Contact(email=OLD.upper(), fields={"name": "Ann", "age": ""})
        outcomes, bodies = play(
            upsert(Options(), PEOPLE[0], PEOPLE[1], twice),
            batch(NOBODY, there(person(OLD))),
            batch(GROUP_THERE, there(person(NEW), 201), there(person(OLD))),
        )
        assert [(o.state, o.remote_id) for o in outcomes] == [
            *((SYNCED, "11"), (SYNCED, "12"), (SYNCED, "12"))
        ]
        assert bodies[1]["requests"] == [
            {"method": "GET", "path": f"api/groups/{GROUP}/subscribers?limit=1"},
            {
                "method": "POST",
                "path": "api/subscribers",
                "body": {
                    "email": NEW,
                    "groups": [GROUP],
                    "fields": {"name": "Mary", "age": 42},
                },
            },
            {
                "method": "POST",
                "path": "api/subscribers",
                "body": {
                    "email": OLD,
                    "groups": [GROUP],
                    "fields": {"name": "Ann"},
                },
            },
        ]

    def test_only_new_ones_are_asked(self) -> None:
        at = datetime(2026, 8, 1, 12, tzinfo=UTC)
        new = Contact(email=NEW, ip="192.0.2.7", signed_up_at=at)
        outcomes, bodies = play(
            upsert(Options(double_opt_in=True), new, PEOPLE[1]),
            batch(NOBODY, there(person(OLD))),
            batch(
                GROUP_THERE, there(person(NEW, "unconfirmed"), 201), there(person(OLD))
            ),
        )
        assert [o.state for o in outcomes] == [AWAITING, SYNCED]
        asked, other = (r["body"] for r in bodies[1]["requests"][1:])
        assert asked["status"] == "unconfirmed"
        assert asked["ip_address"] == "192.0.2.7"
        assert asked["subscribed_at"] == "2026-08-01 12:00:00"
        assert "status" not in other

    def test_the_accounts_own_switch_is_told(self) -> None:
        [outcome], bodies = play(
            upsert(Options(), PEOPLE[0]),
            batch(NOBODY),
            batch(GROUP_THERE, there(person(NEW, "unconfirmed"), 201)),
        )
        assert outcome.state is AWAITING
        assert "status" not in bodies[1]["requests"][1]["body"]

    def test_existing_ones_are_left_alone(self) -> None:
        options = Options(update_existing=False)
        [outcome], bodies = play(upsert(options, PEOPLE[1]), batch(there(person(OLD))))
        assert (outcome.state, outcome.reason) == (SKIPPED, Reason.EXISTING)
        assert len(bodies) == 1

    def test_who_is_known_but_not_here_only_joins(self) -> None:
        options = Options(update_existing=False)
        known = Contact(email=OLD, fields={"name": "Ann"})
        [outcome], bodies = play(
            upsert(options, known),
            batch(there(person(OLD, groups=()))),
            batch(GROUP_THERE, there(person(OLD))),
        )
        assert outcome.state is SYNCED
        body = bodies[1]["requests"][1]["body"]
        assert body == {"email": OLD, "groups": [GROUP]}

    @pytest.mark.parametrize(
        ("answer", "state", "reason"),
        [
            (one(422, world.REFUSED), REJECTED, Reason.ADDRESS_INVALID),
            (one(422, json.dumps(world.REFUSED)), REJECTED, Reason.ADDRESS_INVALID),
            (one(422, world.BAD_VALUE), REJECTED, Reason.FIELD_TYPE),
            (one(400, {"message": "No"}), REJECTED, Reason.REFUSED),
            (one(429, {"message": "Too Many Attempts."}), RETRY, Reason.RATE),
            (one(500, None), RETRY, Reason.SERVER),
            (one(200, "?"), RETRY, Reason.SERVER),
            ({"code": 200}, RETRY, Reason.SERVER),
            ({"code": "?"}, RETRY, Reason.SERVER),
        ],
    )
    def test_each_answer_of_a_batch_is_the_contacts_own(
        self, answer: Any, state: OutcomeState, reason: Reason
    ) -> None:
        steps = [batch(NOBODY, there(person(OLD))), batch(GROUP_THERE, NOBODY, NOBODY)]
        rows: Any = steps[1].answer
        rows["responses"] = [GROUP_THERE, answer, there(person(OLD))]
        [bad, well], _ = play(upsert(Options(), PEOPLE[0], PEOPLE[1]), *steps)
        assert (bad.state, bad.reason) == (state, reason)
        assert well.state is SYNCED

    def test_a_refusal_is_told_in_its_own_words(self) -> None:
        [outcome], _ = play(
            upsert(Options(), PEOPLE[0]),
            batch(NOBODY),
            batch(GROUP_THERE, one(422, world.REFUSED)),
        )
        assert outcome.detail == "The email must be a valid email address."

    @pytest.mark.parametrize(
        ("responses", "error"),
        [
            ((NOBODY, there(person(NEW))), TargetError),
            ((GROUP_THERE, one(422, world.NO_GROUP)), TargetError),
            ((GROUP_THERE, one(403, world.FORBIDDEN)), ScopeError),
            ((GROUP_THERE, one(401, world.UNAUTHORIZED)), CredentialsError),
            ((GROUP_THERE,), TransientError),
        ],
    )
    def test_what_is_wrong_with_all_of_them(
        self, responses: Any, error: type[Exception]
    ) -> None:
        with pytest.raises(error):
            play(upsert(Options(), PEOPLE[0]), batch(NOBODY), batch(*responses))

    def test_reading_that_failed_is_for_later(self) -> None:
        outcomes, _ = play(
            upsert(Options(), PEOPLE[0], PEOPLE[1]),
            batch(one(429, None), there(person(OLD))),
            batch(GROUP_THERE, there(person(OLD))),
        )
        assert [o.state for o in outcomes] == [RETRY, SYNCED]


class TestChanges:
    def walk(self, cursor: str, *rows: Any, **meta: Any) -> tuple[Any, Any]:
        url = f"{API}/groups/{GROUP}/subscribers"
        with wire() as mock:
            mock.add("GET", url, json=page(*rows, **meta))
            found = adapter().changes(GROUP, cursor)
            asked = parse_qs(urlsplit(str(mock.calls[0].request.url)).query)
        return found, asked

    def test_status_by_status_and_page_by_page(self) -> None:
        cursor, seen = "", []
        for status, mark in (
            ("active", "abc"),
            ("active", None),
            *((s, None) for s in ("unconfirmed", "bounced", "unsubscribed", "junk")),
        ):
            found, asked = self.walk(cursor, person(OLD, status), next_cursor=mark)
            assert asked["filter[status]"] == [status]
            assert found.complete
            seen += [(change.email, change.status) for change in found.changes]
            more, cursor = found.more, found.cursor
        assert (more, cursor) == (False, "")
        assert [status for _, status in seen] == [
            *("subscribed", "subscribed", "pending", "bounced"),
            *("unsubscribed", "complained"),
        ]

    def test_the_mark_is_handed_back(self) -> None:
        _, asked = self.walk('[0, "", "", "abc"]')
        assert asked["cursor"] == ["abc"]

    @pytest.mark.parametrize(
        "cursor", ["x", '["0", "", "", ""]', '[5, "", "", ""]', '[-1, "", "", ""]']
    )
    def test_a_foreign_cursor(self, cursor: str) -> None:
        with wire(), pytest.raises(RejectedError) as caught:
            adapter().changes(GROUP, cursor)
        assert caught.value.reason is Reason.CURSOR_EXPIRED


class TestWebhook:
    def post(self, body: object, key: str = "s3cret", ours: str = "s3cret") -> Any:
        raw = json.dumps(body).encode()
        signature = hmac.new(key.encode(), raw, hashlib.sha256).hexdigest()
        request = Incoming(
            method="POST",
            url="https://x.example/hook",
            headers={"signature": signature},
            body=raw,
        )
        return adapter(webhook_secret=ours).webhook(request)

    def test_the_signature_must_be_theirs(self) -> None:
        for key, ours in (("other", "s3cret"), ("", "")):
            with pytest.raises(CredentialsError):
                self.post({}, key, ours)
        with pytest.raises(CredentialsError):
            adapter(webhook_secret="s3cret").webhook(Incoming(method="POST", url=""))

    @pytest.mark.parametrize(
        ("event", "kind", "status"),
        [
            ("subscriber.created", "upsert", "subscribed"),
            ("subscriber.updated", "upsert", "subscribed"),
            ("subscriber.unsubscribed", "status", "unsubscribed"),
            ("subscriber.bounced", "status", "bounced"),
            ("subscriber.spam_reported", "status", "complained"),
        ],
    )
    def test_events_of_a_person(self, event: str, kind: str, status: str) -> None:
        for body in (
            {**person(OLD), "event": event},
            {"events": [{**person(OLD), "event": event}], "total": 1},
        ):
            [change] = self.post(body)
            assert (change.email, change.kind, change.status) == (OLD, kind, status)
            assert change.fields == ({"name": "Mary"} if kind == "upsert" else {})

    def test_the_new_secret_is_handed_over_and_not_recorded(self) -> None:
        ours = adapter()
        with wire() as mock:
            register(mock, world.WRITING[2].steps[0])
            kept = ours.add_webhook("https://x.example/hook", GROUP)
        assert kept == {"webhook_id": "7", "webhook_secret": "s3cret"}
        assert "s3cret" not in repr(ours.exchanges)
        assert "enabled" in ours.exchanges[-1].response

    def test_events_of_a_group(self) -> None:
        body = {"subscriber": person(OLD), "group": {"id": GROUP, "name": "N"}}
        [joined] = self.post({**body, "type": "subscriber.added_to_group"})
        assert (joined.kind, joined.status) == ("upsert", "subscribed")
        [gone] = self.post({**body, "type": "subscriber.removed_from_group"})
        assert (gone.kind, gone.status, gone.audience_id) == ("delete", "absent", GROUP)

    def test_other_events_say_nothing(self) -> None:
        for body in ({"event": "campaign.sent", "id": "1"}, {"events": ["x"]}, []):
            assert self.post(body) == []
