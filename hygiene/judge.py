"""The rules in order, and which of them wins. Pure: what is known comes in as facts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from hygiene.case import (
    NUMBERED,
    ODD,
    SEPARATED,
    Case,
    Facts,
    Host,
    Person,
    Signals,
)
from hygiene.policy import DEFAULT, SOURCE, Mode, Policy
from hygiene.rules import bot, broadcast, masks, reserved, transactional
from hygiene.rules.disposable import disposable
from hygiene.rules.role import role_compound, role_glued, role_word
from hygiene.rules.syntax import parse
from hygiene.suggest import suggest
from hygiene.verdict import Category, Finding, Verdict


class Stage(IntEnum):
    """The order of the rules: what is found at an earlier stage wins."""

    BOT_DATABASE = 2
    RESERVED = 3
    TRANSACTIONAL = 4
    BROADCAST = 5
    MASK = 6
    DISPOSABLE = 7
    ROLE = 8
    BOT = 9


HOST_RULES: tuple[tuple[Stage, Callable[[Host], Finding | None]], ...] = (
    (Stage.RESERVED, reserved.reserved_domain),
    (Stage.RESERVED, reserved.placeholder_domain),
    (Stage.RESERVED, reserved.no_such_tld),
    (Stage.TRANSACTIONAL, transactional.relay_host),
    (Stage.TRANSACTIONAL, transactional.relay_label),
    (Stage.BROADCAST, broadcast.group_host),
    (Stage.BROADCAST, broadcast.list_label),
    (Stage.DISPOSABLE, disposable),
    (Stage.BOT, bot.mash_domain),
)
"""What the domain alone tells; asked once per domain, never of a mailbox provider."""

RULES: tuple[tuple[Stage, int, Callable[[Case], Finding | None]], ...] = (
    (Stage.BOT_DATABASE, 0, bot.known_bot),
    (Stage.TRANSACTIONAL, ODD, transactional.rewritten),
    (Stage.TRANSACTIONAL, SEPARATED | ODD, transactional.bounce),
    (Stage.TRANSACTIONAL, 0, transactional.no_reply),
    (Stage.TRANSACTIONAL, 0, transactional.system_sender),
    (Stage.BROADCAST, 0, broadcast.everyone),
    (Stage.BROADCAST, SEPARATED, broadcast.list_name),
    (Stage.ROLE, 0, role_word),
    (Stage.ROLE, SEPARATED, role_compound),
    (Stage.ROLE, 0, role_glued),
    (Stage.BOT, 0, bot.fake_local),
    (Stage.BOT, 0, bot.mirrored),
    (Stage.BOT, 0, bot.mash),
    (Stage.BOT, SEPARATED, bot.dot_stuffed),
    (Stage.BOT, NUMBERED, bot.hexadecimal),
    (Stage.BOT, NUMBERED, bot.alternating),
    (Stage.BOT, 0, bot.gibberish),
)
"""What the whole address tells: (stage, shapes it is about or 0 for all, rule)."""

_RULES_BY_SHAPE = tuple(
    tuple((stage, rule) for stage, about, rule in RULES if not about or about & shape)
    for shape in range(8)
)
"""The same, sorted out beforehand by ``Case.shape``: most addresses need few."""

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

BINDING = frozenset({"unsubscribed", "complained"})
"""What a person asked for: no tenant's allow list undoes it."""


def judge(
    address: str,
    *,
    facts: Facts,
    policy: Policy = DEFAULT,
    person: Person | None = None,
    signals: Signals | None = None,
) -> Verdict:
    """Return the verdict on one address; never raises, whatever the text.

    Precedence: syntax, a person's own opt-out, the tenant's allow list, its deny list,
    other suppressions, then the stages in order. An alias service's address ends the
    walk at ``Stage.MASK``: it is one person's. The first hit is the verdict, later ones
    are in ``also``; a category the policy only flags never decides.
    """
    parsed = parse(address, facts.words.reserved_suffixes)
    if isinstance(parsed, Finding):
        return Verdict(Category.SYNTAX, parsed, (), address)
    local, domain = parsed
    case = Case(local, domain, facts, person)
    report = NOTHING if case.provider else _report(domain, facts)
    rules = _RULES_BY_SHAPE[case.shape]
    hits = [(stage, hit) for stage, rule in rules if (hit := rule(case)) is not None]
    if signals is not None:
        hits += _from_form(signals)

    if (
        not hits
        and report is NOTHING
        and policy is DEFAULT
        and facts.suppressed is None
    ):
        return Verdict(Category.VALID, None, (), f"{local}@{domain}")
    return _decide(case, report, hits, policy, f"{local}@{domain}")


def _report(domain: str, facts: Facts) -> Report:
    report = facts.reports.get(domain)
    if report is None:
        host = Host(domain, facts)
        hits = tuple(
            (stage, hit)
            for stage, rule in HOST_RULES
            if (hit := rule(host)) is not None
        )
        mask, likelier = masks.mask(host), "" if hits else suggest(domain, facts)
        report = Report(hits, mask, likelier) if hits or mask or likelier else NOTHING
        if len(facts.reports) >= HOSTS_KEPT:
            facts.reports.clear()
        facts.reports[domain] = report
    return report


def _from_form(signals: Signals) -> list[Hit]:
    found = (bot.honeypot(signals), bot.too_fast(signals))
    return [(Stage.BOT, finding) for finding in found if finding is not None]


def _decide(
    case: Case, report: Report, hits: list[Hit], policy: Policy, address: str
) -> Verdict:
    settled = _settled(case, policy)
    if settled is not None and settled.category is Category.VALID:
        return Verdict(Category.VALID, settled, (), address)

    mask = report.mask
    found = sorted((*report.hits, *hits), key=_stage)
    if mask is not None:
        signs = {"honeypot", "too-fast"}
        found = [hit for hit in found if hit[0] < Stage.MASK or hit[1].rule in signs]
        if policy.strict_masks:
            strict = Finding(Category.DISPOSABLE, "mask", mask.matched, mask.source)
            found.append((Stage.MASK, strict))
            found.sort(key=_stage)
            mask = None
    findings = [hit for _, hit in found if policy.mode(hit.category) is not Mode.OFF]
    deciding = [hit for hit in findings if policy.mode(hit.category) is Mode.ON]
    first = settled or next(iter(deciding), None) or mask
    also = tuple(hit for hit in findings if hit is not first)
    category = first.category if first else Category.VALID
    likelier = report.suggest if category is Category.VALID else ""
    hint = f"{case.local}@{likelier}" if likelier else ""
    return Verdict(category, first, also, address, hint)


def _stage(hit: Hit) -> Stage:
    return hit[0]


def _settled(case: Case, policy: Policy) -> Finding | None:
    """What lists of single mailboxes say: suppressed, allowed or denied."""
    suppressed = _suppressed(case)
    if policy is DEFAULT:
        return suppressed
    if suppressed is not None and suppressed.rule in BINDING:
        return suppressed
    if (allowed := policy.allow.match(case)) is not None:
        rule, entry = allowed
        return Finding(Category.VALID, f"allowed-{rule}", entry, SOURCE)
    if (denied := policy.deny.match(case)) is not None:
        return Finding(Category.DENIED, denied[0], denied[1], SOURCE)
    return suppressed


def _suppressed(case: Case) -> Finding | None:
    lookup = case.facts.suppressed
    if lookup is None:
        return None
    reason = lookup(case.literal) or lookup(case.canonical)
    if not reason:
        return None
    return Finding(Category.SUPPRESSED, reason, case.literal, "suppressions@live")
