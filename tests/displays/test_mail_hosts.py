"""Signups that wait for what DNS says, and what becomes of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from django.core.management import call_command
from django.db import connection, connections

from contacts.models import Contact, Event
from contactsync.lib.clock import now
from contactsync.lib.email import email_key
from contactsync.lib.ids import uuid7
from contactsync.tenancy.models import Account
from displays import mail_hosts, tasks, withdrawals
from displays.models import Display, Signup, SyncRule
from displays.store import NewSignup, store_signup
from hygiene import mail_hosts as hosts
from hygiene import releases
from hygiene.lists import RawList
from hygiene.models import HygienePolicy
from hygiene.policies import policies
from hygiene.verdict import Category, Finding
from integrations import outbox
from integrations.models import Delivery, State
from tests.hygiene.dns_server import DnsServer, dns_server

pytestmark = pytest.mark.django_db
DEAD = Finding(Category.SYNTAX, "no-mail-host", "dead-shop.com", "dns@live")


@pytest.fixture(autouse=True)
def woken(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Who was woken, in place of a broker."""
    found: list[Any] = []
    monkeypatch.setattr(mail_hosts.waker, "wake", found.extend)
    hosts.memory.clear()
    policies.clear()
    yield found
    hosts.memory.clear()
    policies.clear()


@pytest.fixture
def server(settings: Any) -> Iterator[DnsServer]:
    with dns_server() as running:
        settings.HYGIENE_DNS = [running.address]
        running.zone["good-shop.com"] = {"MX": ["10 mx.good-shop.com."]}
        running.zone["trash-front.com"] = {"MX": ["10 mx.mailinator.com."]}
        yield running


@pytest.fixture
def policy(acme: Account) -> HygienePolicy:
    return HygienePolicy.objects.create(account=acme, check_mail_hosts=True)


def store(to: SyncRule, email: str, wait: bool = True, **more: Any) -> Signup:
    new = NewSignup(
        account_id=to.account_id,
        display_id=to.display_id,
        environment="live",
        email=email,
        email_key=email_key(email),
        accepted=True,
        category="valid",
        evidence="",
        not_before=now() + mail_hosts.WAIT if wait else None,
        **{"rule": "", **more},
    )
    store_signup(new)
    return Signup.objects.get(pk=new.id)


def row(signup: Signup) -> Delivery:
    return Delivery.objects.get(signup_id=signup.pk)


def kinds(signup: Signup) -> list[str]:
    rows = Event.objects.filter(contact_id=signup.contact_id).order_by("pk")
    return list(rows.values_list("kind", flat=True))


def test_only_unknown_domains_wait() -> None:
    until = mail_hosts.hold("never-heard-of.com")
    assert until is not None
    assert timedelta(seconds=19) < until - now() <= timedelta(seconds=20)
    assert mail_hosts.hold("gmail.com") is None


def test_asking_wakes_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    woken: list[UUID] = []
    monkeypatch.setattr(mail_hosts.asker, "wake", woken.extend)
    signup_id = uuid7()
    mail_hosts.asked(1, signup_id, "shop.com")
    assert woken == [signup_id]


def test_a_good_domain_s_signup_goes_out_at_once(
    server: DnsServer, rule: SyncRule, policy: HygienePolicy, woken: list[Any]
) -> None:
    signup = store(rule, "anna@good-shop.com")
    account = rule.target.linked_account_id
    assert outbox.claim(account, limit=5)[1] == []
    assert tasks.check_mail_host(str(signup.pk)) is True
    assert woken == [account]
    assert [c.id for c in outbox.claim(account, limit=5)[1]] == [row(signup).pk]


def test_a_dead_domain_s_signup_is_withdrawn(
    server: DnsServer, rule: SyncRule, policy: HygienePolicy
) -> None:
    signup = store(rule, "anna@dead-shop.com")
    assert mail_hosts.settle(signup.pk)
    signup.refresh_from_db()
    assert (signup.status, signup.evidence) == ("filtered", DEAD.evidence)
    assert (signup.category, signup.rule) == ("syntax", "no-mail-host")
    delivery = row(signup)
    assert (delivery.state, delivery.reason) == ("skipped", "rule.withdrawn")
    assert Contact.objects.get().status == "filtered"
    assert kinds(signup) == ["signup.accepted", "delivery.skipped", "signup.withdrawn"]
    assert Event.objects.order_by("pk").last().data["evidence"] == DEAD.evidence
    assert mail_hosts.settle(signup.pk)  # doubled
    assert len(kinds(signup)) == 3


@pytest.mark.parametrize("code", ["SERVFAIL", "REFUSED"])
def test_what_dns_leaves_open_goes_out(
    server: DnsServer, rule: SyncRule, policy: HygienePolicy, code: str
) -> None:
    server.zone["shop.com"] = code
    signup = store(rule, "anna@shop.com")
    assert mail_hosts.settle(signup.pk)
    assert row(signup).due <= now() and row(signup).state == State.PENDING


@pytest.mark.parametrize(
    ("modes", "more", "status", "also"),
    [
        ({}, {}, "filtered", 0),
        ({"disposable": "off"}, {}, "accepted", 0),
        ({"disposable": "flag"}, {}, "accepted", 1),
        ({}, {"rule": "allowed-domain"}, "accepted", 0),
    ],
)
def test_a_throw_away_mail_host_is_the_tenant_s_to_judge(
    server: DnsServer,
    rule: SyncRule,
    policy: HygienePolicy,
    modes: dict[str, str],
    more: dict[str, str],
    status: str,
    also: int,
) -> None:
    policy.modes = modes
    policy.save()
    signup = store(rule, "anna@trash-front.com", **more)
    assert mail_hosts.settle(signup.pk)
    signup.refresh_from_db()
    assert (signup.status, len(signup.also)) == (status, also)
    assert (row(signup).state == "skipped") is (status == "filtered")


