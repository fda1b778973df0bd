"""Enqueueing a signup: the statement that its display's rules make of it.

Part of ``integrations.outbox``: what is written here follows the same rules.
"""

from __future__ import annotations

from integrations.adapters.errors import Reason
from integrations.outbox_write import TABLE

# Whom the rule has us ask first: who never confirmed, and who left and is back. Nobody
# who complained or bounced, and nobody whom the team took off.
ASKS = """t.own_confirmation AND CASE WHEN x.id IS NULL THEN {confirmed} IS NULL
        ELSE t.reconfirm AND x.actor = 'person' END"""
# Who left at this very account, and is back: there the provider asks them.
LEFT_OUT = """x.id IS NOT NULL AND NOT (t.reconfirm AND x.actor = 'person'
        AND x.linked_account_id IS NOT NULL
        AND x.linked_account_id = t.linked_account_id)"""

ENQUEUE = f"""
INSERT INTO {TABLE} (account_id, linked_account_id, target_id, origin, contact_id,
    signup_id, payload, state, reason, detail, asked_by, due, attempts, remote_id,
    created_at, changed_at)
SELECT t.account_id, t.linked_account_id, t.id, 'rule', {{contact}}, {{signup}},
    {{payload}},
    CASE WHEN {ASKS} THEN 'awaiting_opt_in'
         WHEN {LEFT_OUT} THEN 'skipped'
         WHEN l.status <> 'connected' OR t.held_reason <> '' THEN 'held'
         ELSE 'pending' END,
    CASE WHEN {ASKS} THEN 'opt_in.queued'
         WHEN {LEFT_OUT} THEN 'rule.suppressed'
         WHEN l.status <> 'connected' THEN l.reason
         ELSE t.held_reason END,
    CASE WHEN {ASKS} THEN ''
         WHEN {LEFT_OUT} THEN x.detail
         WHEN l.status <> 'connected' THEN l.detail ELSE t.held_detail END,
    CASE WHEN {ASKS} THEN 'us' ELSE '' END,
    {{due}}, 0, '', {{now}}, {{now}}
FROM displays_syncrule r
JOIN integrations_target t ON t.id = r.target_id
JOIN integrations_linkedaccount l ON l.id = t.linked_account_id
LEFT JOIN contacts_suppression x ON x.account_id = {{account}}
    AND x.email_key = {{email_key}}
{{more_from}}
WHERE r.display_id = {{display}} AND r.enabled AND r.removed_at IS NULL
    AND l.environment = {{environment}}
"""
"""One delivery per live rule of a display, for the statement that stores a signup.

A rule of a broken or paused linked account is written as held, with the cause:
nothing is lost and nothing is sent in vain. (Whether the tenant is suspended is left
to the drain, which asks before every batch.) A rule with a confirmation of our own
gets a row that waits for it. The caller fills in the placeholders; ``confirmed`` is
when the contact last confirmed, or NULL.
"""

ENQUEUE_AGAIN = f"""{ENQUEUE}
ON CONFLICT (signup_id, target_id) DO UPDATE SET
    linked_account_id = excluded.linked_account_id, payload = excluded.payload,
    state = excluded.state, reason = excluded.reason, detail = excluded.detail,
    asked_by = excluded.asked_by,
    due = excluded.due, attempts = 0, changed_at = excluded.changed_at
WHERE {TABLE}.state = 'skipped' AND {TABLE}.reason = '{Reason.WITHDRAWN.value}'
"""
"""The same for a signup that may have rows already: those that were taken back
(``outbox_wait.take_back``) wait again, all others are left as they are."""
