"""Tokens that nobody uses are renewed once a day."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from contactsync.lib.clock import now
from contactsync.tenancy.models import Account
from integrations import oauth_daily, tasks
from integrations.models import LinkedAccount
from integrations.services import linked_account_create, linked_account_unlink
from tests.integrations.oauth_steps import signed_in
from tests.integrations.oauth_world import FakeProvider

pytestmark = pytest.mark.django_db


@pytest.fixture
def linked(acme: Account, plane: FakeProvider) -> LinkedAccount:
    return signed_in(acme, plane)


def token_of(linked: LinkedAccount) -> str:
    linked.refresh_from_db()
    return linked.get_credentials()["access_token"]


def idle_for(linked: LinkedAccount, hours: float) -> None:
    LinkedAccount.objects.filter(pk=linked.pk).update(
        refreshed_at=now() - timedelta(hours=hours), token_expires_at=None
    )


def test_idle_tokens_are_renewed_daily(
    linked: LinkedAccount, plane: FakeProvider
) -> None:
    assert oauth_daily.idle_linked_accounts() == []
    idle_for(linked, 23)
    assert oauth_daily.idle_linked_accounts() == []
    idle_for(linked, 25)
    assert oauth_daily.idle_linked_accounts() == [linked.pk]
    before = token_of(linked)
    assert tasks.refresh_tokens_of(str(linked.pk))
    assert token_of(linked) != before
    assert oauth_daily.idle_linked_accounts() == []


def test_who_is_renewed_daily(
    linked: LinkedAccount, plane: FakeProvider, acme: Account
) -> None:
    by_key = linked_account_create(
        account=acme, provider="paperplane", label="", credentials={"api_key": "k-k-k"}
    )
    gone = signed_in(acme, plane)
    dead = signed_in(acme, plane)
    lacks = signed_in(acme, plane)
    paused = signed_in(acme, plane)
    for each in (linked, gone, dead, lacks, paused):
        idle_for(each, 30)
    linked_account_unlink(gone)
    known = LinkedAccount.objects
    known.filter(pk=dead.pk).update(status="broken", reason="auth.revoked")
    known.filter(pk=lacks.pk).update(status="broken", reason="permission.scope")
    known.filter(pk=paused.pk).update(status="paused", reason="held.paused")
    found = set(oauth_daily.idle_linked_accounts())
    assert found == {linked.pk, lacks.pk, paused.pk}
    assert not oauth_daily.renew_idle(by_key.pk)
    assert not oauth_daily.renew_idle(gone.pk)


def test_a_revoked_idle_token_is_noticed_before_the_next_signup(
    linked: LinkedAccount, plane: FakeProvider, mailoutbox: Any
) -> None:
    idle_for(linked, 25)
    plane.revoke()
    assert not oauth_daily.renew_idle(linked.pk)
    linked.refresh_from_db()
    assert linked.status == "broken" and len(mailoutbox) == 1


def test_an_outage_leaves_an_idle_token_for_the_next_round(
    linked: LinkedAccount, plane: FakeProvider, mailoutbox: Any
) -> None:
    idle_for(linked, 25)
    plane.token_fault = (503, "")
    assert not oauth_daily.renew_idle(linked.pk)
    linked.refresh_from_db()
    assert linked.status == "connected" and not mailoutbox
    assert oauth_daily.idle_linked_accounts() == [linked.pk]
