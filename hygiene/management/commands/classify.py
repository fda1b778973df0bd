"""``manage.py classify``: judge addresses from a file or standard input, one a line."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from django.core.management.base import BaseCommand, CommandError, CommandParser

from hygiene.services import check

COLUMNS = ("address", "category", "rule", "evidence")


class Command(BaseCommand):
    help = (
        "Judge one email address per line (standard input without FILE) and print "
        "address, category, rule and evidence. Reads and writes as it goes."
    )
    requires_system_checks = ()
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", nargs="?", metavar="FILE")
        parser.add_argument("--format", choices=("csv", "jsonl"), default="csv")

    def handle(self, *args: object, **options: str | None) -> None:
        write = _write_jsonl if options["format"] == "jsonl" else _write_csv
        try:
            with _lines(options["file"]) as lines:
                write(_rows(lines), _surrogates_allowed(self.stdout))
        except OSError as error:
            if not isinstance(error, BrokenPipeError):
                raise CommandError(f"{options['file']}: {error.strerror}") from error
            _forget_stdout()


def _rows(lines: Iterable[str]) -> Iterator[tuple[str, str, str, str]]:
    for line in lines:
        address = line.removesuffix("\n").removesuffix("\r")
        verdict = check(address)
        yield address, verdict.category, verdict.rule, verdict.evidence


def _write_csv(rows: Iterable[tuple[str, str, str, str]], out: TextIO) -> None:
    plain = csv.writer(out, lineterminator="\n")
    # The module only quotes a carriage return when it ends lines with one itself.
    quoted = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
    plain.writerow(COLUMNS)
    for row in rows:
        (quoted if "\r" in row[0] else plain).writerow(row)
    out.flush()


def _write_jsonl(rows: Iterable[tuple[str, str, str, str]], out: TextIO) -> None:
    for row in rows:
        out.write(json.dumps(dict(zip(COLUMNS, row, strict=True))) + "\n")
    out.flush()


@contextmanager
def _lines(path: str | None) -> Iterator[TextIO]:
    """Open the input so that no byte can stop it: what is no UTF-8 stays as it is.

    Only a line feed ends a line, so an address may hold any other line break.
    """
    if path is not None:
        with Path(path).open(
            encoding="utf-8-sig", errors="surrogateescape", newline="\n"
        ) as lines:
            yield lines
    else:
        _reconfigure(sys.stdin, newline="\n")
        yield sys.stdin


def _surrogates_allowed(wrapper: Any) -> TextIO:
    """Return the plain output stream, able to write undecodable bytes back."""
    out: TextIO = getattr(wrapper, "_out", wrapper)
    _reconfigure(out, newline="\n")
    return out


def _reconfigure(stream: object, **options: str) -> None:
    # Streams put in place by a test or a caller decode for themselves.
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(encoding="utf-8", errors="surrogateescape", **options)


def _forget_stdout() -> None:
    """The reader went away: keep the interpreter from complaining as it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
