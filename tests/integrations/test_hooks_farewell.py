"""Unlinking takes our webhooks away at the provider; then the tokens go back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from django.db import connection

from contactsync.lib.clock import now
from contactsync.tenancy.models import AuditEntry
from integrations import flow_back_tasks, hooks, hooks_farewell
from integrations.adapters import ADAPTERS
from integrations.adapters.base import Incoming
from integrations.adapters.errors import (
    CredentialsError,
    ScopeError,
    TargetError,
    TransientError,
)
from integrations.models import LinkedAccount
from integrations.services import farewell_waker, linked_account_unlink
from tests.integrations.oauth_steps import signed_in
from tests.integrations.oauth_world import Paperplane
from tests.integrations.scripted import Scripted
from tests.integrations.world import rule_to

pytestmark = pytest.mark.django_db


class Leaves(Scripted):
    """A provider that takes webhooks and takes them away again."""

    made: ClassVar[list[str]]
    asked: ClassVar[list[tuple[str, str]]]
    errors: ClassVar[dict[str, Exception]]
    ids: ClassVar[str] = "77"

    def webhook(self, request: Incoming) -> list[Any]:
        return []

    def add_webhook(self, url: str, audience_id: str) -> dict[str, str]:
        type(self).made.append(url)
        return {"webhook_id": self.ids, "webhook_secret": "made by the provider"}

    def remove_webhook(self, webhook_id: str, audience_id: str) -> None:
        type(self).asked.append((webhook_id, audience_id))
        if error := type(self).errors.get(webhook_id):
            raise error


@pytest.fixture
def leaves(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[Any]:
    class Fresh(Leaves):
        made: ClassVar[list[str]] = []
        asked: ClassVar[list[tuple[str, str]]] = []
        errors: ClassVar[dict[str, Exception]] = {}

    settings.BASE_URL = "https://contacts.acme.test"
    monkeypatch.setitem(ADAPTERS, "mailchimp", Fresh)
    yield Fresh


def registered(linked: LinkedAccount, display: Any, *audiences: str) -> LinkedAccount:
    for audience in audiences or ("one",):
        rule_to(display, linked, audience_id=audience)
    hooks.register(linked.pk)
    linked.refresh_from_db()
    return linked


def stored(linked: LinkedAccount) -> LinkedAccount:
    return LinkedAccount.objects.get(pk=linked.pk)


def on_record() -> list[dict[str, Any]]:
    entries = AuditEntry.objects.filter(action="linked_account.webhooks_removed")
    return [
        {name: entry.detail[name] for name in ("removed", "left", "why")}
        for entry in entries
    ]


def later(linked: LinkedAccount, **passed: float) -> None:
    """Some time passes."""
    with hooks.hooks_of(linked.pk) as known:
        for name in ("claim", "until"):
            said = known["farewell"]
            if name in said:
                moment = now().fromisoformat(said[name]) - timedelta(**passed)
                said[name] = moment.isoformat()


def test_the_webhook_is_removed_in_the_background(linked, display, leaves) -> None:
    registered(linked, display)
    linked_account_unlink(linked)
    assert leaves.asked == [], "nobody waits for the provider"
    assert hooks_farewell.due_linked_accounts() == [linked.pk]
    assert hooks_farewell.say(linked.pk)
    assert leaves.asked == [("77", "")]
    assert on_record() == [{"removed": 1, "left": 0, "why": ""}]
    assert hooks_farewell.due_linked_accounts() == []
    assert not hooks_farewell.say(linked.pk), "once"
    assert len(leaves.asked) == 1


def test_one_for_each_audience_and_each_id(
    linked, display, leaves, monkeypatch
) -> None:
    monkeypatch.setattr(leaves, "hook_scope", "audience")
    monkeypatch.setattr(leaves, "ids", "7,8")
    registered(linked, display, "one", "two")
    linked_account_unlink(linked)
    assert hooks_farewell.say(linked.pk)
    assert leaves.asked == [("7", "one"), ("8", "one"), ("7", "two"), ("8", "two")]
    assert on_record()[0]["removed"] == 4


def test_credentials_are_kept_only_where_there_is_something_to_say(
    linked, display, leaves
) -> None:
    linked_account_unlink(linked)
    row = stored(linked)
    assert (row.sealed, row.hooks) == ("", {})


def test_credentials_are_forgotten_once_it_is_said(linked, display, leaves) -> None:
    registered(linked, display)
    linked_account_unlink(linked)
    row = stored(linked)
    assert row.sealed == ""
    assert row.hooks["farewell"]["sealed"].startswith("v1.")
    assert "made by" not in str(row.hooks)
    hooks_farewell.say(linked.pk)
    assert "farewell" not in stored(linked).hooks
    assert stored(linked).sealed == ""


def test_what_is_gone_already_is_well(linked, display, leaves) -> None:
    leaves.errors["77"] = TargetError("not there", status=404)
    registered(linked, display)
    linked_account_unlink(linked)
    assert hooks_farewell.say(linked.pk)
    assert on_record() == [{"removed": 1, "left": 0, "why": ""}]


def test_what_fails_for_a_while_is_tried_again(linked, display, leaves) -> None:
    leaves.errors["77"] = TransientError("busy", status=503)
    registered(linked, display)
    linked_account_unlink(linked)
    assert not hooks_farewell.say(linked.pk)
    assert hooks_farewell.due_linked_accounts() == [], "not at once"
    later(linked, minutes=6)
    leaves.errors.clear()
    assert hooks_farewell.due_linked_accounts() == [linked.pk]
    assert hooks_farewell.say(linked.pk)
    assert on_record() == [{"removed": 1, "left": 0, "why": ""}]


def test_after_an_hour_it_is_given_up_and_said_so(linked, display, leaves) -> None:
    leaves.errors["77"] = TransientError("busy", status=503)
    registered(linked, display)
    linked_account_unlink(linked)
    hooks_farewell.say(linked.pk)
    later(linked, minutes=61)
    assert hooks_farewell.say(linked.pk)
    assert on_record() == [{"removed": 0, "left": 1, "why": "busy"}]
    assert "farewell" not in stored(linked).hooks


def test_a_bug_of_ours_keeps_no_credentials_either(linked, display, leaves) -> None:
    leaves.errors["77"] = ZeroDivisionError("ours")
    registered(linked, display)
    linked_account_unlink(linked)
    with pytest.raises(ZeroDivisionError):
        hooks_farewell.say(linked.pk)
    assert "farewell" in stored(linked).hooks, "it is tried again"
    later(linked, minutes=61)
    with pytest.raises(ZeroDivisionError):
        hooks_farewell.say(linked.pk)
    assert "farewell" not in stored(linked).hooks


@pytest.mark.parametrize(
    "error",
    [
        CredentialsError("refused", status=401),
        ScopeError("may not", status=403),
    ],
)
def test_a_refusal_is_not_tried_again(linked, display, leaves, error) -> None:
    leaves.errors["77"] = error
    registered(linked, display)
    linked_account_unlink(linked)
    assert hooks_farewell.say(linked.pk)
    assert on_record() == [{"removed": 0, "left": 1, "why": str(error)}]


def test_where_nobody_can_remove_it_the_record_says_so(
    linked, display, leaves, monkeypatch
) -> None:
    supports = leaves.supports - {"remove_webhook"}
    monkeypatch.setattr(leaves, "supports", supports)
    registered(linked, display)
    linked_account_unlink(linked)
    assert hooks_farewell.say(linked.pk)
    [entry] = on_record()
    assert (entry["removed"], entry["left"]) == (0, 1)
    assert "nobody but you" in entry["why"]


def test_webhooks_of_the_installation_that_this_was_copied_from_stay(
    linked, display, leaves, settings
) -> None:
    registered(linked, display)
    settings.BASE_URL = "https://staging.acme.test"
    linked_account_unlink(linked)
    assert hooks_farewell.due_linked_accounts() == []
    assert leaves.asked == []


def test_a_replaced_secret_key_still_knows_its_own(
    linked, display, leaves, settings
) -> None:
    registered(linked, display)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another one"
    linked_account_unlink(linked)
    assert hooks_farewell.say(linked.pk)
    assert leaves.asked == [("77", "")]


def test_one_that_comes_to_be_while_it_is_unlinked(
    linked, display, leaves, monkeypatch
) -> None:
    """A worker has asked for the webhook when somebody unlinks the account."""
    ask = leaves.add_webhook

    def unlinked_meanwhile(self: Any, url: str, audience_id: str) -> dict[str, str]:
        linked_account_unlink(linked)
        assert hooks_farewell.due_linked_accounts() == [], "it is not there yet"
        return ask(self, url, audience_id)  # type: ignore[no-any-return]

    monkeypatch.setattr(leaves, "add_webhook", unlinked_meanwhile)
    registered(linked, display)
    assert stored(linked).sealed == ""
    assert hooks_farewell.say(linked.pk)
    assert leaves.asked == [("77", "")]


def test_the_sweep_finds_it_when_the_message_is_lost(
    linked, display, leaves, monkeypatch
) -> None:
    registered(linked, display)
    linked_account_unlink(linked)
    sent: list[Any] = []
    monkeypatch.setattr(
        flow_back_tasks.say_farewell,
        "apply_async",
        lambda args, **_: sent.append(args),
    )
    assert flow_back_tasks.register_hooks() == 1
    assert sent == [[str(linked.pk)]]
    assert flow_back_tasks.say_farewell(str(linked.pk))


def test_a_worker_is_woken_at_once(
    linked, display, leaves, monkeypatch, django_capture_on_commit_callbacks
) -> None:
    woken: list[Any] = []
    monkeypatch.setattr(farewell_waker, "wake", woken.extend)
    registered(linked, display)
    with django_capture_on_commit_callbacks(execute=True):
        linked_account_unlink(linked)
    assert woken == [linked.pk]


# --- with tokens --------------------------------------------------------------------


class Hooked(Paperplane):
    def webhook(self, request: Incoming) -> list[Any]:
        return []

    def add_webhook(self, url: str, audience_id: str) -> dict[str, str]:
        self.fetch("GET", "/me")
        return {"webhook_id": "5"}

    def remove_webhook(self, webhook_id: str, audience_id: str) -> None:
        self.fetch("GET", "/lists")


def test_the_token_goes_last_and_is_renewed_for_it(
    acme, display, plane, monkeypatch, settings
) -> None:
    monkeypatch.setitem(ADAPTERS, "paperplane", Hooked)
    settings.BASE_URL = "https://contacts.acme.test"
    linked = registered(signed_in(acme, plane), display)
    linked_account_unlink(linked)
    plane.expire()
    plane.asked.clear()
    assert hooks_farewell.say(linked.pk)
    assert plane.asked == ["GET /lists", "GET /lists"], "refused, renewed, done"
    [(_, form)] = plane.returned
    assert form["token"] in plane.refresh, "the new one"
    assert on_record() == [{"removed": 1, "left": 0, "why": ""}]
    assert stored(linked).sealed == ""


# --- on PostgreSQL ----------------------------------------------------------------


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_one_worker_says_it(linked, display, leaves, monkeypatch) -> None:
    registered(linked, display)
    linked_account_unlink(linked)
    begun = threading.Event()
    remove = leaves.remove_webhook

    def slow(self: Any, webhook_id: str, audience_id: str) -> None:
        begun.wait(1)
        remove(self, webhook_id, audience_id)

    monkeypatch.setattr(leaves, "remove_webhook", slow)

    def work(_: int) -> bool:
        try:
            return hooks_farewell.say(linked.pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(work, range(4))) == 1
    assert len(leaves.asked) == 1
