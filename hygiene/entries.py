"""The tenant's own lists: addresses and domains always accepted, or never."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.db import transaction
from django.db.models import Q

from contactsync.lib.email import domain_shown
from contactsync.lib.ids import uuid7
from contactsync.tenancy.models import Account
from hygiene.facts import default_facts
from hygiene.models import ListEntry
from hygiene.policies import policies
from hygiene.rules.syntax import parse
from hygiene.services import Author, policy_row
from hygiene.verdict import Finding, printable

Kind, Scope = ListEntry.Kind, ListEntry.Scope

MOST_ENTRIES = 100_000
MOST_BYTES = 16 * 1024 * 1024
MAX_REASON = 200
MAX_TYPED = 400
SHOWN_ERRORS = 20
CHUNK = 500
COLUMNS = ("kind", "value", "reason", "added_by", "added_at")
UNNAMED = COLUMNS[:3]
# A cell that begins with one of these is a formula to a spreadsheet program (OWASP,
# "CSV Injection"); the wide forms count as the narrow ones in some of them.
ONE_LINE = re.compile(r"[^\x00-\x1f]*").fullmatch
FORMULA = tuple("=+-@\t\r\n＝＋－＠")


class EntryError(ValueError):
    """Not an address or a domain; the message says so to a person."""


class FullError(Exception):
    """The account's lists hold as many entries as they may."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody wants listed, normalised. ``row`` is its line in a file, or 0."""

    kind: str
    scope: str
    value: str
    reason: str = ""
    row: int = 0

    @property
    def place(self) -> tuple[str, str]:
        return self.scope, self.value


def normal(text: str) -> tuple[str, str]:
    """(scope, value) of an address, a domain, or ``*.domain``. Raises EntryError."""
    text = text.strip()
    if len(text) > MAX_TYPED:
        raise EntryError("This is too long for an address or a domain.")
    if "@" in text.removeprefix("@"):
        parsed = parse(text)
        if not isinstance(parsed, Finding):
            return Scope.ADDRESS, f"{parsed[0].lower()}@{parsed[1]}"
    else:
        bare = text.removeprefix("@")
        tree = bare.startswith("*.")
        parsed = parse(f"x@{bare.removeprefix('*.')}")
        if bare and not isinstance(parsed, Finding):
            return (Scope.TREE if tree else Scope.DOMAIN), parsed[1]
    raise EntryError(f"“{printable(text)}” is not an email address or a domain.")


def warning(kind: str, scope: str, value: str) -> str:
    """What to say of an entry that is about very many strangers; "" for any other."""
    if scope == Scope.ADDRESS:
        return ""
    facts = default_facts()
    does = "accepted" if kind == Kind.ALLOW else "rejected"
    name = shown(scope, value)
    if value in facts.suffixes and scope == Scope.TREE:
        return f"Everybody registers domains under {value}: {name} has all {does}."
    if value in facts.mailboxes:
        return f"{value} gives mailboxes to everybody: {name} has all {does}."
    return ""


def shown(scope: str, value: str) -> str:
    """The entry as people write it."""
    local, at, domain = value.rpartition("@")
    written = f"{local}{at}{domain_shown(domain)}"
    return f"*.{written}" if scope == Scope.TREE else written


def entry_add(
    *, account: Account, kind: str, value: str, by: Author, reason: str = ""
) -> tuple[ListEntry, bool]:
    """Put an address or a domain on a list; from the other list it is taken.

    The entry and whether anything changed: what is on the list already stays as it
    is. Raises EntryError and FullError.
    """
    scope, value = normal(value)
    with transaction.atomic():
        row = policy_row(account)
        mine = ListEntry.objects.for_account(account)
        entry: ListEntry | None = mine.filter(scope=scope, value=value).first()
        if entry is not None and entry.kind == kind:
            return entry, False
        before = entry.kind if entry else ""
        if entry is None:
            if mine.count() >= MOST_ENTRIES:
                raise FullError
            entry = ListEntry(account=account, scope=scope, value=value)
        entry.kind = kind
        entry.reason = reason[:MAX_REASON]
        entry.added_by, entry.added_by_label = by.user, by.label[:160]
        entry.save()
        row.save()
        moved = {"before": before, "after": kind} if before else {}
        by.note(
            account,
            f"hygiene_entry.{kind}",
            shown(scope, value),
            reason=reason[:MAX_REASON],
            **moved,
        )
    return entry, True


