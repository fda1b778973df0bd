"""Files and moments made to break the cleaning of a list."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from contactsync.lib.clock import now
from contactsync.tenancy.models import Account, User
from hygiene.cleaning import export, reading, services, work
from hygiene.models import CleaningChunk, CleaningRun
from tests.connections.test_imports import start as start_import
from tests.hygiene.cleaning.world import cleaned, rows_of, started

Status = CleaningRun.Status


@pytest.mark.django_db
def test_headings_with_nul_are_kept_without(acme: Account) -> None:
    run = cleaned(acme, b"E\x00mail,No\x00te\nmira@gmail.com,hi\n")
    assert (run.status, run.columns) == (Status.DONE, ["Email", "Note"])


@pytest.mark.django_db
def test_a_file_of_empty_lines_is_given_up(
    acme: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a worker reads them for minutes, loses its claim, and the next one too."""
    monkeypatch.setattr(reading, "LINES_MAX", 10_000)
    run = cleaned(acme, b"Email\nmira@gmail.com\n" + b"\n" * 20_000)
    assert run.status == Status.FAILED
    assert "empty" in run.error


def test_a_record_over_many_long_lines_is_no_record() -> None:
    """Each line closes the quotation mark of the one before and opens another."""
    line = '",' + ('"' + "x" * 99_000 + '",') * 9 + '"\n'
    records = list(reading.Records(['"\n', *[line] * 97, '",end\n'], ","))
    longest = max(sum(map(len, record.cells)) for record in records)
    assert longest <= 2 * reading.LINE_MAX


@pytest.mark.django_db
def test_a_time_limit_is_no_failure(
    acme: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = started(acme)

    def slow(*_: Any, **__: Any) -> Any:
        raise SoftTimeLimitExceeded

    with monkeypatch.context() as patch:
        patch.setattr(work, "judge_batch", slow)
        work.clean(run.pk)
    run.refresh_from_db()
    assert (run.status, run.error) == (Status.RUNNING, "")
    assert work.due() == [run.pk]
    work.clean(run.pk)
    run.refresh_from_db()
    assert run.status == Status.DONE


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_delete_while_a_batch_is_settled(
    acme: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker has written, and commits while the deletion is under way."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time")
    run = started(acme)
    written, errors = threading.Event(), []
    noted = CleaningChunk.objects.create

    def write(**values: Any) -> Any:
        made = noted(**values)
        written.set()
        deleting.join(0.7)  # it waits for our lock meanwhile
        return made

    def delete() -> None:
        written.wait(10)
        try:
            services.delete(run)
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    deleting = threading.Thread(target=delete)
    deleting.start()
    monkeypatch.setattr(CleaningChunk.objects, "create", write)
    work.clean(run.pk)
    deleting.join(10)
    assert errors == []
    assert not CleaningRun.objects.exists()
    assert not CleaningChunk.objects.exists()


@pytest.mark.django_db
def test_the_policy_of_a_run_is_read_by_its_worker_alone(
    acme: Account, alice: User, client_of: Callable[[User], Client]
) -> None:
    """With 100,000 list entries it is megabytes, and pages ask every two seconds."""
    run = cleaned(acme)
    client = client_of(alice)
    pages = (
        reverse("cleaning_runs", args=[acme.slug]),
        reverse("cleaning_run", args=[acme.slug, run.pk]),
    )
    for path in pages:
        with CaptureQueriesContext(connection) as asked:
            assert client.get(path).status_code == 200
        sql = " ".join(query["sql"] for query in asked.captured_queries)
        assert '"hygiene_cleaningrun"."policy"' not in sql


@pytest.mark.django_db
def test_old_lists_that_are_being_imported_stay(acme: Account, linked: Any) -> None:
    run = cleaned(acme)
    job = start_import(run, linked)
    CleaningRun.objects.update(created_at=now() - timedelta(days=31))
    assert services.delete_old() == 0
    job.status = "done"
    job.save()
    assert services.delete_old() == 1


@pytest.mark.parametrize(
    ("cell", "wanted"),
    [
        ("\u00a0=1+1", "'\u00a0=1+1"),
        ("\x00=1+1", "'\x00=1+1"),
        ("\ufeff@SUM(A1)", "'\ufeff@SUM(A1)"),
        ("tea;=HYPERLINK(1);", "tea;'=HYPERLINK(1);"),
        ("tea; @A1", "tea; '@A1"),
        (";=1+1", ";'=1+1"),
        ("a\t+cmd|' /C calc'!A0", "a\t'+cmd|' /C calc'!A0"),
        ("a;b; c - d; -5; +49 89", "a;b; c - d; -5; +49 89"),
        ("-12.50", "-12.50"),
    ],
)
def test_no_formula_behind_blanks_or_another_delimiter(cell: str, wanted: str) -> None:
    """A file with commas is opened by a spreadsheet that expects semicolons."""
    assert export.safe(cell) == wanted


@pytest.mark.django_db
def test_all_rows_of_a_file_full_of_open_quotes(acme: Account) -> None:
    body = "".join(f'"p.{n}@gmail.com,{n}\n' for n in range(500))
    run = cleaned(acme, ("Email,N\n" + body).encode())
    assert [row.row for row in rows_of(run)] == list(range(2, 502))
