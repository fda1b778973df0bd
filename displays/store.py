"""Writing a signup: Signup, Contact, Consent, Event and one Delivery per live rule.

All of it or nothing, and durable when the function returns. PostgreSQL does it in one
statement; SQLite has no data-modifying CTE and runs the same in one transaction.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import (
    IntegrityError,
    InterfaceError,
    OperationalError,
    connection,
    transaction,
)

from contactsync.lib.clock import now
from contactsync.lib.ids import uuid7
from contactsync.lib.sql import (
    PLACEHOLDER,
    Prepared,
    as_uuid,
    is_postgres,
    rows,
    sqlite_value,
)
from contactsync.lib.turns import Turns
from displays.models import Signup
from integrations.outbox_enqueue import ENQUEUE


@cache
def writers() -> Turns:
    """Who stores a signup on SQLite waits here, not in its busy handler."""
    name = str(connection.settings_dict["NAME"])
    shared = name.startswith("/")  # else in memory: this process only
    return Turns(Path(f"{name}-turns") if shared else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSignup:
    """A signup as it was judged, ready to be written.

    ``not_before`` puts its deliveries off, for a check that is still under way.
    """

    account_id: int
    display_id: UUID
    environment: str
    email: str
    email_key: str
    accepted: bool
    category: str
    rule: str
    evidence: str
    also: list[str] = field(default_factory=list)
    suggest: str = ""
    fields: dict[str, Any] = field(default_factory=dict)
    context: dict[str, Any] = field(default_factory=dict)
    consent_given: bool | None = None
    consent_text: str = ""
    page_url: str = ""
    ip: str | None = None
    idempotency_key: str = ""
    request_hash: str = ""
    id: UUID = field(default_factory=uuid7)
    at: datetime = field(default_factory=now)
    not_before: datetime | None = None

    def payload(self) -> dict[str, Any]:
        """What a delivery keeps of the signup."""
        return {
            "email": self.email,
            "fields": self.fields,
            "consent": self.consent_given,
            "page_url": self.page_url,
            "utm": self.context.get("utm", {}),
            "ip": self.ip,
            "at": self.at.isoformat(),
        }

    def params(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "contact_id": uuid7(),
            "account": self.account_id,
            "display": self.display_id,
            "environment": self.environment,
            "email": self.email,
            "email_key": self.email_key,
            "status": "accepted" if self.accepted else "filtered",
            "category": self.category,
            "rule": self.rule,
            "evidence": self.evidence,
            "also": json.dumps(self.also),
            "suggest": self.suggest,
            "fields": json.dumps(self.fields),
            "context": json.dumps(self.context),
            "ip": self.ip,
            "key": self.idempotency_key,
            "hash": self.request_hash,
            "payload": json.dumps(self.payload()),
            "given": self.consent_given,
            "consent_text": self.consent_text,
            "page_url": self.page_url,
            "event": "signup.accepted" if self.accepted else "signup.filtered",
            "event_data": json.dumps(
                {"signup": str(self.id), "display": str(self.display_id)}
                | ({} if self.accepted else {"evidence": self.evidence})
            ),
            "now": self.at,
            "due": self.not_before or self.at,
        }


@dataclass(frozen=True, slots=True)
class Stored:
    """``created`` is False when the idempotency key was used before.

    ``wake`` holds the linked accounts that got something to send; ``asks``: somebody
    is to be asked to confirm first.
    """

    created: bool
    wake: frozenset[UUID] = frozenset()
    asks: bool = False


# Somebody whose address was filtered must not change what a person told us before.
CONTACT = """INSERT INTO contacts_contact (id, account_id, email, email_key, status,
    fields, first_seen_at, last_seen_at)
VALUES (%(contact_id)s, %(account)s, %(email)s, %(email_key)s, %(status)s,
    {fields}, %(now)s, %(now)s)
