"""The tenant's own lists: what may be listed, import and export."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import Any

import pytest

from contactsync.tenancy.models import Account, AuditEntry, User
from hygiene import entries
from hygiene.entries import (
    EntryError,
    FullError,
    ImportRefused,
    entries_export,
    entries_found,
    entries_import,
    entry_add,
    entry_remove,
    normal,
)
from hygiene.models import ListEntry
from hygiene.services import Author

pytestmark = pytest.mark.django_db


@pytest.fixture
def by(alice: User) -> Author:
    return Author(user=alice, label="Alice Adams")


def listed(account: Account) -> set[tuple[str, str, str]]:
    rows = ListEntry.objects.for_account(account)
    return set(rows.values_list("kind", "scope", "value"))


def load(account: Account, by: Author, text: str, kind: str = "deny") -> object:
    return entries_import(account=account, data=text.encode(), kind=kind, by=by)


@pytest.mark.parametrize(
    ("typed", "scope", "value"),
    [
        (" Mira@Example.ORG ", "address", "mira@example.org"),
        ("jürgen@müller.de", "address", "jürgen@xn--mller-kva.de"),
        ("Example.org", "domain", "example.org"),
        ("@example.org", "domain", "example.org"),
        ("müller.de", "domain", "xn--mller-kva.de"),
        ("*.example.org", "tree", "example.org"),
    ],
)
def test_what_may_be_listed(typed: str, scope: str, value: str) -> None:
    assert normal(typed) == (scope, value)


@pytest.mark.parametrize(
    "typed",
    ["", " ", "@", "*.", "mira@", "a b.org", "two@at@x.org", "x" * 500, "org", "*"]
    + ["*@example.org", "a@b\x00.org", "example.org/", "https://example.org"],
)
def test_what_may_not(typed: str) -> None:
    if typed == "*@example.org":  # an odd address, but one
        assert normal(typed)[0] == "address"
        return
    with pytest.raises(EntryError):
        normal(typed)


def test_a_value_is_in_one_list_only(acme: Account, by: Author) -> None:
    first, new = entry_add(account=acme, kind="deny", value="x.org", by=by)
    assert new
    again, new = entry_add(account=acme, kind="deny", value="X.org", by=by)
    assert (again, new) == (first, False)
    moved, new = entry_add(
        account=acme, kind="allow", value="x.org", by=by, reason="our partner"
    )
    assert (moved.pk, new) == (first.pk, True)
    assert listed(acme) == {("allow", "domain", "x.org")}
    audited = list(
        AuditEntry.objects.order_by("id").values_list("action", "subject", "detail")
    )
    assert audited == [
        ("hygiene_entry.deny", "x.org", {"reason": ""}),
        (
            "hygiene_entry.allow",
            "x.org",
            {"reason": "our partner", "before": "deny", "after": "allow"},
        ),
    ]


def test_removed_once(acme: Account, by: Author, alice: User) -> None:
    entry, _ = entry_add(account=acme, kind="deny", value="*.x.org", by=by)
    assert (entry.added_by, entry.added_by_label) == (alice, "Alice Adams")
    assert entry_remove(account=acme, entry=entry, by=by)
    entry.id = entry.pk
    assert not entry_remove(account=acme, entry=entry, by=by)
    last = AuditEntry.objects.order_by("-id")[0]
    assert (last.action, last.subject) == ("hygiene_entry.remove", "*.x.org")
    assert AuditEntry.objects.count() == 2


def test_a_full_list_takes_no_more(
    acme: Account, by: Author, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries, "MOST_ENTRIES", 2)
    load(acme, by, "a.org\nb.org")
    with pytest.raises(FullError):
        entry_add(account=acme, kind="deny", value="c.org", by=by)
    entry_add(account=acme, kind="allow", value="a.org", by=by)
    with pytest.raises(FullError):
        load(acme, by, "c.org")
    assert len(listed(acme)) == 2


def test_a_list_of_values(acme: Account, by: Author) -> None:
    done = load(acme, by, "\ufeffa.org\r\n\r\nMira@b.org\n*.c.org\na.org", "allow")
    assert done == entries.Imported(added=3, moved=0, unchanged=0)
    assert listed(acme) == {
        ("allow", "domain", "a.org"),
        ("allow", "address", "mira@b.org"),
        ("allow", "tree", "c.org"),
    }
    entry = AuditEntry.objects.get()
    assert entry.action == "hygiene_entries.import"
    assert entry.detail == {"added": 3, "moved": 0, "unchanged": 0}


@pytest.mark.parametrize(
    "text",
    [
        "kind,value,reason\nallow,a.org,partner\ndeny,b.org,",
        "allow,a.org,partner\ndeny,b.org",
        "reason;value;kind\npartner;a.org;ALLOW\n;b.org;deny",
        "Value\tKind\tReason\na.org\tallow\tpartner\nb.org",
        "value,reason,kind\n'a.org,partner,allow\nb.org",
    ],
)
def test_a_list_with_columns(acme: Account, by: Author, text: str) -> None:
    if "'a.org" in text:  # no mark of ours: nothing that needs one stands behind it
        with pytest.raises(ImportRefused):
            load(acme, by, text)
        return
    load(acme, by, text)
    assert listed(acme) == {("allow", "domain", "a.org"), ("deny", "domain", "b.org")}
    assert ListEntry.objects.get(value="a.org").reason == "partner"


def test_values_with_a_reason(acme: Account, by: Author) -> None:
    load(acme, by, 'a.org,"rude, twice"\nb.org')
    assert ListEntry.objects.get(value="a.org").reason == "rude, twice"


def test_what_is_on_the_other_list_moves(acme: Account, by: Author) -> None:
    entry_add(account=acme, kind="deny", value="a.org", by=by)
    entry_add(account=acme, kind="allow", value="b.org", by=by)
    done = load(acme, by, "a.org\nb.org\nc.org", "allow")
    assert done == entries.Imported(added=1, moved=1, unchanged=1)
    assert {kind for kind, _, _ in listed(acme)} == {"allow"}


REFUSED = {
    "a wrong value": ("a.org\nfoo bar\nb.org", [2]),
    "two of them": ("x y\na.org\n\nz z", [1, 4]),
    "a wrong list": ("kind,value\nallow,a.org\nmaybe,b.org", [3]),
    "both lists": ("allow,a.org\ndeny,A.org", [2]),
    "a long reason": ("a.org," + "x" * 201, [1]),
    "an open quote": ('a.org\n"b.org', [2]),
    "a cell of 10 MB": ("a.org\n" + "x" * 10_000_000, [2]),
    "nothing": ("\n\n", [0]),
    "a header alone": ("kind,value,reason\n", [0]),
    "a NUL": ("a.org\nb\x00.org", [2]),
}


@pytest.mark.parametrize(("text", "rows"), REFUSED.values(), ids=REFUSED.keys())
def test_one_wrong_line_and_nothing_is_imported(
    acme: Account, by: Author, text: str, rows: list[int]
) -> None:
    with pytest.raises(ImportRefused) as caught:
        load(acme, by, text)
    assert [error.row for error in caught.value.errors] == rows
    assert all(error.detail for error in caught.value.errors)
    assert not ListEntry.objects.exists() and not AuditEntry.objects.exists()


def test_many_wrong_lines_are_counted_and_some_named(acme: Account, by: Author) -> None:
    with pytest.raises(ImportRefused) as caught:
        load(acme, by, "no domain\n" * 500)
    assert caught.value.total == 500
    assert len(caught.value.errors) == entries.SHOWN_ERRORS


def test_not_utf_8_is_said_with_its_line(acme: Account, by: Author) -> None:
    with pytest.raises(ImportRefused) as caught:
        entries_import(
            account=acme, data="a.org\nmüller.de".encode("latin-1"), kind="deny", by=by
        )
    assert caught.value.errors[0].row == 2
    assert "UTF-8" in caught.value.errors[0].detail


def test_too_much_is_refused(
    acme: Account, by: Author, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries, "MOST_ENTRIES", 2)
    with pytest.raises(ImportRefused, match="more than 2"):
        load(acme, by, "a.org\nb.org\nc.org")
    monkeypatch.setattr(entries, "MOST_BYTES", 5)
    with pytest.raises(ImportRefused, match="larger"):
        load(acme, by, "a.org\nb.org")


def test_a_hundred_thousand_lines(acme: Account, by: Author) -> None:
    text = "\n".join(f"domain{n}.example.org" for n in range(100_000))
    done = load(acme, by, text)
    assert done == entries.Imported(added=100_000, moved=0, unchanged=0)


@pytest.mark.parametrize("head", ["address,why", "Email"])
def test_a_heading_of_other_words_is_told_what_to_be(
    acme: Account, by: Author, head: str
) -> None:
    data = f"{head}\nrival.com,no\n".encode()
    with pytest.raises(ImportRefused) as caught:
        entries_import(account=acme, data=data, kind="deny", by=by)
    assert [error.row for error in caught.value.errors] == [1]
    assert "call the columns kind, value and reason" in caught.value.errors[0].detail
    assert not listed(acme)


def test_export_is_safe_and_imports_again(
    acme: Account, other: Account, by: Author
) -> None:
    entry_add(account=acme, kind="allow", value="+49@x.org", by=by, reason="=1+1")
    entry_add(account=acme, kind="deny", value="*.b.org", by=by, reason='a "b", c')
    ListEntry.objects.update(created_at=datetime(2026, 1, 2, tzinfo=UTC))
    text = "".join(entries_export(acme))
    assert text.startswith("\ufeffkind,value,reason,added_by,added_at\r\n")
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))[1:]
    assert rows == [
        ["deny", "*.b.org", 'a "b", c', "Alice Adams", "2026-01-02T00:00:00Z"],
        ["allow", "'+49@x.org", "'=1+1", "Alice Adams", "2026-01-02T00:00:00Z"],
    ]
    entries_import(account=other, data=text.encode(), kind="deny", by=by)
    assert listed(other) == listed(acme)
    assert ListEntry.objects.for_account(other).get(kind="allow").reason == "=1+1"


def test_search(acme: Account, other: Account, by: Author) -> None:
    for value in ("mira@example.org", "example.org", "*.müller.de"):
        entry_add(account=acme, kind="deny", value=value, by=by)
    entry_add(account=acme, kind="allow", value="good.org", by=by)
    entry_add(account=other, kind="deny", value="example.org", by=by)

    def values(**asked: str) -> set[str]:
        return set(entries_found(acme, **asked).values_list("value", flat=True))

    assert values(q="EXAMPLE") == {"mira@example.org", "example.org"}
    assert values(q="müller.de") == values(q="*.müller.de") == {"xn--mller-kva.de"}
    assert values(kind="allow") == {"good.org"}
    assert values(q="a\x00b") == set()


def test_a_long_list_moves_in_a_few_statements(
    acme: Account, by: Author, django_assert_max_num_queries: Any
) -> None:
    text = "".join(f"shop{n}.example.org,because {n}\n" for n in range(2000))
    entries_import(account=acme, data=text.encode(), kind="deny", by=by)
    with django_assert_max_num_queries(40):
        done = entries_import(account=acme, data=text.encode(), kind="allow", by=by)
    assert (done.added, done.moved) == (0, 2000)
    entry = ListEntry.objects.get(value="shop7.example.org")
    assert (entry.kind, entry.reason, entry.added_by) == ("allow", "because 7", by.user)


@pytest.mark.parametrize(
    ("typed", "kind", "said"),
    [
        ("gmail.com", "deny", "gives mailboxes to everybody: gmail.com has all rej"),
        ("*.gmail.com", "allow", "to everybody: *.gmail.com has all accepted"),
        ("*.co.uk", "deny", "registers domains under co.uk: *.co.uk has all rejected"),
        ("mira@gmail.com", "deny", ""),
        ("rossi.it", "deny", ""),
        ("*.rossi.it", "allow", ""),
    ],
)
def test_who_names_very_many_strangers_is_told(
    acme: Account, by: Author, typed: str, kind: str, said: str
) -> None:
    text = entries.warning(kind, *entries.normal(typed))
    assert said in text and bool(said) == bool(text)
    done = entries_import(account=acme, data=typed.encode(), kind=kind, by=by)
    assert done.warnings == ((text,) if text else ())
    again = entries_import(account=acme, data=typed.encode(), kind=kind, by=by)
    assert again.warnings == ()


RUBBISH = {
    "NUL in an address": b"mi\x00ra@example.org",
    "NUL in a reason": b"example.org,a\x00b",
    "two lines in a reason": b'example.org,"a\nb"',
    "a line of ten megabytes": b"a" * (10 * 1024 * 1024),
    "a cell that never ends": b'example.org,"' + b"a" * 200_000,
    "both lists": b"allow,example.org\ndeny,EXAMPLE.org",
    "both lists, in two scripts": "allow,müller.de\ndeny,xn--mller-kva.de".encode(),
    "a formula": b"=HYPERLINK(1)",
    "a whole ending": b"*.com",
    "UTF-16": "example.org".encode("utf-16"),
    "a picture": b"\x89PNG\r\n\x1a\n\x00\x00",
    "nothing but a mark": b"\xef\xbb\xbf",
    "nothing but a head": b"kind,value,reason",
}


@pytest.mark.parametrize("data", RUBBISH.values(), ids=RUBBISH.keys())
def test_rubbish_is_refused_as_a_whole(acme: Account, by: Author, data: bytes) -> None:
    good = (
        b"first.example.org\n"
        if not data.startswith((b"\xef", b"kind", b"\xff"))
        else b""
    )
    with pytest.raises(ImportRefused) as caught:
        entries_import(account=acme, data=good + data, kind="deny", by=by)
    assert caught.value.errors and len(str(caught.value)) < 600
    assert not ListEntry.objects.exists()


def test_what_is_there_twice_counts_once(acme: Account, by: Author) -> None:
    data = "\ufeffmüller.de\nMÜLLER.de\nxn--mller-kva.de\n\n@müller.de".encode()
    assert entries_import(account=acme, data=data, kind="deny", by=by).added == 1
    assert ListEntry.objects.get().value == "xn--mller-kva.de"
