"""An appeal: a rejected signup is accepted after all, and flows on as if it had been.

The address or its domain goes on the allow list, and what the list then lets through
is accepted: signup, contact, timeline and deliveries in one transaction. Two clicks,
two people or a process that ends half way leave nothing twice and nothing half.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, QuerySet

from contacts.models import Consent, Contact, Event
from contactsync.lib.clock import now
from contactsync.lib.email import email_key
from contactsync.lib.ids import floor
from contactsync.lib.sql import as_uuid, is_postgres, sqlite_value
from contactsync.tenancy.models import Account
from displays.models import Signup
from displays.store import NewSignup
from hygiene.entries import EntryError, Kind, Scope, entry_add, normal
from hygiene.facts import default_facts
from hygiene.policies import known_lookup, policy_for, suppressed_among
from hygiene.policy import Listing, Policy
from hygiene.rules.syntax import parse
from hygiene.services import Author, check
from hygiene.verdict import Category, Finding, Verdict
from integrations.outbox_enqueue import ENQUEUE_AGAIN
from integrations.waker import waker

APPEAL_DAYS = 30
MOST = 500
"""Signups accepted in one go; the rest waits for the next click."""

NEVER = "Only a new opt-in by the person themselves lifts this."
REFUSALS = {
    "unsubscribed": f"The person unsubscribed. {NEVER}",
    "complained": f"The person reported a message as spam. {NEVER}",
    "trap": f"The address is a known spam trap. {NEVER}",
    "bounced": "Mail to this address came back for good. Ask the person for a "
    "current one.",
    "admin": "Somebody on your team suppressed this address. Take it off the "
    "suppression list first.",
}
UNWRITTEN = (
    "No mail can reach this address. Ask the person for it again: it cannot be "
    "accepted as it is."
)
SHARED = "{} gives mailboxes to everybody: accept single addresses there."
NO_SUCH_PLACE = "reserved-domain"
"""Rule of names that no public DNS will ever hold."""
ACCEPTED = "This signup is accepted already."


class NotAppealable(Exception):
    """The signup stays rejected; the message says why, and what would help."""


class DomainShared(NotAppealable):
    """A whole domain was asked for that belongs to a mailbox provider."""


@dataclass(frozen=True, slots=True)
class Released:
    """What an appeal did. ``kept`` were looked at and stay rejected; ``left`` are the
    domain's further ones, for another click."""

    accepted: int = 0
    kept: int = 0
    left: int = 0


def domain_of(signup: Signup) -> str:
    """The address's domain, or "" where it has none that could be listed."""
    parsed = parse(signup.email)
    return "" if isinstance(parsed, Finding) else parsed[1]


def domain_open(signup: Signup) -> bool:
    """Whether its whole domain may be accepted: not that of a mailbox provider or of
    an alias service."""
    domain, facts = domain_of(signup), default_facts()
    return bool(domain) and domain not in facts.mailboxes and domain not in facts.masks


def refusal(signup: Signup) -> str:
    """Why the signup cannot be accepted by a click; "" where it can."""
    if signup.status == Signup.Status.ACCEPTED:
        return ACCEPTED
    try:
        listing = listing_of(signup, Scope.ADDRESS)
    except EntryError:
        return UNWRITTEN
    policy = replace(policy_for(signup.account_id, signup.display_id), allow=listing)
    return refused(signup, judged(signup, policy, reasons_of([signup])))


def refused(signup: Signup, verdict: Verdict) -> str:
    """What stands against a signup although it is on the allow list."""
    if Category.SYNTAX in (signup.category, verdict.category):
        return UNWRITTEN
    if signup.rule == NO_SUCH_PLACE:
        return UNWRITTEN
    return "" if verdict.accepted else REFUSALS.get(verdict.rule, NEVER)


def reasons_of(signups: Sequence[Signup]) -> dict[str, str]:
    """Who of them is suppressed, and why. Asked anew: what the process remembers may
    be older than somebody's unsubscribe."""
    if not signups:
        return {}
    keys = {email_key(signup.email) for signup in signups}
    return suppressed_among(signups[0].account_id, keys)