ON CONFLICT (account_id, email_key) DO UPDATE SET
    last_seen_at = excluded.last_seen_at,
    status = CASE WHEN excluded.status = 'accepted' THEN 'accepted'
        ELSE contacts_contact.status END,
    fields = CASE WHEN excluded.status = 'accepted' THEN {merged}
        ELSE contacts_contact.fields END
RETURNING id, confirmed_at"""

SIGNUP = """INSERT INTO displays_signup (id, account_id, display_id, contact_id,
    environment, email, status, category, rule, evidence, also, suggest, fields,
    context, ip, idempotency_key, request_hash, at)
SELECT {id}, %(account)s, {display}, {contact}, %(environment)s, %(email)s,
    %(status)s, %(category)s, %(rule)s, %(evidence)s, {also}, %(suggest)s, {fields},
    {context}, {ip}, %(key)s, %(hash)s, {now} {from_contact}
ON CONFLICT (account_id, idempotency_key) WHERE NOT (idempotency_key = '')
    DO NOTHING RETURNING id"""

CONSENT = """INSERT INTO contacts_consent (account_id, contact_id, signup_id, given,
    text, source, page_url, ip, at, form_version)
SELECT %(account)s, {contact}, {signup}, {given}, %(consent_text)s, 'signup',
    %(page_url)s, {ip}, {now},
    COALESCE((SELECT CAST(w.version AS text) FROM displays_display w
        WHERE w.id = {display}), '') {from_both}"""

EVENT = """INSERT INTO contacts_event (account_id, contact_id, kind, data, at)
SELECT %(account)s, {contact}, %(event)s, {event_data}, {now} {from_both}"""


@cache
def postgres_statement(accepted: bool, consent: bool) -> Prepared:
    """The one statement. The parts that a signup does not need are left out."""
    contact = CONTACT.format(
        fields="%(fields)s::jsonb", merged="contacts_contact.fields || excluded.fields"
    )
    parts = [
        f"c AS ({contact})",
        "s AS ("
        + SIGNUP.format(
            id="%(id)s::uuid",
            display="%(display)s::uuid",
            contact="c.id",
            also="%(also)s::jsonb",
            fields="%(fields)s::jsonb",
            context="%(context)s::jsonb",
            ip="%(ip)s::inet",
            now="%(now)s::timestamptz",
            from_contact="FROM c",
        )
        + ")",
    ]
    both = {
        "contact": "c.id",
        "signup": "s.id",
        "now": "%(now)s::timestamptz",
        "from_both": "FROM c, s",
    }
    if consent:
        parts.append(
            "k AS ("
            + CONSENT.format(
                given="%(given)s::boolean",
                ip="%(ip)s::inet",
                display="%(display)s::uuid",
                **both,
            )
            + ")"
        )
    parts.append(
        "e AS (" + EVENT.format(event_data="%(event_data)s::jsonb", **both) + ")"
    )
    wake, asks = "NULL::uuid[]", "false"
    if accepted:
        enqueue = ENQUEUE.format(
            contact="c.id",
            signup="s.id",
            payload="%(payload)s::jsonb",
            now="%(now)s::timestamptz",
            due="%(due)s::timestamptz",
            account="%(account)s",
            email_key="%(email_key)s",
            confirmed="c.confirmed_at",
            display="%(display)s::uuid",
            environment="%(environment)s",
            more_from="CROSS JOIN c CROSS JOIN s",
        )
        parts.append(f"d AS ({enqueue} RETURNING linked_account_id, state)")
        wake = "ARRAY(SELECT linked_account_id FROM d WHERE state = 'pending')"
        asks = "EXISTS(SELECT 1 FROM d WHERE state = 'awaiting_opt_in')"
    return Prepared(
        f"store_signup_{accepted:d}{consent:d}",
        f"WITH {', '.join(parts)} SELECT (SELECT id FROM s), {wake}, {asks}",
    )


@cache
def sqlite_sql() -> dict[str, str]:
    given = {
        "contact": "%(contact)s",
        "signup": "%(id)s",
        "now": "%(now)s",
        "from_both": "",
    }
    statements = {
        "contact": CONTACT.format(
            fields="%(fields)s",
            merged="json_patch(contacts_contact.fields, excluded.fields)",
        ),
        "signup": SIGNUP.format(
            id="%(id)s",
            display="%(display)s",
            contact="%(contact)s",
            also="%(also)s",
            fields="%(fields)s",
            context="%(context)s",
            ip="%(ip)s",
            now="%(now)s",
            from_contact="WHERE true",  # parses ON CONFLICT apart from a join's ON
        ),
        "consent": CONSENT.format(
            given="%(given)s", ip="%(ip)s", display="%(display)s", **given
        ),
        "event": EVENT.format(event_data="%(event_data)s", **given),
        "enqueue": ENQUEUE.format(
            contact="%(contact)s",
            signup="%(id)s",
            payload="%(payload)s",
            now="%(now)s",
            due="%(due)s",
            account="%(account)s",
            email_key="%(email_key)s",
            confirmed="%(confirmed)s",
            display="%(display)s",
            environment="%(environment)s",
            more_from="",
        )
        + " RETURNING linked_account_id, state",
    }
    return {
        name: PLACEHOLDER.sub(r":\1", statement)
        for name, statement in statements.items()
    }


def store_signup(signup: NewSignup) -> Stored:
    """Write ``signup``; durable on return."""
    params = signup.params()
    if not is_postgres():
        return _store_sqlite(signup, params)
    if connection.in_atomic_block:
        return _store_postgres(signup, params)
    # No ping before the statement, and a second try on a new connection instead:
    # should the first one have been committed although its answer was lost, the
    # second finds the signup's own id and writes nothing.
    connection.health_check_done = True
    try:
        return _store_postgres(signup, params)
    except (OperationalError, InterfaceError):
        connection.close()
    try:
        return _store_postgres(signup, params)
    except IntegrityError:
        if Signup.objects.filter(pk=signup.id).exists():
            return Stored(True)  # the sweep wakes the workers
        raise


def _store_postgres(signup: NewSignup, params: dict[str, Any]) -> Stored:
    statement = postgres_statement(signup.accepted, signup.consent_given is not None)
    if not signup.idempotency_key:
        signup_id, wake, asks = statement.one(params)
        return Stored(signup_id is not None, frozenset(wake or ()), asks)
    # Who comes second with a key must not touch the contact either.
    with transaction.atomic():
        place = f"{signup.account_id}:{signup.idempotency_key}"
        rows("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [place])
        if _is_used(signup):
            return Stored(False)
        signup_id, wake, asks = statement.one(params)
        return Stored(signup_id is not None, frozenset(wake or ()), asks)


def _is_used(signup: NewSignup) -> bool:
    return (
        Signup.objects.for_account(signup.account_id)
        .filter(idempotency_key=signup.idempotency_key)
        .exists()
    )


def _store_sqlite(signup: NewSignup, params: dict[str, Any]) -> Stored:
    sql = sqlite_sql()
    params = {name: sqlite_value(item) for name, item in params.items()}
    # Who holds the data base already must not wait for a thread that waits for it.
    queue = nullcontext() if connection.in_atomic_block else writers()
    with queue, transaction.atomic():
        if signup.idempotency_key and _is_used(signup):
            return Stored(False)
        # The driver itself: Django's cursor would rewrite each statement each time.
        execute = connection.connection.execute
        try:
            contact = execute(sql["contact"], params).fetchone()
            params["contact"], params["confirmed"] = contact
            if execute(sql["signup"], params).fetchone() is None:
                return Stored(False)
            if signup.consent_given is not None:
                execute(sql["consent"], params)
            execute(sql["event"], params)
            if not signup.accepted:
                return Stored(True)
            found = execute(sql["enqueue"], params).fetchall()
        except sqlite3.Error as error:
            with connection.wrap_database_errors:
                raise error
    return Stored(
        True,
        frozenset(as_uuid(row[0]) for row in found if row[1] == "pending"),
        any(row[1] == "awaiting_opt_in" for row in found),
    )
