"""Addresses that came back bad, masked, for a reviewer to judge their kind."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from activity.deliverability_figures import WINDOW, answered, refused, suppressions
from contacts.models import Suppression
from contactsync.lib.clock import now
from contactsync.lib.email import mask_email
from contactsync.tenancy.models import Account
from integrations.reasons import fix_for

EACH = 10


@dataclass(frozen=True, slots=True)
class Sample:
    """``address`` is masked; ``why`` in words."""

    address: str
    why: str
    at: datetime


def samples(account: Account) -> list[Sample]:
    """The newest addresses that were refused, bounced and complained, ``EACH`` of
    them at most."""
    at = now()
    deliveries = answered(account, until=at)
    refusals = deliveries.filter(refused(at - WINDOW)).order_by("-changed_at")[:EACH]
    found = []
    for row in refusals:
        fix = fix_for(row.reason, "the provider")
        why = f"refused: {fix.title}" if fix else "refused"
        address = mask_email(str(row.payload.get("email", "")))
        found.append(Sample(address, why, row.changed_at))
    stopped = suppressions(account, deliveries, since=at - WINDOW, until=at)
    for actor in (Suppression.Actor.COMPLAINT, Suppression.Actor.BOUNCE):
        found += [
            Sample(mask_email(row.email_key), row.get_actor_display(), row.created_at)
            for row in stopped.filter(actor=actor).order_by("-created_at")[:EACH]
        ]
    return sorted(found, key=lambda each: each.at, reverse=True)
