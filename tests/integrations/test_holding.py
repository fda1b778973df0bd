"""What admins are told when an account breaks and when it works again."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import mail

from contactsync.lib.clock import now
from contactsync.lib.ids import uuid7
from contactsync.tenancy.models import Account
from displays.models import Display
from integrations import outbox
from integrations.holding import account_break, account_mend
from integrations.models import Delivery, LinkedAccount, State, Target
from tests.integrations.world import delivery, rule_to

pytestmark = pytest.mark.django_db


@pytest.fixture
def in_small_pieces(monkeypatch: Any) -> None:
    """What a request has time for is two rows."""
    monkeypatch.setattr(outbox, "PIECE", 2)
    monkeypatch.setattr(outbox, "PIECES_SECONDS", -1.0)


def told() -> str:
    return str(mail.outbox[-1].body).splitlines()[0]


def test_the_mail_counts_everybody_and_not_the_first_pieces(
    linked: LinkedAccount, display: Display, in_small_pieces: None
) -> None:
    """Some are held, some were not come to yet; one waits for two rules."""
    one, two = (rule_to(display, linked, audience_id=name) for name in ("one", "two"))
    for number in range(6):
        delivery(one, email=f"p{number}@example.org")
    both = uuid7()
    for rule in (one, two):
        delivery(rule, email="both@example.org", contact_id=both)
    account_break(linked, "auth.revoked", "Refused.")
    assert "7 contacts wait" in str(mail.outbox[-1].body)
    assert Delivery.objects.filter(state=State.HELD).count() == 2
    account_mend(linked)
    assert told() == "7 contacts that waited are being sent now."


def test_who_waits_for_something_else_is_not_counted(
    linked: LinkedAccount, display: Display
) -> None:
    for name in ("gone", "there"):
        delivery(
            rule_to(display, linked, audience_id=name), email=f"{name}@example.org"
        )
    account_break(linked, "auth.revoked", "Refused.")
    Target.objects.filter(audience_id="gone").update(held_reason="target.missing")
    account_mend(linked)
    assert told() == "1 contact that waited is being sent now."


def test_nobody_waited(linked: LinkedAccount, display: Display) -> None:
    account_break(linked, "auth.revoked", "Refused.")
    account_mend(linked)
    assert told() == "No contact had to wait."


def test_a_suspended_account_is_not_promised_anything(
    linked: LinkedAccount, display: Display, acme: Account
) -> None:
    delivery(rule_to(display, linked), email="mira@example.org")
    account_break(linked, "auth.revoked", "Refused.")
    Account.objects.update(suspended_at=now())
    linked.refresh_from_db()
    account_mend(linked)
    assert told() == "1 contact waits until the suspension of your account ends."
