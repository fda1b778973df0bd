"""People of Acme, and what providers tell about them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from contacts.models import Contact, Event, Suppression
from contactsync.lib.clock import now
from contactsync.tenancy.models import Account
from displays.models import Display
from integrations import flow_back
from integrations.adapters.base import Change
from integrations.flow_back import Applied
from integrations.models import Delivery, LinkedAccount
from tests.integrations.world import delivery, rule_to

MIRA = "mira.okafor@example.org"
HOUR = timedelta(hours=1)
NEWSLETTER = "a6b5da1054"
VIP = "c1f83e07b2"


def contact(account: Account, email: str = MIRA, **more: Any) -> Contact:
    made: Contact = Contact.objects.create(
        account=account,
        email=email,
        email_key=email.lower(),
        status="accepted",
        **more,
    )
    return made


def told(
    linked: LinkedAccount, status: str, how: str = "webhook", **more: Any
) -> Applied:
    """One change of Mira's; ``at`` and what else there is in ``more``."""
    values = {"email": MIRA, "kind": "status", "at": now(), **more}
    change = Change(status=status, **values)
    return flow_back.apply(linked=linked, changes=[change], how=how)


def found(linked: LinkedAccount, status: str, at: datetime | None) -> Applied:
    """As told, by looking."""
    return told(linked, status, how="poll", kind="upsert", at=at)


def standing() -> list[tuple[str, str]]:
    return list(Suppression.objects.values_list("email_key", "actor"))


def kinds(person: Contact) -> list[str]:
    events = Event.objects.filter(contact_id=person.pk).order_by("id")
    return list(events.values_list("kind", flat=True))


def state(row: Delivery) -> tuple[str, str]:
    row.refresh_from_db()
    return row.state, row.reason


def waiting(display: Display, linked: LinkedAccount, mira: Contact, **more: Any) -> Any:
    rule = rule_to(display, linked, audience_id=f"a-{linked.provider}")
    return delivery(rule, email=MIRA, contact_id=mira.pk, **more)
