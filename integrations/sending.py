"""Sending one claimed batch, target by target. No transaction is open meanwhile."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from uuid import UUID

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.db import DatabaseError

from contacts.models import Suppression
from contactsync.lib.clock import now
from contactsync.lib.email import email_key
from contactsync.lib.sql import rows as fetched
from integrations import outbox, retry
from integrations.adapters.base import (
    Adapter,
    Contact,
    Options,
    Outcome,
    OutcomeState,
)
from integrations.adapters.errors import AdapterError, Reason, RejectedError
from integrations.mapping import Prepared, matches, preparer
from integrations.models import LinkedAccount, State, Target
from integrations.oauth_tokens import answered
from integrations.outbox import Claimed, Settled
from integrations.outcomes import (
    UNCOUNTED,
    after_failure,
    later,
    settled_from,
    slow_down,
)

log = structlog.get_logger(__name__)

MARKETING = {"esp", "sms"}


def send(
    account: LinkedAccount,
    adapter: Adapter,
    claim_id: UUID,
    claimed: Sequence[Claimed],
) -> int:
    """Send one claimed batch, target by target. Returns how many were settled."""
    by_target: dict[UUID, list[Claimed]] = {}
    for row in claimed:
        by_target.setdefault(row.target_id, []).append(row)
    targets = Target.objects.for_account(account.account).in_bulk(by_target)
    settled = back = 0
    for target_id, rows in by_target.items():
        target = targets.get(target_id)
        if target is None:
            results = [Settled(row.id, State.SKIPPED, Reason.CONDITION) for row in rows]
            settled += outbox.settle(claim_id, results)
        else:
            sent, kept = send_to_target(account, adapter, target, claim_id, rows)
            settled, back = settled + sent, back + kept
    if settled + back == len(claimed):
        outbox.end_claim(claim_id)
    return settled


def send_to_target(
    account: LinkedAccount,
    adapter: Adapter,
    target: Target,
    claim_id: UUID,
    rows: Sequence[Claimed],
) -> tuple[int, int]:
    """Returns how many were settled, and how many put back."""
    wanted, skipped = [], []
    left = suppressed(account, target, rows)
    for row in rows:
        if row.attempts > retry.MAX_ATTEMPTS:  # its workers died, again and again
            skipped.append(Settled(row.id, State.FAILED, Reason.INTERNAL))
            continue
        reason, why = not_wanted(adapter, target, row), ""
        if left and (key := email_key(row.payload["email"])) in left:
            reason, why = Reason.SUPPRESSED, left[key]
        if reason:
            skipped.append(Settled(row.id, State.SKIPPED, reason, why))
        else:
            wanted.append(row)
    settled = outbox.settle(claim_id, skipped)
    if not wanted:
        return settled, 0
    if target.held_reason:
        held = [
            Settled(row.id, State.HELD, target.held_reason, target.held_detail)
            for row in wanted
        ]
        return settled + outbox.settle(claim_id, held), 0
    ready, unfit = prepared(target, wanted)
    settled += outbox.settle(claim_id, unfit)
    size = first_size(wanted)
    while ready:
        part, ready = ready[:size], ready[size:]
        ok, ended = call(account, adapter, target, claim_id, part)
        settled += ended
        if not ok:
            break
        size *= 2
    return settled, outbox.put_back(claim_id, [row.id for row, _ in ready])


def first_size(rows: Sequence[Claimed]) -> int:
    """How many to send first. Rows that failed before go in smaller parts each time,
    so that the one which the provider cannot digest ends up alone."""
    failures = max(row.attempts for row in rows) - 1
    return max(1, len(rows) >> failures)


def call(
    account: LinkedAccount,
    adapter: Adapter,
    target: Target,
    claim_id: UUID,
    ready: Sequence[tuple[Claimed, Prepared]],
) -> tuple[bool, int]:
    """One call of the adapter, noted and settled. Returns whether it answered, and how
    many rows were settled."""
    rows = [row for row, _ in ready]
    contacts = [made.contact for _, made in ready]
    started = time.monotonic()
    adapter.exchanges.clear()
    error = ""
    try:
        outcomes = answered(
            account, adapter, lambda current: upsert(current, target, contacts)
        )
        slow_down(account, outcomes)
        results = [
            noted(settled_from(row, outcome), made)
            for (row, made), outcome in zip(ready, outcomes, strict=True)
        ]
        ok = not any(outcome.reason in UNCOUNTED for outcome in outcomes)
    except AdapterError as failure:
        ok, error = False, failure.reason.value
        results = after_failure(account, target, rows, failure)
    except SoftTimeLimitExceeded:
        # The provider is slow, which is nobody's bug; an upsert may be repeated.
        ok, error = False, Reason.TIMEOUT.value
        results = [later(row, error, "", None) for row in rows]
    except Exception:
        # Our bug: these rows stop here, the queue goes on, and nothing is lost.
        log.exception("adapter bug", provider=account.provider, rows=len(rows))
        ok, error = True, Reason.INTERNAL.value
        results = [Settled(row.id, State.FAILED, Reason.INTERNAL) for row in rows]
    ms = round((time.monotonic() - started) * 1000)
    attempt_id = note_attempt(account, adapter, len(rows), error, ms)
    return ok, outbox.settle(claim_id, results, attempt_id=attempt_id)


def prepared(
    target: Target, rows: Sequence[Claimed]
) -> tuple[list[tuple[Claimed, Prepared]], list[Settled]]:
    """What each row's signup is for the provider, and the rows that cannot be sent as
    the rule maps them."""
    prepare = preparer(target.mapping, target.tags)
    made = [(row, prepare(row.payload)) for row in rows]
    unfit = [
        Settled(row.id, State.HELD, each.reason, each.detail)
        for row, each in made
        if each.reason is not None
    ]
    return [(row, each) for row, each in made if each.reason is None], unfit


def noted(settled: Settled, made: Prepared) -> Settled:
    """What the mapping left out is said where the row's outcome is shown."""
    if not made.notes:
        return settled
    return replace(settled, detail=" ".join((settled.detail, *made.notes)).strip())


