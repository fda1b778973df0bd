"""The rules in order, and which of them wins. Pure: what is known comes in as facts."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from hygiene.case import (
    CASED,
    CROWDED,
    HEXED,
    INSIDE,
    KNOWN,
    LISTED,
    MARKED,
    NUMBERED,
    ODD,
    OWN_HOST,
    SEPARATED,
    Case,
    Facts,
    Host,
    Lookup,
    Person,
    Signals,
)
from hygiene.policy import DEFAULT, SOURCE, Mode, Policy
from hygiene.rules import bot, broadcast, masks, noise, reserved, transactional
from hygiene.rules.disposable import disposable, wide_disposable
from hygiene.rules.role import role_compound, role_glued, role_word
from hygiene.rules.syntax import ADDRESS_MAX, LOCAL_MAX, parse
from hygiene.suggest import suggest
from hygiene.verdict import Category, Finding, Verdict


class Stage(IntEnum):
    """The order of the rules: what is found at an earlier stage wins."""

    BOT_DATABASE = 2
    MASK = 3
    RESERVED = 4
    TRANSACTIONAL = 5
    BROADCAST = 6
    DISPOSABLE = 7
    PLACEHOLDER = 8
    ROLE = 9
    BOT = 10


class HostRule(NamedTuple):
    """A question about the domain alone, and the findings it may answer with."""

    stage: Stage
    ask: Callable[[Host], Finding | None]
    finds: tuple[str, ...]


class Rule(NamedTuple):
    """A question about the whole address.

    ``about`` are the shapes it is for, each a sum of what a ``Case.shape`` has to hold;
    any address where there are none.
    """

    stage: Stage
    about: tuple[int, ...]
    ask: Callable[[Case], Finding | None]
    finds: tuple[str, ...]


def applies(rule: Rule, shape: int) -> bool:
    """Whether a rule has to be asked about a local part of that ``Case.shape``."""
    return not rule.about or any(shape & all_of == all_of for all_of in rule.about)


HOST_RULES: tuple[HostRule, ...] = (
    HostRule(Stage.RESERVED, reserved.reserved_domain, ("reserved-domain",)),
    HostRule(Stage.RESERVED, reserved.placeholder_domain, ("placeholder-domain",)),
    HostRule(Stage.RESERVED, reserved.no_such_tld, ("no-such-tld",)),
    HostRule(Stage.TRANSACTIONAL, transactional.relay_host, ("relay-host",)),
    HostRule(Stage.TRANSACTIONAL, transactional.relay_label, ("relay-label",)),
    HostRule(Stage.BROADCAST, broadcast.group_host, ("group-host",)),
    HostRule(Stage.BROADCAST, broadcast.list_label, ("list-label",)),
    HostRule(Stage.DISPOSABLE, disposable, ("domain", "parent-domain")),
    HostRule(Stage.DISPOSABLE, wide_disposable, ("wide-domain", "wide-parent-domain")),
    HostRule(Stage.BOT, bot.mash_domain, ("mash-domain",)),
    HostRule(Stage.BOT, noise.gibberish_domain, ("gibberish-domain",)),
)
"""What the domain alone tells; asked once per domain, never of a mailbox provider."""

_WORD = (LISTED, OWN_HOST)
_LIST = (SEPARATED | OWN_HOST,)

RULES: tuple[Rule, ...] = (
    Rule(Stage.BOT_DATABASE, (KNOWN,), bot.known_bot, ("known",)),
    Rule(Stage.RESERVED, (OWN_HOST, LISTED), bot.mirrored, ("mirrored",)),
    Rule(Stage.TRANSACTIONAL, (ODD,), transactional.rewritten, ("srs", "batv", "verp")),
    Rule(Stage.TRANSACTIONAL, (SEPARATED, ODD), transactional.bounce, ("bounce",)),
    Rule(Stage.TRANSACTIONAL, (MARKED,), transactional.no_reply, ("no-reply",)),
    Rule(Stage.TRANSACTIONAL, _WORD, transactional.system_sender, ("system-sender",)),
    Rule(Stage.BROADCAST, _WORD, broadcast.everyone, ("everyone",)),
    Rule(Stage.BROADCAST, _LIST, broadcast.list_name, ("list-tail", "list-head")),
    Rule(Stage.PLACEHOLDER, (LISTED, MARKED), bot.fake_local, ("fake-local",)),
    Rule(Stage.ROLE, (LISTED,), role_word, ("exact", "numbered", "soft")),
    Rule(Stage.ROLE, (SEPARATED,), role_compound, ("compound",)),
    Rule(Stage.ROLE, (OWN_HOST,), role_glued, ("glued",)),
    Rule(Stage.BOT, (), bot.mash, ("mash",)),
    Rule(Stage.BOT, (CROWDED,), bot.dot_stuffed, ("dot-stuffed",)),
    Rule(Stage.BOT, (HEXED,), noise.hexadecimal, ("hex",)),
    Rule(Stage.BOT, (INSIDE,), noise.alternating, ("alternating",)),
    Rule(Stage.BOT, (), noise.gibberish, ("trigram", "random-tail")),
    Rule(Stage.BOT, (CASED,), noise.mixed_case, ("mixed-case",)),
    Rule(Stage.BOT, (NUMBERED,), bot.digits, ("digits",)),
)
"""What the whole address tells."""

SIGNAL_RULES = (bot.honeypot, bot.too_fast)
"""What the form noticed; the findings are named like the rules. They outlast a mask."""

Asked = tuple[tuple[Stage, Callable[[Case], Finding | None]], ...]


class _ByShape(dict[int, Asked]):
    """The same by ``Case.shape``, sorted out when one first comes: most never do."""

    def __missing__(self, shape: int) -> Asked:
        rules = (rule for rule in RULES if applies(rule, shape))
        asked = self[shape] = tuple((rule.stage, rule.ask) for rule in rules)
        return asked


_RULES_BY_SHAPE = _ByShape()

_PLAIN = re.compile(r"[A-Za-z0-9_+-]++(?:\.[A-Za-z0-9_+-]++)*+").fullmatch
"""A local part that ``parse`` gives back as it is."""

HOSTS_KEPT = 8192
"""Domains remembered per set of facts before all are forgotten."""

Hit = tuple[Stage, Finding]


@dataclass(frozen=True, slots=True)
class Report:
    """What is known of one domain: its hits in order, its mask, a likelier spelling."""

    hits: tuple[Hit, ...] = ()
    mask: Finding | None = None
    suggest: str = ""


NOTHING = Report()
VALID = Category.VALID

BINDING = frozenset({"unsubscribed", "complained"})
"""What a person asked for: no tenant's allow list undoes it."""


