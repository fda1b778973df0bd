"""A complaint stays one, whatever else the provider says of the person."""

from __future__ import annotations

from datetime import timedelta

import pytest

from contacts.models import Event, Suppression
from contacts.suppressions import Leaving, suppress, suppress_all
from contactsync.lib.clock import now
from contactsync.tenancy.models import Account

pytestmark = pytest.mark.django_db
EMAIL = "mira@example.org"
AT = now() - timedelta(days=1)


def left(actor: str, hours: int) -> Leaving:
    return Leaving(email=EMAIL, actor=actor, left_at=AT + timedelta(hours=hours))


def leave(acme: Account, actor: str, hours: int) -> bool:
    at = AT + timedelta(hours=hours)
    return suppress(account_id=acme.pk, email=EMAIL, actor=actor, left_at=at)


@pytest.mark.parametrize("weaker", ["person", "bounce"])
def test_an_unsubscribe_after_a_complaint_moves_its_time_only(acme, weaker) -> None:
    """Providers tell both of one click on "this is spam"; who complained is never
    asked to confirm."""
    assert leave(acme, "complaint", 0)
    assert not leave(acme, weaker, 1)
    row = Suppression.objects.get()
    assert (row.actor, row.left_at) == ("complaint", AT + timedelta(hours=1))
    assert not Event.objects.filter(kind="suppression.added", data__actor=weaker)


def test_nor_in_one_message(acme) -> None:
    suppress_all(account_id=acme.pk, leavings=[left("complaint", 0), left("person", 1)])
    assert Suppression.objects.get().actor == "complaint"


def test_a_complaint_replaces_an_unsubscribe_even_when_it_is_older(acme) -> None:
    assert leave(acme, "person", 1)
    assert leave(acme, "complaint", 0)
    row = Suppression.objects.get()
    assert (row.actor, row.left_at) == ("complaint", AT + timedelta(hours=1))
