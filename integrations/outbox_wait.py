"""Rows that wait for what is still found out about a signup: let go, or taken back.

Part of ``integrations.outbox``: it writes ``state`` by the same statements.
"""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from contactsync.lib.clock import now
from contactsync.lib.sql import as_uuid, is_postgres, rows
from integrations.adapters.errors import Reason
from integrations.models import State
from integrations.outbox import move_rows
from integrations.outbox_write import TABLE

OUT = frozenset((State.SENDING, State.SUBMITTED, State.AWAITING_OPT_IN, State.SYNCED))
"""States of rows that a provider has, or may have."""
ASKED = "state = 'awaiting_opt_in' AND asked_by = 'us'"
"""Except these: nothing of them goes out before the person confirms."""


def let_go(signup_id: UUID) -> list[UUID]:
    """Make a signup's waiting rows due now. Returns the linked accounts to wake."""
    at = now()
    found = rows(
        f"""UPDATE {TABLE} SET due = %s, changed_at = %s
        WHERE signup_id = %s AND attempts = 0 AND due > %s AND (state = 'pending'
            OR {ASKED} AND reason = '{Reason.OPT_IN_QUEUED.value}')
        RETURNING linked_account_id""",
        [at, at, signup_id, at],
    )
    return sorted({as_uuid(row[0]) for row in found})


def take_back(signup_id: UUID, *, detail: str) -> bool:
    """Skip all rows of a signup that were not sent, also those that could not be:
    nobody shall try them again by hand.

    False, and nothing is changed, when a provider has one or is being told: what was
    sent is not undone. Call it in the transaction that says why.
    """
    lock = "FOR UPDATE" if is_postgres() else ""
    with transaction.atomic():
        states = rows(
            f"SELECT state FROM {TABLE} WHERE signup_id = %s AND NOT ({ASKED}) "
            f"ORDER BY id {lock}",
            [signup_id],
        )
        if any(state in OUT for (state,) in states):
            return False
        move_rows(
            to=State.SKIPPED,
            reason=Reason.WITHDRAWN.value,
            detail=detail,
            where="signup_id = %s AND (state IN ('pending', 'held', 'failed') "
            f"OR {ASKED})",
            params=[signup_id],
            event="delivery.skipped",
        )
    return True


def waiting_signups(limit: int) -> list[UUID]:
    """Signups with rows put off when they came in, that nobody has tried to send.

    One index probe per linked account: rows that are due already are not looked at.
    """
    at = now()
    found = rows(
        f"""SELECT DISTINCT d.signup_id FROM integrations_linkedaccount l
        JOIN {TABLE} d ON d.linked_account_id = l.id AND d.stage = 'open'
            AND d.state = 'pending' AND d.due > %s
        WHERE d.attempts = 0 AND d.signup_id IS NOT NULL AND d.due > d.created_at
        LIMIT %s""",
        [at, limit],
    )
    return [as_uuid(row[0]) for row in found]
