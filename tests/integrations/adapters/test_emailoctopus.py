"""EmailOctopus: the shared proofs, and what is peculiar to it.

The exchanges are written from https://emailoctopus.com/api-documentation/v2, as far as
it could be read on 2026-11-22; the module's docstring has what could not.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from integrations.adapters.base import Contact, Field, Options, OutcomeState
from integrations.adapters.emailoctopus import EmailOctopus
from integrations.adapters.errors import (
    Reason,
    RejectedError,
    SetupError,
    TransientError,
)
from tests.integrations.adapters.emailoctopus_world import (
    API,
    DOCS,
    EVERY,
    FULL,
    LEFT,
    LIST,
    LISTS,
    NEW,
    OLD,
    OPERATIONS,
    OTHER,
    SECRETS,
    TAKEN,
    audience,
    created,
    deleted,
    denied,
    get,
    known,
    md5,
    nobody,
    page,
    person,
    problem,
    updated,
    upsert,
)
from tests.integrations.conformance import (
    AdapterConformance,
    Leaver,
    Refusal,
    Step,
    register,
    wire,
)
from tests.integrations.contract import AdapterContract


class TestEmailOctopus(AdapterConformance):
    adapter = EmailOctopus
    secrets = SECRETS
    operations = OPERATIONS
    audience_id = LIST
    odd_answers = True
    batch = (Contact(email=NEW),)
    batch_operation = "upsert of somebody new"
    batch_outcomes = (OutcomeState.AWAITING_OPT_IN,)
    unauthorized = problem(401, "unauthorised", "The API key is not valid.")
    forbidden = problem(403, "forbidden", "You may not do this.")
    missing = problem(404, "not-found", "There is no such list.")
    refused = problem(422, "unprocessable-content", "The e-mail address is not valid.")
    peculiar = (
        Refusal(
            status=422,
            body=problem(422, "out-of-limits", "Your plan is full."),
            error=SetupError,
        ),
    )
    leavers = (
        Leaver(
            status="unsubscribed",
            reason=Reason.UNSUBSCRIBED,
            steps=(known(LEFT, "unsubscribed"),),
            contacts=(
                Contact(email=LEFT, signed_up_at=datetime(2026, 9, 1, tzinfo=UTC)),
            ),
            options=Options(double_opt_in=True, reconfirm=True),
            never=("status", "email_address"),
            audience_id=LIST,
        ),
        Leaver(  # came and left between the look-up and the write
            status="unsubscribed",
            reason=Reason.UNSUBSCRIBED,
            steps=(nobody(LEFT), denied(409, TAKEN), known(LEFT, "UNSUBSCRIBED")),
            contacts=(Contact(email=LEFT, fields={"FirstName": "Ann"}),),
            never=("status",),
            audience_id=LIST,
        ),
    )
    no_leavers = {
        "bounced": "The API has three states; the bounced are not told from others.",
        "complained": "Nor are those who complained; only webhooks name them.",
    }


TOOLS = "https://glama.ai/mcp/connectors/io.usefulapi/emailoctopus"
SERVER = "https://glama.ai/mcp/servers/OfirOhan/emailoctopus-mcp"
SEEN = "(read 2026-11-22)"
PEOPLE = "/lists/{list_id}/contacts"
CONTACT = f"{PEOPLE}/{{contact_id}}"


class TestEmailOctopusContract(AdapterContract):
    """Where the reference itself could not be read that far, somebody's client that
    names the call."""

    adapter = EmailOctopus
    secrets = SECRETS
    operations = OPERATIONS
    documented = {
        ("GET", "/lists"): f"{DOCS} {SEEN}",
        ("GET", "/lists/{list_id}"): f"{TOOLS} {SEEN}",
        ("GET", PEOPLE): f"{SERVER}/tools/list_contacts {SEEN}",
        ("POST", PEOPLE): f"{TOOLS}/tools/emailoctopus_create_contact {SEEN}",
        ("GET", CONTACT): f"{TOOLS} {SEEN}",
        ("PUT", CONTACT): f"{TOOLS}/tools/emailoctopus_update_contact {SEEN}",
        ("DELETE", CONTACT): f"{TOOLS}/tools/emailoctopus_delete_contact {SEEN}",
    }


def play(run: Any, *steps: Step) -> tuple[Any, list[Any], list[Any]]:
    """The result, the JSON bodies sent, and the queries."""
    with wire() as mock:
        for step in steps:
            register(mock, step)
        result = run(EmailOctopus(SECRETS))
        assert len(mock.calls) == len(steps)
        requests = [call.request for call in mock.calls]
    bodies = [json.loads(r.body) for r in requests if r.body]
    return result, bodies, [parse_qs(urlsplit(str(r.url)).query) for r in requests]


class TestReading:
    def test_signing_in(self) -> None:
        headers = EmailOctopus(SECRETS).headers()
        assert headers == {"Authorization": f"Bearer {SECRETS['api_key']}"}

    def test_an_account_without_a_name(self) -> None:
        reading, _, _ = play(EmailOctopus.verify, EVERY)
        assert reading.identity == ""
        assert [(r.name, r.count) for r in reading.resources] == [("lists", 2)]

    def test_all_pages_of_lists(self) -> None:
        first = get("lists", page(audience(OTHER, "Tea", False), after="x=="))
        found, _, queries = play(EmailOctopus.audiences, first, LISTS)
        assert [(a.id, a.label, a.size, a.double_opt_in) for a in found] == [
            (OTHER, "Tea", 42, False),
            (LIST, "News", 42, True),
        ]
        assert queries == [
            {"limit": ["100"]},
            {"limit": ["100"], "starting_after": ["x=="]},
        ]

    def test_fields_of_a_list(self) -> None:
        step = get(f"lists/{LIST}", audience(LIST, "News", True))
        found, _, _ = play(lambda a: a.fields(LIST), step)
        assert found == [
            Field(id="FirstName", label="First name", type="name"),
            Field(id="City", label="City"),
            Field(id="Born", label="Born", type="date"),
            Field(
                id="Likes",
                label="Likes",
                type="multi_choice",
                options=("tea", "cake"),
            ),
        ]

    def test_where_people_stand(self) -> None:
        found, _, _ = play(
            lambda a: a.subscriptions([OLD.upper(), LEFT, NEW], LIST),
            *(known(), known(LEFT, "PENDING"), nobody()),
        )
        assert [s.status for s in found] == ["subscribed", "pending", "absent"]
        assert found[0].fields == {"FirstName": "Mary", "Likes": ["tea"]}
        assert (found[0].remote_id, found[0].tags) == ("id-of-old", ("vip",))

    def test_both_spellings_of_a_domain_and_who_left_counts(self) -> None:
        shown, key = "a@bücher.de", "a@xn--bcher-kva.de"
        rows = (person(key), person(shown, "unsubscribed"))
        steps = [
            get(f"lists/{LIST}/contacts/{md5(row['email_address'])}", row)
            for row in rows
        ]
        for entered in (key, shown):
            [state], _, _ = play(
                lambda a, e=entered: a.subscriptions([e], LIST), *steps
            )
            assert state.status == "unsubscribed"

    def test_the_walk(self) -> None:
        gone = person(LEFT, "unsubscribed")
        path = f"lists/{LIST}/contacts"
        first = get(path, page(person(), gone, after="x=="))
        found, _, [query] = play(lambda a: a.changes(LIST, ""), first)
        assert (found.complete, found.more) == (True, True)
        assert query == {"limit": ["100"]}
        assert [c.status for c in found.changes] == ["subscribed", "unsubscribed"]
        assert found.changes[0].at == datetime(2026, 8, 1, 10, tzinfo=UTC)
        last = get(path, page(person(NEW)))
        found, _, [query] = play(lambda a: a.changes(LIST, found.cursor), last)
        assert query["starting_after"] == ["x=="]
        assert (found.cursor, found.more) == ("", False)

    def test_a_page_that_does_not_say_what_follows_is_no_last_one(self) -> None:
        step = get(f"lists/{LIST}/contacts", {"data": [person()]})
        with pytest.raises(TransientError):
            play(lambda a: a.changes(LIST, ""), step)

    def test_a_place_that_is_gone(self) -> None:
        path = f"lists/{LIST}/contacts"
        answer = problem(400, "bad-request", "starting_after is not valid.")
        with pytest.raises(RejectedError) as caught:
            play(
                lambda a: a.changes(LIST, '[0, "", "", "x=="]'),
                get(path, answer, status=400),
            )
        assert caught.value.reason is Reason.CURSOR_EXPIRED


class TestWriting:
    @pytest.mark.parametrize(
        ("status", "state"),
        [
            ("pending", OutcomeState.AWAITING_OPT_IN),
            ("subscribed", OutcomeState.SYNCED),
        ],
    )
    def test_the_list_decides(self, status: str, state: OutcomeState) -> None:
        contact = Contact(email=NEW, fields={"FirstName": "Ann", "City": ""})
        [found], [body], _ = play(
            upsert(contact, Options(double_opt_in=True, tags=("news",))),
            *(nobody(), created(status)),
        )
        assert (found.state, found.remote_id) == (state, "id-of-new")
        assert body == {
            "email_address": NEW,
            "fields": {"FirstName": "Ann"},
            "tags": ["news"],
        }

    @pytest.mark.parametrize("status", ["subscribed", "pending"])
    def test_no_status_for_who_is_there(self, status: str) -> None:
        [found], [body], _ = play(
            upsert(FULL), known(OLD, status), updated(OLD, status)
        )
        asked = found.state is OutcomeState.AWAITING_OPT_IN
        assert asked == (status == "pending")
        assert body == {
            "fields": {"FirstName": "Ann", "Likes": ["tea", "cake"]},
            "tags": {"popup": True},
        }

    def test_nothing_to_write(self) -> None:
        [found], bodies, _ = play(upsert(Contact(email=OLD)), known())
        assert (found.state, bodies) == (OutcomeState.SYNCED, [])

    def test_existing_ones_are_left_alone(self) -> None:
        alone = Options(update_existing=False)
        for steps in ((known(),), (nobody(OLD), denied(409, TAKEN), known())):
            [found], _, _ = play(upsert(FULL, alone), *steps)
            assert (found.state, found.reason) == (
                *(OutcomeState.SKIPPED, Reason.EXISTING),
            )

    def test_somebody_who_came_meanwhile_is_updated(self) -> None:
        words = problem(400, "bad-request", "A contact already exists.")
        for status, answer in ((409, TAKEN), (400, words)):
            steps = (nobody(OLD), denied(status, answer), known(), updated())
            [found], bodies, _ = play(upsert(FULL), *steps)
            assert found.state is OutcomeState.SYNCED
            assert bodies[1]["tags"] == {"popup": True}

    def test_somebody_taken_and_never_found(self) -> None:
        steps = (nobody(), denied(409, TAKEN), nobody())
        [found], _, _ = play(upsert(Contact(email=NEW)), *steps)
        assert (found.state, found.reason) == (
            *(OutcomeState.REJECTED, Reason.DUPLICATE),
        )

    def test_somebody_deleted_meanwhile_is_written_again(self) -> None:
        url = f"{API}/lists/{LIST}/contacts/id-of-old"
        gone = Step(method="PUT", url=url, answer=nobody().answer, status=404)
        [found], _, _ = play(upsert(FULL), known(), gone)
        assert found.state is OutcomeState.RETRY

    @pytest.mark.parametrize(
        ("words", "reason"),
        [
            ("This is not a valid email address.", Reason.ADDRESS_INVALID),
            ("The field Born is not a date.", Reason.FIELD_TYPE),
            ("No.", Reason.REFUSED),
        ],
    )
    def test_why_not(self, words: str, reason: Reason) -> None:
        errors = [{"detail": words, "pointer": "/x"}]
        answer = problem(422, "unprocessable-content", "Invalid.", errors=errors)
        steps = (nobody(), denied(422, answer))
        [found], _, _ = play(upsert(Contact(email=NEW)), *steps)
        assert (found.state, found.reason) == (OutcomeState.REJECTED, reason)
        assert found.detail == words

    def test_their_header_says_when_to_come_back(self) -> None:
        with wire() as mock:
            register(mock, nobody())
            mock.add(
                "POST",
                f"{API}/lists/{LIST}/contacts",
                status=429,
                json=problem(429, "too-many-requests", "Slow down."),
                headers={"X-RateLimit-Retry-After": "7"},
            )
            [found] = upsert(Contact(email=NEW))(EmailOctopus(SECRETS))
        assert (found.reason, found.retry_after) == (Reason.RATE, 7.0)


class TestLeaving:
    def test_unsubscribing(self) -> None:
        found, bodies, _ = play(
            lambda a: a.unsubscribe([NEW, LEFT, OLD], LIST),
            *(nobody(), known(LEFT, "unsubscribed"), known(), updated()),
        )
        assert [o.state for o in found] == [
            *(OutcomeState.SKIPPED, OutcomeState.SYNCED, OutcomeState.SYNCED)
        ]
        assert bodies == [{"status": "unsubscribed"}]

    def test_erasing_from_every_list(self) -> None:
        receipt, _, _ = play(
            lambda a: a.erase(OLD), EVERY, deleted(LIST, 404), deleted(OTHER)
        )
        assert (receipt.ok, receipt.note) == (True, "Deleted from 1 of the lists.")
        receipt, _, _ = play(lambda a: a.erase(OLD), LISTS, deleted(LIST, 404))
        assert receipt.note == "EmailOctopus did not hold this address."

    def test_webhooks_are_not_offered(self) -> None:
        offered = EmailOctopus.supports
        assert not offered & {"webhook", "add_webhook", "remove_webhook"}