def entry_remove(*, account: Account, entry: ListEntry, by: Author) -> bool:
    """Take an entry off its list. False: somebody else was quicker."""
    with transaction.atomic():
        row = policy_row(account)
        mine = ListEntry.objects.for_account(account)
        gone, _ = mine.filter(pk=entry.pk).delete()
        if not gone:
            return False
        row.save()
        by.note(
            account,
            "hygiene_entry.remove",
            shown(entry.scope, entry.value),
            list=entry.kind,
            reason=entry.reason,
        )
    return True


def entries_found(account: Account, kind: str = "", q: str = "") -> Any:
    """An account's entries, unordered: of one list, with ``q`` in them."""
    found = ListEntry.objects.for_account(account)
    if kind:
        found = found.filter(kind=kind)
    if q := q.replace("\x00", "").strip().lower():
        try:
            exact = Q(value=normal(q)[1])
        except EntryError:
            exact = Q()
        found = found.filter(Q(value__icontains=q.removeprefix("*.")) | exact)
    return found


HEADING = " If it is a heading, call the columns kind, value and reason."


@dataclass(frozen=True, slots=True)
class RowError:
    """What is wrong with a line of a file; lines are counted from 1."""

    row: int
    detail: str


class ImportRefused(ValueError):
    """Nothing was imported. ``errors`` name lines, at most SHOWN_ERRORS of them."""

    def __init__(self, errors: list[RowError], total: int = 0) -> None:
        super().__init__(errors[0].detail if errors else "")
        self.errors = errors[:SHOWN_ERRORS]
        self.total = total or len(errors)


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did. ``moved`` were on the other list before; ``warnings`` name
    new entries that are about very many strangers."""

    added: int
    moved: int
    unchanged: int
    warnings: tuple[str, ...] = ()


def entries_import(
    *, account: Account, data: bytes, kind: str, by: Author, name: str = ""
) -> Imported:
    """Add what a CSV or text file lists: all of it or nothing.

    One value a line goes to the list ``kind``; with columns they are kind, value and
    reason, in this order or as a first line names them. An entry of the other list is
    moved. Raises ImportRefused and FullError.
    """
    wanted = read_file(data, kind)
    with transaction.atomic():
        row = policy_row(account)
        there = {
            (scope, value): kind
            for scope, value, kind in ListEntry.objects.for_account(
                account
            ).values_list("scope", "value", "kind")
        }
        fresh = [each for each in wanted.values() if each.place not in there]
        moved = [
            each
            for each in wanted.values()
            if each.place in there and there[each.place] != each.kind
        ]
        if len(there) + len(fresh) > MOST_ENTRIES:
            raise FullError
        _write(account, by, [*fresh, *moved])
        unchanged = len(wanted) - len(fresh) - len(moved)
        said = (warning(each.kind, *each.place) for each in (*fresh, *moved))
        warnings = tuple(islice(filter(None, said), SHOWN_ERRORS))
        done = Imported(len(fresh), len(moved), unchanged, warnings)
        row.save()
        by.note(
            account,
            "hygiene_entries.import",
            name or "a list",
            added=done.added,
            moved=done.moved,
            unchanged=done.unchanged,
        )
    policies.forget(account.pk)
    return done


def _write(account: Account, by: Author, wanted: list[Wanted]) -> None:
    """New entries, and those that are moved: in both cases hundreds in a statement."""
    ListEntry.objects.bulk_create(
        (
            ListEntry(
                id=uuid7(),
                account=account,
                kind=each.kind,
                scope=each.scope,
                value=each.value,
                reason=each.reason,
                added_by=by.user,
                added_by_label=by.label[:160],
            )
            for each in wanted
        ),
        batch_size=CHUNK,
        update_conflicts=True,
        unique_fields=("account", "scope", "value"),
        update_fields=("kind", "reason", "added_by", "added_by_label"),
    )


def read_file(data: bytes, kind: str) -> dict[tuple[str, str], Wanted]:
    """What a file wants listed, by (scope, value). Raises ImportRefused."""
    if len(data) > MOST_BYTES:
        most = MOST_BYTES // 1024**2
        raise ImportRefused([RowError(0, f"The file is larger than {most} MB.")])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = data[: error.start].count(b"\n") + 1
        raise ImportRefused(
            [RowError(row, "This is not UTF-8. Save the file as “CSV UTF-8”.")]
        ) from None
    wanted: dict[tuple[str, str], Wanted] = {}
    errors: list[RowError] = []
    wrong = 0
    for row, cells in cells_of(text):
        try:
            each = wanted_of(cells, kind, row)
            twin = wanted.setdefault(each.place, each)
            if twin.kind != each.kind:
                raise EntryError(f"Line {twin.row} puts this on the other list.")
        except EntryError as error:
            wrong += 1
            if len(errors) < SHOWN_ERRORS:
                hint = HEADING if row == 1 else ""
                errors.append(RowError(row, f"{error}{hint}"))
        if len(wanted) > MOST_ENTRIES:
            detail = f"There are more than {MOST_ENTRIES:,} entries."
            raise ImportRefused([RowError(row, detail)])
    if errors:
        raise ImportRefused(errors, wrong)
    if not wanted:
        raise ImportRefused([RowError(0, "There is nothing in this file.")])
    return wanted


def cells_of(text: str) -> Iterator[tuple[int, Mapping[str, str]]]:
    """(line, cells by column) of a file, blank lines and its header left out."""
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    columns: tuple[str, ...] = ()
    while True:
        before = reader.line_num
        try:
            found = next(reader)
        except StopIteration:
            return
        except csv.Error:
            detail = "This line cannot be read: a cell is too long or never ends."
            raise ImportRefused([RowError(before + 1, detail)]) from None
        row = before + 1
        cells = [plain(cell) for cell in found]
        if not any(cells):
            continue
        named = tuple(cell.lower() for cell in cells)
        if not columns:
            columns = named if "value" in named else UNNAMED
            if columns is not UNNAMED:
                continue
        if columns is UNNAMED and named[0] not in Kind.values:
            cells = ["", *cells]  # value[,reason]
        yield row, dict(zip(columns, cells, strict=False))


def wanted_of(cells: Mapping[str, str], kind: str, row: int) -> Wanted:
    listed = cells.get("kind", "").lower() or kind
    if listed not in Kind.values:
        raise EntryError(f"“{printable(listed)}” is not a list: write allow or deny.")
    reason = cells.get("reason", "")
    if len(reason) > MAX_REASON:
        raise EntryError(f"The reason is longer than {MAX_REASON} characters.")
    if not ONE_LINE(reason):
        raise EntryError("The reason is not one line of text.")
    return Wanted(listed, *normal(cells.get("value", "")), reason, row)


def plain(cell: str) -> str:
    """A cell without the mark that our export puts before a formula."""
    cell = cell.strip()
    return cell[1:] if cell[:1] == "'" and cell[1:2] in FORMULA and cell[1:] else cell


def safe(value: object) -> str:
    """``value`` as a cell that no spreadsheet program takes for a formula."""
    text = str(value)
    return f"'{text}" if text.startswith(FORMULA) else text


class Echo:
    """A file that hands back what is written, for csv.writer."""

    def write(self, line: str) -> str:
        return line


def export_note(account: Account, by: Author, kind: str = "", q: str = "") -> None:
    """What leaves the house is written down."""
    chosen = [f"{kind} list"] if kind else []
    chosen += [f"“{q}”"] if q else []
    by.note(account, "hygiene_entries.exported", ", ".join(chosen) or "all entries")


def entries_export(account: Account, kind: str = "", q: str = "") -> Iterator[str]:
    """The lists as CSV, line by line, newest first; ``entries_import`` reads it.

    Begins with a byte order mark, without which Excel takes UTF-8 for something else.
    """
    writer = csv.writer(Echo())
    yield "\ufeff" + writer.writerow(COLUMNS)
    found = entries_found(account, kind, q).order_by("-id")
    for entry in found.iterator(chunk_size=2000):
        cells = (
            entry.kind,
            shown(entry.scope, entry.value),
            entry.reason,
            entry.added_by_label,
            f"{entry.created_at:%Y-%m-%dT%H:%M:%SZ}",
        )
        yield writer.writerow([safe(cell) for cell in cells])
