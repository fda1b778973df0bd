"""What is peculiar to Mailchimp, beside the conformance of every adapter."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from integrations.adapters.base import Contact, Options, OutcomeState
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
from integrations.adapters.mailchimp.members import member_hash
from tests.integrations.adapters import mailchimp_world as world
from tests.integrations.adapters.mailchimp_world import (
    API,
    KEY,
    LEFT,
    LIST,
    NEW,
    OLD,
    PEOPLE,
    member,
    member_url,
    page,
    problem,
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
    unauthorized = world.UNAUTHORIZED
    forbidden = world.FORBIDDEN
    missing = world.MISSING
    refused = world.REFUSED
    leavers = world.LEAVERS
    odd_answers = True


def adapter(**secrets: str) -> Mailchimp:
    return Mailchimp({"api_key": KEY, **secrets})


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
            mock.add(
                "GET", "http://127.0.0.1:9/mailchimp/3.0/lists", json=page("lists")
            )
            assert local.audiences() == []


class TestOAuth:
    TOKEN = {"access_token": "a-token-of-oauth"}

    def test_the_data_centre_is_asked_for_once(self) -> None:
        with wire() as mock:
            mock.add(
                "GET",
                "https://login.mailchimp.com/oauth2/metadata",
                json={"dc": "us6", "login_url": "https://login.mailchimp.com"},
            )
            assert Mailchimp(self.TOKEN).discover() == {"dc": "us6"}
            [call] = mock.calls
        assert call.request.headers["Authorization"] == "OAuth a-token-of-oauth"

    def test_the_token_is_a_bearer_at_its_data_centre(self) -> None:
        linked = Mailchimp({**self.TOKEN, "dc": "us6"})
        with wire() as mock:
            mock.add("GET", f"{API}/lists", json=page("lists"))
            assert linked.audiences() == []
            [call] = mock.calls
        assert call.request.headers["Authorization"] == "Bearer a-token-of-oauth"

    @pytest.mark.parametrize("dc", ["", "us6.evil.example/", "US6"])
    def test_an_odd_data_centre_is_refused(self, dc: str) -> None:
        with wire(), pytest.raises(CredentialsError, match="reconnect"):
            Mailchimp({**self.TOKEN, "dc": dc}).audiences()


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

    def test_says_what_the_user_level_may_write(self) -> None:
        assert [r.writable for r in self.run().resources] == [None, True, None, True]
        viewer = self.run(role="viewer").resources
        assert [r.writable for r in viewer] == [None, False, None, False]

    def test_a_resource_it_may_not_read_is_named(self) -> None:
        no_tags = Step(
            method="GET",
            url=f"{LIST}/tag-search",
            status=403,
            answer=world.FORBIDDEN,
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

    def test_what_cannot_be_stored_never_leaves_the_adapter(self) -> None:
        with wire() as mock:
            ours = adapter()
            name = {"id": "a\x00", "name": "News\ud800", "double_optin": False}
            mock.add("GET", f"{API}/lists", json=page("lists", name))
            [audience] = ours.audiences()
            refused = problem("Invalid\x00", 400, "No\x00 such \udfff thing.")
            mock.add("PUT", member_url(OLD), status=400, json=refused)
            [outcome] = ours.upsert([Contact(email=OLD)], "a1", Options())
            mock.add("PUT", member_url(OLD), status=400, body=b"raw \0 \xed\xa0\x80")
            ours.upsert([Contact(email=OLD)], "a1", Options())
        assert (audience.id, audience.label) == ("a\ufffd", "News\ufffd")
        assert outcome.detail == "No\ufffd such \ufffd thing."
        assert "\x00" not in ours.exchanges[-1].response
        assert ours.exchanges[-1].response.startswith("raw \ufffd")

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
            mock.add(
                "GET",
                f"{API}/lists/..%2F..%2F%3Fx/merge-fields",
                json=page("merge_fields"),
            )
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
                mock.add("GET", url, status=404, json=world.MISSING)
            adapter().subscriptions([OLD], "a1")


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

    def test_who_is_out_stays_out_when_the_rest_must_wait(self) -> None:
        with wire() as mock:
            mock.add("PATCH", member_url(OLD), json=member(OLD, "unsubscribed"))
            mock.add("PATCH", member_url(LEFT), status=503)
            outcomes = adapter().unsubscribe([OLD, LEFT, NEW], "a1")
        assert [o.state for o in outcomes] == [SYNCED, RETRY, RETRY]

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
        receipt = self.erase((404, world.MISSING), (204, None))
        assert receipt.ok
        assert "List 1" in receipt.note
        assert "List 0" not in receipt.note

    def test_erase_of_nobody(self) -> None:
        receipt = self.erase((404, world.MISSING))
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
