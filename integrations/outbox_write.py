"""How the outbox settles rows: the statements behind ``outbox.settle``.

Part of ``integrations.outbox``; nobody else imports ``write``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from contactsync.lib.clock import now
from contactsync.lib.sql import Prepared, as_uuid, is_postgres, rows, value

TABLE = "integrations_delivery"
# More kinds of outcome than this in one batch: one statement with arrays for all.
MAX_GROUPS = 8
# What one engine or the other refuses to keep; a provider may answer anything.
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(slots=True)
class Settled:
    """What became of a claimed row. ``due`` counts for pending and awaiting_opt_in.

    ``uncounted``: it was not the row's attempt; somebody else has to wait for its turn.
    """

    id: int
    state: str
    reason: str = ""
    detail: str = ""
    remote_id: str = ""
    due: datetime | None = None
    uncounted: bool = False


def write(
    results: Sequence[Settled],
    *,
    was: str,
    claim_id: UUID | None = None,
    attempt_id: int | None = None,
) -> int:
    """Write results of rows that are still in the state ``was``, and of this claim,
    with their events; how many were."""
    if not results:
        return 0
    at = now()
    guard, guard_params = "d.state = %s", [was]
    if claim_id is not None:
        guard, guard_params = f"{guard} AND d.claim_id = %s", [was, claim_id]
    results = storable(results)
    if not is_postgres():
        columns = [
            (r.id, r.state, r.reason, r.detail, r.remote_id, r.due or at, r.uncounted)
            for r in results
        ]
        return _write_sqlite(columns, at, guard, guard_params, attempt_id)
    groups: dict[tuple[Any, ...], list[Settled]] = {}
    for r in results:
        like = (r.state, r.reason, r.detail, r.due, r.uncounted)
        groups.setdefault(like, []).append(r)
    after = (guard, guard_params, attempt_id)
    if len(groups) > MAX_GROUPS:
        return _write_mixed(results, at, *after)
    if len(groups) == 1 and not connection.in_atomic_block:
        return int(ALIKE.one(_alike(results, at, was, claim_id, attempt_id))[0])
    with transaction.atomic():
        return sum(
            int(ALIKE.in_full(_alike(group, at, was, claim_id, attempt_id))[0])
            for group in groups.values()
        )


def storable(results: Sequence[Settled]) -> Sequence[Settled]:
    """The results with texts that both engines keep."""
    texts = [text for r in results for text in (r.detail, r.remote_id)]
    if not UNSTORABLE.search("".join(texts)):
        return results
    return [
        replace(
            result,
            detail=UNSTORABLE.sub("\ufffd", result.detail),
            remote_id=UNSTORABLE.sub("\ufffd", result.remote_id),
        )
        for result in results
    ]


def _array(texts: Sequence[str]) -> str:
    """A PostgreSQL array as one value: reading hundreds of values costs it more."""
    escaped = [t.replace("\\", r"\\").replace('"', r"\"") for t in texts]
    return '{"' + '","'.join(escaped) + '"}'


# Rows that ended alike: the usual case, and the cheap one.
ALIKE = Prepared(
    "outbox_settle",
    f"""WITH v AS (SELECT * FROM unnest(%(ids)s::bigint[], %(remote_ids)s::text[])
            AS v(id, remote_id)),
    won AS (UPDATE {TABLE} d SET state = %(state)s, reason = %(reason)s,
            detail = %(detail)s, due = %(due)s, claim_id = NULL, lease_until = NULL,
            changed_at = %(at)s, attempts = d.attempts - %(uncounted)s::smallint,
            attempt_id = COALESCE(%(attempt_id)s::bigint, d.attempt_id),
            asked_by = CASE WHEN %(asked)s::boolean THEN 'provider' ELSE d.asked_by END,
            remote_id = CASE WHEN v.remote_id = '' THEN d.remote_id
                        ELSE v.remote_id END
        FROM v WHERE d.id = v.id AND d.state = %(was)s
            AND (%(claim_id)s::uuid IS NULL OR d.claim_id = %(claim_id)s::uuid)
        RETURNING d.id, d.account_id, d.contact_id, d.target_id),
    told AS (INSERT INTO contacts_event (account_id, contact_id, kind, data,
            delivery_id, attempt_id, at)
        SELECT account_id, contact_id, %(kind)s,
            %(data)s::jsonb || jsonb_build_object('target', target_id), id,
            %(attempt_id)s::bigint, %(at)s
        FROM won)
    SELECT count(*) FROM won""",
)


def _alike(
    group: Sequence[Settled],
    at: datetime,
    was: str,
    claim_id: UUID | None,
    attempt_id: int | None,
) -> dict[str, Any]:
    like, due = group[0], group[0].due or at
    data = {"reason": like.reason, "detail": like.detail, "due": due.isoformat()}
    return {
        "ids": _array([str(result.id) for result in group]),
        "remote_ids": _array([result.remote_id for result in group]),
        "state": like.state,
        "reason": like.reason,
        "detail": like.detail,
        "due": due,
        "at": at,
        "attempt_id": attempt_id,
        "uncounted": int(like.uncounted),
        "asked": like.state == "awaiting_opt_in",
        "was": was,
        "claim_id": claim_id,
        "kind": f"delivery.{like.state}",
        "data": json.dumps(data),
    }


def _write_mixed(
    results: Sequence[Settled],
    at: datetime,
    guard: str,
    guard_params: list[Any],
    attempt_id: int | None,
) -> int:
    """A batch that ended in many ways: every column as an array."""
    columns = [
        (r.id, r.state, r.reason, r.detail, r.remote_id, r.due or at, int(r.uncounted))
        for r in results
    ]
    found = rows(
        f"""WITH v AS (SELECT * FROM unnest(%s::bigint[], %s::text[], %s::text[],
                %s::text[], %s::text[], %s::timestamptz[], %s::smallint[])
                AS v(id, state, reason, detail, remote_id, due, uncounted)),
        won AS (UPDATE {TABLE} d SET state = v.state, reason = v.reason,
                detail = v.detail, due = v.due, claim_id = NULL, lease_until = NULL,
                attempt_id = COALESCE(%s, d.attempt_id), changed_at = %s,
                attempts = d.attempts - v.uncounted,
                asked_by = CASE WHEN v.state = 'awaiting_opt_in' THEN 'provider'
                           ELSE d.asked_by END,
                remote_id = CASE WHEN v.remote_id = '' THEN d.remote_id
                            ELSE v.remote_id END
            FROM v WHERE d.id = v.id AND {guard}
            RETURNING d.id, d.account_id, d.contact_id, d.state, d.reason, d.detail,
                d.target_id, d.due),
        told AS (INSERT INTO contacts_event (account_id, contact_id, kind, data,
                delivery_id, attempt_id, at)
            SELECT account_id, contact_id, 'delivery.' || state, jsonb_build_object(
                'reason', reason, 'detail', detail, 'target', target_id, 'due', due),
                id, %s, %s FROM won)
        SELECT count(*) FROM won""",
        [*map(list, zip(*columns, strict=True)), attempt_id, at, *guard_params]
        + [attempt_id, at],
    )
    return int(found[0][0])


def _write_sqlite(
    columns: list[tuple[Any, ...]],
    at: datetime,
    guard: str,
    guard_params: list[Any],
    attempt_id: int | None,
) -> int:
    won = 0
    moment = value(at)
    with transaction.atomic(), connection.cursor() as cursor:
        for row_id, state, reason, detail, remote_id, due, uncounted in columns:
            cursor.execute(
                f"""UPDATE {TABLE} AS d SET state = %s, reason = %s, detail = %s,
                    remote_id = CASE WHEN %s = '' THEN remote_id ELSE %s END,
                    due = %s, claim_id = NULL, lease_until = NULL,
                    attempt_id = COALESCE(%s, attempt_id), changed_at = %s,
                    attempts = attempts - %s,
                    asked_by = CASE WHEN %s THEN 'provider' ELSE asked_by END
                WHERE d.id = %s AND {guard}
                RETURNING account_id, contact_id, target_id""",
                [state, reason, detail, remote_id, remote_id, value(due)]
                + [attempt_id, moment, int(uncounted), state == "awaiting_opt_in"]
                + [row_id, *map(value, guard_params)],
            )
            row = cursor.fetchone()
            if row is None:
                continue
            won += 1
            data = {
                "reason": reason,
                "detail": detail,
                "target": str(as_uuid(row[2])),
                "due": due.isoformat(),
            }
            cursor.execute(
                """INSERT INTO contacts_event (account_id, contact_id, kind, data,
                    delivery_id, attempt_id, at)
                VALUES (%s, %s, %s, %s, %s, %s, %s)""",
                [row[0], row[1], f"delivery.{state}", json.dumps(data), row_id]
                + [attempt_id, moment],
            )
    return won
