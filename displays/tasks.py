"""What workers do about signups. Any message may be lost or doubled."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task
from django.core.cache import cache

from displays import confirm, confirm_retention, confirm_send, mail_hosts
from hygiene.mail_hosts import prune

EXPIRES_SECONDS = 60
AGAIN_SECONDS = (1, 2, 4, 8)
PRUNE_SECONDS = 3600


@shared_task(name="displays.check_mail_host")
def check_mail_host(signup_id: str, tries: int = 0) -> bool:
    """Find out whether a signup's domain takes mail. False: asked again in a moment.

    Each time later, and not beyond the time that signups wait: ten thousand of one
    silent domain would otherwise keep a worker busy by coming back.
    """
    settled = mail_hosts.settle(UUID(signup_id))
    if not settled and tries < len(AGAIN_SECONDS):
        check_mail_host.apply_async(
            [signup_id, tries + 1],
            countdown=AGAIN_SECONDS[tries],
            expires=EXPIRES_SECONDS,
        )
    return settled


@shared_task(name="displays.confirm")
def ask_to_confirm(what: str = "") -> int:
    """See who is to be asked to confirm, and send, remind and expire what is due."""
    confirm.gather()
    return confirm_send.send_due()


@shared_task(name="displays.prune_confirmations")
def prune_confirmations(part: int = 0, last: str = "") -> int:
    """Delete what is over and old, and leave the rest of it to the next message. Should
    that be lost, the next hour begins anew. Returns how many rows are gone."""
    begin = UUID(last) if last else confirm_retention.FIRST
    done = confirm_retention.prune(part, begin)
    if done.part is not None:
        prune_confirmations.apply_async(
            [done.part, str(done.last)], expires=PRUNE_SECONDS
        )
    return done.deleted


@shared_task(name="displays.sweep_mail_hosts")
def sweep_mail_hosts() -> int:
    """Have signups looked at whose wake-up was lost. Hourly: forget old answers."""
    if cache.add("displays.mail_hosts_pruned", 1, PRUNE_SECONDS):
        prune()
    waiting = mail_hosts.sweep()
    for signup_id in waiting:
        check_mail_host.apply_async([str(signup_id)], expires=EXPIRES_SECONDS)
    return len(waiting)
