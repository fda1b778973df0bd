"""Our confirmation mail to a contact: the card on the contact page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from contacts.models import Contact
from contactsync.tenancy.models import Account
from displays.confirm_words import LANGUAGES
from displays.models import Confirmation
from integrations.adapters.errors import Reason
from integrations.models import Delivery, State

Mail = Confirmation.State
TONES = {
    Mail.QUEUED: "info",
    Mail.SENT: "warn",
    Mail.DELIVERED: "warn",
    Mail.BOUNCED: "bad",
    Mail.CONFIRMED: "ok",
    Mail.EXPIRED: "",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmationView:
    """The newest one. ``times`` are (label, moment), in their order."""

    label: str
    tone: str
    times: tuple[tuple[str, datetime], ...]
    language: str
    detail: str
    may_resend: bool


def confirmation_of(contact: Contact, account: Account) -> ConfirmationView | None:
    """Two queries at most; None where we never asked."""
    row = (
        Confirmation.objects.for_account(account)
        .filter(contact_id=contact.pk)
        .order_by("-id")
        .first()
    )
    if row is None:
        return None
    ended = row.state in (Mail.CONFIRMED, Mail.EXPIRED, Mail.BOUNCED)
    moments = (
        ("Asked for", row.created_at),
        ("Sent", row.sent_at),
        ("Reminded", row.reminded_at),
        ("Next try" if row.state == Mail.QUEUED else "", row.due),
        ("Link expires" if not ended else "", row.expires_at),
        ("Confirmed", row.confirmed_at),
    )
    words = LANGUAGES.get(row.language)
    return ConfirmationView(
        label=row.get_state_display(),
        tone=TONES[Mail(row.state)],
        times=tuple((label, at) for label, at in moments if label and at),
        language=words.label if words else row.language,
        detail=row.detail,
        may_resend=row.state != Mail.QUEUED and waits(contact, account),
    )


def waits(contact: Contact, account: Account) -> bool:
    """Whether sending the mail again could lead to anything."""
    ours = Delivery.objects.for_account(account).filter(
        contact_id=contact.pk, asked_by="us"
    )
    never = Q(state=State.SKIPPED, reason=Reason.NOT_CONFIRMED.value)
    return ours.filter(Q(state=State.AWAITING_OPT_IN) | never).exists()
