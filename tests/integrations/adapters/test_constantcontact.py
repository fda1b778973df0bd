"""Constant Contact: what every adapter does, and what is peculiar to it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integrations.adapters.base import OutcomeState
from integrations.adapters.constantcontact import ConstantContact
from integrations.adapters.errors import (
    CredentialsError,
    Reason,
    RejectedError,
    TargetError,
    TransientError,
)
from tests.integrations.adapters import constantcontact_world as world
from tests.integrations.adapters.constantcontact_world import (
    A1,
    API,
    CONTACTS,
    DAY,
    LEFT,
    LIST,
    NEW,
    OLD,
    SIZE,
    adapter,
    contact,
    get,
    left,
    look,
    page,
    playing,
    problem,
    put,
    query,
    sent,
    uid,
)
from tests.integrations.conformance import AdapterConformance, Refusal

SYNCED, AWAITING = OutcomeState.SYNCED, OutcomeState.AWAITING_OPT_IN
REJECTED, SUBMITTED = OutcomeState.REJECTED, OutcomeState.SUBMITTED


class TestConstantContact(AdapterConformance):
    odd_answers = True
    adapter = ConstantContact
    secrets = world.SECRETS
    operations = world.OPERATIONS
    batch = world.PEOPLE
    batch_outcomes = (AWAITING, SYNCED, REJECTED)
    batch_operation = "upsert of several"
    audience_id = world.A1
    unauthorized = world.UNAUTHORIZED
    forbidden = world.FORBIDDEN
    missing = world.MISSING
    refused = world.REFUSED
    peculiar = (
        Refusal(status=429, body=world.QUOTA, error=TransientError),
        Refusal(status=429, body=world.THROTTLED, error=TransientError),
    )
    leavers = world.LEAVERS
    no_leavers = {
        "bounced": "The API shows no bounces with a contact; it keeps mailing them "
        "or not by itself.",
        "complained": "Whoever reports spam is shown as unsubscribed.",
    }


class TestErrors:
    def test_the_quota_of_the_day_is_looked_at_hourly(self) -> None:
        for body, reason, wait in (
            (world.QUOTA, Reason.QUOTA, 3600.0),
            (world.THROTTLED, Reason.RATE, None),
        ):
            step = get(f"{API}/contact_lists", body, status=429)
            with playing(step), pytest.raises(TransientError) as caught:
                adapter().audiences()
            assert (caught.value.reason, caught.value.retry_after) == (reason, wait)

    def test_words_of_an_array(self) -> None:
        body = problem("a", "First.") + problem("b", "Second.")
        step = get(f"{API}/contact_lists", body, status=400)
        with playing(step), pytest.raises(RejectedError, match="First. Second."):
            adapter().audiences()

    def test_not_connected(self) -> None:
        with playing() as mock, pytest.raises(CredentialsError):
            adapter(access_token="").audiences()
        assert len(mock.calls) == 0

    def test_the_limit_is_one_for_all_accounts(self) -> None:
        assert ConstantContact.rate is not None
        assert ConstantContact.rate.shared


class TestReading:
    def test_verify_counts_and_names_what_is_closed(self) -> None:
        first, second, third, fourth = world.READING[0].steps
        closed = replace(third, status=403, answer=world.FORBIDDEN)
        with playing(first, second, closed, fourth):
            reading = adapter().verify()
        assert (reading.identity, reading.account_name) == (
            "owner@shop.example",
            "A Shop",
        )
        assert [(r.name, r.readable, r.count) for r in reading.resources] == [
            ("account", True, None),
            ("lists", True, 2),
            ("contacts", False, None),
            ("custom fields", True, None),
        ]

    def test_audiences_of_all_pages(self) -> None:
        with playing(*world.READING[1].steps) as mock:
            found = adapter().audiences()
            assert query(mock) == {"limit": "1", "cursor": "c2"}
        assert [(a.label, a.size, a.double_opt_in) for a in found] == [
            ("Weekly", 42, None),
            ("Shop", None, None),
        ]

    def test_custom_fields(self) -> None:
        choices = [
            {"choice_label": "Red"},
            {"choice_label": "Old", "deleted_at": "2026-01-01"},
        ]
        select = {
            "custom_field_id": uid("colour"),
            "label": "Colour",
            "type": "single_select",
            "choices": choices,
        }
        rows = page("custom_fields", *world.CUSTOM, select)
        with playing(get(f"{API}/contact_custom_fields", rows)):
            found = {field.id: field for field in adapter().fields(A1)}
        assert found["birthday"].format == "MM/DD"
        assert (found[SIZE].label, found[SIZE].type) == ("Size", "text")
        assert (found[DAY].type, found[DAY].format) == ("date", "MM/DD/YYYY")
        assert found[uid("colour")].options == ("Red",)

    @pytest.mark.parametrize(
        ("row", "status"),
        [
            (contact(OLD, "explicit", A1), "subscribed"),
            (contact(OLD, "implicit", A1), "subscribed"),
            (contact(OLD, "explicit", uid("list a2")), "absent"),
            (contact(OLD, "pending_confirmation"), "pending"),
            (contact(OLD, "not_set", A1), "unknown"),
            (contact(OLD, "temp_hold", A1), "unknown"),
            (contact(OLD, deleted_at="2026-08-01T10:00:00Z"), "archived"),
            (
                contact(OLD, address={"opt_out_date": "2026-01-01T00:00:00Z"}),
                "absent",
            ),
            (contact("another@x.org", "explicit", A1), "absent"),
        ],
    )
    def test_standing(self, row: Any, status: str) -> None:
        with playing(look(row)) as mock:
            [found] = adapter().subscriptions([OLD.upper()], A1)
            assert query(mock)["status"] == "all"
        assert (found.email, found.status) == (OLD.upper(), status)

    def test_when_and_why_somebody_left(self) -> None:
        with playing(look(left(opt_out_reason="Too many."))):
            [found] = adapter().subscriptions([LEFT], A1)
        assert found.status == "unsubscribed"
        assert found.changed_at == datetime(2026, 8, 1, 10, tzinfo=UTC)
        assert found.detail == "Too many."

    def test_who_was_asked_to_come_back_is_pending(self) -> None:
        with playing(look(left(confirm_status="pending"))):
            [found] = adapter().subscriptions([LEFT], A1)
        assert found.status == "pending"


class TestChanges:
    def test_a_round_from_the_beginning_to_the_next(self) -> None:
        following = "/v3/contacts?limit=500&cursor=c2"
        first = page("contacts", contact(OLD, "explicit", A1), following=following)
        with playing(get(CONTACTS, first), look()) as mock:
            one = adapter().changes(A1, "")
            two = adapter().changes(A1, one.cursor)
            assert query(mock, 0)["lists"] == A1
            assert query(mock, 1) == {"limit": "500", "cursor": "c2"}
        assert (one.complete, one.more) == (True, True)
        assert (two.complete, two.more) == (True, False)
        with playing(look(), look()) as mock:
            three = adapter().changes(A1, two.cursor)
            four = adapter().changes(A1, three.cursor)
            since = query(mock, 0)["updated_after"]
            assert query(mock, 1)["optout_after"] == since
        assert (three.complete, three.more) == (False, True)
        assert (four.complete, four.more) == (False, False)
        began = datetime.fromisoformat(since)
        assert timedelta(minutes=15) <= datetime.now(UTC) - began < timedelta(hours=1)

    def test_who_has_nothing_to_do_with_the_list_is_not_told(self) -> None:
        rows = (
            contact(
                OLD,
                "explicit",
                A1,
                birthday_month=2,
                birthday_day=3,
                phone_numbers=[{"phone_number": "555-0100"}],
                street_addresses=[{"city": "Rome", "state": ""}],
                custom_fields=[{"custom_field_id": SIZE, "value": "S"}],
            ),
            contact(NEW, "explicit", uid("list a2")),
            left(),
        )
        with playing(look(*rows)):
            found = adapter().changes(A1, '[0, "2026-08-01T10:00:00Z", "", ""]')
        assert [(c.email, c.kind, c.status) for c in found.changes] == [
            (OLD, "upsert", "subscribed"),
            (LEFT, "status", "unsubscribed"),
        ]
        assert found.changes[0].fields == {
            "first_name": "Mary",
            "birthday": "02/03",
            "phone_number": "555-0100",
            "street_address.city": "Rome",
            SIZE: "S",
        }

    def test_who_has_no_address_does_not_stop_the_walk(self) -> None:
        """A name or a phone number is enough to be a contact."""
        nobody = contact(NEW, "explicit", A1)
        del nobody["email_address"]
        with playing(look(nobody, contact(OLD, "explicit", A1))):
            found = adapter().changes(A1, '[0, "2026-08-01T10:00:00Z", "", ""]')
        assert [change.email for change in found.changes] == [OLD]
        with playing(look(nobody)):  # no empty list, so nothing is asked of it
            assert adapter().changes(A1, "").changes == ()

    def test_an_address_that_was_asked_for_and_is_not_told(self) -> None:
        nobody = contact(OLD, "explicit", A1)
        del nobody["email_address"]
        with playing(look(nobody)), pytest.raises(TransientError):
            adapter().subscriptions([OLD], A1)

    def test_who_was_asked_back_is_out_until_they_come(self) -> None:
        asked = left(confirm_status="pending")
        with playing(look(asked)):
            [change] = adapter().changes(A1, "").changes
        assert (change.kind, change.status) == ("status", "unsubscribed")

    def test_a_list_that_is_gone_is_no_empty_list(self) -> None:
        with playing(look(), get(LIST, world.WEEKLY)):
            assert adapter().changes(A1, "").changes == ()
        gone = world.WEEKLY | {"deleted_at": "2026-08-01T10:00:00Z"}
        for step in (get(LIST, gone), get(LIST, world.MISSING, status=404)):
            with playing(look(), step), pytest.raises(TargetError):
                adapter().changes(A1, "")

    @pytest.mark.parametrize("cursor", ["x", '[2, "", "", ""]', '[0, "x", "", ""]'])
    def test_a_foreign_cursor(self, cursor: str) -> None:
        with playing(), pytest.raises(RejectedError) as caught:
            adapter().changes(A1, cursor)
        assert caught.value.reason is Reason.CURSOR_EXPIRED

    def test_a_page_that_is_gone(self) -> None:
        step = get(CONTACTS, world.REFUSED, status=400)
        with playing(step), pytest.raises(RejectedError) as caught:
            adapter().changes(A1, '[0, "", "2026-08-01T10:00:00Z", "cursor=old"]')
        assert caught.value.reason is Reason.CURSOR_EXPIRED


class TestLeaving:
    def test_unsubscribing_keeps_what_a_put_would_empty(self) -> None:
        row = contact(OLD, "explicit", A1, last_name="Ruiz", birthday_month=2)
        url = f"{CONTACTS}/{uid(OLD)}"
        with playing(look(row), put(url, contact(OLD, "unsubscribed"))) as mock:
            [outcome] = adapter().unsubscribe([OLD], A1)
            body = sent(mock)
        assert outcome.state is SYNCED
        assert body == {
            "email_address": {"address": OLD, "permission_to_send": "unsubscribed"},
            "first_name": "Mary",
            "last_name": "Ruiz",
            "birthday_month": 2,
            "update_source": "Contact",
        }

    def test_who_is_out_already_is_not_written(self) -> None:
        with playing(look(left()), look()):
            outcomes = adapter().unsubscribe([LEFT, NEW], A1)
        assert {outcome.state for outcome in outcomes} == {SYNCED}

    def test_erase(self) -> None:
        with playing(look()):
            assert "did not hold" in adapter().erase(NEW).note
        gone = contact(OLD, deleted_at="2026-08-01T10:00:00Z")
        with playing(look(gone)):
            assert "keeps deleted contacts" in adapter().erase(OLD).note
