"""Whether a domain takes mail at all, as DNS says: optional, and never in a request.

Asked by workers only (``displays.mail_hosts``). A process remembers what it learned;
requests look there and nowhere else. Whatever DNS leaves open is no reason to turn
anybody away.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import dns.exception
import dns.rdatatype
import dns.resolver
from django.conf import settings
from django.db.models import Q

from contactsync.lib.clock import now
from hygiene.case import Facts, Host
from hygiene.facts import default_facts
from hygiene.models import MailHost
from hygiene.rules.disposable import disposable
from hygiene.rules.reserved import no_such_tld, reserved_domain
from hygiene.verdict import Category, Finding

SOURCE = "dns@live"
POSITIVE = timedelta(hours=24)
NEGATIVE = timedelta(hours=1)
UNKNOWN = timedelta(minutes=1)
ASKING = timedelta(seconds=15)
"""How long one worker has a domain to itself; longer than a question takes."""

TRY_SECONDS = 3.0
LIFETIME_SECONDS = 8.0
"""For all questions about one domain."""

BUDGET_SECONDS = 20.0
BUDGET_SHARE = 0.5
"""A process asks DNS for so long in one go and then for half of its time at most. In a
wave of made-up domains, or with a resolver that says nothing, the rest is not asked
about: workers have mail to send."""

OUTDATED = timedelta(days=1)
"""Rows are deleted so long after they stopped to hold."""

KEPT_MAX = 50_000
"""Domains remembered per process, and rows read in one look."""

Status = MailHost.Status


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of a domain. ``finding`` is set where it refuses mail."""

    status: str
    finding: Finding | None = None


NOT_KNOWN = Answer(Status.UNKNOWN)
TAKES_MAIL = Answer(Status.ACCEPTS)


