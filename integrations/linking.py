"""Linking, reconnecting and testing as a person does it: in one go, on record."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.http import HttpRequest

from contactsync.tenancy.access import TenantRequest
from contactsync.tenancy.services import audit
from integrations import oauth_state, sub_accounts
from integrations.access import Access, kept_of
from integrations.adapters import ADAPTERS
from integrations.adapters.base import Adapter, Reading
from integrations.adapters.declare import SubAccount
from integrations.adapters.errors import AdapterError
from integrations.models import LinkAttempt, LinkedAccount
from integrations.reasons import fix_for
from integrations.services import (
    TestReading,
    is_other,
    keep_reading,
    linked_account_create,
    linked_account_reconnect,
    linked_account_test,
)
from integrations.sub_accounts import ChoiceNeededError

TEST_ALL_SECONDS = 20.0


def note_down(
    request: HttpRequest, linked: LinkedAccount, action: str, **detail: Any
) -> None:
    """An audit entry about a linked account. ``detail`` holds no secret."""
    audit(
        request,
        account=linked.account,
        action=f"linked_account.{action}",
        subject=str(linked),
        linked_account=str(linked.pk),
        **detail,
    )


def attempt_at(
    request: TenantRequest,
    provider: str,
    *,
    linked: LinkedAccount | None = None,
    label: str = "",
    environment: str = "live",
) -> LinkAttempt:
    """What somebody has begun; ``linked`` is the account to reconnect. Not stored."""
    return LinkAttempt(
        account=request.account,
        user=request.user,
        provider=provider,
        linked=linked,
        label=label,
        environment=environment,
    )


def finish(
    request: HttpRequest, attempt: LinkAttempt, access: Access
) -> tuple[LinkedAccount, TestReading] | LinkAttempt:
    """Link or reconnect, and test at once; or keep the attempt until its person has
    answered what only they can know.

    Before a reconnect the provider is asked who answers now: what does not work
    replaces nothing. Raises AdapterError.
    """
    before = attempt.linked
    if before is not None:
        access = replace(access, kept=kept_of(before))
    known = access.kept.get("sub_account", "")
    question: dict[str, Any] = {"choices": []}
    try:
        part = sub_accounts.chosen(access.adapter(attempt.provider), known=known)
        access = replace(access, sub_account=part)
    except ChoiceNeededError as needed:
        question["choices"] = [[part.id, part.label] for part in needed.choices]
        kept = {k: v for k, v in access.kept.items() if k != "sub_account"}
        access = replace(access, kept=kept)
    found, ms = None, 0
    if before is not None:
        started = time.monotonic()
        found = access.adapter(attempt.provider).verify()
        ms = round((time.monotonic() - started) * 1000)
        if is_other(before, found):
            question["other"] = found.account_name or found.identity
            question["identity"] = found.identity
    if question["choices"] or "other" in question:
        part_json = [part.id, part.label] if (part := access.sub_account) else None
        contents = {"access": access.to_json(), "part": part_json, **question}
        oauth_state.ask(attempt, contents)
        return attempt
    return complete(request, attempt, access, found, ms)


def answer(
    request: HttpRequest, attempt: LinkAttempt, *, part_id: str, as_new: bool
) -> tuple[LinkedAccount, TestReading] | None:
    """Go on with what the person has answered. None when that was done before, or the
    account was unlinked meanwhile.

    ``as_new``: the other account that came back is linked beside the old one.
    """
    asked = attempt.contents()
    access = Access.of_json(asked["access"])
    if part := asked["part"] or _named(asked["choices"], part_id):
        access = replace(access, sub_account=SubAccount(id=part[0], label=part[1]))
    if "other" in asked:
        access = replace(access, kept={})
    if not oauth_state.finish(attempt):
        return None
    if as_new:
        attempt.linked, attempt.label = None, ""
    if attempt.linked and attempt.linked.removed_at:
        return None
    return complete(request, attempt, access)


def _named(choices: Sequence[Sequence[str]], part_id: str) -> Sequence[str] | None:
    return next((choice for choice in choices if choice[0] == part_id), None)


def complete(
    request: HttpRequest,
    attempt: LinkAttempt,
    access: Access,
    found: Reading | None = None,
    ms: int = 0,
) -> tuple[LinkedAccount, TestReading]:
    """Store it, on record. ``found``: what a test that took ``ms`` has said already."""
    linked = attempt.linked
    way = {"signed_in": True} if access.signed_in else {}
    if linked is None:
        linked = linked_account_create(
            account=attempt.account,
            provider=attempt.provider,
            label=attempt.label,
            credentials=access,
            environment=attempt.environment,
            by=attempt.user,
        )
        note_down(request, linked, "link", environment=attempt.environment, **way)
        return linked, run_test(request, linked)
    linked_account_reconnect(linked=linked, credentials=access)
    note_down(request, linked, "reconnect", **way)
    if found is None:
        return linked, run_test(request, linked)
    reading = keep_reading(linked, found, ms)
    note_down(request, linked, "test", result=reading.title)
    return linked, reading


def refusal(error: AdapterError, adapter: type[Adapter]) -> str:
    """Why the provider let nothing be linked, for the person who tried."""
    fix = fix_for(error.reason, adapter.label)
    assert fix is not None  # every Reason has an entry (tested)
    return f"{fix.sentence} {error.detail} Nothing was changed here."


def run_test(request: HttpRequest, linked: LinkedAccount) -> TestReading:
    """What **Test Account** does."""
    reading = linked_account_test(linked)
    note_down(request, linked, "test", result=reading.title)
    return reading


def run_all_tests(request: TenantRequest) -> tuple[list[TestReading], int]:
    """Test every linked account, the longest untested first.

    Stops beginning new ones after TEST_ALL_SECONDS, so that the page comes back while
    a provider hangs. Returns the readings and how many accounts were left out.
    """
    found: Sequence[LinkedAccount] = [
        linked
        for linked in LinkedAccount.objects.for_account(request.account).filter(
            removed_at=None
        )
        if linked.provider in ADAPTERS
    ]
    queue = sorted(found, key=lambda linked: linked.tested_at or linked.created_at)
    until = time.monotonic() + TEST_ALL_SECONDS
    readings: list[TestReading] = []
    for linked in queue:
        if readings and time.monotonic() > until:
            break
        readings.append(run_test(request, linked))
    return readings, len(queue) - len(readings)


def change_part(
    request: HttpRequest, linked: LinkedAccount, part: SubAccount
) -> TestReading:
    """Another client, folder or site of the same account, tested at once."""
    before = (linked.sub_account or {}).get("label", "")
    sub_accounts.change(linked, part)
    note_down(request, linked, "sub_account", before=before, after=part.label)
    return run_test(request, linked)


def rename(request: HttpRequest, linked: LinkedAccount, label: str) -> None:
    """Another name for people to tell the account by."""
    before = linked.label
    linked.label = label
    linked.save(update_fields=["label"])
    note_down(request, linked, "rename", before=before)
