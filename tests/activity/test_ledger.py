"""The books balance, and say what does not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client

from activity.ledger import ledger
from activity.ledger_lines import Unexplained
from contactsync.lib.clock import now
from contactsync.tenancy.models import Account, User
from displays.models import Display
from integrations.holding import account_break
from integrations.models import Delivery, LinkedAccount, State
from tests.activity import factories as make
from tests.activity.world import every_kind

pytestmark = pytest.mark.django_db

LATE = timedelta(minutes=11)


def test_nothing_is_zero_of_everything(acme: Account) -> None:
    books = ledger(acme)
    assert (books.captured, books.accepted, books.unexplained) == (0, 0, 0)
    assert set(books.deliveries) == set(State.values)
    assert set(books.filtered) == set(make.EVIDENCE)


def test_every_kind_is_counted_once(
    acme: Account, other: Account, display: Display, linked: LinkedAccount
) -> None:
    kinds = every_kind(display, linked)

    books = ledger(acme)

    assert books.captured == len(kinds) == books.accepted + 8
    assert books.filtered == dict.fromkeys(make.EVIDENCE, 1)
    assert sum(books.deliveries.values()) == 7
    assert books.deliveries[State.HELD] == 1
    assert books.unexplained == 0
    assert ledger(other).captured == 0
    told = books.as_dict()
    assert told["unexplained"] == 0
    assert told["filtered"]["role"] == 1


def test_one_display_s_books(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    every_kind(display, linked)
    bare = Display.objects.get(name="Footer form")

    books = ledger(acme, display=bare)

    assert (books.captured, books.accepted) == (1, 1)
    assert sum(books.deliveries.values()) == 0
    assert sum(ledger(acme, display=display).deliveries.values()) == 7


def test_a_lease_that_ended_long_ago_is_unexplained(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    make.rule(display, linked)
    contact = make.signup(display, "mira@example.com")
    make.claim(contact, ended=timedelta(minutes=9))
    assert ledger(acme).unexplained == 0

    make.claim(contact, ended=LATE)
    books = ledger(acme)
    assert books.details == Unexplained(lease_over=1)
    assert "sweep does not run" in books.complaints[0]


def overdue(contact, **more: object) -> None:
    Delivery.objects.filter(contact_id=contact.pk).update(due=now() - LATE, **more)


def test_a_row_that_nobody_sends_is_unexplained(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    make.rule(display, linked)
    contact = make.signup(display, "mira@example.com")
    assert ledger(acme).unexplained == 0

    overdue(contact)

    assert ledger(acme).details == Unexplained(overdue=1)


def test_what_has_a_reason_to_wait_is_explained(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    make.rule(display, linked)
    contact = make.signup(display, "mira@example.com")
    overdue(contact)

    LinkedAccount.objects.update(not_before=now() + timedelta(minutes=1))
    assert ledger(acme).unexplained == 0
    LinkedAccount.objects.update(not_before=None)
    assert ledger(acme).unexplained == 1

    acme.suspended_at = now()
    assert ledger(acme).unexplained == 0
    acme.suspended_at = None

    account_break(linked, "auth.revoked", "no")
    assert ledger(acme).unexplained == 0


def test_a_row_behind_an_earlier_one_of_the_same_person_is_explained(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    make.rule(display, linked)
    contact = make.signup(display, "mira@example.com")
    make.settle(contact, State.PENDING, "server", due=now() + timedelta(hours=1))
    make.signup(display, "mira@example.com")
    second = make.delivery_of(contact)
    Delivery.objects.filter(pk=second.pk).update(due=now() - LATE)

    assert ledger(acme).unexplained == 0

    make.settle_first(contact)
    assert ledger(acme).details == Unexplained(overdue=1)


@pytest.mark.skipif(
    connection.vendor != "sqlite", reason="only SQLite lets a check be ignored"
)
def test_rows_that_no_constraint_should_let_in_are_unexplained(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    make.rule(display, linked)
    make.signup(display, "mira@example.com")
    make.signup(display, "omar@example.com")
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA ignore_check_constraints = ON")
        try:
            cursor.execute(
                "UPDATE displays_signup SET category = 'bot' "
                "WHERE email = 'mira@example.com'"
            )
            cursor.execute("UPDATE integrations_delivery SET state = 'lost'")
        finally:
            cursor.execute("PRAGMA ignore_check_constraints = OFF")

    books = ledger(acme)

    assert books.details == Unexplained(signups=1, unknown_state=2)
    assert books.unexplained == 3
    assert books.complaints == [
        "1 signup without a verdict that fits.",
        "2 deliveries in no known state.",
    ]


def test_as_many_queries_whatever_there_is(
    acme: Account,
    display: Display,
    linked: LinkedAccount,
    django_assert_num_queries: Callable,
) -> None:
    every_kind(display, linked)
    with django_assert_num_queries(9):
        ledger(acme)
    more = Display.objects.create(account=acme, name="More", status="live")
    make.rule(more, linked)
    make.signup(more, "more@example.net")
    with django_assert_num_queries(9):
        ledger(acme)


def test_an_account_that_makes_progress_has_a_queue_and_no_problem(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    make.rule(display, linked)
    contact = make.signup(display, "mira@example.com")
    overdue(contact)
    assert ledger(acme).unexplained == 1

    make.attempt(linked)

    assert ledger(acme).unexplained == 0


def test_the_card_says_balanced_or_what_is_wrong(
    client_of: Callable[[User], Client],
    vera: User,
    display: Display,
    linked: LinkedAccount,
) -> None:
    page = client_of(vera)
    make.rule(display, linked)
    contact = make.signup(display, "mira@example.com")
    assert "Balanced" in page.get("/a/acme-outdoor/activity/").content.decode()

    overdue(contact)

    html = page.get("/a/acme-outdoor/activity/").content.decode()
    assert "1 unexplained" in html
    assert "no worker sends them" in html
