"""Many workers, one rotating refresh token: the provider is asked once, and whoever
needs a token has the new one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection

from contactsync.tenancy.models import Account
from displays.models import Display
from integrations.drain import drain
from integrations.models import Delivery, LinkedAccount
from integrations.oauth_tokens import keep_secrets, renew
from tests.integrations.oauth_steps import signed_in
from tests.integrations.oauth_world import FakeProvider
from tests.integrations.world import delivery, rule_to

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True)]
THREADS = 8


def together(work: Any) -> list[Any]:
    def inner(number: int) -> Any:
        try:
            return work(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(inner, range(THREADS)))


def test_many_workers_renew_once(acme: Account, plane: FakeProvider) -> None:
    linked = signed_in(acme, plane)
    seen = linked.get_credentials()["access_token"]
    plane.expire()
    plane.token_seconds = 0.4

    def work(_: int) -> str:
        mine = LinkedAccount.objects.get(pk=linked.pk)
        renew(mine, seen=seen)
        return mine.get_credentials()["access_token"]

    found = set(together(work))
    assert len(plane.token_calls) == 1
    assert len(found) == 1 and found <= plane.access
    linked.refresh_from_db()
    assert (linked.refresh_claim, linked.refresh_until) == (None, None)


def test_a_token_that_ends_under_many_workers_breaks_nothing(
    acme: Account, plane: FakeProvider, display: Display
) -> None:
    linked = signed_in(acme, plane)
    rule = rule_to(display, linked)
    for n in range(120):
        delivery(rule, email=f"p{n}@example.org")
    plane.expire()
    plane.token_seconds = 0.2
    together(lambda _: drain(linked.pk))
    drain(linked.pk)  # SKIP LOCKED may have let somebody stop early
    assert not Delivery.objects.exclude(state="synced").exists()
    assert len(plane.token_calls) == 1
    sent = [email for batch in plane.sent for email in batch]
    assert len(sent) == len(set(sent)) == 120
    linked.refresh_from_db()
    assert linked.status == "connected"


def test_a_renewal_and_other_writers_of_the_credentials_lose_nothing(
    acme: Account, plane: FakeProvider
) -> None:
    linked = signed_in(acme, plane)
    seen = linked.get_credentials()["access_token"]

    def work(number: int) -> None:
        mine = LinkedAccount.objects.get(pk=linked.pk)
        if number:
            keep_secrets(mine, {f"webhook_{number}": "w"})
        else:
            renew(mine, seen=seen)

    together(work)
    linked.refresh_from_db()
    held = linked.get_credentials()
    assert held["access_token"] != seen
    assert {f"webhook_{n}" for n in range(1, THREADS)} <= set(held)
