"""Cleaned lists for the tests of imports."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence

from contactsync.tenancy.models import Account
from hygiene.models import CleaningChunk, CleaningRun

COLUMNS = ["Email", "First name", "Company"]


def cleaned(
    account: Account,
    *chunks: Sequence[Sequence[object]],
    status: str = CleaningRun.Status.DONE,
) -> CleaningRun:
    """A finished run; each row is (email, first name, company[, category])."""
    run = CleaningRun.objects.create(
        account=account,
        filename="people.csv",
        status=status,
        encoding="utf-8",
        delimiter=",",
        columns=COLUMNS,
        email_column=0,
        first_name_column=1,
    )
    number, seen = 0, {}
    for seq, rows in enumerate(chunks):
        lines = []
        counts: dict[str, int] = {}
        for email, first, company, *rest in rows:
            number += 1
            category = str(rest[0]) if rest else "valid"
            twin = seen.setdefault(email, number)
            duplicate = twin if twin != number else None
            name = "duplicate" if duplicate else category
            counts[name] = counts.get(name, 0) + 1
            line = [number, [email, first, company], email, category, "", "", ""]
            lines.append(json.dumps([*line, duplicate]))
        CleaningChunk.objects.create(
            run=run,
            kind=CleaningChunk.Kind.JUDGED,
            seq=seq,
            rows=len(rows),
            counts=counts,
            data=zlib.compress("\n".join(lines).encode()),
        )
        for name, n in counts.items():
            run.counts[name] = run.counts.get(name, 0) + n
    run.rows_total = run.rows_done = number
    run.save()
    return run
