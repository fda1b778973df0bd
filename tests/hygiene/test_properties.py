from __future__ import annotations

import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hygiene.case import Case, Facts, Person, Signals
from hygiene.facts import default_facts
from hygiene.judge import RULES, applies, judge
from hygiene.policy import Policy
from hygiene.rules import syntax
from hygiene.verdict import Category, Finding, printable

from .test_categories import ROWS
from .test_people import PEOPLE

ANYTHING = st.text(st.characters(exclude_categories=()), max_size=120)
ASCII = st.text(st.characters(max_codepoint=127), max_size=40)
LOCALS = st.text("abcdefghijklmnopqrstuvwxyz0123456789._-+='", min_size=1, max_size=30)
DOMAINS = st.sampled_from(
    ["gmail.com", "acme.com", "duck.com", "qq.com", "mailinator.com", "a.b.co.uk"]
)
ADDRESSES = st.one_of(
    ANYTHING,
    st.builds(lambda a, b: f"{a}@{b}", ANYTHING, ANYTHING),
    st.builds(lambda a, b: f"{a}@{b}", ASCII, ASCII),
    st.builds(lambda a, b: f"{a}@{b}", LOCALS, DOMAINS),
)
GRAMMAR = re.compile(r"[a-z]+:[a-z-]+:.*:[a-z-]+@[A-Za-z0-9.]+").fullmatch


@settings(deadline=None, max_examples=600)
@given(ADDRESSES, ANYTHING, ANYTHING, ANYTHING)
def test_never_raises_and_always_explains(
    address: str, first: str, last: str, honeypot: str
) -> None:
    facts = default_facts()
    verdict = judge(
        address,
        facts=facts,
        person=Person(first, last),
        signals=Signals(honeypot),
    )
    again = judge(
        address,
        facts=facts,
        person=Person(first, last),
        signals=Signals(honeypot),
    )
    assert verdict == again
    for finding in filter(None, (verdict.finding, *verdict.also)):
        assert GRAMMAR(finding.evidence), finding.evidence
        assert "\n" not in finding.evidence
        finding.evidence.encode("utf-8")
        read = Finding.from_evidence(finding.evidence)
        assert (read.category, read.rule) == (finding.category, finding.rule)
        assert read.matched == printable(finding.matched)
        assert read.source == finding.source
    if not verdict.accepted:
        assert verdict.finding is not None
        assert verdict.finding.category is verdict.category


@settings(deadline=None, max_examples=400)
@given(st.one_of(st.builds(lambda a, b: f"{a}@{b}.com", ASCII, ASCII), ADDRESSES))
def test_the_fast_path_takes_nothing_the_parser_refuses(address: str) -> None:
    if syntax._ORDINARY(address):
        quick = syntax.parse(address)
        slow = syntax._parse_slowly(address, frozenset())
        if isinstance(slow, Finding):
            # Special-use names parse here and are named by a rule of their own.
            assert address.lower().rpartition(".")[2] in {
                *("arpa", "invalid", "local", "localhost", "onion", "test"),
            } or isinstance(quick, Finding)
        else:
            assert not isinstance(quick, Finding)
            assert (quick[0].lower(), quick[1]) == (slow[0].lower(), slow[1])


@settings(deadline=None, max_examples=400)
@given(st.one_of(st.builds(lambda a, b: f"{a}@{b}.com", ASCII, ASCII), ADDRESSES))
def test_what_is_refused_at_a_glance_the_parser_refuses(address: str) -> None:
    if address.isascii() and not syntax._POSSIBLE(address):
        assert syntax._validate(address) is None


@settings(deadline=None, max_examples=300)
@given(
    st.one_of(LOCALS, ASCII, st.sampled_from(["jürgen", "иван", "例え", "jo" * 40])),
    st.sampled_from(["bücher.de", "почта.рф", "例え.jp", "e x.ü", "é" * 70 + ".fr"]),
)
def test_both_halves_parse_as_the_whole_does(local: str, domain: str) -> None:
    assume("@" not in local)
    whole = syntax._validate(f"{local}@{domain}")
    assert syntax._halves(local, domain) == whole


