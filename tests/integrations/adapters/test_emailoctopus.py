"""EmailOctopus: the shared proofs, and what is peculiar to it.

The exchanges are written from https://emailoctopus.com/api-documentation/v2, the
webhooks from https://help.emailoctopus.com/article/314-webhooks.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from integrations.adapters.base import (
    Change,
    Contact,
    Field,
    Incoming,
    Options,
    OutcomeState,
)
from integrations.adapters.emailoctopus import EmailOctopus
from integrations.adapters.errors import (
    CredentialsError,
    Reason,
    RejectedError,
    SetupError,
    TransientError,
)
from tests.integrations.adapters.emailoctopus_world import (
    DOCS,
    EVERY,
    GONE,
    LEFT,
    LIST,
    LISTS,
    NEW,
    OLD,
    OPERATIONS,
    OTHER,
    PEOPLE,
    SECRETS,
    TAKEN,
    audience,
    denied,
    get,
    invalid,
    known,
    md5,
    nobody,
    page,
    person,
    play,
    problem,
)
from tests.integrations.conformance import AdapterConformance, Leaver, Refusal
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
    unauthorized = problem(401, "unauthorized", "Invalid key.")
    forbidden = problem(403, "access-denied", "Access denied.")
    missing = GONE
    refused = invalid("/email_address", "This value is not a valid email address.")
    peculiar = (
        Refusal(
            status=422,
            body=problem(422, "out-of-limits", "This would exceed your plan."),
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
            steps=(nobody(LEFT), denied(409, TAKEN), known(LEFT, "unsubscribed")),
            contacts=(Contact(email=LEFT, fields={"FirstName": "Ann"}),),
            never=("status",),
            audience_id=LIST,
        ),
        Leaver(  # as webhooks write it; the API's own word is unsubscribed
            status="bounced",
            reason=Reason.BOUNCED,
            steps=(known(LEFT, "BOUNCED"),),
            never=("status", "email_address"),
            audience_id=LIST,
        ),
        Leaver(
            status="complained",
            reason=Reason.COMPLIANCE,
            steps=(known(LEFT, "COMPLAINED"),),
            never=("status", "email_address"),
            audience_id=LIST,
        ),
    )


SEEN = f"{DOCS} (read 2026-11-22)"
CONTACTS = "/lists/{list_id}/contacts"
CONTACT = f"{CONTACTS}/{{contact_id}}"


class TestEmailOctopusContract(AdapterContract):
    adapter = EmailOctopus
    secrets = SECRETS
    operations = OPERATIONS
    documented = {
        ("GET", "/lists"): SEEN,
        ("GET", "/lists/{list_id}"): SEEN,
        ("GET", CONTACTS): SEEN,
        ("POST", CONTACTS): SEEN,
        ("GET", CONTACT): SEEN,
        ("PUT", CONTACT): SEEN,
        ("DELETE", CONTACT): SEEN,
    }


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
            Field(id="Cats", label="Cats", type="number"),
        ]

    @pytest.mark.parametrize(
        ("counts", "size"),
        [([{"subscribed": 5}], 5), ({"subscribed": 5}, 5), ([], None), (None, None)],
    )
    def test_how_many_are_on_a_list(self, counts: object, size: int | None) -> None:
        row = {**audience(LIST, "News", True), "counts": counts}
        [found], _, _ = play(EmailOctopus.audiences, get("lists", page(row)))
        assert found.size == size

    def test_where_people_stand(self) -> None:
        found, _, _ = play(
            lambda a: a.subscriptions([OLD.upper(), LEFT, NEW], LIST),
            *(known(), known(LEFT, "PENDING"), nobody()),
        )
        assert [s.status for s in found] == ["subscribed", "pending", "absent"]
        values = {"FirstName": "Mary", "Likes": ["tea"], "Cats": 2}
        assert found[0].fields == values
        assert (found[0].remote_id, found[0].tags) == ("id-of-old", ("vip",))

    def test_both_spellings_of_a_domain_and_who_left_counts(self) -> None:
        shown, key = "a@bücher.de", "a@xn--bcher-kva.de"
        rows = (person(key), person(shown, "unsubscribed"))
        steps = [get(f"{PEOPLE}/{md5(row['email_address'])}", row) for row in rows]
        for entered in (key, shown):
            [state], _, _ = play(
                lambda a, e=entered: a.subscriptions([e], LIST), *steps
            )
            assert state.status == "unsubscribed"


class TestWalks:
    def test_everybody_status_by_status_and_then_who_changed(self) -> None:
        """A listing without a status would be of the subscribed only."""
        cursor = ""
        seen: list[tuple[str, str]] = []
        queries: list[dict[str, str]] = []
        earliest = datetime.now(UTC).replace(microsecond=0) - EmailOctopus.overlap
        for answer in (
            page(person(NEW, "pending")),
            page(person(), after="x=="),
            page(person("b@x.org")),
            page(person(LEFT, "unsubscribed")),
            page(),
        ):
            found, _, [query] = play(
                lambda a, c=cursor: a.changes(LIST, c), get(PEOPLE, answer)
            )
            assert found.complete == (len(queries) < 4)
            assert found.more == (len(queries) != 3)
            cursor = found.cursor
            seen += [(change.email, change.status) for change in found.changes]
            queries.append({name: value for name, [value] in query.items()})
        assert seen == [
            (NEW, "pending"),
            (OLD, "subscribed"),
            ("b@x.org", "subscribed"),
            (LEFT, "unsubscribed"),
        ]
        since = queries[-1].pop("last_updated_at.gte")
        began = datetime.strptime(since, "%Y-%m-%dT%H:%M:%S%z")
        assert earliest <= began <= datetime.now(UTC) - EmailOctopus.overlap
        size = {"limit": "100"}
        assert queries == [
            {**size, "status": "pending"},
            {**size, "status": "subscribed"},
            {**size, "status": "subscribed", "starting_after": "x=="},
            {**size, "status": "unsubscribed"},
            {**size, "status": "pending"},
        ]

    def test_when_somebody_changed(self) -> None:
        found, _, _ = play(lambda a: a.changes(LIST, ""), get(PEOPLE, page(person())))
        assert found.changes[0].at == datetime(2026, 8, 1, 10, tzinfo=UTC)

    @pytest.mark.parametrize("paging", [{}, {"next": None}, {"next": {}}])
    def test_the_end_of_a_turn(self, paging: Any) -> None:
        answer = {"data": [person()], "paging": paging}
        found, _, _ = play(lambda a: a.changes(LIST, ""), get(PEOPLE, answer))
        turn, _, _, place = json.loads(found.cursor)
        assert (turn, place, found.more) == (1, "", True)

    def test_a_page_that_does_not_say_what_follows_is_no_last_one(self) -> None:
        with pytest.raises(TransientError):
            play(lambda a: a.changes(LIST, ""), get(PEOPLE, {"data": [person()]}))

    def test_a_place_that_is_gone(self) -> None:
        answer = problem(400, "bad-request", "Bad request.")
        with pytest.raises(RejectedError) as caught:
            play(
                lambda a: a.changes(LIST, '[0, "", "", "x=="]'),
                get(PEOPLE, answer, status=400),
            )
        assert caught.value.reason is Reason.CURSOR_EXPIRED


def event(name: str, email: object = OLD, **more: Any) -> dict[str, Any]:
    return {
        "id": "42636763-73f9",
        "type": f"contact.{name}",
        "list_id": LIST,
        "contact_id": "e3ab8c80-5f65",
        "contact_email_address": email,
        "occurred_at": "2026-11-18T15:20:23+00:00",
        **more,
    }


RECORD: dict[str, Any] = {
    "contact_fields": {"FirstName": "Claire", "City": ""},
    "contact_tags": ["vip"],
    "contact_status": "SUBSCRIBED",
}


def posted(body: object, secret: str = SECRETS["webhook_secret"]) -> Incoming:
    raw = json.dumps(body).encode()
    signed = hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()
    headers = {"emailoctopus-signature": f"sha256={signed}"}
    return Incoming(method="POST", url="https://x.org", headers=headers, body=raw)


def heard(request: Incoming) -> list[Change]:
    return EmailOctopus(SECRETS).webhook(request)


class TestWebhooks:
    def test_people_set_them_up_themselves(self) -> None:
        offered = EmailOctopus.supports
        assert "webhook" in offered
        assert not offered & {"add_webhook", "remove_webhook"}
        wanted = {each.name: each.required for each in EmailOctopus.credentials}
        assert wanted == {"api_key": True, "webhook_secret": False}

    def test_forged_ones(self) -> None:
        true = posted([event("unsubscribed")])
        header = "emailoctopus-signature"
        for forged in (
            posted([event("unsubscribed")], "another secret"),
            replace(true, body=true.body.replace(b"old@", b"new@")),
            replace(true, headers={}),
            replace(true, headers={header: "sha256="}),
            replace(true, headers={header: true.headers[header][:-1]}),
        ):
            with pytest.raises(CredentialsError):
                heard(forged)
        assert len(heard(true)) == 1

    def test_without_a_secret_nothing_is_believed(self) -> None:
        """Not even what is signed with an empty one."""
        adapter = EmailOctopus({"api_key": SECRETS["api_key"]})
        with pytest.raises(CredentialsError):
            adapter.webhook(posted([event("unsubscribed")], ""))

    @pytest.mark.parametrize("status", ["unsubscribed", "bounced", "complained"])
    def test_who_left(self, status: str) -> None:
        [act] = heard(posted([event(status, LEFT)]))
        assert (act.email, act.kind, act.status) == (LEFT, "status", status)
        assert (act.audience_id, act.fields, act.tags) == (LIST, {}, ())
        assert act.at == datetime(2026, 11, 18, 15, 20, 23, tzinfo=UTC)
        row = {**RECORD, "contact_status": status.upper()}
        [state] = heard(posted([event("updated", LEFT, **row)]))
        assert (state.kind, state.status) == ("upsert", status)

    def test_many_events(self) -> None:
        pending = {**RECORD, "contact_status": "PENDING"}
        events = [
            event("created", NEW, **pending),
            event("opened", campaign_id="c"),
            event("clicked", campaign_id="c"),
            event("updated", **RECORD),
            event("deleted", LEFT, **RECORD),
            event("created"),
        ]
        found = heard(posted(events))
        assert [(c.email, c.kind, c.status) for c in found] == [
            (NEW, "upsert", "pending"),
            (OLD, "upsert", "subscribed"),
            (LEFT, "delete", "subscribed"),
            (OLD, "upsert", "unknown"),
        ]
        assert [c.fields for c in found] == [{"FirstName": "Claire"}] * 2 + [{}, {}]
        assert [c.tags for c in found] == [("vip",)] * 3 + [()]

    @pytest.mark.parametrize(
        "body", [None, "x", [{"type": "contact.bounced"}], [event("bounced", 5)]]
    )
    def test_what_is_no_webhook(self, body: object) -> None:
        with pytest.raises(RejectedError):
            heard(posted(body))
