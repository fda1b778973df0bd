"""Due rows in the outbox, written by the data base itself."""

from __future__ import annotations

import json
from typing import Any

from django.db import connection

from contactsync.lib.clock import now

# As the product's own ids: by time, so that new rows land at the end of an index.
UUID7 = """(
    lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0')
    || '7' || substr(md5(random()::text), 1, 3)
    || '8' || substr(md5(n::text || random()::text), 1, 15))::uuid"""
# As ``displays.store`` writes it, without the address.
PAYLOAD = {
    "fields": {"first_name": "Mira", "last_name": "Okafor"},
    "consent": True,
    "page_url": "https://shop.example/tents",
    "utm": {"campaign": "spring"},
    "ip": "203.0.113.7",
}


def fill(at: dict[str, Any], count: int, tag: str = "mira") -> None:
    """``count`` due rows of one linked account, each of another person."""
    rule = at["rules"][0]
    moment = now()
    payload = {**PAYLOAD, "at": moment.isoformat()}
    with connection.cursor() as cursor:
        cursor.execute(
            f"""INSERT INTO integrations_delivery (account_id, linked_account_id,
                target_id, origin, contact_id, signup_id, payload, state, reason,
                detail, due, attempts, remote_id, created_at, changed_at)
            SELECT %s, %s, %s, 'rule', {UUID7}, {UUID7},
                %s::jsonb || jsonb_build_object('email', %s || n || '@gmail.com'),
                'pending', '', '', %s, 0, '', %s, %s
            FROM generate_series(1, %s) n""",
            [at["account"].pk, at["linked"].pk, rule.target_id, json.dumps(payload)]
            + [tag, moment, moment, moment, count],
        )
        cursor.execute("ANALYZE integrations_delivery")


def waiting() -> bool:
    """Whether anything is still to be sent or settled."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT EXISTS (SELECT 1 FROM integrations_delivery
                WHERE state = 'pending')
            OR EXISTS (SELECT 1 FROM integrations_delivery WHERE state = 'sending')"""
        )
        return bool(cursor.fetchone()[0])
