"""Tokens are renewed before they end, once, and what that means for deliveries."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from contactsync.lib.clock import now
from contactsync.tenancy.models import Account
from displays.models import Display
from integrations import oauth, oauth_tokens
from integrations.access import Access
from integrations.adapters.errors import TransientError
from integrations.drain import drain
from integrations.models import Attempt, LinkedAccount
from integrations.oauth_endpoint import TokenEndpoint
from integrations.oauth_tokens import keep_secrets, ready_adapter, renew, store
from integrations.services import (
    audiences_of,
    linked_account_create,
    linked_account_reconnect,
    linked_account_test,
    linked_account_unlink,
)
from tests.integrations.oauth_steps import signed_in
from tests.integrations.oauth_world import FakeProvider, Paperplane
from tests.integrations.scripted import state_of
from tests.integrations.world import delivery, rule_to

pytestmark = pytest.mark.django_db


@pytest.fixture
def linked(acme: Account, plane: FakeProvider) -> LinkedAccount:
    return signed_in(acme, plane)


@pytest.fixture
def row(linked: LinkedAccount, display: Display) -> Any:
    return delivery(rule_to(display, linked), email="mira@example.org")


def ends_in(linked: LinkedAccount, seconds: float) -> None:
    """Make the token one that was made an hour before it ends."""
    ends = now() + timedelta(seconds=seconds)
    LinkedAccount.objects.filter(pk=linked.pk).update(
        token_expires_at=ends, refreshed_at=ends - timedelta(hours=1)
    )
    linked.refresh_from_db()


def token_of(linked: LinkedAccount) -> str:
    linked.refresh_from_db()
    return linked.get_credentials()["access_token"]


def test_a_good_token_is_left_alone(linked: LinkedAccount, plane: FakeProvider) -> None:
    ends_in(linked, 301)
    ready_adapter(linked)
    assert not plane.token_calls


def test_a_token_that_ends_soon_is_renewed_before_it_is_used(
    linked: LinkedAccount, plane: FakeProvider, row: Any
) -> None:
    ends_in(linked, 299)
    before = linked.get_credentials()
    assert drain(linked.pk) == 1
    assert state_of(row) == ("synced", "")
    after = LinkedAccount.objects.get(pk=linked.pk)
    held = after.get_credentials()
    assert held["access_token"] != before["access_token"]
    assert held["refresh_token"] != before["refresh_token"]
    assert after.token_expires_at > now() + timedelta(minutes=55)
    assert (after.refresh_claim, after.refresh_until) == (None, None)
    assert [form["grant_type"] for _, form in plane.token_calls] == ["refresh_token"]
    assert len(plane.asked) == 1, "the old token was not tried"


def test_a_short_life_is_renewed_at_half_of_it(
    linked: LinkedAccount, plane: FakeProvider
) -> None:
    at = timezone.now()
    for ends, renewals in ((70, 0), (50, 1)):
        LinkedAccount.objects.filter(pk=linked.pk).update(
            token_expires_at=at + timedelta(seconds=ends),
            refreshed_at=at - timedelta(seconds=120 - ends),
        )
        linked.refresh_from_db()
        ready_adapter(linked)
        assert len(plane.token_calls) == renewals


def test_a_refused_token_is_renewed_and_the_batch_sent_again_once(
    linked: LinkedAccount, plane: FakeProvider, row: Any
) -> None:
    plane.expire()
    assert drain(linked.pk) == 1
    assert state_of(row) == ("synced", "")
    assert plane.asked == ["POST /people", "POST /people"]
    said = Attempt.objects.get().exchanges
    assert [each["status"] for each in said] == [401, 200]
    assert "-secret" not in str(said)


def test_the_rest_of_the_queue_uses_the_new_token(
    linked: LinkedAccount, plane: FakeProvider, display: Display
) -> None:
    rule = rule_to(display, linked)
    for n in range(25):
        delivery(rule, email=f"p{n}@example.org")
    plane.expire()
    assert drain(linked.pk) == 25
    assert len(plane.asked) == 4 and len(plane.token_calls) == 1


def test_what_is_refused_with_a_new_token_too_is_held(
    linked: LinkedAccount, plane: FakeProvider, row: Any, mailoutbox: Any
) -> None:
    plane.api_fault = (401, {"message": "No."})
    drain(linked.pk)
    assert state_of(row) == ("held", "auth.revoked")
    assert len(plane.asked) == 2 and len(plane.token_calls) == 1
    assert len(mailoutbox) == 1


def test_a_key_that_is_refused_is_not_renewed(
    acme: Account, plane: FakeProvider, display: Display
) -> None:
    by_key = linked_account_create(
        account=acme,
        provider="paperplane",
        label="",
        credentials={"api_key": "no-such-key"},
    )
    row = delivery(rule_to(display, by_key), email="mira@example.org")
    drain(by_key.pk)
    assert state_of(row) == ("held", "auth.revoked")
    assert len(plane.asked) == 1 and not plane.token_calls


def test_a_revoked_grant_holds_what_waits_and_tells_the_admins_once(
    linked: LinkedAccount, plane: FakeProvider, row: Any, mailoutbox: Any
) -> None:
    ends_in(linked, -1)
    plane.revoke()
    for _ in range(3):
        drain(linked.pk)
    assert state_of(row) == ("held", "auth.revoked")
    linked.refresh_from_db()
    assert linked.status == "broken" and "invalid_grant" in linked.detail
    assert [mail.subject for mail in mailoutbox] == [
        "[contactsync] Paperplane · Acme plane needs attention"
    ]
    assert len(plane.token_calls) == 1 and not plane.asked


TRANSIENT = [(503, ""), (429, {"error": "x"}), (200, "no json"), (408, "")]


@pytest.mark.parametrize("fault", TRANSIENT)
def test_a_token_endpoint_in_trouble_lets_what_waits_wait(
    linked: LinkedAccount,
    plane: FakeProvider,
    row: Any,
    mailoutbox: Any,
    fault: tuple[int, object],
) -> None:
    ends_in(linked, -1)
    plane.token_fault = fault
    drain(linked.pk)
    assert state_of(row) == ("pending", "")
    assert row.attempts == 0, "the provider was not asked to take it"
    linked.refresh_from_db()
    assert linked.status == "connected" and linked.not_before > now()
    drain(linked.pk)
    assert len(plane.token_calls) == 1, "and it is not asked again at once"
    plane.token_fault = None
    LinkedAccount.objects.update(not_before=None)
    drain(linked.pk)
    assert state_of(row) == ("synced", "")
    assert not mailoutbox


def test_trouble_in_the_middle_of_a_batch_is_tried_again_later(
    linked: LinkedAccount, plane: FakeProvider, row: Any
) -> None:
    plane.expire()
    plane.token_fault = (503, "")
    drain(linked.pk)
    assert state_of(row) == ("pending", "auth.transient")
    linked.refresh_from_db()
    assert linked.status == "connected"


def test_a_token_endpoint_that_hangs_is_trouble(
    linked: LinkedAccount, plane: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TokenEndpoint, "read_timeout", 0.2)
    plane.token_seconds = 0.6
    with pytest.raises(TransientError) as failure:
        renew(linked, seen=token_of(linked))
    assert failure.value.reason.value == "auth.transient"


def test_trouble_while_the_old_token_is_still_good_stops_nothing(
    linked: LinkedAccount, plane: FakeProvider, row: Any
) -> None:
    ends_in(linked, 120)
    plane.token_fault = (503, "")
    assert drain(linked.pk) == 1
    assert state_of(row) == ("synced", "")


def test_a_removed_app_is_not_the_person_s_fault(
    linked: LinkedAccount, plane: FakeProvider, settings: Any, row: Any
) -> None:
    ends_in(linked, -1)
    settings.OAUTH_APPS = {}
    stand_in, settings.PROVIDER_URLS = settings.PROVIDER_URLS, {}
    drain(linked.pk)
    linked.refresh_from_db()
    assert linked.status == "broken" and "CONTACTSYNC_OAUTH" in linked.detail
    settings.PROVIDER_URLS = stand_in
    assert linked_account_test(linked).ok
    assert state_of(row) == ("pending", "")


def test_test_account_renews_too(linked: LinkedAccount, plane: FakeProvider) -> None:
    plane.expire()
    assert linked_account_test(linked).ok
    assert plane.asked == ["GET /me", "GET /me"]
    plane.expire()
    assert audiences_of(linked)[0].label == "Newsletter"


def test_a_provider_that_keeps_its_refresh_token(
    linked: LinkedAccount, plane: FakeProvider
) -> None:
    plane.rotates = False
    before = linked.get_credentials()
    renew(linked, seen=before["access_token"])
    held = linked.get_credentials()
    assert held["refresh_token"] == before["refresh_token"]
    assert held["access_token"] != before["access_token"]


def test_other_credentials_survive_a_renewal(
    linked: LinkedAccount, plane: FakeProvider
) -> None:
    keep_secrets(linked, {"sub_account": "f1", "webhook_secret": "w"})
    renew(linked, seen=token_of(linked))
    held = linked.get_credentials()
    assert (held["sub_account"], held["webhook_secret"]) == ("f1", "w")


def test_a_renewal_that_a_reconnect_overtook_changes_nothing(
    linked: LinkedAccount, plane: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = token_of(linked)
    mine = plane.issue()
    really = oauth.renewed

    def meanwhile(*given: Any) -> Any:
        tokens = oauth.tokens_of(Paperplane, mine)
        again = LinkedAccount.objects.get(pk=linked.pk)
        linked_account_reconnect(linked=again, credentials=Access.of_tokens(tokens, {}))
        return really(*given)

    monkeypatch.setattr(oauth, "renewed", meanwhile)
    renew(linked, seen=seen)
    assert linked.get_credentials()["access_token"] == mine["access_token"]


def test_a_renewal_that_an_unlinking_overtook_keeps_nothing(
    linked: LinkedAccount, plane: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = token_of(linked)
    really = oauth.renewed

    def meanwhile(*given: Any) -> Any:
        linked_account_unlink(linked)
        return really(*given)

    monkeypatch.setattr(oauth, "renewed", meanwhile)
    renew(linked, seen=seen)
    linked.refresh_from_db()
    assert linked.sealed == "" and linked.token_expires_at is None


def test_only_one_has_the_turn(
    linked: LinkedAccount, plane: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another worker, while ours is at the provider: it waits and never asks."""
    monkeypatch.setattr(oauth_tokens, "WAIT_SECONDS", 0.3)
    seen = token_of(linked)
    really, waited = oauth.renewed, []

    def meanwhile(*given: Any) -> Any:
        with pytest.raises(TransientError):
            renew(LinkedAccount.objects.get(pk=linked.pk), seen=seen)
        waited.append(len(plane.token_calls))
        return really(*given)

    monkeypatch.setattr(oauth, "renewed", meanwhile)
    renew(linked, seen=seen)
    assert waited == [0] and len(plane.token_calls) == 1
    renew(LinkedAccount.objects.get(pk=linked.pk), seen=seen)
    assert len(plane.token_calls) == 1, "who comes later finds the new one"


