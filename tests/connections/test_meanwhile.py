"""What happens between the cleaning of a list, its import and the sending."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import OperationalError

from connections import work
from connections.models import ListImport
from connections.services import (
    ImportStateError,
    import_cancel,
    import_pause,
    import_resume,
)
from contacts.models import Contact, Suppression
from contactsync.lib.clock import now
from contactsync.tenancy.models import Account
from hygiene.models import CleaningChunk, HygienePolicy, ListEntry
from hygiene.policies import policies
from integrations import outbox
from integrations.drain import drain
from integrations.models import Delivery, LinkedAccount, State
from integrations.services import linked_account_unlink
from tests.connections.test_imports import ANNA, BERT, CARL, start, states
from tests.connections.world import cleaned

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "trouble", [OperationalError("deadlock detected"), SoftTimeLimitExceeded()]
)
def test_what_passes_does_not_end_an_import(
    acme: Account,
    linked: LinkedAccount,
    monkeypatch: pytest.MonkeyPatch,
    trouble: Exception,
) -> None:
    job = start(cleaned(acme, [ANNA], [BERT]), linked)

    def fails(*_: object) -> Any:
        raise trouble

    with monkeypatch.context() as patch:
        patch.setattr(work, "store_chunk", fails)
        work.advance(job.pk)
    job.refresh_from_db()
    assert job.status == "running"
    assert job.error == ""
    assert work.open_imports() == [job.pk]
    assert work.advance(job.pk) == 2


@pytest.mark.parametrize(
    ("scope", "value"),
    [("address", "anna@gmail.com"), ("domain", "gmail.com"), ("tree", "gmail.com")],
)
def test_who_was_denied_since_the_cleaning_is_not_sent(
    acme: Account, linked: LinkedAccount, scope: str, value: str
) -> None:
    job = start(cleaned(acme, [ANNA, ("bert@outlook.com", "Bert", "")]), linked)
    ListEntry.objects.create(account=acme, kind="deny", scope=scope, value=value)
    policies.clear()
    work.advance(job.pk)
    job.refresh_from_db()
    assert states(job) == {("pending", ""): 1}
    assert Delivery.objects.get().payload["email"] == "bert@outlook.com"
    assert (job.status, job.rows_done) == ("done", 2)
    assert (job.enqueued, job.skipped) == (1, {"filter.denied": 1})
    assert not Contact.objects.filter(email_key="anna@gmail.com").exists()


def test_the_filter_of_today_counts(acme: Account, linked: LinkedAccount) -> None:
    """Cleaned when the role rule was off, and a list did not know the domain."""
    run = cleaned(
        acme, [ANNA, ("info@acme-tools.de", "", ""), ("jo@mailinator.com", "", "")]
    )
    job = start(run, linked)
    work.advance(job.pk)
    job.refresh_from_db()
    assert states(job) == {("pending", ""): 1}
    assert job.skipped == {"filter.role": 1, "filter.disposable": 1}

    HygienePolicy.objects.create(account=acme, modes={"role": "off"})
    policies.clear()
    job = start(run, linked)
    work.advance(job.pk)
    assert states(job) == {("pending", ""): 2}


def test_who_left_under_another_spelling_is_not_sent(
    acme: Account, linked: LinkedAccount
) -> None:
    Suppression.objects.create(
        account=acme, email_key="annaberg@gmail.com", actor="person"
    )
    job = start(cleaned(acme, [("anna.berg+shop@gmail.com", "Anna", "")]), linked)
    work.advance(job.pk)
    assert states(job) == {("skipped", "rule.suppressed"): 1}


def test_who_leaves_while_they_wait_is_not_sent(
    acme: Account, linked: LinkedAccount, sandbox: Any
) -> None:
    job = start(cleaned(acme, [ANNA, BERT]), linked)
    work.advance(job.pk)
    Suppression.objects.create(account=acme, email_key="anna@gmail.com", actor="person")
    drain(linked.pk)
    assert states(job) == {("synced", ""): 1, ("skipped", "rule.suppressed"): 1}
    there = {member["email"] for member in sandbox.members()}
    assert "bert@gmail.com" in there
    assert "anna@gmail.com" not in there


def test_an_account_unlinked_on_the_way_ends_the_import(
    acme: Account, linked: LinkedAccount
) -> None:
    job = start(cleaned(acme, [ANNA], [BERT], [CARL]), linked)
    claim = job.pk
    ListImport.objects.update(status="running", claim_id=claim)
    assert work.step(job.pk, claim) == 1
    linked_account_unlink(linked)
    ListImport.objects.update(claim_id=None, lease_until=None)
    work.advance(job.pk)
    job.refresh_from_db()
    assert (job.status, job.rows_done) == ("failed", 1)
    assert "unlinked" in job.error
    assert states(job) == {("held", "held.unlinked"): 1}


def test_nobody_is_sent_while_the_tenant_is_suspended_and_once_after(
    acme: Account, linked: LinkedAccount, sandbox: Any
) -> None:
    Account.objects.update(suspended_at=now())
    job = start(cleaned(acme, [ANNA, BERT]), linked)
    work.advance(job.pk)
    drain(linked.pk)
    assert states(job) == {("held", "held.suspended"): 2}
    assert "anna@gmail.com" not in {m["email"] for m in sandbox.members()}
    Account.objects.update(suspended_at=None)
    outbox.release()
    drain(linked.pk)
    drain(linked.pk)
    assert states(job) == {("synced", ""): 2}


def test_the_same_list_is_not_started_twice_for_one_audience(
    acme: Account, linked: LinkedAccount
) -> None:
    run = cleaned(acme, [ANNA])
    job = start(run, linked)
    with pytest.raises(ImportStateError, match="on its way"):
        start(run, linked)
    work.advance(job.pk)
    start(run, linked)  # done: it may be sent again
    assert ListImport.objects.count() == 2


def test_rows_that_vanish_on_the_way_are_no_success(
    acme: Account, linked: LinkedAccount
) -> None:
    job = start(cleaned(acme, [ANNA], [BERT]), linked)
    CleaningChunk.objects.filter(seq=1).delete()
    work.advance(job.pk)
    job.refresh_from_db()
    assert (job.status, job.rows_done) == ("failed", 1)


def test_odd_cells_are_kept_out_of_the_data_base(
    acme: Account, linked: LinkedAccount
) -> None:
    rows = [
        ("anna@gmail.com", "An\x00na", ""),
        ("bert@gmail.com", "\x00", ""),
        ("carl@gmail.com", "x" * 50_000, ""),
        ("dora@gmail.com", "\ud83d", ""),
    ]
    job = start(cleaned(acme, rows), linked)
    work.advance(job.pk)
    job.refresh_from_db()
    assert job.status == "done", job.error
    found = dict(Contact.objects.values_list("email_key", "fields"))
    assert found["anna@gmail.com"] == {"first_name": "Anna"}
    assert found["bert@gmail.com"] == {}
    assert len(found["carl@gmail.com"]["first_name"]) == work.LONGEST_FIELD
    assert Delivery.objects.filter(state=State.PENDING).count() == 4


def test_a_worker_whose_lease_ended_writes_nothing(
    acme: Account, linked: LinkedAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = start(cleaned(acme, [ANNA], [BERT]), linked)
    first, second = UUID(int=1), UUID(int=2)
    ListImport.objects.update(status="running", claim_id=first)
    judged = work.turned_away

    def taken_over(*given: Any) -> Any:
        monkeypatch.setattr(work, "turned_away", judged)
        ListImport.objects.update(claim_id=second)
        assert work.step(job.pk, second) == 1
        return judged(*given)

    monkeypatch.setattr(work, "turned_away", taken_over)
    assert work.step(job.pk, first) is None
    job.refresh_from_db()
    assert (job.next_chunk, job.rows_done, job.enqueued) == (1, 1, 1)
    assert Delivery.objects.count() == 1


@pytest.mark.parametrize("change", [import_pause, import_cancel])
def test_a_chunk_that_was_read_is_not_written_after_pause_and_cancel(
    acme: Account, linked: LinkedAccount, monkeypatch: pytest.MonkeyPatch, change: Any
) -> None:
    job = start(cleaned(acme, [ANNA], [BERT]), linked)
    judged = work.turned_away

    def pressed(*given: Any) -> Any:
        monkeypatch.setattr(work, "turned_away", judged)
        change(job=job)
        return judged(*given)

    monkeypatch.setattr(work, "turned_away", pressed)
    assert work.advance(job.pk) == 0
    assert Delivery.objects.count() == 0
    job.refresh_from_db()
    assert job.status in ("paused", "cancelled")
    if change is import_pause:
        import_resume(job=job)
        assert work.advance(job.pk) == 2
