"""Looking for changes where no webhook told us."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

import pytest

from contacts.models import Event
from contactsync.lib.clock import now
from contactsync.tenancy.models import Account
from integrations import changes
from integrations.adapters import ADAPTERS
from integrations.adapters.base import Change, Page, Subscription
from integrations.adapters.errors import (
    CredentialsError,
    Reason,
    RejectedError,
    TargetError,
    TransientError,
)
from integrations.flow_back_tasks import look_for_changes
from integrations.models import LinkedAccount, Target
from integrations.sandbox.testing import RunningSandbox
from tests.integrations.flow_back_world import HOUR, NEWSLETTER, contact, standing
from tests.integrations.scripted import Scripted
from tests.integrations.world import delivery, rule_to

pytestmark = pytest.mark.django_db


class Walked(Scripted):
    """A provider that lists what changed, three pages of it."""

    pages: ClassVar[list[list[Change]]] = []
    cursors: ClassVar[list[str]] = []
    errors: ClassVar[list[Exception]] = []

    def changes(self, audience_id: str, cursor: str) -> Page:
        type(self).cursors.append(cursor)
        if self.errors:
            raise type(self).errors.pop(0)
        at = int(cursor or 0)
        return Page(
            changes=tuple(self.pages[at]) if at < len(self.pages) else (),
            cursor=str(min(at + 1, len(self.pages))),
            complete=not cursor,
            more=at + 1 < len(self.pages),
        )


class Asked(Scripted):
    """One that only tells of people one names."""

    status: ClassVar[dict[str, str]] = {}
    asked: ClassVar[list[list[str]]] = []

    def subscriptions(
        self, emails: Sequence[str], audience_id: str
    ) -> list[Subscription]:
        type(self).asked.append(list(emails))
        return [
            Subscription(email=email, status=self.status.get(email, "subscribed"))
            for email in emails
        ]


@pytest.fixture
def walked(monkeypatch: pytest.MonkeyPatch) -> type[Walked]:
    class Fresh(Walked):
        pages: ClassVar[list[list[Change]]] = []
        cursors: ClassVar[list[str]] = []
        errors: ClassVar[list[Exception]] = []

    monkeypatch.setitem(ADAPTERS, "mailchimp", Fresh)
    return Fresh


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> type[Asked]:
    class Fresh(Asked):
        status: ClassVar[dict[str, str]] = {}
        asked: ClassVar[list[list[str]]] = []

    monkeypatch.setitem(ADAPTERS, "mailchimp", Fresh)
    return Fresh


def left(n: int) -> Change:
    email = f"p{n}@example.org"
    return Change(email=email, kind="upsert", status="unsubscribed", at=now() - HOUR)


def due_again(linked: LinkedAccount) -> timedelta:
    linked.refresh_from_db()
    return datetime.fromisoformat(linked.hooks["poll_due"]) - now()


def test_pages_are_read_to_the_end_and_on_from_there(
    acme, linked, display, walked
) -> None:
    rule = rule_to(display, linked)
    people = [contact(acme, f"p{n}@example.org") for n in range(3)]
    walked.pages = [[left(n)] for n in range(3)]
    applied = changes.poll(linked.pk)
    assert (applied.known, applied.left) == (3, 3)
    assert len(standing()) == len(people)
    assert walked.cursors == ["", "1", "2"]
    rule.target.refresh_from_db()
    assert rule.target.reconcile_cursor == "3"
    assert HOUR < due_again(linked) < 3 * HOUR
    assert changes.due_linked_accounts() == []
    assert changes.poll(linked.pk).known == 0, "not before it is time again"
    changes.soon(linked)
    assert changes.due_linked_accounts() == [linked.pk]
    walked.cursors.clear()
    changes.poll(linked.pk)
    assert walked.cursors == ["3"]


def test_one_audience_of_many_rules_is_read_once(linked, display, walked) -> None:
    rule_to(display, linked)
    rule_to(display, linked)
    changes.poll(linked.pk)
    assert walked.cursors == [""]


def test_an_ended_cursor_is_begun_anew_once(acme, linked, display, walked) -> None:
    rule = rule_to(display, linked)
    Target.objects.update(reconcile_cursor="old")
    contact(acme, "p0@example.org")
    walked.pages = [[left(0)]]
    gone = RejectedError("gone", reason=Reason.CURSOR_EXPIRED)
    walked.errors = [gone]
    assert changes.poll(linked.pk).left == 1
    assert walked.cursors == ["old", ""]
    Target.objects.filter(pk=rule.target_id).update(reconcile_cursor="old")
    walked.errors = [gone, gone]
    changes.soon(linked)
    changes.poll(linked.pk)
    linked.refresh_from_db()
    assert linked.hooks["poll_error"] == "gone", "not for ever"


def test_what_there_is_no_time_for_is_read_next(
    linked, display, walked, monkeypatch
) -> None:
    rule_to(display, linked)
    walked.pages = [[] for _ in range(3)]
    monkeypatch.setattr(changes, "SECONDS", 0.0)
    monkeypatch.setattr(changes, "Permit", lambda *_, **__: lambda: 60.0)
    ticks = iter([0.0, 0.0, 1.0, 1.0, 1.0, 1.0])
    monkeypatch.setattr(changes.time, "monotonic", lambda: next(ticks))
    changes.poll(linked.pk)
    monkeypatch.undo()
    assert due_again(linked) <= timedelta(0), "the next sweep goes on"


def test_only_named_people_are_asked_about_in_turn(
    acme, linked, display, asked, monkeypatch
) -> None:
    rule = rule_to(display, linked)
    for n in range(5):
        person = contact(acme, f"p{n}@example.org")
        row = {"email": person.email, "contact_id": person.pk, "state": "synced"}
        delivery(rule, **row)
    delivery(rule, email="waits@example.org")
    asked.status = {"p3@example.org": "bounced", "p4@example.org": "absent"}
    monkeypatch.setattr(changes, "LOOK_MOST", 2)
    monkeypatch.setattr(changes, "LOOK_UP", 2)
    monkeypatch.setattr(changes.sent_after, "__defaults__", (2,))
    changes.poll(linked.pk)
    assert asked.asked == [["p0@example.org", "p1@example.org"]]
    changes.poll(linked.pk)
    assert standing() == [("p3@example.org", "bounce")]
    changes.poll(linked.pk)
    changes.poll(linked.pk)
    assert due_again(linked) > HOUR, "all were asked about"
    names = [email for part in asked.asked for email in part]
    assert names[:5] == [f"p{n}@example.org" for n in range(5)]
    assert not Event.objects.filter(kind="provider.deleted").exists()


@pytest.mark.parametrize(
    "error, status, at_most",
    [
        (TransientError("busy", status=503), "connected", timedelta(minutes=15)),
        (TargetError("no such list", status=404), "connected", 3 * HOUR),
        (CredentialsError("refused", status=401), "broken", 3 * HOUR),
        (TransientError("turn", reason=Reason.TURN), "connected", timedelta(minutes=1)),
    ],
)
def test_failures(linked, display, walked, error, status, at_most) -> None:
    rule_to(display, linked)
    walked.errors = [error]
    changes.poll(linked.pk)
    linked.refresh_from_db()
    assert linked.status == status
    assert due_again(linked) <= at_most


def test_paused_and_unlinked_accounts_are_left_alone(linked, display, walked) -> None:
    rule_to(display, linked)
    for change in ({"status": "paused"}, {"removed_at": now()}):
        LinkedAccount.objects.filter(pk=linked.pk).update(**change)
        assert changes.due_linked_accounts() == []
        changes.poll(linked.pk)
    assert walked.cursors == []


def test_an_account_without_rules_is_not_looked_at(linked, walked) -> None:
    assert changes.due_linked_accounts() == []


def test_the_task_finds_who_left_in_the_sandbox(
    acme: Account,
    sandbox: RunningSandbox,
    linked: LinkedAccount,
    display: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rule_to(display, linked, audience_id=NEWSLETTER)
    contact(acme, "ada.lovelace@analytical.example")
    contact(acme, "alan.turing@bletchley.example")
    monkeypatch.setattr(
        "integrations.flow_back_tasks.look_for_changes_of.apply_async",
        lambda args, **_: changes.poll(args[0]),
    )
    assert look_for_changes() == 1
    assert standing() == [("alan.turing@bletchley.example", "person")]
    sandbox.control(
        "POST", "mailchimp/unsubscribe", {"email": "ada.lovelace@analytical.example"}
    )
    changes.soon(linked)
    look_for_changes()
    assert len(standing()) == 2
