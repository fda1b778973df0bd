"""Five questions between a signup and an audience, asked in order. Pure.

The first gate that is bad or waits is the answer. Nothing here reads the data base or
the clock: ``activity.explain`` gathers a ``Case`` and gets back what to say of it.
"""

from __future__ import annotations

from activity import words
from activity.answers import shut
from activity.case import OK, TITLES, TODO, Answer, Case, Gate
from integrations.adapters.errors import Reason
from integrations.mapping import holds
from integrations.models import State

ANSWERED = (State.SUBMITTED, State.AWAITING_OPT_IN, State.SYNCED, State.REJECTED)


def judge(case: Case) -> tuple[tuple[Gate, ...], Answer]:
    """The five gates and the answer for one contact and one destination."""
    answer, status, text = shut(case)
    texts = green(case)
    names = [name for name, _ in TITLES]
    stop = names.index(answer.gate) if answer.gate else len(names)
    found = []
    for position, (name, title) in enumerate(TITLES):
        if name == "opt_in" and position < stop < len(names) and case.asks:
            found.append(Gate(name, title, TODO, not_asked(case)))
        elif position < stop:
            found.append(Gate(name, title, OK, texts[name]))
        elif position == stop:
            found.append(Gate(name, title, status, text))
        else:
            after = "After they confirm" if answer.gate == "opt_in" else ""
            found.append(Gate(name, title, TODO, after))
    return tuple(found), answer


def not_asked(case: Case) -> str:
    """Under the opt-in gate, when it is the audience that turns the contact away."""
    refused = case.delivery is not None and case.delivery.state == State.REJECTED
    return "Not confirmed" if refused else "Asked when it is sent"


def green(case: Case) -> dict[str, str]:
    """What stands under a gate that is open."""
    conditions = len(case.target.conditions) if case.target else 0
    opt_in = (
        "Confirmed, or subscribed before"
        if case.asks
        else "The rule does not ask for it"
    )
    return {
        "signup": "Your filter let it in",
        "rule": matched(case, conditions),
        "connection": connected(case),
        "opt_in": opt_in,
        "audience": "There already, left as it is"
        if case.delivery is not None and case.delivery.reason == Reason.EXISTING
        else f"Since {words.ago(case.delivery.changed_at, case.at)}"
        if case.delivery is not None and case.delivery.state == State.SYNCED
        else "",
    }


def connected(case: Case) -> str:
    """How we know that the connection works: this very delivery, or the last test."""
    row = case.delivery
    if row is not None and (row.state in ANSWERED or row.reason == Reason.EXISTING):
        return f"{case.provider} answered"
    if case.linked is not None and case.linked.tested_at:
        return f"Tested {words.ago(case.linked.tested_at, case.at)}"
    return "Connected, not tested yet"


def matched(case: Case, conditions: int) -> str:
    if case.rule is None:
        return "Imported list"
    if not conditions:
        return "Every signup"
    assert case.target is not None
    if case.delivery is None:
        return words.several(conditions, "condition")
    met = sum(holds(each, case.delivery.payload) for each in case.target.conditions)
    return f"{met} of {words.several(conditions, 'condition')}"
