"""What workers do about signups. Any message may be lost or doubled."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task

from displays import mail_hosts

EXPIRES_SECONDS = 60
AGAIN_SECONDS = 1


@shared_task(name="displays.check_mail_host")
def check_mail_host(signup_id: str) -> bool:
    """Find out whether a signup's domain takes mail. False: asked again in a second."""
    settled = mail_hosts.settle(UUID(signup_id))
    if not settled:
        check_mail_host.apply_async(
            [signup_id], countdown=AGAIN_SECONDS, expires=EXPIRES_SECONDS
        )
    return settled


@shared_task(name="displays.sweep_mail_hosts")
def sweep_mail_hosts() -> int:
    """Have signups looked at whose wake-up was lost."""
    waiting = mail_hosts.sweep()
    for signup_id in waiting:
        check_mail_host.apply_async([str(signup_id)], expires=EXPIRES_SECONDS)
    return len(waiting)
