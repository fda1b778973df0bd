"""Each tenant's policy and suppressions, remembered by the process for a few seconds.

A signup asks here, so what is fresh costs no query. An account that chose nothing gets
``DEFAULT`` itself, and one that suppresses nobody gets no look-up at all.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from contacts.models import Suppression
from contactsync.lib.email import email_key
from hygiene.case import Lookup
from hygiene.known import trap_lookup
from hygiene.models import HygienePolicy, ListEntry
from hygiene.policy import DEFAULT, SWITCHABLE, Listing, Mode, Policy
from hygiene.verdict import Category

FRESH_SECONDS = 5.0
MOST_ACCOUNTS = 10_000
TURN_SECONDS = 1.0
"""How long a thread waits for what another one asks the data base already."""
MOST_ENTRIES = 1_000_000
"""List entries of all accounts in memory before all are forgotten."""

REASONS = {
    Suppression.Actor.PERSON: "unsubscribed",
    Suppression.Actor.COMPLAINT: "complained",
    Suppression.Actor.BOUNCE: "bounced",
    Suppression.Actor.ADMIN: "admin",
}
"""What the judge calls them. A merge is our own act and says nothing of the person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """A policy, and what is decided beside the judge."""

    policy: Policy = DEFAULT
    check_mail_hosts: bool = False


NOTHING_CHOSEN = Choices()


def usual() -> Choices:
    """What counts where nobody has chosen anything on this installation."""
    mode = Mode(settings.HYGIENE_WIDE)
    return NOTHING_CHOSEN if mode is Mode.OFF else _usual(mode)


@cache
def _usual(wide: Mode) -> Choices:
    return Choices(policy=Policy(wide_disposable=wide))


@dataclass(frozen=True, slots=True)
class Lists:
    """An account's allow and deny list. ``stamp`` changes with them."""

    stamp: datetime | None
    allow: Listing = Listing()
    deny: Listing = Listing()
    size: int = 0


@dataclass(slots=True)
class Kept:
    """What is remembered of one account. ``rows``: display id (or None) -> its row."""

    until: float
    rows: dict[UUID | None, HygienePolicy]
    lists: Lists
    made: dict[UUID | None, Choices] = field(default_factory=dict)

    def choices(self, display_id: UUID | None) -> Choices:
        display_id = display_id if display_id in self.rows else None
        found = self.made.get(display_id)
        if found is None:
            rows = [self.rows[key] for key in (display_id, None) if key in self.rows]
            found = self.made[display_id] = merged(rows, self.lists)
        return found


def merged(rows: Iterable[HygienePolicy], lists: Lists) -> Choices:
    """The choices of some rows, the first that says something about each counts."""
    modes: dict[Category, Mode] = {}
    strict: bool | None = None
    hosts: bool | None = None
    wide = ""
    for row in rows:
        for category, mode in row.modes.items():
            modes.setdefault(Category(category), Mode(mode))
        strict = row.strict_masks if strict is None else strict
        hosts = row.check_mail_hosts if hosts is None else hosts
        wide = wide or row.wide_disposable
    policy = Policy(
        modes={
            category: mode
            for category, mode in modes.items()
            if category in SWITCHABLE and mode is not Mode.ON
        },
        allow=lists.allow,
        deny=lists.deny,
        strict_masks=bool(strict),
        wide_disposable=Mode(wide or settings.HYGIENE_WIDE),
    )
    return Choices(
        policy=DEFAULT if policy == DEFAULT else policy, check_mail_hosts=bool(hosts)
    )


