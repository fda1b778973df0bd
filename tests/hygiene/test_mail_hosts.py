"""What DNS says of a domain's mail, asked of a real server on the loopback."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections

from contactsync.lib.clock import now
from hygiene import mail_hosts
from hygiene.case import DomainList, Facts
from hygiene.mail_hosts import ask, find, known, memory, refresh, refusal, status
from hygiene.models import MailHost
from tests.hygiene.dns_server import SILENT, DnsServer, dns_server

FACTS = Facts(
    mailboxes=frozenset({"gmail.com"}),
    disposable=(
        DomainList("bad@1", frozenset({"trash-mx.com", "google.com"})),
        DomainList("wide@1", frozenset({"guessed-mx.com"}), wide=True),
    ),
)


@pytest.fixture
def server(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[DnsServer]:
    monkeypatch.setattr(mail_hosts, "TRY_SECONDS", 0.2)
    monkeypatch.setattr(mail_hosts, "LIFETIME_SECONDS", 0.5)
    memory.clear()
    with dns_server() as running:
        settings.HYGIENE_DNS = [running.address]
        yield running
    memory.clear()


@pytest.mark.parametrize(
    ("records", "found", "detail"),
    [
        ({"MX": ["10 mx.shop.com."]}, "accepts", ""),
        ({"MX": ["10 mx.gone.com.", "20 mx.shop.com."]}, "accepts", ""),
        ({"A": ["192.0.2.1"]}, "accepts", ""),
        ({"AAAA": ["2001:db8::1"]}, "accepts", ""),
        ({"MX": ["0 ."]}, "refuses", "syntax:no-mail-host:shop.com:dns@live"),
        ({}, "refuses", "syntax:no-mail-host:shop.com:dns@live"),
        ("NXDOMAIN", "refuses", "syntax:no-mail-host:shop.com:dns@live"),
        ("SERVFAIL", "unknown", "NoNameservers"),
        ("REFUSED", "unknown", "NoNameservers"),
        (SILENT, "unknown", "LifetimeTimeout"),
        (
            {"MX": ["10 in.eu.trash-mx.com."]},
            "refuses",
            "disposable:mail-host:trash-mx.com:bad@1",
        ),
        ({"MX": ["10 mx.guessed-mx.com."]}, "accepts", ""),
        ({"MX": ["10 alt1.gmail.com."]}, "accepts", ""),
    ],
)
def test_what_dns_says(
    server: DnsServer, records: Any, found: str, detail: str
) -> None:
    server.zone["shop.com"] = records
    said, why, kept = ask("shop.com", FACTS)
    assert (said, why) == (found, detail)
    hours = {"accepts": 24, "refuses": 1, "unknown": 1 / 60}[found]
    assert kept == timedelta(hours=hours)


def test_a_name_that_dns_can_not_hold_is_unknown(server: DnsServer) -> None:
    assert ask(f"{'a' * 70}.com", FACTS)[0] == "unknown"
    assert not server.asked


@pytest.mark.django_db
def test_dns_is_asked_once_for_everybody(server: DnsServer) -> None:
    server.zone["shop.com"] = {"MX": ["10 mx.shop.com."]}
    assert status("shop.com") == "unknown"
    assert find("shop.com") == mail_hosts.TAKES_MAIL
    assert status("shop.com") == "accepts" and refusal("shop.com") is None
    memory.clear()  # another process
    assert status("shop.com") == "unknown"
    assert find("shop.com") == mail_hosts.TAKES_MAIL
    memory.clear()
    known("elsewhere.com")
    refresh()
    assert status("shop.com") == "accepts"
    assert server.asked == {("shop.com", "MX"): 1}


@pytest.mark.django_db
def test_a_dead_domain_is_remembered_for_an_hour(server: DnsServer) -> None:
    answer = find("dead-shop.com")
    assert answer is not None and answer.finding is not None
    evidence = "syntax:no-mail-host:dead-shop.com:dns@live"
    assert refusal("dead-shop.com") == answer.finding
    assert answer.finding.evidence == evidence
    row = MailHost.objects.get()
    assert timedelta(minutes=59) < row.valid_until - now() <= timedelta(hours=1)
    MailHost.objects.update(valid_until=now() - timedelta(seconds=1))
    memory.clear()
    server.zone["dead-shop.com"] = {"A": ["192.0.2.1"]}
    assert find("dead-shop.com") == mail_hosts.TAKES_MAIL


@pytest.mark.django_db
def test_what_dns_leaves_open_turns_nobody_away_and_is_asked_again(
    server: DnsServer,
) -> None:
    server.zone["shop.com"] = "SERVFAIL"
    assert find("shop.com") == mail_hosts.NOT_KNOWN
    assert find("shop.com") == mail_hosts.NOT_KNOWN  # not again at once
    questions = server.asked["shop.com", "MX"]
    server.zone["shop.com"] = {"MX": ["10 mx.shop.com."]}
    MailHost.objects.update(valid_until=now() - timedelta(seconds=1))
    assert find("shop.com") == mail_hosts.TAKES_MAIL
    assert server.asked["shop.com", "MX"] == questions + 1


@pytest.mark.django_db
def test_a_worker_that_died_while_asking_is_replaced(server: DnsServer) -> None:
    server.zone["shop.com"] = {"MX": ["10 mx.shop.com."]}
    assert mail_hosts.claim("shop.com")
    assert find("shop.com") is None and not server.asked
    MailHost.objects.update(asking_until=now() - timedelta(seconds=1))
    assert find("shop.com") == mail_hosts.TAKES_MAIL


def test_big_providers_and_masks_are_never_asked(server: DnsServer) -> None:
    assert status("gmail.com") == status("privaterelay.appleid.com") == "accepts"
    assert not server.asked


@pytest.mark.django_db
def test_nothing_is_read_until_somebody_asks(
    server: DnsServer, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(0):
        refresh()


def test_resolvers_by_address_and_port(settings: Any) -> None:
    settings.HYGIENE_DNS = ["192.0.2.1", "[2001:db8::1]:5353"]
    made = mail_hosts.make_resolver()
    assert made.nameservers == ["192.0.2.1", "2001:db8::1"]
    assert made.nameserver_ports == {"2001:db8::1": 5353}
    settings.HYGIENE_DNS = ["resolver.example"]
    with pytest.raises(ValueError, match="resolver.example"):
        mail_hosts.make_resolver()


@pytest.mark.pg
@pytest.mark.django_db(transaction=True)
def test_of_many_workers_one_asks() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time")
    barrier = threading.Barrier(8)
    won: list[bool] = []

    def race() -> None:
        barrier.wait()
        won.append(mail_hosts.claim("shop.com"))
        connections.close_all()

    threads = [threading.Thread(target=race) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False] * 7 + [True]


@pytest.mark.django_db
def test_a_row_that_can_not_be_read_keeps_nobody_from_the_others(
    server: DnsServer,
) -> None:
    """Evidence is cut to the column; a look at the table must survive that."""
    at = now()
    for domain, detail in (("cut.com", "disposable:mail-host:tra"), ("old.com", "")):
        MailHost.objects.create(
            domain=domain,
            status="refuses",
            detail=detail,
            checked_at=at,
            valid_until=at + timedelta(hours=1),
        )
    known("elsewhere.com")
    refresh()
    assert status("cut.com") == status("old.com") == "unknown"
    find("dead-shop.com")
    memory.clear()
    known("elsewhere.com")
    refresh()
    assert refusal("dead-shop.com") is not None


@pytest.mark.django_db
@pytest.mark.parametrize(
    "domain", ["db.internal", "server.corp", "nas.local", "1.0.0.10.in-addr.arpa"]
)
def test_names_of_the_inside_are_never_asked(server: DnsServer, domain: str) -> None:
    """A tenant whose filter lets them in must not explore our network with them."""
    server.zone[domain] = {"MX": [f"10 {domain}."]}
    assert not mail_hosts.askable(domain)
    assert find(domain) == mail_hosts.NOT_KNOWN
    assert not server.asked and not MailHost.objects.exists()


def test_all_questions_about_a_domain_share_one_time(server: DnsServer) -> None:
    """MX, A and AAAA, each nearly too slow: not three times as long."""
    server.zone["slow-shop.com"] = {}
    server.delay = 0.3

    def took() -> float:
        begun = time.monotonic()
        assert ask("slow-shop.com", FACTS)[0] == "unknown"
        return time.monotonic() - begun

    assert any(took() < 0.8 for _ in range(5)), "also on a busy machine"


@pytest.mark.django_db
def test_a_wave_of_silent_domains_takes_half_of_a_worker_s_time_at_most(
    server: DnsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail_hosts, "BUDGET_SECONDS", 1.0)
    memory.clear()
    begun = time.monotonic()
    for number in range(1000):
        server.zone[f"silent-{number}.com"] = SILENT
        assert find(f"silent-{number}.com") == mail_hosts.NOT_KNOWN
    took = time.monotonic() - begun
    assert MailHost.objects.count() <= 1 + (1.0 + took / 2) / 0.4
    assert len(server.asked) <= 2 * MailHost.objects.count()


@pytest.mark.django_db
def test_after_the_wave_it_asks_again(
    server: DnsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.zone["shop.com"] = {"MX": ["10 mx.shop.com."]}
    memory.spent(100.0)
    assert find("shop.com") == mail_hosts.NOT_KNOWN
    clock = time.monotonic() + 300
    monkeypatch.setattr(mail_hosts.time, "monotonic", lambda: clock)
    assert memory.may_ask()


@pytest.mark.django_db
def test_what_is_long_out_of_date_is_deleted(server: DnsServer) -> None:
    at = now()
    for domain, days in (("old.com", 2), ("stale.com", 0.5), ("new.com", -0.5)):
        MailHost.objects.create(
            domain=domain, status="accepts", valid_until=at - timedelta(days=days)
        )
    assert mail_hosts.prune() == 1
    assert not MailHost.objects.filter(pk="old.com").exists()
    assert mail_hosts.prune() == 0


@pytest.mark.parametrize(
    "records",
    [
        {"MX": [f"{n} mx{n}.huge-shop.com." for n in range(12)]},
        {"MX": ["10 \\255\\000.huge-shop.com."]},
        {"CNAME": ["huge-shop.com."]},
    ],
)
def test_odd_answers_never_raise(server: DnsServer, records: Any) -> None:
    server.zone["huge-shop.com"] = records
    assert ask("huge-shop.com", FACTS)[0] in {"accepts", "unknown", "refuses"}