def judged(signup: Signup, policy: Policy, reasons: Mapping[str, str]) -> Verdict:
    first, last = signup.fields.get("first_name"), signup.fields.get("last_name")
    return check(
        signup.email,
        first_name=first if isinstance(first, str) else "",
        last_name=last if isinstance(last, str) else "",
        policy=policy,
        suppressed=known_lookup(reasons.get(email_key(signup.email), "")),
    )


def listed(signup: Signup, scope: str) -> str:
    """What goes on the allow list. Raises EntryError."""
    return normal(signup.email)[1] if scope == Scope.ADDRESS else domain_of(signup)


def listing_of(signup: Signup, scope: str) -> Listing:
    """The allow list as far as it matters here. Raises EntryError."""
    value = frozenset((listed(signup, scope),))
    if scope == Scope.ADDRESS:
        return Listing(addresses=value)
    return Listing(domains=value)


def rejected_at(account: Account | int, domain: str) -> QuerySet[Signup]:
    """The last 30 days' rejected signups at a domain that an appeal may accept."""
    person = Contact.objects.filter(
        pk=OuterRef("contact_id"), email_key__endswith=f"@{domain}"
    )
    since = now() - timedelta(days=APPEAL_DAYS)
    found: QuerySet[Signup] = (
        Signup.objects.for_account(account)
        .filter(status=Signup.Status.FILTERED, at__gte=since, pk__gte=floor(since))
        .exclude(category__in=(Category.SYNTAX, Category.SUPPRESSED))
        .filter(Exists(person))
    )
    return found


def others(signup: Signup) -> int:
    """How many more rejected signups an appeal for the whole domain looks at."""
    if not domain_open(signup):
        return 0
    found = rejected_at(signup.account_id, domain_of(signup))
    return found.exclude(pk=signup.pk).count()


def signup_accept(
    *, account: Account, signup: Signup, scope: str, reason: str, by: Author
) -> Released:
    """Accept a rejected signup, or with scope "domain" all that were rejected there.

    Raises NotAppealable and hygiene.entries.FullError; then nothing was changed.
    """
    if signup.status == Signup.Status.ACCEPTED:
        return Released()
    if said := refusal(signup):
        raise NotAppealable(said)
    if scope == Scope.DOMAIN and not domain_open(signup):
        raise DomainShared(SHARED.format(domain_of(signup)))
    value = listed(signup, scope)
    policy = replace(
        policy_for(account.pk, signup.display_id), allow=listing_of(signup, scope)
    )
    with transaction.atomic():
        # Holds the account's row, so appeals of one account come one by one.
        entry_add(account=account, kind=Kind.ALLOW, value=value, reason=reason, by=by)
        ids, left = {signup.pk}, 0
        if scope == Scope.DOMAIN:
            there = rejected_at(account, value).exclude(pk=signup.pk)
            found = list(there.order_by("id").values_list("pk", flat=True)[: MOST + 1])
            ids.update(found[: MOST - 1])
            left = there.count() - (len(ids) - 1)
        story = {"scope": scope, "by": by.label, "reason": reason}
        accepted, kept, wake = release(account, ids, policy, story)
        by.note(
            account,
            "signup.accept",
            value,
            reason=reason,
            accepted=accepted,
            before=signup.evidence,
            signup=str(signup.pk),
        )
        transaction.on_commit(lambda: waker.wake(wake))
    return Released(accepted, kept, left)


def release(
    account: Account, ids: Iterable[UUID], policy: Policy, story: dict[str, str]
) -> tuple[int, int, set[UUID]]:
    """Accept what ``policy`` lets through: (accepted, kept, whom to wake)."""
    waiting = (
        Signup.objects.for_account(account)
        .filter(pk__in=list(ids), status=Signup.Status.FILTERED)
        .select_for_update()
        .order_by("at", "id")
    )
    accepted = kept = 0
    wake: set[UUID] = set()
    signups = list(waiting)
    reasons = reasons_of(signups)
    for signup in signups:
        verdict = judged(signup, policy, reasons)
        if refused(signup, verdict):
            kept += 1
            continue
        before = signup.evidence
        take_over(signup, verdict)
        contact = welcome(signup)
        data = {"signup": str(signup.pk), "display": str(signup.display_id)}
        Event.objects.create(
            account=account,
            contact_id=contact.pk,
            kind="signup.released",
            data=data | {"evidence": before} | story,
        )
        wake |= enqueue(signup, contact)
        accepted += 1
    return accepted, kept, wake


