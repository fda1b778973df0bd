"""What happened to the people of a bulk run since it was run. Reads our own rows."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from contacts.models import Contact
from integrations.models import BulkItem, BulkRun, Delivery, State, Target
from integrations.outbox_wait import OUT


def emails_of(run: BulkRun, items: Sequence[BulkItem]) -> dict[UUID, str]:
    """By contact; the address as it was sent, else as we have it now."""
    ids = {item.contact_id for item in items}
    found = dict(
        Contact.objects.for_account(run.account_id)
        .filter(pk__in=ids)
        .values_list("pk", "email")
    )
    rows = Delivery.objects.for_account(run.account_id).filter(
        pk__in=[item.delivery_id for item in items]
    )
    for contact_id, payload in rows.values_list("contact_id", "payload"):
        if payload.get("email"):
            found[contact_id] = payload["email"]
    return found


def signed_up_since(
    run: BulkRun, target: Target, items: Sequence[BulkItem]
) -> set[UUID]:
    """Who was sent to the target again after the run's row, or since the run began to
    the same audience by another rule."""
    contacts = [item.contact_id for item in items]
    rows = Delivery.objects.for_account(run.account_id).filter(
        contact_id__in=contacts, state__in=(*OUT, State.PENDING)
    )
    newest: dict[UUID, int] = {}
    for contact_id, pk in rows.filter(target=target).values_list("contact_id", "pk"):
        newest[contact_id] = max(pk, newest.get(contact_id, 0))
    since = {
        item.contact_id
        for item in items
        if newest.get(item.contact_id, 0) > (item.delivery_id or 0)
    }
    others = rows.filter(
        linked_account_id=target.linked_account_id,
        target__audience_id=target.audience_id,
        changed_at__gt=run.started_at or run.created_at,
    ).exclude(target=target)
    ours = run.items.filter(contact_id__in=contacts).values("delivery_id")
    others = others.exclude(pk__in=ours.exclude(delivery_id=None))
    return since | set(others.values_list("contact_id", flat=True))


def confirmed_since(run: BulkRun, items: Sequence[BulkItem]) -> set[UUID]:
    return set(
        Contact.objects.for_account(run.account_id)
        .filter(
            pk__in=[item.contact_id for item in items],
            confirmed_at__gt=run.started_at or run.created_at,
        )
        .values_list("pk", flat=True)
    )
