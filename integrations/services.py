"""Writes to linked accounts and targets."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import structlog
from django.db import transaction

from contactsync.lib.clock import now
from contactsync.lib.crypto import SealError
from contactsync.tenancy.models import Account, User
from integrations import hooks_farewell, outbox
from integrations.access import Access, checked_credentials, hurried, kept_of
from integrations.adapters import ADAPTERS
from integrations.adapters.base import Adapter, Audience, Field, Reading
from integrations.adapters.errors import AdapterError, Reason, SetupError
from integrations.holding import (
    account_break,
    account_mend,
    target_mend,
    waiting_count,
    wake_all,
)
from integrations.models import LinkedAccount, Target
from integrations.oauth import missing_scopes
from integrations.oauth_tokens import answered, ready_adapter
from integrations.reasons import fix_for
from integrations.waker import farewell_waker

log = structlog.get_logger(__name__)

SUCCESS = "Connection Successful"


def page_adapter(linked: LinkedAccount) -> Adapter:
    """An adapter that gives up while somebody still waits for the answer.

    Raises SealError, AdapterError.
    """
    return hurried(ready_adapter(linked))


def linked_account_create(
    *,
    account: Account,
    provider: str,
    label: str,
    credentials: Mapping[str, Any] | Access,
    environment: str = "live",
    by: User | None = None,
) -> LinkedAccount:
    """Link an account at a provider. Not tested yet: call ``linked_account_test``.

    Raises UnknownProviderError, SignInNeededError, CredentialError.
    """
    access = access_of(provider, credentials)
    linked = LinkedAccount(
        account=account,
        provider=provider,
        label=label.strip() or ADAPTERS[provider].label,
        environment=environment,
        linked_by=by,
    )
    access.put_into(linked)
    linked.save()
    return linked


def linked_account_reconnect(
    *, linked: LinkedAccount, credentials: Mapping[str, Any] | Access
) -> None:
    """New credentials for the same account: rules, mappings and history stay.

    Raises SignInNeededError, CredentialError.
    """
    access = access_of(linked.provider, credentials)
    if not isinstance(credentials, Access):
        access = replace(access, kept=kept_of(linked))
    linked.save(update_fields=access.put_into(linked))


def access_of(provider: str, credentials: Mapping[str, Any] | Access) -> Access:
    if isinstance(credentials, Access):
        return credentials
    return Access(secrets=checked_credentials(provider, credentials))


@dataclass(frozen=True, slots=True)
class TestReading:
    """What pressing **Test Account** found. ``ms`` is the time the provider took."""

    ok: bool
    title: str
    detail: str
    next_step: str
    reason: str
    action: str
    ms: int
    at: str
    identity: str = ""
    account_name: str = ""
    resources: tuple[dict[str, Any], ...] = ()
    notes: tuple[str, ...] = ()
    waiting: int = 0
    sandbox: bool = False


def linked_account_test(linked: LinkedAccount) -> TestReading:
    """Talk to the provider by the real path, and store what was found.

    A success lets go what was held, targets too whose audience answers; a refusal
    holds what waits. A provider that does not answer changes nothing but the reading.
    """
    started = time.monotonic()
    found: Reading | AdapterError
    try:
        found = answered(linked, page_adapter(linked), lambda adapter: adapter.verify())
    except AdapterError as error:
        found = error
    except SealError as error:
        found = SetupError(
            f"The stored credentials cannot be opened: {error}.",
            reason=Reason.AUTH_REVOKED,
        )
    return keep_reading(linked, found, round((time.monotonic() - started) * 1000))


def keep_reading(
    linked: LinkedAccount, found: Reading | AdapterError, ms: int
) -> TestReading:
    """What follows from the provider's answer to a test that took ``ms``."""
    if isinstance(found, Reading):
        account_mend(linked)
        release_held(linked, page_adapter(linked))
        reading = _success(linked, found, ms)
        linked.identity = found.identity[:200]
        if linked.label == linked.adapter_class.label and found.account_name:
            linked.label = found.account_name[:120]
    else:
        if isinstance(found, SetupError):
            account_break(linked, found.reason.value, found.detail)
        reading = _failure(linked, found, ms)
    linked.reading = asdict(reading)
    linked.tested_at = now()
    linked.save(update_fields=["reading", "tested_at", "identity", "label"])
    return reading


def _success(linked: LinkedAccount, found: Reading, ms: int) -> TestReading:
    readable = [r.name for r in found.resources if r.readable]
    writable = [r.name for r in found.resources if r.writable]
    parts = [f"Signed in as {found.identity}."]
    if readable:
        parts.append(f"Can read: {', '.join(readable)}.")
    if writable:
        parts.append(f"Can write: {', '.join(writable)}.")
    return TestReading(
        ok=True,
        title=SUCCESS,
        detail=" ".join(parts),
        next_step="Choose this account in a display's Sync Integrations card.",
        reason="",
        action="",
        ms=ms,
        at=now().isoformat(),
        identity=found.identity,
        account_name=found.account_name,
        resources=tuple(asdict(resource) for resource in found.resources),
        notes=(*found.notes, *remarks(linked, found)),
        waiting=waiting_count(linked),
        sandbox=linked.is_sandbox,
    )