class Policies:
    """The process's memory: policies and lists, and who suppresses anybody."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[int, Kept] = {}
        self._suppressing: dict[int, tuple[float, bool]] = {}
        self._entries = 0
        self._turns = tuple(threading.Lock() for _ in range(64))

    def choices(self, account_id: int, display_id: UUID | None = None) -> Choices:
        kept = self._kept.get(account_id)
        if kept is None or kept.until <= time.monotonic():
            kept = self._renewed(account_id)
        if not kept.rows and not kept.lists.size:
            return usual()
        return kept.choices(display_id)

    def _renewed(self, account_id: int) -> Kept:
        """What another thread has just read, else what we read."""
        turn = self._turns[account_id % len(self._turns)]
        mine = turn.acquire(timeout=TURN_SECONDS)
        try:
            kept = self._kept.get(account_id)
            if kept is None or kept.until <= time.monotonic():
                kept = self._load(account_id, kept)
            return kept
        finally:
            if mine:
                turn.release()

    def suppresses(self, account_id: int) -> bool:
        """Whether the account's suppression list holds anybody."""
        until, found = self._suppressing.get(account_id, (0.0, False))
        if until > time.monotonic():
            return found
        until = time.monotonic() + FRESH_SECONDS
        found = Suppression.objects.for_account(account_id).exists()
        with self._lock:
            if len(self._suppressing) >= MOST_ACCOUNTS:
                self._suppressing.clear()
            self._suppressing[account_id] = (until, found)
        return found

    def _load(self, account_id: int, before: Kept | None) -> Kept:
        until = time.monotonic() + FRESH_SECONDS
        rows = {
            row.display_id: row for row in HygienePolicy.objects.for_account(account_id)
        }
        # Every change of a list touches the account's row: lists that did not change
        # are not read again, however long they are.
        stamp = rows[None].changed_at if None in rows else None
        if before is None or before.lists.stamp != stamp:
            lists = read_lists(account_id, stamp)
        else:
            lists = before.lists
        kept = Kept(until, rows, lists)
        with self._lock:
            held = self._kept.get(account_id)
            self._entries += lists.size - (held.lists.size if held else 0)
            if len(self._kept) >= MOST_ACCOUNTS or self._entries > MOST_ENTRIES:
                self._kept.clear()
                self._entries = lists.size
            self._kept[account_id] = kept
        return kept

    def forget(self, account_id: int) -> None:
        """Now, and once more when the change can be seen by everybody."""
        self._forget(account_id)
        transaction.on_commit(lambda: self._forget(account_id))

    def _forget(self, account_id: int) -> None:
        with self._lock:
            kept = self._kept.pop(account_id, None)
            self._entries -= kept.lists.size if kept else 0
            self._suppressing.pop(account_id, None)

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()
            self._suppressing.clear()
            self._entries = 0


policies = Policies()


def read_lists(account_id: int, stamp: datetime | None) -> Lists:
    found: dict[tuple[str, str], set[str]] = {}
    size = 0
    rows = ListEntry.objects.for_account(account_id).values_list(
        "kind", "scope", "value"
    )
    for kind, scope, value in rows.iterator(chunk_size=5000):
        found.setdefault((kind, scope), set()).add(value)
        size += 1

    def listing(kind: str) -> Listing:
        scopes = (ListEntry.Scope.ADDRESS, ListEntry.Scope.DOMAIN, ListEntry.Scope.TREE)
        return Listing(*(frozenset(found.get((kind, each), ())) for each in scopes))

    return Lists(
        stamp, listing(ListEntry.Kind.ALLOW), listing(ListEntry.Kind.DENY), size
    )


def choices_for(account_id: int, display_id: UUID | None = None) -> Choices:
    """What the display does, or without one the account; at most 5 s old."""
    return policies.choices(account_id, display_id)


def policy_for(account_id: int, display_id: UUID | None = None) -> Policy:
    """The judge's policy of a display, or without one of the account."""
    return policies.choices(account_id, display_id).policy


@receiver((post_save, post_delete), sender=Suppression)
@receiver((post_save, post_delete), sender=HygienePolicy)
@receiver((post_save, post_delete), sender=ListEntry)
def _changed(instance: Any, **_: Any) -> None:
    policies.forget(instance.account_id)


class Suppressed:
    """One address's place on its tenant's suppression list, asked for when needed.

    The list knows addresses as they were written, and a look-up answers for whichever
    form it is asked with; the installation's traps are known by both forms.
    """

    __slots__ = ("_account_id", "_address", "_reason", "_traps")

    def __init__(
        self, account_id: int, address: str, traps: Lookup | None, reason: str | None
    ) -> None:
        self._account_id = account_id
        self._address = address
        self._traps = traps
        self._reason = reason

    def __call__(self, mailbox: str) -> str | None:
        if self._reason is None:
            key = email_key(self._address)
            self._reason = suppressed_among(self._account_id, [key]).get(key, "")
        if self._reason:
            return self._reason
        return self._traps(mailbox) if self._traps else None


def suppressed_lookup(account_id: int, address: str) -> Lookup | None:
    """What ``judge`` is given as ``suppressed`` for one address of a tenant.

    ``None``, at no cost, where the tenant suppresses nobody and no trap is known.
    """
    traps = trap_lookup()
    if policies.suppresses(account_id):
        return Suppressed(account_id, address, traps, None)
    return traps


def suppressed_among(account_id: int, keys: Iterable[str]) -> dict[str, str]:
    """Those of some ``email_key``s that the tenant suppresses, with the judge's word
    for why. Merged ones are left out."""
    found = (
        Suppression.objects.for_account(account_id)
        .filter(email_key__in=list(keys))
        .values_list("email_key", "actor")
    )
    return {key: REASONS[actor] for key, actor in found if actor in REASONS}


def known_lookup(reason: str) -> Lookup | None:
    """As ``suppressed_lookup`` where the reason was looked up before; "" for none."""
    traps = trap_lookup()
    return Suppressed(0, "", traps, reason) if reason else traps
