"""Linking, reconnecting and testing as a person does it: in one go, on record."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from django.http import HttpRequest

from contactsync.tenancy.access import TenantRequest
from contactsync.tenancy.services import audit
from integrations.adapters import ADAPTERS
from integrations.models import LinkedAccount
from integrations.services import (
    TestReading,
    linked_account_create,
    linked_account_reconnect,
    linked_account_test,
)

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


def link(
    request: TenantRequest,
    *,
    provider: str,
    label: str,
    environment: str,
    credentials: Mapping[str, str],
) -> tuple[LinkedAccount, TestReading]:
    """Link and test at once.

    Raises UnknownProviderError, MissingCredentialError.
    """
    linked = linked_account_create(
        account=request.account,
        provider=provider,
        label=label,
        credentials=credentials,
        environment=environment,
        by=request.user,
    )
    note_down(request, linked, "link", environment=environment)
    return linked, run_test(request, linked)


def reconnect(
    request: HttpRequest, linked: LinkedAccount, credentials: Mapping[str, str]
) -> TestReading:
    """New credentials, tested at once: a success sends what waited.

    Raises MissingCredentialError.
    """
    linked_account_reconnect(linked=linked, credentials=credentials)
    note_down(request, linked, "reconnect")
    return run_test(request, linked)


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


def rename(request: HttpRequest, linked: LinkedAccount, label: str) -> None:
    """Another name for people to tell the account by."""
    before = linked.label
    linked.label = label
    linked.save(update_fields=["label"])
    note_down(request, linked, "rename", before=before)
