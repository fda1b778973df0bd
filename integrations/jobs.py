"""Following jobs that a provider took (Submitted) to their end."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from itertools import groupby
from uuid import UUID

from django.db.models import Exists, OuterRef

from contactsync.lib.clock import now
from contactsync.lib.crypto import SealError
from integrations import outbox, retry
from integrations.adapters.base import Adapter
from integrations.adapters.errors import (
    AdapterError,
    DriftError,
    Reason,
    SetupError,
    TargetError,
)
from integrations.holding import account_break, target_break
from integrations.models import Delivery, LinkedAccount, State, Target
from integrations.oauth_tokens import answered, ready_adapter
from integrations.outbox import Settled
from integrations.outcomes import later, settled_from
from integrations.sending import note_attempt

JOBS = 20  # looked up in one go
SECONDS = 20.0
# After that the contact is sent again, which an upsert allows, until it was tried often
# enough.
PATIENCE = timedelta(hours=6)
NEVER_ENDED = "The provider took the contact and did not say what became of it."


def due_linked_accounts() -> list[UUID]:
    """Linked accounts with jobs to look up now."""
    connected = LinkedAccount.objects.filter(
        removed_at=None, status=LinkedAccount.Status.CONNECTED
    )
    due = Delivery.objects.filter(
        linked_account=OuterRef("pk"), stage=State.SUBMITTED, due__lte=now()
    )
    return list(connected.filter(Exists(due)).values_list("pk", flat=True))


def check(linked_account_id: UUID) -> int:
    """Look up the jobs that are due. Returns how many rows ended.

    Rows are put off before the provider is asked, so that two workers do not ask for
    the same job. What cannot be answered now is asked again later.
    """
    account = LinkedAccount.objects.filter(
        pk=linked_account_id, removed_at=None, status=LinkedAccount.Status.CONNECTED
    ).first()
    if account is None:
        return 0
    due = Delivery.objects.filter(
        linked_account=account, stage=State.SUBMITTED, due__lte=now()
    )
    jobs = list(due.values_list("target_id", "remote_id").distinct()[:JOBS])
    ended = 0
    deadline = time.monotonic() + SECONDS
    try:
        adapter = ready_adapter(account)
        for target_id, group in groupby(sorted(jobs), key=lambda job: job[0]):
            target = Target.objects.get(pk=target_id)
            for _, job in group:
                if target.held_reason or time.monotonic() > deadline:
                    break
                question = partial(follow, account, target, job)
                ended += answered(account, adapter, question)
    except SetupError as error:
        account_break(account, error.reason.value, error.detail)
    except (AdapterError, SealError):
        pass
    return ended


def follow(account: LinkedAccount, target: Target, job: str, adapter: Adapter) -> int:
    """Ask about one job, and settle its rows when it has ended.

    Raises AdapterError, except where the audience is at fault: that target is held.
    """
    rows = list(
        Delivery.objects.filter(
            target=target, stage=State.SUBMITTED, remote_id=job
        ).order_by("id")
    )
    postpone(rows)
    started = time.monotonic()
    adapter.exchanges.clear()
    found = []
    if "poll" in adapter.supports:
        try:
            emails = [row.payload["email"] for row in rows]
            found = adapter.poll(job, emails, target.audience_id)
        except (TargetError, DriftError) as error:
            target_break(target, error.reason.value, error.detail)
            return 0
    if not found:
        return outbox.settle_submitted(given_up(rows))
    ms = round((time.monotonic() - started) * 1000)
    attempt_id = note_attempt(account, adapter, len(rows), "", ms)
    results = [
        settled_from(row, outcome) for row, outcome in zip(rows, found, strict=True)
    ]
    return outbox.settle_submitted(results, attempt_id=attempt_id)


def given_up(rows: Sequence[Delivery]) -> list[Settled]:
    """Rows whose job has had its time: once more, or failed."""
    return [
        later(row, Reason.TIMEOUT.value, NEVER_ENDED, None)
        for row in rows
        if now() - row.changed_at > PATIENCE
    ]


def postpone(rows: Sequence[Delivery]) -> None:
    """Look again later. Only ``due`` changes, and only while the row still waits."""
    if not rows:
        return
    at = now()
    age = (at - min(row.changed_at for row in rows)).total_seconds()
    Delivery.objects.filter(
        pk__in=[row.pk for row in rows], stage=State.SUBMITTED
    ).update(due=at + timedelta(seconds=retry.job_check(age)))
