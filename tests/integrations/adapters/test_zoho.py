"""Zoho CRM: the shared proofs, and what is peculiar to it."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from integrations.adapters.base import Contact, Options, OutcomeState
from integrations.adapters.errors import (
    Reason,
    RejectedError,
    ScopeError,
    TargetError,
    TransientError,
)
from integrations.adapters.shared import to_place
from integrations.adapters.zoho import Zoho
from tests.integrations.adapters import zoho_world as world
from tests.integrations.adapters.zoho_world import (
    API,
    BAD,
    ID,
    LEFT,
    LIST_FIELDS,
    NEW,
    NOBODY,
    OLD,
    OTHER_ID,
    PEOPLE,
    QUERY,
    REJECTED,
    SECRETS,
    SYNCED,
    UPSERT,
    bad,
    good,
    page,
    problem,
    record,
)
from tests.integrations.conformance import (
    AdapterConformance,
    Operation,
    Refusal,
    Step,
    register,
    wire,
)
from tests.integrations.contract import AdapterContract, Description

SEEN = "(read 2026-11-22)"
DOCS = "https://www.zoho.com/crm/developer/docs/api/v8"
# Its patterns use \p{L}, which is no regular expression of Python's.
PATTERNS = {("GET", "/users"): "patterns with Unicode classes"}
# "Insert or Update Records" shows 207 with a code per row.
PARTLY = {("POST", "/{module}/upsert"): "no 207 for a partly good batch"}
QUERY_ROUTE = ("POST", "/crm/v8/coql")
DENSE = to_place(0, "", "", to_place("2026-08-01T09:59:55+00:00", "d7a7bd6c"))


class TestZoho(AdapterConformance):
    adapter = Zoho
    odd_answers = True
    secrets = SECRETS
    operations = world.OPERATIONS
    audience_id = "Leads"
    batch = PEOPLE
    batch_operation = "upsert of three"
    batch_outcomes = (SYNCED, REJECTED, SYNCED)
    unauthorized = world.UNAUTHORIZED
    forbidden = world.FORBIDDEN
    missing = world.MISSING
    refused = world.REFUSED
    # The scheme of the header, and the data centre as it is and in base64.
    public_words = frozenset({"Zoho-oauthtoken", "zoho.com", "em9oby5jb20"})
    peculiar = (
        Refusal(
            status=401,
            body=problem("OAUTH_SCOPE_MISMATCH", "invalid oauth scope"),
            error=ScopeError,
        ),
        Refusal(
            status=400,
            body=problem("INVALID_MODULE", "the module name is invalid"),
            error=TargetError,
        ),
        Refusal(
            status=400,
            body={
                **problem("INVALID_QUERY", "invalid query formed"),
                "details": {"reason": "column given seems to be invalid"},
            },
            error=ScopeError,
        ),
    )
    leavers = world.LEAVERS
    no_leavers = {
        "bounced": "Records hold no field for bounces; the mail tool keeps them.",
        "complained": "Records hold no field for complaints.",
    }


class TestZohoContract(AdapterContract):
    adapter = Zoho
    secrets = SECRETS
    operations = (
        *world.OPERATIONS,
        Operation(
            name="webhook",
            run=lambda adapter: adapter.webhook(world.notice()),
            steps=world.HEARD,
        ),
        Operation(
            name="changes inside a dense stretch",
            run=lambda adapter: adapter.changes("Contacts", DENSE),
            steps=(
                LIST_FIELDS,
                Step(method="GET", url=f"{API}/Contacts", answer=page(record(OLD))),
            ),
        ),
    )
    descriptions = (
        Description(name="zoho-crm_fields.json", server=API),
        Description(name="zoho-crm_modules.json", server=API),
        Description(name="zoho-crm_notifications.json", server=API),
        Description(name="zoho-crm_org.json", server=API),
        Description(name="zoho-crm_users.json", server=API, answers_beyond=PATTERNS),
        Description(name="zoho-crm_record.json", server=API, answers_beyond=PARTLY),
    )
    documented = {
        QUERY_ROUTE: f"{DOCS}/COQL-Overview.html {SEEN}",
        (
            "POST",
            "/crm/v8/{module}/actions/add_tags",
        ): f"{DOCS}/add-tags-to-multiple-records.html {SEEN}",
    }

    @classmethod
    def check(
        cls, request: requests.PreparedRequest, status: int, answer: object
    ) -> tuple[str, str, str]:
        """The description would take a query for a module of that name."""
        if request.path_url == QUERY_ROUTE[1]:
            return (*QUERY_ROUTE, cls.documented[QUERY_ROUTE])
        return super().check(request, status, answer)


def adapter(**secrets: str) -> Zoho:
    return Zoho({**SECRETS, **secrets})


def sent(
    *steps: Step, contacts: tuple[Contact, ...], options: Options | None = None
) -> tuple[Any, list[Any]]:
    """The outcomes, and the JSON bodies that were sent."""
    with wire() as mock:
        for step in steps:
            register(mock, step)
        outcomes = adapter().upsert(contacts, "Leads", options or Options())
        bodies = [json.loads(call.request.body or "null") for call in mock.calls]
    return outcomes, bodies


def written(*rows: Any, status: int = 200) -> Step:
    return Step(method="POST", url=UPSERT, answer={"data": rows}, status=status)


class TestWriting:
    def test_rows_and_tags(self) -> None:
        rows = (good(OTHER_ID), bad("INVALID_DATA", "Annual_Revenue"), good())
        steps = (QUERY, written(*rows, status=207), world.TAG)
        outcomes, [query, body, tags] = sent(*steps, contacts=PEOPLE)
        assert f"Email in ('{NEW}','{BAD}','{OLD}')" in query["select_query"]
        assert body == {
            "data": [
                {"Email": NEW, "Last_Name": "Ann", "Company": "X"},
                # Whoever is new needs a last name; the address serves.
                {"Email": BAD, "Annual_Revenue": "much", "Last_Name": BAD},
                {"Email": OLD, "Lead_Source": "Web"},
            ],
            "duplicate_check_fields": ["Email"],
        }
        assert tags == {
            "tags": [{"name": "popup"}],
            "ids": [OTHER_ID, ID],
            "over_write": False,
        }
        assert [o.reason for o in outcomes] == [None, Reason.FIELD_TYPE, None]
        assert outcomes[1].detail == "Annual_Revenue: invalid data"

    @pytest.mark.parametrize(
        ("row", "reason"),
        [
            (bad("INVALID_DATA", "Email"), Reason.ADDRESS_INVALID),
            (bad("INVALID_DATA", "Score"), Reason.FIELD_TYPE),
            (bad("MANDATORY_NOT_FOUND", "Company"), Reason.REQUIRED_FIELD),
            (bad("DEPENDENT_MISMATCH", "Region"), Reason.OPTION_MISSING),
            (bad("DUPLICATE_DATA", "Phone"), Reason.DUPLICATE),
            (bad("MULTIPLE_OR_MULTI_ERRORS"), Reason.REFUSED),
        ],
    )
    def test_a_batch_without_a_good_row_is_a_400_with_codes(
        self, row: Any, reason: Reason
    ) -> None:
        steps = (NOBODY, written(row, status=400))
        [outcome], _ = sent(*steps, contacts=(Contact(email=NEW),))
        assert (outcome.state, outcome.reason) == (REJECTED, reason)

    def test_a_locked_record_is_tried_again(self) -> None:
        steps = (NOBODY, written(bad("RECORD_LOCKED"), status=400))
        [outcome], _ = sent(*steps, contacts=(Contact(email=NEW),))
        assert outcome.state is OutcomeState.RETRY

    def test_no_right_to_write_is_not_the_persons_fault(self) -> None:
        for code, kind in (
            ("NO_PERMISSION", ScopeError),
            ("INVALID_MODULE", TargetError),
        ):
            with pytest.raises(kind):
                step = written(bad(code), status=400)
                sent(NOBODY, step, contacts=(Contact(email=NEW),))

    def test_a_record_of_somebody_else_is_that_ones(self) -> None:
        found = Step(method="POST", url=f"{API}/coql", answer=page(record(OLD)))
        step = written(bad("NO_PERMISSION"), good())
        people = (Contact(email=OLD), Contact(email=NEW))
        outcomes, _ = sent(found, step, contacts=people)
        assert [outcome.state for outcome in outcomes] == [
            OutcomeState.REJECTED,
            SYNCED,
        ]
        assert outcomes[0].reason is Reason.SCOPE

    def test_one_address_twice_is_one_row(self) -> None:
        twice = (
            Contact(email=NEW, fields={"Company": "X"}),
            Contact(email="NEW@x.org", fields={"Company": " ", "Last_Name": "Ann"}),
        )
        outcomes, [_, body] = sent(NOBODY, written(good()), contacts=twice)
        assert body["data"] == [
            {"Email": "NEW@x.org", "Company": "X", "Last_Name": "Ann"}
        ]
        assert [o.remote_id for o in outcomes] == [ID, ID]

    def test_existing_records_can_be_left_alone(self) -> None:
        people = (Contact(email=OLD), Contact(email=NEW))
        options = Options(update_existing=False)
        outcomes, [_, body] = sent(
            QUERY, written(good(OTHER_ID)), contacts=people, options=options
        )
        assert [row["Email"] for row in body["data"]] == [NEW]
        assert outcomes[0].reason is Reason.EXISTING
        assert outcomes[1].state is SYNCED

    def test_addresses_are_asked_for_fifty_at_a_time(self) -> None:
        people = tuple(Contact(email=f"p{n}@x.org") for n in range(51))
        rows = [good(str(n)) for n in range(51)]
        _, bodies = sent(NOBODY, NOBODY, written(*rows), contacts=people)
        assert "'p49@x.org')" in bodies[0]["select_query"]
        assert "('p50@x.org')" in bodies[1]["select_query"]

    def test_records_beyond_the_first_page_count(self) -> None:
        """Somebody's opt-out may stand in the last of many records."""
        first = page(record(LEFT), more=True)
        last = page(record(LEFT, OTHER_ID, out=True))
        with wire() as mock:
            mock.add("POST", f"{API}/coql", json=first)
            mock.add("POST", f"{API}/coql", json=last)
            register(mock, LIST_FIELDS)
            mock.add("GET", f"{API}/Leads", status=204)  # deleted just now
            [found] = adapter().subscriptions([LEFT], "Leads")
            queries = [json.loads(c.request.body or "") for c in list(mock.calls)[:2]]
        assert (found.status, found.fields) == ("unsubscribed", None)
        assert queries[0]["select_query"].endswith("limit 200")
        assert queries[1]["select_query"].endswith("limit 200 offset 1")

    def test_a_quote_does_not_end_the_query(self) -> None:
        people = (Contact(email="o'neil@x.org"),)
        _, [query, _] = sent(NOBODY, written(good()), contacts=people)
        assert "('o''neil@x.org')" in query["select_query"]

    def test_a_query_that_one_address_breaks_is_that_ones(self) -> None:
        body = problem("INVALID_QUERY", "invalid query formed")
        with wire() as mock, pytest.raises(RejectedError):
            mock.add("POST", f"{API}/coql", json=body, status=400)
            adapter().upsert([Contact(email=NEW)], "Leads", Options())

    @pytest.mark.parametrize("half", [{}, {"data": None}, {"data": ["x"]}])
    def test_a_search_that_does_not_answer_finds_not_nobody(self, half: Any) -> None:
        with wire() as mock, pytest.raises(TransientError):
            mock.add("POST", f"{API}/coql", json=half)
            adapter().upsert([Contact(email=NEW)], "Leads", Options())

    def test_a_tag_that_one_record_refused_is_said(self) -> None:
        answer = {"data": [bad("INVALID_DATA")]}
        half = Step(method="POST", url=world.TAG.url, answer=answer)
        person = Contact(email=NEW, tags=("popup",))
        [outcome], _ = sent(NOBODY, written(good()), half, contacts=(person,))
        assert outcome.state is SYNCED
        assert outcome.detail.startswith("Not tagged: ")

    def test_a_refused_tag_is_said(self) -> None:
        refused = Step(
            method="POST", url=world.TAG.url, status=400, answer=world.REFUSED
        )
        steps = (NOBODY, written(good()), refused)
        person = Contact(email=NEW, tags=("popup",))
        [outcome], _ = sent(*steps, contacts=(person,))
        assert outcome.state is SYNCED
        assert outcome.detail.startswith("Not tagged: ")


