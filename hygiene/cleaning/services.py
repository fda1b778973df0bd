"""What people and programs do to a run. Each change is one conditional UPDATE.

To pause what is paused, and so on, changes nothing and is no error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import Q

from contactsync.lib.clock import now
from contactsync.tenancy.jobs import OPEN as OPEN
from hygiene.cleaning.columns import Preview, preview
from hygiene.cleaning.reading import DELIMITERS, ENCODINGS
from hygiene.cleaning.results import JUDGED, RAW, raw_pieces
from hygiene.cleaning.snapshot import lists_now, policy_json
from hygiene.cleaning.waker import waker
from hygiene.models import CleaningChunk, CleaningRun
from hygiene.policies import policy_for

KEEP_DAYS = 30
HEAD_BYTES = 256 * 1024

in_use: list[Callable[[], Q]] = []
"""Conditions by which others say which runs they still read."""

Status = CleaningRun.Status
STARTABLE = (Status.UPLOADED, Status.FAILED)


class NotNow(Exception):
    """The run is in a state in which this cannot be done; the message says which."""


@dataclass(frozen=True, slots=True)
class Choices:
    """How to read a file. Columns are numbered from 0."""

    encoding: str
    delimiter: str
    has_header: bool
    email: int
    first_name: int | None = None
    last_name: int | None = None


def look(
    run: CleaningRun,
    *,
    encoding: str = "",
    delimiter: str = "",
    has_header: bool | None = None,
) -> Preview:
    """The beginning of the file as it would be read; finds out what is not given."""
    head = next(raw_pieces(run), b"")[:HEAD_BYTES]
    return preview(
        head,
        encoding=encoding if encoding in ENCODINGS else run.encoding,
        delimiter=delimiter if delimiter in DELIMITERS else "",
        has_header=has_header,
    )


def lines_in(run: CleaningRun) -> int:
    """About how many lines the file has, before its rows were counted."""
    found = CleaningChunk.objects.filter(run=run, kind=RAW)
    return sum(found.values_list("rows", flat=True)) + 1


def start(run: CleaningRun, choices: Choices) -> None:
    """Queue a run, anew if it failed. Raises NotNow."""
    shown = look(
        run,
        encoding=choices.encoding,
        delimiter=choices.delimiter,
        has_header=choices.has_header,
    )
    with transaction.atomic():
        _change(
            run,
            STARTABLE,
            status=Status.QUEUED,
            encoding=choices.encoding,
            delimiter=choices.delimiter,
            has_header=choices.has_header,
            columns=shown.columns,
            email_column=choices.email,
            first_name_column=choices.first_name,
            last_name_column=choices.last_name,
            policy=policy_json(policy_for(run.account_id)),
            lists=lists_now(),
            rows_total=0,
            rows_done=0,
            counts={},
            notes=[],
            error="",
            started_at=None,
            finished_at=None,
        )
        CleaningChunk.objects.filter(run=run, kind=JUDGED).delete()
    _wake(run)


def pause(run: CleaningRun) -> None:
    """What is being judged at this moment is given up. Raises NotNow."""
    _change(run, (*OPEN, Status.PAUSED), status=Status.PAUSED)


def resume(run: CleaningRun) -> None:
    """Go on from the first row that is not judged. Raises NotNow."""
    if run.status not in OPEN:
        _change(run, (Status.PAUSED,), status=Status.QUEUED)
    _wake(run)


def cancel(run: CleaningRun) -> None:
    """Stop for good; what was judged is kept. Raises NotNow."""
    if run.status == Status.CANCELLED:
        return
    _change(run, (*OPEN, Status.PAUSED), status=Status.CANCELLED, finished_at=now())


ACTIONS: dict[str, Callable[[CleaningRun], None]] = {
    "pause": pause,
    "resume": resume,
    "cancel": cancel,
}


def delete(run: CleaningRun) -> None:
    """Remove the run, the file and all verdicts, whatever its state."""
    with transaction.atomic():
        # Else a worker may add a chunk between the chunks' deletion and the run's.
        CleaningRun.objects.select_for_update().filter(pk=run.pk).values("pk").first()
        CleaningRun.objects.filter(pk=run.pk).delete()


def delete_old() -> int:
    """Remove runs older than ``KEEP_DAYS`` that are in nobody's hands."""
    limit = now() - timedelta(days=KEEP_DAYS)
    old = CleaningRun.objects.filter(created_at__lt=limit).exclude(status__in=OPEN)
    for used in in_use:
        old = old.exclude(used())
    ids = list(old.values_list("pk", flat=True)[:20])
    CleaningRun.objects.filter(pk__in=ids).delete()
    return len(ids)


def _change(run: CleaningRun, among: tuple[str, ...], **values: object) -> None:
    """Change a run in one of these states and take it from its worker."""
    if not run.move(among, **values):
        state = run.get_status_display().lower()
        raise NotNow(f"This list is {state}, so that cannot be done now.")


def _wake(run: CleaningRun) -> None:
    run_id = run.pk
    transaction.on_commit(lambda: waker.wake([run_id]), robust=True)
