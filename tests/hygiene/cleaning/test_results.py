"""Looking at the result, and taking it home."""

from __future__ import annotations

import csv
import io

import pytest

from contactsync.tenancy.models import Account
from hygiene.cleaning import export, results, work
from hygiene.cleaning.export import Which, safe
from hygiene.cleaning.results import Seen, Wanted, page
from tests.hygiene.cleaning.world import LIST, cleaned, rows_of

pytestmark = pytest.mark.django_db


def table(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=1+1", "'=1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3+cmd|x", "'-2+3+cmd|x"),
        (" =1+1", "' =1+1"),
        ("\t=1+1", "'\t=1+1"),
        ("\r=1+1", "'\r=1+1"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("+A1", "'+A1"),
        ("+49 (0)89 1234-56", "+49 (0)89 1234-56"),
        ("+4912345", "+4912345"),
        ("-12.50", "-12.50"),
        ("-", "'-"),
        ("a=1", "a=1"),
        ("", ""),
    ],
)
def test_no_cell_is_a_formula(cell: str, written: str) -> None:
    assert safe(cell) == written


def test_the_clean_file_is_the_original_without_the_others(acme: Account) -> None:
    run = cleaned(acme)
    text = "".join(export.lines(run, Which.CLEAN, details=False))
    assert text.startswith("\ufeffEmail,")
    original = table(LIST.decode())
    assert table(text) == [
        original[0],
        original[1],
        [*original[8][:3], "'=1+1"],
    ]
    assert not "".join(export.lines(run, Which.CLEAN, bom=False)).startswith("\ufeff")


def test_the_rejected_file_says_why(acme: Account) -> None:
    rows = table("".join(export.lines(cleaned(acme), Which.REJECTED)))
    assert rows[0] == ["Email", "First name", "Last name", "Note", *export.ADDED]
    found = {row[4]: row for row in rows[1:]}
    assert set(found) == {"3", "4", "5", "7", "8"}
    assert found["3"][5:7] == ["role", "exact"]
    assert found["3"][7].startswith("role:exact:info:builtin@")
    assert found["5"][5:7] == ["duplicate", "row-2"]
    assert all(row[8] for row in found.values())
    assert {len(row) for row in rows} == {11}


def test_clean_and_rejected_together_are_all(acme: Account) -> None:
    run = cleaned(acme)
    parts = {
        which: table("".join(export.lines(run, which, details=True))) for which in Which
    }
    together = parts[Which.CLEAN][1:] + parts[Which.REJECTED][1:]
    assert sorted(together, key=lambda row: int(row[4])) == parts[Which.ALL][1:]
    assert len(parts[Which.ALL]) == 1 + run.rows_total


def test_a_list_without_headings_comes_back_without(acme: Account) -> None:
    run = cleaned(acme, b"a.jensen@gmail.com,1\ninfo@acme.de,2\n")
    clean = "".join(export.lines(run, Which.CLEAN, details=False, bom=False))
    assert clean == "a.jensen@gmail.com,1\r\n"
    rejected = table("".join(export.lines(run, Which.REJECTED)))
    assert rejected[0][:2] == ["Column 1", "Column 2"]


def test_short_and_long_rows_keep_the_added_columns_in_line(acme: Account) -> None:
    run = cleaned(acme, b"Email,Note\ninfo@acme.de\ninfo@b-acme.de,1,2,3\n")
    rows = table("".join(export.lines(run, Which.REJECTED)))
    assert rows[0][:5] == ["Email", "Note", "Column 3", "Column 4", "row"]
    assert [row[4] for row in rows[1:]] == ["2", "3"]


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("customers.csv", "customers-clean.csv"),
        ('K\u00fcnden "x".TXT', "K-nden-x-clean.csv"),
        ("../../etc/passwd", "passwd-clean.csv"),
        ("\u2603", "list-clean.csv"),
    ],
)
def test_the_download_has_a_plain_name(acme: Account, given: str, name: str) -> None:
    run = cleaned(acme)
    run.filename = given.rpartition("/")[2]
    assert export.filename(run, Which.CLEAN) == name


@pytest.fixture
def big(acme: Account, monkeypatch: pytest.MonkeyPatch) -> results.CleaningRun:
    """1,000 rows in chunks of 100; every tenth is a role, with blank lines between."""
    monkeypatch.setattr(work, "BATCH_ROWS", 100)
    rows = (
        f"{f'info@shop{n}.de' if n % 10 == 0 else f'anna.jensen{n}@gmail.com'}\n\n"
        for n in range(1000)
    )
    return cleaned(acme, ("Email\n" + "".join(rows)).encode())


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        (Wanted(), 1000),
        (Wanted("role"), 100),
        (Wanted("role", "exact"), 100),
        (Wanted(rule="exact"), 100),
        (Wanted(q="SHOP99"), 1),
        (Wanted(q="SHOP9"), 11),
        (Wanted("valid", q="jensen99"), 10),
        (Wanted("bot"), 0),
        (Wanted("role", "soft"), 0),
        (Wanted(q="j\u00f6"), 0),
    ],
)
def test_paging_meets_every_row_that_is_wanted_once(
    big: results.CleaningRun, wanted: Wanted, count: int
) -> None:
    after: int | None = 0
    found: list[int] = []
    while after is not None:
        shown = page(big, wanted, after=after, limit=7)
        assert len(shown.rows) <= 7
        found += [row.row for row in shown.rows]
        after = shown.after
    needle = wanted.q.lower()
    expected = [row.row for row in rows_of(big) if wanted.finds(row, needle, 0)]
    assert found == expected
    assert len(found) == count


def test_a_long_search_goes_on_where_it_stopped(
    big: results.CleaningRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "LOOKED_THROUGH", 3)
    first = page(big, Wanted(q="jensen999"))
    assert first.rows == [] and first.after is not None
    after, rounds = first.after, 1
    while after is not None:
        shown = page(big, Wanted(q="jensen999"), after=after)
        after, rounds = shown.after, rounds + 1
    assert [row.email for row in shown.rows] == ["anna.jensen999@gmail.com"]
    assert rounds <= 5


def test_a_page_opens_few_chunks(
    big: results.CleaningRun, django_assert_max_num_queries: object
) -> None:
    with django_assert_max_num_queries(8):  # type: ignore[operator]
        assert len(page(big, Wanted(), after=1500, limit=50).rows) == 50


def test_seen_remembers_the_first_row() -> None:
    seen = Seen(2000)
    assert [seen.first(f"m{n}", n + 2) for n in range(2000)] == [0] * 2000
    assert [seen.first(f"m{n}", 9) for n in range(2000)] == list(range(2, 2002))
