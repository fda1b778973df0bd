"""Signups with consents, and hands that change them behind the product's back."""

from __future__ import annotations

from typing import Any

from django.db import connection

from contacts.certificates import verify
from contacts.consent_keys import private_key
from contacts.consents import consent_confirmed
from contacts.models import Consent, Contact
from contactsync.lib.clock import now
from contactsync.tenancy.models import Account
from displays.models import Display
from tests.displays.confirming import sign_up


def consents(acme: Account, display: Display, number: int = 5) -> Contact:
    """Signups of several people; the last one's is confirmed, with all there is."""
    for at in range(number):
        sign_up(display, f"mira{at}@gmail.com")
    contact = Contact.objects.get(email_key=f"mira{number - 1}@gmail.com")
    sign_up(display, "noah@gmail.com")
    consent_confirmed(
        account_id=acme.pk,
        contact_id=contact.pk,
        signup_id=Consent.objects.get(contact_id=contact.pk).signup_id,
        how="mail",
        at=now(),
        ip="192.0.2.9",
        evidence={"message_id": "<1@x>", "user_agent": "Müller"},
    )
    return contact


def meddle(sql: str, *params: Any) -> None:
    """Change a row behind the product's back."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL contactsync.erasing = 'on'")
        cursor.execute(sql, params)


def wrong(document: Any) -> list[str]:
    return verify(document, private_key().public_key())
