from __future__ import annotations

from dataclasses import replace

import pytest

from hygiene.case import Facts, Signals
from hygiene.judge import judge
from hygiene.policy import DEFAULT, Policy


def policy(**data: object) -> Policy:
    return Policy.from_json(data)


def test_an_empty_object_is_the_default_policy() -> None:
    assert policy() == DEFAULT


def test_a_category_can_be_switched_off(facts: Facts) -> None:
    off = policy(categories={"role": "off"})
    verdict = judge("info@acme.com", facts=facts, policy=off)
    assert verdict.accepted
    assert verdict.also == ()
    assert not judge("jo@yopmail.com", facts=facts, policy=off).accepted


def test_a_flagged_category_is_noted_but_never_decides(facts: Facts) -> None:
    flag = policy(categories={"role": "flag"})
    verdict = judge("info@acme.com", facts=facts, policy=flag)
    assert verdict.accepted
    assert [hit.rule for hit in verdict.also] == ["exact"]
    other = judge("info@yopmail.com", facts=facts, policy=flag)
    assert other.category == "disposable"
    assert [hit.category for hit in other.also] == ["role"]


@pytest.mark.parametrize(
    ("allow", "address", "accepted"),
    [
        ({"addresses": ["Info@Acme.com"]}, "info@acme.com", True),
        ({"addresses": ["info@acme.com"]}, "sales@acme.com", False),
        ({"domains": ["acme.com"]}, "info@acme.com", True),
        ({"domains": ["acme.com"]}, "info@eu.acme.com", False),
        ({"domains": ["*.acme.com"]}, "info@eu.acme.com", True),
        ({"domains": ["*.acme.com"]}, "info@acme.com", True),
        ({"domains": ["*.acme.com"]}, "info@notacme.com", False),
        ({"domains": ["yopmail.com"]}, "jo@yopmail.com", True),
        ({"domains": ["acme.com"]}, "info..x@acme.com", False),
    ],
)
def test_allow(facts: Facts, allow: object, address: str, accepted: bool) -> None:
    verdict = judge(address, facts=facts, policy=policy(allow=allow))
    assert verdict.accepted is accepted
    if accepted:
        assert verdict.rule in {"allowed-address", "allowed-domain"}
        assert verdict.evidence.endswith(":policy@tenant")


def test_deny(facts: Facts) -> None:
    deny = policy(deny={"addresses": ["jo@acme.com"], "domains": ["*.rival.com"]})
    denied = judge("jo@acme.com", facts=facts, policy=deny)
    assert denied.evidence == "denied:address:jo@acme.com:policy@tenant"
    below = judge("jo@eu.rival.com", facts=facts, policy=deny)
    assert below.evidence == "denied:domain:*.rival.com:policy@tenant"
    assert judge("al@acme.com", facts=facts, policy=deny).accepted


def test_allow_beats_deny(facts: Facts) -> None:
    both = policy(allow={"addresses": ["jo@acme.com"]}, deny={"domains": ["acme.com"]})
    assert judge("jo@acme.com", facts=facts, policy=both).accepted


@pytest.mark.parametrize(
    ("reason", "accepted"),
    [("unsubscribed", False), ("complained", False), ("bounced", True), ("trap", True)],
)
def test_allow_never_undoes_what_a_person_asked_for(
    facts: Facts, reason: str, accepted: bool
) -> None:
    known = replace(facts, suppressed={"jo@acme.com": reason}.get)
    allow = policy(allow={"addresses": ["jo@acme.com"]})
    assert judge("jo@acme.com", facts=known, policy=allow).accepted is accepted
    plain = judge("jo@acme.com", facts=known)
    assert (plain.category, plain.rule) == ("suppressed", reason)


def test_suppression_knows_the_mailbox_behind_a_tag(facts: Facts) -> None:
    known = replace(facts, suppressed={"josmith@gmail.com": "unsubscribed"}.get)
    verdict = judge("Jo.Smith+shop@googlemail.com", facts=known)
    assert (verdict.category, verdict.rule) == ("suppressed", "unsubscribed")


def test_known_bots(facts: Facts) -> None:
    known = replace(facts, known_bots={"josmith@gmail.com": "shared"}.get)
    verdict = judge("jo.smith@gmail.com", facts=known)
    assert verdict.evidence == "bot:known:jo.smith@gmail.com:shared@live"


def test_strict_masks(facts: Facts) -> None:
    strict = policy(strict_masks=True)
    verdict = judge("jo@duck.com", facts=facts, policy=strict)
    assert verdict.evidence.startswith("disposable:mask:duck.com:")
    assert judge("jo@gmail.com", facts=facts, policy=strict).accepted


@pytest.mark.parametrize(
    ("signals", "rule"),
    [
        (Signals(), ""),
        (Signals(honeypot="  "), ""),
        (Signals(honeypot="http://spam"), "honeypot"),
        (Signals(elapsed_ms=999), "too-fast"),
        (Signals(elapsed_ms=1000), ""),
    ],
)
@pytest.mark.parametrize("address", ["jo@gmail.com", "jo@duck.com"])
def test_signals(facts: Facts, address: str, signals: Signals, rule: str) -> None:
    verdict = judge(address, facts=facts, signals=signals)
    assert verdict.accepted is (rule == "")
    if rule:
        assert (verdict.category, verdict.rule) == ("bot", rule)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "policy: must be an object"),
        ({"colour": 1}, "colour: unknown field"),
        ({"categories": ["role"]}, "categories: must be an object"),
        ({"categories": {"roles": "on"}}, "categories.roles: unknown field"),
        ({"categories": {"syntax": "off"}}, "categories.syntax: unknown field"),
        ({"categories": {"role": True}}, "categories.role: must be on, off or flag"),
        ({"categories": {"role": "no"}}, "categories.role: must be on, off or flag"),
        ({"strict_masks": "yes"}, "strict_masks: must be true or false"),
        ({"allow": {"address": []}}, "allow.address: unknown field"),
        ({"allow": {"addresses": "jo@x.com"}}, "allow.addresses: must be a list"),
        ({"allow": {"addresses": ["jo"]}}, "allow.addresses[0]: not an email address"),
        ({"deny": {"domains": ["a.com", 5]}}, "deny.domains[1]: must be text"),
        ({"deny": {"domains": ["a b.com"]}}, "deny.domains[0]: not a domain name"),
        ({"deny": {"domains": [""]}}, "deny.domains[0]: not a domain name"),
        ({"deny": {"domains": ["x@y.com"]}}, "deny.domains[0]: not a domain name"),
    ],
)
def test_from_json_names_the_field_at_fault(data: object, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        Policy.from_json(data)
    assert str(caught.value) == message
