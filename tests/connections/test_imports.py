"""A cleaned list on its way into an audience: nobody lost, doubled or brought back."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models import Count

from connections import store, work
from connections.models import ListImport
from connections.services import (
    ImportSettings,
    ImportStateError,
    ListNotReadyError,
    import_cancel,
    import_create,
    import_pause,
    import_resume,
)
from contacts.models import Consent, Contact, Event, Suppression
from contactsync.tenancy.models import Account
from hygiene.models import CleaningRun
from integrations.models import Delivery, LinkedAccount, State, Target
from tests.connections.world import cleaned

pytestmark = pytest.mark.django_db

ANNA = ("anna@gmail.com", "Anna", "Acme")
BERT = ("bert@gmail.com", "Bert", "")
CARL = ("carl@gmail.com", "", "")
ROLE = ("info@acme.org", "", "", "role")


def start(run: CleaningRun, linked: LinkedAccount, **more: Any) -> ListImport:
    settings = ImportSettings(
        linked_account=linked,
        audience_id="a6b5da1054",
        consent="Ticked the box in our shop",
        mapping={"first_name": "FNAME"},
        **more,
    )
    return import_create(run=run, settings=settings)


def states(job: ListImport) -> dict[tuple[str, str], int]:
    found = Delivery.objects.filter(target_id=job.target_id).order_by()
    return {
        (row["state"], row["reason"]): row["n"]
        for row in found.values("state", "reason").annotate(n=Count("*"))
    }


def test_accepted_rows_go_to_the_outbox_once(
    acme: Account, linked: LinkedAccount
) -> None:
    run = cleaned(acme, [ANNA, ROLE, BERT], [ANNA, CARL])
    job = start(run, linked)

    assert work.advance(job.pk) == 3
    assert work.advance(job.pk) == 0

    job.refresh_from_db()
    assert (job.status, job.rows_done, job.enqueued) == ("done", 5, 3)
    assert job.claim_id is None and job.lease_until is None
    assert states(job) == {("pending", ""): 3}
    row = Delivery.objects.get(payload__email="anna@gmail.com")
    assert row.origin == "list"
    assert row.payload["fields"] == {"first_name": "Anna"}
    assert row.payload["consent"] is True
    assert row.payload["row"] == 1
    contact = Contact.objects.get(email_key="anna@gmail.com")
    assert row.contact_id == contact.pk
    assert contact.fields == {"first_name": "Anna"}
    consent = Consent.objects.get(contact_id=contact.pk)
    assert (consent.source, consent.text) == ("import", "Ticked the box in our shop")
    event = Event.objects.get(contact_id=contact.pk)
    assert (event.kind, event.data["filename"]) == ("import.added", "people.csv")


def test_what_the_person_told_us_stands(acme: Account, linked: LinkedAccount) -> None:
    Contact.objects.create(
        account=acme,
        email="Anna@gmail.com",
        email_key="anna@gmail.com",
        status="filtered",
        fields={"first_name": "Annie", "phone": "1"},
    )
    work.advance(start(cleaned(acme, [ANNA]), linked).pk)
    contact = Contact.objects.get()
    assert contact.fields == {"first_name": "Annie", "phone": "1"}
    assert contact.status == "accepted"


@pytest.mark.parametrize("actor", Suppression.Actor.values)
def test_nobody_suppressed_is_sent(
    acme: Account, linked: LinkedAccount, actor: str
) -> None:
    Suppression.objects.create(account=acme, email_key="anna@gmail.com", actor=actor)
    job = start(cleaned(acme, [ANNA, BERT]), linked)
    work.advance(job.pk)
    assert states(job) == {("pending", ""): 1, ("skipped", "rule.suppressed"): 1}
    job.refresh_from_db()
    assert job.skipped == {"rule.suppressed": 1}
    anna = Contact.objects.get(email_key="anna@gmail.com")
    assert not Consent.objects.filter(contact_id=anna.pk).exists()


def test_nobody_who_refused_when_asked_is_sent(
    acme: Account, linked: LinkedAccount
) -> None:
    for name, answers in (("anna", (True, False)), ("bert", (False, True))):
        contact = Contact.objects.create(
            account=acme,
            email=f"{name}@gmail.com",
            email_key=f"{name}@gmail.com",
            status="accepted",
        )
        for given in answers:
            Consent.objects.create(account=acme, contact_id=contact.pk, given=given)
    job = start(cleaned(acme, [ANNA, BERT]), linked)
    work.advance(job.pk)
    assert states(job) == {("pending", ""): 1, ("skipped", "rule.no_consent"): 1}
    assert Delivery.objects.get(state="pending").payload["email"] == "bert@gmail.com"


def test_a_crash_between_chunks_loses_and_doubles_nobody(
    acme: Account, linked: LinkedAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = start(cleaned(acme, [ANNA], [BERT], [CARL]), linked)
    written = store.store_chunk

    def dies_after_writing(job: ListImport, people: Any, away: Any) -> Any:
        written(job, people, away)
        if people[0].email.startswith("bert"):
            raise KeyboardInterrupt  # what kill does to a transaction
        return written

    claim = "0190b5a0-0000-7000-8000-000000000000"
    ListImport.objects.update(status="running", claim_id=claim)
    assert work.step(job.pk, work.UUID(claim)) == 1
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(work, "store_chunk", dies_after_writing)
        work.step(job.pk, work.UUID(claim))
    ListImport.objects.update(lease_until=None)
    assert work.advance(job.pk) == 2
    assert sorted(
        row.payload["email"] for row in Delivery.objects.filter(target=job.target_id)
    ) == ["anna@gmail.com", "bert@gmail.com", "carl@gmail.com"]
    assert Event.objects.filter(kind="import.added").count() == 3


def test_a_bug_fails_the_import_and_keeps_what_is_done(
    acme: Account, linked: LinkedAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = start(cleaned(acme, [ANNA]), linked)

    def breaks(*_: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr(work, "judged_rows", breaks)
    work.advance(job.pk)
    job.refresh_from_db()
    assert job.status == "failed"
    assert "error of its own" in job.error
    assert states(job) == {}


def test_another_worker_takes_over_when_the_lease_has_ended(
    acme: Account, linked: LinkedAccount
) -> None:
    job = start(cleaned(acme, [ANNA]), linked)
    ListImport.objects.update(
        status="running",
        claim_id=job.pk,
        lease_until=work.now() + work.LEASE,
    )
    assert work.open_imports() == []
    assert work.advance(job.pk) == 0
    ListImport.objects.update(lease_until=work.now() - work.LEASE)
    assert work.open_imports() == [job.pk]
    assert work.advance(job.pk) == 1


def test_it_never_runs_far_ahead_of_the_sending(
    acme: Account, linked: LinkedAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "BACKLOG", 2)
    job = start(cleaned(acme, [ANNA, BERT], [CARL]), linked)
    assert work.advance(job.pk) == 2
    assert work.advance(job.pk) == 0
    job.refresh_from_db()
    assert job.status == "running"
    Delivery.objects.update(state=State.SYNCED)
    assert work.advance(job.pk) == 1


def test_pause_resume_and_cancel(acme: Account, linked: LinkedAccount) -> None:
    job = start(cleaned(acme, [ANNA], [BERT]), linked)
    import_pause(job=job)
    assert work.advance(job.pk) == 0
    import_pause(job=job)  # two people may press the button
    import_resume(job=job)
    import_resume(job=job)
    assert work.advance(job.pk) == 2
    with pytest.raises(ImportStateError, match="ended: done"):
        import_cancel(job=job)

    job = start(cleaned(acme, [ANNA], [BERT]), linked)
    ListImport.objects.filter(pk=job.pk).update(status="running", claim_id=job.pk)
    work.step(job.pk, job.pk)
    assert import_cancel(job=job) == 1
    assert work.step(job.pk, job.pk) is None
    assert states(job) == {("skipped", "rule.cancelled"): 1}


def test_a_list_deleted_on_the_way_says_so(
    acme: Account, linked: LinkedAccount
) -> None:
    run = cleaned(acme, [ANNA])
    job = start(run, linked)
    run.delete()
    work.advance(job.pk)
    job.refresh_from_db()
    assert (job.status, job.filename) == ("failed", "people.csv")
    assert "deleted" in job.error


def test_a_broken_account_holds_the_list(acme: Account, linked: LinkedAccount) -> None:
    LinkedAccount.objects.update(status="broken", reason="auth.revoked", detail="no")
    job = start(cleaned(acme, [ANNA]), linked)
    work.advance(job.pk)
    assert states(job) == {("held", "auth.revoked"): 1}


def test_only_a_cleaned_list_with_somebody_in_it(
    acme: Account, linked: LinkedAccount
) -> None:
    with pytest.raises(ListNotReadyError, match="not cleaned"):
        start(cleaned(acme, [ANNA], status=CleaningRun.Status.RUNNING), linked)
    with pytest.raises(ListNotReadyError, match="No row"):
        start(cleaned(acme, [ROLE]), linked)
    assert not Target.objects.exists()


def test_columns_get_names_of_their_own(acme: Account) -> None:
    run = cleaned(acme, [ANNA])
    run.columns = ["Email", "Name", "Shirt size!", "shirt_size", "", "email"]
    assert work.field_names(run) == [
        *("", "first_name", "shirt_size", "shirt_size_2", "column_5", "email_2")
    ]
