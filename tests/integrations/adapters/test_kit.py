"""Kit: the shared proofs, and what is peculiar to it.

The exchanges are written from the pages under https://developers.kit.com/api-reference,
read on 2026-11-22.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from integrations.adapters.base import Contact, Incoming, Options, OutcomeState
from integrations.adapters.errors import (
    CredentialsError,
    Reason,
    RejectedError,
    SetupError,
    TargetError,
)
from integrations.adapters.kit import Kit
from tests.integrations.adapters.kit_world import (
    CUSTOM,
    FORM,
    FORMS,
    FULL,
    HOOK,
    LEAVE,
    LEFT,
    MAKE_TAG,
    NEW,
    OLD,
    ONCE,
    OPERATIONS,
    OURS,
    SECRETS,
    TAG,
    TAGS,
    added,
    failure,
    get,
    known,
    leaver,
    made,
    page,
    person,
    post,
)
from tests.integrations.conformance import (
    AdapterConformance,
    Leaver,
    Step,
    register,
    wire,
)
from tests.integrations.contract import AdapterContract


class TestKit(AdapterConformance):
    adapter = Kit
    secrets = SECRETS
    operations = OPERATIONS
    audience_id = FORM
    odd_answers = True
    batch = (Contact(email=NEW),)
    batch_operation = "upsert of somebody new"
    batch_outcomes = (OutcomeState.AWAITING_OPT_IN,)
    unauthorized = failure("The access token is invalid")
    forbidden = failure("You do not have sufficient permissions")
    missing = failure("Not Found")
    refused = failure("Email address is invalid")
    leavers = (
        leaver("cancelled", "unsubscribed", Reason.UNSUBSCRIBED),
        leaver("bounced", "bounced", Reason.BOUNCED),
        leaver("complained", "complained", Reason.COMPLIANCE),
        Leaver(  # left just now: the list does not show it, the first write does
            status="unsubscribed",
            reason=Reason.UNSUBSCRIBED,
            steps=(known(person(LEFT)), made(LEFT, "cancelled", 200)),
            contacts=(Contact(email=LEFT),),
            never=('"state"', "forms"),
            audience_id=FORM,
        ),
    )


DOCS = "https://developers.kit.com/api-reference"
SEEN = "(read 2026-11-22)"
OPS = {
    ("GET", "/v4/account"): "accounts/get-current-account",
    ("GET", "/v4/subscribers"): "subscribers/list-subscribers",
    ("POST", "/v4/subscribers"): "subscribers/create-a-subscriber",
    ("POST", "/v4/subscribers/{id}/unsubscribe"): "subscribers/unsubscribe-subscriber",
    ("GET", "/v4/forms"): "forms/list-forms",
    ("GET", "/v4/forms/{id}/subscribers"): "forms/list-subscribers-for-a-form",
    (
        "POST",
        "/v4/forms/{id}/subscribers",
    ): "forms/add-subscriber-to-form-by-email-address",
    ("GET", "/v4/tags"): "tags/list-tags",
    ("POST", "/v4/tags"): "tags/create-a-tag",
    ("POST", "/v4/tags/{id}/subscribers"): "tags/tag-a-subscriber-by-email-address",
    ("GET", "/v4/custom_fields"): "custom-fields/list-custom-fields",
    ("POST", "/v4/webhook_endpoints"): "webhooks/create-a-webhook-endpoint",
    ("DELETE", "/v4/webhook_endpoints/{id}"): "webhooks/delete-a-webhook-endpoint",
}


class TestKitContract(AdapterContract):
    adapter = Kit
    secrets = SECRETS
    operations = OPERATIONS
    documented = {route: f"{DOCS}/{name} {SEEN}" for route, name in OPS.items()}


def play(run: Any, *steps: Step) -> tuple[Any, list[Any], list[Any]]:
    """The result, the JSON bodies sent, and the queries."""
    with wire() as mock:
        for step in steps:
            register(mock, step)
        result = run(Kit({**SECRETS, "webhook_secret": OURS}))
        assert len(mock.calls) == len(steps)
        requests = [call.request for call in mock.calls]
    bodies = [json.loads(r.body) for r in requests if r.body]
    return result, bodies, [parse_qs(urlsplit(str(r.url)).query) for r in requests]


def upsert(contact: Contact, to: str = FORM, options: Options = ONCE) -> Any:
    return lambda a: a.upsert([contact], to, options)


class TestReading:
    def test_signing_in(self) -> None:
        assert Kit(SECRETS).headers() == {"X-Kit-Api-Key": SECRETS["api_key"]}
        signed_in = Kit({**SECRETS, "access_token": "tok"}).headers()
        assert signed_in == {"Authorization": "Bearer tok"}

    def test_forms_and_tags(self) -> None:
        found, _, queries = play(Kit.audiences, get("forms", FORMS), get("tags", TAGS))
        assert [(a.id, a.label, a.size, a.double_opt_in) for a in found] == [
            ("form:53", "Form: Sign up", 42, None),
            ("tag:7", "Tag: VIP", None, False),
        ]
        assert queries[0]["include"] == ["subscriber_count"]

    def test_all_pages(self) -> None:
        first = page("custom_fields", {"key": "a", "label": "A"}, after="WzFd")
        fields, _, queries = play(
            lambda a: a.fields(FORM), get("custom_fields", first), CUSTOM
        )
        assert [f.id for f in fields] == ["first_name", "a", "city"]
        assert queries[1]["after"] == ["WzFd"]

    def test_where_people_stand(self) -> None:
        states, _, [query] = play(
            lambda a: a.subscriptions([OLD.upper(), LEFT, NEW], FORM),
            known(person(LEFT, "inactive"), person()),
        )
        assert [s.status for s in states] == ["subscribed", "pending", "absent"]
        assert query["status"] == ["all"]
        assert query["email_address"] == [f"{OLD},{LEFT},{NEW}"]

    def test_the_walk(self) -> None:
        url = "tags/7/subscribers"
        gone = person(LEFT, "bounced")
        first = page("subscribers", person(), gone, after="WzFd")
        found, _, [query] = play(lambda a: a.changes(TAG, ""), get(url, first))
        assert (found.complete, found.more, query["status"]) == (True, True, ["all"])
        assert [c.status for c in found.changes] == ["subscribed", "bounced"]
        assert found.changes[0].fields == {"first_name": "Mary", "city": "Bath"}
        last = get(url, page("subscribers"))
        found, _, [query] = play(lambda a: a.changes(TAG, found.cursor), last)
        assert query["after"] == ["WzFd"]
        assert (found.cursor, found.more) == ("", False)

    def test_a_place_that_is_gone(self) -> None:
        refused = get("forms/53/subscribers", failure("Invalid cursor"), status=422)
        with pytest.raises(RejectedError) as caught:
            play(lambda a: a.changes(FORM, '["WzFd"]'), refused)
        assert caught.value.reason is Reason.CURSOR_EXPIRED

    def test_a_foreign_cursor_and_a_foreign_audience(self) -> None:
        with wire(), pytest.raises(RejectedError) as caught:
            Kit(SECRETS).changes(FORM, "[1]")
        assert caught.value.reason is Reason.CURSOR_EXPIRED
        for audience in ("53", "list:1", "form:x/y", ""):
            with wire(), pytest.raises(TargetError):
                Kit(SECRETS).changes(audience, "")


class TestWriting:
    def test_a_form_decides(self) -> None:
        new = Contact(email=NEW, fields={"first_name": "Ann", "city": ""})
        for state, outcome in (
            ("inactive", OutcomeState.AWAITING_OPT_IN),
            ("active", OutcomeState.SYNCED),
        ):
            steps = (known(), made(), added(state=state))
            [found], [row, put], _ = play(upsert(new), *steps)
            assert (found.state, found.remote_id) == (outcome, "11")
            assert row == {
                **{"email_address": NEW, "first_name": "Ann"},
                **{"state": "inactive"},
            }
            assert put == {"email_address": NEW}

    def test_a_tag_asks_nobody(self) -> None:
        steps = (known(), made(state="active"), added(NEW, "active", "tags/7"))
        [outcome], [row, _], _ = play(upsert(Contact(email=NEW), TAG), *steps)
        assert (outcome.state, row["state"]) == (OutcomeState.SYNCED, "active")

    def test_no_state_for_who_is_there(self) -> None:
        steps = (
            *(known(person(OLD, "inactive")), CUSTOM, made(OLD, "inactive", 200)),
            *(added(OLD), MAKE_TAG, added(OLD, to="tags/9")),
        )
        [outcome], bodies, _ = play(upsert(FULL), *steps)
        assert outcome.state is OutcomeState.AWAITING_OPT_IN
        assert bodies[0] == {
            "email_address": OLD,
            "first_name": "Ann",
            "fields": {"city": "Bath, York"},
        }
        assert bodies[2] == {"name": "popup"}

    def test_a_field_that_is_gone_is_not_lost_silently(self) -> None:
        contact = Contact(email=NEW, fields={"street": "1 A"})
        [outcome], _, _ = play(upsert(contact), known(), CUSTOM)
        assert (outcome.state, outcome.reason) == (
            *(OutcomeState.REJECTED, Reason.FIELD_TYPE),
        )

    def test_existing_ones_are_left_alone(self) -> None:
        options = Options(update_existing=False)
        [outcome], _, _ = play(upsert(FULL, options=options), known(person()))
        assert (outcome.state, outcome.reason) == (
            *(OutcomeState.SKIPPED, Reason.EXISTING),
        )

    @pytest.mark.parametrize(
        ("words", "reason"),
        [
            ("Email address is invalid", Reason.ADDRESS_INVALID),
            ("First name is too long", Reason.REFUSED),
        ],
    )
    def test_why_not(self, words: str, reason: Reason) -> None:
        refused = post("subscribers", failure(words), 422)
        [outcome], _, _ = play(upsert(Contact(email=NEW)), known(), refused)
        assert (outcome.state, outcome.reason) == (OutcomeState.REJECTED, reason)
        assert outcome.detail == words

    def test_the_plan_is_full(self) -> None:
        words = "This request would exceed your subscriber limit"
        with pytest.raises(SetupError) as caught:
            play(
                upsert(Contact(email=NEW)),
                *(known(), post("subscribers", failure(words), 403)),
            )
        assert caught.value.reason is Reason.QUOTA

    def test_unsubscribing(self) -> None:
        outcomes, _, _ = play(
            lambda a: a.unsubscribe([NEW, LEFT, OLD], FORM),
            *(known(person(), person(LEFT, "cancelled")), LEAVE),
        )
        assert [o.state for o in outcomes] == [
            *(OutcomeState.SKIPPED, OutcomeState.SYNCED, OutcomeState.SYNCED)
        ]


class TestWebhook:
    def post(self, *events: Any, secret: str = OURS, age: int = 0) -> Any:
        body = json.dumps({"delivery_id": 1, "events": list(events)}).encode()
        stamp = str(int(time.time()) - age)
        signed = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256)
        header = f"t={stamp},v1={'0' * 64},v1={signed.hexdigest()}"
        request = Incoming(
            method="POST",
            url="https://x.example/hook",
            headers={"x-kit-signature": header},
            body=body,
        )
        return play(lambda a: a.webhook(request))[0]

    def event(self, kind: str, row: Any, **more: Any) -> dict[str, Any]:
        data = {"subscriber": row, **more}
        return {
            "id": "u",
            "type": kind,
            "created": "2026-08-01T10:00:00Z",
            "data": data,
        }

    @pytest.mark.parametrize("wrapped", [True, False])
    def test_the_new_secret_is_not_recorded(self, wrapped: bool) -> None:
        assert isinstance(HOOK.answer, dict)
        answer = HOOK.answer if wrapped else HOOK.answer["webhook_endpoint"]
        kit = Kit(SECRETS)
        with wire() as mock:
            register(mock, replace(HOOK, answer=answer))
            kept = kit.add_webhook("https://x.example/hook", TAG)
        assert kept == {"webhook_id": "5", "webhook_secret": "whsec-of-kit"}
        assert "whsec-of-kit" not in repr(kit.exchanges)

    def test_the_signature_must_be_theirs_and_fresh(self) -> None:
        for more in ({"secret": "other"}, {"age": 301}, {"age": -301}):
            with pytest.raises(CredentialsError):
                self.post(**more)
        with pytest.raises(CredentialsError):
            Kit({}).webhook(Incoming(method="POST", url=""))

    def test_people_as_they_are_now(self) -> None:
        gone, joined = self.post(
            self.event("subscriber.complained", person(LEFT, "complained")),
            self.event("subscriber.subscribed_to_form", person(), form={"id": 53}),
            self.event("tag.created", None),
        )
        assert (gone.kind, gone.email, gone.status) == ("status", LEFT, "complained")
        assert not gone.fields
        assert gone.at == datetime(2026, 8, 1, 10, tzinfo=UTC)
        assert (joined.audience_id, joined.kind) == (FORM, "upsert")
        assert joined.fields == {"first_name": "Mary", "city": "Bath"}

    def test_what_is_no_webhook(self) -> None:
        assert self.post() == []
        for row in (None, {}, {"email_address": None}):
            with pytest.raises(RejectedError):
                self.post(self.event("subscriber.created", row))
