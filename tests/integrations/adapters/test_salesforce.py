"""What is peculiar to Salesforce, beside the conformance of every adapter."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.adapters.base import Options, OutcomeState
from integrations.adapters.errors import (
    AdapterError,
    CredentialsError,
    DriftError,
    Reason,
    RejectedError,
    ScopeError,
    TargetError,
    TransientError,
)
from integrations.adapters.salesforce import Salesforce
from integrations.adapters.salesforce.records import groups, literal
from tests.integrations.adapters import salesforce_world as world
from tests.integrations.adapters.salesforce_world import (
    AT,
    DATA,
    IDS,
    OLD,
    PEOPLE,
    QUERY,
    QUERY_ALL,
    SECRETS,
    found,
    lookup,
    problem,
    record,
    run,
)
from tests.integrations.conformance import (
    AdapterConformance,
    Refusal,
    Step,
    wire,
)
from tests.integrations.contract import AdapterContract

SYNCED, REJECTED, SKIPPED, RETRY = (
    OutcomeState.SYNCED,
    OutcomeState.REJECTED,
    OutcomeState.SKIPPED,
    OutcomeState.RETRY,
)
GUIDE = "https://developer.salesforce.com/docs/platform/api-rest/guide"
ATLAS = "https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest"
READ = "(read 2026-11-22)"


class TestSalesforce(AdapterConformance):
    odd_answers = True
    adapter = Salesforce
    secrets = SECRETS
    operations = world.OPERATIONS
    batch = PEOPLE
    batch_operation = "upsert"
    batch_outcomes = (SYNCED, REJECTED)
    audience_id = "Lead"
    unauthorized = world.UNAUTHORIZED
    forbidden = world.FORBIDDEN
    missing = world.MISSING
    refused = world.REFUSED
    peculiar = (Refusal(status=403, body=world.TOO_MANY, error=TransientError),)
    leavers = world.LEAVERS
    no_leavers = {"complained": "Salesforce has no mark for a spam report of its own"}


class TestSalesforceContract(AdapterContract):
    adapter = Salesforce
    secrets = SECRETS
    operations = (*world.OPERATIONS, world.LOST)
    documented = {
        ("GET", "/services/data/v64.0/limits"): f"{ATLAS}/resources_limits.htm {READ}",
        ("GET", "/services/data/v64.0/query"): f"{ATLAS}/dome_query.htm {READ}",
        (
            "GET",
            "/services/data/v64.0/query/{locator}",
        ): f"{ATLAS}/dome_query.htm {READ}",
        ("GET", "/services/data/v64.0/queryAll"): f"{GUIDE}/dome-queryall.html {READ}",
        (
            "GET",
            "/services/data/v64.0/sobjects/{thing}/describe",
        ): f"{ATLAS}/resources_sobject_describe.htm {READ}",
        (
            "POST",
            "/services/data/v64.0/composite/sobjects",
        ): f"{GUIDE}/resources-composite-sobjects-collections-create.html {READ}",
        (
            "PATCH",
            "/services/data/v64.0/composite/sobjects",
        ): f"{GUIDE}/resources-composite-sobjects-collections-update.html {READ}",
        (
            "DELETE",
            "/services/data/v64.0/composite/sobjects",
        ): f"{GUIDE}/resources-composite-sobjects-collections-delete.html {READ}",
    }


class TestHost:
    @pytest.mark.parametrize(
        "url",
        [
            "https://acme.my.salesforce.com",
            "https://acme--uat.sandbox.my.salesforce.com/",
            "https://na1.salesforce.com",
        ],
    )
    def test_the_token_s_answer_says_where_the_account_lives(self, url: str) -> None:
        kept = Salesforce.from_token({"instance_url": url, "id": "x"})
        assert Salesforce(kept).base_url == url.rstrip("/")

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "http://acme.my.salesforce.com",
            "https://salesforce.com.evil.example",
            "https://evil.example/.salesforce.com",
            "https://evil.example#.salesforce.com",
            "https://user@acme.my.salesforce.com",
            "https://acme.my.salesforce.com:8443",
        ],
    )
    def test_the_token_goes_nowhere_else(self, url: str) -> None:
        assert Salesforce.from_token({"instance_url": url}) == {}
        with wire(), pytest.raises(CredentialsError, match="reconnect"):
            Salesforce({**SECRETS, "instance_url": url}).audiences()


class TestErrors:
    @pytest.mark.parametrize(
        ("status", "body", "expected", "reason"),
        [
            (401, world.UNAUTHORIZED, CredentialsError, Reason.AUTH_EXPIRED),
            (401, problem("X", "?"), CredentialsError, Reason.AUTH_REVOKED),
            (403, world.TOO_MANY, TransientError, Reason.QUOTA),
            (
                403,
                problem(
                    "REQUEST_LIMIT_EXCEEDED",
                    "ConcurrentRequests (Concurrent API Requests) Limit exceeded.",
                ),
                TransientError,
                Reason.RATE,
            ),
            (
                403,
                problem("API_DISABLED_FOR_ORG", "The REST API is not enabled."),
                ScopeError,
                Reason.SCOPE,
            ),
            (404, world.MISSING, TargetError, Reason.TARGET_MISSING),
            (400, problem("INVALID_FIELD", "No such"), RejectedError, "schema.type"),
            (500, problem("UNKNOWN_EXCEPTION", "?"), TransientError, Reason.SERVER),
            (400, {"error": "invalid_grant"}, RejectedError, Reason.REFUSED),
        ],
    )
    def test_by_code(
        self, status: int, body: Any, expected: type[AdapterError], reason: Reason
    ) -> None:
        with wire() as mock, pytest.raises(AdapterError) as caught:
            mock.add("GET", QUERY, status=status, json=body)
            Salesforce(SECRETS).audiences()
        assert type(caught.value) is expected
        assert caught.value.reason == reason

    def test_the_day_s_calls_used_up_wait_an_hour(self) -> None:
        with wire() as mock, pytest.raises(TransientError, match="TotalReq") as caught:
            mock.add("GET", QUERY, status=403, json=world.TOO_MANY)
            Salesforce(SECRETS).audiences()
        assert caught.value.retry_after == 3600.0

    def test_a_column_the_user_may_not_see_is_a_missing_permission(self) -> None:
        body = problem("INVALID_FIELD", "No such column 'HasOptedOutOfEmail'")
        with wire() as mock, pytest.raises(DriftError, match="HasOptedOut") as caught:
            mock.add("GET", QUERY, status=400, json=body)
            Salesforce(SECRETS).unsubscribe([OLD], "Lead")
        assert caught.value.reason is Reason.SCOPE  # of leads, not of the account

    def test_a_column_that_is_silently_left_out_is_one_too(self) -> None:
        """FIELDS(ALL) leaves out what the user may not see."""
        row = record(OLD)
        del row["HasOptedOutOfEmail"]
        with pytest.raises(DriftError, match="opt-out"):
            run((lookup(row),), lambda a: a.subscriptions([OLD], "Lead"))

    def test_and_nobody_is_taken_for_subscribed_in_a_walk(self) -> None:
        row = record(OLD)
        del row["HasOptedOutOfEmail"]
        walk = Step(method="GET", url=QUERY_ALL, answer=found(row))
        with pytest.raises(DriftError, match="opt-out"):
            run((walk,), lambda a: a.changes("Lead", ""))
        members = (lookup(world.member(OLD)), lookup(row))
        with pytest.raises(DriftError, match="opt-out"):
            run(members, lambda a: a.changes(world.JOINED, ""))


class TestSoql:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("o'hara@x.org", r"'o\'hara@x.org'"),
            (r"a\' OR Id != null", r"'a\\\' OR Id != null'"),
            ("a\n'b\t\x00", r"'a\'b'"),
        ],
    )
    def test_nothing_gets_out_of_a_literal(self, text: str, expected: str) -> None:
        assert literal(text) == expected

    def test_an_address_is_escaped_in_the_query(self) -> None:
        _, sent = run(
            (lookup(),), lambda a: a.subscriptions(["O'Hara') OR (x@x.org"], "Lead")
        )
        assert r"Email IN ('o\'hara\') or (x@x.org') ORDER" in sent[0]

    def test_long_lists_of_addresses_are_asked_in_parts(self) -> None:
        people = [f"{'x' * 40}{n}@example.org" for n in range(200)]
        parts = list(groups(people))
        assert [item for part in parts for item in part] == [f"'{p}'" for p in people]
        assert len(parts) == 2
        assert list(groups([])) == []


class TestReading:
    def test_verify_says_what_the_user_may_do(self) -> None:
        steps = list(world.OPERATIONS[0].steps)
        read_only = world.described("Lead", createable=False)
        steps[2] = Step(method="GET", url=steps[2].url, answer=read_only)
        steps[4] = Step(
            method="GET", url=steps[4].url, status=404, answer=world.MISSING
        )
        reading, _ = run(tuple(steps[:5]), Salesforce.verify)
        assert reading.identity == "00DB0000000TfcRMAS"
        assert reading.account_name == "Acme"
        assert [
            (r.name, r.readable, r.writable, r.count) for r in reading.resources
        ] == [
            ("leads", True, False, 42),
            ("contacts", False, False, None),
        ]
        assert reading.notes == (
            "14,998 of 15,000 API calls are left for today, for all tools together.",
            "This is a sandbox.",
        )

    def test_the_limits_may_be_hidden_from_a_user(self) -> None:
        steps = list(world.OPERATIONS[0].steps)
        steps[1] = Step(
            method="GET", url=steps[1].url, status=403, answer=world.FORBIDDEN
        )
        reading, _ = run(tuple(steps), Salesforce.verify)
        assert reading.notes == ("This is a sandbox.",)

    def test_fields(self) -> None:
        fields, _ = run(world.OPERATIONS[2].steps, lambda a: a.fields("Lead"))
        assert [(f.id, f.type, f.required, f.read_only) for f in fields] == [
            ("LastName", "name", True, False),
            ("Company", "text", True, False),
            ("Name", "text", False, True),
            ("Phone", "phone", False, False),
            ("PostalCode", "zip", False, False),
            ("NumberOfEmployees", "number", False, False),
            ("HasOptedOutOfEmail", "boolean", False, True),
            ("Industry", "choice", False, False),
        ]
        assert fields[-1].options == ("A",)

    @pytest.mark.parametrize("audience", ["", "Account", "Lead WHERE x", "lead"])
    def test_there_are_no_other_audiences(self, audience: str) -> None:
        with wire(), pytest.raises(TargetError):
            Salesforce(SECRETS).upsert(PEOPLE, audience, Options())

    def test_one_opt_out_counts_for_all_records_of_an_address(self) -> None:
        twice = (record(OLD), record(OLD, HasOptedOutOfEmail=True))
        [item], _ = run((lookup(*twice),), lambda a: a.subscriptions([OLD], "Lead"))
        assert (item.status, item.remote_id) == ("unsubscribed", IDS[OLD])

    def test_more_records_than_an_answer_takes_are_asked_for_in_brief(self) -> None:
        brief = [record(OLD) for _ in range(300)] + [record(OLD, EmailBouncedDate=AT)]
        for row in brief:
            del row["CreatedDate"], row["LastName"]
        [item], sent = run(
            (lookup(*[record(OLD)] * 200), lookup(*brief)),
            lambda a: a.subscriptions([OLD], "Lead"),
        )
        assert "FIELDS(ALL)" in sent[0]
        assert "SELECT Id, Email, HasOptedOutOfEmail, EmailBouncedDate" in sent[1]
        assert (item.status, item.fields) == ("bounced", None)


def test_only_salesforce_s_own_next_page_is_followed() -> None:
    for following in ("https://evil.example/x", "/services/data/v64.0/sobjects/Lead"):
        step = Step(
            method="GET", url=QUERY, answer=found(record(OLD), following=following)
        )
        with pytest.raises(TransientError, match="cannot be read"):
            run((step,), lambda a: a.subscriptions([OLD], "Lead"))


def test_the_version_is_one_that_knows_fields_all() -> None:
    assert float(DATA.rpartition("/v")[2]) >= 51
