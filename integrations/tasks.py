"""What the broker carries: ids, never truth. Any message may be lost or doubled."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task
from celery.signals import worker_init, worker_ready, worker_shutting_down
from django.conf import settings

from integrations import bulk_tasks as bulk_tasks
from integrations import flow_back_tasks as flow_back_tasks
from integrations import (
    jobs,
    oauth_daily,
    oauth_state,
    opt_ins,
    outbox,
    shutdown,
    watch,
)
from integrations import retention_tasks as retention_tasks
from integrations.drain import take_turn

WAKE_EXPIRES = 60
SWEEP_SECONDS = 10
DELIVER_QUEUE, SLOW_QUEUE = "deliver", "slow"
IDLE_EXPIRES = 3600


@shared_task(
    name="integrations.drain",
    soft_time_limit=settings.DRAIN_SOFT_LIMIT,
    time_limit=settings.DRAIN_HARD_LIMIT,
)
def drain_linked_account(
    linked_account_id: str, slow: bool = False, ticket: str | None = None
) -> int:
    """A turn at an account. What is known to be slow goes to workers of its own, so
    that it keeps nobody else waiting."""
    account_id = UUID(linked_account_id)
    mine = UUID(ticket) if ticket else None
    if not slow and outbox.is_slow(account_id):
        wake(account_id, slow=True, ticket=mine)
        return 0
    done = take_turn(account_id, ticket=mine, keep=SWEEP_SECONDS)
    if done.again is not None and done.again < SWEEP_SECONDS:
        wake(account_id, slow=done.slow, countdown=done.again, ticket=done.ticket)
    return done.settled


def wake(
    linked_account_id: UUID,
    *,
    slow: bool = False,
    countdown: float = 0.0,
    ticket: UUID | None = None,
) -> None:
    drain_linked_account.apply_async(
        [str(linked_account_id), slow, str(ticket) if ticket else None],
        queue=SLOW_QUEUE if slow else DELIVER_QUEUE,
        countdown=countdown or None,
        expires=WAKE_EXPIRES,
    )


@shared_task(name="integrations.sweep")
def sweep(thorough: bool = False) -> int:
    """Take back ended leases, let go what nothing holds, wake who has due rows."""
    outbox.reclaim()
    if thorough:
        outbox.reclaim_all()
    outbox.release()
    due = outbox.due_accounts()
    for linked_account_id, slow in due:
        wake(linked_account_id, slow=slow)
    return len(due)


@shared_task(name="integrations.release_rest")
def release_rest(linked_account_id: str) -> int:
    """Go on letting go what is held at a connected account, until nothing is."""
    moved = outbox.resume_connected(UUID(linked_account_id))
    if moved:
        wake(UUID(linked_account_id))
        release_rest.apply_async([linked_account_id], expires=IDLE_EXPIRES)
    return moved


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


@shared_task(name="integrations.refresh_tokens")
def refresh_tokens() -> int:
    """One task per linked account whose tokens lie idle; what was begun and never
    finished is forgotten."""
    oauth_state.forget_old()
    idle = oauth_daily.idle_linked_accounts()
    for linked_account_id in idle:
        refresh_tokens_of.apply_async([str(linked_account_id)], expires=IDLE_EXPIRES)
    return len(idle)


@shared_task(name="integrations.refresh_tokens_of")
def refresh_tokens_of(linked_account_id: str) -> bool:
    return oauth_daily.renew_idle(UUID(linked_account_id))


@shared_task(name="integrations.watch")
def watch_linked_accounts() -> int:
    """One task per linked account that was not looked at for an hour."""
    due = watch.due_linked_accounts()
    for linked_account_id in due:
        watch_linked_account.apply_async([str(linked_account_id)], expires=600)
    return len(due)


@shared_task(name="integrations.watch_of")
def watch_linked_account(linked_account_id: str) -> int:
    return watch.check(UUID(linked_account_id))


@worker_init.connect
def on_init(**_: object) -> None:
    shutdown.prepare()


@worker_shutting_down.connect
def on_shutting_down(**_: object) -> None:
    shutdown.ask()


@worker_ready.connect
def on_start(**_: object) -> None:
    """A worker that starts finds out by itself what there is to do."""
    sweep.apply_async([True], expires=WAKE_EXPIRES)
