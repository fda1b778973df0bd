"""What of the outbox may be sent now. Reads only; part of ``integrations.outbox``."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from contactsync.lib.clock import now
from contactsync.lib.sql import as_uuid, rows
from integrations.models import OPEN, Delivery, LinkedAccount, State
from integrations.outbox_write import TABLE

# Rows that wait, by the words of the partial index on ``due``.
WAITING = "d.stage = 'open' AND d.state = 'pending'"
# A contact's changes keep their order: a row waits until the contact's earlier rows for
# the account are settled.
CLAIMABLE = f"""SELECT d.id FROM {TABLE} d
    WHERE d.linked_account_id = %s AND {WAITING} AND d.due <= %s
    AND NOT EXISTS (SELECT 1 FROM {TABLE} e WHERE e.contact_id = d.contact_id
        AND e.id < d.id AND e.linked_account_id = d.linked_account_id
        AND e.state IN ('pending', 'sending'))"""


def due_accounts() -> list[tuple[UUID, bool]]:
    """Linked accounts with rows to send now, and whether each is a slow one. One index
    probe per account."""
    found = rows(
        f"""SELECT l.id, l.slow FROM integrations_linkedaccount l
        WHERE EXISTS (SELECT 1 FROM {TABLE} d WHERE d.linked_account_id = l.id
            AND {WAITING} AND d.due <= %s)
        AND (l.not_before IS NULL OR l.not_before <= %s)""",
        [now(), now()],
    )
    return [(as_uuid(row[0]), bool(row[1])) for row in found]


def can_claim(linked_account_id: UUID) -> bool:
    """Whether ``claim`` would find something now."""
    return bool(rows(f"{CLAIMABLE} LIMIT 1", [linked_account_id, now()]))


def is_slow(linked_account_id: UUID) -> bool:
    """Whether a linked account was found to be slow."""
    mine = LinkedAccount.objects.filter(pk=linked_account_id)
    return bool(mine.values_list("slow", flat=True).first())


def others_wait(linked_account_id: UUID) -> bool:
    """Whether another linked account has something to send now, among those that are
    as fast or as slow as this one."""
    at = now()
    found = rows(
        f"""SELECT EXISTS (SELECT 1 FROM integrations_linkedaccount me
        JOIN integrations_linkedaccount l ON l.id <> me.id AND l.slow = me.slow
        WHERE me.id = %s AND l.status = 'connected'
        AND (l.not_before IS NULL OR l.not_before <= %s)
        AND EXISTS (SELECT 1 FROM {TABLE} d WHERE d.linked_account_id = l.id
            AND {WAITING} AND d.due <= %s))""",
        [linked_account_id, at, at],
    )
    return bool(found[0][0])


def oldest_due() -> datetime | None:
    """Since when the row that waits longest is due; None when nothing is."""
    return (
        Delivery.objects.filter(stage=OPEN, state=State.PENDING, due__lte=now())
        .order_by("due")
        .values_list("due", flat=True)
        .first()
    )
