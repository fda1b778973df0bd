"""Finding out whether a person has confirmed at the provider."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from itertools import groupby
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from contacts.consents import consent_confirmed
from contacts.models import Contact
from contactsync.lib.clock import now
from contactsync.lib.crypto import SealError
from integrations import outbox, retry
from integrations.adapters.base import Adapter, Subscription
from integrations.adapters.errors import (
    AdapterError,
    DriftError,
    Reason,
    SetupError,
    TargetError,
)
from integrations.holding import account_unread, target_break
from integrations.models import Delivery, LinkedAccount, State, Target
from integrations.oauth_tokens import answered, ready_adapter
from integrations.outbox import Settled
from integrations.services import page_adapter
from integrations.splitting import standing_of

BATCH = 50
CHUNK = 5
SECONDS = 8.0
# Nobody confirms after a month; who is not there after a day was removed there.
EXPIRES = timedelta(days=30)
GONE = {"absent", "archived"}
GONE_AFTER = timedelta(days=1)
US = "us"  # asked by our own mail: no provider knows of it
# A provider's status -> what becomes of a delivery that awaited the confirmation.
ENDS = {
    "subscribed": (State.SYNCED, ""),
    "unsubscribed": (State.REJECTED, Reason.UNSUBSCRIBED.value),
    "bounced": (State.REJECTED, Reason.BOUNCED.value),
    "complained": (State.REJECTED, Reason.COMPLIANCE.value),
}


def due_linked_accounts() -> list[UUID]:
    """Linked accounts with opt-ins to look up now."""
    connected = LinkedAccount.objects.filter(
        removed_at=None, status=LinkedAccount.Status.CONNECTED
    )
    due = Delivery.objects.filter(
        linked_account=OuterRef("pk"), stage=State.AWAITING_OPT_IN, due__lte=now()
    ).exclude(asked_by=US)
    return list(connected.filter(Exists(due)).values_list("pk", flat=True))


def check(linked_account_id: UUID, *, contact_id: UUID | None = None) -> int:
    """Look up the opt-ins that are due (or all of one contact). Returns how many ended.

    Reads only. Rows are put off before the provider is asked, so that two workers do
    not ask for the same ones. For one contact the provider's failure is raised
    (AdapterError, SealError); the schedule just looks again later.
    """
    account = LinkedAccount.objects.filter(
        pk=linked_account_id, removed_at=None, status=LinkedAccount.Status.CONNECTED
    ).first()
    if account is None:
        return 0
    waiting: QuerySet[Delivery] = Delivery.objects.filter(
        linked_account_id=linked_account_id, stage=State.AWAITING_OPT_IN
    ).exclude(asked_by=US)
    waiting = (
        waiting.filter(contact_id=contact_id)
        if contact_id
        else waiting.filter(due__lte=now())
    )
    rows = sorted(waiting.order_by("due")[:BATCH], key=lambda row: str(row.target_id))
    postpone(rows)
    try:
        adapter = page_adapter(account) if contact_id else ready_adapter(account)
        return answered(account, adapter, lambda current: ask(account, current, rows))
    except SetupError as error:
        account_unread(account, error)
        if contact_id is not None:
            raise  # somebody waits for the answer and can be told
    except (AdapterError, SealError):
        if contact_id is not None:
            raise
    return 0


def ask(account: LinkedAccount, adapter: Adapter, rows: list[Delivery]) -> int:
    """Ask target by target, CHUNK rows at a time, until SECONDS are over."""
    if "subscriptions" not in adapter.supports:
        return 0
    deadline = time.monotonic() + SECONDS
    ended = 0
    for target_id, group in groupby(rows, key=lambda row: row.target_id):
        target = Target.objects.get(pk=target_id)
        batch = list(group)
        for start in range(0, len(batch), CHUNK):
            part = batch[start : start + CHUNK]
            if target.held_reason or time.monotonic() > deadline:
                break
            try:
                emails = [row.payload["email"] for row in part]
                found = standing_of(adapter, emails, target.audience_id)
            except (TargetError, DriftError) as error:
                target_break(target, error.reason.value, error.detail)
                break
            ended += conclude(part, found, absent=adapter.asked_are_absent)
    return ended


def conclude(
    batch: list[Delivery], found: list[Subscription], *, absent: bool = False
) -> int:
    """Settle who confirmed or never will, and write the consent of those who did.

    ``absent``: the provider does not show people before they confirm, so nobody was
    removed there.
    """
    gone = GONE - {"absent"} if absent else GONE
    results = []
    for row, subscription in zip(batch, found, strict=True):
        age = now() - row.changed_at  # since they were asked
        if subscription.status in ENDS:
            state, reason = ENDS[subscription.status]
            results.append(Settled(row.id, state, reason, subscription.detail))
        elif age > EXPIRES or (subscription.status in gone and age > GONE_AFTER):
            results.append(Settled(row.id, State.SKIPPED, Reason.NOT_CONFIRMED))
    with transaction.atomic():
        ended = outbox.settle_opt_ins(results)
        for row, subscription in zip(batch, found, strict=True):
            if subscription.status == "subscribed":
                note_consent(row, subscription)
    return ended


def note_consent(row: Delivery, subscription: Subscription) -> None:
    """The person confirmed at the provider: after they were asked, even where it does
    not say when."""
    if not Contact.objects.filter(pk=row.contact_id).exists():
        return
    consent_confirmed(
        account_id=row.account_id,
        contact_id=row.contact_id,
        signup_id=row.signup_id,
        how="provider",
        at=subscription.changed_at or row.changed_at,
        evidence={
            "linked_account": str(row.linked_account_id),
            "provider": row.linked_account.provider,
            "email": subscription.email,
        },
    )


def postpone(rows: list[Delivery]) -> None:
    """Look again later. Only ``due`` changes, and only while the row still waits."""
    at: datetime = now()
    for row in rows:
        age = (at - row.changed_at).total_seconds()
        Delivery.objects.filter(pk=row.pk, state=State.AWAITING_OPT_IN).update(
            due=at + timedelta(seconds=retry.opt_in_check(age))
        )
