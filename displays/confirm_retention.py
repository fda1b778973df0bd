"""Deleting confirmations that are over and old, and the notes of their mails.

Of each contact the newest confirmation stays, and so does the newest one that was
confirmed: the contact's page and the links in old mails are answered from them. One
that is open, or whose link still works, is never touched, nor are its mails. The
consent ledger needs none of it: the evidence stands in its own rows.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from contactsync.lib.clock import now
from displays.confirm import unclaimed
from displays.models import Confirmation, ConfirmationMail
from integrations.lease import lease_end, lease_take
from integrations.retention import (
    LEASE_SECONDS,
    PAUSE_SECONDS,
    REST,
    RUN_SECONDS,
    STEP,
    cutoff,
)

LEASE = "retention.confirmations"
FIRST = UUID(int=0)
OVER = (
    Confirmation.State.CONFIRMED,
    Confirmation.State.EXPIRED,
    Confirmation.State.BOUNCED,
)


@dataclass(frozen=True, slots=True)
class Step:
    """One transaction: ``last`` is the id it got to, ``more`` whether to go on."""

    deleted: int
    last: UUID
    more: bool


@dataclass(slots=True)
class Pruned:
    """What a run did. ``part`` and ``last``: where the next one goes on; ``part``
    None: all was seen."""

    deleted: int = 0
    part: int | None = 0
    last: UUID = FIRST


def prune(part: int = 0, last: UUID = FIRST, *, seconds: float = RUN_SECONDS) -> Pruned:
    """Go on deleting for up to ``seconds``. Does nothing while another worker is at it,
    or when a pass has ended lately. Whatever ends this, no step is half done; a pass
    that was broken off is begun anew."""
    holder, done = uuid4(), Pruned(part=part, last=last)
    if not lease_take(LEASE, holder, LEASE_SECONDS):
        return Pruned(part=None)
    rest = 0.0
    try:
        _run(done, time.monotonic() + seconds)
        rest = REST.total_seconds() if done.part is None else 0.0
    finally:
        lease_end(LEASE, holder, rest)
    return done


def _run(done: Pruned, deadline: float) -> None:
    parts: tuple[tuple[Callable[[UUID, datetime], Step], int], ...] = (
        (prune_mails, settings.KEEP_CONFIRMATION_MAILS_DAYS),
        (prune_confirmations, settings.KEEP_CONFIRMATIONS_DAYS),
    )
    while done.part is not None and done.part < len(parts):
        step_of, days = parts[done.part]
        before, more = cutoff(days), True
        while before is not None and more:
            if time.monotonic() > deadline:
                return
            step = step_of(done.last, before)
            done.deleted, done.last, more = (
                done.deleted + step.deleted,
                step.last,
                step.more,
            )
            time.sleep(PAUSE_SECONDS)
        done.part, done.last = done.part + 1, FIRST
    done.part = None


def prune_mails(last: UUID, before: datetime) -> Step:
    """Look at the next notes of mails by id. Limits count the last day's, and mail
    providers tell what became of one by its Message-ID."""
    window, more = _window(ConfirmationMail.objects.all(), "at", last, before)
    over = ConfirmationMail.objects.filter(
        ended(before, "confirmation__"), pk__in=window, at__lt=before
    )
    return _delete(over, window, last, more)


def prune_confirmations(last: UUID, before: datetime) -> Step:
    """Look at the next confirmations by id."""
    window, more = _window(Confirmation.objects.all(), "created_at", last, before)
    newer = Confirmation.objects.filter(
        contact_id=OuterRef("contact_id"), pk__gt=OuterRef("pk")
    )
    answered = newer.filter(state=Confirmation.State.CONFIRMED)
    over = Confirmation.objects.filter(
        ended(before),
        unclaimed(now()),
        Q(confirmed_at=None) & Exists(newer) | Exists(answered),
        pk__in=window,
    )
    return _delete(over, window, last, more)


def ended(before: datetime, path: str = "") -> Q:
    """Confirmations that were over before then: answered, or with a link that no
    longer worked."""
    found = Q(**{f"{path}state__in": OVER})
    for name in ("created_at", "confirmed_at", "expires_at"):
        found &= Q(**{f"{path}{name}": None}) | Q(**{f"{path}{name}__lt": before})
    return found


def _window(
    rows: QuerySet[Any], column: str, last: UUID, before: datetime
) -> tuple[list[UUID], bool]:
    """The next ``STEP`` ids, and whether more follow that are old enough. Ids are given
    in the order of time: where all are too young, so is the rest."""
    found = list(
        rows.filter(pk__gt=last).order_by("pk").values_list("pk", column)[:STEP]
    )
    if not any(at < before for _, at in found):
        return [], False
    return [pk for pk, _ in found], len(found) == STEP


def _delete(over: QuerySet[Any], window: list[UUID], last: UUID, more: bool) -> Step:
    """Delete those of the window that may go; what somebody is changing at this moment
    is left for next time."""
    if not window:
        return Step(0, last, more=False)
    skip = connection.features.has_select_for_update_skip_locked
    with transaction.atomic():
        locked = over.select_for_update(skip_locked=skip, of=("self",) if skip else ())
        ids = list(locked.order_by("pk").values_list("pk", flat=True))
        over.model._default_manager.filter(pk__in=ids).delete()
    return Step(len(ids), window[-1], more)
