"""The votes and the verdict say the same thing."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hygiene.case import Facts, Signals
from hygiene.catalogue import explain
from hygiene.facts import default_facts
from hygiene.judge import HOST_RULES, RULES, judge
from hygiene.policy import DEFAULT, Mode, Policy
from hygiene.rules.syntax import parse
from hygiene.verdict import Finding
from hygiene.votes import Outcome, votes

from .test_categories import ROWS
from .test_people import MASKS, PEOPLE

LISTED = {
    "info@acme.com": "unsubscribed",
    "jo@gmail.com": "trap",
    "jo@acme.com": "complained",
}
ADDRESSES = st.sampled_from(
    [*LISTED, *PEOPLE, *MASKS, *(address for _, address, _ in ROWS)]
)
MODES = st.fixed_dictionaries(
    {},
    optional={
        name: st.sampled_from(["on", "off", "flag"])
        for name in ("bot", "role", "broadcast", "transactional", "disposable")
    },
)
ENTRIES = st.lists(ADDRESSES, max_size=3)


def listing(addresses: list[str]) -> dict[str, list[str]]:
    sound = [a for a in addresses if not isinstance(parse(a), Finding)]
    return {"addresses": sound, "domains": [a.split("@")[1] for a in sound[:1]]}


@settings(deadline=None, max_examples=400)
@given(ADDRESSES, MODES, ENTRIES, ENTRIES, st.booleans(), st.booleans(), st.booleans())
def test_the_first_deciding_vote_is_the_verdict(
    address: str,
    modes: dict[str, str],
    allow: list[str],
    deny: list[str],
    strict: bool,
    listed: bool,
    filled: bool,
) -> None:
    policy = Policy.from_json(
        {
            "categories": modes,
            "allow": listing(allow),
            "deny": listing(deny),
            "strict_masks": strict,
        }
    )
    given = {
        "facts": default_facts(),
        "policy": policy,
        "suppressed": LISTED.get if listed else None,
        "signals": Signals(honeypot="x") if filled else None,
    }
    verdict = judge(address, **given)
    cast = votes(address, **given)
    deciding = [vote for vote in cast if vote.outcome is Outcome.DECIDES]
    assert [vote.finding for vote in deciding] == (
        [verdict.finding] if verdict.finding else []
    )
    for vote in cast:
        assert vote.hit is (vote.outcome is not Outcome.CLEAR)
        assert explain(*vote.explains)
        if vote.outcome is Outcome.DECIDES:
            break
        # Nothing that counts stands before what decides.
        assert vote.outcome is not Outcome.ALSO
        assert (vote.outcome is Outcome.FLAG) <= (vote.mode is Mode.FLAG)
    counted = {Outcome.ALSO, Outcome.FLAG}
    kept = [vote.finding for vote in cast if vote.outcome in counted]
    assert [hit for hit in kept if hit in verdict.also] == list(verdict.also)


@pytest.mark.parametrize(
    ("address", "modes", "outcomes"),
    [
        ("jo@gmail.com", {}, {}),
        ("info@yopmail.com", {}, {"disposable": "decides", "role-word": "also"}),
        ("info@acme.com", {"role": "flag"}, {"role-word": "flag"}),
        ("info@acme.com", {"role": "off"}, {"role-word": "off"}),
        ("info@duck.com", {}, {"mask": "decides", "role-word": "passed"}),
        ("info", {}, {"syntax": "decides"}),
    ],
)
def test_what_becomes_of_each_vote(
    facts: Facts, address: str, modes: dict[str, str], outcomes: dict[str, str]
) -> None:
    policy = Policy.from_json({"categories": modes}) if modes else DEFAULT
    cast = votes(address, facts=facts, policy=policy)
    assert {vote.rule: vote.outcome for vote in cast if vote.hit} == outcomes


def test_a_tenants_own_suppressions_take_the_place_of_the_facts(facts: Facts) -> None:
    lookup = {"jo@acme.com": "admin"}.get
    assert judge("jo@acme.com", facts=facts).accepted
    verdict = judge("jo@acme.com", facts=facts, suppressed=lookup)
    assert verdict.evidence == "suppressed:admin:jo@acme.com:suppressions@live"
    allow = Policy.from_json({"allow": {"addresses": ["jo@acme.com"]}})
    assert judge("jo@acme.com", facts=facts, suppressed=lookup, policy=allow).accepted


def test_an_allowed_address_keeps_what_would_have_been_said(facts: Facts) -> None:
    allow = Policy.from_json({"allow": {"domains": ["acme.com"]}})
    verdict = judge("info@acme.com", facts=facts, policy=allow)
    assert verdict.accepted
    assert [hit.rule for hit in verdict.also] == ["exact"]


def test_every_rule_votes_once(facts: Facts) -> None:
    cast = [vote.rule for vote in votes("jo@acme.com", facts=facts)]
    assert len(cast) == len(set(cast)) == len(HOST_RULES) + len(RULES) + 8


@pytest.mark.parametrize(("category", "address", "rule"), ROWS)
def test_a_rule_only_finds_what_it_names(
    facts: Facts, category: str, address: str, rule: str
) -> None:
    for vote in votes(address, facts=facts):
        if vote.finding and vote.rule != "syntax":
            assert vote.finding.rule in vote.finds
            assert vote.finding.category is vote.category
