"""Asking the filter again: a list may have been cleaned weeks before it is imported.

Since then the tenant may have denied a domain or changed the policy, people may have
left, and the installation's lists know more.
"""

from __future__ import annotations

from collections.abc import Sequence

from connections.store import Person
from hygiene import case
from hygiene.cleaning.snapshot import suppression_lookup
from hygiene.facts import default_facts
from hygiene.judge import judge
from hygiene.known import trap_lookup
from hygiene.policies import policy_for
from hygiene.verdict import Category


def turned_away(account_id: int, people: Sequence[Person]) -> dict[int, Category]:
    """Row number -> category, of those whom the filter turns away now.

    Somebody suppressed under another spelling of the mailbox is among them.
    """
    facts, policy = default_facts(), policy_for(account_id)
    suppressed = suppression_lookup(
        account_id, (person.email for person in people), trap_lookup()
    )
    found: dict[int, Category] = {}
    for person in people:
        verdict = judge(
            person.email,
            facts=facts,
            policy=policy,
            person=case.Person(
                person.fields.get("first_name", ""), person.fields.get("last_name", "")
            ),
            suppressed=suppressed,
        )
        if verdict.category is not Category.VALID:
            found[person.row] = verdict.category
    return found
