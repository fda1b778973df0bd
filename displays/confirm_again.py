"""Sending somebody the confirmation mail once more, because somebody asks for it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from contacts.models import Contact
from contactsync.lib.clock import now
from displays import confirm, confirm_waker
from displays.confirm import State
from displays.confirm_limits import over_limit
from displays.models import Confirmation, ConfirmationMail
from integrations import outbox_confirm
from integrations.adapters.errors import Reason

SHORT = timedelta(minutes=2)
"""Two mails to one address are at least this far apart."""


class NotSent(Exception):
    """No mail goes out; the message says why. ``limited``: a later try may help."""

    def __init__(self, why: str, *, limited: bool = False) -> None:
        super().__init__(why)
        self.limited = limited


def confirmation_resend(
    *, account_id: int, contact_id: UUID, ip: str | None = None
) -> None:
    """Have a worker send the mail again; what had expired waits again. Raises NotSent.

    ``ip`` is the visitor's who asks for it, None when it is the team.
    """
    contact = Contact.objects.for_account(account_id).get(pk=contact_id)
    at = now()
    with transaction.atomic():
        current = confirm.open_of(account_id, contact.email_key)
        if current is None or current.state != State.QUEUED:
            require_room(account_id, contact.email_key, ip, at)
        else:
            raise NotSent(
                current.detail or "The mail is on its way already.", limited=True
            )
        outbox_confirm.ask_again(account_id=account_id, contact_id=contact_id)
        if not outbox_confirm.waiting_of(account_id, contact_id):
            raise NotSent("Nothing waits for a confirmation of this contact.")
        again(contact, current, ip, at)
    transaction.on_commit(confirm_waker.wake)


def require_room(account_id: int, email_key: str, ip: str | None, at: datetime) -> None:
    """Raises NotSent when the address, or the visitor, is over a limit."""
    mails = ConfirmationMail.objects.for_account(account_id)
    if mails.filter(email_key=email_key, at__gt=at - SHORT).exists():
        raise NotSent("A mail went out a moment ago. Wait two minutes.", limited=True)
    wait = over_limit(account_id=account_id, email_key=email_key, ip=ip, at=at)
    if wait is not None:
        later = f"{wait.until:%-d %B, %H:%M} UTC"
        raise NotSent(f"{wait.why} The next may go out on {later}.", limited=True)


def again(
    contact: Contact, current: Confirmation | None, ip: str | None, at: datetime
) -> None:
    """Queue the open confirmation anew, or let a new one be made."""
    if current is None:
        outbox_confirm.told(
            account_id=contact.account_id,
            contact_id=contact.pk,
            reason=Reason.OPT_IN_QUEUED.value,
            due=at,
        )
        return
    values: dict[str, Any] = {"ip": ip} if ip else {}
    if not confirm.requeue(current, at, **values):
        raise NotSent("The mail is on its way already.", limited=True)
    outbox_confirm.told(
        account_id=contact.account_id,
        contact_id=contact.pk,
        reason=Reason.OPT_IN_QUEUED.value,
        due=at + confirm.LOOK_AGAIN,
    )
