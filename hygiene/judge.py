"""The rules in order, and which of them wins. Pure: everything known comes in as facts."""

from __future__ import annotations

from collections.abc import Callable

from hygiene.case import Case, Facts, Person, Signals
from hygiene.policy import DEFAULT, SOURCE, Mode, Policy
from hygiene.rules import bot, broadcast, masks, reserved, transactional
from hygiene.rules.disposable import disposable
from hygiene.rules.role import role
from hygiene.rules.syntax import parse
from hygiene.suggest import suggest
from hygiene.verdict import Category, Finding, Verdict

Rule = Callable[[Case], Finding | None]

RULES_FOR_ALL: tuple[Rule, ...] = (
    bot.known_bot,
    reserved.reserved_domain,
    reserved.placeholder_domain,
    reserved.no_such_tld,
    transactional.relay_host,
    transactional.relay_label,
    transactional.rewritten,
    transactional.bounce,
    transactional.no_reply,
    transactional.system_sender,
    broadcast.group_host,
    broadcast.list_label,
    broadcast.everyone,
    broadcast.list_name,
)
"""Run first. An alias service's address ends the walk here: it is one person's."""

RULES_FOR_UNMASKED: tuple[Rule, ...] = (
    disposable,
    role,
    bot.fake_local,
    bot.mirrored,
    bot.mash,
    bot.dot_stuffed,
    bot.hexadecimal,
    bot.alternating,
    bot.gibberish,
    bot.mash_domain,
)

RULES = RULES_FOR_ALL + RULES_FOR_UNMASKED

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
    other suppressions, then ``RULES`` with an alias service accepted in their midst and
    the form's ``signals`` after them. The first hit is the verdict, later ones are in
    ``also``; a category the policy only flags never decides.
    """
    parsed = parse(address, facts.words.reserved_suffixes)
    if isinstance(parsed, Finding):
        return Verdict(parsed.category, parsed, (), address)
    local, domain = parsed
    case = Case(local, domain, f"{local}@{domain}", facts, person)

    settled = _settled(case, policy)
    if settled is not None and settled.category is Category.VALID:
        return Verdict(Category.VALID, settled, (), case.address)

    hits = [hit for rule in RULES_FOR_ALL if (hit := rule(case)) is not None]
    mask = None if case.provider else masks.mask(case)
    if mask is None:
        hits += [hit for rule in RULES_FOR_UNMASKED if (hit := rule(case)) is not None]
    elif policy.strict_masks:
        hits.append(Finding(Category.DISPOSABLE, "mask", mask.matched, mask.source))
        mask = None
    if signals is not None:
        hits += filter(None, (bot.honeypot(signals), bot.too_fast(signals)))

    if settled is None and not hits:
        likelier = "" if case.provider else suggest(domain, facts)
        hint = f"{local}@{likelier}" if likelier else ""
        return Verdict(Category.VALID, mask, (), case.address, hint)
    return _decide(case, settled, hits, mask, policy)


def _decide(
    case: Case,
    settled: Finding | None,
    hits: list[Finding],
    mask: Finding | None,
    policy: Policy,
) -> Verdict:
    if policy.modes:
        hits = [hit for hit in hits if policy.mode(hit.category) is not Mode.OFF]
    deciding = [hit for hit in hits if policy.mode(hit.category) is Mode.ON]
    first = settled or next(iter(deciding), None) or mask
    also = tuple(hit for hit in hits if hit is not first)
    category = first.category if first else Category.VALID
    return Verdict(category, first, also, case.address)


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
