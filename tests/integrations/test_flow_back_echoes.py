"""What looks like our own doing and is not: the person's act counts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from contacts.models import Contact
from contacts.suppressions import suppress
from contactsync.lib.clock import now
from contactsync.tenancy.models import Account
from displays.models import Display
from integrations.models import BulkItem, BulkRun, LinkedAccount
from tests.integrations.flow_back_world import HOUR, MIRA, standing, told
from tests.integrations.world import rule_to

pytestmark = pytest.mark.django_db
DAYS = timedelta(days=3)


@pytest.fixture
def removed(acme: Account, display: Display, linked: LinkedAccount, mira: Contact):
    """An undo took Mira out of the audience a week ago."""
    rule = rule_to(display, linked, audience_id="a")
    run = BulkRun.objects.create(
        account=acme, kind="replay", target=rule.target, ended_at=now() - 2 * DAYS
    )
    item = {"contact_id": mira.pk, "target_id": rule.target_id, "undone": "removed"}
    BulkItem.objects.create(account=acme, run=run, **item)


@pytest.mark.parametrize(
    "status, actor", [("complained", "complaint"), ("bounced", "bounce")]
)
def test_nothing_of_ours_makes_anybody_complain(linked, removed, status, actor) -> None:
    assert told(linked, status, audience_id="a").left == 1
    assert standing() == [(MIRA, actor)]


def test_nor_does_our_merge(acme, linked, mira) -> None:
    suppress(account_id=acme.pk, email=MIRA, actor="merge", left_at=now())
    assert told(linked, "complained").left == 1
    assert standing() == [(MIRA, "complaint")]


def test_who_came_back_over_there_and_leaves_days_later_left_by_themselves(
    linked, removed
) -> None:
    """Nothing of ours was sent since: they subscribed at the provider's own form."""
    assert told(linked, "unsubscribed", audience_id="a", at=now() - DAYS).left == 1
    assert standing() == [(MIRA, "person")]


@pytest.mark.parametrize("at", [None, now() - 2 * DAYS + HOUR])
def test_a_late_echo_is_still_one(linked, removed, at) -> None:
    assert told(linked, "unsubscribed", audience_id="a", at=at).left == 0
    assert standing() == []


def test_a_state_says_nothing_about_when_it_came_to_be(linked, removed) -> None:
    """Providers move its time with any change of the record."""
    state = {"how": "poll", "kind": "upsert", "audience_id": "a"}
    assert told(linked, "unsubscribed", at=now(), **state).left == 0