def test_who_comes_back_after_its_turn_overwrites_nothing(
    linked: LinkedAccount, plane: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our process stood still for so long that another took the turn: the rotating
    token that it used is dead for us, and the account is not taken for revoked."""
    seen = token_of(linked)
    really, others = oauth.renewed, []

    def meanwhile(*given: Any) -> Any:
        monkeypatch.setattr(oauth, "renewed", really)
        LinkedAccount.objects.update(refresh_until=now() - timedelta(seconds=1))
        other = LinkedAccount.objects.get(pk=linked.pk)
        renew(other, seen=seen)
        others.append(other.get_credentials()["access_token"])
        return really(*given)

    monkeypatch.setattr(oauth, "renewed", meanwhile)
    renew(linked, seen=seen)
    assert len(plane.token_calls) == 2
    assert [linked.get_credentials()["access_token"]] == others


def test_an_answer_that_comes_late_is_not_stored(
    linked: LinkedAccount, plane: FakeProvider
) -> None:
    seen = token_of(linked)
    renew(linked, seen=seen)
    late = oauth.tokens_of(Paperplane, plane.issue())
    assert not store(linked.pk, late, seen=seen)
    assert token_of(linked) != late.secrets["access_token"]


def test_what_could_not_be_stored_is_not_used(
    linked: LinkedAccount,
    plane: FakeProvider,
    row: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A process that dies between the answer and the commit. The provider takes the
    refresh token once, so all that is left is to say so."""

    def dies(*given: Any, **more: Any) -> bool:
        raise SystemExit

    ends_in(linked, -1)
    with monkeypatch.context() as death, pytest.raises(SystemExit):
        death.setattr(oauth_tokens, "store", dies)
        drain(linked.pk)
    assert not plane.asked
    assert state_of(row) == ("pending", "")
    LinkedAccount.objects.update(refresh_claim=None, refresh_until=None)
    drain(linked.pk)
    linked.refresh_from_db()
    assert (linked.status, linked.reason) == ("broken", "auth.revoked")
    assert state_of(row) == ("held", "auth.revoked")
