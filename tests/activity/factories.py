"""Rows of every kind, made the way the product makes them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from contacts.models import Contact
from contactsync.lib.clock import now
from contactsync.lib.email import email_key
from displays.models import Display, Signup, SyncRule
from displays.services import RuleSettings, rule_create
from displays.store import NewSignup, store_signup
from integrations import outbox
from integrations.models import Attempt, Delivery, Lease, LinkedAccount, State
from integrations.outbox import Settled

EVIDENCE = {
    "syntax": ("no-at", "syntax:no-at:mira.example.com:contactsync@1"),
    "bot": ("honeypot", "bot:honeypot:filled:contactsync@1"),
    "role": ("exact", "role:exact:sales:contactsync@1"),
    "broadcast": ("everyone", "broadcast:everyone:all-staff:contactsync@1"),
    "transactional": (
        "relay-host",
        "transactional:relay-host:marketplace.example:contactsync@1",
    ),
    "disposable": (
        "domain",
        "disposable:domain:mailinator.com:disposable-email-domains@0.0.293",
    ),
    "suppressed": ("unsubscribed", "suppressed:unsubscribed:m@x.io:contactsync@1"),
    "denied": ("domain", "denied:domain:rival.example:policy@1"),
}


def rule(display: Display, linked: LinkedAccount, **settings: Any) -> SyncRule:
    values: dict[str, Any] = {
        "audience_id": "8f21c0",
        "audience_label": "VIP early access",
        **settings,
    }
    return rule_create(
        display=display, settings=RuleSettings(linked_account=linked, **values)
    )


def signup(
    display: Display,
    email: str,
    *,
    category: str = "valid",
    fields: dict[str, Any] | None = None,
    environment: str = "live",
    at: datetime | None = None,
) -> Contact:
    """A signup as the endpoint stores it: with contact, consent, event, deliveries."""
    rule_name, evidence = EVIDENCE.get(category, ("", ""))
    new = NewSignup(
        account_id=display.account_id,
        display_id=display.pk,
        environment=environment,
        email=email,
        email_key=email_key(email),
        accepted=category == "valid",
        category=category,
        rule=rule_name,
        evidence=evidence,
        fields={"first_name": "Mira", "last_name": "Okafor"}
        if fields is None
        else fields,
        context={"utm": {"campaign": "spring"}, "page_url": "https://shop.test/tents"},
        consent_given=True,
        consent_text="Email me news and offers.",
        page_url="https://shop.test/tents",
        at=at or now(),
    )
    store_signup(new)
    contact: Contact = Contact.objects.for_account(display.account_id).get(
        email_key=email_key(email)
    )
    return contact


def last_signup(contact: Contact) -> Signup:
    found: Signup = Signup.objects.filter(contact_id=contact.pk).latest("at")
    return found


def delivery_of(contact: Contact) -> Delivery:
    found: Delivery = Delivery.objects.filter(contact_id=contact.pk).latest("id")
    return found


def settle(
    contact: Contact,
    state: str,
    reason: str = "",
    detail: str = "",
    *,
    due: datetime | None = None,
    attempt: Attempt | None = None,
) -> Delivery:
    """What a drain does with the contact's newest delivery, with this outcome."""
    row = delivery_of(contact)
    claim_id, claimed = outbox.claim(row.linked_account_id, limit=1000)
    results = [
        Settled(each.id, state, reason, detail, due=due)
        if each.id == row.pk
        else Settled(each.id, State.PENDING)
        for each in claimed
    ]
    assert row.pk in {each.id for each in claimed}
    outbox.settle(claim_id, results, attempt_id=attempt.pk if attempt else None)
    outbox.end_claim(claim_id)
    row.refresh_from_db()
    return row


def claim(contact: Contact, *, ended: timedelta = timedelta(0)) -> Delivery:
    """The contact's delivery as a worker holds it; its lease ended ``ended`` ago."""
    row = delivery_of(contact)
    lease = now() - ended if ended else now() + timedelta(minutes=5)
    claim_id = uuid4()
    Delivery.objects.filter(pk=row.pk).update(
        state=State.SENDING, claim_id=claim_id, lease_until=lease
    )
    Lease.objects.create(
        claim_id=claim_id,
        linked_account_id=row.linked_account_id,
        until=lease,
        ids=[row.pk],
    )
    row.refresh_from_db()
    return row


def attempt(linked: LinkedAccount, *, status: int = 200, contacts: int = 1) -> Attempt:
    return Attempt.objects.create(
        account_id=linked.account_id,
        linked_account=linked,
        contacts=contacts,
        exchanges=[
            {
                "method": "POST",
                "path": "/3.0/lists/8f21c0",
                "status": status,
                "ms": 312,
                "request": '{"email_address": "m•••@example.com"}',
                "response": '{"errors": [], "title": "<b>Invalid</b>"}',
            }
        ],
        ms=312,
    )


def settle_first(contact: Contact) -> None:
    """The contact's oldest delivery becomes synced."""
    first = Delivery.objects.filter(contact_id=contact.pk).earliest("id")
    Delivery.objects.filter(pk=first.pk).update(due=now())
    claim_id, claimed = outbox.claim(first.linked_account_id, limit=1)
    outbox.settle(claim_id, [Settled(row.id, State.SYNCED) for row in claimed])
    outbox.end_claim(claim_id)
