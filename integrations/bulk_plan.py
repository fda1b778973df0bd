"""Planning a bulk run: page by page, writing down what would happen to each person.

Our own rows are judged all of them, so these counts are exact. The provider is asked
about everybody of a small run, and about an even sample of a large one: what is only
known of a sample is kept apart (``asked`` of ``acts``) and shown as such.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from contactsync.lib.clock import now
from contactsync.lib.crypto import SealError
from integrations.adapters.base import Subscription
from integrations.adapters.errors import AdapterError, TransientError
from integrations.bulk_guard import guard_of
from integrations.bulk_judge import judged, targets_of
from integrations.bulk_look import differences, looked_up, outlook, said, wanted
from integrations.bulk_source import Candidate, source_of
from integrations.models import BulkItem, BulkRun, Target

PAGE = 100
# So many fit into the time of one question also where each is a call of its own.
LOOKED_UP = 25
SAMPLE = 20
DIFFERENCES = 12
# How long a provider that does not answer is waited for; then the plan says so.
PATIENCE = timedelta(minutes=2)
SEND, SKIP = "send", "skip"
ACTS = ("create", "update", "same", SEND)


class NotNow(Exception):
    """The provider cannot be asked at this moment; somebody looks again later."""


@dataclass(slots=True)
class Line:
    """One person of a page: what is planned, and what is shown of it."""

    person: Candidate
    plan: str = SEND
    reason: str = ""
    asked: bool = False
    sample: dict[str, Any] | None = None


@dataclass(slots=True)
class PageOf:
    """A page as it was judged. ``over``: the run's limit ends it."""

    lines: list[Line] = field(default_factory=list)
    over: bool = False


