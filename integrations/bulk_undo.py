"""Taking a bulk run back, as far as that may be and can be.

What is undone at a provider is decided by three readings: how the contact was before
(``BulkItem.before``), what we wrote, and how they are now. A value that is not ours
any more is left; whoever has left, signed up or confirmed since is left alone; nobody
is ever subscribed by an undo. Whom the run had put in the audience is taken out as the
adapter does it (``exit_effect``). What could not be undone stands in the item.

Everything is decided by what the provider has now, so a worker may die at any point and
another does the same step again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction

from contactsync.lib.clock import now
from contactsync.lib.crypto import SealError
from integrations import outbox_bulk
from integrations.adapters.base import Contact as Written
from integrations.adapters.base import (
    Options,
    Outcome,
    OutcomeState,
    Subscription,
)
from integrations.adapters.errors import (
    AdapterError,
    Reason,
    RejectedError,
    TransientError,
)
from integrations.bulk_guard import TOUCHED, WAITING
from integrations.bulk_judge import targets_of
from integrations.bulk_look import GONE, LEFT, alike, asked, looked_up, said, shown
from integrations.bulk_send import KEPT, UNDER_WAY, collect
from integrations.bulk_since import confirmed_since, emails_of, signed_up_since
from integrations.entries import entries_of
from integrations.models import (
    BulkItem,
    BulkRun,
    Delivery,
    LinkedAccount,
    State,
    Target,
)
from integrations.splitting import in_parts

SLICE = 25
TRIES = 5

# What became of an item: BulkItem.undone.
REMOVING = "removing"
REMOVED, RESTORED, PARTLY = "removed", "restored", "partly"
LEFT_ALONE, IMPOSSIBLE, NOT_SENT = "left", "impossible", "not_sent"
SAME = "same"
FULLY = (REMOVED, RESTORED, NOT_SENT, SAME)
NOT_FULLY = (PARTLY, LEFT_ALONE, IMPOSSIBLE)


@dataclass(slots=True)
class Verdict:
    """What is done about one item. ``fields`` are written back, ``remove``: they are
    taken out of the audience; else it has ended with ``undone``."""

    item: BulkItem
    email: str = ""
    undone: str = ""
    said: list[str] = field(default_factory=list)
    remove: bool = False
    fields: dict[str, Any] = field(default_factory=dict)

    def end(self, undone: str, *said: str) -> Verdict:
        self.undone = undone
        self.said += said
        return self


def step(run: BulkRun, mine: Any) -> bool:
    """One slice. False: all is done. Raises AdapterError, SealError."""
    collect(run, mine)
    open_items = run.items.exclude(outcome__in=("", KEPT)).filter(
        undone__in=("", REMOVING)
    )
    items = list(open_items.order_by("pk")[:SLICE])
    catch_up(items)
    if not items:
        mine.update(
            state=BulkRun.State.UNDONE,
            ended_at=now(),
            claim_id=None,
            lease_until=None,
        )
        return False
    touched = [item for item in items if item.outcome in TOUCHED]
    done = not_sent([item for item in items if item.outcome not in TOUCHED])
    keep(run, mine, done)
    if not touched and not done:
        return False  # what is being sent at this moment ends first
    targets = targets_of(run.account_id, {item.target_id for item in touched})
    by_target: dict[UUID, list[BulkItem]] = {}
    for item in touched:
        by_target.setdefault(item.target_id, []).append(item)
    for target_id, group in by_target.items():
        undo_at(run, mine, targets.get(target_id), group)
    return True


def catch_up(items: Sequence[BulkItem]) -> None:
    """Rows that were held when the run ended, and went out since by themselves."""
    held = {item.delivery_id: item for item in items if item.outcome == State.HELD}
    went_out = Delivery.objects.filter(
        pk__in=list(held), state__in=(State.SYNCED, State.AWAITING_OPT_IN)
    )
    for pk, state in went_out.values_list("pk", "state"):
        held[pk].outcome = state
        BulkItem.objects.filter(pk=held[pk].pk).update(outcome=state)


def not_sent(items: Sequence[BulkItem]) -> list[Verdict]:
    """Rows that never reached the provider go back to what they were."""
    waiting = [
        item for item in items if item.outcome in (WAITING, State.HELD, State.PENDING)
    ]
    give_up(waiting)
    on_their_way = set(
        Delivery.objects.filter(
            pk__in=[item.delivery_id for item in waiting], state__in=UNDER_WAY
        ).values_list("pk", flat=True)
    )
    return [
        Verdict(item).end(NOT_SENT, "Nothing was changed at the provider.")
        for item in items
        if item.delivery_id not in on_their_way
    ]


def give_up(items: Sequence[BulkItem]) -> int:
    """Put rows that still wait back to what they were. Returns how many."""
    return outbox_bulk.give_up(
        outbox_bulk.Was(
            item.delivery_id, item.was_state, item.was_reason, item.was_detail
        )
        for item in items
        if item.delivery_id is not None
    )


def undo_at(
    run: BulkRun, mine: Any, target: Target | None, items: Sequence[BulkItem]
) -> None:
    """Take a slice back at one target."""
    blocked = why_not(target)
    if blocked or target is None:
        keep(run, mine, [Verdict(item).end(IMPOSSIBLE, blocked) for item in items])
        return
    emails = emails_of(run, items)
    there = [item for item in items if item.contact_id in emails]
    seen = looked_up(target, [emails[item.contact_id] for item in there])
    gone = [item for item in items if item.contact_id not in emails]
    verdicts = [Verdict(i).end(IMPOSSIBLE, "The contact was erased.") for i in gone]
    if seen is None:
        label = target.linked_account.adapter_class.label
        unknown = f"{label} cannot be asked what it has of a contact."
        verdicts += [Verdict(item).end(IMPOSSIBLE, unknown) for item in there]
    else:
        since = signed_up_since(run, target, there)
        confirmed = confirmed_since(run, there)
        for item, found in zip(there, seen, strict=True):
            verdict = Verdict(item, emails[item.contact_id])
            if item.contact_id in since:
                verdict.end(LEFT_ALONE, "They signed up again since.")
            else:
                decide(target, verdict, found, item.contact_id in confirmed)
            verdicts.append(verdict)
    act(run, mine, target, verdicts)


def why_not(target: Target | None) -> str:
    """What keeps us from writing there at all."""
    if target is None:
        return "The rule's target was deleted."
    linked = target.linked_account
    if linked.removed_at is not None:
        return "The account was unlinked."
    if target.held_reason == Reason.TARGET_MISSING:
        return f"{target} is not there any more."
    if linked.status != LinkedAccount.Status.CONNECTED:
        raise TransientError(f"{linked} is not connected at the moment.")
    return ""


def decide(
    target: Target, verdict: Verdict, found: Subscription, confirmed: bool
) -> Verdict:
    """What is done about a contact, by how they were, what we wrote, how they are."""
    item, label = verdict.item, target.linked_account.adapter_class.label
    before = item.before
    if item.undone == REMOVING and found.status in ("unsubscribed", *GONE):
        return verdict.end(REMOVED, target.linked_account.adapter_class.exit_effect)
    if found.status in LEFT:
        return verdict.end(LEFT_ALONE, "They have left since, and stay as they are.")
    if found.status in GONE:
        return verdict.end(LEFT_ALONE, "They are not in the audience any more.")
    if before is None:
        return verdict.end(
            IMPOSSIBLE, f"{label} could not tell how the contact was before."
        )
    if before["status"] in GONE:
        asked = item.outcome == State.AWAITING_OPT_IN and found.status == "subscribed"
        if confirmed or asked:
            return verdict.end(LEFT_ALONE, "They have confirmed since.")
        if "unsubscribe" not in target.linked_account.adapter_class.supports:
            return verdict.end(
                IMPOSSIBLE, f"{label} has no way to take a contact out again."
            )
        verdict.remove = True
        return verdict
    return decide_fields(target, verdict, before, found)


def decide_fields(
    target: Target, verdict: Verdict, before: Mapping[str, Any], found: Subscription
) -> Verdict:
    """Which values are put back, and what is said about the others."""
    label = target.linked_account.adapter_class.label
    old, current, sent = before["fields"], found.fields, before["sent"]
    if old is None or current is None:
        if not sent:
            return verdict.end(SAME)
        return verdict.end(
            IMPOSSIBLE, f"{label} does not tell which values a contact has."
        )
    names = {entry.field: entry.name for entry in entries_of(target.mapping)}
    for name, value in sent.items():
        was, is_now = old.get(name), current.get(name)
        if alike(was, value) or alike(is_now, was):
            continue
        if not alike(is_now, value):
            verdict.said.append(
                f"{names.get(name, name)} was changed since and stays as it is."
            )
        elif alike(was, None):
            verdict.said.append(
                f"{names.get(name, name)} was empty before; "
                f"{shown(value)!r} stays, because blanks are never written."
            )
        else:
            verdict.fields[name] = was
    added = set(target.tags) - {*(before["tags"] or ())}
    if added and before["tags"] is not None:
        verdict.said.append(f"Tags stay: {', '.join(sorted(added))}.")
    if not verdict.fields:
        verdict.end(LEFT_ALONE if verdict.said else SAME)
    return verdict


def act(run: BulkRun, mine: Any, target: Target, verdicts: Sequence[Verdict]) -> None:
    """Do what was decided. Raises AdapterError, SealError: the rest is done later."""
    keep(run, mine, [verdict for verdict in verdicts if verdict.undone])
    remove(run, mine, target, [verdict for verdict in verdicts if verdict.remove])
    restore(run, mine, target, [verdict for verdict in verdicts if verdict.fields])


def remove(
    run: BulkRun, mine: Any, target: Target, verdicts: Sequence[Verdict]
) -> None:
    """Take people out of the audience whom the run had put there."""
    if not verdicts:
        return
    # First: a webhook that reports it may be faster than the answer.
    BulkItem.objects.filter(pk__in=[each.item.pk for each in verdicts]).update(
        undone=REMOVING
    )
    linked = target.linked_account
    emails = [each.email for each in verdicts]
    outcomes = in_parts(emails, partial(take_out, target), refused)
    effect = linked.adapter_class.exit_effect or "Taken out of the audience."
    for verdict, outcome in zip(verdicts, outcomes, strict=True):
        if outcome.state is OutcomeState.SYNCED:
            verdict.end(REMOVED, effect)
        else:
            not_done(run, verdict, outcome)
    keep(run, mine, [verdict for verdict in verdicts if verdict.undone])


def restore(
    run: BulkRun, mine: Any, target: Target, verdicts: Sequence[Verdict]
) -> None:
    """Write values back, in as few calls as the provider takes. No status is sent and
    nobody is asked to confirm."""
    size = target.linked_account.adapter_class.batch_size
    for start in range(0, len(verdicts), size):
        part = verdicts[start : start + size]
        outcomes = in_parts(part, partial(write_back, target), refused)
        for verdict, outcome in zip(part, outcomes, strict=True):
            if outcome.state is OutcomeState.SUBMITTED:
                verdict.said.append(
                    f"{target.linked_account.adapter_class.label} writes the values "
                    "later and does not tell us here how that ended."
                )
            if outcome.state in (OutcomeState.SYNCED, OutcomeState.SUBMITTED):
                verdict.end(PARTLY if verdict.said else RESTORED)
            else:
                not_done(run, verdict, outcome)
        keep(run, mine, [verdict for verdict in part if verdict.undone])


def take_out(target: Target, emails: Sequence[str]) -> list[Outcome]:
    return asked(
        target, lambda adapter: adapter.unsubscribe(emails, target.audience_id)
    )


def write_back(target: Target, part: Sequence[Verdict]) -> list[Outcome]:
    contacts = [Written(email=each.email, fields=each.fields) for each in part]
    return asked(
        target, lambda adapter: adapter.upsert(contacts, target.audience_id, Options())
    )


def refused(_: Any, refusal: RejectedError) -> Outcome:
    return Outcome(
        state=OutcomeState.REJECTED, reason=refusal.reason, detail=refusal.detail
    )


def not_done(run: BulkRun, verdict: Verdict, outcome: Outcome) -> None:
    """The provider refused, or wants to be asked again later: a few times."""
    tries = run.undo.get("tries", 0)
    if outcome.state is OutcomeState.RETRY and tries < TRIES:
        raise TransientError(outcome.detail, retry_after=outcome.retry_after)
    verdict.end(IMPOSSIBLE, outcome.detail or "The provider refused it.")


def keep(run: BulkRun, mine: Any, verdicts: Sequence[Verdict]) -> None:
    """Write down what became of items, and of their deliveries."""
    if not verdicts:
        return
    counts = Counter(run.undo.get("counts", {}))
    removed = []
    for verdict in verdicts:
        item = verdict.item
        item.undone = verdict.undone
        item.detail = " ".join(part for part in verdict.said if part)
        counts[verdict.undone] += 1
        if verdict.undone == REMOVED and item.delivery_id is not None:
            removed.append(item.delivery_id)
    with transaction.atomic():
        run.undo = {**run.undo, "counts": dict(counts), "tries": 0, "note": ""}
        if not mine.update(undo=run.undo):
            return
        BulkItem.objects.bulk_update(
            [verdict.item for verdict in verdicts], ["undone", "detail"]
        )
        outbox_bulk.undone(removed, detail="")


def hindered(run: BulkRun, mine: Any, error: AdapterError | SealError) -> None:
    """Count a failure; it is tried again later."""
    detail = said(error)
    tries = run.undo.get("tries", 0) + 1
    mine.update(undo={**run.undo, "tries": tries, "note": detail})
