"""The one call the API, the signup endpoint and imports make."""

from __future__ import annotations

from hygiene.case import Person, Signals
from hygiene.facts import default_facts
from hygiene.judge import judge
from hygiene.policy import DEFAULT, Policy
from hygiene.verdict import Verdict


def check(
    address: str,
    *,
    policy: Policy | None = None,
    first_name: str = "",
    last_name: str = "",
    signals: Signals | None = None,
) -> Verdict:
    """Judge an address with this process's lists. Never raises, does no network I/O."""
    person = Person(first_name, last_name) if first_name or last_name else None
    return judge(
        address,
        facts=default_facts(),
        policy=DEFAULT if policy is None else policy,
        person=person,
        signals=signals,
    )
