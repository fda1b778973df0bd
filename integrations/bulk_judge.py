"""Who of a bulk run is sent, by our own books; reads nothing at a provider."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

from django.db.models import Max

from contacts.models import Consent, Contact, Suppression
from contactsync.lib.email import email_key
from integrations.adapters.errors import Reason
from integrations.bulk_look import LEFT
from integrations.bulk_source import Candidate, Kind, rows_of, state_of
from integrations.flow_back_memory import Memory
from integrations.mapping import matches, prepare
from integrations.models import BulkRun, Delivery, LinkedAccount, State, Target

MARKETING = frozenset({"esp", "sms"})
SENT_BEFORE = "bulk.sent_before"
"""They have a delivery to this target already."""


def targets_of(account_id: int, ids: set[UUID]) -> dict[UUID, Target]:
    found = Target.objects.for_account(account_id).select_related("linked_account")
    return {target.pk: target for target in found.filter(pk__in=ids)}


def judged(
    run: BulkRun, people: Sequence[Candidate], targets: Mapping[UUID, Target]
) -> list[str]:
    """Why each of them is not sent, in the order given; "" for who is. A handful of
    queries for all of them.

    The order says what a person reads: what nobody can change comes first.
    """
    account_id = run.account_id
    keys = [email_key(each.payload["email"]) for each in people]
    suppressed = set(
        Suppression.objects.for_account(account_id)
        .filter(email_key__in=keys)
        .values_list("email_key", flat=True)
    )
    contacts = {each.contact_id for each in people}
    refused = _refused(account_id, contacts)
    confirmed = _confirmed(account_id, contacts, targets)
    left = _left(account_id, people, targets)
    newer = {} if run.kind == Kind.BACKFILL else _newest(run, people, targets)
    found = []
    for each, key in zip(people, keys, strict=True):
        target = targets.get(each.target_id)
        if key in suppressed:
            why = Reason.SUPPRESSED.value
        elif target is None:
            why = Reason.TARGET_MISSING.value
        elif each.contact_id in refused and _is_marketing(target):
            why = Reason.NO_CONSENT.value
        elif (each.contact_id, each.target_id) in left:
            why = left[each.contact_id, each.target_id]
        elif each.skip:
            why = each.skip
        elif newer.get((each.contact_id, each.target_id), 0) > (each.delivery_id or 0):
            why = Reason.SUPERSEDED.value
        elif target.own_confirmation and each.contact_id not in confirmed:
            why = Reason.NOT_CONFIRMED.value
        else:
            why = _by_rule(target, each)
        found.append(why)
    return found


def _is_marketing(target: Target) -> bool:
    return target.linked_account.adapter_class.kind in MARKETING


def _by_rule(target: Target, each: Candidate) -> str:
    """What the rule and its linked account say."""
    linked = target.linked_account
    if each.payload.get("consent") is False and _is_marketing(target):
        return Reason.NO_CONSENT.value
    if not matches(target.conditions, target.match, each.payload):
        return Reason.CONDITION.value
    if linked.removed_at is not None:
        return Reason.UNLINKED.value
    if linked.status != LinkedAccount.Status.CONNECTED:
        return linked.reason or Reason.PAUSED.value
    if target.held_reason:
        return target.held_reason
    unfit = prepare(dict(each.payload), target.mapping, target.tags).reason
    return unfit.value if unfit else ""


def _refused(account_id: int, contacts: set[UUID]) -> set[UUID]:
    """Whose last answer, when asked for consent, was no."""
    last: dict[UUID, bool] = {}
    answers = (
        Consent.objects.for_account(account_id)
        .filter(contact_id__in=contacts)
        .order_by("id")
        .values_list("contact_id", "given")
    )
    for contact_id, given in answers:
        last[contact_id] = given
    return {contact_id for contact_id, given in last.items() if not given}


def _confirmed(
    account_id: int, contacts: set[UUID], targets: Mapping[UUID, Target]
) -> set[UUID]:
    """Who clicked in a mail of ours, where a target wants that."""
    if not any(target.own_confirmation for target in targets.values()):
        return set()
    return set(
        Contact.objects.for_account(account_id)
        .filter(pk__in=contacts, confirmed_at__isnull=False)
        .values_list("pk", flat=True)
    )


def _left(
    account_id: int, people: Sequence[Candidate], targets: Mapping[UUID, Target]
) -> dict[tuple[UUID, UUID], str]:
    """Who left at the very account after they signed up, by what it told us, and the
    reason. It may have deleted them since, and leaving may count for it alone."""
    by_account: dict[LinkedAccount, list[Candidate]] = {}
    for each in people:
        if target := targets.get(each.target_id):
            by_account.setdefault(target.linked_account, []).append(each)
    found: dict[tuple[UUID, UUID], tuple[datetime, str]] = {}
    for linked, theirs in by_account.items():
        memory = Memory(linked, {each.contact_id for each in theirs})
        for each in theirs:
            audience_id = targets[each.target_id].audience_id
            told = memory.last(each.contact_id, audience_id, ours=False)
            if told and told.status in LEFT and told.at > _signed_up(each):
                key = (each.contact_id, each.target_id)
                found[key] = told.at, LEFT[told.status]
    if not found:
        return {}
    confirmed = dict(
        Contact.objects.for_account(account_id)
        .filter(pk__in={key[0] for key in found}, confirmed_at__isnull=False)
        .values_list("pk", "confirmed_at")
    )
    return {
        key: reason
        for key, (at, reason) in found.items()
        if not (key[0] in confirmed and confirmed[key[0]] > at)
    }


def _signed_up(each: Candidate) -> datetime:
    at = each.payload.get("at")
    return datetime.fromisoformat(at) if at else datetime.min.replace(tzinfo=UTC)


def _newest(
    run: BulkRun, people: Sequence[Candidate], targets: Mapping[UUID, Target]
) -> dict[tuple[UUID, UUID], int]:
    """(contact, target) -> their newest delivery that counts: not one that was skipped
    or rejected, unless this run is to send it after all."""
    theirs = {
        "contact_id__in": {each.contact_id for each in people},
        "target_id__in": {each.target_id for each in people},
    }
    rows = (
        Delivery.objects.for_account(run.account_id)
        .filter(**theirs)
        .exclude(state__in=(State.SKIPPED, State.REJECTED))
        .order_by()
        .values("contact_id", "target_id")
        .annotate(newest=Max("pk"))
    )
    found = {(row["contact_id"], row["target_id"]): row["newest"] for row in rows}
    if state_of(run.kind, run.what) == State.SKIPPED:
        again = rows_of(run.account_id, run.kind, run.what).filter(**theirs)
        for row in again.order_by("pk"):
            target, key = targets.get(row.target_id), (row.contact_id, row.target_id)
            if target and matches(target.conditions, target.match, row.payload):
                found[key] = max(row.pk, found.get(key, 0))
    return found
