"""AWeber: the shared proofs, and what is peculiar to it.

The exchanges are written from https://api.aweber.com, read on 2026-11-22.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from integrations.adapters.aweber import AWeber
from integrations.adapters.base import Contact, Incoming, Options, OutcomeState
from integrations.adapters.errors import (
    CredentialsError,
    Reason,
    RejectedError,
    SetupError,
    TransientError,
)
from tests.integrations.adapters.aweber_world import (
    ACCOUNT,
    ADD,
    API,
    CUSTOM,
    FULL,
    LEFT,
    LEFT_AT,
    LIMIT,
    LIST,
    LISTS,
    NEW,
    OLD,
    ONCE,
    OPERATIONS,
    PATCH,
    PEOPLE,
    SECRETS,
    failure,
    found,
    get,
    leaver,
    person,
)
from tests.integrations.conformance import (
    AdapterConformance,
    Refusal,
    Step,
    register,
    wire,
)
from tests.integrations.contract import AdapterContract


class TestAWeber(AdapterConformance):
    adapter = AWeber
    secrets = SECRETS
    operations = OPERATIONS
    audience_id = "456"
    odd_answers = True
    batch = (Contact(email=NEW),)
    batch_operation = "upsert of somebody new"
    batch_outcomes = (OutcomeState.SYNCED,)
    # Adding and deleting are answered without a body.
    unauthorized = failure(401, "UnauthorizedError", "Invalid Token")
    forbidden = failure(
        403, "ForbiddenError", "Application not authorized to manage email."
    )
    missing = failure(404, "NotFoundError", "Object: None, name: ''")
    refused = failure(400, "WebServiceError", "email: Invalid email address.")
    peculiar = (Refusal(status=403, body=LIMIT, error=TransientError),)
    leavers = (
        leaver("unsubscribed", Reason.UNSUBSCRIBED, "unsubscribe link"),
        leaver("unsubscribed", Reason.UNSUBSCRIBED, "api: unsubscribe"),
        leaver("bounced", Reason.BOUNCED, "undeliverable"),
    )
    no_leavers = {
        "complained": "AWeber unsubscribes who complains, and does not tell them apart."
    }


DOCS = "https://api.aweber.com/#operation"
SEEN = "(read 2026-11-22)"
ONE = "/1.0/accounts/{id}/lists/{list}/subscribers/{person}"
OPS = {
    ("GET", "/1.0/accounts"): "getAccounts",
    ("GET", "/1.0/accounts/{id}"): "findSubscribersForAccount, getAccount",
    ("GET", "/1.0/accounts/{id}/lists"): "getLists",
    ("GET", "/1.0/accounts/{id}/lists/{list}/custom_fields"): "getCustomFields",
    ("GET", "/1.0/accounts/{id}/lists/{list}/subscribers"): "findSubscribersForList",
    ("POST", "/1.0/accounts/{id}/lists/{list}/subscribers"): "addSubscriber",
    ("PATCH", ONE): "updateSubscriberByID",
    ("DELETE", ONE): "deleteSubscriberByID",
}


class TestAWeberContract(AdapterContract):
    adapter = AWeber
    secrets = SECRETS
    operations = OPERATIONS
    documented = {route: f"{DOCS}/{name} {SEEN}" for route, name in OPS.items()}


def play(run: Any, *steps: Step, **secrets: str) -> tuple[Any, list[Any], list[Any]]:
    """The result, the JSON bodies sent, and the queries."""
    with wire() as mock:
        for step in steps:
            register(mock, step)
        result = run(AWeber({**SECRETS, **secrets}))
        assert len(mock.calls) == len(steps)
        requests = [call.request for call in mock.calls]
    bodies = [json.loads(r.body) for r in requests if r.body]
    return result, bodies, [parse_qs(urlsplit(str(r.url)).query) for r in requests]


def upsert(contact: Contact, options: Options = ONCE) -> Any:
    return lambda a: a.upsert([contact], "456", options)


class TestAccounts:
    def test_the_only_one_is_used(self) -> None:
        answers = (get(API, {"id": 123}), LISTS)
        [news], _, _ = play(AWeber.audiences, *answers, sub_account="")
        assert (news.id, news.size) == ("456", 250)

    def test_of_several_one_must_be_chosen(self) -> None:
        with pytest.raises(SetupError):
            play(AWeber.audiences, get(API, {"id": 1}, {"id": 2}), sub_account="")

    def test_the_limit_means_a_minute(self) -> None:
        with wire() as mock, pytest.raises(TransientError) as caught:
            mock.add("GET", ACCOUNT, status=403, json=LIMIT)
            AWeber(SECRETS).verify()
        error = caught.value
        assert (error.reason, error.retry_after) == (Reason.RATE, 60.0)

    def test_the_plan_is_full(self) -> None:
        words = "The subscriber limit has been reached."
        full = replace(ADD, status=403, answer=failure(403, "ForbiddenError", words))
        with pytest.raises(SetupError) as caught:
            play(upsert(Contact(email=NEW)), found(), full)
        assert caught.value.reason is Reason.QUOTA


class TestReading:
    def test_lists(self) -> None:
        [audience], _, _ = play(AWeber.audiences, LISTS)
        assert (audience.id, audience.size) == ("456", 250)
        assert audience.double_opt_in is None

    def test_all_pages(self) -> None:
        more = get(f"{LIST}/custom_fields", {"id": 2, "name": "pear"})
        assert isinstance(more.answer, dict)
        more.answer["next_collection_link"] = "https://api.aweber.com/1.0/next"
        fields, _, queries = play(lambda a: a.fields("456"), more, CUSTOM)
        assert [f.id for f in fields[3:]] == ["custom:pear", "custom:apple"]
        assert queries[1]["ws.start"] == ["100"]

    def test_where_people_stand(self) -> None:
        gone = person(OLD, "unsubscribed", unsubscribed_at=LEFT_AT)
        states, _, queries = play(
            lambda a: a.subscriptions([OLD.upper()] * 4, "456"),
            found(person()),
            found(person(OLD, "unconfirmed")),
            found(person("very.old@x.org"), gone),
            found(),
        )
        assert [s.status for s in states] == [
            *("subscribed", "pending", "unsubscribed", "absent")
        ]
        assert states[2].changed_at == datetime(
            2026, 8, 1, 14, 41, 43, 300889, tzinfo=UTC
        )
        assert queries[0] == {"ws.op": ["find"], "email": [OLD.upper()]}

    def test_the_walk_steps_back(self) -> None:
        step = found(person(), person(LEFT, "unsubscribed"))
        assert isinstance(step.answer, dict)
        step.answer["next_collection_link"] = f"{PEOPLE}?ws.start=100"
        page, _, _ = play(lambda a: a.changes("456", ""), step)
        assert (page.complete, page.more) == (True, True)
        assert [c.status for c in page.changes] == ["subscribed", "unsubscribed"]
        assert page.changes[0].fields == {"name": "Mary", "custom:apple": "fuji"}
        page, _, [query] = play(lambda a: a.changes("456", page.cursor), found())
        assert query["ws.start"] == ["90"]
        assert (page.cursor, page.more) == ("", False)

    def test_a_place_that_is_gone(self) -> None:
        refused = replace(found(), status=400, answer=TestAWeber.refused)
        with pytest.raises(RejectedError) as caught:
            play(lambda a: a.changes("456", "[9000]"), refused)
        assert caught.value.reason is Reason.CURSOR_EXPIRED
        with pytest.raises(RejectedError) as caught:
            play(lambda a: a.changes("456", ""), refused)
        assert caught.value.reason is Reason.REFUSED

    @pytest.mark.parametrize("cursor", ["x", '["a"]', "[-1]"])
    def test_a_foreign_cursor(self, cursor: str) -> None:
        with wire(), pytest.raises(RejectedError) as caught:
            AWeber(SECRETS).changes("456", cursor)
        assert caught.value.reason is Reason.CURSOR_EXPIRED


class TestWriting:
    @pytest.mark.parametrize(
        ("ip", "sent"),
        [("8.8.8.8", {"ip_address": "8.8.8.8"}), ("10.0.0.1", {}), ("2606::1", {})],
    )
    def test_somebody_new(self, ip: str, sent: dict[str, str]) -> None:
        contact = replace(FULL, email=NEW, ip=ip)
        steps = (found(), ADD, found(person(NEW, "unconfirmed")))
        [outcome], [body], _ = play(upsert(contact), *steps)
        assert (outcome.state, outcome.remote_id) == (
            *(OutcomeState.AWAITING_OPT_IN, "789"),
        )
        assert body == {
            "email": NEW,
            "name": "Ann",
            "custom_fields": {"pear": "bosc, anjou"},
            "strict_custom_fields": "true",
            "tags": ["slow", "fast"],
            **sent,
        }

    def test_values_that_are_there_are_sent_along(self) -> None:
        [outcome], [body], _ = play(upsert(FULL), found(person()), PATCH)
        assert outcome.state is OutcomeState.SYNCED
        assert body == {
            "name": "Ann",
            "custom_fields": {"apple": "fuji", "pear": "bosc, anjou"},
            "strict_custom_fields": "true",
            "tags": {"add": ["slow", "fast"]},
        }

    def test_nothing_to_change(self) -> None:
        [outcome], bodies, _ = play(upsert(Contact(email=OLD)), found(person()))
        assert (outcome.state, bodies) == (OutcomeState.SYNCED, [])

    def test_existing_ones_are_left_alone(self) -> None:
        options = Options(update_existing=False)
        [outcome], _, _ = play(upsert(FULL, options), found(person()))
        assert (outcome.state, outcome.reason) == (
            *(OutcomeState.SKIPPED, Reason.EXISTING),
        )

    def test_not_shown_yet_or_deleted_meanwhile(self) -> None:
        gone = replace(PATCH, status=404, answer=TestAWeber.missing)
        for steps in ((found(), ADD, found()), (found(person()), gone)):
            contact = replace(FULL, email=NEW) if len(steps) == 3 else FULL
            [outcome], _, _ = play(upsert(contact), *steps)
            assert outcome.state is OutcomeState.RETRY

    @pytest.mark.parametrize(
        ("status", "words", "reason"),
        [
            (400, "email: Email address blocked.", Reason.ADDRESS_ROLE),
            (400, "email: Invalid email address.", Reason.ADDRESS_INVALID),
            (400, "email: Subscriber already subscribed.", Reason.DUPLICATE),
            (400, "Invalid custom fields: plum", Reason.FIELD_TYPE),
            (400, "Missing required argument(s)", Reason.REFUSED),
            (403, "This email address cannot be accepted.", Reason.ADDRESS_INVALID),
        ],
    )
    def test_why_not(self, status: int, words: str, reason: Reason) -> None:
        refused = replace(ADD, status=status, answer=failure(status, "E", words))
        [outcome], _, _ = play(upsert(Contact(email=NEW)), found(), refused)
        assert (outcome.state, outcome.reason) == (OutcomeState.REJECTED, reason)
        assert words in outcome.detail

    def test_unsubscribing(self) -> None:
        gone = found(person(LEFT, "unsubscribed"))
        outcomes, bodies, _ = play(
            lambda a: a.unsubscribe([NEW, LEFT, OLD], "456"),
            *(found(), gone, found(person()), PATCH),
        )
        assert [o.state for o in outcomes] == [
            *(OutcomeState.SKIPPED, OutcomeState.SYNCED, OutcomeState.SYNCED)
        ]
        assert bodies == [{"status": "unsubscribed"}]

    def test_erasing_touches_nobody_else(self) -> None:
        others = (
            person("other@x.org"),
            person(self_link="https://elsewhere.example/1.0/accounts/123"),
        )
        receipt, _, _ = play(lambda a: a.erase(OLD), get(ACCOUNT, *others))
        assert (receipt.ok, receipt.note) == (
            *(True, "AWeber did not hold this address."),
        )


class TestWebhook:
    def post(self, body: object, secret: str = SECRETS["webhook_secret"]) -> Any:
        raw = json.dumps(body).encode()
        signed = hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()
        request = Incoming(
            method="POST",
            url="https://x.example/hook",
            headers={"aweber-signature": f"sha256={signed}"},
            body=raw,
        )
        return play(lambda a: a.webhook(request))[0]

    def test_the_signature_must_be_theirs(self) -> None:
        with pytest.raises(CredentialsError):
            self.post({}, "other")
        with pytest.raises(CredentialsError):
            AWeber({}).webhook(Incoming(method="POST", url=""))

    def test_events_come_in_batches(self) -> None:
        links = {"list": LIST, "subscriber": f"{PEOPLE}/789"}
        gone = person(LEFT, "unsubscribed", links=links, unsubscribed_at=LEFT_AT)
        data = [
            {"event": "subscriber.added", "payload": person(NEW, "unconfirmed")},
            {"event": "subscriber.unsubscribed", "payload": gone},
            {"event": "message.opened", "payload": person()},
            "?",
        ]
        added, left = self.post({"account": "u", "callback": "c", "data": data})
        assert (added.kind, added.status) == ("upsert", "pending")
        assert (left.kind, left.status, left.audience_id) == (
            *("status", "unsubscribed", "456"),
        )
        assert not left.fields
        unread = {"data": [{"event": "subscriber.added", "payload": {"email": 1}}]}
        for body in ([], unread):
            with pytest.raises(RejectedError):
                self.post(body)
