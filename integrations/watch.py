"""The hourly look at every linked account: does it work, and do its rules still fit?

Reads only. What is found stands in ``LinkedAccount.warnings`` and ``Target.warnings``;
admins are told once about each finding. A finding that would have every signup refused
holds the target before the next one fails, and what waited is sent when it is gone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db.models import Q

from contactsync.lib.clock import now
from contactsync.lib.crypto import SealError
from contactsync.tenancy.mail import mail_admins
from integrations import drift
from integrations.adapters.base import Adapter, Audience, Field
from integrations.adapters.errors import AdapterError, TargetError
from integrations.drift import Finding, Seen
from integrations.entries import check_fixed, entries_of, stored_of
from integrations.holding import integrations_url, target_break, target_mend
from integrations.mapping import described
from integrations.models import LinkedAccount, Target
from integrations.oauth_tokens import answered, ready_adapter
from integrations.services import linked_account_test

log = structlog.get_logger(__name__)

EVERY = timedelta(hours=1)
AT_ONCE = 50  # accounts begun by one call of `due_linked_accounts`
Stored = Mapping[str, Any]


def due_linked_accounts() -> list[UUID]:
    """Takes the accounts that were not looked at for an hour; paused ones rest."""
    at = now()
    due = Q(checked_at=None) | Q(checked_at__lte=at - EVERY)
    waiting = LinkedAccount.objects.filter(due, removed_at=None).exclude(
        status=LinkedAccount.Status.PAUSED
    )
    ids = waiting.order_by("checked_at").values_list("pk", flat=True)[:AT_ONCE]
    return [
        pk
        for pk in list(ids)
        if LinkedAccount.objects.filter(due, pk=pk).update(checked_at=at)
    ]


def check(linked_account_id: UUID) -> int:
    """Test the account by the real path, and compare what its rules rely on.

    Returns the number of findings. A provider that does not answer changes nothing.
    """
    linked = (
        LinkedAccount.objects.select_related("account")
        .filter(pk=linked_account_id, removed_at=None)
        .exclude(status=LinkedAccount.Status.PAUSED)
        .first()
    )
    if linked is None:
        return 0
    before = linked.reading or {}
    reading = linked_account_test(linked)
    if not reading.ok:
        return 0
    lost = drift.lost(before.get("resources", ()), reading.resources)
    kept = [each for each in linked.warnings if _still_lost(each, reading.resources)]
    fresh = note_account(linked, [*kept, *(finding.stored() for finding in lost)])
    targets = list(live_targets(linked))
    try:
        fresh += look(linked, targets)
    except (AdapterError, SealError) as error:
        log.info("drift not read", provider=linked.provider, error=type(error).__name__)
    tell(linked, fresh)
    return len(linked.warnings) + sum(len(target.warnings) for target in targets)


def live_targets(linked: LinkedAccount) -> Sequence[Target]:
    """Where rules that are switched on send to."""
    return Target.objects.filter(
        linked_account=linked, rule__enabled=True, rule__removed_at=None
    ).select_related("linked_account")


def look(
    linked: LinkedAccount, targets: Sequence[Target], *, accept: bool = False
) -> list[Stored]:
    """Compare each target with what the provider has now; the findings that are new.
    ``accept``: the team takes it as it is now.

    Raises AdapterError, SealError.
    """
    if not targets:
        return []
    adapter = ready_adapter(linked)
    audiences = {
        audience.id: audience
        for audience in answered(linked, adapter, lambda a: a.audiences())
    }
    fields: dict[str, list[Field] | None] = {}
    fresh: list[Stored] = []
    for target in targets:
        name = target.audience_id
        if name in audiences and name not in fields:
            fields[name] = _fields(linked, adapter, name)
        if accept:
            target.seen = None
        fresh += compare(target, adapter, audiences.get(name), fields.get(name))
    return fresh


def _fields(
    linked: LinkedAccount, adapter: Adapter, audience_id: str
) -> list[Field] | None:
    """None: the audience went away just now."""
    if "fields" not in adapter.supports:
        return []
    try:
        return answered(linked, adapter, lambda a: a.fields(audience_id))
    except TargetError:
        return None


def compare(
    target: Target,
    adapter: Adapter,
    audience: Audience | None,
    fields: Sequence[Field] | None,
) -> list[Stored]:
    """Store what is found for one target, and hold or release it."""
    before = Seen.read(target.seen) if target.seen else None
    if audience is None or fields is None:
        label = target.audience_label or target.audience_id
        return settle(target, [drift.gone(label, adapter.audience_noun)])
    seen = Seen.of(audience, fields)
    entries = entries_of(target.mapping)
    found = drift.findings_of(
        before,
        seen,
        entries,
        asks=target.double_opt_in or target.own_confirmation,
        free="free_fields" in adapter.supports,
        field_noun=adapter.field_noun,
    )
    if not found or before is None:
        # New options and harmless changes are known to the rule from now on.
        target.seen = seen.stored()
        target.mapping = _refreshed(target.mapping, fields)
        target.save(update_fields=["seen", "mapping"])
    return settle(target, found)


def _refreshed(mapping: Any, fields: Sequence[Field]) -> Any:
    """The stored mapping with what the provider says of its fields now."""
    entries = entries_of(mapping)
    known = described(entries, fields)
    return mapping if known == entries else stored_of(known)


def settle(target: Target, found: Sequence[Finding]) -> list[Stored]:
    """Keep the findings; hold the target for one that stops it, release it when none
    does any more. Returns those that are new."""
    known = {each["key"] for each in target.warnings}
    stored = [finding.stored() for finding in found]
    held_by_us = {each["reason"] for each in target.warnings if each["reason"]}
    if stored != target.warnings:
        target.warnings = stored
        target.save(update_fields=["warnings"])
    stops = next((finding for finding in found if finding.reason), None)
    if stops is not None and stops.reason is not None:
        if not target.held_reason:
            target_break(target, stops.reason.value, f"{stops.what} {stops.helps}")
    elif target.held_reason and target.held_reason in held_by_us:
        target_mend(target)
    return [each for each in stored if each["key"] not in known and not each["reason"]]


def note_account(linked: LinkedAccount, warnings: list[Stored]) -> list[Stored]:
    """Keep what is missing for the account as a whole. Returns what is new."""
    known = {each["key"] for each in linked.warnings}
    unique = {each["key"]: each for each in warnings}
    if list(unique.values()) != linked.warnings:
        linked.warnings = list(unique.values())
        linked.save(update_fields=["warnings"])
    return [each for key, each in unique.items() if key not in known]


def _still_lost(warning: Stored, resources: Sequence[Stored]) -> bool:
    can = str(warning["kind"]).removeprefix("scope_")
    return any(
        resource["name"] == warning["field"] and resource.get(can) is False
        for resource in resources
    )


def tell(linked: LinkedAccount, fresh: Sequence[Stored]) -> None:
    """One mail for all that is new. (What holds a target has a mail of its own.)"""
    if not fresh:
        return
    lines = [f"{each['what']} {each['breaks']} {each['helps']}" for each in fresh]
    mail_admins(
        linked.account,
        subject=f"Something changed at {linked}",
        body="\n\n".join([*lines, integrations_url(linked)]) + "\n",
    )


def refresh(linked: LinkedAccount) -> int:
    """**Refresh fields**: read everything anew, and take it as it is now.

    Returns how many findings are left: those that stay true until the rule or the
    provider changes. Raises AdapterError, SealError.
    """
    targets = list(live_targets(linked))
    look(linked, targets, accept=True)
    return sum(len(target.warnings) for target in targets)


def send_always(target: Target, field_id: str, value: str) -> None:
    """Fill a newly required field with one value for every signup, and let go what
    waited. Raises EntryError, AdapterError, SealError."""
    linked = target.linked_account
    adapter = ready_adapter(linked)
    fields = answered(linked, adapter, lambda a: a.fields(target.audience_id))
    field = next((field for field in fields if field.id == field_id), None)
    if field is not None:
        entries = drift.with_constant(entries_of(target.mapping), field, value)
        check_fixed(entries[-1])
        target.mapping = stored_of(entries)
        target.save(update_fields=["mapping"])
    look(linked, [target])
