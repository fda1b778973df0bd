"""Suspended and cleared, end to end: signups by the API, a reviewer in the browser's
place, the workers' tasks, and the provider's own books in the sandbox."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.db.models import Sum
from django.test import Client
from django.urls import reverse

from activity.staff.views import releaser
from activity.tasks import release_held, watch_deliverability
from contactsync.tenancy.models import Account, User
from contactsync.tenancy.services import IssuedKey
from contactsync.tenancy.suspension import open_suspension
from displays.models import Display
from integrations import outbox
from integrations.drain import drain
from integrations.models import Attempt, Delivery, LinkedAccount
from integrations.sandbox.testing import RunningSandbox, running_sandbox
from integrations.services import linked_account_create
from integrations.waker import waker
from tests.activity import factories as make
from tests.activity.population import bad
from tests.contactsync.api.client import Api

pytestmark = pytest.mark.django_db(transaction=True)

ClientOf = Callable[[User], Client]
NEWSLETTER = "a6b5da1054"
PEOPLE = [f"{name}@gmail.com" for name in ("mira.okafor", "omar.haddad", "wanda.kerr")]


@pytest.fixture(autouse=True)
def no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waker, "wake", lambda ids: None)
    monkeypatch.setattr(releaser, "wake", lambda ids: None)


def sign_up(api: Api, display: Display, email: str) -> str:
    body = {
        "display": str(display.pk),
        "email": email,
        "fields": {"first_name": "Mira"},
        "consent": {"given": True, "text": "Email me"},
    }
    answer = api.post("signups", body)
    assert (answer.status_code, answer.json()["status"]) == (202, "accepted")
    made: str = answer.json()["id"]
    return made


def arrived(sandbox: RunningSandbox) -> Counter[str]:
    """Our people in the provider's books, and how often."""
    emails = (member["email"] for member in sandbox.members())
    return Counter(email for email in emails if email in PEOPLE)


def test_t22_signups_wait_while_suspended_and_all_arrive_once_when_cleared(
    acme: Account,
    alice: User,
    display: Display,
    secret_key: IssuedKey,
    client_of: ClientOf,
    settings: Any,
) -> None:
    rita = User.objects.create_user("rita@host.test", "x" * 12, is_staff=True)
    with running_sandbox() as sandbox:
        settings.PROVIDER_URLS = {"mailchimp": sandbox.base_url("mailchimp")}
        linked = linked_account_create(
            account=acme,
            provider="mailchimp",
            label="Acme Store",
            credentials={"api_key": "0123456789abcdef-us21"},
            by=alice,
        )
        make.rule(display, linked, audience_id=NEWSLETTER)
        bad(linked)
        assert watch_deliverability() == 1

        api = Api(secret_key.text)
        signups = [sign_up(api, display, email) for email in PEOPLE]
        for _ in range(3):  # whatever wakes the workers meanwhile
            drain(linked.pk)
            outbox.release()
        ours = Delivery.objects.filter(signup_id__in=signups)
        assert set(ours.values_list("state", "reason")) == {("held", "held.suspended")}
        retried = api.post(f"deliveries/{ours.first().pk}/retry")
        assert retried.status_code < 500
        drain(linked.pk)
        assert not arrived(sandbox)

        suspension = open_suspension(acme)
        assert suspension is not None
        answer = client_of(rita).post(
            reverse("staff_decide", args=[suspension.pk]),
            {"decision": "cleared", "reason": "One bad file."},
        )
        assert answer.status_code == 302
        release_and_drain_at_once(acme, linked)

        assert set(ours.values_list("state", "reason")) == {("synced", "")}
        assert arrived(sandbox) == dict.fromkeys(PEOPLE, 1)
        assert {row.attempts for row in ours} == {1}
        sent = Attempt.objects.aggregate(contacts=Sum("contacts"))["contacts"]
        assert sent == len(PEOPLE)
        for signup in signups:
            (delivery,) = api.get(f"signups/{signup}").json()["deliveries"]
            assert delivery["state"] == "synced"
        assert api.get("ledger").json()["unexplained"] == 0
        assert watch_deliverability() == 0


def release_and_drain_at_once(acme: Account, linked: LinkedAccount) -> None:
    """The wake-up of the clearing, the sweep and two drains; together if they can."""

    def closing(work: Callable[[], object]) -> None:
        try:
            work()
        finally:
            connection.close()

    jobs: list[Callable[[], object]] = [
        lambda: release_held(str(acme.pk)),
        outbox.release,
        lambda: drain(linked.pk),
        lambda: drain(linked.pk),
    ]
    if connection.vendor == "postgresql":
        with ThreadPoolExecutor(len(jobs)) as pool:
            list(pool.map(closing, jobs))
    else:  # the tests' SQLite is one connection's memory
        for job in jobs:
            job()
    drain(linked.pk)
