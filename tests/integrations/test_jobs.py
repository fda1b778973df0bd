"""Jobs a provider took, followed to their end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from contacts.models import Event
from contactsync.lib.clock import now
from integrations import jobs, retry
from integrations.adapters import ADAPTERS
from integrations.adapters.base import Outcome, OutcomeState
from integrations.adapters.errors import (
    CredentialsError,
    Reason,
    TargetError,
    TransientError,
)
from integrations.drain import drain
from integrations.models import Attempt, Delivery, LinkedAccount
from tests.integrations.scripted import Scripted, state_of
from tests.integrations.world import delivery, rule_to

pytestmark = pytest.mark.django_db


class Jobs(Scripted):
    """Takes every batch as one job."""

    asked: ClassVar[list[tuple[str, list[str], str]]]
    result: ClassVar[Any]

    def poll(self, job: str, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        type(self).asked.append((job, list(emails), audience_id))
        if isinstance(type(self).result, Exception):
            raise type(self).result
        return list(type(self).result)


def submitted(contacts: Sequence[object]) -> list[Outcome]:
    return [Outcome(state=OutcomeState.SUBMITTED, job="job-1") for _ in contacts]


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> type[Jobs]:
    class Fresh(Jobs):
        calls: ClassVar[list[list[str]]] = []
        options: ClassVar[list[Any]] = []
        asked: ClassVar[list[tuple[str, list[str], str]]] = []
        result: ClassVar[Any] = []
        answer = staticmethod(submitted)

    monkeypatch.setitem(ADAPTERS, "mailchimp", Fresh)
    return Fresh


@pytest.fixture
def rows(provider, linked, display) -> list[Delivery]:
    rule = rule_to(display, linked)
    made = [delivery(rule, email=f"{name}@x.org") for name in ("ann", "bob", "cat")]
    drain(linked.pk)
    assert [state_of(row)[0] for row in made] == ["submitted"] * 3
    return made


def due(rows: list[Delivery]) -> None:
    Delivery.objects.filter(pk__in=[row.pk for row in rows]).update(due=now())


def test_every_contact_gets_its_own_outcome(provider, linked, rows) -> None:
    assert jobs.due_linked_accounts() == [], "not asked in the same second"
    due(rows)
    assert jobs.due_linked_accounts() == [linked.pk]
    provider.result = [
        Outcome(state=OutcomeState.SYNCED, remote_id="r1"),
        Outcome(
            state=OutcomeState.REJECTED, reason=Reason.ADDRESS_INVALID, detail="no"
        ),
        Outcome(state=OutcomeState.RETRY, reason=Reason.SERVER),
    ]
    assert jobs.check(linked.pk) == 3
    emails = [row.payload["email"] for row in rows]
    assert provider.asked == [("job-1", emails, "8f21c0news")]
    assert [state_of(row) for row in rows] == [
        ("synced", ""),
        ("rejected", "address.invalid"),
        ("pending", "server"),
    ]
    assert rows[0].remote_id == "r1" and rows[2].due > now()
    assert Attempt.objects.count() == 2, "the sending and the answer are on record"
    assert Event.objects.filter(delivery_id=rows[0].pk, kind="delivery.synced").exists()


def test_a_job_that_goes_on_is_asked_again_ever_more_seldom(
    provider, linked, rows
) -> None:
    due(rows)
    assert jobs.check(linked.pk) == 0
    assert [state_of(row)[0] for row in rows] == ["submitted"] * 3
    first = rows[0].due - now()
    assert timedelta(seconds=3) < first < timedelta(seconds=10)
    Delivery.objects.update(due=now(), changed_at=now() - timedelta(hours=1))
    jobs.check(linked.pk)
    rows[0].refresh_from_db()
    assert rows[0].due - now() > timedelta(minutes=10)


def test_a_job_without_an_end_is_sent_again_and_given_up_in_the_end(
    provider, linked, rows
) -> None:
    Delivery.objects.update(due=now(), changed_at=now() - timedelta(hours=7))
    Delivery.objects.filter(pk=rows[0].pk).update(attempts=retry.MAX_ATTEMPTS)
    assert jobs.check(linked.pk) == 3
    assert state_of(rows[0]) == ("failed", "timeout")
    assert state_of(rows[1]) == ("pending", "timeout")
    assert "did not say" in rows[1].detail


def test_an_outage_changes_nothing(provider, linked, rows) -> None:
    due(rows)
    provider.result = TransientError("busy")
    assert jobs.check(linked.pk) == 0
    assert [state_of(row)[0] for row in rows] == ["submitted"] * 3
    assert rows[0].due > now()


def test_setup_errors_hold_what_they_concern(provider, linked, rows) -> None:
    due(rows)
    provider.result = TargetError("The list is gone.")
    jobs.check(linked.pk)
    target = rows[0].target
    target.refresh_from_db()
    assert target.held_reason == "target.missing"
    type(target).objects.update(held_reason="", held_detail="")
    due(rows)
    provider.result = CredentialsError("No such key.")
    jobs.check(linked.pk)
    linked.refresh_from_db()
    assert linked.status == LinkedAccount.Status.BROKEN
    assert state_of(rows[0])[0] == "submitted"
    assert jobs.due_linked_accounts() == []


def test_a_row_that_moved_on_meanwhile_is_left_alone(provider, linked, rows) -> None:
    due(rows)

    def result() -> list[Outcome]:
        return [Outcome(state=OutcomeState.SYNCED) for _ in rows]

    class Racing(list[Outcome]):
        def __iter__(self) -> Any:
            Delivery.objects.filter(pk=rows[1].pk).update(state="skipped")
            return super().__iter__()

    provider.result = Racing(result())
    assert jobs.check(linked.pk) == 2
    assert [state_of(row)[0] for row in rows] == ["synced", "skipped", "synced"]