def judge(
    address: str,
    *,
    facts: Facts,
    policy: Policy = DEFAULT,
    person: Person | None = None,
    signals: Signals | None = None,
    suppressed: Lookup | None = None,
) -> Verdict:
    """Return the verdict on one address; never raises, whatever the text.

    ``suppressed`` is one tenant's own list, asked in place of ``facts.suppressed``.

    Precedence: syntax, a person's own opt-out, the tenant's allow list, its deny list,
    other suppressions, then the stages in order. An alias service's address ends the
    walk at ``Stage.MASK``: it is one person's, and what is left of the at sign is free
    text (``shop@jo.anonaddy.com`` says where Jo gave it). The first hit is the verdict,
    later ones are in ``also``; a category the policy only flags never decides.
    """
    local, _, domain = address.partition("@")
    # What needs no parser: plain letters at a domain that is known as it is written.
    plain = local.isalnum() and local.isascii() or _PLAIN(local)
    known = domain in facts.mailboxes or domain in facts.reports
    if not plain or not known or len(local) > LOCAL_MAX or len(address) > ADDRESS_MAX:
        parsed = parse(address, facts.words.reserved_suffixes)
        if isinstance(parsed, Finding):
            return Verdict(Category.SYNTAX, parsed, (), address)
        local, domain = parsed
        address = f"{local}@{domain}"
    case = Case(local, domain, facts, person)
    report = NOTHING
    if not case.provider:
        report = facts.reports.get(domain) or _report(domain, facts)
    hits: list[Hit] | None = None
    for stage, ask in _RULES_BY_SHAPE[case.shape]:
        hit = ask(case)
        if hit is not None:
            hits = [(stage, hit)] if hits is None else [*hits, (stage, hit)]
    if signals is not None:
        hits = [*(hits or ()), *_from_form(signals)]
    settled = None
    if policy is not DEFAULT or suppressed is not None or facts.suppressed is not None:
        settled = settle(case, policy, suppressed or facts.suppressed)
    if not hits and report is NOTHING and settled is None:
        return Verdict(VALID, None, (), address)
    return _decide(case, report, hits or [], settled, policy, address)


