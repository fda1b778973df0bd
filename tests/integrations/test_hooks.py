"""Webhooks that providers call: who is let in, and what a call leaves behind."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from django.db import connection
from django.test import Client

from contacts.models import Suppression
from contactsync.lib.clock import now
from integrations import flow_back, hook_views, hooks
from integrations.adapters import ADAPTERS
from integrations.adapters.base import Incoming
from integrations.adapters.errors import (
    RejectedError,
    ScopeError,
    TransientError,
)
from integrations.models import LinkedAccount
from tests.integrations.flow_back_world import HOUR, MIRA, kinds, standing
from tests.integrations.scripted import Scripted
from tests.integrations.world import rule_to

pytestmark = pytest.mark.django_db


def path_of(linked: LinkedAccount) -> str:
    return urlsplit(hooks.hook_url(linked)).path


def left(email: str = MIRA, at: str = "2026-11-20 10:00:00") -> str:
    """A call as Mailchimp makes it."""
    return urlencode(
        {
            "type": "unsubscribe",
            "fired_at": at,
            "data[email]": email,
            "data[list_id]": "a6b5da1054",
            "data[reason]": "manual",
        }
    )


def post(linked: LinkedAccount, body: str | None = None, path: str = "") -> Any:
    return Client(enforce_csrf_checks=True).post(
        path or path_of(linked),
        left() if body is None else body,
        content_type="application/x-www-form-urlencoded",
    )


def test_a_call_is_applied_and_noted(linked, mira) -> None:
    assert post(linked).status_code == 200
    assert standing() == [(MIRA, "person")]
    assert Suppression.objects.get().left_at.isoformat().startswith("2026-11-20T10:00")
    linked.refresh_from_db()
    assert linked.hooks["heard"] == 1
    assert linked.hooks["heard_at"]


def test_providers_may_look_first_whether_anybody_is_there(linked) -> None:
    client = Client()
    assert client.get(path_of(linked)).status_code == 200
    assert client.head(path_of(linked)).status_code == 200
    assert client.put(path_of(linked)).status_code == 405


def test_strangers_find_nothing(linked, other, mira, caplog) -> None:
    path = path_of(linked)
    theirs = LinkedAccount.objects.create(
        account=other, provider="mailchimp", label="x", sealed=linked.sealed
    )
    wrong = [
        path[:-2] + ("A/" if path[-2] != "A" else "B/"),
        path.replace("mailchimp", "klaviyo"),
        path.replace("mailchimp", "nobody"),
        path.replace(str(linked.pk), str(theirs.pk)),
        path.replace(str(linked.pk), "00000000-0000-7000-8000-000000000000"),
    ]
    with caplog.at_level(logging.DEBUG):
        answers = {post(linked, path=each).status_code for each in wrong}
        answers |= {Client().get(each).status_code for each in wrong}
    assert answers == {404}
    assert standing() == []


def test_an_unlinked_account_is_called_in_vain(linked, mira) -> None:
    LinkedAccount.objects.update(removed_at=now(), sealed="")
    assert post(linked).status_code == 404
    assert standing() == []


def test_a_paused_or_broken_account_still_hears_who_leaves(linked, mira) -> None:
    LinkedAccount.objects.update(status="broken", reason="auth.revoked")
    assert post(linked).status_code == 200
    assert standing() == [(MIRA, "person")]


def test_a_replaced_secret_key_still_opens_old_addresses(
    linked, mira, settings
) -> None:
    path = path_of(linked)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another one"
    assert path_of(linked) != path
    assert post(linked, path=path).status_code == 200
    settings.SECRET_KEY_FALLBACKS = []
    assert post(linked, path=path).status_code == 404


def test_a_body_without_end_is_not_read(linked, mira) -> None:
    assert post(linked, left() + "&x=" * hook_views.MAX_BYTES).status_code == 413
    assert standing() == []


def test_a_flood_of_calls_is_asked_to_wait(linked, monkeypatch) -> None:
    monkeypatch.setattr(hook_views, "RATE", "2/min")
    answers = [post(linked) for _ in range(3)]
    assert [each.status_code for each in answers] == [200, 200, 429]
    assert int(answers[-1]["Retry-After"]) > 0


def test_the_provider_signs_with_its_secret_where_it_has_one(
    acme, linked, mira
) -> None:
    kit = LinkedAccount(account=acme, provider="kit", label="Kit")
    kit.set_credentials({"api_key": "k", "webhook_secret": "theirs"})
    kit.save()
    answer = Client().post(path_of(kit), b"{}", content_type="application/json")
    assert answer.status_code == 401, "our address alone is not enough"
    assert answer.content == b""


class Hooked(Scripted):
    """A provider whose message the test decides about."""

    error: Exception | None = None

    def webhook(self, request: Incoming) -> list[Any]:
        if self.error:
            raise self.error
        return []


@pytest.mark.parametrize(
    "error, status",
    [
        (TransientError("busy", status=503), 503),
        (ScopeError("may not read", status=403), 503),
        (RejectedError("not readable", status=400), 503),
        (RejectedError("no webhook"), 400),
        (ZeroDivisionError("ours: not for strangers"), 500),
    ],
)
def test_only_what_can_never_be_understood_is_not_repeated(
    linked, monkeypatch, caplog, error, status
) -> None:
    monkeypatch.setattr(Hooked, "error", error)
    monkeypatch.setitem(ADAPTERS, "mailchimp", Hooked)
    with caplog.at_level(logging.DEBUG):
        answer = post(linked)
    assert answer.status_code == status
    assert answer.content == b""
    assert hooks.token_of(linked) not in caplog.text
    assert ("Retry-After" in answer) == (status == 503)


def test_our_bug_leaves_nothing_half_done(linked, mira, monkeypatch) -> None:
    def broken(*_: Any, **__: Any) -> int:
        raise RuntimeError("out of order")

    with monkeypatch.context() as patch:
        patch.setattr(flow_back.outbox, "move_rows", broken)
        assert post(linked).status_code == 500
    assert (standing(), kinds(mira)) == ([], [])
    assert post(linked).status_code == 200, "the provider repeats it"
    assert standing() == [(MIRA, "person")]


# --- registering ------------------------------------------------------------------


class Registers(Scripted):
    """A provider that takes webhooks, for the whole account unless a test says so."""

    asked: list[tuple[str, str]]
    error: Exception | None = None

    def webhook(self, request: Incoming) -> list[Any]:
        return []

    def add_webhook(self, url: str, audience_id: str) -> dict[str, str]:
        type(self).asked.append((url, audience_id))
        if self.error:
            raise self.error
        return {"webhook_id": "77", "webhook_secret": "made by the provider"}


@pytest.fixture
def registers(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[Any]:
    class Fresh(Registers):
        asked: list[tuple[str, str]] = []

    settings.BASE_URL = "https://contacts.acme.test"
    monkeypatch.setitem(ADAPTERS, "mailchimp", Fresh)
    yield Fresh


def test_nothing_is_registered_before_a_rule_needs_it(
    linked, display, registers
) -> None:
    assert hooks.due_linked_accounts() == []
    rule_to(display, linked)
    assert hooks.due_linked_accounts() == [linked.pk]


def test_registered_once_for_the_whole_account(linked, display, registers) -> None:
    rule_to(display, linked, audience_id="one")
    rule_to(display, linked, audience_id="two")
    assert hooks.register(linked.pk) == 1
    assert registers.asked == [(hooks.hook_url(linked), "one")]
    assert hooks.due_linked_accounts() == []
    assert hooks.register(linked.pk) == 0
    linked.refresh_from_db()
    assert linked.hooks["audiences"][""]["id"] == "77"
    assert linked.get_credentials()["webhook_secret"] == "made by the provider"
    assert "made by" not in str(linked.hooks)


def test_registered_for_each_audience_where_that_is_so(
    linked, display, registers, monkeypatch
) -> None:
    monkeypatch.setattr(registers, "hook_scope", "audience")
    rule_to(display, linked, audience_id="one")
    assert hooks.register(linked.pk) == 1
    rule_to(display, linked, audience_id="two")
    assert hooks.register(linked.pk) == 1
    assert [audience for _, audience in registers.asked] == ["one", "two"]


def test_a_new_address_is_registered_anew(linked, display, registers, settings) -> None:
    rule_to(display, linked)
    hooks.register(linked.pk)
    settings.BASE_URL = "https://elsewhere.acme.test"
    assert hooks.due_linked_accounts() == [linked.pk]
    assert hooks.register(linked.pk) == 1


def test_one_that_ends_by_itself_is_added_again_in_time(
    linked, display, registers, monkeypatch
) -> None:
    monkeypatch.setattr(registers, "hook_lifetime", 7 * 24 * 3600.0)
    rule_to(display, linked)
    hooks.register(linked.pk)
    aged(linked, 60 * HOUR)
    assert hooks.due_linked_accounts() == []
    aged(linked, 90 * HOUR)
    assert hooks.due_linked_accounts() == [linked.pk]
    monkeypatch.setattr(registers, "error", TransientError("not now"))
    assert hooks.register(linked.pk) == 0
    linked.refresh_from_db()
    entry = linked.hooks["audiences"][""]
    assert (entry["error"], entry["id"]) == ("not now", "77"), "can still be removed"
    entry["again"] = (now() - HOUR).isoformat()
    linked.save()
    monkeypatch.setattr(registers, "error", None)
    assert hooks.register(linked.pk) == 1
    assert len(registers.asked) == 3
    assert hooks.due_linked_accounts() == []


def aged(linked: LinkedAccount, age: timedelta) -> None:
    """Makes the webhook for the whole account one of that age."""
    linked.refresh_from_db()
    linked.hooks["audiences"][""]["at"] = (now() - age).isoformat()
    linked.save()


def test_what_fails_is_tried_again_ever_less_often(
    linked, display, registers, monkeypatch
) -> None:
    monkeypatch.setattr(registers, "error", ScopeError("may not", status=403))
    rule_to(display, linked)
    assert hooks.register(linked.pk) == 0
    linked.refresh_from_db()
    assert linked.status == "connected", "deliveries do not depend on it"
    entry = linked.hooks["audiences"][""]
    assert (entry["error"], entry["reason"]) == ("may not", "permission.scope")
    assert hooks.due_linked_accounts() == []
    entry["again"] = (now() - HOUR).isoformat()
    linked.save()
    assert hooks.due_linked_accounts() == [linked.pk]
    hooks.register(linked.pk)
    linked.refresh_from_db()
    assert linked.hooks["audiences"][""]["tries"] == 2


def test_nobody_is_asked_to_call_a_machine_that_cannot_be_reached(
    linked, display, registers, settings
) -> None:
    settings.BASE_URL = "http://127.0.0.1:8000"
    rule_to(display, linked)
    assert hooks.due_linked_accounts() == []
    assert hooks.register(linked.pk) == 0
    assert registers.asked == []


def test_the_app_that_signs_has_the_apps_secret(acme, settings) -> None:
    settings.OAUTH_APPS = {"aweber": {"client_id": "i", "client_secret": "the app's"}}
    aweber = LinkedAccount(account=acme, provider="aweber", label="A")
    assert hooks.fallback_secret(aweber) == "the app's"


# --- on PostgreSQL ----------------------------------------------------------------


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_one_worker_registers(linked, display, registers, monkeypatch) -> None:
    rule_to(display, linked)
    begun = threading.Event()
    ask = registers.add_webhook

    def slow(self: Any, url: str, audience_id: str) -> dict[str, str]:
        begun.wait(1)
        return ask(self, url, audience_id)  # type: ignore[no-any-return]

    monkeypatch.setattr(registers, "add_webhook", slow)

    def work(_: int) -> int:
        try:
            return hooks.register(linked.pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(work, range(4))) == 1
    assert len(registers.asked) == 1


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_the_same_message_many_times_at_once_is_one(linked, mira) -> None:
    def work(_: int) -> int:
        try:
            return int(post(linked).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(work, range(6))) == {200}
    assert standing() == [(MIRA, "person")]
    assert kinds(mira).count("suppression.added") == 1
    assert kinds(mira).count("provider.left") == 1
