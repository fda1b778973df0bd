"""The outbox: every change of a delivery's state, and nothing else.

Each function is one conditional UPDATE on the delivery's own columns that says which
rows it won, and in the same statement or transaction writes their timeline events.
(A join in such an UPDATE would turn it into ``id IN (SELECT ...)``, which lets two
workers win one row on PostgreSQL.)

Several workers, processes and machines may call all of this at the same time. SQLite
has one writer at a time, so SKIP LOCKED is for PostgreSQL alone.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Q

from contactsync.lib.clock import now
from contactsync.lib.sql import as_json, as_uuid, is_postgres, rows, value
from integrations.adapters.errors import Reason
from integrations.models import Delivery, LinkedAccount, State, Target
from integrations.outbox_write import TABLE, write
from integrations.outbox_write import Settled as Settled

# Rows that one transaction moves at most, and how long one call goes on with more.
PIECE = 5_000
PIECES_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class Claimed:
    """A row leased to us: ours until ``lease_until``, as long as ``claim_id`` holds."""

    id: int
    target_id: UUID
    payload: dict[str, Any]
    attempts: int


# A contact's changes keep their order: a row waits until the contact's earlier rows for
# the account are settled.
CLAIMABLE = f"""SELECT d.id FROM {TABLE} d
    WHERE d.linked_account_id = %s AND d.state = 'pending' AND d.due <= %s
    AND NOT EXISTS (SELECT 1 FROM {TABLE} e WHERE e.contact_id = d.contact_id
        AND e.id < d.id AND e.linked_account_id = d.linked_account_id
        AND e.state IN ('pending', 'sending'))"""


def claim(linked_account_id: UUID, *, limit: int) -> tuple[UUID, list[Claimed]]:
    """Lease up to ``limit`` due rows of one linked account, oldest due first.

    Returns the claim id and the rows by id.
    """
    claim_id, at = uuid4(), now()
    lock = "FOR UPDATE OF d SKIP LOCKED" if is_postgres() else ""
    target = "target_id::text" if is_postgres() else "target_id"
    wanted = f"{CLAIMABLE} ORDER BY d.due, d.id LIMIT %s {lock}"
    # ARRAY pins the plan: the sub-select runs once, and the update goes by key.
    matched = f"= ANY(ARRAY({wanted}))" if is_postgres() else f"IN ({wanted})"
    found = rows(
        f"""UPDATE {TABLE} SET state = 'sending', claim_id = %s, lease_until = %s,
            attempts = attempts + 1, changed_at = %s
        WHERE id {matched} RETURNING id, {target}, payload, attempts""",
        [
            claim_id,
            at + timedelta(seconds=settings.LEASE_SECONDS),
            at,
            linked_account_id,
            at,
            limit,
        ],
        lax=True,  # should it be forgotten, the rows are sent once more
    )
    ids = {text: as_uuid(text) for text in {row[1] for row in found}}
    claimed = [Claimed(row[0], ids[row[1]], as_json(row[2]), row[3]) for row in found]
    return claim_id, sorted(claimed, key=lambda row: row.id)


def settle(
    claim_id: UUID, results: Sequence[Settled], *, attempt_id: int | None = None
) -> int:
    """Write what became of claimed rows. Returns how many were still ours.

    A worker that lost its lease changes nothing and writes no event: the row then
    belongs to another claim.
    """
    if not results:
        return 0
    at = now()
    guard = "d.state = 'sending' AND d.claim_id = %s"
    return write(results, at, guard, [claim_id], attempt_id)


def put_back(claim_id: UUID, ids: Sequence[int]) -> int:
    """Give back claimed rows that were not tried: they are due as before, and it was
    no attempt. Nothing happened to them, so no event says so. Returns 0, as settled."""
    if ids:
        Delivery.objects.filter(
            pk__in=ids, state=State.SENDING, claim_id=claim_id
        ).update(
            state=State.PENDING,
            claim_id=None,
            lease_until=None,
            attempts=F("attempts") - 1,
        )
    return 0


def settle_opt_ins(results: Sequence[Settled]) -> int:
    """Write what was found out about rows that awaited a confirmation."""
    if not results:
        return 0
    return write(results, now(), "d.state = 'awaiting_opt_in'", [], None)


def settle_submitted(
    results: Sequence[Settled], *, attempt_id: int | None = None
) -> int:
    """Write what became of rows that a provider had taken as a job."""
    if not results:
        return 0
    return write(results, now(), "d.state = 'submitted'", [], attempt_id)


def move_rows(
    *,
    to: str,
    reason: str = "",
    detail: str = "",
    where: str,
    params: list[Any],
    event: str,
    anew: bool = False,
) -> int:
    """Move all rows that match, and tell their contacts' timelines."""
    at = now()
    attempts = "attempts = 0," if anew else ""
    update = f"""UPDATE {TABLE} SET state = %s, reason = %s, detail = %s, due = %s,
            {attempts} claim_id = NULL, lease_until = NULL, changed_at = %s
        WHERE {where} RETURNING account_id, contact_id, id, target_id"""
    told = """INSERT INTO contacts_event (account_id, contact_id, kind, data,
        delivery_id, at)"""
    moving = [to, reason, detail, at, at, *params]
    if is_postgres():
        found = rows(
            f"""WITH moved AS ({update}), told AS ({told}
                SELECT account_id, contact_id, %s, jsonb_build_object(
                    'reason', %s::text, 'detail', %s::text, 'target', target_id),
                    id, %s FROM moved)
            SELECT count(*) FROM moved""",
            [*moving, event, reason, detail, at],
        )
        return int(found[0][0])
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(update, [*map(value, moving)])
        moved = cursor.fetchall()
        data = {"reason": reason, "detail": detail}
        cursor.executemany(
            f"{told} VALUES (%s, %s, %s, %s, %s, %s)",
            [
                (
                    account,
                    contact,
                    event,
                    json.dumps({**data, "target": str(as_uuid(target))}),
                    row_id,
                    value(at),
                )
                for account, contact, row_id, target in moved
            ],
        )
    return len(moved)


