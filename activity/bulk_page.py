"""What the pages of bulk actions say, put together for their templates. Reads only."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from activity import words
from activity.export import Echo, safe
from contacts.models import Contact
from contactsync.tenancy.models import Account
from displays.backfill import RULE_GONE
from displays.models import Display
from integrations.bulk import CANCELLABLE, GIVEN_UP, can_undo, cannot_undo
from integrations.bulk_guard import WAITING, undo_guard
from integrations.bulk_judge import SENT_BEFORE
from integrations.bulk_plan import ACTS
from integrations.bulk_send import KEPT, UNKNOWN
from integrations.bulk_undo import NOT_FULLY
from integrations.models import BulkItem, BulkRun, LinkedAccount, Target
from integrations.reasons import fix_for

Run = BulkRun.State
TONES = {
    Run.PLANNING: "info",
    Run.PLANNED: "info",
    Run.STOPPED: "warn",
    Run.RUNNING: "info",
    Run.PAUSED: "warn",
    Run.DONE: "ok",
    Run.FAILED: "bad",
    Run.UNDOING: "info",
}
PLANS = {
    "create": "are new there",
    "update": "are there and would change",
    "same": "are there and stay the same",
    "send": "are sent; whether they are there is not known",
}
PLANNED_WORDS = {
    "create": "New",
    "update": "Would change",
    "same": "Stays the same",
    "send": "Not known",
    "skip": "Not sent",
}
OUTCOMES = {
    WAITING: "Waiting",
    KEPT: "Not sent",
    GIVEN_UP: "Given up",
    UNKNOWN: "Deleted meanwhile",
}
UNDONE = {
    "removed": "Taken out of the audience again",
    "restored": "Values put back",
    "partly": "Partly put back",
    "left": "Left as they are now",
    "impossible": "Could not be undone",
    "not_sent": "Had not been sent",
    "same": "Had not changed",
    "removing": "Being taken out",
}
OWN = {
    SENT_BEFORE: "have been sent there before, or are on their way",
    "bulk.moved_on": "moved on by themselves meanwhile",
    RULE_GONE: "were for a rule that is off or removed by now, or points elsewhere",
}
CHUNK = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """``about``: scaled up from those that were looked up, so not a fact."""

    label: str
    count: int
    about: bool = False
    tone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody of the sample, and what would change of their record."""

    contact_id: UUID
    email: str
    plan: str
    why: str
    known: bool
    fields: Sequence[Any]
    more: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A run as its page shows it."""

    run: BulkRun
    title: str
    about: Sequence[tuple[str, str]]
    tone: str
    live: bool
    percent: int
    expected: Sequence[Count]
    skipped: Sequence[Count]
    sample: Sequence[Person]
    remarks: Sequence[str]
    outcomes: Sequence[Count]
    kept: Sequence[Count]
    undone: Sequence[Count]
    not_undone: int
    can_cancel: bool
    can_undo: bool
    cannot_undo: str
    undo_guard: dict[str, Any]

    @property
    def acts(self) -> int:
        return int(self.run.plan.get("acts", 0))

    @property
    def note(self) -> str:
        """What keeps it from going on."""
        place = {Run.PLANNING: self.run.plan, Run.UNDOING: self.run.undo}
        return str(place.get(Run(self.run.state), self.run.progress).get("note", ""))


def why(code: str, provider: str = "the provider") -> str:
    """Why somebody is not sent, in words that follow a number."""
    if code in OWN:
        return OWN[code]
    fix = fix_for(code, provider)
    return fix.title if fix else code


def shown(run: BulkRun) -> Shown:
    """Some queries; nothing is written."""
    plan, progress, account = run.plan, run.progress, run.account
    undo_counts = run.undo.get("counts", {})
    undoable = can_undo(run)
    ended = run.state in (Run.DONE, Run.CANCELLED, Run.FAILED)
    return Shown(
        run=run,
        title=title_of(run),
        about=about_of(run, account),
        tone=TONES.get(Run(run.state), ""),
        live=run.state in (Run.PLANNING, Run.RUNNING, Run.UNDOING),
        percent=percent_of(run),
        expected=expected_of(plan),
        skipped=_counted(plan.get("skipped", {})),
        sample=[_person(each) for each in plan.get("sample", ())],
        remarks=remarks_of(plan),
        outcomes=outcomes_of(run),
        kept=_counted(progress.get("kept", {})),
        undone=[
            Count(label=label, count=undo_counts[key])
            for key, label in UNDONE.items()
            if undo_counts.get(key)
        ],
        not_undone=sum(undo_counts.get(key, 0) for key in NOT_FULLY),
        can_cancel=run.state in CANCELLABLE,
        can_undo=undoable,
        cannot_undo=cannot_undo(run) if ended and progress.get("enqueued") else "",
        undo_guard=undo_guard(run) if undoable else {},
    )


def title_of(run: BulkRun) -> str:
    """``Send again · Newsletter``."""
    if run.target is not None:
        place = run.target.audience_label or run.target.audience_id
        return f"{run.get_kind_display()} to {place}"
    return str(run.get_kind_display())


def about_of(run: BulkRun, account: Account) -> list[tuple[str, str]]:
    """What it is about, as label and text."""
    what, found = run.what, []
    if what.get("display"):
        display = Display.objects.for_account(account).filter(pk=what["display"])
        found.append(("Display", str(display.first() or "deleted")))
    if what.get("linked_account"):
        linked = LinkedAccount.objects.for_account(account)
        place = linked.filter(pk=what["linked_account"]).first()
        found.append(("Linked account", str(place or "deleted")))
    if what.get("target"):
        targets = Target.objects.for_account(account)
        target = targets.filter(pk=what["target"]).first()
        label = (target.audience_label or target.audience_id) if target else "deleted"
        found.append(("Audience", label))
    if what.get("reason") is not None:
        found.append(("Reason", why(what["reason"]) or "none recorded"))
    came = "Signed up" if run.kind == BulkRun.Kind.BACKFILL else "Delivery made"
    for key, label in (("since", f"{came} since"), ("until", f"{came} before")):
        if what.get(key):
            found.append((label, str(what[key])[:10]))
    if run.most is not None:
        found.append(("At most", f"{run.most:,}"))
    return found


def percent_of(run: BulkRun) -> int:
    if run.state == Run.PLANNING:
        done, total = run.plan.get("seen", 0), run.plan.get("total", 0)
    elif run.state in (Run.UNDOING, Run.UNDONE):
        done = sum(run.undo.get("counts", {}).values())
        total = run.progress.get("enqueued", 0)
    else:
        done = sum(run.progress.get("ended", {}).values())
        total = run.plan.get("acts", 0)
    return min(100, round(100 * done / total)) if total else 0


def expected_of(plan: dict[str, Any]) -> list[Count]:
    """Who would be created, changed, refused: counted, or scaled up and marked so.

    Of those that were not looked up nothing is known, so the shares of those that
    were are what it is probably like.
    """
    found, asked = plan.get("found", {}), plan.get("asked", 0)
    if not asked:
        acts = plan.get("acts", 0)
        return [Count(label=PLANS["send"], count=acts)] if acts else []
    looked = sum(found.get(each, 0) for each in ACTS)
    everybody = asked + plan.get("acts", 0) - looked
    about = everybody > asked
    counts = [
        Count(
            label=PLANS[key],
            count=round(found[key] * everybody / asked),
            about=about,
            tone="warn" if key == "update" else "",
        )
        for key in ACTS
        if found.get(key)
    ]
    return counts + [
        Count(
            label=f"are not sent: {why(key)}",
            count=round(n * everybody / asked),
            about=about,
        )
        for key, n in sorted(found.items())
        if key not in ACTS
    ]


def remarks_of(plan: dict[str, Any]) -> list[str]:
    """What the plan does not know, plainly."""
    said = sorted({str(each) for each in plan.get("mute", {}).values()})
    asked, acts = plan.get("asked", 0), plan.get("acts", 0)
    looked = sum(plan.get("found", {}).get(each, 0) for each in ACTS)
    if asked and acts > looked:
        everybody = asked + acts - looked
        said.append(
            f"{asked:,} of {everybody:,} contacts were looked up at the provider. "
            "Figures with “about” are scaled up from these."
        )
    if plan.get("left_over"):
        said.append(
            f"{plan['left_over']:,} more were not looked at, because of the limit."
        )
    return said


def outcomes_of(run: BulkRun) -> list[Count]:
    ended = run.progress.get("ended", {})
    counts = [
        Count(label=words.LABELS[state], count=ended[state], tone=words.TONES[state])
        for state in reversed(words.URGENCY)
        if ended.get(state)
    ]
    waiting = run.progress.get("enqueued", 0) - sum(ended.values())
    if waiting > 0 and run.state in (Run.RUNNING, Run.PAUSED, Run.STOPPED):
        counts.append(Count(label="Waiting", count=waiting, tone="info"))
    return counts


def _counted(counts: dict[str, int]) -> list[Count]:
    return [Count(label=why(code), count=n) for code, n in sorted(counts.items()) if n]


def _person(each: dict[str, Any]) -> Person:
    return Person(
        contact_id=UUID(each["contact"]),
        email=each["email"],
        plan=PLANNED_WORDS.get(each["plan"], each["plan"]),
        why=why(each["reason"]) if each["reason"] else "",
        known=each["known"],
        fields=each["fields"],
        more=each["more"],
    )


COLUMNS = ("email", "audience", "plan", "reason", "outcome", "undone", "detail")


def item_lines(run: BulkRun, *, only_not_undone: bool = False) -> Iterator[str]:
    """The run's contacts as CSV, line by line; or those that could not be undone."""
    writer = csv.writer(Echo())
    yield "\ufeff" + writer.writerow(COLUMNS)
    items = run.items.order_by("pk")
    if only_not_undone:
        items = items.filter(undone__in=NOT_FULLY)
    place = 0
    while True:
        page = list(items.filter(pk__gt=place)[:CHUNK])
        if not page:
            return
        place = page[-1].pk
        for row in _cells(run, page):
            yield writer.writerow([safe(cell) for cell in row])


def _cells(run: BulkRun, page: Sequence[BulkItem]) -> Iterator[Sequence[str]]:
    emails = dict(
        Contact.objects.for_account(run.account_id)
        .filter(pk__in={item.contact_id for item in page})
        .values_list("pk", "email")
    )
    targets = Target.objects.for_account(run.account_id).in_bulk(
        {item.target_id for item in page}
    )
    for item in page:
        target = targets.get(item.target_id)
        yield (
            emails.get(item.contact_id, str(item.contact_id)),
            (target.audience_label or target.audience_id) if target else "",
            PLANNED_WORDS.get(item.plan, item.plan),
            why(item.reason) if item.reason else "",
            OUTCOMES.get(item.outcome, words.LABELS.get(item.outcome, item.outcome)),
            UNDONE.get(item.undone, item.undone),
            item.detail,
        )
