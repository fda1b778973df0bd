"""What is peculiar to HubSpot, beside the conformance of every adapter."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from integrations.adapters.base import Options, OutcomeState
from integrations.adapters.errors import (
    AdapterError,
    CredentialsError,
    Reason,
    RejectedError,
    ScopeError,
    TargetError,
    TransientError,
)
from integrations.adapters.hubspot import HubSpot
from integrations.adapters.hubspot.wire import parts_of, property_of
from tests.integrations.adapters import hubspot_world as world
from tests.integrations.adapters.hubspot_calls import LEAVERS, OPERATIONS
from tests.integrations.adapters.hubspot_world import (
    API,
    EVERYBODY,
    LEFT,
    LIST,
    LISTS,
    NEW,
    OLD,
    PEOPLE,
    SECRETS,
    SUBSCRIPTION,
    asked,
    error,
    prop,
    read,
    record,
    run,
    status,
    status_url,
)
from tests.integrations.conformance import (
    AdapterConformance,
    Refusal,
    Step,
    wire,
)

SYNCED, REJECTED, SKIPPED, RETRY = (
    OutcomeState.SYNCED,
    OutcomeState.REJECTED,
    OutcomeState.SKIPPED,
    OutcomeState.RETRY,
)


class TestHubSpot(AdapterConformance):
    odd_answers = True
    adapter = HubSpot
    secrets = SECRETS
    operations = OPERATIONS
    batch = PEOPLE
    batch_operation = "upsert among all contacts"
    batch_outcomes = (SYNCED, SYNCED, REJECTED)
    audience_id = EVERYBODY
    unauthorized = world.UNAUTHORIZED
    forbidden = world.FORBIDDEN
    missing = world.MISSING
    refused = world.REFUSED
    peculiar = (
        Refusal(
            status=423, body=error("LOCKED", "Object is locked."), error=TransientError
        ),
        Refusal(
            status=477, body=error("MIGRATING", "In progress."), error=TransientError
        ),
    )
    leavers = LEAVERS
    no_leavers = {
        "complained": "HubSpot keeps who reported spam as unsubscribed from all e-mail"
    }


class TestKeys:
    def test_the_fresh_token_goes_before_the_key(self) -> None:
        key = {"token": " pat-eu1-1234 "}
        assert HubSpot(key).headers()["Authorization"] == "Bearer pat-eu1-1234"
        both = HubSpot({**key, "access_token": "fresh"})
        assert both.headers()["Authorization"] == "Bearer fresh"


class TestErrors:
    @pytest.mark.parametrize(
        ("code", "body", "expected", "reason"),
        [
            (
                401,
                error("EXPIRED_AUTHENTICATION", "The OAuth token expired."),
                CredentialsError,
                Reason.AUTH_EXPIRED,
            ),
            (401, world.UNAUTHORIZED, CredentialsError, Reason.AUTH_REVOKED),
            (403, world.FORBIDDEN, ScopeError, Reason.SCOPE),
            (
                429,
                error("RATE_LIMITS", "Slow.", policyName="TEN_SECONDLY_ROLLING"),
                TransientError,
                Reason.RATE,
            ),
            (
                429,
                error("RATE_LIMITS", "Enough.", policyName="DAILY"),
                TransientError,
                Reason.QUOTA,
            ),
            (
                400,
                error(
                    "VALIDATION_ERROR",
                    "Required.",
                    {"message": "size", "code": "MISSING_REQUIRED_PROPERTY"},
                ),
                RejectedError,
                Reason.REQUIRED_FIELD,
            ),
            (
                400,
                error(
                    "VALIDATION_ERROR",
                    'Property values were not valid: [{"isValid":false,"message":'
                    '"Email address x is invalid","error":"INVALID_EMAIL"}]',
                ),
                RejectedError,
                Reason.ADDRESS_INVALID,
            ),
            (
                400,
                error("VALIDATION_ERROR", '[{"error":"INVALID_OPTION"}]'),
                RejectedError,
                Reason.OPTION_MISSING,
            ),
            (
                400,
                error("VALIDATION_ERROR", '[{"error":"PROPERTY_DOESNT_EXIST"}]'),
                RejectedError,
                Reason.FIELD_TYPE,
            ),
            (409, error("CONFLICT", "Exists."), RejectedError, Reason.DUPLICATE),
            (400, world.REFUSED, RejectedError, Reason.REFUSED),
        ],
    )
    def test_by_category_and_code(
        self, code: int, body: Any, expected: type[AdapterError], reason: Reason
    ) -> None:
        with wire() as mock, pytest.raises(AdapterError) as caught:
            mock.add("GET", f"{API}/crm/v3/properties/contacts", status=code, json=body)
            HubSpot(SECRETS).fields(EVERYBODY)
        assert type(caught.value) is expected
        assert caught.value.reason is reason

    def test_the_day_s_quota_waits_long_and_a_lock_as_told(self) -> None:
        daily = error("RATE_LIMITS", "Enough.", policyName="DAILY")
        for code, body, headers, wait in (
            (429, daily, {}, 3600.0),
            (423, error("LOCKED", "Locked."), {"Retry-After": "2"}, 2.0),
        ):
            with wire() as mock, pytest.raises(TransientError) as caught:
                url = f"{API}/crm/v3/properties/contacts"
                mock.add("GET", url, status=code, json=body, headers=headers)
                HubSpot(SECRETS).fields(EVERYBODY)
            assert caught.value.retry_after == wait

    def test_details_are_part_of_the_words(self) -> None:
        with wire() as mock, pytest.raises(ScopeError, match="following scopes"):
            mock.add(
                "GET",
                f"{API}/crm/v3/properties/contacts",
                status=403,
                json=world.FORBIDDEN,
            )
            HubSpot(SECRETS).fields(EVERYBODY)


class TestReading:
    def test_verify_counts_and_names_what_may_not_be_read(self) -> None:
        steps = list(OPERATIONS[0].steps)
        steps[2] = Step(
            method="POST", url=f"{LISTS}/search", status=403, answer=world.FORBIDDEN
        )
        reading, _ = run(tuple(steps), HubSpot.verify)
        assert (reading.identity, reading.account_name) == (
            "62515",
            "app.hubspot.com STANDARD",
        )
        assert [(r.name, r.readable, r.count) for r in reading.resources] == [
            ("contacts", True, 1234),
            ("lists", False, None),
            ("properties", True, 4),  # without the address
            ("subscription types", True, 1),
        ]

    def test_audiences_are_everybody_lists_and_types(self) -> None:
        found, sent = run(OPERATIONS[1].steps, HubSpot.audiences)
        assert [(a.id, a.label, a.size) for a in found] == [
            ("contacts", "All contacts", None),
            ("list:42", "Shop", 7),
            ("list:43", "Blog", 7),
            ("subscription:789", "Newsletter (e-mail subscription type)", None),
        ]
        assert sent[0]["processingTypes"] == ["MANUAL", "SNAPSHOT"]
        assert [body["offset"] for body in sent[:2]] == [0, 1]

    def test_without_the_permission_there_are_no_types(self) -> None:
        forbidden = Step(
            method="GET",
            url=world.DEFINITIONS.url,
            status=403,
            answer=world.FORBIDDEN,
        )
        first = Step(method="POST", url=f"{LISTS}/search", answer=world.lists())
        found, _ = run((first, forbidden), HubSpot.audiences)
        assert [a.id for a in found] == ["contacts"]

    @pytest.mark.parametrize(
        ("row", "expected"),
        [
            (prop("firstname", "string", "text"), ("name", False, ())),
            (prop("mobile", "string", "phonenumber"), ("phone", False, ())),
            (prop("born", "date", "date"), ("date", False, ())),
            (prop("seen", "datetime", "date"), ("datetime", False, ())),
            (prop("ok", "bool", "booleancheckbox"), ("boolean", False, ())),
            (prop("ok", "enumeration", "booleancheckbox"), ("boolean", False, ())),
            (prop("mail", "string", "text", textDisplayHint="email"), ("email", 0, ())),
            (prop("owner", "enumeration", "select"), ("text", False, ())),
            (prop("score", "number", "number", calculated=True), ("number", True, ())),
            (prop("hs_email_optout_7", "string", "text"), ("text", True, ())),
            (
                prop(
                    "size",
                    "enumeration",
                    "checkbox",
                    options=[world.option("s"), world.option("x", hidden=True)],
                ),
                ("multi_choice", False, ("s",)),
            ),
        ],
    )
    def test_properties_as_fields(self, row: Any, expected: Any) -> None:
        field = property_of(row)
        assert (field.type, field.read_only, field.options) == expected

    def test_hidden_properties_and_the_address_are_no_fields(self) -> None:
        rows = [prop("email", "string", "text"), prop("a", "string", "text")]
        rows.append(prop("b", "string", "text", hidden=True))
        step = Step(method="GET", url=world.FIELDS.url, answer={"results": rows})
        found, _ = run((step,), lambda a: a.fields(LIST))
        assert [f.id for f in found] == ["a"]

    @pytest.mark.parametrize("audience", ["", "list:", "list:4/2", "list:x", "abc"])
    def test_a_foreign_audience_is_a_missing_one(self, audience: str) -> None:
        with wire(), pytest.raises(TargetError):
            HubSpot(SECRETS).upsert(PEOPLE, audience, Options())

    def test_targets(self) -> None:
        assert parts_of(LIST) == ("list", "42")
        assert parts_of(EVERYBODY) == ("contacts", "")

    def test_subscriptions_tell_lists_and_types_apart(self) -> None:
        on_list, _ = run(
            (
                world.FIELDS,
                read(record(OLD), record(LEFT)),
                world.memberships("102", "42", "7"),
            ),
            lambda a: a.subscriptions([OLD, LEFT], LIST),
        )
        assert [s.status for s in on_list] == ["subscribed", "absent"]
        to_type, _ = run(
            (
                world.FIELDS,
                read(record(OLD), record(LEFT, hs_email_optout="true")),
                asked(OLD, status(OLD, "UNSUBSCRIBED")),
                Step(method="GET", url=status_url(NEW), status=404, answer={}),
            ),
            lambda a: a.subscriptions([OLD, LEFT, NEW], SUBSCRIPTION),
        )
        assert [s.status for s in to_type] == ["unsubscribed", "unsubscribed", "absent"]
        assert to_type[0].changed_at == datetime(2026, 8, 1, 10, 0, 0, 123000, UTC)
