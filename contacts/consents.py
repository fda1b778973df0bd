"""The consent ledger: who said yes to which words, and how that was confirmed.

Rows are only added. What may be erased of one (address of the person, IP address,
page, evidence) is erased here and nowhere else.
"""

from __future__ import annotations

import ipaddress
import threading
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from contacts import suppressions
from contacts.models import Consent, ConsentPolicy, ConsentSeal, Contact, Event
from contactsync.lib.sql import is_postgres

SOURCE = "confirmation"
SAME = timedelta(days=1)
"""Confirmations without a signup that come closer together than this are one."""
POLICY_SECONDS = 5.0

V4_KEPT, V6_KEPT = 24, 48
"""Bits that are left of an IP address of which only the network is kept."""


class IpPolicies:
    """How much each account keeps of an IP address, remembered for POLICY_SECONDS."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[int, tuple[float, str]] = {}

    def of(self, account_id: int) -> str:
        until, policy = self._known.get(account_id, (0.0, ""))
        if until > time.monotonic():
            return policy
        found = ConsentPolicy.objects.for_account(account_id)
        policy = found.values_list("ip", flat=True).first() or ConsentPolicy.Ip.KEEP
        with self._lock:
            if len(self._known) > 10_000:
                self._known.clear()
            self._known[account_id] = (time.monotonic() + POLICY_SECONDS, policy)
        return policy

    def clear(self) -> None:
        with self._lock:
            self._known.clear()


ip_policies = IpPolicies()


def ip_to_keep(account_id: int, ip: str | None) -> str | None:
    """What the account's policy leaves of a visitor's IP address."""
    if not ip:
        return None
    policy = ip_policies.of(account_id)
    if policy == ConsentPolicy.Ip.NONE:
        return None
    if policy == ConsentPolicy.Ip.KEEP:
        return ip
    address = ipaddress.ip_address(ip)
    kept = V4_KEPT if address.version == 4 else V6_KEPT
    return str(ipaddress.ip_network((address, kept), strict=False).network_address)


def ip_policy_save(*, account_id: int, ip: str) -> None:
    """From now on (in other processes POLICY_SECONDS later); what is kept stays."""
    ConsentPolicy.objects.update_or_create(account_id=account_id, defaults={"ip": ip})
    ip_policies.clear()
    transaction.on_commit(ip_policies.clear)


def consent_confirmed(
    *,
    account_id: int,
    contact_id: UUID,
    signup_id: UUID | None,
    how: str,
    at: datetime,
    ip: str | None = None,
    evidence: Mapping[str, Any] | None = None,
) -> int:
    """Write down that a person confirmed, and lift what that lifts; the row's id.

    ``how`` is "mail" (ours) or "provider". Safe to repeat: one row per contact, signup
    and ``how`` (without a signup: one a day). Raises Contact.DoesNotExist.
    """
    with transaction.atomic():
        # Whoever suppresses or lifts takes the same lock first.
        contact = (
            Contact.objects.for_account(account_id)
            .select_for_update()
            .get(pk=contact_id)
        )
        ledger = Consent.objects.for_account(account_id).filter(contact_id=contact_id)
        known = ledger.filter(source=SOURCE, how=how, signup_id=signup_id)
        if signup_id is None:
            known = known.filter(at__gt=at - SAME)
        found: int | None = known.values_list("pk", flat=True).first()
        if found is not None:
            return found
        given = ledger.filter(given=True).exclude(source=SOURCE).order_by("-id")
        asked = given.filter(signup_id=signup_id).first() if signup_id else None
        asked = asked or given.first()
        row = Consent.objects.create(
            account_id=account_id,
            contact_id=contact_id,
            signup_id=signup_id,
            given=True,
            text=asked.text if asked else "",
            source=SOURCE,
            page_url=asked.page_url if asked else "",
            form_version=asked.form_version if asked else "",
            ip=ip_to_keep(account_id, ip),
            at=at,
            how=how,
            confirms_id=asked.pk if asked else None,
            evidence=dict(evidence or {}),
        )
        if contact.confirmed_at is None or contact.confirmed_at < at:
            contact.confirmed_at = at
            contact.save(update_fields=["confirmed_at"])
        Event.objects.create(
            account_id=account_id,
            contact_id=contact_id,
            kind="consent.confirmed",
            data={
                "how": how,
                "consent": row.pk,
                "signup": str(signup_id) if signup_id else None,
            },
            at=at,
        )
        suppressions.lift(
            account_id=account_id,
            email_key=contact.email_key,
            confirmed_at=at,
            consent_id=row.pk,
        )
    return int(row.pk)


def consent_erase(*, account_id: int, contact_id: UUID) -> int:
    """Take what could tell who it was out of a contact's rows; how many there are.

    What was said, when and on which form stays, and so does the chain: it holds
    salted digests of what is erased, and the salts go too (docs/consent.md).
    """
    with transaction.atomic():
        if is_postgres():
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL contactsync.erasing = 'on'")
        mine = Consent.objects.for_account(account_id).filter(contact_id=contact_id)
        ids = list(mine.values_list("pk", flat=True))
        mine.update(ip=None, page_url="", evidence={})
        ConsentSeal.objects.for_account(account_id).filter(consent_id__in=ids).update(
            salt=""
        )
        if is_postgres():
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL contactsync.erasing = 'off'")
    return len(ids)
