"""Why a contact is not where a rule wants it: one answer. Pure.

By the delivery's state first, then by its reason; without a delivery by the signup and
the rule. ``activity.gates`` draws the five gates from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from activity import words
from activity.case import ACTIONS, BAD, NOW, OK, Answer, Case, Gone
from displays.models import Signup
from integrations.adapters.errors import Reason
from integrations.mapping import holds, matches
from integrations.models import Delivery, LinkedAccount, State
from integrations.options import SIGNUP_FIELDS
from integrations.reasons import Fix, fix_for

WAIT = "Nothing to do: it goes on by itself."
LATER = (
    "It is for signups from then on. To send this contact too, ask them to sign up "
    "once more, or upload them under Clean your email list and import them."
)
BEFORE = (
    "It is for signups from then on. To send this contact too, open Sync Integrations "
    "and send the people who signed up before."
)

# Which gate a reason shuts; any other shuts the last one.
AT_RULE = frozenset((Reason.CONDITION, Reason.NO_CONSENT, Reason.SUPPRESSED))
AT_CONNECTION = frozenset(
    (
        *(Reason.AUTH_EXPIRED, Reason.AUTH_REVOKED, Reason.AUTH_TRANSIENT),
        *(Reason.SCOPE, Reason.QUOTA, Reason.RATE, Reason.PAUSED, Reason.SUSPENDED),
        Reason.UNLINKED,
        *(Reason.SERVER, Reason.NETWORK, Reason.TIMEOUT, Reason.CURSOR_EXPIRED),
    )
)


def shut(case: Case) -> tuple[Answer, str, str]:
    """The answer, and the status and text of the gate that it names."""
    if case.delivery is not None:
        return of_delivery(case, case.delivery)
    if case.signup is None:
        return (
            Answer("signup", "There is no signup of this contact."),
            BAD,
            "No signup",
        )
    if case.signup.status == Signup.Status.FILTERED:
        title = words.category(case.signup.category)
        return Answer("signup", case.verdict, case.todo), BAD, title.capitalize()
    return of_rule(case, case.signup)


def of_rule(case: Case, signup: Signup) -> tuple[Answer, str, str]:
    """Why an accepted signup has no delivery for this destination."""
    rule, display = case.rule, case.display or "the display"
    if rule is None:
        return (
            Answer(
                "rule",
                f"No sync rule sends the signups of {display} to {case.provider}.",
                "Add one in the display's settings. It is for signups from then on.",
                "edit_rule",
            ),
            BAD,
            "No rule for this display",
        )
    if rule.removed_at or not rule.enabled:
        return (
            Answer(
                "rule",
                f"The rule of {display} to {case.provider} is switched off.",
                "Switch it on for signups from then on.",
                "edit_rule",
            ),
            BAD,
            "Switched off",
        )
    if case.linked is not None and case.linked.removed_at:
        return (
            Answer(
                "connection",
                f"The {case.provider} account was unlinked.",
                "Link it again, then choose it in the rule.",
                "reconnect",
            ),
            BAD,
            "Unlinked",
        )
    if case.linked is not None and case.linked.environment != signup.environment:
        return (
            Answer(
                "rule",
                f"This was a {signup.environment} signup, and the linked account is "
                f"for {case.linked.environment} ones.",
                "Sign up with a key of the same environment.",
            ),
            BAD,
            "Other environment",
        )
    if rule.created_at > signup.at:
        return (
            Answer(
                "rule",
                f"The rule was added {words.ago(rule.created_at, case.at)}, after "
                "this signup.",
                BEFORE,
                "backfill",
            ),
            BAD,
            "Added after the signup",
        )
    if rule.changed_at > signup.at:
        return (
            Answer(
                "rule",
                f"The rule was changed {words.ago(rule.changed_at, case.at)}, and was "
                "not in force at the time of this signup.",
                LATER,
            ),
            BAD,
            "Not in force then",
        )
    fix = fix_for(Reason.INTERNAL, case.provider)
    assert fix is not None
    return (
        Answer("rule", "The rule is in force, and nothing was sent.", fix.sentence),
        BAD,
        "Should have matched",
    )


def of_delivery(case: Case, row: Delivery) -> tuple[Answer, str, str]:
    """The answer of a delivery: by its state first, then by its reason."""
    fix = fix_for(row.reason, case.provider)
    gate = gate_of(row.reason)
    if row.state in (State.PENDING, State.HELD) and conditions_unmet(case):
        met = replace_reason(row, Reason.CONDITION)
        fix = fix_for(Reason.CONDITION, case.provider)
        return of_fix(case, met, fix, "rule"), BAD, short(met, fix)
    match row.state:
        case State.SYNCED:
            if case.gone is not None:
                return gone(case, case.gone)
            added = f"{case.person} is in {case.audience} in {case.provider}."
            return Answer("", added), OK, ""
        case State.AWAITING_OPT_IN:
            return awaiting(case, row)
        case State.SUBMITTED:
            sentence = f"{case.provider} took it and has not told the result yet."
            return Answer(ahead(case), sentence, WAIT), NOW, "Result not known yet"
        case State.SENDING:
            sentence = f"It is being sent to {case.provider} right now."
            return Answer(ahead(case), sentence, WAIT), NOW, "Being sent"
        case State.PENDING:
            return pending(case, row, fix, gate)
        case State.SKIPPED if row.reason == Reason.EXISTING and fix:
            return Answer("", fix.sentence, fix.next_step, fix.action), OK, ""
        case State.FAILED:
            return failed(case, row, fix, gate)
    status = NOW if row.state == State.HELD and fix and fix.action == "wait" else BAD
    return of_fix(case, row, fix, gate), status, short(row, fix)


def gone(case: Case, left: Gone) -> tuple[Answer, str, str]:
    """They were there, and the provider told that they are not any more."""
    said, short_words, remedy = words.GONE.get(left.status, words.GONE["deleted"])
    sentence = said.format(
        person=case.person, provider=case.provider, ago=words.ago(left.at, case.at)
    )
    return Answer("audience", sentence, remedy), BAD, short_words.capitalize()


def ahead(case: Case) -> str:
    """The gate that a contact on its way comes to next."""
    return "opt_in" if case.asks else "audience"


def gate_of(reason: str) -> str:
    if reason in AT_RULE:
        return "rule"
    return "connection" if reason in AT_CONNECTION else "audience"


def of_fix(case: Case, row: Delivery, fix: Fix | None, gate: str) -> Answer:
    """The catalogue's words; where there are none, the state's own."""
    if fix is None:
        label = words.LABELS.get(row.state, row.state)
        return Answer(gate, f"{label}, and no reason was recorded.", "", "")
    missed = ""
    if row.reason == Reason.CONDITION:
        missed = ", ".join(conditions_not_met(case))
    return Answer(
        gate,
        fix.sentence,
        f"Not met: {missed}. {fix.next_step}" if missed else fix.next_step,
        button(row, fix),
    )


def button(row: Delivery, fix: Fix) -> str:
    """The button that helps: never one that would do nothing in this state."""
    if row.reason == Reason.NOT_CONFIRMED and row.asked_by == "us":
        return "resend"
    if fix.action == "retry" and row.state not in (State.FAILED, State.PENDING):
        return ""
    return fix.action if fix.action in ACTIONS else ""


def short(row: Delivery, fix: Fix | None) -> str:
    title = fix.title if fix else words.LABELS.get(row.state, row.state)
    return title[:1].upper() + title[1:]


def awaiting(case: Case, row: Delivery) -> tuple[Answer, str, str]:
    """Asked, not confirmed; and where we cannot look, that comes first."""
    if row.asked_by == "us":
        return asked_by_us(case, row)
    if case.linked is None or case.linked.status != LinkedAccount.Status.CONNECTED:
        reason = case.linked.reason if case.linked else ""
        fix = fix_for(reason, case.provider)
        return (
            Answer(
                "connection",
                f"{case.person} was asked to confirm, and we cannot see whether they "
                f"did: the connection to {case.provider} does not work.",
                fix.next_step if fix else "",
                fix.action if fix and fix.action in ACTIONS else "",
            ),
            BAD,
            fix.title.capitalize() if fix else "Not connected",
        )
    return (
        Answer(
            "opt_in",
            f"{case.person} has not clicked the confirmation email yet.",
            f"{case.provider} was given the contact "
            f"{words.ago(row.created_at, case.at)} and shows it as pending. Nothing "
            "is wrong with the connection.",
            "check",
        ),
        NOW,
        "Asked, not confirmed yet",
    )


def asked_by_us(case: Case, row: Delivery) -> tuple[Answer, str, str]:
    """Our own mail: on its way, out, delivered, or back."""
    fix = fix_for(row.reason, case.provider)
    if fix is None:
        return Answer("opt_in", f"{case.person} is asked to confirm."), NOW, "Asked"
    bounced = row.reason == Reason.OPT_IN_BOUNCED
    return (
        Answer(
            "opt_in",
            fix.sentence,
            f"{row.detail} {fix.next_step}".strip(),
            "" if row.reason == Reason.OPT_IN_QUEUED else "resend",
        ),
        BAD if bounced else NOW,
        short(row, fix),
    )


def pending(
    case: Case, row: Delivery, fix: Fix | None, gate: str
) -> tuple[Answer, str, str]:
    """Waiting: for its turn, for the next try, or for something that is broken."""
    linked = case.linked
    if linked is not None and linked.status != LinkedAccount.Status.CONNECTED:
        fix = fix_for(linked.reason, case.provider)
        held = replace_reason(row, linked.reason)
        return of_fix(case, held, fix, "connection"), BAD, short(held, fix)
    if case.suspended:
        fix = fix_for(Reason.SUSPENDED, case.provider)
        held = replace_reason(row, Reason.SUSPENDED)
        return of_fix(case, held, fix, "connection"), NOW, short(held, fix)
    due = max(row.due, linked.not_before or row.due) if linked else row.due
    if fix is None:
        sentence = (
            "It is next in line to be sent."
            if due <= case.at
            else f"It is sent {words.until(due, case.at)}."
        )
        return Answer(ahead(case), sentence, WAIT), NOW, "Waiting to be sent"
    again = f"The next try is {words.until(due, case.at)}"
    return (
        Answer(gate, fix.sentence, f"{again} (try {row.attempts + 1}).", "retry"),
        NOW,
        f"Retry {words.until(due, case.at)}",
    )


def replace_reason(row: Delivery, reason: str) -> Delivery:
    """An unsaved copy, so that what is said is said of the cause that counts now."""
    return Delivery(state=row.state, reason=reason)


def failed(
    case: Case, row: Delivery, fix: Fix | None, gate: str
) -> tuple[Answer, str, str]:
    """Given up. Whatever the reason was, trying again by hand is what is left."""
    answer = of_fix(case, row, fix, gate)
    tries = f" We gave up after {words.several(row.attempts, 'try', 'tries')}."
    transient = fix is not None and fix.action == "wait"
    return (
        replace(
            answer,
            sentence=answer.sentence + (tries if transient else ""),
            next_step="Press Retry now to send it again."
            if transient
            else answer.next_step,
            action="retry",
        ),
        BAD,
        short(row, fix),
    )


def conditions_unmet(case: Case) -> bool:
    """Whether the rule will not send it, as its conditions are now."""
    if case.target is None or case.delivery is None:
        return False
    target = case.target
    return not matches(target.conditions, target.match, case.delivery.payload)


def conditions_not_met(case: Case) -> Sequence[str]:
    """The rule's conditions that this signup does not meet, in words."""
    if case.target is None or case.delivery is None:
        return ()
    return [
        " ".join(
            part
            for part in (
                field_words(str(each.get("field", ""))),
                str(each.get("op", "is")).replace("_", " "),
                str(each.get("value", "")),
            )
            if part
        )
        for each in case.target.conditions
        if not holds(each, case.delivery.payload)
    ]


def field_words(name: str) -> str:
    """A signup field as the rule editor calls it, in the middle of a sentence."""
    known = SIGNUP_FIELDS.get(name, "")
    if known:
        return known if known.startswith("UTM") else known[:1].lower() + known[1:]
    return name.removeprefix("fields.").replace("_", " ").replace(".", " ")
