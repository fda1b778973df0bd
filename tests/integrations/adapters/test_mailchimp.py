"""What is peculiar to Mailchimp, beside the conformance of every adapter."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from integrations.adapters.base import Contact, Options, Outcome, OutcomeState
from integrations.adapters.errors import (
    AdapterError,
    CredentialsError,
    Reason,
    RejectedError,
    ScopeError,
    TargetError,
    TransientError,
)
from integrations.adapters.mailchimp import Mailchimp
from integrations.adapters.mailchimp.wire import member_hash
from tests.integrations.adapters import mailchimp_world as world
from tests.integrations.adapters.mailchimp_world import (
    API,
    FAKE,
    KEY,
    LEFT,
    LIST,
    NEW,
    OLD,
    PEOPLE,
    batch,
    exists,
    member,
    member_url,
    page,
    problem,
    row_error,
)
from tests.integrations.conformance import AdapterConformance, Step, register, wire

SYNCED, AWAITING, REJECTED, SKIPPED, RETRY = (
    OutcomeState.SYNCED,
    OutcomeState.AWAITING_OPT_IN,
    OutcomeState.REJECTED,
    OutcomeState.SKIPPED,
    OutcomeState.RETRY,
)


class TestMailchimp(AdapterConformance):
    adapter = Mailchimp
    secrets = {"api_key": KEY}
    operations = world.OPERATIONS
    batch = PEOPLE
    batch_operation = "upsert of several"
    batch_outcomes = (SYNCED, SYNCED, REJECTED, REJECTED)
    unauthorized = problem("API Key Invalid", 401, "Your API key may be invalid.")
    forbidden = problem("Forbidden", 403, "You are not permitted to do this.")
    missing = problem("Resource Not Found", 404, "The requested resource is missing.")
    refused = problem("Invalid Resource", 400, "The resource could not be validated.")


def adapter(**secrets: str) -> Mailchimp:
    return Mailchimp({"api_key": KEY, **secrets})


def upsert(
    contacts: list[Contact], options: Options, *steps: Step
) -> tuple[list[Outcome], list[dict[str, Any]]]:
    """Outcomes, and the JSON bodies that were sent."""
    with wire() as mock:
        for step in steps:
            register(mock, step)
        outcomes = adapter().upsert(contacts, "a1", options)
        assert len(mock.calls) == len(steps)
        bodies = [json.loads(call.request.body or "{}") for call in mock.calls]
    return outcomes, bodies


def put(email: str, status: str) -> Step:
    return Step(method="PUT", url=member_url(email), answer=member(email, status))


def patch(email: str, status: str) -> Step:
    return Step(method="PATCH", url=member_url(email), answer=member(email, status))


def post(answer: object) -> Step:
    return Step(method="POST", url=LIST, answer=answer)


def refused(body: dict[str, Any], email: str = NEW) -> Step:
    return Step(method="PUT", url=member_url(email), status=400, answer=body)


class TestKey:
    @pytest.mark.parametrize(
        "key",
        [
            "",
            "0123456789abcdef",
            "0123456789abcdef-",
            "0123456789abcdef-US6",
            "key-us6.evil.example/",
            "key-evil.example#-6",
            "key\r\nX: y-us6",
            "клю́ч-us6",
        ],
    )
    def test_a_key_without_a_data_centre_is_said_to_be_incomplete(
        self, key: str
    ) -> None:
        for base_url in (None, "http://127.0.0.1:9"):
            with wire(), pytest.raises(CredentialsError, match="data centre"):
                Mailchimp({"api_key": key}, base_url=base_url).verify()

    def test_the_data_centre_names_the_host(self) -> None:
        assert Mailchimp({"api_key": " ab-us21\n"}).base_url == (
            "https://us21.api.mailchimp.com"
        )

    def test_base_url_takes_the_place_of_scheme_and_host(self) -> None:
        local = Mailchimp({"api_key": KEY}, base_url="http://127.0.0.1:9/mailchimp/")
        with wire() as mock:
            mock.add("GET", "http://127.0.0.1:9/mailchimp/3.0/lists", json={})
            assert local.audiences() == []


class TestVerify:
    def run(self, *, role: str = "owner", last: Step | None = None) -> Any:
        [operation] = [item for item in world.READING if item.name == "verify"]
        root, *others = operation.steps
        with wire() as mock:
            mock.add("GET", root.url, json={**world.ROOT, "role": role})
            for step in [*others[:-1], last or others[-1]]:
                register(mock, step)
            return adapter().verify()

    def test_says_who_we_are_and_what_was_counted(self) -> None:
        reading = self.run()
        assert reading.identity == "freddie@freddies.example"
        assert reading.account_name == "Freddie's Jokes"
        assert [(r.name, r.readable, r.count) for r in reading.resources] == [
            ("audiences", True, 1),
            ("contacts", True, 42),
            ("merge fields", True, 2),
            ("tags", True, 1),
        ]

    def test_claims_nothing_about_writing_that_it_does_not_know(self) -> None:
        assert {r.writable for r in self.run().resources} == {None}
        viewer = self.run(role="viewer").resources
        assert [r.writable for r in viewer] == [None, False, False, False]

    def test_a_resource_it_may_not_read_is_named(self) -> None:
        no_tags = Step(
            method="GET",
            url=f"{LIST}/tag-search",
            status=403,
            answer=TestMailchimp.forbidden,
        )
        tags = self.run(last=no_tags).resources[-1]
        assert (tags.name, tags.readable) == ("tags", False)
        assert "not permitted" in tags.detail

    def test_an_account_without_audiences_is_told_so(self) -> None:
        with wire() as mock:
            mock.add("GET", f"{API}/", json=world.ROOT)
            mock.add("GET", f"{API}/lists", json=page("lists"))
            assert adapter().verify().notes == ("This account has no audience yet.",)


class TestErrors:
    @pytest.mark.parametrize(
        ("status", "body", "expected"),
        [
            (401, problem("API Key Invalid", 401, "x"), CredentialsError),
            (401, problem("API Key Missing", 401, "x"), CredentialsError),
            (400, problem("API Key Invalid", 400, "x"), CredentialsError),
            (403, problem("User Disabled", 403, "x"), CredentialsError),
            (403, problem("Wrong Datacenter", 403, "x"), CredentialsError),
            (403, problem("Forbidden", 403, "x"), ScopeError),
            (404, problem("Resource Not Found", 404, "x"), TargetError),
            (400, problem("Invalid Resource", 400, "x"), RejectedError),
            (405, problem("Method Not Allowed", 405, "x"), RejectedError),
            (429, problem("TooManyRequests", 429, "x"), TransientError),
            (503, problem("ComplianceRelated", 503, "x"), TransientError),
        ],
    )
    def test_by_title_and_status(
        self, status: int, body: object, expected: type[AdapterError]
    ) -> None:
        with wire() as mock, pytest.raises(AdapterError) as caught:
            mock.add("GET", f"{API}/lists", status=status, json=body)
            adapter().audiences()
        assert type(caught.value) is expected
        assert caught.value.status == status

    def test_a_firewall_page_does_not_hold_the_account(self) -> None:
        with wire() as mock, pytest.raises(TransientError, match="firewall"):
            mock.add("GET", f"{API}/lists", status=403, body="<html>Denied</html>")
            adapter().audiences()

    def test_merge_field_errors_are_part_of_the_words(self) -> None:
        body = problem(
            "Invalid Resource",
            400,
            "Your merge fields were invalid.",
            {"field": "LNAME", "message": "Please enter a value"},
        )
        with wire() as mock, pytest.raises(RejectedError, match="LNAME: Please enter"):
            mock.add("GET", f"{API}/lists", status=400, json=body)
            adapter().audiences()

    def test_an_answer_of_the_wrong_shape_is_unreadable(self) -> None:
        with wire() as mock, pytest.raises(TransientError, match="cannot be read"):
            mock.add("GET", f"{API}/lists", json=["surprise"])
            adapter().audiences()


class TestReading:
    def test_audiences_of_all_pages(self) -> None:
        [operation] = [item for item in world.READING if item.name == "audiences"]
        with wire() as mock:
            for step in operation.steps:
                register(mock, step)
            found = adapter().audiences()
            assert "offset=1" in str(mock.calls[1].request.url)
        assert [(a.id, a.label, a.size, a.double_opt_in) for a in found] == [
            ("a1", "Newsletter", 42, True),
            ("a2", "Shop", None, None),
        ]

    def test_fields_with_type_requirement_and_options(self) -> None:
        with wire() as mock:
            mock.add(
                "GET",
                f"{LIST}/merge-fields",
                json=page("merge_fields", world.FNAME, world.SIZE),
            )
            first, size = adapter().fields("a1")
        assert (first.id, first.type, first.required) == ("FNAME", "text", False)
        assert (size.type, size.required, size.options) == ("choice", True, ("S", "M"))

    def test_an_audience_id_cannot_leave_its_place_in_the_path(self) -> None:
        with wire() as mock:
            mock.add("GET", f"{API}/lists/..%2F..%2F%3Fx/merge-fields", json={})
            assert adapter().fields("../../?x") == []

    @pytest.mark.parametrize(
        ("theirs", "ours"),
        [
            ("subscribed", "subscribed"),
            ("pending", "pending"),
            ("unsubscribed", "unsubscribed"),
            ("cleaned", "bounced"),
            ("archived", "archived"),
            ("transactional", "unknown"),
            ("brand-new-status", "unknown"),
        ],
    )
    def test_subscription_statuses(self, theirs: str, ours: str) -> None:
        with wire() as mock:
            mock.add("GET", member_url(OLD), json=member(OLD, theirs))
            [found] = adapter().subscriptions([OLD.upper()], "a1")
        assert found.status == ours
        assert found.email == OLD.upper()
        assert found.changed_at == datetime(2026, 8, 1, 10, tzinfo=UTC)

    def test_a_missing_audience_is_not_an_absent_contact(self) -> None:
        with wire() as mock, pytest.raises(TargetError):
            for url in (member_url(OLD), LIST):
                mock.add("GET", url, status=404, json=TestMailchimp.missing)
            adapter().subscriptions([OLD], "a1")


class TestUpsertOfOne:
    def test_status_is_never_sent(self) -> None:
        contact = Contact(
            email=" New@x.org",
            fields={"FNAME": "Mary", "LNAME": " ", "ADDR": {"addr1": ""}, "N": 0},
            ip="192.0.2.7",
            signed_up_at=datetime(2026, 8, 1, 12, tzinfo=UTC),
        )
        for double_opt_in, status in ((True, "pending"), (False, "subscribed")):
            options = Options(double_opt_in=double_opt_in)
            _, [body] = upsert([contact], options, put(NEW, status))
            assert body == {
                "email_address": "New@x.org",
                "merge_fields": {"FNAME": "Mary", "N": 0},
                "status_if_new": status,
                "ip_signup": "192.0.2.7",
                "timestamp_signup": "2026-08-01T12:00:00+00:00",
            }

    @pytest.mark.parametrize(
        ("status", "state", "reason"),
        [
            ("subscribed", SYNCED, None),
            ("pending", AWAITING, None),
            ("unsubscribed", REJECTED, Reason.UNSUBSCRIBED),
            ("cleaned", REJECTED, Reason.BOUNCED),
            ("archived", REJECTED, Reason.UNSUBSCRIBED),
            ("transactional", REJECTED, Reason.UNSUBSCRIBED),
            ("brand-new-status", REJECTED, Reason.REFUSED),
        ],
    )
    def test_the_status_read_back_decides(
        self, status: str, state: OutcomeState, reason: Reason | None
    ) -> None:
        [outcome], _ = upsert([Contact(email=OLD)], Options(), put(OLD, status))
        assert (outcome.state, outcome.reason) == (state, reason)
        assert outcome.remote_id == member_hash(OLD)
        assert bool(outcome.detail) == (state is REJECTED)

    @pytest.mark.parametrize("status", ["unsubscribed", "archived", "transactional"])
    def test_leavers_are_asked_again_only_if_the_rule_says_so(
        self, status: str
    ) -> None:
        [outcome], bodies = upsert(
            [Contact(email=LEFT)],
            Options(reconfirm=True),
            put(LEFT, status),
            patch(LEFT, "pending"),
        )
        assert outcome.state is AWAITING
        assert bodies[1] == {"status": "pending"}

    @pytest.mark.parametrize("status", ["archived", "transactional"])
    def test_double_opt_in_asks_the_archived_but_not_who_left(
        self, status: str
    ) -> None:
        options = Options(double_opt_in=True)
        [asked], _ = upsert(
            [Contact(email=OLD)], options, put(OLD, status), patch(OLD, "pending")
        )
        [left], _ = upsert([Contact(email=LEFT)], options, put(LEFT, "unsubscribed"))
        assert asked.state is AWAITING
        assert (left.state, left.reason) == (REJECTED, Reason.UNSUBSCRIBED)

    def test_the_bounced_are_never_asked_again(self) -> None:
        [outcome], _ = upsert(
            [Contact(email=OLD)],
            Options(reconfirm=True, double_opt_in=True),
            put(OLD, "cleaned"),
        )
        assert outcome.reason is Reason.BOUNCED

    def test_being_refused_the_question_is_told(self) -> None:
        body = problem(
            "Member In Compliance State", 400, f"{LEFT} is in a compliance state."
        )
        step = Step(method="PATCH", url=member_url(LEFT), status=400, answer=body)
        [outcome], _ = upsert(
            [Contact(email=LEFT)],
            Options(reconfirm=True),
            put(LEFT, "unsubscribed"),
            step,
        )
        assert (outcome.state, outcome.reason) == (REJECTED, Reason.COMPLIANCE)

    def test_tags_of_rule_and_contact_once_each(self) -> None:
        _, bodies = upsert(
            [Contact(email=NEW, tags=("b", "a", ""))],
            Options(tags=("a",)),
            put(NEW, "subscribed"),
            Step(method="POST", url=f"{member_url(NEW)}/tags", status=204),
        )
        assert bodies[1]["tags"] == [
            {"name": "a", "status": "active"},
            {"name": "b", "status": "active"},
        ]

    def test_no_tags_for_somebody_who_left(self) -> None:
        [outcome], _ = upsert(
            [Contact(email=LEFT, tags=("a",))], Options(), put(LEFT, "unsubscribed")
        )
        assert outcome.state is REJECTED


REFUSALS = [
    (
        "Member In Compliance State",
        f"{NEW} is in a compliance state due to unsubscribe, bounce, or compliance "
        "review and cannot be subscribed.",
        (),
        Reason.COMPLIANCE,
    ),
    (
        "Forgotten Email Not Subscribed",
        f"{NEW} was permanently deleted and cannot be re-imported. The contact must "
        "re-subscribe to get back on the list.",
        (),
        Reason.FORGOTTEN,
    ),
    (
        "Invalid Resource",
        f"{NEW} looks fake or invalid, please enter a real email address.",
        (),
        Reason.ADDRESS_FAKE,
    ),
    (
        "Invalid Resource",
        "The domain portion of the email address is invalid (the portion after the @: "
        "x.org)",
        (),
        Reason.ADDRESS_INVALID,
    ),
    (
        "Invalid Resource",
        "Please provide a valid email address.",
        (),
        Reason.ADDRESS_INVALID,
    ),
    (
        "Invalid Resource",
        "The resource submitted could not be validated. For field-specific details, "
        "see the 'errors' array.",
        ({"field": "email_address", "message": "Dieser Wert ist falsch."},),
        Reason.ADDRESS_INVALID,
    ),
    (
        "Invalid Resource",
        "Your merge fields were invalid.",
        ({"field": "LNAME", "message": "Bitte gib einen Wert ein."},),
        Reason.REQUIRED_FIELD,
    ),
    (
        "Invalid Resource",
        "Your merge fields were invalid.",
        ({"field": "FNAME", "message": "Please enter a number"},),
        Reason.FIELD_TYPE,
    ),
    (
        "Invalid Resource",
        "Your merge fields were invalid.",
        ({"field": "FNAME", "message": "Value must be one of: S, M (not XXL)"},),
        Reason.OPTION_MISSING,
    ),
    ("Bad Request", "Something new.", (), Reason.REFUSED),
]


class TestRefusals:
    @pytest.mark.parametrize(("title", "detail", "errors", "reason"), REFUSALS)
    def test_of_one_contact(
        self, title: str, detail: str, errors: tuple[Any, ...], reason: Reason
    ) -> None:
        [outcome], _ = upsert(
            list(PEOPLE[:1]), Options(), refused(problem(title, 400, detail, *errors))
        )
        assert (outcome.state, outcome.reason) == (REJECTED, reason)
        field = errors[0]["field"] if errors else ""
        assert outcome.detail.startswith(field or detail)

    @pytest.mark.parametrize(("title", "detail", "errors", "reason"), REFUSALS)
    def test_of_a_row(
        self, title: str, detail: str, errors: tuple[Any, ...], reason: Reason
    ) -> None:
        error = errors[0] if errors else {"field": "", "message": ""}
        row = row_error(NEW, detail, field=error["field"], said=error["message"])
        outcomes, _ = upsert(
            list(PEOPLE[:2]), Options(), post(batch(new=(member(OLD),), errors=(row,)))
        )
        assert [o.reason for o in outcomes] == [reason, None]

    def test_a_role_address_in_a_batch(self) -> None:
        row = row_error(NEW, "This seems to be a role-based or known invalid address.")
        outcomes, _ = upsert(
            list(PEOPLE[:2]), Options(), post(batch(new=(member(OLD),), errors=(row,)))
        )
        assert outcomes[0].reason is Reason.ADDRESS_ROLE

    def test_a_throttled_address_is_tried_later(self) -> None:
        text = (
            f"{NEW} has signed up to a lot of lists very recently; we're not allowing "
            "more signups for now"
        )
        [one], _ = upsert(
            list(PEOPLE[:1]), Options(), refused(problem("Invalid Resource", 400, text))
        )
        many, _ = upsert(
            list(PEOPLE[:2]),
            Options(),
            post(batch(new=(member(OLD),), errors=(row_error(NEW, text),))),
        )
        for outcome in (one, many[0]):
            assert (outcome.state, outcome.reason) == (RETRY, Reason.TOO_MANY_SIGNUPS)
            assert outcome.retry_after == 3600.0


class TestBatch:
    def test_new_ones_are_created_with_the_status_wanted_and_tags(self) -> None:
        outcomes, [body] = upsert(
            list(PEOPLE[:2]),
            Options(double_opt_in=True, tags=("all",)),
            post(batch(new=(member(NEW, "pending"), member(OLD, "pending")))),
        )
        assert [o.state for o in outcomes] == [AWAITING, AWAITING]
        assert body["update_existing"] is False
        assert body["members"][0] == {
            "email_address": NEW,
            "merge_fields": {"FNAME": "Mary"},
            "tags": ["all", "popup"],
            "status": "pending",
        }

    def test_existing_ones_are_updated_without_any_status(self) -> None:
        outcomes, bodies = upsert(
            list(PEOPLE),
            Options(),
            *next(o for o in world.WRITING if o.name == "upsert of several").steps,
        )
        assert [(o.state, o.reason) for o in outcomes] == [
            (SYNCED, None),
            (SYNCED, None),
            (REJECTED, Reason.ADDRESS_FAKE),
            (REJECTED, Reason.UNSUBSCRIBED),
        ]
        assert bodies[1]["update_existing"] is True
        assert [row["email_address"] for row in bodies[1]["members"]] == [OLD, LEFT]
        for row in bodies[1]["members"]:
            assert row.keys() == {"email_address", "merge_fields", "tags"}
        assert "sync_tags" not in bodies[0] | bodies[1]

    def test_five_hundred_with_tags_take_two_calls(self) -> None:
        emails = [f"p{number}@x.org" for number in range(500)]
        outcomes, bodies = upsert(
            [Contact(email=email, tags=("popup",)) for email in emails],
            Options(),
            post(
                batch(
                    new=tuple(map(member, emails[:250])),
                    errors=tuple(map(exists, emails[250:])),
                )
            ),
            post(batch(updated=tuple(map(member, emails[250:])))),
        )
        assert {o.state for o in outcomes} == {SYNCED}
        assert [len(body["members"]) for body in bodies] == [500, 250]

    def test_existing_ones_are_left_alone_if_the_rule_says_so(self) -> None:
        outcomes, _ = upsert(
            [Contact(email=OLD)],
            Options(update_existing=False),
            post(batch(errors=(exists(OLD),))),
        )
        assert [(o.state, o.reason) for o in outcomes] == [(SKIPPED, Reason.EXISTING)]

    def test_existing_ones_left_alone_but_leavers_asked(self) -> None:
        outcomes, bodies = upsert(
            [Contact(email=OLD), Contact(email=LEFT)],
            Options(update_existing=False, reconfirm=True),
            post(batch(errors=(exists(OLD), exists(LEFT)))),
            Step(method="GET", url=member_url(OLD), answer=member(OLD)),
            Step(
                method="GET", url=member_url(LEFT), answer=member(LEFT, "unsubscribed")
            ),
            patch(LEFT, "pending"),
        )
        assert [o.state for o in outcomes] == [SKIPPED, AWAITING]
        assert bodies[-1] == {"status": "pending"}

    def test_one_address_twice_is_sent_once_and_answered_twice(self) -> None:
        outcomes, [body] = upsert(
            [
                Contact(email=NEW, fields={"FNAME": "Mary", "LNAME": "Q"}, tags=("a",)),
                Contact(email=OLD),
                Contact(email="NEW@X.ORG", fields={"FNAME": "Mary Ann", "LNAME": ""}),
            ],
            Options(),
            post(batch(new=(member(NEW),), errors=(row_error(OLD, world.LOOKS_FAKE),))),
        )
        assert [o.state for o in outcomes] == [SYNCED, REJECTED, SYNCED]
        assert len(body["members"]) == 2
        assert body["members"][0]["merge_fields"] == {"FNAME": "Mary Ann", "LNAME": "Q"}
        assert body["members"][0]["tags"] == ["a"]

    def test_the_same_address_twice_alone_is_one_contact(self) -> None:
        outcomes, _ = upsert(
            [Contact(email=NEW), Contact(email="NEW@x.org")],
            Options(),
            put(NEW, "subscribed"),
        )
        assert [o.state for o in outcomes] == [SYNCED, SYNCED]

    def test_addresses_in_error_rows_may_be_quoted(self) -> None:
        quoted = {**exists(OLD), "email_address": f'"{OLD}"'}
        outcomes, _ = upsert(
            [Contact(email=OLD)],
            Options(update_existing=False),
            post(batch(errors=(quoted,))),
        )
        assert outcomes[0].state is SKIPPED

    def test_a_contact_the_answer_left_out_is_tried_again(self) -> None:
        outcomes, _ = upsert(
            list(PEOPLE[:2]), Options(), post(batch(new=(member(NEW),)))
        )
        assert [o.state for o in outcomes] == [SYNCED, RETRY]

    def test_what_is_settled_stays_settled_when_the_rest_must_wait(self) -> None:
        outcomes, _ = upsert(
            list(PEOPLE),
            Options(),
            next(o for o in world.WRITING if o.name == "upsert of several").steps[0],
            Step(method="POST", url=LIST, status=429, answer=None),
        )
        assert [o.state for o in outcomes] == [SYNCED, RETRY, REJECTED, RETRY]
        assert outcomes[1].reason is Reason.RATE

    def test_a_batch_refused_as_a_whole_is_for_the_caller_to_split(self) -> None:
        with wire() as mock, pytest.raises(RejectedError):
            mock.add("POST", LIST, status=400, json=TestMailchimp.refused)
            adapter().upsert(PEOPLE, "a1", Options())

    def test_an_update_refused_for_an_unknown_cause_is_made_alone(self) -> None:
        name = "upsert of several, one refused for an unknown cause"
        outcomes, bodies = upsert(
            list(PEOPLE[1:3]),
            Options(),
            *next(o for o in world.WRITING if o.name == name).steps,
        )
        assert [o.state for o in outcomes] == [SYNCED, SYNCED]
        assert bodies[2]["status_if_new"] == "subscribed"
        assert FAKE not in json.dumps(bodies[2])


class TestLeaving:
    def test_unsubscribe_tells_each_apart(self) -> None:
        gone = problem("Member In Compliance State", 400, "in a compliance state")
        with wire() as mock:
            mock.add("PATCH", member_url(OLD), json=member(OLD, "unsubscribed"))
            mock.add("PATCH", member_url(LEFT), status=400, json=gone)
            outcomes = adapter().unsubscribe([OLD, LEFT], "a1")
            assert json.loads(mock.calls[0].request.body or "") == {
                "status": "unsubscribed"
            }
        assert [(o.state, o.reason) for o in outcomes] == [
            (SYNCED, None),
            (REJECTED, Reason.COMPLIANCE),
        ]

    def erase(self, *answers: tuple[int, Any]) -> Any:
        lists = [{"id": f"a{n}", "name": f"List {n}"} for n in range(len(answers))]
        with wire() as mock:
            mock.add("GET", f"{API}/lists", json=page("lists", *lists))
            for number, (status, body) in enumerate(answers):
                url = f"{API}/lists/a{number}/members/{member_hash(OLD)}"
                mock.add(
                    "POST", f"{url}/actions/delete-permanent", status=status, json=body
                )
            return adapter().erase(OLD)

    def test_erase_looks_into_every_audience(self) -> None:
        receipt = self.erase((404, TestMailchimp.missing), (204, None))
        assert receipt.ok
        assert "List 1" in receipt.note
        assert "List 0" not in receipt.note

    def test_erase_of_nobody(self) -> None:
        receipt = self.erase((404, TestMailchimp.missing))
        assert receipt.ok
        assert "did not hold" in receipt.note

    def test_erase_that_did_not_work_everywhere_says_where(self) -> None:
        refusal = problem(
            "Method Not Allowed", 405, "This list member cannot be removed."
        )
        receipt = self.erase((204, None), (405, refusal))
        assert not receipt.ok
        assert receipt.note == (
            "Not erased from List 1: This list member cannot be removed."
        )

    @pytest.mark.parametrize("status", [301, 500])
    def test_erase_never_takes_a_failure_for_absence(self, status: int) -> None:
        with pytest.raises(AdapterError):
            self.erase((status, None))
