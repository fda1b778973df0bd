"""Mail to the people of an account."""

from __future__ import annotations

import structlog
from django.core.mail import send_mail

from contactsync.tenancy.models import Account, Membership, Role

log = structlog.get_logger(__name__)


def mail_admins(account: Account, *, subject: str, body: str) -> int:
    """Write to the account's admins and owners; returns to how many.

    A mail server that does not answer is logged and never stops the caller.
    """
    subject = " ".join(subject.split())  # a label may hold a line break
    people = list(
        Membership.objects.filter(
            account=account, role__gte=Role.ADMIN, user__is_active=True
        ).values_list("user__email", flat=True)
    )
    for address in people:
        try:
            send_mail(f"[contactsync] {subject}", body, None, [address])
        except (OSError, ValueError) as error:
            log.warning("mail not sent", error=type(error).__name__)
    return len(people)
