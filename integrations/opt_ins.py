"""Finding out whether a person has confirmed at the provider."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import groupby
from uuid import UUID

from django.db.models import QuerySet

from contactsync.lib.clock import now
from integrations import outbox, retry
from integrations.adapters.base import Subscription
from integrations.adapters.errors import AdapterError, Reason, SetupError
from integrations.models import Delivery, LinkedAccount, State, Target
from integrations.outbox import Settled
from integrations.services import account_break

BATCH = 50
# A provider's status -> what becomes of a delivery that awaited the confirmation.
ENDS = {
    "subscribed": (State.SYNCED, ""),
    "unsubscribed": (State.REJECTED, Reason.UNSUBSCRIBED.value),
    "bounced": (State.REJECTED, Reason.BOUNCED.value),
    "complained": (State.REJECTED, Reason.COMPLIANCE.value),
}


def due_linked_accounts() -> list[UUID]:
    """Linked accounts with opt-ins to look up now."""
    return list(
        Delivery.objects.filter(state=State.AWAITING_OPT_IN, due__lte=now())
        .values_list("linked_account_id", flat=True)
        .distinct()
    )


def check(linked_account_id: UUID, *, contact_id: UUID | None = None) -> int:
    """Look up the opt-ins that are due (or all of one contact). Returns how many ended.

    Reads only; two workers doing the same at once settle each row once. For one
    contact the provider's failure is raised (AdapterError); the schedule just looks
    again later.
    """
    account = LinkedAccount.objects.filter(
        pk=linked_account_id, status=LinkedAccount.Status.CONNECTED
    ).first()
    if account is None:
        return 0
    waiting: QuerySet[Delivery] = Delivery.objects.filter(
        linked_account_id=linked_account_id, state=State.AWAITING_OPT_IN
    )
    waiting = (
        waiting.filter(contact_id=contact_id)
        if contact_id
        else waiting.filter(due__lte=now())
    )
    adapter = account.adapter()
    if "subscriptions" not in adapter.supports:
        return 0
    rows = sorted(waiting.order_by("due")[:BATCH], key=lambda row: str(row.target_id))
    ended = 0
    for target_id, group in groupby(rows, key=lambda row: row.target_id):
        batch = list(group)
        target = Target.objects.get(pk=target_id)
        try:
            found = adapter.subscriptions(
                [row.payload["email"] for row in batch], target.audience_id
            )
        except AdapterError as error:
            if isinstance(error, SetupError):
                account_break(account, error.reason.value, error.detail)
            postpone(batch)
            if contact_id is not None:
                raise  # somebody waits for the answer and can be told
            return ended
        ended += conclude(batch, found)
    return ended


def conclude(batch: list[Delivery], found: list[Subscription]) -> int:
    results, still = [], []
    for row, subscription in zip(batch, found, strict=True):
        if subscription.status in ENDS:
            state, reason = ENDS[subscription.status]
            results.append(Settled(row.id, state, reason, subscription.detail))
        else:
            still.append(row)
    postpone(still)
    return outbox.settle_opt_ins(results)


def postpone(rows: list[Delivery]) -> None:
    """Look again later. Only ``due`` changes, and only while the row still waits."""
    at: datetime = now()
    for row in rows:
        age = (at - row.created_at).total_seconds()
        Delivery.objects.filter(pk=row.pk, state=State.AWAITING_OPT_IN).update(
            due=at + timedelta(seconds=retry.opt_in_check(age))
        )
