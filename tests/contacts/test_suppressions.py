"""Who is suppressed, who may take that back, and who wins when two act at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from contacts.models import Contact, Event, Suppression
from contacts.suppressions import Leaving, lift, suppress, suppress_all, take_back
from contactsync.lib.clock import now
from contactsync.tenancy.models import Account, AuditEntry
from hygiene.policies import policies

pytestmark = pytest.mark.django_db

EMAIL = "Mira@Example.org"
KEY = "mira@example.org"
YESTERDAY = now() - timedelta(days=1)


@pytest.fixture
def mira(acme: Account) -> Contact:
    return Contact.objects.create(
        account=acme, email=EMAIL, email_key=KEY, status="accepted"
    )


def leave(acme: Account, actor: str = "person", **more: Any) -> bool:
    values = {"left_at": YESTERDAY, **more}
    return suppress(account_id=acme.pk, email=EMAIL, actor=actor, **values)


def standing() -> tuple[str, ...]:
    return tuple(Suppression.objects.values_list("actor", flat=True))


def kinds(contact: Contact) -> list[str]:
    events = Event.objects.filter(contact_id=contact.pk).order_by("id")
    return list(events.values_list("kind", flat=True))


def test_a_leaving_is_told_once_with_where_and_when(acme, mira, linked) -> None:
    where = {"linked_account_id": linked.pk, "reason": "Unsubscribed at Mailchimp"}
    assert leave(acme, **where)
    assert not leave(acme, **where), "nothing new"
    row = Suppression.objects.get()
    assert (row.actor, row.left_at) == ("person", YESTERDAY)
    assert row.linked_account_id == linked.pk
    event = Event.objects.get(contact_id=mira.pk)
    assert event.kind == "suppression.added"
    assert event.data["left_at"] == YESTERDAY.isoformat()
    assert event.data["linked_account"] == str(linked.pk)


@pytest.mark.parametrize("first", ["person", "bounce", "complaint"])
@pytest.mark.parametrize("ours", ["admin", "merge"])
def test_ours_never_covers_what_the_person_did(acme, mira, first, ours) -> None:
    assert leave(acme, first)
    assert not leave(acme, ours, left_at=now())
    assert standing() == (first,)
    assert Suppression.objects.get().left_at == YESTERDAY


@pytest.mark.parametrize("ours", ["admin", "merge"])
def test_what_the_person_did_covers_ours(acme, mira, ours) -> None:
    assert leave(acme, ours, left_at=now())
    assert leave(acme, "person")
    assert standing() == ("person",)
    assert not take_back(Suppression.objects.get())
    assert standing() == ("person",)


def test_a_later_leaving_moves_the_time_and_an_older_one_does_not(acme, mira) -> None:
    leave(acme)
    leave(acme, left_at=YESTERDAY + timedelta(hours=1))
    leave(acme, "bounce", left_at=YESTERDAY - timedelta(days=9))
    row = Suppression.objects.get()
    assert (row.actor, row.left_at) == ("person", YESTERDAY + timedelta(hours=1))


def test_ours_is_taken_back_by_us(acme, mira) -> None:
    leave(acme, "admin")
    assert take_back(Suppression.objects.get())
    assert standing() == ()
    assert kinds(mira) == ["suppression.added", "suppression.lifted"]


@pytest.mark.parametrize("actor", Suppression.Actor.values)
def test_only_a_later_confirmed_opt_in_lifts(acme, mira, actor) -> None:
    leave(acme, actor)
    same = {"account_id": acme.pk, "email_key": KEY, "consent_id": 7}
    assert not lift(confirmed_at=YESTERDAY - timedelta(seconds=1), **same)
    assert not lift(confirmed_at=YESTERDAY, **same)
    assert standing() == (actor,)
    assert lift(confirmed_at=YESTERDAY + timedelta(seconds=1), **same)
    assert standing() == ()
    assert not lift(confirmed_at=now(), **same)
    assert kinds(mira) == ["suppression.added", "suppression.lifted"]
    entry = AuditEntry.objects.get(action="suppression.lift")
    assert (entry.subject, entry.detail["consent"]) == (KEY, 7)


def test_an_opt_out_older_than_the_confirmation_comes_too_late(acme, mira) -> None:
    Contact.objects.update(confirmed_at=now())
    assert not leave(acme)
    assert standing() == ()
    assert leave(acme, left_at=now() + timedelta(seconds=1))


def test_other_tenants_and_other_people_are_left_alone(acme, other, mira) -> None:
    suppress(account_id=other.pk, email=EMAIL, actor="person", left_at=YESTERDAY)
    same = {"confirmed_at": now(), "consent_id": 1}
    assert not lift(account_id=acme.pk, email_key=KEY, **same)
    assert Suppression.objects.for_account(other).count() == 1
    assert kinds(mira) == []


def test_many_at_once_need_a_few_statements(
    acme, mira, django_assert_max_num_queries
) -> None:
    people = [
        Leaving(email=f"p{n}@example.org", actor="person", left_at=YESTERDAY)
        for n in range(500)
    ]
    with django_assert_max_num_queries(12):
        told = suppress_all(account_id=acme.pk, leavings=people)
    assert len(told) == Suppression.objects.count() == 500


def test_of_two_in_one_message_the_persons_newest_counts(acme, mira) -> None:
    def at(hours: int, actor: str) -> Leaving:
        left_at = YESTERDAY + timedelta(hours=hours)
        return Leaving(email=EMAIL, actor=actor, left_at=left_at)

    people = [at(2, "complaint"), at(9, "merge"), at(1, "person")]
    suppress_all(account_id=acme.pk, leavings=people)
    assert standing() == ("complaint",)


def test_the_filter_knows_at_once_that_somebody_is_suppressed(acme, mira) -> None:
    assert not policies.suppresses(acme.pk)
    leave(acme)
    assert policies.suppresses(acme.pk)


# --- on PostgreSQL: two at once --------------------------------------------------


def both(first: Callable[[], Any], second: Callable[[], Any]) -> list[Any]:
    """``second`` begins while ``first`` is written and not yet committed."""
    written, go_on = threading.Event(), threading.Event()

    def holding() -> Any:
        try:
            with transaction.atomic():
                done = first()
                written.set()
                go_on.wait(5)
                return done
        finally:
            connection.close()

    def coming() -> Any:
        try:
            written.wait(5)
            threading.Timer(0.3, go_on.set).start()
            return second()
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        return [each.result() for each in (pool.submit(holding), pool.submit(coming))]


def confirmed(acme: Account, at: Any) -> bool:
    with transaction.atomic():
        Contact.objects.filter(email_key=KEY).update(confirmed_at=at)
        return lift(account_id=acme.pk, email_key=KEY, confirmed_at=at, consent_id=1)


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("order", ["confirm first", "leave first"])
@pytest.mark.parametrize("later", ["confirm", "leave"])
def test_the_newer_act_wins_whoever_commits_first(acme, mira, order, later) -> None:
    at = now()
    minute = timedelta(minutes=1)
    left_at = at + minute if later == "leave" else at - minute

    def leaves() -> bool:
        return leave(acme, left_at=left_at)

    def confirms() -> bool:
        return confirmed(acme, at)

    pair = (confirms, leaves) if order == "confirm first" else (leaves, confirms)
    both(*pair)
    assert standing() == (("person",) if later == "leave" else ())


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_the_same_leaving_told_by_many_is_one(acme, mira) -> None:
    def work(_: int) -> bool:
        try:
            return leave(acme)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(work, range(8)))
    assert told.count(True) == 1
    assert standing() == ("person",)
    assert kinds(mira) == ["suppression.added"]
