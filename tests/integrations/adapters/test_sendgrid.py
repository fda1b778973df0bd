"""What is peculiar to SendGrid, beside the conformance of every adapter."""

from __future__ import annotations

import json
from typing import Any

import pytest

from integrations.adapters.base import Contact, Incoming, Options, OutcomeState
from integrations.adapters.errors import (
    AdapterError,
    CredentialsError,
    Reason,
    RejectedError,
    TargetError,
    TransientError,
)
from integrations.adapters.sendgrid import SUPPRESSED_PAGE, SendGrid
from tests.integrations.adapters import sendgrid_world as world
from tests.integrations.adapters.sendgrid_world import (
    API,
    FIELDS,
    JOB,
    LEFT,
    LIST,
    NEW,
    NONE,
    OLD,
    PEOPLE,
    PUT,
    job,
    person,
    problem,
    search,
    single,
    whole,
)
from tests.integrations.conformance import AdapterConformance, Step, register, wire
from tests.integrations.contract import AdapterContract

SUBMITTED, SYNCED, REJECTED, SKIPPED, RETRY = (
    OutcomeState.SUBMITTED,
    OutcomeState.SYNCED,
    OutcomeState.REJECTED,
    OutcomeState.SKIPPED,
    OutcomeState.RETRY,
)


class TestSendGrid(AdapterConformance):
    adapter = SendGrid
    odd_answers = True
    may_lack = frozenset({"recipient_email"})  # {}: not on the list, as documented
    secrets = world.SECRETS
    operations = world.OPERATIONS
    audience_id = LIST
    batch = PEOPLE
    batch_operation = "upsert of several"
    batch_outcomes = (SUBMITTED, SUBMITTED, REJECTED, REJECTED, REJECTED)
    unauthorized = world.UNAUTHORIZED
    forbidden = world.FORBIDDEN
    missing = world.MISSING
    refused = world.REFUSED
    leavers = world.LEAVERS


class TestSendGridContract(AdapterContract):
    adapter = SendGrid
    secrets = world.SECRETS
    operations = world.OPERATIONS
    documented = world.DOCUMENTED


def adapter(**secrets: str) -> SendGrid:
    return SendGrid({**world.SECRETS, **secrets})


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
    return lambda a: a.upsert(contacts, LIST, options)


class TestAccount:
    @pytest.mark.parametrize(
        ("region", "home"),
        [
            ("", "https://api.sendgrid.com"),
            ("global", "https://api.sendgrid.com"),
            ("eu", "https://api.eu.sendgrid.com"),
            ("mars", "https://api.sendgrid.com"),
        ],
    )
    def test_regions(self, region: str, home: str) -> None:
        assert adapter(region=region).base_url == home

    def verify(self, *scopes: str, forbidden: bool = False) -> Any:
        _, email, *others = world.READING[0].steps
        with wire() as mock:
            mock.add("GET", f"{API}/scopes", json={"scopes": list(scopes)})
            if forbidden:
                mock.add("GET", email.url, status=403, json=world.FORBIDDEN)
            else:
                register(mock, email)
            for step in others:
                register(mock, step)
            return adapter().verify()

    def test_what_a_key_may_write(self) -> None:
        reading = self.verify("marketing.read", "marketing.update")
        assert reading.identity == "mary@shop.example"
        assert [(r.name, r.writable, r.count) for r in reading.resources] == [
            ("lists", True, None),
            ("contacts", True, 42),
            ("suppressions", None, None),
        ]
        reading = self.verify("marketing.read", "mail.send")
        assert [r.writable for r in reading.resources] == [None, None, None]

    def test_a_resource_that_may_not_be_read_is_named(self) -> None:
        *steps, last = world.READING[0].steps
        no = Step(method="GET", url=last.url, status=403, answer=world.FORBIDDEN)
        reading, _ = play(SendGrid.verify, *steps, no)
        assert [r.readable for r in reading.resources] == [True, True, False]

    def test_a_key_for_marketing_alone_is_enough(self) -> None:
        assert self.verify("marketing.read", forbidden=True).identity == "SendGrid"

    def test_the_reset_header_says_when_to_come_back(self) -> None:
        with wire() as mock, pytest.raises(TransientError) as caught:
            body = problem("too many requests")
            headers = {"X-RateLimit-Reset": "12"}
            mock.add("GET", f"{API}/scopes", status=429, json=body, headers=headers)
            adapter().verify()
        assert caught.value.retry_after == 12.0

    @pytest.mark.parametrize(
        ("field", "reason"),
        [
            ("contacts[0].email", Reason.ADDRESS_INVALID),
            ("contacts[0].custom_fields.w1_N", Reason.FIELD_TYPE),
            ("contacts", Reason.REFUSED),
            (None, Reason.REFUSED),
        ],
    )
    def test_refusals(self, field: str | None, reason: Reason) -> None:
        refused = Step(
            method="PUT", url=PUT.url, status=400, answer=problem("No", field)
        )
        with pytest.raises(RejectedError) as caught:
            play(upsert(Options(), PEOPLE[0]), *single(NEW), refused)
        assert caught.value.reason is reason
        assert caught.value.detail == (f"{field}: No" if field else "No")

    def test_a_list_that_is_gone(self) -> None:
        body = problem("invalid list id", "list_ids[0]")
        refused = Step(method="PUT", url=PUT.url, status=400, answer=body)
        with pytest.raises(TargetError):
            play(upsert(Options(), PEOPLE[0]), *single(NEW), refused)


