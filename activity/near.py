"""Who signed up under an address that is nearly the one asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Replace

from contacts.models import Contact
from contactsync.tenancy.models import Account
from hygiene.case import Case
from hygiene.facts import default_facts
from hygiene.suggest import one_slip, suggest

LOOKED_AT = 200
SHOWN = 8
LATEST = 200_000
"""Contacts among which neighbours are looked for. The same person a second time has
signed up lately, and a million addresses take seconds to compare."""

SAME = "same"
SLIP = "slip"
NAME = "name"
DOMAIN = "domain"
WHY = {
    SAME: "the same mailbox, written another way",
    SLIP: "one letter away",
    NAME: "the same name at another domain",
    DOMAIN: "another address at this domain",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """A contact with nearly this address. ``kind`` is a key of ``WHY``."""

    contact: Contact
    kind: str

    @property
    def id(self) -> UUID:
        found: UUID = self.contact.pk
        return found

    @property
    def email(self) -> str:
        return str(self.contact.email)

    @property
    def why(self) -> str:
        return WHY[self.kind]


def near(account: Account, key: str, local: str, domain: str) -> list[Near]:
    """The contacts whose address is closest, the closest first. Two queries.

    ``local`` and ``domain`` are the address's parts, ``key`` its ``email_key``.
    """
    case = Case(local, domain, default_facts())
    found = [
        Near(contact=contact, kind=kind)
        for contact in candidates(account, case).exclude(email_key=key)[:LOOKED_AT]
        if (kind := kind_of(str(contact.email_key), case))
    ]
    order = list(WHY)
    return sorted(found, key=lambda each: order.index(each.kind))[:SHOWN]


def candidates(account: Account, case: Case) -> QuerySet[Contact]:
    """Contacts that may be near, the latest first; ``kind_of`` says whether."""
    rows = latest(account)
    likely = suggest(case.domain, case.facts)
    wanted = Q(email_key__startswith=f"{case.local}@")
    for domain in {case.domain, likely} - {""}:
        wanted |= Q(email_key=f"{case.base}@{domain}")
        wanted |= Q(
            email_key__startswith=f"{case.base}+", email_key__endswith=f"@{domain}"
        )
    if case.canonical.endswith("@gmail.com"):
        rows = rows.alias(bare=Replace("email_key", Value("."), Value("")))
        bare = case.canonical.partition("@")[0]
        wanted |= Q(bare__in=(f"{bare}@gmailcom", f"{bare}@googlemailcom"))
        wanted |= Q(bare__startswith=f"{bare}+", bare__endswith="@gmailcom")
    elif not case.provider:
        wanted |= Q(email_key__endswith=f"@{case.domain}")
    return rows.filter(wanted).order_by("-last_seen_at", "-id")


def latest(account: Account) -> QuerySet[Any]:
    """The account's ``LATEST`` contacts."""
    rows: QuerySet[Any] = Contact.objects.for_account(account)
    seen = rows.order_by("-last_seen_at").values_list("last_seen_at", flat=True)
    last = list(seen[LATEST : LATEST + 1])
    return rows.filter(last_seen_at__gte=last[0]) if last else rows


def kind_of(key: str, case: Case) -> str:
    """How near a contact's ``email_key`` is; "" for not at all."""
    local, at, domain = key.rpartition("@")
    if not at:
        return ""
    other = Case(local, domain, case.facts)
    if other.canonical == case.canonical:
        return SAME
    if domain == case.domain:
        return SLIP if one_slip(local, case.local) else DOMAIN
    if local == case.local or other.base == case.base:
        return SLIP if one_slip(domain, case.domain) else NAME
    return ""


def slips(found: Sequence[Near]) -> list[Near]:
    """Those that are probably the person who is looked for."""
    return [each for each in found if each.kind in (SAME, SLIP)]
