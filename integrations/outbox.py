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
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Q

from contactsync.lib.clock import now
from contactsync.lib.sql import as_json, as_uuid, is_postgres, rows, value
from integrations.adapters.errors import Reason
from integrations.models import Delivery, Lease, LinkedAccount, State, Target
from integrations.outbox_due import CLAIMABLE
from integrations.outbox_due import can_claim as can_claim
from integrations.outbox_due import due_accounts as due_accounts
from integrations.outbox_due import is_slow as is_slow
from integrations.outbox_due import oldest_due as oldest_due
from integrations.outbox_due import others_wait as others_wait
from integrations.outbox_write import TABLE, write
from integrations.outbox_write import Settled as Settled

# Rows that one transaction moves at most, and how long one call goes on with more.
PIECE = 5_000
PIECES_SECONDS = 4.0


@dataclass(slots=True)
class Claimed:
    """A row leased to us: ours until ``lease_until``, as long as ``claim_id`` holds."""

    id: int
    target_id: UUID
    payload: dict[str, Any]
    attempts: int


def claim(linked_account_id: UUID, *, limit: int) -> tuple[UUID, list[Claimed]]:
    """Lease up to ``limit`` due rows of one linked account, oldest due first.

    Returns the claim id and the rows by id.
    """
    claim_id, at = uuid4(), now()
    lock = "FOR UPDATE OF d SKIP LOCKED" if is_postgres() else ""
    wanted = f"{CLAIMABLE} ORDER BY d.due, d.id LIMIT %s {lock}"
    # ARRAY pins the plan: the sub-select runs once, and the update goes by key.
    matched = f"= ANY(ARRAY({wanted}))" if is_postgres() else f"IN ({wanted})"
    until = at + timedelta(seconds=settings.LEASE_SECONDS)
    update = f"""UPDATE {TABLE} SET state = 'sending', claim_id = %s, lease_until = %s,
        attempts = attempts + 1, changed_at = %s
        WHERE id {matched} RETURNING id, target_id, payload, attempts"""
    params = [claim_id, until, at, linked_account_id, at, limit]
    if is_postgres():
        found = rows(
            f"""WITH won AS ({update}), leased AS (
                INSERT INTO integrations_lease (claim_id, linked_account_id, until, ids)
                SELECT %s, %s, %s, jsonb_agg(id) FROM won HAVING count(*) > 0)
            SELECT id, target_id::text, payload, attempts FROM won""",
            [*params, claim_id, linked_account_id, until],
            lax=True,  # should it be forgotten, the rows are sent once more
        )
    else:
        with transaction.atomic():
            found = rows(update, params)
            if found:
                Lease.objects.create(
                    claim_id=claim_id,
                    linked_account_id=linked_account_id,
                    until=until,
                    ids=[row[0] for row in found],
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
    return write(results, was="sending", claim_id=claim_id, attempt_id=attempt_id)


def put_back(claim_id: UUID, ids: Sequence[int]) -> int:
    """Give back claimed rows that were not tried: they are due as before, and it was
    no attempt. Nothing happened to them, so no event says so. Returns how many."""
    if not ids:
        return 0
    mine = Delivery.objects.filter(pk__in=ids, state=State.SENDING, claim_id=claim_id)
    return mine.update(
        state=State.PENDING,
        claim_id=None,
        lease_until=None,
        attempts=F("attempts") - 1,
    )


def end_claim(claim_id: UUID) -> None:
    """Forget the lease of rows that were all settled or put back."""
    rows("DELETE FROM integrations_lease WHERE claim_id = %s", [claim_id], lax=True)


def settle_opt_ins(results: Sequence[Settled]) -> int:
    """Write what was found out about rows that awaited a confirmation."""
    return write(results, was="awaiting_opt_in")


def settle_submitted(
    results: Sequence[Settled], *, attempt_id: int | None = None
) -> int:
    """Write what became of rows that a provider had taken as a job."""
    return write(results, was="submitted", attempt_id=attempt_id)


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
        f"{where} AND stage = 'open' AND state = 'pending'",
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
        "linked_account_id = %s AND stage = 'held' AND target_id NOT IN "
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
    return _revive("target_id = %s AND stage = 'held'", [target_id])


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
        """stage = 'held' AND reason NOT LIKE %s AND linked_account_id IN (
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
    moved = 0
    ended = rows(
        f"SELECT claim_id, ids FROM integrations_lease WHERE until < %s LIMIT {PIECE}",
        [now()],
    )
    for claim_id, listed in ended:
        ids = as_json(listed)
        marks = ", ".join(["%s"] * len(ids))
        with transaction.atomic():
            moved += move_rows(
                to=State.PENDING,
                where=f"id IN ({marks}) AND state = 'sending' AND claim_id = %s",
                params=[*ids, claim_id],
                event="delivery.reclaimed",
            )
            rows("DELETE FROM integrations_lease WHERE claim_id = %s", [claim_id])
    return moved


def reclaim_all() -> int:
    """``reclaim``, by the rows themselves: reads all that wait. For rows that an older
    release, or somebody's own statement, has left without a lease."""
    return move_rows(
        to=State.PENDING,
        where="stage = 'open' AND state = 'sending' AND lease_until < %s",
        params=[now()],
        event="delivery.reclaimed",
    )
