from __future__ import annotations

import smtplib
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import connection

from contactsync.lib.clock import now
from contactsync.tenancy.models import (
    Account,
    AuditEntry,
    Membership,
    Role,
    Suspension,
    User,
)
from contactsync.tenancy.suspension import (
    ReviewerError,
    history,
    is_waiting,
    last_cleared,
    may_review,
    open_suspension,
    suspension_appeal,
    suspension_decide,
    suspension_open,
)

EVIDENCE = {
    "score": 12,
    "parts": [
        {
            "title": "Spam complaints",
            "sentence": "40 of 400 people marked your mail as spam: 10.0 %.",
            "limits": "good below 0.10 %, bad from 0.30 %",
            "points": 65,
        },
        {"title": "Unsubscribes", "sentence": "0 of 400.", "limits": "", "points": 0},
    ],
    "todo": ["Clean your list. Upload it."],
}
CLEARED, KEPT = Suspension.Decision.CLEARED, Suspension.Decision.KEPT


@pytest.fixture
def rita(db: None) -> User:
    return User.objects.create_user(
        "rita@host.test", "x" * 12, name="Rita Reed", is_staff=True
    )


def opened(account: Account, **more: Any) -> Suspension:
    found = suspension_open(
        account=account, reason="The score fell to 12.", evidence=EVIDENCE, **more
    )
    assert found is not None
    return found