WORDS = default_facts().words
LISTED = sorted(
    WORDS.fake_locals
    | WORDS.broadcast_locals
    | WORDS.broadcast_heads
    | WORDS.role_hard
    | WORDS.role_soft
    | WORDS.transactional_locals
    | set(WORDS.transactional_markers)
)
PIECES = st.one_of(st.sampled_from(LISTED), LOCALS, st.sampled_from(["", "12", "anna"]))
JOINED = st.builds(
    lambda pieces, by: by.join(pieces),
    st.lists(PIECES, min_size=1, max_size=3),
    st.sampled_from(["", ".", "-", "_", "+"]),
)


def hits_unasked(address: str) -> list[str]:
    """The rules that would hit this address and are never asked about its shape."""
    facts = default_facts()
    parsed = syntax.parse(address, facts.words.reserved_suffixes)
    if isinstance(parsed, Finding):
        return []
    case = Case(*parsed, facts)
    skipped = [rule for rule in RULES if not applies(rule, case.shape)]
    return [rule.ask.__name__ for rule in skipped if rule.ask(case) is not None]


@settings(deadline=None, max_examples=2000)
@given(JOINED, DOMAINS)
def test_a_rule_that_is_not_asked_has_nothing_to_say(local: str, domain: str) -> None:
    assert hits_unasked(f"{local}@{domain}") == []


def test_no_known_address_is_kept_from_a_rule() -> None:
    known = [*PEOPLE, *(address for _, address, _ in ROWS)]
    known += [f"{word}@{domain}" for word in LISTED for domain in ("web.de", "a.com")]
    assert [address for address in known if hits_unasked(address)] == []


@settings(deadline=None, max_examples=600)
@given(st.one_of(LOCALS, JOINED, ASCII), st.sampled_from(["gmail.com", "web.de"]))
def test_what_skips_the_parser_comes_out_as_from_it(local: str, domain: str) -> None:
    address = f"{local}@{domain}"
    parsed = syntax.parse(address)
    verdict = judge(address, facts=default_facts())
    if isinstance(parsed, Finding):
        assert verdict.finding == parsed
    else:
        assert verdict.category is not Category.SYNTAX
        assert verdict.address == "@".join(parsed)


@settings(deadline=None, max_examples=300)
@given(LOCALS, DOMAINS)
def test_switching_everything_off_accepts_whatever_parses(
    local: str, domain: str
) -> None:
    facts = default_facts()
    names = ("bot", "role", "broadcast", "transactional", "disposable")
    off = Policy.from_json({"categories": dict.fromkeys(names, "off")})
    verdict = judge(f"{local}@{domain}", facts=facts, policy=off)
    assert verdict.category in {Category.VALID, Category.SYNTAX}


@pytest.mark.parametrize(
    "address",
    [
        "a" * 1_000_000,
        "a" * 500_000 + "@" + "b" * 500_000 + ".com",
        "@" * 100_000,
        "a@" + "-" * 250,
        "a." * 120 + "@acme.com",
        "a@" + "a-" * 120 + "a.com",
        "xn--" * 50 + "@xn--" + "a" * 200 + ".com",
        "\u0300" * 200 + "@acme.com",
        "\ud800@\udfff",
        "\x00@\x00",
    ],
)
def test_hostile_input_is_turned_away(facts: Facts, address: str) -> None:
    assert not judge(address, facts=facts).accepted


@pytest.mark.parametrize(
    "text", ["", "bot", "bot:mash", "bot:mash:x", "bot:mash:x:y", "nope:a:b:c@1"]
)
def test_what_is_not_evidence_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Finding.from_evidence(text)


def test_evidence_holds_colons_and_line_breaks() -> None:
    finding = Finding(Category.SYNTAX, "no-at", "a:b\nc:d", "builtin@1")
    assert finding.evidence == "syntax:no-at:a:b\\nc:d:builtin@1"
    assert Finding.from_evidence(finding.evidence).matched == "a:b\\nc:d"
