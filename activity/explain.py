"""Why is this contact (not) there? One function for the page, the API and exports.

``explain`` tells all about one contact; ``summaries`` says the gist of many. Both read
the same rows in the same fixed number of queries, however many contacts are asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from activity import words
from activity.case import ACTIONS, Answer, Case, Gone
from activity.facts import Facts, gather
from activity.gates import judge
from activity.story import (
    Badge,
    Destination,
    Explanation,
    Summary,
    VerdictView,
)
from activity.verdicts import told
from contacts.models import Contact
from contactsync.lib.clock import now
from contactsync.tenancy.models import Account
from displays.models import Signup
from integrations.flow_back_memory import RETURNS
from integrations.models import Delivery, State


def explain(contact: Contact, account: Account) -> Explanation:
    """Where the contact is, why, in whose words, and what helps. Reads only."""
    return explain_all([contact], account)[contact.pk]


def explain_all(
    contacts: Sequence[Contact], account: Account
) -> dict[UUID, Explanation]:
    """``explain`` for many contacts of one account, in eight queries."""
    facts = gather(contacts, account)
    at = now()
    return {contact.pk: _explain(contact, account, facts, at) for contact in contacts}


def summaries(contacts: Sequence[Contact], account: Account) -> dict[UUID, Summary]:
    """What a list says of each contact; the number of queries does not grow."""
    return {
        pk: summary(explanation)
        for pk, explanation in explain_all(contacts, account).items()
    }


def summary(explanation: Explanation) -> Summary:
    verdict = explanation.verdict
    if explanation.status == Contact.Status.FILTERED and verdict is not None:
        why = words.category(verdict.category)
        found = [
            Badge(
                state=words.FILTERED,
                label=words.badge(words.FILTERED, why),
                tone=words.TONES[words.FILTERED],
                place="",
            )
        ]
    else:
        found = list(
            dict.fromkeys(
                Badge(
                    state=each.state,
                    label=each.label,
                    tone=each.tone,
                    place=f"{each.provider_label} · {each.audience}".rstrip(" ·"),
                )
                for each in by_urgency(explanation.cards)
            )
        )
    return Summary(
        badges=tuple(found),
        sentence=explanation.sentence,
        evidence=verdict.evidence if verdict else "",
        source=verdict.display if verdict else "",
        explanation=explanation,
    )


def by_urgency(destinations: Iterable[Destination]) -> list[Destination]:
    order = {state: place for place, state in enumerate(words.URGENCY)}
    return sorted(destinations, key=lambda each: order.get(each.state, 0))


def _explain(
    contact: Contact, account: Account, facts: Facts, at: datetime
) -> Explanation:
    signup = facts.signups.get(contact.pk)
    verdict = _verdict(signup, facts) if signup else None
    destinations = tuple(
        _destination(case) for case in cases(contact, account, facts, at, verdict)
    )
    found = Explanation(
        contact_id=contact.pk,
        email=contact.email,
        status=contact.status,
        sentence=verdict.sentence if verdict else "",
        verdict=verdict,
        destinations=destinations,
    )
    if contact.status == Contact.Status.FILTERED or not found.cards:
        return found
    return replace(found, sentence=by_urgency(found.cards)[0].sentence)


def cases(
    contact: Contact,
    account: Account,
    facts: Facts,
    at: datetime,
    verdict: VerdictView | None,
) -> list[Case]:
    """One case per target with a delivery, per rule of the display without one, and
    per linked account that neither leads to."""
    signup = facts.signups.get(contact.pk)
    person = words.called(contact.fields.get("first_name"))
    common: dict[str, Any] = {
        "at": at,
        "person": person,
        "verdict": verdict.sentence if verdict else "",
        "todo": verdict.next_step if verdict else "",
        "suspended": account.suspended_at is not None,
    }
    found: list[Case] = []
    for row in facts.deliveries.get(contact.pk, ()):
        target = facts.targets.get(row.target_id)
        rule = facts.rule_of_target.get(row.target_id)
        added = facts.added.get((contact.pk, row.target_id))
        found.append(
            Case(
                **common,
                signup=signup,
                delivery=row,
                target=target,
                linked=target.linked_account
                if target
                else facts.linked.get(row.linked_account_id),
                rule=rule,
                display=facts.display_name(rule.display_id if rule else None),
                added_at=added if row.state != State.SYNCED else None,
                gone=_gone(facts, row, target.audience_id if target else ""),
            )
        )
    if signup is None:
        return found
    reached = {case.target.pk for case in found if case.target}
    for rule in facts.rules_of_display.get(signup.display_id, ()):
        if rule.target_id not in reached:
            found.append(
                Case(
                    **common,
                    signup=signup,
                    target=rule.target,
                    linked=rule.target.linked_account,
                    rule=rule,
                    display=facts.display_name(rule.display_id),
                )
            )
    named = {case.linked.pk for case in found if case.linked}
    for linked in facts.linked.values():
        if linked.pk not in named and linked.removed_at is None:
            found.append(
                Case(
                    **common,
                    signup=signup,
                    linked=linked,
                    display=facts.display_name(signup.display_id),
                )
            )
    if not found:
        found.append(
            Case(
                **common,
                signup=signup,
                display=facts.display_name(signup.display_id),
            )
        )
    return found


def _gone(facts: Facts, row: Delivery, audience_id: str) -> Gone | None:
    """Whether they left, or were removed, after this delivery put them there."""
    told = [
        event
        for event in facts.moves.get(row.contact_id, ())
        if event.data.get("linked_account") == str(row.linked_account_id)
        and event.data.get("audience", "") in ("", audience_id)
        and event.at >= row.changed_at
    ]
    if row.state != State.SYNCED or not told or told[-1].kind == RETURNS:
        return None
    return Gone(str(told[-1].data.get("status", "")), told[-1].at)


def _verdict(signup: Signup, facts: Facts) -> VerdictView:
    what, todo = told(signup.category, signup.rule, signup.evidence)
    return VerdictView(
        signup_id=signup.pk,
        status=signup.status,
        category=signup.category,
        rule=signup.rule,
        evidence=signup.evidence,
        sentence=what,
        next_step=todo,
        suggest=signup.suggest,
        also=tuple(signup.also),
        at=signup.at,
        display=facts.display_name(signup.display_id),
        display_id=signup.display_id,
    )


def _destination(case: Case) -> Destination:
    gates, answer = judge(case)
    row, linked, signup = case.delivery, case.linked, case.signup
    adapter = linked.adapter_class if linked else None
    state = _state(case)
    return Destination(
        provider=adapter.slug if adapter else "",
        provider_label=adapter.label if adapter else "any provider",
        glyph=adapter.glyph if adapter else "?",
        colour=adapter.colour if adapter else "",
        linked_account_id=linked.pk if linked else None,
        account_label=linked.label if linked else "",
        target_id=case.target.pk if case.target else None,
        audience=case.audience if case.target else "",
        rule_id=case.rule.pk if case.rule else None,
        display_id=case.rule.display_id
        if case.rule
        else signup.display_id
        if signup
        else None,
        display=case.display,
        delivery_id=row.pk if row else None,
        signup_id=row.signup_id if row else signup.pk if signup else None,
        state=state,
        reason=row.reason if row else "",
        label=words.badge(state, _why(case, row, signup)),
        tone="warn" if case.gone else words.TONES.get(state, ""),
        gates=gates,
        gate=answer.gate,
        sentence=answer.sentence,
        next_step=answer.next_step,
        provider_words=row.detail if row and not answer_repeats(row, answer) else "",
        action=answer.action,
        action_label=ACTIONS.get(answer.action, ""),
        attempts=row.attempts if row else 0,
        due=row.due if row else None,
        changed_at=row.changed_at if row else None,
        added_at=case.added_at,
    )


def answer_repeats(row: Delivery, answer: Answer) -> bool:
    """The provider's words are shown only while they speak of the present state."""
    ours = row.asked_by == "us" and row.state in (
        State.AWAITING_OPT_IN,
        State.SKIPPED,
    )
    return ours or row.state == State.SYNCED or row.detail == answer.sentence


def _state(case: Case) -> str:
    if case.delivery is not None:
        return case.delivery.state
    if case.signup is not None and case.signup.status == Signup.Status.FILTERED:
        return words.FILTERED
    return words.NO_RULE


def _why(case: Case, row: Delivery | None, signup: Signup | None) -> str:
    if case.gone is not None:
        return words.GONE.get(case.gone.status, words.GONE["deleted"])[1]
    if row is not None:
        return words.why(row.state, row.reason, case.provider, row.due, case.at)
    if signup is not None and signup.status == Signup.Status.FILTERED:
        return words.category(signup.category)
    return ""
