"""What every rule says of one address, one by one: to show how a verdict came about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from hygiene.case import Case, Facts, Host, Lookup, Person, Signals
from hygiene.judge import (
    BINDING,
    HOST_RULES,
    RULES,
    SIGNAL_RULES,
    HostRule,
    Rule,
    Stage,
    allowed,
    applies,
    denied,
    judge,
    strict,
    suppression,
)
from hygiene.policy import DEFAULT, Mode, Policy
from hygiene.rules.masks import mask
from hygiene.rules.syntax import parse
from hygiene.verdict import Category, Finding, Verdict

CATEGORIES = {
    Stage.BOT_DATABASE: Category.BOT,
    Stage.RESERVED: Category.BOT,
    Stage.TRANSACTIONAL: Category.TRANSACTIONAL,
    Stage.BROADCAST: Category.BROADCAST,
    Stage.DISPOSABLE: Category.DISPOSABLE,
    Stage.PLACEHOLDER: Category.BOT,
    Stage.ROLE: Category.ROLE,
    Stage.BOT: Category.BOT,
}
"""What the rules of a stage find."""


class Outcome(StrEnum):
    """What became of a rule's vote.

    ``CLEAR`` it has nothing to say; ``DECIDES`` it is the verdict; ``ALSO`` it hit but
    an earlier rule decides; ``FLAG`` it hit and the policy only notes that; ``OFF`` it
    hit and the policy does not ask; ``PASSED`` it hit but does not count: a sign of a
    program at a private alias, or the alias itself where something else decides.
    """

    CLEAR = "clear"
    DECIDES = "decides"
    ALSO = "also"
    FLAG = "flag"
    OFF = "off"
    PASSED = "passed"


@dataclass(frozen=True, slots=True)
class Vote:
    """One rule's answer.

    ``rule`` is the rule's name (``role-word``), ``finds`` the names its findings can
    have (``exact``, ``numbered``, ``soft``), ``mode`` what the policy says of the
    category, ``finding`` the hit or ``None``.
    """

    rule: str
    category: Category
    finds: tuple[str, ...]
    mode: Mode
    finding: Finding | None
    outcome: Outcome

    @property
    def hit(self) -> bool:
        return self.finding is not None

    @property
    def evidence(self) -> str:
        return self.finding.evidence if self.finding else ""

    @property
    def explains(self) -> tuple[Category, str]:
        """The key for ``catalogue.explain``: of the hit, or of what it looks for."""
        rule = self.finding.rule if self.finding else self.finds[0]
        return self.category, rule


Answer = tuple[str, Category, tuple[str, ...], Finding | None]


def votes(
    address: str,
    *,
    facts: Facts,
    policy: Policy = DEFAULT,
    person: Person | None = None,
    signals: Signals | None = None,
    suppressed: Lookup | None = None,
) -> list[Vote]:
    """Ask every rule, in the order of ``judge``; never raises, whatever the text.

    The first vote that ``DECIDES`` holds ``judge``'s finding; there is none for an
    ordinary valid address. What does not parse has one vote, since nothing else can be
    asked of it.
    """
    verdict = judge(
        address,
        facts=facts,
        policy=policy,
        person=person,
        signals=signals,
        suppressed=suppressed,
    )
    parsed = parse(address, facts.words.reserved_suffixes)
    if isinstance(parsed, Finding):
        return _counted(
            [("syntax", Category.SYNTAX, ("no-at",), parsed)], policy, verdict
        )
    case = Case(*parsed, facts, person)
    answers = [
        ("syntax", Category.SYNTAX, ("no-at",), None),
        *_lists(case, policy, suppressed or facts.suppressed),
        *_stages(case, policy, signals),
    ]
    return _counted(answers, policy, verdict)


def _counted(answers: list[Answer], policy: Policy, verdict: Verdict) -> list[Vote]:
    made, decided = [], False
    for rule, category, finds, finding in answers:
        mode = policy.mode_of(category, finding.rule if finding else finds[0])
        if finding is None:
            outcome = Outcome.CLEAR
        elif not decided and finding == verdict.finding:
            outcome, decided = Outcome.DECIDES, True
        elif mode is Mode.OFF:
            outcome = Outcome.OFF
        elif finding not in verdict.also and rule not in _LISTS:
            outcome = Outcome.PASSED
        else:
            outcome = Outcome.FLAG if mode is Mode.FLAG else Outcome.ALSO
        made.append(Vote(rule, category, finds, mode, finding, outcome))
    return made


_LISTS = frozenset({"opted-out", "allowed", "denied", "suppressed"})
_OPT_OUTS = ("unsubscribed", "complained")
_STOPS = ("bounced", "trap", "admin")


def _lists(case: Case, policy: Policy, lookup: Lookup | None) -> Iterator[Answer]:
    stop = suppression(case, lookup)
    binding = stop is not None and stop.rule in BINDING
    yield "opted-out", Category.SUPPRESSED, _OPT_OUTS, stop if binding else None
    finds: tuple[str, ...] = ("allowed-address", "allowed-domain")
    yield "allowed", Category.VALID, finds, allowed(case, policy)
    yield "denied", Category.DENIED, ("address", "domain"), denied(case, policy)
    yield "suppressed", Category.SUPPRESSED, _STOPS, None if binding else stop


def _stages(case: Case, policy: Policy, signals: Signals | None) -> Iterator[Answer]:
    host = Host(case.domain, case.facts)
    answers: list[tuple[Stage, Answer]] = []
    for about in HOST_RULES:
        found = None if case.provider else about.ask(host)
        answers.append((about.stage, _answer(about, found)))
    alias = None if case.provider else mask(host)
    refused = strict(alias) if alias and policy.strict_masks else None
    category = Category.DISPOSABLE if policy.strict_masks else Category.VALID
    answers.append((Stage.MASK, ("mask", category, ("mask",), refused or alias)))
    for rule in RULES:
        found = rule.ask(case) if applies(rule, case.shape) else None
        answers.append((rule.stage, _answer(rule, found)))
    for ask in SIGNAL_RULES:
        name = _name(ask.__name__)
        found = ask(signals) if signals is not None else None
        answers.append((Stage.BOT, (name, Category.BOT, (name,), found)))
    return (answer for _, answer in sorted(answers, key=lambda entry: entry[0]))


def _answer(rule: HostRule | Rule, finding: Finding | None) -> Answer:
    name = _name(rule.ask.__name__)
    return name, CATEGORIES[rule.stage], rule.finds, finding


def _name(function: str) -> str:
    return function.replace("_", "-")