def note_attempt(
    account: LinkedAccount, adapter: Adapter, contacts: int, error: str, ms: int
) -> int | None:
    """Keep what was said. That it cannot be kept never keeps rows from settling."""
    try:
        found = fetched(
            """INSERT INTO integrations_attempt
                (account_id, linked_account_id, contacts, error, exchanges, ms, at)
            VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING id""",
            [
                *(account.account_id, account.pk, contacts, error),
                json.dumps([asdict(exchange) for exchange in adapter.exchanges]),
                *(ms, now()),
            ],
            lax=True,  # durable with the rows that it explains
        )
    except (DatabaseError, ValueError):
        log.exception("attempt not kept", provider=account.provider)
        return None
    return int(found[0][0])


def suppressed(
    account: LinkedAccount, target: Target, rows: Sequence[Claimed]
) -> dict[str, str]:
    """Whose address was suppressed since the signup, by identity, and why.

    Whoever left at this very account is not among them where the rule has the provider
    ask them to confirm.
    """
    nobody = "SELECT 1 FROM contacts_suppression WHERE account_id = %s LIMIT 1"
    if not fetched(nobody, [account.account_id]):
        return {}
    known = Suppression.objects.for_account(account.account)
    keys = [email_key(row.payload["email"]) for row in rows]
    found = known.filter(email_key__in=keys).values_list(
        "email_key", "detail", "actor", "linked_account_id"
    )
    return {
        key: why
        for key, why, actor, where in found
        if not target.reconfirm
        or actor != Suppression.Actor.PERSON
        or where != account.pk
    }


def not_wanted(adapter: Adapter, target: Target, row: Claimed) -> Reason | None:
    """Why a signup is not one that the rule sends, or None when it is.

    Somebody who was asked for consent and did not give it is never put on a mailing
    or SMS list; a CRM or a webhook is told, with the answer.
    """
    if row.payload.get("consent") is False and adapter.kind in MARKETING:
        return Reason.NO_CONSENT
    if not matches(target.conditions, target.match, row.payload):
        return Reason.CONDITION
    return None


def upsert(
    adapter: Adapter, target: Target, contacts: Sequence[Contact]
) -> list[Outcome]:
    """The adapter's upsert; a batch refused as a whole is halved until one is left.

    Raises TransientError and SetupError of the first half that meets one, which is
    safe: an upsert is idempotent.
    """
    options = Options(
        double_opt_in=target.double_opt_in,
        update_existing=target.update_existing,
        reconfirm=target.reconfirm,
        tags=tuple(target.tags),
    )
    try:
        return adapter.upsert(contacts, target.audience_id, options)
    except RejectedError as refusal:
        if len(contacts) == 1:
            return [
                Outcome(
                    state=OutcomeState.REJECTED,
                    reason=refusal.reason,
                    detail=refusal.detail,
                )
            ]
        half = len(contacts) // 2
        return [
            *upsert(adapter, target, contacts[:half]),
            *upsert(adapter, target, contacts[half:]),
        ]