def remarks(linked: LinkedAccount, found: Reading) -> list[str]:
    """What we know and the provider does not say."""
    label, said = linked.adapter_class.label, []
    if is_other(linked, found):
        said.append(
            f"This is another account at {label} than before, which was "
            f"{linked.identity}. The rules and mappings are the same."
        )
    if linked.adapter_class.oauth and linked.granted_scopes is not None:
        missing = missing_scopes(
            linked.adapter_class.oauth,
            linked.granted_scopes,
            refreshes="refresh_token" in linked.get_credentials(),
        )
        if missing:
            said.append(
                f"{label} did not grant: {', '.join(missing)}. Reconnect and allow "
                "everything that is asked for, or some things will fail."
            )
    return said


def is_other(linked: LinkedAccount, found: Reading) -> bool:
    """Whether somebody else answers than the last time it was tested."""
    known = linked.identity.strip().casefold()
    return bool(known) and found.identity[:200].strip().casefold() != known


def _failure(linked: LinkedAccount, error: AdapterError, ms: int) -> TestReading:
    fix = fix_for(error.reason, linked.adapter_class.label)
    assert fix is not None  # every Reason has an entry (tested)
    return TestReading(
        ok=False,
        title=f"Connection failed: {fix.title}",
        detail=f"{fix.sentence} {error.detail}".strip(),
        next_step=fix.next_step,
        reason=error.reason.value,
        action=fix.action,
        ms=ms,
        at=now().isoformat(),
        waiting=waiting_count(linked),
        sandbox=linked.is_sandbox,
    )


def release_held(linked: LinkedAccount, adapter: Adapter) -> int:
    """After a test that succeeded: try again what was held. Returns how many rows.

    What is still wrong is held again, with what the provider says then.
    """
    held = Target.objects.filter(linked_account=linked).exclude(held_reason="")
    released = 0
    for target in held:
        if any(warning["reason"] for warning in target.warnings):
            continue  # it is known what is wrong; the watch sees when it is mended
        try:
            if "fields" in adapter.supports:
                adapter.fields(target.audience_id)
        except AdapterError:
            continue
        released += target_mend(target)
    released += outbox.resume(linked.pk)
    if released:
        wake_all(linked.pk)
    return released


def linked_account_pause(linked: LinkedAccount) -> bool:
    """Stop sending by hand. False when it was not connected."""
    won = LinkedAccount.objects.filter(
        pk=linked.pk, status=LinkedAccount.Status.CONNECTED
    ).update(status=LinkedAccount.Status.PAUSED, reason=Reason.PAUSED.value)
    if won:
        outbox.hold(linked.pk, reason=Reason.PAUSED.value)
    return bool(won)


def linked_account_resume(linked: LinkedAccount) -> bool:
    """Send again after a pause. False when it was not paused."""
    won = LinkedAccount.objects.filter(
        pk=linked.pk, status=LinkedAccount.Status.PAUSED
    ).update(status=LinkedAccount.Status.CONNECTED, reason="", detail="")
    if won:
        outbox.resume(linked.pk)
        wake_all(linked.pk)
    return bool(won)


def linked_account_unlink(linked: LinkedAccount) -> int:
    """Forget the credentials. Rules stop; nobody is unsubscribed anywhere.

    Returns how many contacts that waited stay here, held. The provider is told later.
    """
    with transaction.atomic():
        row = LinkedAccount.objects.select_for_update().get(pk=linked.pk)
        if row.removed_at is None and hooks_farewell.prepare(row):
            wake = partial(farewell_waker.wake, [row.pk])
            transaction.on_commit(wake, robust=True)
        LinkedAccount.objects.filter(pk=linked.pk).update(
            removed_at=now(),
            sealed="",
            token_expires_at=None,
            refreshed_at=None,
            status=LinkedAccount.Status.PAUSED,
            reason=Reason.UNLINKED.value,
            hooks=row.hooks,
        )
    outbox.hold(linked.pk, reason=Reason.UNLINKED.value)
    return waiting_count(linked)


def audiences_of(linked: LinkedAccount) -> list[Audience]:
    """The provider's audiences, read now. Raises AdapterError, SealError."""
    return answered(linked, page_adapter(linked), lambda adapter: adapter.audiences())


def fields_of(linked: LinkedAccount, audience_id: str) -> list[Field]:
    """The audience's fields, read now. Raises AdapterError, SealError."""
    if "fields" not in linked.adapter_class.supports:
        return []
    return answered(
        linked, page_adapter(linked), lambda adapter: adapter.fields(audience_id)
    )