def take_over(signup: Signup, verdict: Verdict) -> None:
    """The new verdict; the old one comes first among the rest."""
    old = [each for each in (signup.evidence, *signup.also) if each]
    also = [finding.evidence for finding in verdict.also]
    signup.status = Signup.Status.ACCEPTED
    signup.category = verdict.category.value
    signup.rule = verdict.rule
    signup.evidence = verdict.evidence
    signup.also = list(dict.fromkeys([*old, *also]))
    signup.released_at = now()
    changed = ("status", "category", "rule", "evidence", "also", "released_at")
    signup.save(update_fields=changed)


def welcome(signup: Signup) -> Contact:
    """The contact, accepted, with what the signup says unless a later one said more."""
    contact: Contact = Contact.objects.select_for_update().get(pk=signup.contact_id)
    later = Signup.objects.for_account(signup.account_id).filter(
        contact_id=contact.pk, status=Signup.Status.ACCEPTED, at__gt=signup.at
    )
    if later.exists():
        contact.fields = {**signup.fields, **contact.fields}
    else:
        contact.fields = {**contact.fields, **signup.fields}
    contact.status = Contact.Status.ACCEPTED
    contact.save(update_fields=["status", "fields"])
    return contact


@cache
def enqueue_statement(postgres: bool) -> str:
    def typed(name: str, kind: str) -> str:
        return f"%({name})s::{kind}" if postgres else f"%({name})s"

    return (
        ENQUEUE_AGAIN.format(
            contact=typed("contact", "uuid"),
            signup=typed("signup", "uuid"),
            payload=typed("payload", "jsonb"),
            now=typed("now", "timestamptz"),
            due=typed("now", "timestamptz"),
            account="%(account)s",
            email_key="%(email_key)s",
            confirmed=typed("confirmed", "timestamptz"),
            display=typed("display", "uuid"),
            environment="%(environment)s",
            more_from="",
        )
        + " RETURNING linked_account_id, state"
    )


def enqueue(signup: Signup, contact: Contact) -> set[UUID]:
    """One delivery per rule that is live now; the linked accounts to wake.

    Deliveries of a signup that was withdrawn wait again.
    """
    params: dict[str, Any] = {
        "contact": contact.pk,
        "signup": signup.pk,
        "payload": json.dumps(payload_of(signup, contact)),
        "now": now(),
        "account": signup.account_id,
        "email_key": contact.email_key,
        "confirmed": contact.confirmed_at,
        "display": signup.display_id,
        "environment": signup.environment,
    }
    if not is_postgres():
        params = {name: sqlite_value(item) for name, item in params.items()}
    with connection.cursor() as cursor:
        cursor.execute(enqueue_statement(is_postgres()), params)
        found = cursor.fetchall()
    return {as_uuid(linked) for linked, state in found if state == "pending"}


def payload_of(signup: Signup, contact: Contact) -> dict[str, Any]:
    """What the deliveries would have kept of the signup when it came.

    Where the person has said something newer since, that: old values must not
    overwrite new ones, nor an old yes a newer no.
    """
    answers = Consent.objects.for_account(signup.account_id).filter(
        contact_id=signup.contact_id
    )
    given = answers.filter(signup_id=signup.pk).values_list("given", flat=True).first()
    if answers.filter(at__gt=signup.at, given=False).exists():
        given = False
    taken = NewSignup(
        account_id=signup.account_id,
        display_id=signup.display_id,
        environment=signup.environment,
        email=signup.email,
        email_key="",
        accepted=True,
        category=signup.category,
        rule=signup.rule,
        evidence=signup.evidence,
        fields={
            name: contact.fields.get(name, said) for name, said in signup.fields.items()
        },
        context=signup.context,
        consent_given=given,
        page_url=signup.context.get("page_url", ""),
        ip=signup.ip,
        at=signup.at,
    )
    return taken.payload()