def _report(domain: str, facts: Facts) -> Report:
    """Look at a domain, and remember what was found."""
    host = Host(domain, facts)
    hits = tuple(
        (rule.stage, hit) for rule in HOST_RULES if (hit := rule.ask(host)) is not None
    )
    mask, likelier = masks.mask(host), "" if hits else suggest(domain, facts)
    report = Report(hits, mask, likelier) if hits or mask or likelier else NOTHING
    if len(facts.reports) >= HOSTS_KEPT:
        facts.reports.clear()
    facts.reports[domain] = report
    return report


def _from_form(signals: Signals) -> list[Hit]:
    found = [ask(signals) for ask in SIGNAL_RULES]
    return [(Stage.BOT, finding) for finding in found if finding is not None]


def _decide(
    case: Case,
    report: Report,
    hits: list[Hit],
    settled: Finding | None,
    policy: Policy,
    address: str,
) -> Verdict:
    mask = report.mask
    found = sorted((*report.hits, *hits), key=_stage)
    if mask is not None:
        signs = {"honeypot", "too-fast"}
        found = [hit for hit in found if hit[0] < Stage.MASK or hit[1].rule in signs]
        if policy.strict_masks:
            found.append((Stage.MASK, strict(mask)))
            found.sort(key=_stage)
            mask = None
    modes = [(policy.mode_of(hit.category, hit.rule), hit) for _, hit in found]
    deciding = next((hit for mode, hit in modes if mode is Mode.ON), None)
    first = settled or deciding or mask
    noted = (hit for mode, hit in modes if mode is not Mode.OFF)
    also = tuple(hit for hit in noted if hit is not first)
    category = first.category if first else Category.VALID
    likelier = report.suggest if category is Category.VALID else ""
    hint = f"{case.local}@{likelier}" if likelier else ""
    return Verdict(category, first, also, address, hint)


def _stage(hit: Hit) -> Stage:
    return hit[0]


def strict(mask: Finding) -> Finding:
    """What a mask is to a tenant that refuses aliases."""
    return Finding(Category.DISPOSABLE, "mask", mask.matched, mask.source)


def settle(case: Case, policy: Policy, lookup: Lookup | None) -> Finding | None:
    """What lists of single mailboxes say: suppressed, allowed or denied."""
    suppressed = suppression(case, lookup)
    if suppressed is not None and suppressed.rule in BINDING:
        return suppressed
    return allowed(case, policy) or denied(case, policy) or suppressed


def suppression(case: Case, lookup: Lookup | None) -> Finding | None:
    """Whether the mailbox, as written or as delivered to, is on a suppression list."""
    if lookup is None:
        return None
    reason = lookup(case.literal) or lookup(case.canonical)
    if not reason:
        return None
    return Finding(Category.SUPPRESSED, reason, case.literal, "suppressions@live")


def allowed(case: Case, policy: Policy) -> Finding | None:
    """What the tenant's allow list says."""
    if policy is DEFAULT or (entry := policy.allow.match(case)) is None:
        return None
    return Finding(Category.VALID, f"allowed-{entry[0]}", entry[1], SOURCE)


def denied(case: Case, policy: Policy) -> Finding | None:
    """What the tenant's deny list says."""
    if policy is DEFAULT or (entry := policy.deny.match(case)) is None:
        return None
    return Finding(Category.DENIED, entry[0], entry[1], SOURCE)
