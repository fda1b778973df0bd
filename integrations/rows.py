"""What the Linked Accounts section shows of each account. Reads only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Q

from contactsync.tenancy.models import Account
from integrations.adapters import ADAPTERS
from integrations.flow_back_page import Back, back_of
from integrations.models import OPEN, Delivery, LinkedAccount, State, Target
from integrations.providers import Provider
from integrations.reasons import fix_for

TONES = {
    LinkedAccount.Status.CONNECTED: "ok",
    LinkedAccount.Status.BROKEN: "bad",
    LinkedAccount.Status.PAUSED: "warn",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """The reading below an account: what **Test Account** or a delivery found.

    ``tone`` is ok, warn (it is tried again by itself) or bad; ``action`` as in
    ``integrations.reasons.Fix``; ``ms`` the time the provider took, None when the
    finding did not come from a test.
    """

    tone: str
    title: str
    detail: str
    next_step: str
    action: str
    at: datetime | None
    ms: int | None = None
    identity: str = ""
    account_name: str = ""
    resources: tuple[Mapping[str, Any], ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return self.tone == "ok"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One linked account. ``used_by`` counts displays; ``waiting`` contacts, of whom
    some are ``due`` and some ``held``."""

    linked: LinkedAccount
    used_by: int
    note: Note | None
    waiting: int = 0
    due: int = 0
    held: int = 0
    targets: tuple[Target, ...] = ()  # those with warnings of the drift watch

    @property
    def warnings(self) -> Sequence[Mapping[str, Any]]:
        """Of the account as a whole."""
        found: Sequence[Mapping[str, Any]] = self.linked.warnings
        return found

    @property
    def provider(self) -> Provider:
        return Provider.of(self.linked.adapter_class)

    @property
    def back(self) -> Back:
        """How changes at the provider reach us."""
        return back_of(self.linked)

    @property
    def tone(self) -> str:
        return TONES[LinkedAccount.Status(self.linked.status)]


def rows_of(account: Account, only: UUID | None = None) -> list[Row]:
    """The account's linked accounts, oldest first; with ``only`` just that one."""
    found = (
        LinkedAccount.objects.for_account(account)
        .filter(removed_at=None)
        .select_related("linked_by")
    )
    if only is not None:
        found = found.filter(pk=only)
    linked = [item for item in found if item.provider in ADAPTERS]
    ids = [item.pk for item in linked]
    used, waiting = displays_using(ids), contacts_waiting(ids)
    drifted = targets_with_warnings(ids)
    return [
        Row(
            linked=item,
            used_by=used.get(item.pk, 0),
            **waiting.get(item.pk, {}),
            note=note_of(item),
            targets=tuple(t for t in drifted if t.linked_account_id == item.pk),
        )
        for item in linked
    ]


def displays_using(linked_ids: list[UUID]) -> dict[UUID, int]:
    """How many displays have a rule to each linked account."""
    counted = (
        Target.objects.filter(linked_account__in=linked_ids)
        .filter(rule__isnull=False, rule__removed_at=None)
        .values("linked_account")
        .annotate(displays=Count("rule__display", distinct=True))
    )
    return {row["linked_account"]: row["displays"] for row in counted}


def targets_with_warnings(linked_ids: list[UUID]) -> list[Target]:
    """Targets of live rules at which the drift watch found something."""
    live = Target.objects.filter(
        linked_account__in=linked_ids, rule__enabled=True, rule__removed_at=None
    )
    return list(live.exclude(warnings=[]).select_related("rule__display"))


def contacts_waiting(linked_ids: list[UUID]) -> dict[UUID, dict[str, int]]:
    """How many people wait at each linked account, as `Row` has them."""
    counted = (
        Delivery.objects.filter(
            Q(stage=State.HELD) | Q(stage=OPEN, state=State.PENDING),
            linked_account__in=linked_ids,
        )
        .values("linked_account")
        .annotate(
            waiting=Count("contact_id", distinct=True),
            due=Count("contact_id", distinct=True, filter=Q(stage=OPEN)),
            held=Count("contact_id", distinct=True, filter=Q(stage=State.HELD)),
        )
    )
    return {row.pop("linked_account"): row for row in counted}


def note_of(linked: LinkedAccount) -> Note | None:
    """The newest finding: of the last test, or of the delivery that failed after it."""
    reading = linked.reading
    broken = linked.status == LinkedAccount.Status.BROKEN
    tested = linked.tested_at
    failed_since = broken and (
        reading is None
        or reading.get("ok")
        or (tested and linked.broken_at and linked.broken_at > tested)
    )
    if failed_since:
        return _from_delivery(linked)
    if not reading:
        return None
    ok = bool(reading.get("ok"))
    return Note(
        tone="ok" if ok else "bad" if broken else "warn",
        title=reading.get("title", ""),
        detail=reading.get("detail", ""),
        next_step=reading.get("next_step", ""),
        action=reading.get("action", ""),
        at=tested,
        ms=reading.get("ms"),
        identity=reading.get("identity", ""),
        account_name=reading.get("account_name", ""),
        resources=tuple(reading.get("resources", ())),
        remarks=tuple(reading.get("notes", ())),
    )


def _from_delivery(linked: LinkedAccount) -> Note | None:
    fix = fix_for(linked.reason, linked.adapter_class.label)
    if fix is None:
        return None
    return Note(
        tone="bad",
        title=f"Connection failed: {fix.title}",
        detail=f"{fix.sentence} {linked.detail}".strip(),
        next_step=fix.next_step,
        action=fix.action,
        at=linked.broken_at,
    )
