"""How many confirmation mails an address gets, and how many a visitor can set off.

Whoever types strangers' addresses into a form must not be able to fill their inboxes:
what is over a limit waits, and what waits too long is never sent.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from contactsync.api.client import network_of
from displays.models import ConfirmationMail

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
AGAIN = timedelta(minutes=10)
"""Who signs up again within this time of a mail is not sent another one."""
EVERYWHERE = 2
"""All accounts of the installation together: so many times what one may send."""
SPREAD_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Wait:
    """Over a limit: until when, and why, for the team to read."""

    until: datetime
    why: str


def network(ip: str | None) -> str:
    """What the limit per visitor counts; "" where no IP address is kept."""
    return network_of(ip) if ip else ""


def over_limit(
    *, account_id: int, email_key: str, ip: str | None, at: datetime
) -> Wait | None:
    """Why an address may not be mailed now, or None when it may."""
    return _per_address(account_id, email_key, at) or _per_network(
        email_key, network(ip), at
    )


def _per_address(account_id: int, email_key: str, at: datetime) -> Wait | None:
    most = settings.CONFIRM_MAILS_PER_ADDRESS
    sent = list(
        ConfirmationMail.objects.filter(email_key=email_key, at__gt=at - DAY)
        .order_by("at")
        .values_list("account_id", "at")
    )
    mine = [moment for account, moment in sent if account == account_id]
    if len(mine) >= most:
        why = f"This address got {len(mine)} confirmation mails within a day."
        return Wait(mine[-most] + DAY, why)
    if len(sent) >= most * EVERYWHERE:
        why = "This address got too many confirmation mails within a day."
        return Wait(sent[-most * EVERYWHERE][1] + DAY, why)
    return None


def _per_network(email_key: str, place: str, at: datetime) -> Wait | None:
    if not place:
        return None
    most = settings.CONFIRM_ADDRESSES_PER_IP
    seen: dict[str, datetime] = {}
    sent = ConfirmationMail.objects.filter(network=place, at__gt=at - HOUR)
    for key, moment in sent.order_by("at").values_list("email_key", "at"):
        seen.setdefault(key, moment)
    if email_key in seen or len(seen) < most:
        return None
    # Those who wait come back one after the other, not all in one moment.
    later = timedelta(seconds=random.uniform(0, SPREAD_SECONDS))
    why = f"{len(seen)} addresses were entered from one network within an hour."
    return Wait(sorted(seen.values())[-most] + HOUR + later, why)
