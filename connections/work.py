"""The work of an import: chunk by chunk into the outbox, never much ahead of it.

A worker holds an import by a claim with a lease. Each chunk is one transaction that
writes its people and moves ``next_chunk``, so a worker killed at any point loses and
doubles nobody; another takes over when the lease ends.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F, Q, QuerySet

from connections.again import turned_away
from connections.models import ListImport
from connections.store import Person, store_chunk
from contactsync.lib.clock import now
from contactsync.lib.email import email_key
from contactsync.lib.sql import is_postgres
from contactsync.tenancy.jobs import FREE, OPEN
from hygiene.cleaning.results import JudgedRow, judged_rows
from hygiene.models import CleaningRun
from integrations.entries import sources_of
from integrations.outbox_list import waiting
from integrations.waker import waker

log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=120)
# Short: whoever waits for this worker, as a signup to be sent, has its turn then.
SECONDS = 10.0
# A signup posted now waits behind what is enqueued already for the same account.
BACKLOG = 10_000
# On SQLite, after a chunk: a signup that waits to write looks every 100 ms at most.
BREATH = 0.15
LONGEST_FIELD = 2000
NAME_MAX = 64
# What a data base refuses to keep.
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
DELETED = "The cleaned list was deleted before all was sent."
UNLINKED = "The linked account was unlinked before all was sent."


def open_imports() -> list[UUID]:
    """Imports that a worker should go on with now."""
    return list(ListImport.objects.free().values_list("pk", flat=True))


def still_read() -> Q:
    """Cleaning runs that an import takes its people from."""
    reading = ListImport.objects.filter(status__in=OPEN).exclude(run=None)
    return Q(pk__in=reading.values("run_id"))


def advance(import_id: UUID) -> int:
    """Go on with an import for a while. Returns the number of people enqueued."""
    claim = ListImport.take(import_id, LEASE)
    if claim is None:
        return 0
    deadline = time.monotonic() + SECONDS
    enqueued = 0
    try:
        while time.monotonic() < deadline:
            done = step(import_id, claim)
            if done is None:
                break
            enqueued += done
            if not is_postgres():
                time.sleep(BREATH)
    except (OperationalError, InterfaceError, SoftTimeLimitExceeded):
        # A deadlock, a lost connection, a slow machine: the sweep comes back to it.
        log.warning("import interrupted", import_id=str(import_id), exc_info=True)
    except Exception:
        # Our bug: it would come back for ever. What is enqueued already stays so.
        log.exception("import failed", import_id=str(import_id))
        _end(
            ListImport.objects.held(import_id, claim),
            "contactsync ran into an error of its own. Nobody was sent twice; "
            "report it with the time shown.",
        )
    finally:
        ListImport.objects.filter(pk=import_id, claim_id=claim).update(**FREE)
    return enqueued


def _end(mine: QuerySet[ListImport], error: str = "") -> None:
    ended = ListImport.Status.FAILED if error else ListImport.Status.DONE
    mine.update(status=ended, error=error, finished_at=now())


def step(import_id: UUID, claim: UUID) -> int | None:
    """One chunk. None: there is nothing to do now, or it is not ours any more."""
    mine = ListImport.objects.held(import_id, claim)
    if not mine.update(lease_until=now() + LEASE):
        return None
    related = ("run", "target__linked_account")
    job = (
        ListImport.objects.select_related(*related)
        .defer("run__policy")
        .get(pk=import_id)
    )
    if job.rows_done >= job.rows_total:
        _end(mine)
        return None
    if job.target.linked_account.removed_at:
        _end(mine, UNLINKED)
        return None
    if waiting(job.target_id, most=BACKLOG) >= BACKLOG:
        return None
    rows = list(judged_rows(job.run, job.next_chunk)) if job.run else []
    if job.run is None or not rows:
        _end(mine, DELETED)
        return None
    people = people_of(job, job.run, rows)
    # Before the transaction: SQLite has one writer, and signups wait for it.
    away = turned_away(job.account_id, people)
    with transaction.atomic():
        # This lock keeps pause, cancel and a worker with a newer claim out.
        if not mine.filter(next_chunk=job.next_chunk).update(
            next_chunk=job.next_chunk + 1, rows_done=F("rows_done") + len(rows)
        ):
            return None
        counts = store_chunk(job, people, away)
        sent = counts.pop("", 0)
        mine.update(
            enqueued=F("enqueued") + sent,
            skipped=dict(Counter(job.skipped) + counts),
        )
        linked = job.target.linked_account_id
        transaction.on_commit(lambda: waker.wake([linked]), robust=True)
    return sent


def people_of(
    job: ListImport, run: CleaningRun, rows: Iterable[JudgedRow]
) -> list[Person]:
    """The accepted rows, with the fields that the import takes along."""
    kept = {"first_name", "last_name", *sources_of(job.target.mapping)}
    names = [name if name in kept else "" for name in field_names(run)]
    return [person_of(row, names) for row in rows if row.clean]


def field_names(run: CleaningRun) -> list[str]:
    """What each column of a list is called as a contact's field, "" for the address.

    ``first_name`` and ``last_name`` for the columns chosen as such; the others by
    their heading in lower case, with a number behind it where two are alike.
    """
    names: list[str] = []
    chosen = {
        run.email_column: "",
        run.first_name_column: "first_name",
        run.last_name_column: "last_name",
    }
    for at, heading in enumerate(run.columns):
        if at in chosen:
            names.append(chosen[at])
            continue
        name = re.sub(r"\W+", "_", str(heading).lower()).strip("_")[: NAME_MAX - 4]
        name = name or f"column_{at + 1}"
        taken = {*names, "first_name", "last_name", "email"}
        number = 2
        unique = name
        while unique in taken:
            unique = f"{name}_{number}"
            number += 1
        names.append(unique)
    return names


def person_of(row: JudgedRow, names: list[str]) -> Person:
    """``names`` has one name per cell, "" for those that are not taken along."""
    found = {
        name: UNSTORABLE.sub("", value).strip()[:LONGEST_FIELD]
        for name, value in zip(names, row.cells, strict=False)
        if name
    }
    fields = {name: value for name, value in found.items() if value}
    return Person(row.row, row.email, email_key(row.email), fields)
