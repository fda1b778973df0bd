"""Drip: the shared proofs, and what is peculiar to it.

The exchanges are written from https://developer.drip.com, read on 2026-11-22.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from integrations.adapters.base import Contact, Incoming, Options, OutcomeState
from integrations.adapters.drip import Drip
from integrations.adapters.errors import (
    CredentialsError,
    Reason,
    RejectedError,
    SetupError,
    TargetError,
)
from tests.integrations.adapters.drip_world import (
    ACCOUNT,
    ALL,
    API,
    ASKS,
    CAMPAIGNS,
    CUSTOM,
    FULL,
    GONE,
    HERE,
    JOIN,
    LEAVE,
    LEFT,
    MISSING,
    NEW,
    OLD,
    ONCE,
    OPERATIONS,
    OURS,
    PUT,
    REMOVE,
    SECRETS,
    SERIES,
    SILENT,
    TAG,
    TAGS,
    failure,
    get,
    leaver,
    nobody,
    on,
    one,
    person,
    post,
    rows,
    there,
)
from tests.integrations.conformance import (
    AdapterConformance,
    Step,
    register,
    wire,
)
from tests.integrations.contract import AdapterContract


class TestDrip(AdapterConformance):
    adapter = Drip
    secrets = SECRETS
    operations = OPERATIONS
    audience_id = SERIES
    batch = (Contact(email=NEW),)
    batch_operation = "upsert of somebody new"
    batch_outcomes = (OutcomeState.AWAITING_OPT_IN,)
    unauthorized = failure("authentication_error", "Authentication failed")
    forbidden = failure("authorization_error", "You are not authorized")
    missing = MISSING
    refused = failure("email_error", "Email is not valid", "email")
    odd_answers = True
    leavers = (
        leaver("unsubscribed", Reason.UNSUBSCRIBED, SERIES, ASKS, GONE),
        leaver("unsubscribed", Reason.UNSUBSCRIBED, TAG, GONE),
        leaver(
            *("unsubscribed", Reason.UNSUBSCRIBED, SERIES),
            *(ASKS, HERE, on("unsubscribed")),
        ),
        leaver(
            *("unsubscribed", Reason.UNSUBSCRIBED, SERIES),
            *(SILENT, HERE, on("active", "removed")),
        ),
        leaver("bounced", Reason.BOUNCED, ALL, there(person(LEFT, "undeliverable"))),
    )
    no_leavers = {"complained": "Drip shows a complaint in its webhooks only."}


DOCS = "https://developer.drip.com/"
SEEN = "(read 2026-11-22)"
ONE = "/v2/{account}/subscribers/{person}"
OPS = {
    ("GET", "/v2/accounts"): "list-all-accounts",
    ("GET", "/v2/accounts/{id}"): "fetch-an-account",
    ("GET", "/v2/{account}/campaigns"): "list-all-email-series-campaigns",
    ("GET", "/v2/{account}/campaigns/{id}"): "fetch-an-email-series-campaign",
    (
        "GET",
        "/v2/{account}/campaigns/{id}/subscribers",
    ): "list-all-subscribers-subscribed-to-an-email-series-campaign",
    (
        "POST",
        "/v2/{account}/campaigns/{id}/subscribers",
    ): "subscribe-someone-to-an-email-series-campaign",
    ("GET", "/v2/{account}/tags"): "list-all-tags-used-in-an-account",
    (
        "GET",
        "/v2/{account}/custom_field_identifiers",
    ): "list-all-custom-field-identifiers-used-in-an-account",
    ("GET", "/v2/{account}/subscribers"): "list-all-subscribers",
    ("POST", "/v2/{account}/subscribers"): "create-or-update-a-subscriber",
    ("GET", ONE): "fetch-a-subscriber",
    ("DELETE", ONE): "delete-a-subscriber",
    ("POST", f"{ONE}/unsubscribe_all"): "unsubscribe-from-all-mailings",
    (
        "POST",
        f"{ONE}/remove",
    ): "remove-a-subscriber-from-one-or-all-email-series-campaigns",
    (
        "GET",
        f"{ONE}/campaign_subscriptions",
    ): "list-all-of-a-subscriber-39-s-email-series-campaign-subscriptions",
    ("POST", "/v2/{account}/webhooks"): "create-a-new-webhook",
    ("DELETE", "/v2/{account}/webhooks/{id}"): "destroy-a-webhook",
}


class TestDripContract(AdapterContract):
    adapter = Drip
    secrets = SECRETS
    operations = OPERATIONS
    documented = {route: f"{DOCS}#{name} {SEEN}" for route, name in OPS.items()}


def play(run: Any, *steps: Step, **secrets: str) -> tuple[Any, list[Any], list[Any]]:
    """The result, the JSON bodies sent, and the queries."""
    with wire() as mock:
        for step in steps:
            register(mock, step)
        result = run(Drip({**SECRETS, "webhook_secret": OURS, **secrets}))
        assert len(mock.calls) == len(steps)
        requests = [call.request for call in mock.calls]
    bodies = [json.loads(r.body) for r in requests if r.body]
    return result, bodies, [parse_qs(urlsplit(str(r.url)).query) for r in requests]


def upsert(contact: Contact, to: str, options: Options = ONCE) -> Any:
    return lambda a: a.upsert([contact], to, options)


class TestAccounts:
    def test_signing_in(self) -> None:
        headers = Drip(SECRETS).headers()
        assert headers["Authorization"].startswith("Basic MDEyMzQ1")
        signed_in = Drip({**SECRETS, "access_token": "tok"}).headers()
        assert signed_in == {"Authorization": "Bearer tok"}

    def test_the_only_one_is_used_and_of_several_one_is_chosen(self) -> None:
        found = {"accounts": [ACCOUNT]}
        step = Step(method="GET", url=f"{API}/accounts", answer=found)
        play(lambda a: a.fields(ALL), step, CUSTOM, sub_account="")
        several = replace(step, answer={"accounts": [ACCOUNT, {"id": "1"}]})
        with pytest.raises(SetupError):
            play(lambda a: a.fields(ALL), several, sub_account="")


class TestReading:
    def test_campaigns_and_tags(self) -> None:
        found, _, _ = play(Drip.audiences, TAGS, CAMPAIGNS)
        assert [(a.id, a.label, a.size, a.double_opt_in) for a in found] == [
            ("everybody", "Everybody", None, False),
            ("campaign:123456", "Campaign: SEO Email Course", 320, True),
            ("tag:VIP", "Tag: VIP", None, False),
        ]

    def test_fields(self) -> None:
        fields, _, _ = play(lambda a: a.fields(ALL), CUSTOM)
        assert [f.id for f in fields if f.id.startswith("custom")] == [
            "custom_fields.shirt_size"
        ]

    @pytest.mark.parametrize(
        ("to", "steps", "status"),
        [
            (ALL, [there(person())], "subscribed"),
            (ALL, [nobody(OLD)], "absent"),
            (TAG, [there(person())], "subscribed"),
            ("tag:x", [there(person())], "absent"),
            (TAG, [there(person(status="undeliverable"))], "bounced"),
            (SERIES, [there(person()), on("unconfirmed")], "pending"),
            (SERIES, [there(person()), on("active", campaign="1")], "absent"),
            (SERIES, [there(person()), on("removed", "active")], "subscribed"),
        ],
    )
    def test_where_people_stand(self, to: str, steps: Any, status: str) -> None:
        [found], _, _ = play(lambda a: a.subscriptions([OLD], to), *steps)
        assert found.status == status

    def test_a_walk_through_a_campaign(self) -> None:
        cursor, seen = "", []
        for status, pages in (
            ("active", 1),
            ("unsubscribed", 2),
            ("unsubscribed", 2),
            ("removed", 1),
        ):
            answer = rows("subscribers", person(), pages=pages)
            step = get("campaigns/123456/subscribers", answer)
            found, _, [query] = play(lambda a, c=cursor: a.changes(SERIES, c), step)
            assert query["status"] == [status]
            seen += [(c.status, found.complete) for c in found.changes]
            more, cursor = found.more, found.cursor
        assert (more, cursor) == (False, "")
        # One page shows everybody; of several, somebody may have slipped through.
        assert seen == [("subscribed", True), *[("unsubscribed", False)] * 3]

    def test_a_walk_through_a_tag(self) -> None:
        step = get(
            "subscribers", rows("subscribers", person(), person(LEFT, "removed"))
        )
        found, _, [query] = play(lambda a: a.changes(TAG, ""), step)
        assert (query["tags"], query["status"]) == (["VIP"], ["all"])
        assert [c.status for c in found.changes] == ["subscribed", "unsubscribed"]
        assert found.changes[0].fields == {
            "first_name": "Mary",
            "custom_fields.shirt_size": "Medium",
        }
        assert (found.complete, found.more) == (True, False)

    @pytest.mark.parametrize("cursor", ["x", '["a"]', "[1, 1, true]", "[0, 0, true]"])
    def test_a_foreign_cursor(self, cursor: str) -> None:
        with wire(), pytest.raises(RejectedError) as caught:
            Drip(SECRETS).changes(ALL, cursor)
        assert caught.value.reason is Reason.CURSOR_EXPIRED

    def test_a_foreign_audience(self) -> None:
        for audience in ("123456", "list:1", "tag:", ""):
            with wire(), pytest.raises(TargetError):
                Drip(SECRETS).changes(audience, "")


class TestWriting:
    def test_a_campaign_decides_and_nobody_is_put_back(self) -> None:
        for mode, state in (
            (ASKS, OutcomeState.AWAITING_OPT_IN),
            (SILENT, OutcomeState.SYNCED),
        ):
            contact = replace(FULL, email=NEW)
            steps = (mode, nobody(), JOIN)
            [outcome], [body], _ = play(upsert(contact, SERIES), *steps)
            assert outcome.state is state
            assert body["subscribers"] == [
                {
                    "email": NEW,
                    "first_name": "Ann",
                    "ip_address": "192.0.2.7",
                    "custom_fields": {"shirt_size": "L"},
                    "tags": ["popup"],
                    "reactivate_if_removed": False,
                }
            ]

    def test_who_is_on_the_campaign_is_updated(self) -> None:
        steps = (ASKS, there(person()), on("active"), PUT)
        [outcome], [body], _ = play(upsert(FULL, SERIES), *steps)
        assert outcome.state is OutcomeState.SYNCED
        assert set(body["subscribers"][0]) == {
            *("email", "first_name", "ip_address", "custom_fields", "tags")
        }

    def test_a_tag_is_given(self) -> None:
        [_], [body], _ = play(upsert(Contact(email=OLD), TAG), nobody(OLD), PUT)
        assert body == {"subscribers": [{"email": OLD, "tags": ["VIP"]}]}

    def test_existing_ones_are_left_alone(self) -> None:
        options = Options(update_existing=False)
        [outcome], _, _ = play(upsert(FULL, TAG, options), there(person()))
        assert (outcome.state, outcome.reason) == (
            *(OutcomeState.SKIPPED, Reason.EXISTING),
        )
        steps = (SILENT, there(person()), on(), JOIN)
        [outcome], [body], _ = play(upsert(FULL, SERIES, options), *steps)
        assert outcome.state is OutcomeState.SYNCED
        assert set(body["subscribers"][0]) == {
            *("email", "tags", "reactivate_if_removed")
        }

    def test_left_in_the_meantime(self) -> None:
        late = replace(PUT, answer=one(person(OLD, "unsubscribed")))
        [outcome], _, _ = play(upsert(FULL, TAG), there(person()), late)
        assert (outcome.state, outcome.reason) == (
            *(OutcomeState.REJECTED, Reason.UNSUBSCRIBED),
        )

    @pytest.mark.parametrize(
        ("code", "reason"),
        [
            ("email_error", Reason.ADDRESS_INVALID),
            ("uniqueness_error", Reason.DUPLICATE),
            ("time_error", Reason.FIELD_TYPE),
            ("presence_error", Reason.REFUSED),
        ],
    )
    def test_why_not(self, code: str, reason: Reason) -> None:
        refused = post("subscribers", failure(code, "It is not so", "email"), 422)
        [outcome], _, _ = play(upsert(Contact(email=NEW), ALL), nobody(), refused)
        assert (outcome.state, outcome.reason) == (OutcomeState.REJECTED, reason)
        assert outcome.detail == "It is not so"

    def test_unsubscribing(self) -> None:
        [outcome], _, [query] = play(lambda a: a.unsubscribe([OLD], SERIES), REMOVE)
        assert outcome.state is OutcomeState.SYNCED
        assert query == {"campaign_id": ["123456"]}
        gone = replace(LEAVE, status=404, answer=MISSING)
        [outcome], _, _ = play(lambda a: a.unsubscribe([OLD], TAG), gone)
        assert outcome.state is OutcomeState.SKIPPED


class TestWebhook:
    def post(self, event: str, secret: str = OURS, **properties: str) -> Any:
        body = {
            "event": event,
            "data": {
                "account_id": "9999999",
                "subscriber": person(),
                "properties": properties,
            },
            "occurred_at": "2026-08-01T10:00:00Z",
        }
        request = Incoming(
            method="POST",
            url=f"https://x.example/hook?secret={secret}",
            query={"secret": secret},
            body=json.dumps(body).encode(),
        )
        return play(lambda a: a.webhook(request))[0]

    def test_the_secret_must_be_ours(self) -> None:
        with pytest.raises(CredentialsError):
            self.post("subscriber.created", "other")

    @pytest.mark.parametrize(
        ("event", "kind", "status"),
        [
            ("subscriber.created", "upsert", "subscribed"),
            ("subscriber.unsubscribed_all", "status", "unsubscribed"),
            ("subscriber.marked_as_undeliverable", "status", "bounced"),
            ("subscriber.complained", "status", "complained"),
            ("subscriber.deleted", "delete", "absent"),
        ],
    )
    def test_events(self, event: str, kind: str, status: str) -> None:
        [change] = self.post(event)
        assert (change.kind, change.status, change.email) == (kind, status, OLD)
        assert change.at == datetime(2026, 8, 1, 10, tzinfo=UTC)

    def test_a_campaign_must_be_named(self) -> None:
        event = "subscriber.unsubscribed_from_campaign"
        [change] = self.post(event, campaign_id="123456")
        assert (change.audience_id, change.status) == (SERIES, "unsubscribed")
        assert self.post(event) == []
        assert self.post("subscriber.opened_email") == []

    def test_what_is_no_webhook(self) -> None:
        request = Incoming(
            method="POST",
            url="https://x.example/hook",
            query={"secret": OURS},
            body=b'{"event": "subscriber.created", "data": {"subscriber": null}}',
        )
        with pytest.raises(RejectedError):
            play(lambda a: a.webhook(request))
