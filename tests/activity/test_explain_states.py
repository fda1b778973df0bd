"""Every state and reason shuts the right gate, and says so in one sentence."""

from __future__ import annotations

from datetime import timedelta

import pytest

from activity.explain import explain
from contactsync.lib.clock import now
from contactsync.tenancy.models import Account
from displays.models import Display
from integrations.adapters.errors import Reason
from integrations.holding import account_break, target_break
from integrations.models import Delivery, LinkedAccount, State
from integrations.reasons import FIXES, NO_OVERRIDE, fix_for
from integrations.services import linked_account_pause, linked_account_unlink
from tests.activity import factories as make

pytestmark = pytest.mark.django_db

CONNECTION = {
    *(Reason.AUTH_EXPIRED, Reason.AUTH_REVOKED, Reason.AUTH_TRANSIENT, Reason.SCOPE),
    *(Reason.QUOTA, Reason.RATE, Reason.PAUSED, Reason.SUSPENDED, Reason.SERVER),
    *(Reason.NETWORK, Reason.TIMEOUT, Reason.CURSOR_EXPIRED, Reason.UNLINKED),
}
RULE = {Reason.CONDITION, Reason.NO_CONSENT, Reason.SUPPRESSED}


def expected_gate(reason: Reason) -> str:
    return (
        "connection"
        if reason in CONNECTION
        else "rule"
        if reason in RULE
        else ("audience")
    )


def statuses(told) -> list[str]:
    return [gate.status for gate in told.gates]


@pytest.mark.parametrize("reason", list(Reason))
@pytest.mark.parametrize("state", [State.HELD, State.REJECTED])
def test_a_stopped_delivery_says_the_catalogue_s_sentence(
    acme: Account,
    display: Display,
    linked: LinkedAccount,
    reason: Reason,
    state: State,
) -> None:
    make.rule(display, linked)
    contact = make.signup(display, "mira@example.com")
    make.settle(contact, state, reason.value, "Their words.")

    (told,) = explain(contact, acme).destinations

    fix = fix_for(reason, "Mailchimp")
    assert fix is not None
    assert told.gate == expected_gate(reason)
    assert told.sentence == fix.sentence
    assert fix.next_step in told.next_step
    assert told.provider_words == "Their words."
    assert told.label == f"{state.label} ({fix.title})"
    order = ["signup", "rule", "connection", "opt_in", "audience"].index(told.gate)
    assert statuses(told)[:order] == ["ok"] * order
    assert statuses(told)[order] in ("bad", "now")
    assert statuses(told)[order + 1 :] == ["todo"] * (4 - order)
    # Retry does nothing for a row that is held or rejected, so it is not offered.
    assert told.action in ("", "reconnect", "test", "edit_rule")


@pytest.mark.parametrize("reason", [r for r in Reason if r not in RULE])
def test_a_failed_delivery_offers_retry(
    acme: Account, display: Display, linked: LinkedAccount, reason: Reason
) -> None:
    make.rule(display, linked)
    contact = make.signup(display, "mira@example.com")
    make.settle(contact, State.FAILED, reason.value)

    (told,) = explain(contact, acme).destinations

    assert told.action == "retry"
    assert told.gate == expected_gate(reason)
    assert told.sentence.startswith(fix_for(reason, "Mailchimp").sentence)
    assert ("gave up after 1 try" in told.sentence) == (FIXES[reason].action == "wait")


@pytest.mark.parametrize("reason", [r for r in Reason if FIXES[r].action == "wait"])
def test_a_delivery_to_be_retried_says_when(
    acme: Account, display: Display, linked: LinkedAccount, reason: Reason
) -> None:
    make.rule(display, linked)
    contact = make.signup(display, "mira@example.com")
    make.settle(
        contact,
        State.PENDING,
        reason.value,
        due=now() + timedelta(minutes=5, seconds=30),
    )

    (told,) = explain(contact, acme).destinations

    assert told.gate == expected_gate(reason)
    assert told.label == "Waiting (retry in 5 min)"
    assert "in 5 min" in told.next_step
    assert "now" in statuses(told)
    assert told.action == "retry"


