"""Several workers at once, and workers that die, on a real PostgreSQL."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import connection

from contacts.models import Consent, Contact, Event
from contactsync.lib.clock import now
from contactsync.tenancy.models import Account
from displays.models import Signup
from displays.store import NewSignup, store_signup
from integrations import outbox
from integrations.drain import drain
from integrations.models import Delivery, Lease, State
from integrations.outbox import Settled
from integrations.sandbox.testing import running_sandbox
from tests.integrations.world import delivery, rule_to

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True)]

THREADS = 8


def together(work: Callable[[int], Any], count: int = THREADS) -> list[Any]:
    """Run ``work`` in threads, each with a connection of its own."""

    def inner(number: int) -> Any:
        try:
            return work(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(inner, range(count)))


def test_a_row_is_claimed_by_one_worker_only(linked, display) -> None:
    rule = rule_to(display, linked)
    made = [delivery(rule, email=f"p{n}@example.org") for n in range(300)]

    def work(_: int) -> list[int]:
        won: list[int] = []
        while rows := outbox.claim(linked.pk, limit=7)[1]:
            won += [row.id for row in rows]
        return won

    wins = Counter(row for won in together(work) for row in won)
    # SKIP LOCKED may let a worker stop early while another still holds rows.
    wins.update(row.id for row in outbox.claim(linked.pk, limit=300)[1])
    assert set(wins) == {row.pk for row in made}
    assert set(wins.values()) == {1}
    attempts = Delivery.objects.values_list("attempts", flat=True)
    assert set(attempts) == {1}


def test_one_contacts_rows_are_never_with_two_workers(linked, display) -> None:
    rule = rule_to(display, linked)
    contacts = [uuid4() for _ in range(5)]
    for n in range(60):
        delivery(rule, contact_id=contacts[n % 5], email=f"c{n % 5}@example.org")

    def work(_: int) -> None:
        for _ in range(200):
            claim_id, rows = outbox.claim(linked.pk, limit=10)
            ids = [row.id for row in rows]
            people = Delivery.objects.filter(pk__in=ids).values("contact_id")
            assert people.distinct().count() == len(ids)
            outbox.settle(claim_id, [Settled(row.id, State.SYNCED) for row in rows])
            if not Delivery.objects.filter(state=State.PENDING).exists():
                return

    together(work)
    assert not Delivery.objects.exclude(state=State.SYNCED).exists()
    for contact in contacts:
        told = Event.objects.filter(contact_id=contact).order_by("id")
        order = [event.delivery_id for event in told]
        assert order == sorted(order) and len(order) == 12


def test_only_one_of_two_settles_counts(linked, display) -> None:
    row = delivery(rule_to(display, linked), email="mira@example.org")
    claim_id, _ = outbox.claim(linked.pk, limit=1)
    done = [Settled(row.pk, State.SYNCED)]
    assert sorted(together(lambda _: outbox.settle(claim_id, done))) == [0] * 7 + [1]
    assert Event.objects.filter(kind="delivery.synced").count() == 1


def test_a_sweep_and_a_settle_do_not_both_win(linked, display) -> None:
    rule = rule_to(display, linked)
    for n in range(100):
        delivery(rule, email=f"p{n}@example.org")
    claim_id, rows = outbox.claim(linked.pk, limit=100)
    Lease.objects.update(until=now() - timedelta(seconds=1))
    done = [Settled(row.id, State.SYNCED) for row in rows]

    def work(number: int) -> int:
        return outbox.reclaim() if number % 2 else outbox.settle(claim_id, done)

    assert sum(together(work)) == 100
    assert Event.objects.count() == 100


def signup(account: Account, display: Any, email: str, **more: Any) -> NewSignup:
    return NewSignup(
        account_id=account.pk,
        display_id=display.pk,
        environment="live",
        email=email,
        email_key=email.lower(),
        accepted=True,
        category="valid",
        rule="",
        evidence="",
        consent_given=True,
        **more,
    )


def test_the_same_person_at_the_same_moment_is_one_contact(
    acme, display, linked
) -> None:
    rule_to(display, linked)
    together(lambda n: store_signup(signup(acme, display, "Mira@example.org")), 16)
    assert Contact.objects.count() == 1
    assert Signup.objects.count() == Delivery.objects.count() == 16
    assert Consent.objects.count() == 16


def test_one_idempotency_key_at_the_same_moment_is_one_signup(
    acme, display, linked
) -> None:
    rule_to(display, linked)
    stored = together(
        lambda n: store_signup(
            signup(acme, display, "mira@example.org", idempotency_key="k")
        ),
        16,
    )
    assert sum(result.created for result in stored) == 1
    assert Signup.objects.count() == Delivery.objects.count() == 1


DRAIN = """
import sys, uuid, django
django.setup()
from integrations.drain import drain
print("draining", flush=True)
drain(uuid.UUID(sys.argv[1]))
"""


def start_drain(linked_account_id: Any, provider_url: str) -> subprocess.Popen[bytes]:
    """A drain in a process of its own, on the same data base."""
    at = connection.settings_dict
    url = (
        f"postgres://{at['USER']}:{at['PASSWORD']}@{at['HOST']}:{at['PORT']}"
        f"/{at['NAME']}"
    )
    return subprocess.Popen(
        [sys.executable, "-c", DRAIN, str(linked_account_id)],
        env={
            **os.environ,
            "DATABASE_URL": url,
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "CONTACTSYNC_PROVIDER_URLS": f'{{"mailchimp": "{provider_url}"}}',
            "CREDENTIAL_KEYS": settings.CREDENTIAL_KEYS,
        },
    )


def wait_until(true: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.parametrize("accepted", [False, True], ids=["before", "after"])
def test_a_worker_killed_mid_batch_loses_and_doubles_nobody(
    linked, display, monkeypatch, accepted
) -> None:
    """kill -9 while the provider is being called: before or after it has accepted."""
    rule = rule_to(display, linked, tags=[], mapping={})
    emails = {f"person{n}@gmail.com" for n in range(40)}
    for email in emails:
        delivery(rule, email=email, payload={"email": email})
    with running_sandbox() as sandbox:
        url = sandbox.base_url("mailchimp")
        audience = sandbox.control("GET", "mailchimp/audiences")["audiences"][0]["id"]
        rule.target.audience_id = audience
        rule.target.save()
        fault = {"timeout_after_accept": True} if accepted else {"latency_ms": 15_000}
        sandbox.faults(**fault)

        def arrived() -> Counter[str]:
            found = (member["email"] for member in sandbox.members())
            return Counter(email for email in found if email in emails)

        worker = start_drain(linked.pk, url)
        try:
            wait_until(lambda: Delivery.objects.filter(state="sending").count() == 40)
            wait_until(lambda: bool(sandbox.app.simulators["mailchimp"]._open))
            wait_until(lambda: bool(arrived()) or not accepted)
        finally:
            worker.send_signal(signal.SIGKILL)
            worker.wait()
        assert Delivery.objects.filter(state="sending").count() == 40
        sandbox.control("DELETE", "mailchimp/faults")
        assert outbox.reclaim() == 0, "the lease still holds"
        Lease.objects.update(until=now() - timedelta(seconds=1))
        assert outbox.reclaim() == 40
        monkeypatch.setattr(settings, "PROVIDER_URLS", {"mailchimp": url})
        drain(linked.pk)
        assert Counter(Delivery.objects.values_list("state", flat=True)) == {
            "synced": 40
        }
        assert arrived() == dict.fromkeys(emails, 1)


def test_a_signup_survives_a_lost_connection(acme, display, linked) -> None:
    """As after a restart of PostgreSQL: the first statement meets a dead session."""
    rule_to(display, linked)
    store_signup(signup(acme, display, "before@example.org"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (mine,) = cursor.fetchone()

    def end(_: int) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", [mine])

    together(end, 1)
    assert store_signup(signup(acme, display, "after@example.org")).created
    assert Signup.objects.count() == Delivery.objects.count() == 2
