"""Comparing the books with the provider: is everybody there whom we call synced?

The people of a target's synced deliveries are looked up, a part at a time. Then, where
the provider lists everybody, those are counted of whom the books know nothing. How far
it is stands in `Target.reconciled`, so that any worker can go on, and so does what was
found last:

    {"at": ISO, "checked", "agree", "missing", "left", "removed", "different": counts,
     "extra": a count, or null where the provider lists nobody,
     "sample": [{"contact", "email", "what", "status", "detail"}], at most SAMPLE,
     "repaired": how many are sent again, "stopped": why none is, or "",
     "error": why it could not be compared, or "",
     "running": as above, with "delivery" (the last compared), "phase", "cursor",
                "claim" (until when a worker has it), "lost" (delivery ids), "tries"}

`missing`: we say synced and the provider has nobody. `left`: unsubscribed, bounced or
complained there. `removed`: archived or deleted there by somebody. `different`: there,
and not subscribed, such as still pending.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from contacts.models import Contact, Suppression
from contactsync.lib.clock import now
from contactsync.lib.crypto import SealError
from contactsync.lib.email import email_key
from integrations import flow_back, outbox
from integrations.adapters import ADAPTERS
from integrations.adapters.base import Adapter, Change, Subscription
from integrations.adapters.errors import (
    AdapterError,
    DriftError,
    Reason,
    RejectedError,
    SetupError,
    TargetError,
    TransientError,
)
from integrations.changes import LOOK_UP, standing, states
from integrations.flow_back_memory import GONE, LEFT, gone_from
from integrations.holding import account_unread
from integrations.limits import Permit
from integrations.models import Delivery, LinkedAccount, State, Target
from integrations.oauth_tokens import answered, ready_adapter
from integrations.outbox_write import TABLE
from integrations.waker import waker

EVERY = timedelta(days=1)
CLAIM = timedelta(minutes=5)
SECONDS = 60.0
TRIES = 5  # answers that did not come, one after the other
AGAIN_SECONDS = 60.0
SAMPLE = 20
# A provider may show somebody only some minutes after it took them.
TOO_EARLY = timedelta(minutes=10)
COUNTS = ("checked", "agree", "missing", "left", "removed", "different")
LOOKING, LISTING = "looking", "listing"
SETTLED = (State.SYNCED, State.REJECTED)


def able() -> list[str]:
    """Providers whose books can be compared."""
    return [slug for slug, a in ADAPTERS.items() if "subscriptions" in a.supports]


def due_targets() -> list[UUID]:
    """Targets of live rules that were not compared for a day, or are being compared
    and nobody is at it."""
    found = Target.objects.filter(
        Q(reconciled_at=None) | Q(reconciled_at__lte=now() - EVERY),
        rule__isnull=False,
        rule__removed_at=None,
        held_reason="",
        linked_account__provider__in=able(),
        linked_account__removed_at=None,
        linked_account__status=LinkedAccount.Status.CONNECTED,
    )
    at = now().isoformat()
    return [
        pk
        for pk, kept in found.values_list("pk", "reconciled")
        if kept.get("running", {}).get("claim", "") < at
    ]


def start(linked: LinkedAccount) -> list[UUID]:
    """Compare the account's targets now: somebody asked. Returns which."""
    live = list(live_targets(linked).values_list("pk", flat=True))
    Target.objects.filter(pk__in=live).update(reconciled_at=None)
    return live


def live_targets(linked: LinkedAccount) -> QuerySet[Target]:
    found: QuerySet[Target] = Target.objects.filter(
        linked_account=linked, rule__isnull=False, rule__removed_at=None
    )
    return found.select_related("linked_account", "rule__display").order_by("pk")


def compare(target_id: UUID) -> bool:
    """Compare a target, or go on with it. True when that ended, with a result or with
    the reason why there is none."""
    target = take(target_id)
    if target is None:
        return False
    run: dict[str, Any] = target.reconciled["running"]
    linked = target.linked_account
    try:
        adapter = ready_adapter(linked)
        adapter.permit = Permit(linked, adapter, seconds=SECONDS)
        ended = go_on(linked, adapter, target, run)
        wait = 0.0
    except (AdapterError, SealError) as error:
        ended, wait = failed(linked, run, error)
    if ended:
        finish(linked, target, run)
    else:
        keep(target, run, wait)
    return ended


def failed(
    linked: LinkedAccount, run: dict[str, Any], error: AdapterError | SealError
) -> tuple[bool, float]:
    """Whether that was it, and else for how many seconds to leave the provider alone.
    What was found so far is not thrown away for one answer that did not come."""
    if isinstance(error, TransientError):
        run["tries"] += error.reason is not Reason.TURN
        if run["tries"] < TRIES:
            return False, error.retry_after or AGAIN_SECONDS
    note_failure(linked, error)
    run["error"] = str(error)
    return True, 0.0


