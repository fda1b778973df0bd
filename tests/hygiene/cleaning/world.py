"""Lists, and working on them as the worker does."""

from __future__ import annotations

from typing import Any

from contactsync.tenancy.models import Account
from hygiene.cleaning import results, services, upload, work
from hygiene.cleaning.services import Choices
from hygiene.models import CleaningRun

LIST = (
    b"Email,First name,Last name,Note\r\n"
    b'mira.jensen@gmail.com,Mira,Jensen,"likes ""tea"", and cake"\r\n'
    b"info@acme-tools.de,,,\r\n"
    b"not an address,Omar,,\r\n"
    b"Mira.Jensen@GMAIL.com,Mira,Jensen,again\r\n"
    b"\r\n"
    b"jo@mailinator.com,Jo,,\r\n"
    b",Nobody,,\r\n"
    b"omar.haddad@outlook.com,Omar,Haddad,=1+1\r\n"
)
"""Rows 2 to 9: clean, role, syntax, twice, (blank), disposable, syntax, clean."""


def uploaded(account: Account, content: bytes = LIST, **more: Any) -> CleaningRun:
    blocks = [content[at : at + 1000] for at in range(0, len(content), 1000)]
    more.setdefault("filename", "customers.csv")
    return upload.store(upload.receive(blocks), account=account, by=None, **more)


def started(account: Account, content: bytes = LIST, **more: Any) -> CleaningRun:
    """Queued, with the columns found; ``more`` goes to ``services.look``."""
    run = uploaded(account, content)
    shown = services.look(run, **more)
    services.start(
        run,
        Choices(
            shown.encoding,
            shown.delimiter,
            shown.has_header,
            shown.email or 0,
            shown.first_name,
            shown.last_name,
        ),
    )
    return run


def cleaned(account: Account, content: bytes = LIST, **more: Any) -> CleaningRun:
    run = started(account, content, **more)
    work.clean(run.pk)
    run.refresh_from_db()
    return run


def rows_of(run: CleaningRun) -> list[results.JudgedRow]:
    return [
        row
        for seq, _, _ in results.chunks(run)
        for row in results.judged_rows(run, seq)
    ]
