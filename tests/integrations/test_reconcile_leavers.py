"""Comparing the books: who left or was deleted is not missing, and never sent again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from contacts.models import Event
from contactsync.lib.clock import now
from contactsync.tenancy.models import Account
from displays.models import SyncRule
from integrations import reconcile
from integrations.models import Delivery, LinkedAccount
from tests.integrations.flow_back_world import HOUR, standing, state, told
from tests.integrations.test_reconcile import (
    Listing,
    books,
    compared,
    crowd,
    repairs,
    rule,
    synced,
)

__all__ = ["books", "repairs", "rule"]
pytestmark = pytest.mark.django_db
GONE = "gone@example.org"


def said(row: Delivery, linked: LinkedAccount, kind: str, at: datetime) -> None:
    """What the timeline has of it."""
    data: dict[str, Any] = {"linked_account": str(linked.pk), "audience": ""}
    if kind == "delivery.synced":
        data = {"target": str(row.target_id)}
    else:
        status = {"provider.left": "unsubscribed", "provider.deleted": "deleted"}
        data |= {"status": status.get(kind, "subscribed"), "at": at.isoformat()}
    Event.objects.create(
        account_id=row.account_id,
        contact_id=row.contact_id,
        kind=kind,
        data=data,
        at=at,
    )


def test_who_left_this_account_and_was_purged_there_is_not_sent_again(
    acme: Account, repairs: LinkedAccount, rule: SyncRule, books: type[Listing]
) -> None:
    """With "this account only" no suppression keeps them out."""
    LinkedAccount.objects.update(leaving="here")
    repairs.refresh_from_db()
    crowd(acme, rule, books)
    row = synced(acme, rule, GONE)
    assert told(repairs, "unsubscribed", email=GONE, at=now() - HOUR / 2).left == 1
    assert standing() == []

    found = compared(rule)
    assert (found["left"], found["missing"], found["repaired"]) == (1, 0, 0)
    assert state(row) == ("synced", "")


def test_who_leaves_between_the_look_and_the_repair_is_not_sent_again(
    acme: Account,
    repairs: LinkedAccount,
    rule: SyncRule,
    books: type[Listing],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    LinkedAccount.objects.update(leaving="here")
    crowd(acme, rule, books)
    row = synced(acme, rule, GONE)
    really = reconcile.repair

    def later(linked: LinkedAccount, *more: Any) -> None:
        linked.leaving = "here"
        told(linked, "unsubscribed", email=GONE)
        really(linked, *more)

    monkeypatch.setattr(reconcile, "repair", later)
    assert compared(rule)["repaired"] == 0
    assert state(row) == ("synced", "")


def test_who_came_back_is_missing_when_they_are_not_there(
    acme: Account, linked: LinkedAccount, rule: SyncRule, books: type[Listing]
) -> None:
    row = synced(acme, rule, GONE)
    said(row, linked, "provider.left", now() - 2 * HOUR)
    said(row, linked, "provider.returned", now() - HOUR)
    assert compared(rule)["missing"] == 1


def test_who_was_deleted_once_and_sent_since_is_missing_when_lost(
    acme: Account, linked: LinkedAccount, rule: SyncRule, books: type[Listing]
) -> None:
    row = synced(acme, rule, GONE)
    said(row, linked, "provider.deleted", now() - timedelta(days=60))
    said(row, linked, "delivery.synced", now() - timedelta(days=30))
    found = compared(rule)
    assert (found["missing"], found["removed"]) == (1, 0)


def test_archived_people_of_others_are_not_there(
    acme: Account, rule: SyncRule, books: type[Listing]
) -> None:
    crowd(acme, rule, books, 1)
    books.there |= {"old@example.org": "archived", "new@example.org": "subscribed"}
    assert compared(rule)["extra"] == 1
