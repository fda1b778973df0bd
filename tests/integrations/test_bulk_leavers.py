"""Who left at the very account is not brought back by a bulk run, purged there or not,
also where leaving counts for that account alone and no suppression says so."""

from __future__ import annotations

from datetime import timedelta

import pytest

from contacts.models import Contact, Suppression
from contactsync.lib.clock import now
from contactsync.tenancy.models import Account
from displays.models import Display, SyncRule
from integrations.bulk import bulk_plan_create, bulk_start
from integrations.models import BulkRun, Delivery, LinkedAccount
from integrations.sandbox.testing import RunningSandbox
from tests.integrations.bulk_world import (
    FRESH,
    item,
    planned,
    rule_made,
    sent,
    signed_up,
    worked,
)
from tests.integrations.flow_back_world import told

pytestmark = pytest.mark.django_db
GONE = "consent.unsubscribed"


@pytest.fixture
def local(sandbox: RunningSandbox, linked: LinkedAccount) -> LinkedAccount:
    linked.leaving = "here"
    linked.save()
    return linked


def failed(display: Display) -> Delivery:
    signed_up(display, FRESH)
    Delivery.objects.update(state="failed", reason="server")
    return Delivery.objects.get()


def retried(account: Account) -> BulkRun:
    return worked(bulk_plan_create(account=account, kind="retry", what={}))


@pytest.fixture
def rule(display: Display, local: LinkedAccount) -> SyncRule:
    return rule_made(display, local)


def test_a_retry_leaves_them(acme, display, local, rule) -> None:
    row = failed(display)
    told(local, "unsubscribed", email=FRESH)
    assert not Suppression.objects.exists()
    assert retried(acme).plan["skipped"] == {GONE: 1}
    row.refresh_from_db()
    assert row.state == "failed", "a plan changes nothing"


def test_who_leaves_after_the_plan_is_rejected(acme, display, local, rule) -> None:
    row = failed(display)
    run = retried(acme)
    assert run.plan["found"] == {"create": 1}
    told(local, "unsubscribed", email=FRESH)
    bulk_start(run=run, confirm=run.guard.get("count"))
    assert worked(run).progress["kept"] == {GONE: 1}
    row.refresh_from_db()
    assert (row.state, row.reason) == ("rejected", GONE)


def test_a_backfill_leaves_them(display, local, sandbox) -> None:
    signed_up(display, FRESH)
    told(local, "unsubscribed", email=FRESH)
    assert planned(rule_made(display, local)).plan["skipped"] == {GONE: 1}


def test_other_accounts_audiences_and_later_signups_do(
    acme, display, local, rule, sandbox
) -> None:
    failed(display)
    told(local, "unsubscribed", email=FRESH, audience_id="another")
    assert retried(acme).plan["acts"] == 1
    told(local, "unsubscribed", email=FRESH, at=now() - timedelta(days=1))
    assert retried(acme).plan["acts"] == 1, "they signed up after that"


def test_who_came_back_or_confirmed_since_does(acme, display, local, rule) -> None:
    failed(display)
    told(local, "unsubscribed", email=FRESH)
    Contact.objects.update(confirmed_at=now())
    assert retried(acme).plan["acts"] == 1
    Contact.objects.update(confirmed_at=None)
    told(local, "subscribed", email=FRESH)
    run = sent(retried(acme))
    assert item(run, FRESH).outcome == "synced"
