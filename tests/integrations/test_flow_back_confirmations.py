"""Who confirmed at the provider: what is written down, and what confirms nothing."""

from __future__ import annotations

from typing import Any

import pytest

from contacts.models import Consent, Contact
from contacts.suppressions import suppress
from contactsync.lib.clock import now
from displays.models import Display
from integrations import opt_ins
from integrations.adapters.base import Subscription
from integrations.models import LinkedAccount
from tests.integrations.flow_back_world import (
    HOUR,
    MIRA,
    standing,
    state,
    told,
    waiting,
)

pytestmark = pytest.mark.django_db


def asked(display: Display, linked: LinkedAccount, mira: Contact, by: str) -> Any:
    return waiting(
        display,
        linked,
        mira,
        state="awaiting_opt_in",
        asked_by=by,
        changed_at=now() - HOUR,
    )


def test_a_confirmation_at_the_provider_is_written_down_and_lifts(
    acme, display, linked, mira
) -> None:
    row = asked(display, linked, mira, "provider")
    left_at = now() - 2 * HOUR
    suppress(account_id=acme.pk, email=MIRA, actor="person", left_at=left_at)
    assert told(linked, "subscribed").ended == 1
    assert state(row) == ("synced", "")
    consent = Consent.objects.get(contact_id=mira.pk)
    assert (consent.how, consent.signup_id) == ("provider", row.signup_id)
    assert standing() == []
    told(linked, "subscribed")
    assert Consent.objects.count() == 1


def test_a_confirmation_from_before_the_asking_is_none(display, linked, mira) -> None:
    row = asked(display, linked, mira, "provider")
    assert told(linked, "subscribed", at=now() - 2 * HOUR).ended == 0
    assert told(linked, "unsubscribed", at=now() - 2 * HOUR).ended == 0
    assert state(row) == ("awaiting_opt_in", "")


def test_who_leaves_instead_of_confirming_is_rejected(display, linked, mira) -> None:
    row = asked(display, linked, mira, "provider")
    assert told(linked, "unsubscribed").ended == 1
    assert state(row) == ("rejected", "consent.unsubscribed")


def test_whom_we_asked_ourselves_no_provider_confirms(display, linked, mira) -> None:
    row = asked(display, linked, mira, "us")
    assert told(linked, "subscribed").ended == 0
    assert opt_ins.due_linked_accounts() == []
    assert opt_ins.check(linked.pk, contact_id=mira.pk) == 0
    told(linked, "unsubscribed")
    assert state(row) == ("awaiting_opt_in", ""), "their own way back stays open"


def test_another_audiences_news_confirm_nothing(display, linked, mira) -> None:
    row = asked(display, linked, mira, "provider")
    assert told(linked, "subscribed", audience_id="another").ended == 0
    assert state(row) == ("awaiting_opt_in", "")


def test_looking_writes_the_consent_too(display, linked, mira) -> None:
    row = asked(display, linked, mira, "provider")
    found = Subscription(email=MIRA, status="subscribed")
    assert opt_ins.conclude([row], [found]) == 1
    consent = Consent.objects.get(contact_id=mira.pk)
    assert consent.how == "provider"
    assert consent.at == row.changed_at, "after they were asked: no more is known"
    mira.refresh_from_db()
    assert mira.confirmed_at == row.changed_at
