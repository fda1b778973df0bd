"""Looking for what happened at providers, where no webhook told us or one was lost.

One task per linked account, every POLL_EVERY. Where the provider lists what has
changed, that is read from the cursor kept in `Target.reconcile_cursor`; else the people
we sent there are looked up, those first whom we looked at longest ago. A run ends when
its time is over and the next one goes on: nothing is read twice for that.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from contactsync.lib.clock import now
from contactsync.lib.crypto import SealError
from integrations import flow_back
from integrations.adapters import ADAPTERS
from integrations.adapters.base import Adapter, Change, Page, Subscription
from integrations.adapters.errors import (
    AdapterError,
    DriftError,
    Reason,
    RejectedError,
    SetupError,
    TargetError,
)
from integrations.flow_back import Applied
from integrations.holding import account_unread
from integrations.hooks import hooks_of
from integrations.limits import Permit
from integrations.models import Delivery, LinkedAccount, State, Target
from integrations.oauth_tokens import answered, ready_adapter
from integrations.splitting import standing_of

log = structlog.get_logger(__name__)

POLL_EVERY = timedelta(hours=2)
SPREAD = 0.1  # of POLL_EVERY, so that accounts do not stay in step
AFTER_FAILURE = timedelta(minutes=15)
TURN = timedelta(minutes=1)  # the provider's limit: others went first
CLAIM = timedelta(minutes=5)
SECONDS = 60.0
LOOK_UP = 50  # people in one look-up
LOOK_MOST = 1000  # people looked up in one run


def able() -> list[str]:
    """Providers that can be asked at all."""
    return [
        slug
        for slug, adapter in ADAPTERS.items()
        if {"changes", "subscriptions"} & adapter.supports
    ]


def due_linked_accounts() -> list[UUID]:
    """Linked accounts to look at now."""
    at = now()
    connected = LinkedAccount.objects.filter(
        provider__in=able(),
        removed_at=None,
        status=LinkedAccount.Status.CONNECTED,
        targets__isnull=False,
    ).distinct()
    return [
        pk for pk, hooks in connected.values_list("pk", "hooks") if is_due(hooks, at)
    ]


def is_due(hooks: dict[str, str], at: datetime) -> bool:
    due = hooks.get("poll_due")
    return due is None or datetime.fromisoformat(due) <= at


def soon(linked: LinkedAccount) -> None:
    """Look at an account now: somebody pressed the button."""
    with hooks_of(linked.pk) as known:
        known.pop("poll_due", None)


def poll(linked_account_id: UUID) -> Applied:
    """Look at one account, if it is due and no other worker does. What was found."""
    applied = Applied()
    linked = take(linked_account_id)
    if linked is None:
        return applied
    wait, failure = POLL_EVERY * random.uniform(1 - SPREAD, 1 + SPREAD), ""
    try:
        adapter = ready_adapter(linked)
        adapter.permit = Permit(linked, adapter, seconds=SECONDS)
        if look_around(linked, adapter, applied):
            wait = timedelta(0)
    except SetupError as error:
        account_unread(linked, error)
        failure = error.detail
    except (AdapterError, SealError) as error:
        ours = isinstance(error, AdapterError) and error.reason is Reason.TURN
        wait, failure = (TURN, "") if ours else (AFTER_FAILURE, str(error))
    with hooks_of(linked.pk) as known:
        known["poll_due"] = (now() + wait).isoformat()
        known["polled_at"] = now().isoformat()
        known["poll_error"] = failure
    log.info("looked for changes", linked_account=str(linked.pk), **asdict(applied))
    return applied


def take(linked_account_id: UUID) -> LinkedAccount | None:
    """The account, while nobody else looks at it: its next turn is put off."""
    linked: LinkedAccount | None = (
        LinkedAccount.objects.select_related("account")
        .filter(
            pk=linked_account_id,
            removed_at=None,
            status=LinkedAccount.Status.CONNECTED,
        )
        .first()
    )
    if linked is None or linked.provider not in able():
        return None
    with hooks_of(linked.pk) as known:
        if not is_due(known, now()):
            return None
        known["poll_due"] = (now() + CLAIM).isoformat()
    return linked


def look_around(linked: LinkedAccount, adapter: Adapter, applied: Applied) -> bool:
    """Look at every audience, each once. True when there is more than there was time
    for. Raises AdapterError."""
    deadline = time.monotonic() + SECONDS
    more = False
    for target in audiences_of(linked):
        if time.monotonic() > deadline:
            return True
        try:
            if "changes" in adapter.supports:
                more |= walk(linked, adapter, target, applied, deadline)
            else:
                more |= look_up(linked, adapter, target, applied, deadline)
        except (TargetError, DriftError):
            continue  # the hourly watch says what is wrong with it
    return more


def audiences_of(linked: LinkedAccount) -> list[Target]:
    """One target for each audience that contacts were sent to; it keeps the cursor."""
    found: dict[str, Target] = {}
    for target in Target.objects.filter(linked_account=linked, held_reason=""):
        first = found.setdefault(target.audience_id, target)
        if (first.reconcile_cursor == "", first.pk) > (
            target.reconcile_cursor == "",
            target.pk,
        ):
            found[target.audience_id] = target
    return list(found.values())


def walk(
    linked: LinkedAccount,
    adapter: Adapter,
    target: Target,
    applied: Applied,
    deadline: float,
) -> bool:
    """Read what changed since the cursor. True when there is more."""
    anew = False
    while True:
        try:
            page = page_of(linked, adapter, target)
        except RejectedError as error:
            if error.reason is not Reason.CURSOR_EXPIRED or anew:
                raise
            anew = True  # once: read it all
            keep_cursor(target, "")
            continue
        applied.add(
            flow_back.apply(
                linked=linked,
                changes=page.changes,
                how="poll",
                audience_id=target.audience_id,
            )
        )
        if not keep_cursor(target, page.cursor):
            return False  # somebody else reads on from here
        if not page.more:
            return False
        if time.monotonic() > deadline:
            return True


def page_of(linked: LinkedAccount, adapter: Adapter, target: Target) -> Page:
    return answered(
        linked,
        adapter,
        lambda current: current.changes(target.audience_id, target.reconcile_cursor),
    )


def keep_cursor(target: Target, cursor: str) -> bool:
    """Store how far we are; False when another worker has done so meanwhile."""
    won = Target.objects.filter(
        pk=target.pk, reconcile_cursor=target.reconcile_cursor
    ).update(reconcile_cursor=cursor)
    target.reconcile_cursor = cursor
    return bool(won)


def look_up(
    linked: LinkedAccount,
    adapter: Adapter,
    target: Target,
    applied: Applied,
    deadline: float,
) -> bool:
    """Look up people we sent to the audience, from where the last run ended. True when
    there are more."""
    looked = 0
    while looked < LOOK_MOST and time.monotonic() < deadline:
        cursor = target.reconcile_cursor
        after = int(cursor) if cursor.isdecimal() else 0
        part = sent_after(target, after)
        if not part:
            keep_cursor(target, "")
            return False
        applied.add(
            flow_back.apply(
                linked=linked,
                changes=states(standing(linked, adapter, target, part)),
                how="poll",
                audience_id=target.audience_id,
            )
        )
        if not keep_cursor(target, str(part[-1].pk)):
            return False
        looked += len(part)
    return True


def sent_after(target: Target, after: int, limit: int = LOOK_UP) -> list[Delivery]:
    """Synced deliveries to the target's audience, by id."""
    same = Target.objects.filter(
        linked_account=target.linked_account_id, audience_id=target.audience_id
    )
    return list(
        Delivery.objects.for_account(target.account_id)
        .filter(
            target_id__in=list(same.values_list("pk", flat=True)),
            state=State.SYNCED,
            pk__gt=after,
        )
        .order_by("pk")[:limit]
    )


def standing(
    linked: LinkedAccount, adapter: Adapter, target: Target, rows: list[Delivery]
) -> list[Subscription]:
    """How the people of some deliveries stand at the provider now, in their order."""
    emails = [str(row.payload["email"]) for row in rows]
    return answered(
        linked,
        adapter,
        lambda current: standing_of(current, emails, target.audience_id),
    )


def states(found: Iterable[Subscription]) -> list[Change]:
    """As changes. Who is not there is left out: whether that is an error of ours is
    for the books to say."""
    return [
        Change(email=each.email, kind="upsert", status=each.status, at=each.changed_at)
        for each in found
        if each.status != "absent"
    ]
