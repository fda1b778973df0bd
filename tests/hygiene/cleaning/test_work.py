"""A run is judged to the end, and no row is lost or doubled on the way."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError

from contacts.models import Suppression
from contactsync.lib.clock import now
from contactsync.tenancy.models import Account
from hygiene.cleaning import results, services, tasks, words, work
from hygiene.cleaning.results import chunks, rules_of
from hygiene.cleaning.work import claim, clean
from hygiene.models import CleaningChunk, CleaningRun, HygienePolicy, ListEntry
from tests.hygiene.cleaning.world import cleaned, rows_of, started, uploaded

pytestmark = pytest.mark.django_db
Status = CleaningRun.Status


def many(rows: int) -> bytes:
    """Every tenth row is a duplicate of the one before."""
    made = (f"person.{n - (n % 10 == 9)}@gmail.com,{n}\n" for n in range(rows))
    return ("Email,N\n" + "".join(made)).encode()


def complete(run: CleaningRun, rows: int) -> None:
    """Every row once, in order, and the books balance."""
    run.refresh_from_db()
    assert run.status == Status.DONE
    assert [row.row for row in rows_of(run)] == list(range(2, rows + 2))
    assert [row.cells[1] for row in rows_of(run)] == [str(n) for n in range(rows)]
    assert run.rows_done == run.rows_total == sum(run.counts.values()) == rows
    assert run.counts == {"valid": rows - rows // 10, "duplicate": rows // 10}
    assert [seq for seq, _, _ in chunks(run)] == list(range(len(chunks(run))))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "BATCH_ROWS", 50)


def test_every_row_has_its_verdict(acme: Account) -> None:
    run = cleaned(acme)
    found = {row.row: (row.tally, row.rule, row.duplicate_of) for row in rows_of(run)}
    assert found == {
        2: ("valid", "", None),
        3: ("role", "exact", None),
        4: ("syntax", "no-at", None),
        5: ("duplicate", "", 2),
        7: ("disposable", "domain", None),
        8: ("syntax", "empty", None),
        9: ("valid", "", None),
    }
    first = rows_of(run)[0]
    assert first.cells == [
        *("mira.jensen@gmail.com", "Mira", "Jensen", 'likes "tea", and cake')
    ]
    assert first.email == "mira.jensen@gmail.com"
    assert run.counts == {
        **{"valid": 2, "role": 1, "syntax": 2, "duplicate": 1, "disposable": 1}
    }
    assert rules_of(run)["syntax:empty"] == 1
    assert run.status == Status.DONE and run.finished_at and run.started_at
    assert (run.claim_id, run.lease_until) == (None, None)
    assert any(each.startswith("mailchecker@") for each in run.lists)


def test_empty_addresses_are_no_duplicates_of_each_other(acme: Account) -> None:
    run = cleaned(acme, b"Email,x\n,1\n,2\nn/a,3\nn/a,4\na.b@gmail.com,5\n")
    assert run.counts == {"syntax": 4, "valid": 1}


def test_the_name_is_evidence_for_a_person(acme: Account) -> None:
    content = b"Email,First name,Last name\nxqzvkw.brzk@acme.de,%s,%s\n"
    without = rows_of(cleaned(acme, content % (b"", b"")))[0]
    named = rows_of(cleaned(acme, content % (b"Xqzvkw", b"Brzk")))[0]
    assert (without.category, named.category) == ("bot", "valid")


def test_the_policy_is_the_account_s_as_it_was_at_the_start(acme: Account) -> None:
    policy = HygienePolicy.objects.create(account=acme, modes={"role": "off"})
    for kind, scope, value in (
        ("allow", "address", "jo@mailinator.com"),
        ("deny", "domain", "outlook.com"),
    ):
        ListEntry.objects.create(account=acme, kind=kind, scope=scope, value=value)
    run = started(acme)
    policy.delete()
    clean(run.pk)
    found = {row.row: f"{row.category}:{row.rule}" for row in rows_of(run)}
    assert found[3] == "valid:"
    assert found[7] == "valid:allowed-address"
    assert found[9] == "denied:domain"


def test_suppressed_people_are_found_however_they_are_written(
    acme: Account, other: Account
) -> None:
    for account, key, actor in (
        (acme, "mirajensen@gmail.com", "person"),
        (acme, "omar.haddad@outlook.com", "bounce"),
        (other, "jo@mailinator.com", "person"),
    ):
        Suppression.objects.create(account=account, email_key=key, actor=actor)
    found = {row.row: f"{row.category}:{row.rule}" for row in rows_of(cleaned(acme))}
    assert found[2] == "suppressed:unsubscribed"  # Gmail ignores dots
    assert found[9] == "suppressed:bounced"
    assert found[7] == "disposable:domain"


@pytest.mark.usefixtures("small")
def test_work_stops_when_its_time_is_over_and_goes_on(acme: Account) -> None:
    run = started(acme, many(420))
    rounds = 0
    while clean(run.pk, seconds=0):
        rounds += 1
        run.refresh_from_db()
        if run.status != Status.DONE:
            assert run.pk in work.due()
    assert rounds == 9
    complete(run, 420)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("fails_at", range(10))
@pytest.mark.parametrize("written", [False, True])
def test_a_worker_that_dies_loses_and_doubles_nothing(
    acme: Account, monkeypatch: pytest.MonkeyPatch, fails_at: int, written: bool
) -> None:
    """Dies at the n-th write, before its transaction ends or right after."""
    run = started(acme, many(420))
    calls = 0
    settle = work.settle
    create = CleaningChunk.objects.create

    def dying_settle(*args: Any) -> None:
        nonlocal calls
        settle(*args)
        calls += 1
        if calls == fails_at and written:
            raise OperationalError("killed")

    def dying_create(**values: Any) -> Any:
        made = create(**values)
        if calls == fails_at and not written:
            raise OperationalError("killed")
        return made

    monkeypatch.setattr(work, "settle", dying_settle)
    monkeypatch.setattr(CleaningChunk.objects, "create", dying_create)
    if not (written and fails_at == 0) and not (not written and fails_at == 9):
        with pytest.raises(OperationalError):
            clean(run.pk)
        assert clean(run.pk) == 0, "the lease still holds"
        CleaningRun.objects.update(lease_until=now() - timedelta(seconds=1))
    monkeypatch.undo()
    clean(run.pk)
    complete(run, 420)


def test_two_workers_do_not_get_the_same_run(acme: Account) -> None:
    run = started(acme)
    assert claim(run.pk) is not None
    assert claim(run.pk) is None
    assert work.due() == []
    CleaningRun.objects.update(lease_until=now() - timedelta(seconds=1))
    assert work.due() == [run.pk]
    assert claim(run.pk) is not None


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("act", "status"),
    [(services.pause, "paused"), (services.cancel, "cancelled")],
)
def test_pause_and_cancel_win_over_the_worker_within_a_batch(
    acme: Account,
    monkeypatch: pytest.MonkeyPatch,
    act: Callable[[CleaningRun], None],
    status: str,
) -> None:
    run = started(acme, many(420))
    settle, written = work.settle, 0

    def then_act(*args: Any) -> None:
        nonlocal written
        settle(*args)
        written += 1
        if written == 3:
            act(CleaningRun.objects.get(pk=run.pk))

    monkeypatch.setattr(work, "settle", then_act)
    clean(run.pk)
    monkeypatch.undo()
    run.refresh_from_db()
    assert (run.status, run.rows_done, written) == (status, 150, 3)
    assert len(rows_of(run)) == 150
    assert clean(run.pk) == 0
    if status == "paused":
        services.resume(run)
        clean(run.pk)
        complete(run, 420)
    else:
        with pytest.raises(services.NotNow, match="cancelled"):
            services.resume(run)


@pytest.mark.usefixtures("small")
def test_a_run_deleted_under_the_worker_stays_deleted(
    acme: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = started(acme, many(420))
    settle = work.settle

    def then_delete(*args: Any) -> None:
        settle(*args)
        services.delete(run)

    monkeypatch.setattr(work, "settle", then_delete)
    clean(run.pk)
    assert not CleaningRun.objects.exists() and not CleaningChunk.objects.exists()


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"Email,Name\n", "nothing below the headings"), (b"\n\n\n", "no rows")],
)
def test_a_file_without_rows_fails_with_a_remedy(
    acme: Account, content: bytes, says: str
) -> None:
    run = cleaned(acme, content)
    assert run.status == Status.FAILED
    assert says in run.error and "Choose the file" in run.error


def test_a_million_rows_and_one_fail_with_a_remedy(
    acme: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "ROWS_MAX", 420)
    assert cleaned(acme, many(420)).status == Status.DONE
    run = cleaned(acme, many(421))
    assert run.status == Status.FAILED
    assert "more than 420 rows. Split it" in run.error
    assert run.rows_done == 0


def test_a_failed_run_can_be_read_in_another_way(acme: Account) -> None:
    run = cleaned(acme, b"a.jensen@gmail.com\n", has_header=True)
    assert run.status == Status.FAILED
    shown = services.look(run, has_header=False)
    services.start(
        run, services.Choices(shown.encoding, shown.delimiter, shown.has_header, 0)
    )
    clean(run.pk)
    run.refresh_from_db()
    assert (run.status, run.counts, run.error) == (Status.DONE, {"valid": 1}, "")


def test_a_fault_of_ours_is_said_and_keeps_what_is_done(
    acme: Account, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*args: Any, **more: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(work, "judge_batch", broken)
    run = cleaned(acme)
    assert run.status == Status.FAILED
    assert "on our side" in run.error


def test_what_is_odd_about_rows_is_noted_with_their_numbers(acme: Account) -> None:
    content = (
        b"Name,Email\n"
        b"Jo\n"
        b"A,a.jensen@gmail.com,1,2\n"
        b'"B,b.jensen@gmail.com\n'
        b"C\x00,c.jensen@gmail.com\n"
        b"D\xff,d.jensen@gmail.com\n"
        b"E," + b"x" * 140_000 + b"\n"
        b"F,f.jensen@gmail.com\n"
    )
    run = cleaned(acme, content, encoding="utf-8")
    assert [(n["code"], n["rows"]) for n in run.notes] == [
        *(("short", [2]), ("long", [3]), ("open-quote", [4])),
        *(("row-too-large", [7]), ("unreadable", [6]), ("nul", [5])),
    ]
    found = {row.row: f"{row.category}:{row.rule}" for row in rows_of(run)}
    assert found[2] == "syntax:empty"
    assert found[7] == "syntax:row-too-large"
    assert all(found[row] == "valid:" for row in (3, 4, 5, 6, 8))
    for note in words.notes(run):
        assert note.where.startswith("Row ") and note.remedy.endswith(".")


def test_notes_name_a_few_rows_and_count_the_others(acme: Account) -> None:
    run = cleaned(acme, b"Name,Email\n" + b"x\n" * 1234)
    assert words.notes(run)[0].where == "Rows 2, 3, 4, 5, 6 and 1,229 more"


def test_the_sweep_wakes_who_waits_and_deletes_what_is_old(
    acme: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[str] = []
    monkeypatch.setattr(
        tasks.clean_list, "apply_async", lambda args, **_: woken.extend(args)
    )
    waiting, old = started(acme), cleaned(acme)
    working = started(acme)
    claim(working.pk)
    uploaded(acme)
    at = now() - timedelta(days=services.KEEP_DAYS, seconds=1)
    CleaningRun.objects.filter(pk__in=[old.pk, working.pk]).update(created_at=at)
    assert tasks.sweep_cleaning() == 1
    assert woken == [str(waiting.pk)]
    assert CleaningRun.objects.count() == 3
    assert not CleaningChunk.objects.filter(run_id=old.pk).exists()


def test_the_task_works(acme: Account) -> None:
    run = started(acme)
    assert tasks.clean_list(str(run.pk)) == 7
    assert results.chunks(run) == [(0, 7, CleaningRun.objects.get(pk=run.pk).counts)]