def note_failure(linked: LinkedAccount, error: AdapterError | SealError) -> None:
    mendable = isinstance(error, SetupError)
    if mendable and not isinstance(error, (TargetError, DriftError)):
        assert isinstance(error, SetupError)
        account_unread(linked, error)


def take(target_id: UUID) -> Target | None:
    """The target, for one worker at a time, with "running" begun or gone on with."""
    with transaction.atomic():
        target: Target | None = (
            Target.objects.select_for_update(of=("self",))
            .select_related("linked_account__account")
            .filter(pk=target_id)
            .first()
        )
        if target is None or target.linked_account.provider not in able():
            return None
        linked = target.linked_account
        if linked.removed_at or linked.status != LinkedAccount.Status.CONNECTED:
            return None
        at = now()
        run = target.reconciled.get("running") or begun()
        if run.get("claim", "") >= at.isoformat():
            return None
        run["claim"] = (at + CLAIM).isoformat()
        target.reconciled = {**target.reconciled, "running": run}
        target.save(update_fields=["reconciled"])
    return target


def begun() -> dict[str, Any]:
    return {
        **dict.fromkeys(COUNTS, 0),
        **{"extra": None, "sample": [], "repaired": 0, "stopped": "", "error": ""},
        **{"phase": LOOKING, "delivery": 0, "cursor": "", "lost": [], "tries": 0},
    }


def keep(target: Target, run: dict[str, Any], wait: float) -> None:
    """Store how far it is; the next worker goes on, in ``wait`` seconds."""
    run["claim"] = (now() + timedelta(seconds=wait)).isoformat() if wait else ""
    with transaction.atomic():
        row = Target.objects.select_for_update().only("pk", "reconciled")
        row = row.get(pk=target.pk)
        row.reconciled = {**row.reconciled, "running": run}
        row.save(update_fields=["reconciled"])


def finish(linked: LinkedAccount, target: Target, run: dict[str, Any]) -> None:
    """Store the result, and send again what is missing where the policy says so."""
    if not run["error"]:
        repair(linked, target, run)
    names = (*COUNTS, "extra", "sample", "repaired", "stopped", "error")
    result = {"at": now().isoformat(), **{name: run[name] for name in names}}
    if run["error"]:  # what was found before stays
        result = {**target.reconciled, "error": run["error"]}
        result.pop("running", None)
    Target.objects.filter(pk=target.pk).update(reconciled=result, reconciled_at=now())


def go_on(
    linked: LinkedAccount, adapter: Adapter, target: Target, run: dict[str, Any]
) -> bool:
    """Compare until it is done (True) or the time is over. Raises AdapterError."""
    deadline = time.monotonic() + SECONDS
    while run["phase"] == LOOKING:
        if time.monotonic() > deadline:
            return False
        rows = newest_synced(target, after=run["delivery"])
        if rows:
            found = standing(linked, adapter, target, rows)
            compared(linked, target, run, rows, found)
            run["delivery"], run["tries"] = rows[-1].pk, 0
        else:
            run["phase"] = LISTING
    if "changes" not in adapter.supports:
        return True
    run["extra"] = run["extra"] or 0
    while time.monotonic() <= deadline:
        try:
            page = answered(
                linked,
                adapter,
                lambda current: current.changes(target.audience_id, run["cursor"]),
            )
        except RejectedError as error:
            if error.reason is not Reason.CURSOR_EXPIRED:
                raise
            run["extra"] = None
            return True
        if not page.complete:
            run["extra"] = None
            return True
        run["extra"] += unknown_among(
            target, [each.email for each in page.changes if is_there(each)]
        )
        run["cursor"] = page.cursor
        if not page.more:
            return True
    return False


def newest_synced(target: Target, *, after: int) -> list[Delivery]:
    """The target's synced deliveries by id, but for those of people of whom a newer
    one was settled."""
    newer = Delivery.objects.filter(
        contact_id=OuterRef("contact_id"),
        target_id=target.pk,
        pk__gt=OuterRef("pk"),
        state__in=SETTLED,
    )
    mine = Delivery.objects.for_account(target.account_id)
    rows = mine.filter(target_id=target.pk, state=State.SYNCED, pk__gt=after)
    return list(rows.filter(~Exists(newer)).order_by("pk")[:LOOK_UP])


