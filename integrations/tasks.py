"""What the broker carries: ids, never truth. Any message may be lost or doubled."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task
from celery.signals import worker_ready

from integrations import jobs, opt_ins, outbox
from integrations.drain import drain

WAKE_EXPIRES = 60


@shared_task(name="integrations.drain")
def drain_linked_account(linked_account_id: str) -> int:
    settled = drain(UUID(linked_account_id))
    return settled


@shared_task(name="integrations.sweep")
def sweep() -> int:
    """Take back ended leases, let go what nothing holds, wake who has due rows."""
    outbox.reclaim()
    outbox.release()
    due = outbox.due_accounts()
    for linked_account_id in due:
        drain_linked_account.apply_async([str(linked_account_id)], expires=WAKE_EXPIRES)
    return len(due)


@shared_task(name="integrations.check_opt_ins")
def check_opt_ins() -> int:
    """One task per linked account: one that hangs or fails keeps no other waiting."""
    due = opt_ins.due_linked_accounts()
    for linked_account_id in due:
        check_opt_ins_of.apply_async([str(linked_account_id)], expires=WAKE_EXPIRES)
    return len(due)


@shared_task(name="integrations.check_opt_ins_of")
def check_opt_ins_of(linked_account_id: str) -> int:
    return opt_ins.check(UUID(linked_account_id))


@shared_task(name="integrations.check_jobs")
def check_jobs() -> int:
    """One task per linked account with jobs to follow."""
    due = jobs.due_linked_accounts()
    for linked_account_id in due:
        check_jobs_of.apply_async([str(linked_account_id)], expires=WAKE_EXPIRES)
    return len(due)


@shared_task(name="integrations.check_jobs_of")
def check_jobs_of(linked_account_id: str) -> int:
    return jobs.check(UUID(linked_account_id))


@worker_ready.connect
def on_start(**_: object) -> None:
    """A worker that starts finds out by itself what there is to do."""
    sweep.apply_async(expires=WAKE_EXPIRES)