NEWER = f""" AND EXISTS (SELECT 1 FROM {TABLE} n
    WHERE n.contact_id = {TABLE}.contact_id AND n.target_id = {TABLE}.target_id
    AND n.id > {TABLE}.id
    AND n.state IN ('sending', 'submitted', 'awaiting_opt_in', 'synced'))"""


def _revive(where: str, params: list[Any], event: str = "delivery.resumed") -> int:
    """Make rows that stood still wait again, except where a newer one overtook them:
    old values must not overwrite new ones."""

    def revive(piece: str, ids: list[Any]) -> int:
        with transaction.atomic():
            move_rows(
                to=State.SKIPPED,
                reason=Reason.SUPERSEDED.value,
                where=piece + NEWER,
                params=ids,
                event="delivery.skipped",
            )
            return move_rows(
                to=State.PENDING, anew=True, where=piece, params=ids, event=event
            )

    return in_pieces(where, params, revive)


def in_pieces(
    where: str, params: list[Any], work: Callable[[str, list[Any]], int]
) -> int:
    """Do ``work`` for all rows that match, PIECE by PIECE in the order of their ids.

    Each piece is a transaction of its own: a million rows hold up neither other writers
    nor vacuuming. Stops after PIECES_SECONDS; whoever calls again goes on from there.
    Returns what the pieces returned, together."""
    deadline = time.monotonic() + PIECES_SECONDS
    total = 0
    while True:
        found = rows(
            f"SELECT id FROM {TABLE} WHERE {where} ORDER BY id LIMIT {PIECE}", params
        )
        if not found:
            return total
        marks = ", ".join(["%s"] * len(found))
        total += work(
            f"({where}) AND id IN ({marks})", [*params, *(r[0] for r in found)]
        )
        if len(found) < PIECE or time.monotonic() > deadline:
            return total


def _hold(where: str, params: list[Any], reason: str, detail: str) -> int:
    return in_pieces(
        f"{where} AND state = 'pending'",
        params,
        lambda piece, ids: move_rows(
            to=State.HELD,
            reason=reason,
            detail=detail,
            where=piece,
            params=ids,
            event="delivery.held",
        ),
    )


def hold(linked_account_id: UUID, *, reason: str, detail: str = "") -> int:
    """Hold what waits at a linked account that somebody has to mend. What is not held
    by the first call is by later drains, which send nothing meanwhile."""
    return _hold("linked_account_id = %s", [linked_account_id], reason, detail)


