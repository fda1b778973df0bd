"""What a team's mail provider tells about confirmation mails: delivered, bounced,
complained. Found by Message-ID; telling the same twice changes nothing."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from django.db import transaction

from contacts.models import Suppression
from contacts.suppressions import suppress
from contactsync.lib.clock import now
from displays.confirm import LOOK_AGAIN, State, bounce, close
from displays.models import Confirmation, ConfirmationMail
from integrations import outbox_confirm
from integrations.adapters.errors import Reason

COMPLAINED = "The person reported the confirmation mail as spam."


class Kind(StrEnum):
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    COMPLAINED = "complained"


class Applied(StrEnum):
    """UNKNOWN: no such mail of this account. UNCHANGED: known, or too late."""

    APPLIED = "applied"
    UNCHANGED = "unchanged"
    UNKNOWN = "unknown"


def mail_event(
    *, account_id: int, message_id: str, kind: str, at: datetime, detail: str = ""
) -> Applied:
    """Write down what became of a mail. ``message_id`` with or without its angle
    brackets."""
    bare = message_id.strip().strip("<>")
    sent = (
        ConfirmationMail.objects.for_account(account_id)
        .filter(message_id=f"<{bare}>")
        .select_related("confirmation")
        .first()
    )
    if sent is None:
        return Applied.UNKNOWN
    row: Confirmation = sent.confirmation
    with transaction.atomic():
        if kind == Kind.DELIVERED:
            changed = delivered(row)
        elif kind == Kind.BOUNCED:
            changed = bounce(row, detail or "The mail came back.")
        else:
            changed = complained(row, at, detail)
    return Applied.APPLIED if changed else Applied.UNCHANGED


def delivered(row: Confirmation) -> bool:
    sent = Confirmation.objects.filter(pk=row.pk, state=State.SENT)
    if not sent.update(state=State.DELIVERED):
        return False
    outbox_confirm.told(
        account_id=row.account_id,
        contact_id=row.contact_id,
        reason=Reason.OPT_IN_DELIVERED.value,
        due=row.expires_at or now() + LOOK_AGAIN,
    )
    return True


def complained(row: Confirmation, at: datetime, detail: str) -> bool:
    """Whoever complains is never mailed again, whatever they signed up for."""
    new = suppress(
        account_id=row.account_id,
        email=row.email,
        actor=Suppression.Actor.COMPLAINT,
        left_at=at,
        reason=COMPLAINED,
        detail=detail,
    )
    row.detail = COMPLAINED
    closed = close(row, State.EXPIRED)
    outbox_confirm.suppressed(account_id=row.account_id, contact_id=row.contact_id)
    return new or closed
