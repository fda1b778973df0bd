"""Incidents: what is not as promised opens one by itself, and closes it again.

``incidents_settle`` compares what a look found with what is open. Admins get one mail
for all that opened, and one for all that is right again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction

from activity.incident_words import KINDS, Kind
from activity.models import Incident
from contactsync.lib.clock import now
from contactsync.tenancy.mail import mail_admins
from contactsync.tenancy.models import Account, User

QUIET = timedelta(minutes=15)
"""Between two mails about what opened: what comes meanwhile is in the next one."""
MUTED_FOR = timedelta(minutes=10)
"""What a person closed and was not found for so long is news when it is found again."""
IN_A_MAIL = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that is not as promised. ``detail`` has ``count``, and what its page
    needs for a link."""

    account_id: int
    kind: str
    key: str
    title: str
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def place(self) -> tuple[int, str, str]:
        return self.account_id, self.kind, self.key


def incident_open(
    *, account: Account | int, kind: str, key: str, title: str, detail: dict[str, Any]
) -> bool:
    """Note that something is wrong. True when that is news; no mail yet.

    What a person closed stays closed while it is found all the time and its ``count``
    does not grow.
    """
    account_id = account.pk if isinstance(account, Account) else account
    at = now()
    mine = Incident.objects.for_account(account_id).filter(kind=kind, key=key)
    changed = {"seen_at": at, "title": title[:200], "detail": detail}
    if mine.filter(closed_at=None).update(**changed):
        return False
    last = mine.exclude(closed_by=None).order_by("-closed_at").first()
    if last is not None and last.seen_at > at - MUTED_FOR and _no_worse(last, detail):
        mine.filter(pk=last.pk).update(seen_at=at)
        return False
    try:
        with transaction.atomic():
            Incident.objects.create(
                account_id=account_id,
                kind=kind,
                key=key[:120],
                title=title[:200],
                detail=detail,
                opened_at=at,
                seen_at=at,
            )
    except IntegrityError:  # somebody else noticed in the same moment
        return False
    return True


def _no_worse(last: Incident, detail: dict[str, Any]) -> bool:
    return int(detail.get("count", 0)) <= int(last.detail.get("count", 0))


def incident_close(
    *, incident: Incident, by: User | None = None, note: str = ""
) -> bool:
    """It is right again, or a person (``by``) knows of it. False: it was closed."""
    at = now()
    more = {"seen_at": at} if by else {}
    return bool(
        Incident.objects.filter(pk=incident.pk, closed_at=None).update(
            closed_at=at, closed_by=by, note=note, **more
        )
    )


def incidents_settle(
    found: Iterable[Finding], looked_at: Callable[[Incident], bool]
) -> int:
    """Open what was found, close what was ``looked_at`` and is not found any more, and
    tell the admins. Returns how many were opened."""
    places = set()
    opened = 0
    for finding in found:
        places.add(finding.place)
        opened += incident_open(
            account=finding.account_id,
            kind=finding.kind,
            key=finding.key,
            title=finding.title,
            detail=finding.detail,
        )
    for incident in Incident.objects.filter(closed_at=None):
        place = (incident.account_id, incident.kind, incident.key)
        if place not in places and looked_at(incident):
            incident_close(incident=incident)
    tell_admins()
    return opened


def tell_admins() -> int:
    """Mail what nobody was told of. Returns how many mails were due."""
    at = now()
    waiting = Incident.objects.filter(closed_at=None, mailed_at=None)
    lately = Incident.objects.filter(mailed_at__gt=at - QUIET)
    told = set(lately.order_by().values_list("account_id", flat=True).distinct())
    sent = 0
    for account_id in _accounts(waiting) - told:
        rows = _take(waiting.filter(account_id=account_id), "mailed_at", at)
        sent += _mail(account_id, rows, _opened_mail)
    cleared = Incident.objects.filter(
        closed_at__isnull=False,
        closed_by=None,
        mailed_at__isnull=False,
        cleared_mailed_at=None,
    )
    for account_id in _accounts(cleared):
        rows = _take(cleared.filter(account_id=account_id), "cleared_mailed_at", at)
        sent += _mail(account_id, rows, _cleared_mail)
    return sent


def _accounts(rows: Any) -> set[int]:
    return set(rows.order_by().values_list("account_id", flat=True).distinct())


def _take(rows: Any, column: str, at: datetime) -> list[Incident]:
    """Those that nobody else is mailing in this moment."""
    return [
        row
        for row in list(rows.order_by("opened_at"))
        if Incident.objects.filter(pk=row.pk, **{column: None}).update(**{column: at})
    ]


def _mail(
    account_id: int,
    rows: Sequence[Incident],
    words: Callable[[Sequence[Incident]], tuple[str, str]],
) -> int:
    account = Account.objects.filter(pk=account_id).first()
    if account is None or not rows:
        return 0
    subject, body = words(rows)
    url = f"{settings.BASE_URL}/a/{account.slug}/incidents/"
    mail_admins(account, subject=subject, body=f"{body}\n\n{url}\n")
    return 1


def _opened_mail(rows: Sequence[Incident]) -> tuple[str, str]:
    subject = rows[0].title if len(rows) == 1 else f"{len(rows)} incidents need a look"
    parts = []
    for row in rows[:IN_A_MAIL]:
        kind = kind_of(row)
        parts.append(f"{row.title}\n{kind.meaning} {kind.next_step}")
    if len(rows) > IN_A_MAIL:
        parts.append(f"And {len(rows) - IN_A_MAIL} more.")
    return subject, "\n\n".join(parts)


def _cleared_mail(rows: Sequence[Incident]) -> tuple[str, str]:
    one = len(rows) == 1
    subject = "Right again: " + (rows[0].title if one else f"{len(rows)} incidents")
    lines = [
        f"{row.title}\nSince {row.opened_at:%Y-%m-%d %H:%M} UTC, right again at "
        f"{row.closed_at:%Y-%m-%d %H:%M} UTC."
        for row in rows[:IN_A_MAIL]
    ]
    if len(rows) > IN_A_MAIL:
        lines.append(f"And {len(rows) - IN_A_MAIL} more.")
    return subject, "\n\n".join(lines)


def kind_of(incident: Incident) -> Kind:
    return KINDS.get(incident.kind, KINDS[""])