def test_a_tenant_that_switched_it_off_meanwhile_loses_nobody(
    server: DnsServer, rule: SyncRule
) -> None:
    signup = store(rule, "anna@dead-shop.com")
    assert mail_hosts.settle(signup.pk)
    assert row(signup).due <= now()


def test_while_another_asks_the_task_comes_back(
    server: DnsServer, rule: SyncRule, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts.claim("good-shop.com")
    again: list[Any] = []
    monkeypatch.setattr(
        tasks.check_mail_host, "apply_async", lambda args, **more: again.append(args)
    )
    signup = store(rule, "anna@good-shop.com")
    assert tasks.check_mail_host(str(signup.pk)) is False
    assert again == [[str(signup.pk), 1]] and not server.asked
    assert tasks.check_mail_host(str(signup.pk), 4) is False
    assert len(again) == 1  # its time is over: it goes out


def test_names_of_the_inside_do_not_wait() -> None:
    assert mail_hosts.hold("db.internal") is None


def test_the_sweep_finds_whose_wake_up_was_lost(
    rule: SyncRule, monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[Any] = []
    monkeypatch.setattr(
        tasks.check_mail_host, "apply_async", lambda args, **more: woken.extend(args)
    )
    waiting = store(rule, "anna@good-shop.com")
    store(rule, "ben@good-shop.com", wait=False)
    retried = store(rule, "carl@good-shop.com")
    Delivery.objects.filter(signup_id=retried.pk).update(attempts=1)
    assert tasks.sweep_mail_hosts() == 1
    assert woken == [str(waiting.pk)]


# --- withdrawing ---------------------------------------------------------------------


@pytest.mark.parametrize("state", ["submitted", "awaiting_opt_in", "synced"])
def test_what_was_sent_is_never_taken_back(rule: SyncRule, state: str) -> None:
    signup = store(rule, "anna@dead-shop.com")
    Delivery.objects.filter(signup_id=signup.pk).update(state=state)
    assert not withdrawals.signup_withdraw(signup, DEAD)
    signup.refresh_from_db()
    assert (signup.status, row(signup).state) == ("accepted", state)
    assert kinds(signup) == ["signup.accepted"]


def test_a_row_being_sent_is_never_taken_back(rule: SyncRule) -> None:
    signup = store(rule, "anna@dead-shop.com", wait=False)
    assert outbox.claim(rule.target.linked_account_id, limit=1)[1]
    assert not withdrawals.signup_withdraw(signup, DEAD)
    assert row(signup).state == "sending"


def test_held_rows_are_taken_back(rule: SyncRule) -> None:
    signup = store(rule, "anna@dead-shop.com")
    outbox.hold(rule.target.linked_account_id, reason="held.paused")
    assert withdrawals.signup_withdraw(signup, DEAD)
    assert row(signup).state == "skipped"


def test_a_contact_who_is_welcome_for_another_reason_stays(rule: SyncRule) -> None:
    first = store(rule, "anna@dead-shop.com")
    second = store(rule, "anna@dead-shop.com")
    assert withdrawals.signup_withdraw(second, DEAD)
    assert Contact.objects.get(pk=first.contact_id).status == "accepted"
    assert row(first).state == State.PENDING


def test_newer_lists_withdraw_what_still_waits(
    rule: SyncRule, display: Display, acme: Account
) -> None:
    waiting = store(rule, "anna@fresh-trash.com", wait=False)
    sent = store(rule, "ben@fresh-trash.com", wait=False)
    Delivery.objects.filter(signup_id=sent.pk).update(state=State.SYNCED)
    person = store(rule, "carl@good-shop.com", wait=False)
    releases.take_in(RawList("own", "7", ["fresh-trash.com"]))
    out = StringIO()
    call_command("recheck_waiting", stdout=out)
    assert out.getvalue() == "2 waiting signups judged anew, 1 withdrawn\n"
    found = dict(Signup.objects.values_list("pk", "evidence"))
    assert found[waiting.pk] == "disposable:domain:fresh-trash.com:own@7"
    assert found[sent.pk] == found[person.pk] == ""


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_a_signup_is_sent_or_withdrawn_and_never_both(rule: SyncRule) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time")
    account = rule.target.linked_account_id
    for number in range(20):
        signup = store(rule, f"anna{number}@dead-shop.com", wait=False)
        barrier = threading.Barrier(2)
        withdrawn: list[bool] = []
        claimed: list[int] = []

        def withdraw(
            signup: Signup = signup,
            barrier: threading.Barrier = barrier,
            withdrawn: list[bool] = withdrawn,
        ) -> None:
            barrier.wait()
            withdrawn.append(withdrawals.signup_withdraw(signup, DEAD))
            connections.close_all()

        def claim(
            barrier: threading.Barrier = barrier, claimed: list[int] = claimed
        ) -> None:
            barrier.wait()
            claimed.append(len(outbox.claim(account, limit=1)[1]))
            connections.close_all()

        threads = [threading.Thread(target=target) for target in (withdraw, claim)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        signup.refresh_from_db()
        assert withdrawn == [claimed == [0]]
        assert (row(signup).state == State.SENDING) is (signup.status == "accepted")
        Delivery.objects.filter(signup_id=signup.pk).update(
            state=State.SKIPPED, claim_id=None, lease_until=None
        )