class TestReading:
    def test_audiences_of_all_pages(self) -> None:
        url = f"{API}/marketing/lists"
        row = world.LISTS["result"][0]
        following = f"{url}?page_size=1000&page_token=abc"
        pages = [
            {"result": [row], "_metadata": {"next": following}},
            {"result": [{**row, "id": "b"}], "_metadata": {"next": following}},
        ]
        with wire() as mock:
            for page in pages:
                mock.add("GET", url, json=page)
            found = adapter().audiences()
            assert "page_token=abc" in str(mock.calls[1].request.url)
        assert [(a.id, a.size) for a in found] == [(LIST, 42), ("b", 42)]

    def test_fields(self) -> None:
        step = Step(
            method="GET",
            url=f"{API}/marketing/field_definitions",
            answer=world.FIELDS,
        )
        fields, _ = play(lambda a: a.fields(LIST), step)
        assert [(f.id, f.label, f.type) for f in fields] == [
            ("first_name", "First name", "text"),
            ("postal_code", "Postal code", "zip"),
            ("w1_N", "orders", "number"),
            ("w2_D", "since", "date"),
            ("w3_T", "town", "text"),
        ]

    def test_where_people_stand(self) -> None:
        emails = [NEW, OLD, LEFT, "Other@x.org"]
        found, _ = play(
            lambda a: a.subscriptions(emails, LIST),
            *whole(left=(LEFT,)),
            search(person(OLD, LIST), person("other@x.org", "b"), missing=(NEW,)),
            Step(method="GET", url=f"{API}/marketing/field_definitions", answer=FIELDS),
        )
        assert [s.fields for s in found[:2]] == [
            None,
            {"first_name": "Mary", "w3_T": "Bath"},  # "town" there, w3_T when written
        ]
        assert [(s.email, s.status) for s in found] == [
            (NEW, "absent"),
            (OLD, "subscribed"),
            (LEFT, "unsubscribed"),
            ("Other@x.org", "absent"),
        ]

    def test_nobody_is_known(self) -> None:
        [found], _ = play(lambda a: a.subscriptions([NEW], LIST), *single(NEW), NONE)
        assert found.status == "absent"
        assert adapter().subscriptions([], LIST) == []

    def test_a_long_suppression_list_is_asked_one_by_one(self) -> None:
        many = tuple(f"p{n}@x.org" for n in range(SUPPRESSED_PAGE))
        emails = [NEW, OLD, LEFT, "d@x.org"]
        spam, bounces, unsubscribes = whole(bounced=many)
        asked = [single(email, bounced=email == LEFT)[1] for email in emails]
        found, _ = play(
            lambda a: a.subscriptions(emails, LIST),
            *(spam, bounces, *asked, unsubscribes, NONE),
        )
        assert [s.status for s in found] == ["absent", "absent", "bounced", "absent"]


