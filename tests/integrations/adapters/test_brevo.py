"""What is peculiar to Brevo, beside the conformance of every adapter."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from integrations.adapters.base import Contact, Incoming, Options, OutcomeState
from integrations.adapters.brevo import Brevo
from integrations.adapters.errors import (
    CredentialsError,
    Reason,
    RejectedError,
    TargetError,
    TransientError,
)
from tests.integrations.adapters import brevo_world as world
from tests.integrations.adapters.brevo_world import (
    API,
    ATTRIBUTES,
    MARY,
    NEW,
    OLD,
    PLAIN,
    find,
    nobody,
    person,
    stats,
    url,
)
from tests.integrations.conformance import AdapterConformance, Step, register, wire
from tests.integrations.contract import AdapterContract

SYNCED, AWAITING, REJECTED, SKIPPED = (
    OutcomeState.SYNCED,
    OutcomeState.AWAITING_OPT_IN,
    OutcomeState.REJECTED,
    OutcomeState.SKIPPED,
)


class TestBrevo(AdapterConformance):
    odd_answers = True
    may_lack = frozenset({"listUnsubscribed"})
    adapter = Brevo
    secrets = world.SECRETS
    operations = world.OPERATIONS
    audience_id = "1"
    batch = (PLAIN,)  # one a call: the order is the order of the calls
    batch_operation = "upsert of one without values"
    batch_outcomes = (SYNCED,)
    unauthorized = world.UNAUTHORIZED
    forbidden = world.FORBIDDEN
    missing = world.MISSING
    refused = world.REFUSED
    leavers = world.LEAVERS


class TestBrevoContract(AdapterContract):
    adapter = Brevo
    secrets = world.SECRETS
    operations = world.OPERATIONS
    documented = world.DOCUMENTED


def adapter(**secrets: str) -> Brevo:
    return Brevo({**world.SECRETS, **secrets})


def play(run: Any, *steps: Step, **secrets: str) -> tuple[Any, list[Any]]:
    """The result, and the JSON bodies sent."""
    with wire() as mock:
        for step in steps:
            register(mock, step)
        result = run(adapter(**secrets))
        assert len(mock.calls) == len(steps)
        bodies = [call.request.body for call in mock.calls if call.request.body]
    return result, [json.loads(body) for body in bodies]


def upsert(options: Options, *contacts: Contact) -> Any:
    return lambda a: a.upsert(contacts, "1", options)


class TestErrors:
    def fails(self, status: int, body: object, **headers: str) -> None:
        with wire() as mock:
            mock.add("GET", f"{API}/account", status=status, json=body, headers=headers)
            adapter().verify()

    def test_the_reset_header_says_when_to_come_back(self) -> None:
        body = {"code": "too_many_requests", "message": "Rate limit exceeded"}
        with pytest.raises(TransientError) as caught:
            self.fails(429, body, **{"x-sib-ratelimit-reset": "37"})
        assert caught.value.retry_after == 37.0
        assert caught.value.reason is Reason.RATE

    def test_too_early_is_for_later(self) -> None:
        with pytest.raises(TransientError):
            self.fails(425, {"code": "too_early", "message": "Processing"})

    @pytest.mark.parametrize(
        ("words", "reason"),
        [
            ("Invalid email address", Reason.ADDRESS_INVALID),
            ("email is not valid in body", Reason.ADDRESS_INVALID),
            ("Invalid phone number", Reason.FIELD_TYPE),
            ("SMS is already associated with another Contact", Reason.DUPLICATE),
            ("Something else", Reason.REFUSED),
        ],
    )
    def test_refusals(self, words: str, reason: Reason) -> None:
        body = {"code": "invalid_parameter", "message": words}
        refused = Step(method="POST", url=f"{API}/contacts", status=400, answer=body)
        [outcome], _ = play(upsert(Options(), PLAIN), nobody(OLD), refused)
        assert (outcome.state, outcome.reason) == (REJECTED, reason)
        assert outcome.detail == words

    def test_a_list_that_is_gone(self) -> None:
        body = {"code": "invalid_parameter", "message": "List ID does not exist"}
        refused = Step(method="POST", url=f"{API}/contacts", status=400, answer=body)
        with pytest.raises(TargetError):
            play(upsert(Options(), PLAIN), nobody(OLD), refused)


class TestReading:
    def test_fields_of_the_account(self) -> None:
        fields, _ = play(lambda a: a.fields("1"), ATTRIBUTES)
        assert [(f.id, f.type, f.read_only, f.options) for f in fields] == [
            ("FIRSTNAME", "text", False, ()),
            ("AGE", "number", False, ()),
            ("SMS", "phone", False, ()),
            ("GENDER", "choice", False, ("Female", "Male")),
            ("LIKES", "multi_choice", False, ("Tea", "Jam")),
            ("ORDER_ID", "text", True, ()),
            ("DOUBLE_OPT-IN", "choice", True, ("Yes", "No")),
        ]

    def test_when_somebody_left(self) -> None:
        statistics = stats(unsubscriptions=world.CLICKED)
        [found], _ = play(
            lambda a: a.subscriptions([OLD], "1"),
            find(OLD, emailBlacklisted=True, statistics=statistics),
        )
        assert (found.status, found.remote_id) == ("unsubscribed", "42")
        assert found.changed_at.isoformat() == "2026-08-01T08:00:00+00:00"

    def test_somebody_on_another_list_is_absent(self) -> None:
        [found], _ = play(
            lambda a: a.subscriptions([OLD], "1"), find(OLD, listIds=[11])
        )
        assert found.status == "absent"


class TestWriting:
    def test_a_category_is_sent_by_its_number(self) -> None:
        [outcome], bodies = play(
            upsert(Options(), MARY), nobody(NEW), ATTRIBUTES, world.WRITE
        )
        assert (outcome.state, outcome.remote_id) == (SYNCED, "42")
        assert bodies == [
            {
                "email": NEW,
                "attributes": {"FIRSTNAME": "Mary", "GENDER": 1, "AGE": 42},
                "listIds": [1],
                "updateEnabled": True,
            }
        ]

    def test_attributes_are_read_once(self) -> None:
        outcomes, _ = play(
            upsert(Options(), MARY, MARY),
            *(nobody(NEW), ATTRIBUTES, world.WRITE),
            *(find(NEW, listIds=[1]), world.UPDATE),
        )
        assert [o.state for o in outcomes] == [SYNCED, SYNCED]

    def test_existing_ones_are_left_alone(self) -> None:
        options = Options(update_existing=False)
        [outcome], bodies = play(upsert(options, MARY), find(NEW, listIds=[1]))
        assert (outcome.state, outcome.reason, bodies) == (SKIPPED, Reason.EXISTING, [])

    def test_an_audience_that_is_no_list(self) -> None:
        with pytest.raises(TargetError):
            play(lambda a: a.upsert([PLAIN], "news", Options()))

    def test_who_is_known_but_not_here_only_joins(self) -> None:
        options = Options(update_existing=False)
        [outcome], bodies = play(
            upsert(options, MARY), find(NEW, listIds=[7]), world.UPDATE
        )
        assert outcome.state is SYNCED
        assert bodies == [{"email": NEW, "listIds": [1], "updateEnabled": True}]


class TestAsking:
    ASKING = Options(double_opt_in=True)

    def test_the_endpoint_of_its_own(self) -> None:
        [outcome], bodies = play(
            upsert(self.ASKING, PLAIN), nobody(OLD), world.ASK, **world.ASKING
        )
        assert outcome.state is AWAITING
        assert bodies == [
            {
                "email": OLD,
                "includeListIds": [1],
                "templateId": 5,
                "redirectionUrl": "https://shop.example/welcome",
            }
        ]

    @pytest.mark.parametrize(
        "words", ["Template ID does not exist", "Invalid redirectionUrl"]
    )
    def test_a_template_that_is_gone_holds_the_rule_and_rejects_nobody(
        self, words: str
    ) -> None:
        refused = Step(
            method="POST",
            url=world.ASK.url,
            status=400,
            answer={"code": "invalid_parameter", "message": words},
        )
        with pytest.raises(TargetError) as caught:
            play(upsert(self.ASKING, PLAIN), nobody(OLD), refused, **world.ASKING)
        assert caught.value.reason is Reason.TARGET_UNFINISHED

    def test_who_is_on_the_list_is_not_asked(self) -> None:
        [outcome], bodies = play(
            upsert(self.ASKING, PLAIN),
            find(OLD, listIds=[1]),
            world.UPDATE,
            **world.ASKING,
        )
        assert outcome.state is SYNCED
        assert "includeListIds" not in bodies[0]

    @pytest.mark.parametrize(
        "secrets",
        [{}, {"doi_template": "5"}, {"doi_redirect": "https://x.example"}],
    )
    def test_without_a_template_nobody_is_subscribed(
        self, secrets: dict[str, str]
    ) -> None:
        with pytest.raises(TargetError, match="template"):
            play(upsert(self.ASKING, PLAIN), nobody(OLD), **secrets)


class TestChanges:
    def query(self, cursor: str, *people: object, count: int) -> tuple[Any, Any]:
        with wire() as mock:
            register(mock, world.walk(*people, count=count))
            found = adapter().changes("1", cursor)
            asked = urlsplit(str(mock.calls[0].request.url)).query
        return found, parse_qs(asked)

    def test_who_is_or_was_on_the_list(self) -> None:
        found, asked = self.query(
            "",
            person(NEW, listIds=[1]),
            person("other@x.org", listIds=[7]),
            person(OLD, listUnsubscribed=[1]),
            count=3,
        )
        assert [(c.email, c.status) for c in found.changes] == [
            (NEW, "subscribed"),
            (OLD, "unsubscribed"),
        ]
        assert found.changes[0].fields == {"FIRSTNAME": "Mary"}
        assert asked == {"limit": ["500"], "offset": ["0"], "sort": ["asc"]}
        assert (found.complete, found.more) == (True, False)

    def test_steps_back_a_little_and_ends(self) -> None:
        people = [person(f"p{n}@x.org") for n in range(100)]
        first, _ = self.query("", *people, count=130)
        _, since, began, offset = json.loads(first.cursor)
        assert (since, offset, first.more) == ("", 50, True)
        last, _ = self.query(first.cursor, *people[20:], count=130)
        assert (last.more, last.complete) == (False, True)
        later, asked = self.query(last.cursor, count=0)
        assert asked["modifiedSince"] == [began]
        assert (later.complete, later.more) == (False, False)

    def test_a_page_that_does_not_say_how_many_there_are_ends_no_walk(self) -> None:
        answer = {"contacts": [person(OLD)]}
        rows = Step(method="GET", url=f"{world.API}/contacts", answer=answer)
        with pytest.raises(TransientError):
            play(lambda a: a.changes("1", ""), rows)

    def test_always_gets_on(self) -> None:
        found, _ = self.query('[0, "", "2026", 7]', person(NEW), count=9)
        assert json.loads(found.cursor)[3] == 8
        found, _ = self.query('[0, "", "2026", 7]', count=9)
        assert not found.more

    def test_a_foreign_cursor(self) -> None:
        with wire(), pytest.raises(RejectedError) as caught:
            adapter().changes("1", "[1, 2, 3]")
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

    @pytest.mark.parametrize(
        ("event", "kind", "status"),
        [
            ("unsubscribe", "status", "unsubscribed"),
            ("hard_bounce", "status", "bounced"),
            ("spam", "status", "complained"),
            ("contact_updated", "upsert", ""),
            ("list_addition", "upsert", ""),
            ("contact_deleted", "delete", "absent"),
        ],
    )
    def test_events(self, event: str, kind: str, status: str) -> None:
        for email in (OLD, [OLD]):
            [change] = self.post(
                {"event": event, "email": email, "ts_event": 1785578400}
            )
            assert (change.email, change.kind, change.status) == (OLD, kind, status)
            assert change.at.isoformat() == "2026-08-01T10:00:00+00:00"

    def test_other_events_say_nothing(self) -> None:
        assert self.post({"event": "opened", "email": OLD}) == []
        assert self.post(["x"]) == []


def test_unsubscribing_who_is_not_there() -> None:
    gone = Step(method="PUT", url=url(OLD), status=404, answer=world.MISSING)
    [outcome], bodies = play(lambda a: a.unsubscribe([OLD], "1"), gone)
    assert (outcome.state, bodies) == (SKIPPED, [{"emailBlacklisted": True}])
