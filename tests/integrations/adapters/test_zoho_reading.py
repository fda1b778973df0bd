"""Reading from Zoho CRM, and signing in."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from integrations.adapters.base import Contact, Incoming, Options
from integrations.adapters.errors import (
    AdapterError,
    CredentialsError,
    Reason,
    RejectedError,
    TargetError,
    TransientError,
)
from integrations.adapters.shared import to_place
from integrations.adapters.zoho import Zoho
from tests.integrations.adapters import zoho_world as world
from tests.integrations.adapters.zoho_world import (
    API,
    AT,
    LEFT,
    LIST_FIELDS,
    NEW,
    OLD,
    SECRETS,
    WHOLE,
    page,
    problem,
    record,
)
from tests.integrations.conformance import Step, register, wire

DENSE = to_place(0, "", "", to_place("2026-08-01T09:59:55+00:00", "d7a7bd6c"))


def adapter(**secrets: str) -> Zoho:
    return Zoho({**SECRETS, **secrets})


class TestReading:
    def test_fields_say_what_they_take(self) -> None:
        with wire() as mock:
            register(mock, LIST_FIELDS)
            found = adapter().fields("Leads")
        assert [(f.id, f.type, f.required, f.read_only, f.options) for f in found] == [
            ("Last_Name", "name", False, False, ()),
            ("Company", "text", True, False, ()),
            ("Lead_Source", "choice", False, False, ("Web", "Shop")),
            ("Annual_Revenue", "number", False, False, ()),
            ("Owner", "text", False, True, ()),
            ("Score", "number", False, True, ()),
        ]

    def test_modules_and_rights(self) -> None:
        with wire() as mock:
            for step in world.OPERATIONS[0].steps:
                register(mock, step)
            reading = adapter().verify()
            register(mock, world.OPERATIONS[1].steps[0])
            found = [(a.id, a.label) for a in adapter().audiences()]
        assert (reading.identity, reading.account_name) == (
            "me@shop.example",
            "The Shop",
        )
        assert [(r.name, r.readable, r.writable) for r in reading.resources] == [
            ("Leads", True, True),
            ("Contacts", True, False),
        ]
        assert found == [("Leads", "Leads"), ("Contacts", "Kontakte")]

    def walk(self, cursor: str, answer: Any, status: int = 200) -> Any:
        with wire() as mock:
            register(mock, LIST_FIELDS)
            mock.add("GET", f"{API}/Leads", json=answer, status=status)
            found = adapter().changes("Leads", cursor)
            request = mock.calls[1].request
        query = parse_qs(urlsplit(str(request.url)).query)
        return found, query, request.headers.get("If-Modified-Since")

    def test_a_page_goes_on_from_the_last_change(self) -> None:
        rows = [record(OLD, Company="X", Owner=world.BY), record(LEFT, out=True)]
        began = datetime.now(UTC).replace(microsecond=0)
        first, query, since = self.walk("", page(*rows, more=True, token="t1"))
        assert [(c.email, c.status, c.fields) for c in first.changes] == [
            (OLD, "subscribed", {"Company": "X"}),
            (LEFT, "unsubscribed", {}),
        ]
        assert query["sort_by"] == ["Modified_Time"]
        assert query["fields"][0].startswith("Email,Email_Opt_Out,Modified_Time,Last")
        assert (since, first.more, first.complete) == (None, True, True)
        # Nothing but the same five seconds again: the token steps through them.
        dense, _, since = self.walk(first.cursor, page(*rows, more=True, token="t2"))
        assert since == "2026-08-01T09:59:55+00:00"
        last, query, _ = self.walk(dense.cursor, page(*rows))
        assert query["page_token"] == ["t2"]
        assert (last.more, last.complete) == (False, True)
        later, query, since = self.walk(last.cursor, None, status=304)
        assert (later.changes, later.complete, later.more) == ((), False, False)
        assert "page_token" not in query
        behind = began - datetime.fromisoformat(since)
        assert timedelta() <= behind <= Zoho.overlap

    @pytest.mark.parametrize("cursor", ["abc", "[1]", '[0, "yesterday", "", ""]'])
    def test_a_foreign_cursor_is_expired(self, cursor: str) -> None:
        with wire(), pytest.raises(RejectedError) as caught:
            adapter().changes("Leads", cursor)
        assert caught.value.reason is Reason.CURSOR_EXPIRED

    def test_an_old_page_token_is_expired(self) -> None:
        body = problem("EXPIRED_VALUE", "page token is expired")
        with pytest.raises(RejectedError) as caught:
            self.walk(DENSE, body, status=400)
        assert caught.value.reason is Reason.CURSOR_EXPIRED

    @pytest.mark.parametrize("half", [{}, {"data": None}])
    def test_an_answer_without_records_is_not_an_empty_module(self, half: Any) -> None:
        with pytest.raises(TransientError):
            self.walk("", half)

    def test_a_dense_stretch_without_a_token_is_not_walked_for_ever(self) -> None:
        rows = [record(OLD)]
        first, _, _ = self.walk("", page(*rows, more=True, token="t1"))
        with pytest.raises(TransientError):
            self.walk(first.cursor, page(*rows, more=True))

    def test_other_modules_are_no_audience(self) -> None:
        with wire(), pytest.raises(TargetError):
            adapter().upsert([Contact(email=NEW)], "Deals", Options())


class TestSigningIn:
    def test_the_data_centre_is_where_the_token_says(self) -> None:
        assert adapter(region="zoho.eu").home == "https://www.zohoapis.eu"
        found = Zoho.from_token({"api_domain": "https://www.zohoapis.in"})
        assert adapter(**found).home == "https://www.zohoapis.in"
        for host in ("https://evil.example", "http://www.zohoapis.in", ""):
            assert Zoho.from_token({"api_domain": host}) == {}
        assert adapter().headers()["Authorization"].startswith("Zoho-oauthtoken 1000.")

    @pytest.mark.parametrize(
        ("status", "body", "kind", "reason"),
        [
            (401, problem("INVALID_TOKEN", "x"), CredentialsError, Reason.AUTH_REVOKED),
            (429, problem("TOO_MANY_REQUESTS", "slow"), TransientError, Reason.RATE),
            (
                429,
                problem("TOO_MANY_REQUESTS", "API credits are used up"),
                TransientError,
                Reason.QUOTA,
            ),
        ],
    )
    def test_what_a_refusal_means(
        self, status: int, body: Any, kind: type[AdapterError], reason: Reason
    ) -> None:
        with wire() as mock, pytest.raises(kind) as caught:
            mock.add("GET", f"{API}/settings/modules", json=body, status=status)
            adapter().audiences()
        assert caught.value.reason is reason


def test_times_are_read_with_their_zone() -> None:
    with wire() as mock:
        mock.add("POST", f"{API}/coql", json=page(record(OLD)))
        register(mock, LIST_FIELDS)
        register(mock, WHOLE)
        [found] = adapter().subscriptions([OLD], "Leads")
    assert found.changed_at is not None
    assert found.changed_at.isoformat() == "2026-08-01T10:00:00+00:00"
    assert AT.endswith("+02:00")


class TestChannels:
    def test_one_for_both_modules_which_renews_itself_under_its_number(self) -> None:
        before = datetime.now(UTC)
        with wire() as mock:
            register(mock, world.WATCH)
            register(mock, world.WATCH)
            first = adapter().add_webhook(world.HOOK, "Leads")
            again = adapter().add_webhook(world.HOOK, "Contacts")
            body = json.loads(mock.calls[0].request.body or "")
        [watch] = body["watch"]
        assert first == again == {"webhook_id": watch["channel_id"]}
        assert watch["notify_url"] == world.HOOK
        assert watch["token"] == SECRETS["webhook_secret"]
        assert watch["events"] == [
            *("Leads.create", "Leads.edit", "Contacts.create", "Contacts.edit"),
        ]
        lives = datetime.fromisoformat(watch["channel_expiry"]) - before
        assert Zoho.hook_lifetime is not None
        assert timedelta(0) < lives - timedelta(seconds=Zoho.hook_lifetime - 5)
        assert lives < timedelta(days=7), "longer is refused"

    def test_one_that_is_refused_is_no_webhook(self) -> None:
        refused = Step(
            method="POST",
            url=f"{API}/actions/watch",
            answer=world.watched("INVALID_DATA"),
            status=201,
        )
        with wire() as mock, pytest.raises(RejectedError, match="not allowed"):
            register(mock, refused)
            adapter().add_webhook(world.HOOK, "Leads")

    def test_who_it_is_about_is_read(self) -> None:
        with wire() as mock:
            for step in world.HEARD:
                register(mock, step)
            [change] = adapter().webhook(world.notice())
            asked = parse_qs(urlsplit(str(mock.calls[1].request.url)).query)
        assert (change.email, change.status) == (LEFT, "unsubscribed")
        assert (change.audience_id, change.kind) == ("Leads", "upsert")
        assert asked["ids"] == [world.ID]
        assert "Email_Opt_Out" in asked["fields"][0].split(",")

    @pytest.mark.parametrize(
        "notice",
        [
            world.notice("delete"),
            world.notice(module="Deals"),
            world.notice(ids=[]),
        ],
    )
    def test_nothing_is_read_where_nothing_is_left_or_ours(self, notice: Any) -> None:
        with wire():
            assert adapter().webhook(notice) == []

    @pytest.mark.parametrize("token", ["", "guessed", None, 7])
    def test_of_a_stranger(self, token: object) -> None:
        with wire(), pytest.raises(CredentialsError):
            adapter().webhook(world.notice(token=token))

    def test_no_notice_at_all(self) -> None:
        for body in (b"[]", b"no JSON", b'"text"'):
            with wire(), pytest.raises((RejectedError, CredentialsError)):
                adapter().webhook(Incoming(method="POST", url=world.HOOK, body=body))