class TestLeaving:
    def test_any_record_that_opted_out_counts(self) -> None:
        rows = page(record(LEFT), record(LEFT, OTHER_ID, out=True), record(OLD, "3"))
        with wire() as mock:
            mock.add("POST", f"{API}/coql", json=rows)
            register(mock, LIST_FIELDS)
            tags = [{"name": "popup", "id": "3652397000000658001", "color_code": None}]
            whole = page(
                record(LEFT, Company="X", Last_Name="", Tag=tags),
                record(OLD, "3", Tag=[]),
            )
            mock.add("GET", f"{API}/Leads", json=whole)
            found = adapter().subscriptions([LEFT, OLD, NEW], "Leads")
            query = parse_qs(urlsplit(str(mock.calls[2].request.url)).query)
        assert query["ids"] == [f"{ID},3"]
        assert "Company" in query["fields"][0].split(",")
        assert [s.fields for s in found] == [{"Company": "X"}, {}, None]
        assert [s.tags for s in found] == [("popup",), (), None]
        assert [(s.email, s.status) for s in found] == [
            (LEFT, "unsubscribed"),
            (OLD, "subscribed"),
            (NEW, "absent"),
        ]

    def test_every_record_of_the_address_is_opted_out(self) -> None:
        rows = page(record(LEFT), record(LEFT, OTHER_ID))
        answer = {"data": [good(), bad("RECORD_LOCKED")]}
        with wire() as mock:
            mock.add("POST", f"{API}/coql", json=rows)
            mock.add("PUT", f"{API}/Leads", json=answer, status=207)
            outcomes = adapter().unsubscribe([LEFT, NEW], "Leads")
            body = json.loads(mock.calls[1].request.body or "")
        assert body == {
            "data": [
                {"id": ID, "Email_Opt_Out": True},
                {"id": OTHER_ID, "Email_Opt_Out": True},
            ]
        }
        assert [o.state for o in outcomes] == [
            OutcomeState.RETRY,
            OutcomeState.SKIPPED,
        ]

    def test_what_zoho_did_not_delete_is_said(self) -> None:
        with wire() as mock:
            mock.add("POST", f"{API}/coql", json=page(record(OLD)))
            answer = {"data": [bad("NO_PERMISSION")]}
            mock.add("DELETE", f"{API}/Leads", json=answer)
            assert adapter().erase(OLD).ok is False

    def test_nobody_to_erase_is_erased(self) -> None:
        with wire() as mock:
            register(mock, NOBODY)
            register(mock, NOBODY)
            assert "did not hold" in adapter().erase(NEW).note
