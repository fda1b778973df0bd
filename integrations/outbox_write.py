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

from django.db import connection, transaction

from contactsync.lib.sql import as_uuid, is_postgres, rows, value

TABLE = "integrations_delivery"
# More kinds of outcome than this in one batch: one statement with arrays for all.
MAX_GROUPS = 8
# What one engine or the other refuses to keep; a provider may answer anything.
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
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
    at: datetime,
    guard: str,
    guard_params: list[Any],
    attempt_id: int | None,
) -> int:
    """Write results where ``guard`` still holds, with their events; how many did."""
    results = [
        result
        if not (UNSTORABLE.search(result.detail) or UNSTORABLE.search(result.remote_id))
        else replace(
            result,
            detail=UNSTORABLE.sub("\ufffd", result.detail),
            remote_id=UNSTORABLE.sub("\ufffd", result.remote_id),
        )
        for result in results
    ]
    if not is_postgres():
        columns = [
            (r.id, r.state, r.reason, r.detail, r.remote_id, r.due or at, r.uncounted)
            for r in results
        ]
        return _write_sqlite(columns, at, guard, guard_params, attempt_id)
    groups: dict[tuple[Any, ...], list[Settled]] = {}
    for result in results:
        like = (result.state, result.reason, result.detail, result.due)
        like += (result.uncounted,)
        groups.setdefault(like, []).append(result)
    after = (guard, guard_params, attempt_id)
    if len(groups) > MAX_GROUPS:
        return _write_mixed(results, at, *after)
    with transaction.atomic():
        return sum(_write_alike(group, at, *after) for group in groups.values())


def _write_alike(
    group: Sequence[Settled],
    at: datetime,
    guard: str,
    guard_params: list[Any],
    attempt_id: int | None,
) -> int:
    """Rows that ended alike: the usual case, and the cheap one."""
    like, due = group[0], group[0].due or at
    data = {"reason": like.reason, "detail": like.detail, "due": due.isoformat()}
    found = rows(
        f"""WITH v AS (SELECT * FROM unnest(%s::bigint[], %s::text[])
                AS v(id, remote_id)),
        won AS (UPDATE {TABLE} d SET state = %s, reason = %s, detail = %s, due = %s,
                claim_id = NULL, lease_until = NULL, changed_at = %s,
                attempt_id = COALESCE(%s, d.attempt_id), attempts = d.attempts - %s,
                asked_by = CASE WHEN %s THEN 'provider' ELSE d.asked_by END,
                remote_id = CASE WHEN v.remote_id = '' THEN d.remote_id
                            ELSE v.remote_id END
            FROM v WHERE d.id = v.id AND {guard}
            RETURNING d.id, d.account_id, d.contact_id, d.target_id),
        told AS (INSERT INTO contacts_event (account_id, contact_id, kind, data,
                delivery_id, attempt_id, at)
            SELECT account_id, contact_id, %s,
                %s::jsonb || jsonb_build_object('target', target_id), id, %s, %s
            FROM won)
        SELECT count(*) FROM won""",
        [
            [result.id for result in group],
            [result.remote_id for result in group],
            *(like.state, like.reason, like.detail, due, at, attempt_id),
            *(int(like.uncounted), like.state == "awaiting_opt_in"),
            *guard_params,
            *(f"delivery.{like.state}", data, attempt_id, at),
        ],
    )
    return int(found[0][0])


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