class _Memory:
    """What this process knows: domain -> (until when, answer). Times are monotonic."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.answers: dict[str, tuple[float, Answer]] = {}
        self.wanted = False
        self.seen_to: datetime | None = None
        self.budget, self.counted_at = BUDGET_SECONDS, time.monotonic()

    def clear(self) -> None:
        with self.lock:
            self.answers.clear()
            self.wanted, self.seen_to = False, None
            self.budget, self.counted_at = BUDGET_SECONDS, time.monotonic()

    def may_ask(self) -> bool:
        """Whether this process has time for DNS."""
        self.spent(0.0)
        return self.budget > 0

    def spent(self, seconds: float) -> None:
        """So much time went to DNS."""
        with self.lock:
            at = time.monotonic()
            more = (at - self.counted_at) * BUDGET_SHARE
            self.budget = min(self.budget + more, BUDGET_SECONDS) - seconds
            self.counted_at = at


memory = _Memory()


def known(domain: str) -> Answer:
    """What this process remembers of a domain (lower-case IDNA ASCII). No I/O."""
    memory.wanted = True
    kept = memory.answers.get(domain)
    if kept is not None and kept[0] > time.monotonic():
        return kept[1]
    facts = default_facts()
    if domain in facts.mailboxes or domain in facts.masks:
        return TAKES_MAIL
    return NOT_KNOWN


def askable(domain: str) -> bool:
    """Whether a domain is one of the public DNS.

    A tenant whose filter lets others in could otherwise look around in the network
    that this installation stands in.
    """
    host = Host(domain, default_facts())
    return not (reserved_domain(host) or no_such_tld(host))


def status(domain: str) -> str:
    """``accepts``, ``refuses`` or ``unknown``, from memory."""
    return known(domain).status


def refusal(domain: str) -> Finding | None:
    """Why nobody can have mail at a domain, where this process knows so. No I/O."""
    return known(domain).finding


def _remember(row: MailHost) -> Answer:
    answer = Answer(row.status)
    if row.status == Status.REFUSES:
        try:
            answer = Answer(row.status, Finding.from_evidence(row.detail))
        except ValueError:  # too long for the column, and cut
            return NOT_KNOWN
    seconds = (row.valid_until - now()).total_seconds()
    if row.status != Status.UNKNOWN and seconds > 0:
        with memory.lock:
            if len(memory.answers) >= KEPT_MAX:
                memory.answers.clear()
            memory.answers[row.domain] = (time.monotonic() + seconds, answer)
    return answer


def refresh() -> None:
    """Read what other processes learned since the last look (``hygiene.watch``).

    Costs nothing until somebody asks here for the first time.
    """
    if not memory.wanted:
        return
    at = now()
    rows = MailHost.objects.filter(valid_until__gt=at).exclude(status=Status.UNKNOWN)
    if memory.seen_to is not None:
        rows = rows.filter(checked_at__gte=memory.seen_to - timedelta(seconds=30))
    for row in rows.order_by("-checked_at")[:KEPT_MAX]:
        _remember(row)
    memory.seen_to = at


def find(domain: str) -> Answer | None:
    """What is known of a domain, asking DNS where nobody knows. For workers.

    ``None``: another worker is asking at this moment. Does not raise for what DNS does.
    """
    answer = known(domain)
    if answer.status != Status.UNKNOWN or not askable(domain):
        return answer
    row = MailHost.objects.filter(pk=domain).first()
    if row is not None and row.asking_until is None and row.valid_until > now():
        return _remember(row)
    if not memory.may_ask():
        return NOT_KNOWN
    if not claim(domain):
        return None
    begun = time.monotonic()
    found, detail, kept = ask(domain, default_facts())
    memory.spent(time.monotonic() - begun)
    at = now()
    row = MailHost(
        domain=domain,
        status=found,
        detail=detail[:200],
        checked_at=at,
        valid_until=at + kept,
        asking_until=None,
    )
    row.save(force_update=True)
    return _remember(row)


def prune() -> int:
    """Delete what nobody needs any more; returns how many rows went."""
    gone, _ = MailHost.objects.filter(valid_until__lt=now() - OUTDATED).delete()
    return gone


def claim(domain: str) -> bool:
    """Be the one who asks DNS about a domain. False: somebody else is."""
    at = now()
    MailHost.objects.bulk_create(
        [MailHost(domain=domain, status=Status.UNKNOWN, checked_at=at, valid_until=at)],
        ignore_conflicts=True,
    )
    free = Q(asking_until=None) | Q(asking_until__lte=at)
    return bool(
        MailHost.objects.filter(free, pk=domain, valid_until__lte=at).update(
            asking_until=at + ASKING
        )
    )


def ask(domain: str, facts: Facts) -> tuple[str, str, timedelta]:
    """Ask DNS: (status, evidence or why, how long that holds).

    A domain takes mail with an MX record, or without any and with an address (RFC 5321
    5.1); it takes none with the null MX of RFC 7505, or where the name does not exist.
    A domain whose mail goes to a throw-away service is one itself.
    """
    dead = Finding(Category.SYNTAX, "no-mail-host", domain, SOURCE).evidence
    refused = (Status.REFUSES, dead, NEGATIVE)
    resolver = make_resolver()
    until = time.monotonic() + LIFETIME_SECONDS
    try:
        hosts = _mail_hosts(resolver, domain)
        if hosts == [""]:
            return refused
        if not hosts and not _has_address(resolver, domain, until):
            return refused
    except dns.resolver.NXDOMAIN:
        return refused
    except (dns.exception.DNSException, OSError, ValueError) as error:
        return Status.UNKNOWN, type(error).__name__, UNKNOWN
    listed = next(filter(None, (_throw_away(host, facts) for host in hosts)), None)
    if listed is not None:
        return Status.REFUSES, listed.evidence, NEGATIVE
    return Status.ACCEPTS, "", POSITIVE


def _throw_away(name: str, facts: Facts) -> Finding | None:
    """What the precise lists say of a mail host; big providers' own are never asked."""
    host = Host(name, facts)
    if not facts.mailboxes.isdisjoint(host.parents):
        return None
    listed = disposable(host)
    if listed is None:
        return None
    return Finding(Category.DISPOSABLE, "mail-host", listed.matched, listed.source)


def _mail_hosts(resolver: dns.resolver.Resolver, domain: str) -> list[str]:
    """The MX hosts of a domain, best first; ``""`` is the null MX."""
    try:
        answer = resolver.resolve(domain, dns.rdatatype.MX)
    except dns.resolver.NoAnswer:
        return []
    records = sorted(answer, key=lambda record: int(record.preference))
    return [str(each.exchange).rstrip(".").lower() for each in records]


def _has_address(resolver: dns.resolver.Resolver, domain: str, until: float) -> bool:
    for kind in (dns.rdatatype.A, dns.rdatatype.AAAA):
        try:
            left = max(0.1, until - time.monotonic())
            resolver.resolve(domain, kind, lifetime=left)
        except dns.resolver.NoAnswer:
            continue
        return True
    return False


def make_resolver() -> dns.resolver.Resolver:
    """The system's resolver, or those of ``HYGIENE_DNS``.

    Each is an IP address, with a port if it has another than 53: ``192.0.2.1``,
    ``192.0.2.1:5353``, ``[2001:db8::1]:5353``. Raises ``ValueError`` for anything else.
    """
    servers: Sequence[str] = settings.HYGIENE_DNS
    resolver = dns.resolver.Resolver(configure=not servers)
    if servers:
        places = [urlsplit(f"//{server}") for server in servers]
        resolver.nameservers = [str(place.hostname or "") for place in places]
        resolver.nameserver_ports = {
            str(place.hostname): place.port for place in places if place.port
        }
    resolver.timeout = TRY_SECONDS
    resolver.lifetime = LIFETIME_SECONDS
    return resolver