def compared(
    linked: LinkedAccount,
    target: Target,
    run: dict[str, Any],
    rows: Sequence[Delivery],
    found: Sequence[Subscription],
) -> None:
    """Count how the people stand, and apply it: who left is news perhaps."""
    gone = gone_from(linked, target.audience_id, [row.contact_id for row in rows])
    early = now() - TOO_EARLY
    for row, each in zip(rows, found, strict=True):
        if each.status == "absent" and row.changed_at > early:
            continue
        what = kind_of(each.status, gone.get(row.contact_id, ""))
        run["checked"] += 1
        run[what] += 1
        if what == "missing" and len(run["lost"]) <= settings.BULK_GUARD_COUNT:
            run["lost"].append(row.pk)
        if what != "agree":
            note(run, row, each, what)
    flow_back.apply(
        linked=linked,
        changes=states(found),
        how="reconcile",
        audience_id=target.audience_id,
    )


def kind_of(status: str, told: str) -> str:
    """``told``: how they went, by what the provider told us, or ""."""
    if status == "subscribed":
        return "agree"
    if status in LEFT or (status == "absent" and told in LEFT):
        return "left"
    if status == "archived" or (status == "absent" and told):
        return "removed"
    return "missing" if status == "absent" else "different"


def note(run: dict[str, Any], row: Delivery, found: Subscription, what: str) -> None:
    """Keep some for people to look at; who is missing goes before all others."""
    line = {
        "contact": str(row.contact_id),
        "email": str(row.payload["email"]),
        "what": what,
        "status": found.status,
        "detail": found.detail,
    }
    sample: list[dict[str, str]] = run["sample"]
    if len(sample) < SAMPLE:
        sample.append(line)
    elif what == "missing":
        others = [n for n, each in enumerate(sample) if each["what"] != "missing"]
        if others:
            sample[others[-1]] = line


def is_there(change: Change) -> bool:
    """Whether a listed contact is in the audience, not gone from it."""
    return change.kind != "delete" and change.status not in (*LEFT, *GONE)


def unknown_among(target: Target, emails: Sequence[str]) -> int:
    """How many addresses no delivery of ours put into the audience."""
    keys = {email_key(email) for email in emails}
    same = Target.objects.filter(
        linked_account=target.linked_account_id, audience_id=target.audience_id
    )
    put = Delivery.objects.filter(
        contact_id=OuterRef("pk"),
        target_id__in=list(same.values_list("pk", flat=True)),
        state=State.SYNCED,
    )
    ours = Contact.objects.for_account(target.account_id).filter(
        Exists(put), email_key__in=list(keys)
    )
    return len(keys) - ours.count()


def repair(linked: LinkedAccount, target: Target, run: dict[str, Any]) -> None:
    """Send again who is missing, where the account's policy says so, and not when so
    many are that something else must be wrong."""
    if not run["missing"] or linked.repair != LinkedAccount.Repair.SEND:
        return
    share = settings.BULK_GUARD_SHARE * run["checked"]
    if run["missing"] > min(share, settings.BULK_GUARD_COUNT):
        run["stopped"] = "too_many"
        return
    lost = list(Delivery.objects.filter(pk__in=run["lost"]))
    # Perhaps told since they were looked up.
    gone = gone_from(linked, target.audience_id, [row.contact_id for row in lost])
    run["repaired"] = send_again(
        target, [row.pk for row in lost if row.contact_id not in gone]
    )
    transaction.on_commit(lambda: waker.wake([linked.pk]), robust=True)


def send_again(target: Target, delivery_ids: Sequence[int]) -> int:
    """Make synced deliveries wait once more; those of people who are suppressed, who
    are not there any more, or for whom a newer one is on its way, stay as they are."""
    rows = Delivery.objects.filter(pk__in=delivery_ids)
    people = Contact.objects.for_account(target.account_id).filter(
        pk__in=list(rows.values_list("contact_id", flat=True))
    )
    left = Suppression.objects.for_account(target.account_id).filter(
        email_key=OuterRef("email_key")
    )
    wanted = list(people.filter(~Exists(left)).values_list("pk", flat=True))
    sent = 0
    for start_at in range(0, len(wanted), flow_back.PART):
        part = wanted[start_at : start_at + flow_back.PART]
        sent += outbox.move_rows(
            to=State.PENDING,
            detail="Was not there when the books were compared.",
            where=f"""target_id = %s AND state = 'synced'
                AND id IN ({marks(delivery_ids)}) AND contact_id IN ({marks(part)})
                AND NOT EXISTS (SELECT 1 FROM {TABLE} n
                    WHERE n.contact_id = {TABLE}.contact_id
                    AND n.target_id = {TABLE}.target_id
                    AND n.id > {TABLE}.id)""",
            params=[target.pk, *delivery_ids, *part],
            event="delivery.repaired",
            anew=True,
        )
    return sent


def marks(items: Sequence[object]) -> str:
    return ", ".join(["%s"] * len(items))


def summary(linked: LinkedAccount) -> list[tuple[Target, dict[str, Any]]]:
    """The account's live targets with what was found last, for pages and the API."""
    return [(target, dict(target.reconciled)) for target in live_targets(linked)]
