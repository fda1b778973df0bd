"""Writing a chunk of imported people: Contact, Consent, Event and Delivery of each.

All of a chunk or nothing of it: the caller moves its marker in the same transaction.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from connections.models import ListImport
from contacts.models import Consent, Contact, Suppression
from contactsync.lib.clock import now
from contactsync.lib.ids import uuid7
from contactsync.lib.sql import as_uuid, is_postgres, rows, sqlite_value
from hygiene.verdict import Category
from integrations.adapters.errors import Reason
from integrations.outbox_list import ENQUEUE_LIST

# What a person told us themselves, or a newer signup did, stands: a list only adds.
CONTACT = """INSERT INTO contacts_contact (id, account_id, email, email_key, status,
    fields, first_seen_at, last_seen_at)
{values}
ON CONFLICT (account_id, email_key) DO UPDATE SET
    last_seen_at = excluded.last_seen_at, status = 'accepted', fields = {merged}
RETURNING id, email_key"""

CONSENT = """INSERT INTO contacts_consent (account_id, contact_id, given, text, source,
    page_url, ip, at) {values}"""

EVENT = """INSERT INTO contacts_event (account_id, contact_id, kind, data, at)
{values}"""


@dataclass(frozen=True, slots=True)
class Person:
    """An accepted row of a list. ``row`` counts from 1, ``fields`` has no blanks."""

    row: int
    email: str
    email_key: str
    fields: dict[str, str]


def store_chunk(
    job: ListImport, people: Sequence[Person], away: Mapping[int, Category]
) -> Counter[str]:
    """Write ``people``; how many got a delivery, by why it is not sent ("": it is).

    Call it in a transaction. ``away`` are the rows that the filter turns away by now:
    they only count, as ``filter.<category>``. But who is suppressed, or was asked for
    consent before and refused, gets a delivery that says so and is not sent.
    """
    unwritten = {row for row, why in away.items() if why is not Category.SUPPRESSED}
    found = Counter(f"filter.{away[row]}" for row in unwritten)
    once = {each.email_key: each for each in people if each.row not in unwritten}
    # All writers in one order: two that meet wait for each other, and never in a ring.
    people = [once[key] for key in sorted(once)]
    reasons = _reasons(job.account_id, people)
    reasons |= {p.email_key: Reason.SUPPRESSED.value for p in people if p.row in away}
    write = _write_postgres if is_postgres() else _write_sqlite
    if people:
        write(job, people, [reasons.get(p.email_key, "") for p in people], now())
    return found + Counter(reasons.get(person.email_key, "") for person in people)


def _reasons(account_id: int, people: Sequence[Person]) -> dict[str, str]:
    keys = [person.email_key for person in people]
    found: dict[str, str] = {}
    known = dict(
        Contact.objects.for_account(account_id)
        .filter(email_key__in=keys)
        .values_list("pk", "email_key")
    )
    answers = (
        Consent.objects.for_account(account_id)
        .filter(contact_id__in=known)
        .order_by("id")
        .values_list("contact_id", "given")
    )
    for contact_id, given in answers:  # the last answer of each person stands
        found[known[contact_id]] = "" if given else Reason.NO_CONSENT.value
    for key in (
        Suppression.objects.for_account(account_id)
        .filter(email_key__in=keys)
        .values_list("email_key", flat=True)
    ):
        found[key] = Reason.SUPPRESSED.value
    return {key: reason for key, reason in found.items() if reason}


def _payload(job: ListImport, person: Person, at: datetime) -> dict[str, Any]:
    return {
        "email": person.email,
        "fields": person.fields,
        "consent": True,
        "page_url": "",
        "utm": {},
        "ip": None,
        "at": at.isoformat(),
        "import": str(job.pk),
        "row": person.row,
    }


def _event_data(job: ListImport, person: Person) -> dict[str, Any]:
    return {"import": str(job.pk), "filename": job.filename, "row": person.row}


def _write_postgres(
    job: ListImport, people: Sequence[Person], reasons: Sequence[str], at: datetime
) -> None:
    contact = CONTACT.format(
        values="SELECT v.id, %s, v.email, v.email_key, 'accepted', v.fields, %s, %s "
        "FROM v",
        merged="excluded.fields || contacts_contact.fields",
    )
    consent = CONSENT.format(
        values="SELECT %s, w.id, true, %s, 'import', '', NULL, %s FROM w "
        "WHERE w.reason = ''"
    )
    event = EVENT.format(values="SELECT %s, w.id, 'import.added', w.data, %s FROM w")
    enqueue = ENQUEUE_LIST.format(
        contact="w.id",
        payload="w.payload",
        reason="w.reason",
        now="%s::timestamptz",
        target="%s::uuid",
        more_from="CROSS JOIN w",
    )
    rows(
        f"""WITH v AS (SELECT * FROM unnest(%s::uuid[], %s::text[], %s::text[],
            %s::jsonb[], %s::jsonb[], %s::jsonb[], %s::text[])
            AS v(id, email, email_key, fields, payload, data, reason)),
        c AS ({contact}),
        w AS (SELECT c.id, v.payload, v.data, v.reason FROM c JOIN v USING (email_key)),
        k AS ({consent}), e AS ({event}), d AS ({enqueue})
        SELECT 1""",
        [
            [uuid7() for _ in people],
            [person.email for person in people],
            [person.email_key for person in people],
            [json.dumps(person.fields) for person in people],
            [json.dumps(_payload(job, person, at)) for person in people],
            [json.dumps(_event_data(job, person)) for person in people],
            list(reasons),
            *(job.account_id, at, at),
            *(job.account_id, job.consent, at),
            *(job.account_id, at),
            *(at, at, at, job.target_id),
        ],
    )


def _write_sqlite(
    job: ListImport, people: Sequence[Person], reasons: Sequence[str], at: datetime
) -> None:
    execute = connection.connection.execute
    contact = CONTACT.format(
        values="VALUES (?, ?, ?, ?, 'accepted', ?, ?, ?)",
        merged="json_patch(excluded.fields, contacts_contact.fields)",
    )
    moment, account = sqlite_value(at), job.account_id
    ids: dict[str, UUID] = {}
    for person in people:
        found = execute(
            contact,
            [uuid7().hex, account, person.email, person.email_key]
            + [json.dumps(person.fields), moment, moment],
        ).fetchone()
        ids[found[1]] = as_uuid(found[0])
    everybody = [
        (ids[p.email_key].hex, p, why) for p, why in zip(people, reasons, strict=True)
    ]
    many = connection.connection.executemany
    many(
        CONSENT.format(values="VALUES (?, ?, 1, ?, 'import', '', NULL, ?)"),
        [(account, who, job.consent, moment) for who, _, why in everybody if not why],
    )
    many(
        EVENT.format(values="VALUES (?, ?, 'import.added', ?, ?)"),
        [
            (account, who, json.dumps(_event_data(job, person)), moment)
            for who, person, _ in everybody
        ],
    )
    enqueue = ENQUEUE_LIST.format(
        contact=":who",
        payload=":payload",
        reason=":reason",
        now=":now",
        target=":target",
        more_from="",
    )
    many(
        enqueue,
        [
            {
                "who": who,
                "payload": json.dumps(_payload(job, person, at)),
                "reason": why,
                "now": moment,
                "target": job.target_id.hex,
            }
            for who, person, why in everybody
        ],
    )
