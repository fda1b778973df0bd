"""The engine with a provider that takes jobs and hides who has to confirm."""

from __future__ import annotations

from typing import Any

import pytest

from contactsync.lib.clock import now
from contactsync.tenancy.models import Account
from displays.models import Display
from integrations import jobs, opt_ins
from integrations.drain import drain
from integrations.models import Delivery, LinkedAccount
from integrations.sandbox.klaviyo.simulator import NEWSLETTER, VIP
from integrations.sandbox.testing import RunningSandbox
from integrations.services import linked_account_create, linked_account_test
from tests.integrations.scripted import state_of
from tests.integrations.world import delivery, rule_to

pytestmark = pytest.mark.django_db

ALAN = "alan.turing@bletchley.example"  # unsubscribed


@pytest.fixture
def klaviyo(acme: Account, sandbox: RunningSandbox, settings: Any) -> LinkedAccount:
    settings.PROVIDER_URLS = {"klaviyo": sandbox.base_url("klaviyo")}
    linked = linked_account_create(
        account=acme,
        provider="klaviyo",
        label="Acme Store",
        credentials={"api_key": "pk_0123456789abcdef0123456789abcdef01"},
    )
    linked_account_test(linked)
    linked.refresh_from_db()
    return linked


def rows_to(
    display: Display, linked: LinkedAccount, audience: str, *emails: str
) -> list[Delivery]:
    rule = rule_to(
        display, linked, audience_id=audience, mapping={"first_name": "first_name"}
    )
    return [delivery(rule, email=email) for email in emails]


def look_again(rows: list[Delivery]) -> None:
    Delivery.objects.filter(pk__in=[row.pk for row in rows]).update(due=now())


def test_jobs_are_followed_to_their_end(
    klaviyo: LinkedAccount, display: Display, sandbox: RunningSandbox
) -> None:
    emails = ("ann@x.example", "bob@x.example", ALAN)
    rows = rows_to(display, klaviyo, NEWSLETTER, *emails)
    assert drain(klaviyo.pk) == 3
    assert [state_of(row) for row in rows] == [
        ("submitted", ""),
        ("submitted", ""),
        ("rejected", "consent.unsubscribed"),
    ]
    for ended in (0, 2):
        look_again(rows[:2])
        assert jobs.check(klaviyo.pk) == ended
    assert [state_of(row)[0] for row in rows[:2]] == ["synced", "synced"]
    person = sandbox.member("ann@x.example", "klaviyo")
    assert (person["status"], person["fields"]["first_name"]) == ("subscribed", "Mira")


def test_who_has_to_confirm_is_awaited_until_they_do(
    klaviyo: LinkedAccount, display: Display, sandbox: RunningSandbox
) -> None:
    [row] = rows_to(display, klaviyo, VIP, "ann@x.example")
    drain(klaviyo.pk)
    assert state_of(row) == ("awaiting_opt_in", "")
    for confirmed, state in ((False, "awaiting_opt_in"), (True, "synced")):
        if confirmed:
            sandbox.control("POST", "klaviyo/confirm", {"email": "ann@x.example"})
        look_again([row])
        assert opt_ins.check(klaviyo.pk) == int(confirmed)
        assert state_of(row) == (state, "")