def test_opening_stops_the_account_writes_it_down_and_mails_its_admins_once(
    acme: Account, bob: User, django_capture_on_commit_callbacks: Callable
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        suspension = opened(acme)
    with django_capture_on_commit_callbacks(execute=True):
        assert suspension_open(account=acme, reason="Again", evidence={}) is None

    assert Account.objects.get(pk=acme.pk).suspended_at == suspension.opened_at
    assert acme.suspended_at == suspension.opened_at
    assert open_suspension(acme) == suspension
    entry = AuditEntry.objects.for_account(acme).get()
    assert (entry.action, entry.actor_label) == (
        "suspension.opened",
        "Deliverability score",
    )
    (message,) = mail.outbox
    assert message.to == ["alice@acme.test"]  # bob is a marketer
    body = str(message.body)
    assert "40 of 400 people marked your mail as spam" in body
    assert "Unsubscribes" not in body  # it cost nothing
    assert "Clean your list" in body
    assert "/a/acme-outdoor/deliverability/" in body


def test_the_whole_way_from_appeal_to_kept_to_appeal_to_cleared(
    acme: Account,
    alice: User,
    rita: User,
    django_capture_on_commit_callbacks: Callable,
) -> None:
    suspension = opened(acme)
    assert not is_waiting(suspension)
    first = suspension_appeal(account=acme, text="We cleaned it.", by=alice)
    assert first is not None and is_waiting(first)
    assert suspension_appeal(account=acme, text="Hello?", by=alice) is None
    assert Suspension.objects.get().appeal == "We cleaned it."

    with django_capture_on_commit_callbacks(execute=True):
        assert suspension_decide(
            suspension=suspension, decision=KEPT, reason="Still 10 %.", by=rita
        )
    acme.refresh_from_db()
    assert acme.suspended_at and open_suspension(acme) and not is_waiting(suspension)
    assert last_cleared(acme) is None
    assert "Still 10 %." in str(mail.outbox[-1].body)
    assert "stays suspended" in mail.outbox[-1].subject

    again = suspension_appeal(account=acme, text="Now we did.", by=alice)
    assert again is not None and is_waiting(again)
    with django_capture_on_commit_callbacks(execute=True):
        assert suspension_decide(
            suspension=again, decision=CLEARED, reason="Clean now.", by=rita
        )
    acme.refresh_from_db()
    assert acme.suspended_at is None and open_suspension(acme) is None
    assert last_cleared(acme) == again.closed_at
    assert "works again" in mail.outbox[-1].subject
    assert not suspension_decide(
        suspension=again, decision=KEPT, reason="Too late.", by=rita
    )
    assert suspension_appeal(account=acme, text="More", by=alice) is None

    told = [
        (entry.action, entry.actor_label, *map(entry.detail.get, sorted(entry.detail)))
        for entry in reversed(history(acme))
    ]
    assert told == [
        ("suspension.opened", "Deliverability score", "The score fell to 12."),
        ("suspension.appealed", "Alice Adams", "We cleaned it."),
        ("suspension.decided", "Reviewer Rita Reed", "Kept", "Still 10 %."),
        ("suspension.appealed", "Alice Adams", "Now we did."),
        ("suspension.decided", "Reviewer Rita Reed", "Cleared", "Clean now."),
    ]


def test_after_a_clearing_the_score_alone_does_not_open_another_for_a_while(
    acme: Account, rita: User
) -> None:
    suspension_decide(
        suspension=opened(acme), decision=CLEARED, reason="Fine.", by=rita
    )
    week = timedelta(days=7)
    again = {"account": acme, "reason": "Low again", "evidence": {}}
    assert suspension_open(**again, unless_cleared_since=now() - week) is None
    assert suspension_open(**again, unless_cleared_since=now() + week) is not None
    assert acme.suspended_at is not None


def test_a_reviewer_may_suspend_again_at_once_by_hand(
    acme: Account, rita: User
) -> None:
    suspension_decide(
        suspension=opened(acme), decision=CLEARED, reason="Fine.", by=rita
    )
    again = opened(acme, by=rita)
    assert again.opened_by == rita
    assert history(acme)[0].actor_label == "Reviewer Rita Reed"


@pytest.mark.parametrize("who", ["owner", "staff member", "inactive", "left"])
def test_who_may_not_decide(who: str, acme: Account, alice: User, rita: User) -> None:
    person = rita
    if who == "owner":
        person = alice
    elif who == "staff member":
        Membership.objects.create(account=acme, user=rita, role=Role.VIEWER)
    elif who == "inactive":
        User.objects.filter(pk=rita.pk).update(is_active=False)
        rita.refresh_from_db()
    else:
        AuditEntry.objects.create(
            account=acme,
            action="member.removed",
            actor=alice,
            actor_label="Alice",
            subject=rita.email,
        )
    suspension = opened(acme)
    assert may_review(person, acme)
    for decision in (CLEARED, KEPT):
        with pytest.raises(ReviewerError):
            suspension_decide(
                suspension=suspension, decision=decision, reason="I say so", by=person
            )
    with pytest.raises(ReviewerError):
        suspension_open(account=acme, reason="x", evidence={}, by=person)
    acme.refresh_from_db()
    assert acme.suspended_at and Suspension.objects.get().decided_at is None


def test_another_account_s_reviewer_decides_on_this_one(
    acme: Account, other: Account, rita: User
) -> None:
    Membership.objects.create(account=other, user=rita, role=Role.OWNER)
    assert may_review(rita, acme) == "" and may_review(rita, other)


def test_a_mail_server_that_is_down_stops_nothing(
    acme: Account,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Callable,
) -> None:
    def down(*args: object, **kwargs: object) -> None:
        raise smtplib.SMTPServerDisconnected("gone")

    monkeypatch.setattr("contactsync.tenancy.mail.send_mail", down)
    with django_capture_on_commit_callbacks(execute=True):
        opened(acme)
    assert open_suspension(acme) is not None


def test_what_was_decided_on_one_account_is_no_other_s(
    acme: Account, other: Account, alice: User
) -> None:
    opened(acme)
    assert open_suspension(other) is None and not history(other)
    assert suspension_appeal(account=other, text="Let me in", by=alice) is None
    other.refresh_from_db()
    assert other.suspended_at is None


def together(count: int, work: Callable[[], object]) -> list[object]:
    """``work`` in ``count`` threads at once; what each returned."""
    barrier, results = threading.Barrier(count), []

    def run() -> None:
        barrier.wait()
        try:
            results.append(work())
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == count
    return results


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_two_workers_open_one(acme: Account, alice: User) -> None:
    made = together(4, lambda: suspension_open(account=acme, reason="Low", evidence={}))
    assert sum(each is not None for each in made) == 1
    assert Suspension.objects.count() == 1 and len(mail.outbox) == 1
    assert AuditEntry.objects.count() == 1


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_two_appeals_at_once_are_one(acme: Account, alice: User) -> None:
    opened(acme)
    made = together(4, lambda: suspension_appeal(account=acme, text="Please", by=alice))
    assert sum(each is not None for each in made) == 1


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_two_reviewers_clear_once_and_the_score_does_not_slip_in_between(
    acme: Account, rita: User
) -> None:
    suspension = opened(acme)
    week = now() - timedelta(days=7)

    def clear_then_watch() -> object:
        won = suspension_decide(
            suspension=Suspension.objects.select_related("account").get(
                pk=suspension.pk
            ),
            decision=CLEARED,
            reason="Fine",
            by=rita,
        )
        suspension_open(
            account=acme, reason="Low", evidence={}, unless_cleared_since=week
        )
        return won

    made = together(4, clear_then_watch)
    assert sum(map(bool, made)) == 1
    acme.refresh_from_db()
    assert acme.suspended_at is None and Suspension.objects.count() == 1
