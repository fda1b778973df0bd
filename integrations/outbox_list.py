"""Enqueueing many contacts for one target at once: a list instead of a signup.

Part of ``integrations.outbox``: what is written here follows the same rules.
"""

from __future__ import annotations

from uuid import UUID

from integrations.adapters.errors import Reason
from integrations.models import OPEN, Delivery, State
from integrations.outbox import move_rows
from integrations.outbox_write import TABLE

ENQUEUE_LIST = f"""
INSERT INTO {TABLE} (account_id, linked_account_id, target_id, origin, contact_id,
    payload, state, reason, detail, due, attempts, remote_id, created_at, changed_at)
SELECT t.account_id, t.linked_account_id, t.id, 'list', {{contact}}, {{payload}},
    CASE WHEN {{reason}} <> '' THEN 'skipped'
         WHEN l.status <> 'connected' OR t.held_reason <> '' THEN 'held'
         ELSE 'pending' END,
    CASE WHEN {{reason}} <> '' THEN {{reason}}
         WHEN l.status <> 'connected' THEN l.reason
         ELSE t.held_reason END,
    CASE WHEN l.status <> 'connected' THEN l.detail ELSE t.held_detail END,
    {{now}}, 0, '', {{now}}, {{now}}
FROM integrations_target t
JOIN integrations_linkedaccount l ON l.id = t.linked_account_id
{{more_from}}
WHERE t.id = {{target}}
"""
"""One delivery per contact of a list. ``{{reason}}``: empty, or why it is not sent."""


def cancel_target(target_id: UUID) -> int:
    """Give up what waits for a target: nobody is to be sent there any more.

    What a worker is sending at this moment still goes out. Returns how many were
    given up.
    """
    return move_rows(
        to=State.SKIPPED,
        reason=Reason.CANCELLED.value,
        where="target_id = %s AND state IN ('pending', 'held')",
        params=[target_id],
        event="delivery.skipped",
    )


def waiting(target_id: UUID, *, most: int) -> int:
    """How many wait for a target or are being sent to it, counted up to ``most``."""
    open_rows = Delivery.objects.filter(target_id=target_id, stage=OPEN)
    return open_rows.order_by()[:most].count()
