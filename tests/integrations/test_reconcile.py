"""The books against the provider: what is found, and what is sent again."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from django.db import connection

from contacts.models import Contact, Event
from contacts.suppressions import suppress
from contactsync.lib.clock import now
from contactsync.tenancy.models import Account
from displays.models import SyncRule
from integrations import reconcile
from integrations.adapters import ADAPTERS
from integrations.adapters.base import Change, Page, Subscription
from integrations.adapters.errors import (
    CredentialsError,
    TargetError,
    TransientError,
)
from integrations.models import Delivery, LinkedAccount, Target
from integrations.sandbox.testing import RunningSandbox
from tests.integrations.flow_back_world import (
    HOUR,
    NEWSLETTER,
    contact,
    kinds,
    standing,
    state,
)
from tests.integrations.scripted import Scripted
from tests.integrations.world import delivery, rule_to

pytestmark = pytest.mark.django_db


class Books(Scripted):
    """A provider that has whom the test says; all others are absent."""

    there: ClassVar[dict[str, str]] = {}
    asked: ClassVar[list[str]] = []
    error: ClassVar[Exception | None] = None

    def subscriptions(
        self, emails: Sequence[str], audience_id: str
    ) -> list[Subscription]:
        if self.error:
            raise self.error
        type(self).asked.extend(emails)
        return [
            Subscription(email=email, status=self.there.get(email, "absent"))
            for email in emails
        ]


class Listing(Books):
    """One that can list everybody, too."""

    complete: ClassVar[bool] = True

    def changes(self, audience_id: str, cursor: str) -> Page:
        people = sorted(self.there.items())
        at = int(cursor or 0)
        return Page(
            changes=tuple(
                Change(email=email, kind="upsert", status=status)
                for email, status in people[at : at + 2]
            ),
            cursor=str(at + 2),
            complete=self.complete,
            more=at + 2 < len(people),
        )


@pytest.fixture
def books(monkeypatch: pytest.MonkeyPatch) -> type[Listing]:
    class Fresh(Listing):
        there: ClassVar[dict[str, str]] = {}
        asked: ClassVar[list[str]] = []

    monkeypatch.setitem(ADAPTERS, "mailchimp", Fresh)
    return Fresh


@pytest.fixture
def rule(linked: LinkedAccount, display: Any) -> SyncRule:
    return rule_to(display, linked)


def synced(
    acme: Account, rule: SyncRule, email: str, *, age: timedelta = HOUR, **more: Any
) -> Delivery:
    person = contact(acme, email)
    at = now() - age
    values = {"state": "synced", "changed_at": at, **more}
    return delivery(rule, email=email, contact_id=person.pk, **values)


def crowd(acme: Account, rule: SyncRule, books: type[Books], count: int = 10) -> None:
    """People who are where we say they are."""
    for n in range(count):
        email = f"there{n}@example.org"
        synced(acme, rule, email)
        books.there[email] = "subscribed"


def compared(rule: SyncRule) -> dict[str, Any]:
    assert reconcile.compare(rule.target_id)
    target = Target.objects.get(pk=rule.target_id)
    assert target.reconciled_at is not None
    assert "running" not in target.reconciled
    found: dict[str, Any] = target.reconciled
    return found


def counts(found: dict[str, Any]) -> dict[str, int]:
    return {name: found[name] for name in (*reconcile.COUNTS, "extra")}


def test_every_way_to_differ_is_told_apart(acme, linked, rule, books) -> None:
    crowd(acme, rule, books, 3)
    for status in ("unsubscribed", "archived", "pending", "bounced"):
        synced(acme, rule, f"{status}@example.org")
        books.there[f"{status}@example.org"] = status
    lost = synced(acme, rule, "lost@example.org")
    deleted = synced(acme, rule, "deleted@example.org")
    Event.objects.create(
        account=acme,
        contact_id=deleted.contact_id,
        kind="provider.deleted",
        data={
            "linked_account": str(linked.pk),
            "status": "deleted",
            "at": now().isoformat(),
            "audience": "",
        },
    )
    books.there["stranger@example.org"] = "subscribed"
    books.there["gone.stranger@example.org"] = "unsubscribed"
    found = compared(rule)
    assert counts(found) == {
        **{"checked": 9, "agree": 3, "missing": 1, "left": 2},
        **{"removed": 2, "different": 1, "extra": 1},
    }
    missing = [each for each in found["sample"] if each["what"] == "missing"]
    assert [each["contact"] for each in missing] == [str(lost.contact_id)]
    assert state(lost) == ("synced", ""), "only told"


def test_who_left_is_news_for_our_side_too(acme, rule, books) -> None:
    row = synced(acme, rule, "left@example.org")
    books.there["left@example.org"] = "unsubscribed"
    compared(rule)
    assert standing() == [("left@example.org", "person")]
    event = Event.objects.get(contact_id=row.contact_id, kind="provider.left")
    assert event.data["how"] == "reconcile"
    compared(rule)
    assert Event.objects.filter(kind="provider.left").count() == 1


def test_extra_is_only_known_where_everybody_is_listed(
    acme, rule, books, monkeypatch
) -> None:
    crowd(acme, rule, books, 2)
    monkeypatch.setattr(books, "complete", False)
    assert compared(rule)["extra"] is None
    monkeypatch.setitem(ADAPTERS, "mailchimp", Books)
    assert compared(rule)["extra"] is None


def test_only_the_newest_delivery_of_somebody_counts(acme, rule, books) -> None:
    first = synced(acme, rule, "twice@example.org")
    again = {"email": "twice@example.org", "contact_id": first.contact_id}
    delivery(rule, state="synced", **again)
    books.there["twice@example.org"] = "subscribed"
    assert compared(rule)["checked"] == 1
    delivery(rule, state="rejected", reason="consent.unsubscribed", **again)
    assert compared(rule)["checked"] == 0


def test_who_was_just_sent_may_not_be_shown_yet(acme, rule, books) -> None:
    synced(acme, rule, "new@example.org", age=timedelta(minutes=1))
    assert compared(rule)["missing"] == 0


# --- sending again ----------------------------------------------------------------


@pytest.fixture
def repairs(linked: LinkedAccount) -> LinkedAccount:
    LinkedAccount.objects.filter(pk=linked.pk).update(repair="send")
    linked.refresh_from_db()
    return linked


def test_who_is_missing_is_sent_again(acme, repairs, rule, books) -> None:
    crowd(acme, rule, books)
    lost = synced(acme, rule, "lost@example.org", attempts=3)
    found = compared(rule)
    assert (found["missing"], found["repaired"], found["stopped"]) == (1, 1, "")
    assert state(lost) == ("pending", "")
    assert lost.attempts == 0
    assert Event.objects.filter(kind="delivery.repaired").count() == 1


def test_not_who_is_suppressed_archived_unknown_or_on_the_way(
    acme, repairs, rule, books
) -> None:
    crowd(acme, rule, books, 40)
    left = synced(acme, rule, "left@example.org")
    suppress(account_id=acme.pk, email="left@example.org", actor="admin", left_at=now())
    archived = synced(acme, rule, "archived@example.org")
    books.there["archived@example.org"] = "archived"
    erased = delivery(
        rule, email="erased@example.org", state="synced", changed_at=now() - HOUR
    )
    busy = synced(acme, rule, "busy@example.org")
    delivery(rule, email="busy@example.org", contact_id=busy.contact_id)
    found = compared(rule)
    assert (found["missing"], found["repaired"]) == (3, 0)
    for row in (left, archived, erased, busy):
        assert state(row) == ("synced", "")


@pytest.mark.parametrize("there, lost, sent", [(8, 2, 2), (7, 3, 0)])
def test_too_many_missing_means_that_something_else_is_wrong(
    acme, repairs, rule, books, there, lost, sent
) -> None:
    crowd(acme, rule, books, there)
    for n in range(lost):
        synced(acme, rule, f"lost{n}@example.org")
    found = compared(rule)
    assert found["repaired"] == sent
    assert found["stopped"] == ("" if sent else "too_many")


def test_never_more_than_the_guard_however_long_the_list(
    acme, repairs, rule, books, settings
) -> None:
    settings.BULK_GUARD_COUNT = 1
    crowd(acme, rule, books, 30)
    for n in range(2):
        synced(acme, rule, f"lost{n}@example.org")
    found = compared(rule)
    assert (found["repaired"], found["stopped"]) == (0, "too_many")


# --- time, failures, workers ----------------------------------------------------------


def test_a_long_list_is_gone_on_with(acme, rule, books, monkeypatch) -> None:
    crowd(acme, rule, books, 7)
    monkeypatch.setattr(reconcile, "LOOK_UP", 3)
    monkeypatch.setattr(reconcile, "SECONDS", -1.0)
    assert not reconcile.compare(rule.target_id), "no time at all"
    target = rule.target
    target.refresh_from_db()
    assert target.reconciled["running"]["checked"] == 0
    monkeypatch.setattr(reconcile, "SECONDS", 60.0)
    assert compared(rule)["checked"] == 7
    assert len(books.asked) == len(set(books.asked)), "nobody is asked about twice"


def test_a_failure_is_told_and_what_was_found_before_stays(
    acme, linked, rule, books, monkeypatch
) -> None:
    crowd(acme, rule, books, 2)
    compared(rule)
    monkeypatch.setattr(books, "error", TransientError("busy", status=503))
    monkeypatch.setattr(reconcile, "TRIES", 1)
    found = compared(rule)
    assert (found["error"], found["checked"]) == ("busy", 2)
    monkeypatch.setattr(books, "error", TargetError("no such list", status=404))
    compared(rule)
    linked.refresh_from_db()
    assert linked.status == "connected"
    monkeypatch.setattr(books, "error", CredentialsError("no", status=401))
    compared(rule)
    linked.refresh_from_db()
    assert linked.status == "broken"


def test_an_answer_that_does_not_come_throws_nothing_away(
    acme, rule, books, monkeypatch
) -> None:
    crowd(acme, rule, books, 6)
    monkeypatch.setattr(reconcile, "LOOK_UP", 3)
    ask = books.subscriptions

    def second_time_busy(self: Any, emails: Any, audience_id: str) -> Any:
        if len(self.asked) == 3:
            raise TransientError("busy", status=503, retry_after=0.01)
        return ask(self, emails, audience_id)

    with monkeypatch.context() as patch:
        patch.setattr(books, "subscriptions", second_time_busy)
        assert not reconcile.compare(rule.target_id)
    assert Target.objects.get(pk=rule.target_id).reconciled["running"]["checked"] == 3
    time.sleep(0.02)
    assert compared(rule)["checked"] == 6
    assert len(books.asked) == 6


def test_once_a_day_and_when_asked(acme, linked, rule, books) -> None:
    assert reconcile.due_targets() == [rule.target_id]
    compared(rule)
    assert reconcile.due_targets() == []
    assert reconcile.start(linked) == [rule.target_id]
    assert reconcile.due_targets() == [rule.target_id]
    compared(rule)
    Target.objects.update(reconciled_at=now() - timedelta(days=1, minutes=1))
    assert reconcile.due_targets() == [rule.target_id]
    LinkedAccount.objects.update(status="paused")
    assert reconcile.due_targets() == []
    assert not reconcile.compare(rule.target_id)


def test_the_sandbox_agrees_with_our_books(
    acme: Account, sandbox: RunningSandbox, linked: LinkedAccount, display: Any
) -> None:
    rule = rule_to(display, linked, audience_id=NEWSLETTER)
    synced(acme, rule, "ada.lovelace@analytical.example")
    left = synced(acme, rule, "alan.turing@bletchley.example")
    synced(acme, rule, "never.arrived@example.org")
    found = compared(rule)
    assert (found["agree"], found["left"], found["missing"]) == (1, 1, 1)
    assert found["extra"] > 0
    assert "provider.left" in kinds(Contact.objects.get(pk=left.contact_id))


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_one_worker_compares(acme, rule, books, monkeypatch) -> None:
    crowd(acme, rule, books, 5)
    gate = threading.Event()
    ask = books.subscriptions

    def slow(self: Any, emails: Any, audience_id: str) -> Any:
        gate.wait(1)
        return ask(self, emails, audience_id)

    monkeypatch.setattr(books, "subscriptions", slow)

    def work(_: int) -> bool:
        try:
            return reconcile.compare(rule.target_id)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(4))).count(True) == 1
    assert len(books.asked) == 5


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_a_row_that_moved_on_is_not_sent_again(acme, repairs, rule, books) -> None:
    """Its worker settled it anew between the look and the repair."""
    lost = synced(acme, rule, "lost@example.org")
    Delivery.objects.filter(pk=lost.pk).update(state="rejected")
    assert reconcile.send_again(rule.target, [lost.pk]) == 0
    assert state(lost)[0] == "rejected"
