"""The worker's part: claim a run, judge it batch by batch, hand it back.

Whoever holds the claim works; everything is written by conditional UPDATEs that name
it. A batch's result, the counts and the place to go on from are one transaction, so a
worker that dies at any moment loses and doubles no row, and one that lost its claim
(the run was paused, cancelled, deleted, or taken over after the lease) writes nothing.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from typing import Any
from uuid import UUID

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.db import DatabaseError, transaction
from django.db.models.functions import Coalesce

from contacts.models import Suppression
from contactsync.lib.clock import now
from contactsync.tenancy.jobs import FREE
from hygiene.case import Lookup
from hygiene.cleaning.columns import COLUMNS_MAX
from hygiene.cleaning.judging import Columns, Judged, judge_batch
from hygiene.cleaning.reading import LINES_MAX, Record, Records, TooManyLines, rows
from hygiene.cleaning.results import (
    JUDGED,
    Seen,
    by_tally,
    detailed,
    judged_rows,
    raw_pieces,
)
from hygiene.cleaning.snapshot import policy_of, suppression_lookup
from hygiene.facts import default_facts
from hygiene.known import trap_lookup
from hygiene.models import CleaningChunk, CleaningRun

log = structlog.get_logger(__name__)

ROWS_MAX = 1_000_000
BATCH_ROWS = 5_000
BATCH_CHARACTERS = 4_000_000
LEASE = timedelta(seconds=60)
WORK_SECONDS = 60.0
"""How long one task works before another run gets its turn."""
BEAT_ROWS = 50_000
"""The lease is made longer after so many rows that are only read."""

NOTED_ROWS = 5
"""Rows named in a note."""

Status = CleaningRun.Status


class Lost(Exception):
    """The run is not ours any more."""


class Unusable(Exception):
    """The file cannot be cleaned as it is; the message says why, for people."""


def due() -> list[UUID]:
    """Runs that nobody works on, the oldest first."""
    return list(CleaningRun.objects.free().order_by("id").values_list("pk", flat=True))


def claim(run_id: UUID) -> CleaningRun | None:
    """Take a run for ourselves, or ``None``: somebody has it, or there is no work."""
    claim_id = CleaningRun.take(run_id, LEASE, started_at=Coalesce("started_at", now()))
    if claim_id is None:
        return None
    return CleaningRun.objects.filter(pk=run_id, claim_id=claim_id).first()


def update(run: CleaningRun, **values: Any) -> None:
    """Write to our own run and hold it for longer. Raises Lost."""
    values.setdefault("lease_until", now() + LEASE)
    if not CleaningRun.objects.held(run.pk, run.claim_id).update(**values):
        raise Lost


def clean(run_id: UUID, *, seconds: float = WORK_SECONDS) -> int:
    """Work on a run for a while; returns how many rows were judged.

    Never raises but for the data base: a run that cannot be worked on is failed with
    the reason.
    """
    run = claim(run_id)
    if run is None:
        return 0
    before = run.rows_done
    try:
        if not run.rows_total:
            count(run)
        if work(run, until=time.monotonic() + seconds):
            update(run, status=Status.DONE, finished_at=now(), **FREE)
        else:
            update(run, **FREE)
    except Lost:
        log.info("cleaning run is not ours any more", run=str(run_id))
    except Unusable as error:
        _fail(run, str(error))
    except TooManyLines:
        _fail(
            run,
            f"The file has more than {LINES_MAX:,} lines, most of them empty. Take out "
            "the empty ones and upload it again.",
        )
    except SoftTimeLimitExceeded:
        _free_again(run)
    except DatabaseError:
        raise
    except Exception:
        log.exception("cleaning run failed", run=str(run_id))
        _fail(
            run,
            f"Something went wrong on our side after row {run.rows_done:,}. What was "
            "judged so far is kept. Try again, and tell us if it happens twice.",
        )
    return run.rows_done - before


def _free_again(run: CleaningRun) -> None:
    """The machine is slow, which is no failure: the sweep comes back to it."""
    try:
        update(run, **FREE)
    except Lost:
        log.info("cleaning run is not ours any more", run=str(run.pk))


def _fail(run: CleaningRun, error: str) -> None:
    try:
        update(run, status=Status.FAILED, error=error, finished_at=now(), **FREE)
    except Lost:
        log.info("cleaning run is not ours any more", run=str(run.pk))


def _rows(run: CleaningRun) -> tuple[Records, Iterator[Record]]:
    return rows(raw_pieces(run), run.encoding, run.delimiter, run.has_header)


def count(run: CleaningRun) -> None:
    """Count the rows, so that there is a progress to show. Raises Unusable, Lost."""
    total, width = 0, len(run.columns)
    for record in _rows(run)[1]:
        total += 1
        width = max(width, len(record.cells))
        if total > ROWS_MAX:
            raise Unusable(
                f"The file has more than {ROWS_MAX:,} rows. Split it into several "
                "files and clean them one by one."
            )
        if total % BEAT_ROWS == 0:
            update(run)
    if not total:
        raise Unusable(
            "There is nothing below the headings. Choose the file that holds your list."
            if run.has_header
            else "The file holds no rows. Choose the file that holds your list."
        )
    width = min(width, COLUMNS_MAX)
    run.columns = [*run.columns, *[""] * (width - len(run.columns))]
    run.rows_total = total
    update(run, rows_total=total, columns=run.columns)


def work(run: CleaningRun, *, until: float) -> bool:
    """Judge batch after batch. False: there is more, but no time. Raises Lost."""
    columns = Columns.of(run)
    facts, policy = default_facts(), policy_of(run)
    done = detailed(run)
    seen = _seen(run, [seq for seq, _, _ in done])
    records, wanted = _rows(run)
    for skipped, _ in enumerate(islice(wanted, run.rows_done), 1):
        if skipped % BEAT_ROWS == 0:
            update(run)
    for seq, batch in enumerate(batches(records, wanted), len(done)):
        judged = judge_batch(
            batch,
            columns,
            facts=facts,
            policy=policy,
            suppressed=_suppressed(run, batch, columns.email),
            seen=seen,
        )
        settle(run, seq, judged)
        if time.monotonic() > until:
            return run.rows_done >= run.rows_total
    return True


def batches(records: Records, wanted: Iterator[Record]) -> Iterator[list[Record]]:
    """Rows in batches that fit into memory, however large the cells are."""
    batch: list[Record] = []
    full = records.read + BATCH_CHARACTERS
    for record in wanted:
        batch.append(record)
        if len(batch) == BATCH_ROWS or records.read > full:
            yield batch
            batch, full = [], records.read + BATCH_CHARACTERS
    if batch:
        yield batch


def _seen(run: CleaningRun, done: list[int]) -> Seen:
    """The mailboxes of the rows that were judged already."""
    seen = Seen(run.rows_total)
    for seq in done:
        for row in judged_rows(run, seq):
            if row.category != "syntax" and not row.duplicate_of:
                seen.first(row.email.lower(), row.row)
        update(run)
    return seen


def _suppressed(run: CleaningRun, batch: list[Record], email: int) -> Lookup | None:
    """Asked anew for every batch: somebody may unsubscribe while we work."""
    traps = trap_lookup()
    if not Suppression.objects.for_account(run.account_id).exists():
        return traps
    addresses = (cells[email] for _, cells, _ in batch if email < len(cells))
    return suppression_lookup(run.account_id, addresses, traps)


def settle(run: CleaningRun, seq: int, judged: Judged) -> None:
    """Write a batch's result, or nothing at all. Raises Lost."""
    counts = Counter(run.counts)
    counts.update(by_tally(judged.counts))
    values = {
        "rows_done": run.rows_done + judged.rows,
        "counts": dict(counts),
        "notes": noted(run.notes, judged.remarks),
    }
    with transaction.atomic():
        update(run, **values)
        CleaningChunk.objects.create(
            run=run,
            kind=JUDGED,
            seq=seq,
            rows=judged.rows,
            counts=judged.counts,
            data=judged.data,
        )
    for name, value in values.items():
        setattr(run, name, value)


def noted(notes: list[Any], remarks: dict[str, list[int]]) -> list[dict[str, Any]]:
    """Remarks added to the run's notes: a code, the first rows, and how many in all."""
    found = {note["code"]: dict(note) for note in notes}
    for code, at in remarks.items():
        note = found.setdefault(code, {"code": code, "rows": [], "count": 0})
        note["rows"] = [*note["rows"], *at][:NOTED_ROWS]
        note["count"] += len(at)
    return list(found.values())
