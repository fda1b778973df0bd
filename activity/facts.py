"""The rows behind an explanation, for many contacts at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Max, OuterRef, Q, Subquery

from contacts.models import Contact, Event
from contactsync.tenancy.models import Account
from displays.models import Display, Signup, SyncRule
from integrations.flow_back_memory import DELETES, LEAVES, RETURNS
from integrations.models import Delivery, LinkedAccount, State, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Eight queries' worth of rows, keyed for look-up.

    ``signups``: the latest by contact. ``deliveries``: by contact, the latest for each
    target. ``added``: when (contact, target) was synced last, by whichever delivery.
    ``moves``: by contact, what providers told of their leaving and coming back, oldest
    first.
    """

    signups: dict[UUID, Signup]
    deliveries: dict[UUID, list[Delivery]]
    added: dict[tuple[UUID, UUID], datetime]
    moves: dict[UUID, list[Event]]
    targets: dict[UUID, Target]
    rule_of_target: dict[UUID, SyncRule]
    rules_of_display: dict[UUID, list[SyncRule]]
    linked: dict[UUID, LinkedAccount]
    displays: dict[UUID, str]

    def display_name(self, display_id: UUID | None) -> str:
        return self.displays.get(display_id, "") if display_id else ""


def gather(contacts: Sequence[Contact], account: Account) -> Facts:
    """Everything ``explain`` needs to know about ``contacts``, in eight queries."""
    ids = [contact.pk for contact in contacts]
    signups = {row.contact_id: row for row in latest_signups(ids, account)}
    deliveries, added = latest_deliveries(ids, account)
    linked = {
        row.pk: row
        for row in LinkedAccount.objects.for_account(account).order_by("created_at")
    }
    targets = Target.objects.for_account(account).in_bulk(
        {row.target_id for rows in deliveries.values() for row in rows}
    )
    for target in targets.values():
        target.linked_account = linked[target.linked_account_id]
    rules = list(
        SyncRule.objects.for_account(account)
        .filter(
            Q(target_id__in=targets)
            | Q(
                display_id__in={row.display_id for row in signups.values()},
                removed_at=None,
            )
        )
        .select_related("target")
    )
    by_display: dict[UUID, list[SyncRule]] = defaultdict(list)
    for rule in rules:
        rule.target.linked_account = linked[rule.target.linked_account_id]
        if rule.removed_at is None:
            by_display[rule.display_id].append(rule)
    return Facts(
        signups=signups,
        deliveries=deliveries,
        added=added,
        moves=moves_of(ids, account),
        targets=targets,
        rule_of_target={rule.target_id: rule for rule in rules},
        rules_of_display=by_display,
        linked=linked,
        displays=dict(
            Display.objects.for_account(account)
            .filter(
                pk__in={rule.display_id for rule in rules}
                | {row.display_id for row in signups.values()}
            )
            .values_list("pk", "name")
        ),
    )


def moves_of(ids: Sequence[UUID], account: Account) -> dict[UUID, list[Event]]:
    """One query, by the index on contact and id."""
    found: dict[UUID, list[Event]] = defaultdict(list)
    for event in (
        Event.objects.for_account(account)
        .filter(contact_id__in=ids, kind__in=(LEAVES, DELETES, RETURNS))
        .order_by("id")
    ):
        found[event.contact_id].append(event)
    return found


def latest_signups(ids: Sequence[UUID], account: Account) -> Sequence[Signup]:
    """One query: the newest signup of each contact, by the index on contact and id."""
    newest = (
        Signup.objects.filter(contact_id=OuterRef("pk")).order_by("-id").values("pk")
    )
    return list(
        Signup.objects.for_account(account).filter(
            pk__in=Contact.objects.for_account(account)
            .filter(pk__in=ids)
            .values_list(Subquery(newest[:1]))
        )
    )


def latest_deliveries(
    ids: Sequence[UUID], account: Account
) -> tuple[dict[UUID, list[Delivery]], dict[tuple[UUID, UUID], datetime]]:
    """Two queries: by contact the newest delivery per target, and when a target was
    last reached."""
    groups = list(
        Delivery.objects.for_account(account)
        .filter(contact_id__in=ids)
        .order_by()
        .values("contact_id", "target_id")
        .annotate(
            newest=Max("id"),
            added=Max("changed_at", filter=Q(state=State.SYNCED)),
        )
    )
    found: dict[UUID, list[Delivery]] = defaultdict(list)
    newest = Delivery.objects.for_account(account).filter(
        pk__in=[group["newest"] for group in groups]
    )
    for row in newest.order_by("id"):
        found[row.contact_id].append(row)
    added = {
        (group["contact_id"], group["target_id"]): group["added"]
        for group in groups
        if group["added"]
    }
    return found, added
