"""Deliveries that wait for a confirmation which we ask for ourselves, by mail.

Part of ``integrations.outbox``: what is written here follows the same rules. Such a
row is ``awaiting_opt_in`` with ``asked_by`` "us"; its ``due`` is when somebody has to
look at it next: at once while nobody was asked, later when the mail is out.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from contactsync.lib.clock import now
from contactsync.lib.sql import as_uuid, is_postgres, rows, value
from integrations.adapters.errors import Reason
from integrations.models import Delivery, State
from integrations.outbox import NEWER, move_rows
from integrations.outbox_write import TABLE

ASKED = "state = 'awaiting_opt_in' AND asked_by = 'us'"
OF_CONTACT = f"account_id = %s AND contact_id = %s AND {ASKED}"
NEVER_CONFIRMED = f"""account_id = %s AND contact_id = %s AND state = 'skipped'
    AND asked_by = 'us' AND reason = '{Reason.NOT_CONFIRMED.value}'"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A row that somebody has to look at. ``reason`` says how far its mail is."""

    id: int
    account_id: int
    contact_id: UUID
    signup_id: UUID | None
    reason: str


def due_rows(limit: int) -> list[Waiting]:
    """Rows to look at now: one index probe per linked account."""
    found = rows(
        f"""SELECT d.id, d.account_id, d.contact_id, d.signup_id, d.reason
        FROM integrations_linkedaccount l
        JOIN {TABLE} d ON d.linked_account_id = l.id AND d.stage = 'awaiting_opt_in'
            AND d.due <= %s
        WHERE d.asked_by = 'us' ORDER BY d.due, d.id LIMIT %s""",
        [now(), limit],
    )
    return [
        Waiting(
            row[0], row[1], as_uuid(row[2]), as_uuid(row[3]) if row[3] else None, row[4]
        )
        for row in found
    ]


def waiting_of(account_id: int, contact_id: UUID) -> list[Delivery]:
    """A contact's rows that wait for our confirmation, oldest first."""
    return list(
        Delivery.objects.for_account(account_id)
        .filter(contact_id=contact_id, state=State.AWAITING_OPT_IN, asked_by="us")
        .order_by("id")
    )


def told(
    *, account_id: int, contact_id: UUID, reason: str, due: datetime, detail: str = ""
) -> int:
    """Write down how far the mail of a contact's waiting rows is, with events where
    that is news; look at them again at ``due``. Returns for how many it was news."""
    at = now()
    with transaction.atomic():
        # Not news: only looked at later.
        rows(
            f"""UPDATE {TABLE} SET due = %s
            WHERE {OF_CONTACT} AND reason = %s AND detail = %s""",
            [due, account_id, contact_id, reason, detail],
        )
        update = f"""UPDATE {TABLE} SET reason = %s, detail = %s, due = %s,
                changed_at = %s
            WHERE {OF_CONTACT} AND NOT (reason = %s AND detail = %s)
            RETURNING account_id, contact_id, id, target_id"""
        changed = rows(
            update, [reason, detail, due, at, account_id, contact_id, reason, detail]
        )
        _tell(changed, reason=reason, detail=detail, due=due, at=at)
    return len(changed)


def _tell(
    changed: Sequence[tuple[Any, ...]],
    *,
    reason: str,
    detail: str,
    due: datetime,
    at: datetime,
) -> None:
    data = {"reason": reason, "detail": detail, "due": due.isoformat(), "by": "us"}
    with connection.cursor() as cursor:
        cursor.executemany(
            """INSERT INTO contacts_event (account_id, contact_id, kind, data,
                delivery_id, at) VALUES (%s, %s, 'delivery.awaiting_opt_in', %s, %s,
                %s)""",
            [
                (
                    account,
                    contact,
                    json.dumps({**data, "target": str(as_uuid(target))}),
                    row_id,
                    value(at),
                )
                for account, contact, row_id, target in changed
            ],
        )


def look_later(ids: Sequence[int], due: datetime) -> None:
    """Only ``due`` changes, and only while the rows still wait."""
    Delivery.objects.filter(
        pk__in=list(ids), state=State.AWAITING_OPT_IN, asked_by="us"
    ).update(due=due)


def confirmed(*, account_id: int, contact_id: UUID) -> list[UUID]:
    """Let a contact's waiting rows go: the person has confirmed. Returns the linked
    accounts to wake. Call it in the transaction that writes the consent down.

    Of several for one target only the newest goes: old values must not overwrite.
    """
    with transaction.atomic():
        lock = "FOR UPDATE" if is_postgres() else ""
        linked = rows(
            f"SELECT linked_account_id FROM {TABLE} WHERE {OF_CONTACT} "
            f"ORDER BY id {lock}",
            [account_id, contact_id],
        )
        move_rows(
            to=State.SKIPPED,
            reason=Reason.SUPERSEDED.value,
            where=OF_CONTACT + NEWER,
            params=[account_id, contact_id],
            event="delivery.skipped",
        )
        move_rows(
            to=State.PENDING,
            anew=True,
            where=OF_CONTACT,
            params=[account_id, contact_id],
            event="delivery.confirmed",
        )
    return sorted({as_uuid(row[0]) for row in linked})


def not_confirmed(
    *,
    account_id: int,
    contact_id: UUID,
    detail: str = "",
    before: datetime | None = None,
) -> int:
    """Give up a contact's waiting rows: nobody confirmed in time. With ``before`` not
    those that came later and that nobody was asked about."""
    return move_rows(
        to=State.SKIPPED,
        reason=Reason.NOT_CONFIRMED.value,
        detail=detail,
        where=f"{OF_CONTACT} AND (reason <> '{Reason.OPT_IN_QUEUED.value}' "
        "OR created_at <= %s)",
        params=[account_id, contact_id, before or now()],
        event="delivery.skipped",
    )


def not_asked(*, delivery_id: int, reason: str) -> int:
    """Skip one row whose person is not asked at all: the rule is not for it."""
    return move_rows(
        to=State.SKIPPED,
        reason=reason,
        where=f"id = %s AND {ASKED} AND reason = '{Reason.OPT_IN_QUEUED.value}'",
        params=[delivery_id],
        event="delivery.skipped",
    )


def suppressed(*, account_id: int, contact_id: UUID) -> int:
    """Give up a contact's waiting rows: nothing may be sent to the person."""
    return move_rows(
        to=State.SKIPPED,
        reason=Reason.SUPPRESSED.value,
        where=OF_CONTACT,
        params=[account_id, contact_id],
        event="delivery.skipped",
    )


def ask_again(*, account_id: int, contact_id: UUID) -> int:
    """Make rows that nobody confirmed in time wait once more, except where a newer
    one overtook them. Returns how many."""
    return move_rows(
        to=State.AWAITING_OPT_IN,
        reason=Reason.OPT_IN_QUEUED.value,
        where=f"{NEVER_CONFIRMED} AND NOT (true {NEWER})",
        params=[account_id, contact_id],
        event="delivery.asked_again",
    )