def begin(run: BulkRun) -> dict[str, Any]:
    """What a plan starts with."""
    remembered, total = source_of(run).begin(run)
    run.what = {**run.what, **remembered}
    return {
        "total": total,
        "seen": 0,
        "acts": 0,
        "skipped": {},
        "asked": 0,
        "found": {},
        "targets": {},
        "sample": [],
        "mute": {},
        "left_over": 0,
        "every": max(1, -(-total // settings.BULK_LOOK_UPS)),
    }


def step(run: BulkRun, mine: Any) -> bool:
    """One page. False: the plan is made, or nothing can be done now.

    ``mine`` is the run's row as long as this worker holds it. Raises NotNow.
    """
    if "total" not in run.plan:
        plan = begin(run)
        return bool(mine.update(plan=plan, what=run.what))
    size = min(PAGE, LOOKED_UP * run.plan["every"])
    people = source_of(run).page(run, run.cursor, size)
    if not people:
        finish(run, mine)
        return False
    page = judge_page(run, people)
    targets = targets_of(run.account_id, {each.target_id for each in people})
    for target, lines in chosen(run, page.lines, targets):
        try:
            ask(run, target, lines)
        except (AdapterError, SealError) as error:
            hindered(run, mine, target, error)
    write(run, mine, page, targets)
    return True


def judge_page(run: BulkRun, people: Sequence[Candidate]) -> PageOf:
    """Who of them is sent, up to the run's limit."""
    targets = targets_of(run.account_id, {each.target_id for each in people})
    page, acts = PageOf(), run.plan["acts"]
    for person, why in zip(people, judged(run, people, targets), strict=True):
        if not why and run.most is not None and acts >= run.most:
            page.over = True
            break
        acts += not why
        page.lines.append(Line(person, SKIP if why else SEND, why))
    return page


def chosen(
    run: BulkRun, lines: Sequence[Line], targets: dict[UUID, Target]
) -> list[tuple[Target, list[Line]]]:
    """Whom to look up, by target: everybody, or an even sample of many."""
    acts, found = run.plan["acts"], dict[UUID, list[Line]]()
    for line in lines:
        if line.plan != SKIP:
            if acts % run.plan["every"] == 0:
                found.setdefault(line.person.target_id, []).append(line)
            acts += 1
    return [
        (targets[target_id], group)
        for target_id, group in found.items()
        if str(target_id) not in run.plan["mute"]
    ]


def ask(run: BulkRun, target: Target, lines: Sequence[Line]) -> None:
    """Look some people up. Raises AdapterError, SealError."""
    linked = target.linked_account
    found = looked_up(target, [line.person.payload["email"] for line in lines])
    if found is None:
        run.plan["mute"][str(target.pk)] = (
            f"{linked.adapter_class.label} cannot be asked what it has of a contact."
        )
        return
    for line, subscription in zip(lines, found, strict=True):
        told(target, line, subscription)


def told(target: Target, line: Line, found: Subscription) -> None:
    """Write down what the provider said of one person."""
    ours = wanted(target, line.person.payload)
    line.asked = True
    outcome = outlook(target, ours, found)
    line.plan, line.reason = (outcome, "") if outcome in ACTS else (SKIP, outcome)
    changes = differences(target, ours, found.fields or {})
    line.sample = {
        "contact": str(line.person.contact_id),
        "email": str(line.person.payload["email"]),
        "target": str(target.pk),
        "plan": line.plan,
        "reason": line.reason,
        "status": found.status,
        "known": found.fields is not None or line.plan == "create",
        "fields": [each.as_dict() for each in changes[:DIFFERENCES]],
        "more": max(0, len(changes) - DIFFERENCES),
    }


def hindered(
    run: BulkRun, mine: Any, target: Target, error: AdapterError | SealError
) -> None:
    """A provider that does not answer is asked again for a while, then no more: the
    plan goes on without it and says so. Raises NotNow while it is asked again."""
    detail = said(error)
    plan, at = run.plan, now()
    since = datetime.fromisoformat(plan.setdefault("trouble", at.isoformat()))
    if isinstance(error, TransientError) and at - since < PATIENCE:
        mine.update(plan={**plan, "note": detail})
        raise NotNow(detail)
    plan["mute"][str(target.pk)] = detail


def write(run: BulkRun, mine: Any, page: PageOf, targets: dict[UUID, Target]) -> None:
    """Add a page to the plan, and move the cursor, in one transaction."""
    plan = {k: v for k, v in run.plan.items() if k not in ("trouble", "note")}
    lines = page.lines
    plan["seen"] += len(lines)
    plan["acts"] += sum(line.plan != SKIP for line in lines)
    plan["asked"] += sum(line.asked for line in lines)
    own = Counter(line.reason for line in lines if line.plan == SKIP and not line.asked)
    plan["skipped"] = dict(Counter(plan["skipped"]) + own)
    told_of = Counter(line.reason or line.plan for line in lines if line.asked)
    plan["found"] = dict(Counter(plan["found"]) + told_of)
    for line in lines:
        count_target(plan["targets"], line, targets.get(line.person.target_id))
    plan["sample"] = sampled(plan["sample"], lines)
    if page.over:
        plan["left_over"] = plan["total"] - plan["seen"]
    place = lines[-1].person.place if lines else run.cursor
    with transaction.atomic():
        # This lock keeps a cancel and a worker with a newer claim out.
        if not mine.filter(cursor=run.cursor).update(plan=plan, cursor=place):
            return
        BulkItem.objects.bulk_create(
            [item_of(run, line) for line in lines], ignore_conflicts=True
        )
    run.plan, run.cursor = plan, place
    if page.over:
        finish(run, mine)


def count_target(counts: dict[str, Any], line: Line, target: Target | None) -> None:
    if target is None:
        return
    mine = counts.setdefault(
        str(target.pk),
        {"label": str(target), "acts": 0, "asked": 0, **dict.fromkeys(ACTS, 0)},
    )
    mine["asked"] += line.asked
    if line.plan != SKIP:
        mine["acts"] += 1
        mine[line.plan] += 1


def sampled(shown: Sequence[Any], lines: Sequence[Line]) -> list[Any]:
    """Up to SAMPLE people; those whose record changes come before the others."""
    everybody = [*shown, *(line.sample for line in lines if line.sample)]
    order = {"update": 0, "create": 1, SKIP: 2}
    return sorted(everybody, key=lambda each: order.get(each["plan"], 3))[:SAMPLE]


def item_of(run: BulkRun, line: Line) -> BulkItem:
    person = line.person
    return BulkItem(
        account_id=run.account_id,
        run=run,
        contact_id=person.contact_id,
        target_id=person.target_id,
        delivery_id=person.delivery_id,
        signup_id=person.signup_id,
        plan=line.plan,
        reason=line.reason,
        was_state=person.was_state,
        was_reason=person.was_reason,
        was_detail=person.was_detail,
    )


def finish(run: BulkRun, mine: Any) -> None:
    """The plan is made; a person looks at it now."""
    guard = guard_of(run)
    state = BulkRun.State.STOPPED if guard["fires"] else BulkRun.State.PLANNED
    mine.update(state=state, guard=guard, cursor="", claim_id=None, lease_until=None)