def hold_target(target_id: UUID, *, reason: str, detail: str = "") -> int:
    """Hold what waits for one audience that is gone or has changed. The rest is when
    it is claimed."""
    return _hold("target_id = %s", [target_id], reason, detail)


def resume(linked_account_id: UUID) -> int:
    """Let go what was held, once the cause is mended. Attempts start anew."""
    return _revive(
        "linked_account_id = %s AND state = 'held' AND target_id NOT IN "
        "(SELECT id FROM integrations_target WHERE held_reason <> '')",
        [linked_account_id],
    )


def resume_connected(linked_account_id: UUID) -> int:
    """``resume``, unless the account is on hold by now."""
    ready = LinkedAccount.objects.filter(
        pk=linked_account_id, status=LinkedAccount.Status.CONNECTED, removed_at=None
    )
    return resume(linked_account_id) if ready.exists() else 0


def resume_target(target_id: UUID) -> int:
    """Let go what was held for one audience."""
    return _revive("target_id = %s AND state = 'held'", [target_id])


def move(target_id: UUID, to: Target, *, opt_ins: bool = False) -> int:
    """Send what waits for one target to another: its rule points elsewhere now.

    What was sent stays with the old one, and so does whom the provider asked to
    confirm, unless ``opt_ins``. Returns how many wait for the new one.
    """
    along = [State.FAILED] + ([State.AWAITING_OPT_IN] if opt_ins else [])
    ours = Q(state=State.AWAITING_OPT_IN, asked_by="us")
    Delivery.objects.filter(ours | Q(state__in=along), target_id=target_id).update(
        target=to, linked_account_id=to.linked_account_id
    )
    with transaction.atomic():
        moved = (State.PENDING.value, State.HELD.value)
        rows(
            f"""UPDATE {TABLE} SET target_id = %s, linked_account_id = %s
            WHERE target_id = %s AND state IN (%s, %s)""",
            [to.pk, to.linked_account_id, target_id, *moved],
        )
        return _revive("target_id = %s AND state IN (%s, %s)", [to.pk, *moved])


def release() -> int:
    """Let go rows that are held although nothing holds them any more.

    A signup that read an account as broken in the moment it was mended writes such a
    row, and clearing a suspended tenant leaves them. Rows held for a value that does
    not fit its field wait for a corrected rule.
    """
    return _revive(
        """state = 'held' AND reason NOT LIKE %s AND linked_account_id IN (
            SELECT l.id FROM integrations_linkedaccount l
            JOIN tenancy_account a ON a.id = l.account_id
            WHERE l.status = 'connected' AND l.removed_at IS NULL
            AND a.suspended_at IS NULL)
        AND target_id NOT IN (
            SELECT id FROM integrations_target WHERE held_reason <> '')""",
        ["schema.%"],
    )


def retry(delivery_id: int, *, account_id: int) -> bool:
    """Send one failed or waiting row now, by hand. True when there was one."""
    return bool(
        _revive(
            "id = %s AND account_id = %s AND state IN ('failed', 'pending')",
            [delivery_id, account_id],
            "delivery.retried",
        )
    )


def reclaim() -> int:
    """Take back rows whose lease has ended: their worker is gone."""
    return move_rows(
        to=State.PENDING,
        where="state = 'sending' AND lease_until < %s",
        params=[now()],
        event="delivery.reclaimed",
    )


def due_accounts() -> list[tuple[UUID, bool]]:
    """Linked accounts with rows to send now, and whether each is a slow one. One index
    probe per account."""
    found = rows(
        f"""SELECT l.id, l.slow FROM integrations_linkedaccount l
        WHERE EXISTS (SELECT 1 FROM {TABLE} d WHERE d.linked_account_id = l.id
            AND d.state = 'pending' AND d.due <= %s)
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
            AND d.state = 'pending' AND d.due <= %s))""",
        [linked_account_id, at, at],
    )
    return bool(found[0][0])


def oldest_due() -> datetime | None:
    """Since when the row that waits longest is due; None when nothing is."""
    return (
        Delivery.objects.filter(state=State.PENDING, due__lte=now())
        .order_by("due")
        .values_list("due", flat=True)
        .first()
    )