def test_a_new_delivery_is_next_in_line(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    make.rule(display, linked)
    contact = make.signup(display, "mira@example.com")

    (told,) = explain(contact, acme).destinations

    assert (told.gate, told.label) == ("audience", "Waiting")
    assert told.sentence == "It is next in line to be sent."
    assert statuses(told) == ["ok", "ok", "ok", "ok", "now"]


def test_a_delivery_waits_until_the_account_may_send(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    make.rule(display, linked)
    contact = make.signup(display, "mira@example.com")
    LinkedAccount.objects.update(not_before=now() + timedelta(minutes=3, seconds=9))

    (told,) = explain(contact, acme).destinations

    assert told.sentence == "It is sent in 3 min."


def test_being_sent(acme: Account, display: Display, linked: LinkedAccount) -> None:
    make.rule(display, linked)
    contact = make.signup(display, "mira@example.com")
    make.claim(contact)

    (told,) = explain(contact, acme).destinations

    assert (told.state, told.gate) == (State.SENDING, "audience")
    assert told.sentence == "It is being sent to Mailchimp right now."


def test_submitted(acme: Account, display: Display, linked: LinkedAccount) -> None:
    make.rule(display, linked)
    contact = make.signup(display, "mira@example.com")
    make.settle(contact, State.SUBMITTED)

    (told,) = explain(contact, acme).destinations

    assert told.sentence == "Mailchimp took it and has not told the result yet."
    assert statuses(told)[-1] == "now"


def test_synced_is_green_all_through(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    make.rule(display, linked)
    contact = make.signup(display, "mira@example.com")
    make.settle(contact, State.SYNCED, detail="Added.")

    (told,) = explain(contact, acme).destinations

    assert statuses(told) == ["ok"] * 5
    assert (told.gate, told.action, told.provider_words) == ("", "", "")
    assert told.title == "This contact is in Mailchimp"
    assert told.sentence == "Mira is in VIP early access in Mailchimp."


def test_double_opt_in_waits_for_the_person(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    make.rule(display, linked, double_opt_in=True)
    contact = make.signup(display, "mira@example.com")
    make.settle(contact, State.AWAITING_OPT_IN)

    (told,) = explain(contact, acme).destinations

    assert told.gate == "opt_in"
    assert told.label == "Pending (double opt-in)"
    assert told.sentence == "Mira has not clicked the confirmation email yet."
    assert told.action == "check"
    assert statuses(told) == ["ok", "ok", "ok", "now", "todo"]


def test_an_opt_in_that_cannot_be_looked_up_is_about_the_connection(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    make.rule(display, linked, double_opt_in=True)
    contact = make.signup(display, "mira@example.com")
    make.settle(contact, State.AWAITING_OPT_IN)
    account_break(linked, Reason.AUTH_REVOKED.value, "API Key Invalid")

    (told,) = explain(contact, acme).destinations

    assert (told.gate, told.action) == ("connection", "reconnect")
    assert "cannot see whether they did" in told.sentence


def test_before_it_is_sent_the_opt_in_has_not_been_asked(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    sync_rule = make.rule(display, linked, double_opt_in=True)
    contact = make.signup(display, "mira@example.com")
    assert statuses(explain(contact, acme).destinations[0])[3:] == ["now", "todo"]

    target_break(sync_rule.target, Reason.TARGET_MISSING.value, "Not found")
    told = explain(contact, acme).destinations[0]
    assert statuses(told)[3:] == ["todo", "bad"]
    assert told.gates[3].text == "Asked when it is sent"


def test_there_already_counts_as_there(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    make.rule(display, linked, update_existing=False)
    contact = make.signup(display, "mira@example.com")
    make.settle(contact, State.SKIPPED, Reason.EXISTING.value)

    (told,) = explain(contact, acme).destinations

    assert (told.gate, told.there) == ("", True)
    assert told.label == "Skipped (is there already)"


def test_paused_account(acme: Account, display: Display, linked: LinkedAccount) -> None:
    make.rule(display, linked)
    contact = make.signup(display, "mira@example.com")
    linked_account_pause(linked)

    (told,) = explain(contact, acme).destinations

    assert told.label == "Held (account is paused)"
    assert (told.gate, told.action) == ("connection", "test")


def test_unlinked_account(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    make.rule(display, linked)
    contact = make.signup(display, "mira@example.com")
    linked_account_unlink(linked)

    (told,) = explain(contact, acme).destinations

    assert told.sentence.startswith("The linked account was unlinked.")
    assert "choose it in the rule" in told.next_step


def test_suspended_account_holds_and_says_so(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    make.rule(display, linked)
    contact = make.signup(display, "mira@example.com")
    acme.suspended_at = now()
    acme.save()

    (told,) = explain(contact, acme).destinations

    assert told.gate == "connection"
    assert told.sentence.startswith("Sending is suspended")


def test_provider_rejection_says_that_there_is_no_override(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    make.rule(display, linked)
    contact = make.signup(display, "mira@example.com")
    said = "mira@example.com looks fake or invalid, please enter a real email address."
    make.settle(contact, State.REJECTED, Reason.ADDRESS_FAKE.value, said)

    (told,) = explain(contact, acme).destinations

    assert told.label == "Rejected (looks fake)"
    assert NO_OVERRIDE.replace("{provider}", "Mailchimp") in told.next_step
    assert told.provider_words == said


@pytest.mark.parametrize("category", list(make.EVIDENCE))
def test_each_filter_category_shuts_the_first_gate(
    acme: Account, display: Display, linked: LinkedAccount, category: str
) -> None:
    make.rule(display, linked)
    contact = make.signup(display, "someone@example.com", category=category)

    explanation = explain(contact, acme)

    (told,) = explanation.cards
    assert (told.state, told.gate) == ("filtered", "signup")
    assert statuses(told) == ["bad", "todo", "todo", "todo", "todo"]
    assert told.label.startswith("Rejected (")
    assert explanation.verdict is not None
    assert explanation.verdict.evidence == make.EVIDENCE[category][1]
    assert explanation.verdict.rule == make.EVIDENCE[category][0]
    assert explanation.sentence == told.sentence != ""
    assert not Delivery.objects.exists()