class TestWriting:
    def test_what_is_sent(self) -> None:
        fields = {"first_name": "Mary", "last_name": "", "w1_N": 42, "w3_T": "Bath"}
        twice = Contact(email=f" {NEW.upper()} ", fields=fields)
        outcomes, bodies = play(
            upsert(Options(), Contact(email=NEW), twice), *single(NEW), PUT
        )
        assert [(o.state, o.job) for o in outcomes] == [(SUBMITTED, JOB)] * 2
        assert bodies == [
            {
                "list_ids": [LIST],
                "contacts": [
                    {
                        "email": NEW,
                        "first_name": "Mary",
                        "custom_fields": {"w1_N": 42, "w3_T": "Bath"},
                    }
                ],
            }
        ]

    def test_existing_ones_are_left_alone(self) -> None:
        options = Options(update_existing=False)
        [outcome], bodies = play(
            upsert(options, PEOPLE[1]), *single(OLD), search(person(OLD, LIST))
        )
        assert (outcome.state, outcome.reason) == (SKIPPED, Reason.EXISTING)
        assert bodies == [{"emails": [OLD]}]

    def test_who_is_known_but_not_here_only_joins(self) -> None:
        options = Options(update_existing=False)
        known = Contact(email=OLD, fields={"first_name": "Ann"})
        [outcome], bodies = play(
            upsert(options, known), *single(OLD), search(person(OLD, "b")), PUT
        )
        assert outcome.state is SUBMITTED
        assert bodies[1]["contacts"] == [{"email": OLD}]

    def test_a_suppression_list_that_is_half_told_is_not_believed(self) -> None:
        people = [Contact(email=f"p{number}@x.org") for number in range(4)]
        with wire() as mock, pytest.raises(TransientError):
            mock.add("GET", f"{API}/suppression/spam_reports", json=[{"created": 1}])
            adapter().upsert(people, LIST, Options())

    def test_a_job_without_an_id_is_not_done(self) -> None:
        no = Step(method="PUT", url=PUT.url, status=202, answer={})
        with pytest.raises(TransientError, match="cannot be read"):
            play(upsert(Options(), PEOPLE[0]), *single(NEW), no)

    def test_nobody_to_unsubscribe(self) -> None:
        assert adapter().unsubscribe([], LIST) == []

    def test_one_bad_address_keeps_nobody_subscribed(self) -> None:
        url = f"{API}/asm/suppressions/global"
        bad = problem("email is invalid", "recipient_emails")
        with wire() as mock:
            for answer in (bad, bad, {"recipient_emails": [OLD]}):
                mock.add("POST", url, json=answer, status=400 if answer is bad else 201)
            outcomes = adapter().unsubscribe(["bad", OLD], LIST)
        assert [o.state for o in outcomes] == [REJECTED, SYNCED]

    def test_erasing_somebody_unknown(self) -> None:
        receipt, bodies = play(lambda a: a.erase(OLD), NONE, world.WRITING[-1].steps[2])
        assert receipt.ok
        assert bodies[1] == {"email_addresses": [OLD]}


class TestJob:
    def poll(self, *steps: Step, emails: tuple[str, ...] = (NEW, OLD)) -> Any:
        return play(lambda a: a.poll(JOB, emails, LIST), *steps)[0]

    def test_not_yet(self) -> None:
        assert self.poll(job("pending")) == []

    def test_done(self) -> None:
        assert [o.state for o in self.poll(job("completed"))] == [SYNCED, SYNCED]

    @pytest.mark.parametrize("status", ["completed", "errored", "failed"])
    def test_as_many_as_are_missing_were_refused(self, status: str) -> None:
        outcomes = self.poll(job(status, 1), search(person(OLD, LIST), missing=(NEW,)))
        assert [o.state for o in outcomes] == [REJECTED, SYNCED]

    def test_two_that_are_refused_do_not_wait_for_each_other(self) -> None:
        emails = (NEW, OLD, LEFT)
        found = search(person(OLD, LIST), missing=(NEW, LEFT))
        outcomes = self.poll(job("errored", 2), found, emails=emails)
        assert [o.state for o in outcomes] == [REJECTED, SYNCED, REJECTED]

    def test_where_more_are_missing_they_are_sent_again(self) -> None:
        found = search(missing=(NEW, OLD))
        for number in (1, 0):
            outcomes = self.poll(job("errored", number), found)
            assert [o.state for o in outcomes] == [RETRY, RETRY]

    def test_one_alone_was_refused(self) -> None:
        [outcome] = self.poll(job("failed", 1), NONE, emails=(NEW,))
        assert (outcome.state, outcome.reason) == (REJECTED, Reason.REFUSED)

    def test_being_on_another_list_is_not_enough(self) -> None:
        [outcome] = self.poll(job("failed", 1), search(person(OLD, "b")), emails=(OLD,))
        assert outcome.state is REJECTED

    def test_a_forgotten_job_is_sent_again(self) -> None:
        gone = Step(method="GET", url=world.JOB_URL, status=404, answer=world.MISSING)
        assert [o.state for o in self.poll(gone)] == [RETRY, RETRY]


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
            self.post([], "other")

    def test_what_is_no_webhook(self) -> None:
        with pytest.raises(AdapterError):
            self.post({})

    def test_events(self) -> None:
        found = self.post(
            [
                {"email": OLD, "event": "unsubscribe", "timestamp": 1785578400},
                {"email": OLD, "event": "spamreport", "timestamp": 1785578400},
                {"email": OLD, "event": "bounce", "type": "bounce"},
                {"email": OLD, "event": "bounce", "type": "blocked"},
                {"email": OLD, "event": "delivered"},
                {"event": "unsubscribe"},
                "x",
            ]
        )
        assert [(c.email, c.kind, c.status) for c in found] == [
            (OLD, "status", "unsubscribed"),
            (OLD, "status", "complained"),
            (OLD, "status", "bounced"),
        ]
        assert found[0].at.isoformat() == "2026-08-01T10:00:00+00:00"
