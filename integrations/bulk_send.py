"""Running a bulk run: slices of it into the outbox, never much ahead of the sending.

Right before a slice is enqueued, the provider is asked once how it has these people,
and that is kept: the before-image which undo goes by. So it is as old as the slice
waits in the outbox; a run has ``BULK_AHEAD`` rows there at most, which bounds it.

The slice is written in one transaction with the cursor: a worker killed at any point
loses and doubles nobody. The newest row of a contact comes first, so that the older
ones are known to be overtaken.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from contacts.models import Contact
from contactsync.lib.clock import now
from integrations import outbox_bulk
from integrations.adapters.base import Subscription
from integrations.adapters.errors import Reason, TransientError
from integrations.bulk_guard import (
    WAITING,
    known_contacts,
    place_of,
    shares_of,
    too_much,
)
from integrations.bulk_judge import judged, targets_of
from integrations.bulk_look import LEFT, image, looked_up, outlook, wanted
from integrations.bulk_plan import ACTS, SKIP
from integrations.bulk_source import Candidate, Kind, source_of, state_of
from integrations.models import (
    BulkItem,
    BulkRun,
    Delivery,
    LinkedAccount,
    State,
    Target,
)
from integrations.waker import waker

SLICE = 25
LEAST_AHEAD = 100
KEPT = "kept"
"""Outcome of an item that was not sent."""
UNKNOWN = "unknown"
"""Outcome of one whose delivery was deleted meanwhile."""
UNDER_WAY = (State.PENDING, State.SENDING, State.SUBMITTED)


@dataclass(slots=True)
class Slice:
    """Items that are sent, and those that are not and why."""

    send: list[BulkItem] = field(default_factory=list)
    left: dict[tuple[str, str], list[BulkItem]] = field(default_factory=dict)

    def leave(self, item: BulkItem, reason: str, detail: str = "") -> None:
        item.plan, item.reason = SKIP, reason
        self.left.setdefault((reason, detail), []).append(item)


def step(run: BulkRun, mine: Any) -> bool:
    """One slice. False: all is done, or nothing can be done now.

    Raises AdapterError, SealError: the provider cannot be asked; nothing was enqueued.
    """
    collect(run, mine)
    waits = run.items.filter(outcome=WAITING).count()
    items = next_items(run)
    if not items:
        if not waits:
            finish(run, mine)
        return False
    targets = targets_of(run.account_id, {item.target_id for item in items})
    if waits >= ahead(targets.values()):
        return False
    sent_to = {item.target_id for item in items if item.plan != SKIP}
    require_open(run, [targets[each] for each in sent_to if each in targets])
    found = source_of(run).fresh(run, [item for item in items if item.plan != SKIP])
    people = [found[item.pk] for item in items if item.pk in found]
    made = sort_out(run, items, found, judged(run, people, targets))
    if not look(run, mine, made, found, targets):
        return False
    return enqueue(run, mine, items, made, found, targets)


def ahead(targets: Iterable[Target]) -> int:
    """How many rows of a run may wait: what is sent soon, so that a signup posted now
    does not wait long behind them."""
    batches = (2 * each.linked_account.adapter_class.batch_size for each in targets)
    soon = max(LEAST_AHEAD, min(batches, default=LEAST_AHEAD))
    return min(int(settings.BULK_AHEAD), soon)


def require_open(run: BulkRun, targets: Iterable[Target]) -> None:
    """What cannot be sent now is not put in the outbox to be held there. Raises
    TransientError."""
    if run.account.suspended_at:
        raise TransientError(
            "Sending is suspended for this account. It goes on when that ends."
        )
    for target in targets:
        linked = target.linked_account
        if linked.removed_at is not None:
            continue
        if linked.status != LinkedAccount.Status.CONNECTED:
            raise TransientError(
                f"{linked} is not connected at the moment. It goes on when it is."
            )
        if target.held_reason:
            raise TransientError(
                f"{target} needs attention: {target.held_detail} It goes on when the "
                "rule is mended."
            )


def next_items(run: BulkRun) -> list[BulkItem]:
    """The next items, the last planned first."""
    items = run.items.order_by("-id")
    if run.cursor:
        items = items.filter(pk__lt=int(run.cursor))
    return list(items[:SLICE])


def sort_out(
    run: BulkRun,
    items: Sequence[BulkItem],
    found: Mapping[int, Candidate],
    whys: Sequence[str],
) -> Slice:
    """Judge again: since the plan, people may have left and rules may have changed."""
    made, answers = Slice(), iter(whys)
    for item in items:
        if item.plan == SKIP:
            made.leave(item, item.reason)
        elif item.pk not in found:
            made.leave(item, "bulk.moved_on")
        elif why := next(answers):
            made.leave(item, why)
        else:
            made.send.append(item)
    return made


def look(
    run: BulkRun,
    mine: Any,
    made: Slice,
    found: Mapping[int, Candidate],
    targets: dict[UUID, Target],
) -> bool:
    """Take the before-images, one question per target. False: the guard stopped it."""
    by_target: dict[UUID, list[BulkItem]] = {}
    for item in made.send:
        by_target.setdefault(item.target_id, []).append(item)
    for target_id, group in by_target.items():
        target = targets[target_id]
        emails = [found[item.pk].payload["email"] for item in group]
        seen = looked_up(target, emails)
        if seen is None:
            label = target.linked_account.adapter_class.label
            for item in group:
                item.detail = f"{label} cannot tell how the contact was before."
            continue
        for item, subscription in zip(group, seen, strict=True):
            take_image(made, item, found[item.pk], subscription, target)
        if not within_guard(run, mine, target, group):
            return False
    return True


def take_image(
    made: Slice, item: BulkItem, person: Candidate, seen: Subscription, target: Target
) -> None:
    ours = wanted(target, person.payload)
    item.before = image(seen, ours)
    outcome = outlook(target, ours, seen)
    if outcome in ACTS:
        item.plan = outcome
        return
    made.send.remove(item)
    made.leave(item, outcome, seen.detail)


def within_guard(
    run: BulkRun, mine: Any, target: Target, group: Sequence[BulkItem]
) -> bool:
    """Stop a run that turns out to change more than its plan said, before it does."""
    if run.guard.get("confirmed"):
        return True
    counted = dict(run.progress.get("changes", {}))
    place = place_of(target)
    changes = counted.get(place, 0) + sum(
        item.plan in ("update", "send") for item in group
    )
    planned = shares_of(run).get(place)
    expected = planned.changes if planned else 0
    if changes > expected and too_much(changes, known_contacts(target)):
        why = [
            f"{target}: more contacts than planned are there already, so more than "
            f"{expected:,} would change. It stopped before it changed them."
        ]
        guard = {**run.guard, "fires": True, "why": why, "count": run.plan["acts"]}
        mine.update(
            state=BulkRun.State.STOPPED,
            guard=guard,
            claim_id=None,
            lease_until=None,
        )
        return False
    counted[place] = changes
    run.progress = {**run.progress, "changes": counted}
    return True


def enqueue(
    run: BulkRun,
    mine: Any,
    items: Sequence[BulkItem],
    made: Slice,
    found: Mapping[int, Candidate],
    targets: dict[UUID, Target],
) -> bool:
    """Write a slice: the cursor, the rows, and the items, or nothing of it."""
    with transaction.atomic():
        # This lock keeps pause, cancel and a worker with a newer claim out.
        if not mine.filter(cursor=run.cursor).update(cursor=str(items[-1].pk)):
            return False
        put_in(run, made, found, targets)
        settle_left(run, items, made)
        for item in made.send:
            item.outcome = WAITING
        everybody = [
            *made.send,
            *(each for group in made.left.values() for each in group),
        ]
        for each in everybody:
            each.outcome = each.outcome or KEPT
        BulkItem.objects.bulk_update(
            everybody, ["plan", "reason", "before", "outcome", "detail", "delivery_id"]
        )
        run.progress = counted(run, made)
        mine.update(progress=run.progress)
        linked = {targets[item.target_id].linked_account_id for item in made.send}
        transaction.on_commit(lambda: waker.wake(linked), robust=True)
    run.cursor = str(items[-1].pk)
    return True


def put_in(
    run: BulkRun,
    made: Slice,
    found: Mapping[int, Candidate],
    targets: dict[UUID, Target],
) -> None:
    """Make the rows wait; who did not get one moved on meanwhile."""
    if run.kind == Kind.BACKFILL:
        found = still_new(run, made)
        added: dict[UUID, int] = {}
        for target_id in {item.target_id for item in made.send}:
            new = [
                outbox_bulk.NewRow(
                    contact_id=item.contact_id,
                    signup_id=found[item.pk].signup_id or item.contact_id,
                    payload=dict(found[item.pk].payload),
                )
                for item in made.send
                if item.target_id == target_id
            ]
            added |= outbox_bulk.add_rows(targets[target_id], new)
        for item in made.send:
            item.delivery_id = added.get(item.contact_id)
        waiting = {item.delivery_id for item in made.send if item.delivery_id}
    else:
        waiting = outbox_bulk.send_again(
            [item.delivery_id for item in made.send if item.delivery_id],
            among=state_of(run.kind, run.what),
            event="delivery.resumed" if run.kind == Kind.RESUME else "delivery.retried",
        )
    for item in [each for each in made.send if each.delivery_id not in waiting]:
        made.send.remove(item)
        made.leave(item, "bulk.moved_on")


def still_new(run: BulkRun, made: Slice) -> Mapping[int, Candidate]:
    """Who of a backfill still has no row of their own, as they are now. Asking the
    provider took a while: whoever signed up in that time is sent by the rule.

    They are locked, as by a signup, so that none comes between this and the rows.
    """
    people = Contact.objects.for_account(run.account_id).select_for_update()
    mine = people.filter(pk__in=[item.contact_id for item in made.send])
    list(mine.order_by("email_key").values_list("pk"))
    found = source_of(run).fresh(run, made.send)
    for item in list(made.send):
        now_is = found.get(item.pk)
        if now_is is None or now_is.skip:
            made.send.remove(item)
            made.leave(item, now_is.skip if now_is else "bulk.moved_on")
    return found


def settle_left(run: BulkRun, items: Sequence[BulkItem], made: Slice) -> None:
    """Failed and held rows that are not sent, and why that is so for good."""
    if run.kind not in (Kind.RETRY, Kind.RESUME):
        return
    among = state_of(run.kind, run.what)
    old = [
        item.delivery_id
        for item in items
        if item.reason == Reason.SUPERSEDED and item.delivery_id
    ]
    outbox_bulk.supersede(old, among=among)
    for (reason, detail), group in made.left.items():
        ids = [item.delivery_id for item in group if item.delivery_id]
        if reason in LEFT.values():
            outbox_bulk.end(
                ids, among=among, to=State.REJECTED, reason=reason, detail=detail
            )
        elif reason in (Reason.EXISTING, Reason.SUPPRESSED, Reason.NO_CONSENT):
            outbox_bulk.end(ids, among=among, to=State.SKIPPED, reason=reason)


def counted(run: BulkRun, made: Slice) -> dict[str, Any]:
    """The progress with a slice more."""
    kept = Counter({why: len(group) for (why, _), group in made.left.items()})
    return {
        **run.progress,
        "enqueued": run.progress.get("enqueued", 0) + len(made.send),
        "kept": dict(Counter(run.progress.get("kept", {})) + kept),
        "note": "",
    }


def collect(run: BulkRun, mine: Any) -> None:
    """What became of the rows that were enqueued."""
    waiting = dict(run.items.filter(outcome=WAITING).values_list("delivery_id", "pk"))
    if not waiting:
        return
    rows = {
        pk: (state, reason)
        for pk, state, reason in Delivery.objects.for_account(run.account_id)
        .filter(pk__in=list(waiting))
        .values_list("pk", "state", "reason")
    }
    ended: dict[tuple[str, str], list[int]] = {}
    for pk, item in waiting.items():
        found = rows.get(pk, (UNKNOWN, ""))
        if found[0] not in UNDER_WAY:
            ended.setdefault(found, []).append(item)
    if not ended:
        return
    totals = Counter(run.progress.get("ended", {}))
    with transaction.atomic():
        for (state, reason), ids in ended.items():
            BulkItem.objects.filter(pk__in=ids, outcome=WAITING).update(
                outcome=state, reason=reason
            )
            totals[state] += len(ids)
        run.progress = {**run.progress, "ended": dict(totals), "note": ""}
        if not mine.update(progress=run.progress):
            transaction.set_rollback(True)


def finish(run: BulkRun, mine: Any) -> None:
    mine.update(
        state=BulkRun.State.DONE, ended_at=now(), claim_id=None, lease_until=None
    )
