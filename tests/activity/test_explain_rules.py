"""Why a rule sent nothing: its conditions, its absence, its switch, its date."""

from __future__ import annotations

import pytest

from activity.explain import explain
from contactsync.tenancy.models import Account
from displays.models import Display
from displays.services import rule_remove, rule_set_enabled
from integrations.adapters.errors import Reason
from integrations.models import Delivery, LinkedAccount, State
from tests.activity import factories as make

pytestmark = pytest.mark.django_db


def test_condition_not_met_names_the_condition(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    make.rule(
        display,
        linked,
        conditions=[
            {"field": "country", "op": "is", "value": "Ireland"},
            {"field": "first_name", "op": "is", "value": "mira"},
        ],
    )
    contact = make.signup(display, "mira@example.com")
    make.settle(contact, State.SKIPPED, Reason.CONDITION.value)

    (told,) = explain(contact, acme).destinations

    assert (told.gate, told.action) == ("rule", "edit_rule")
    assert told.label == "Skipped (rule does not apply)"
    assert told.next_step.startswith("Not met: country is Ireland.")


def test_no_rule_for_this_display(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    contact = make.signup(display, "mira@example.com")

    (told,) = explain(contact, acme).cards

    assert (told.state, told.label, told.gate) == ("no_rule", "No rule", "rule")
    assert told.sentence == (
        "No sync rule sends the signups of Spring welcome popup to Mailchimp."
    )
    assert told.action == "edit_rule"


def test_no_linked_account_at_all(acme: Account, display: Display) -> None:
    contact = make.signup(display, "mira@example.com")

    (told,) = explain(contact, acme).cards

    assert told.title == "Why was this signup not sent anywhere?"
    assert told.linked_account_id is None


def test_a_rule_that_came_later(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    contact = make.signup(display, "mira@example.com")
    make.rule(display, linked)

    (told,) = explain(contact, acme).cards

    assert "after this signup" in told.sentence
    assert told.gate == "rule"


def test_a_rule_that_is_off(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    sync_rule = make.rule(display, linked)
    rule_set_enabled(rule=sync_rule, enabled=False)
    contact = make.signup(display, "mira@example.com")

    (told,) = explain(contact, acme).cards

    assert told.sentence.endswith("to Mailchimp is switched off.")

    rule_set_enabled(rule=sync_rule, enabled=True)
    (told,) = explain(contact, acme).cards
    assert "not in force at the time" in told.sentence


def test_a_test_signup_does_not_go_to_a_live_account(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    make.rule(display, linked)
    contact = make.signup(display, "mira@example.com", environment="test")

    (told,) = explain(contact, acme).cards

    assert told.sentence.startswith("This was a test signup")


def test_a_rule_in_force_without_a_delivery_is_our_mistake_and_says_so(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    make.rule(display, linked)
    contact = make.signup(display, "mira@example.com")
    Delivery.objects.all().delete()

    (told,) = explain(contact, acme).cards

    assert told.sentence == "The rule is in force, and nothing was sent."
    assert told.gates[1].status == "bad"


def test_a_removed_rule_still_explains_what_it_sent(
    acme: Account, display: Display, linked: LinkedAccount
) -> None:
    sync_rule = make.rule(display, linked)
    contact = make.signup(display, "mira@example.com")
    make.settle(contact, State.SYNCED)
    rule_remove(rule=sync_rule)

    (told,) = explain(contact, acme).destinations

    assert told.there and told.rule_id == sync_rule.pk


@pytest.mark.parametrize("state", [State.HELD, State.PENDING])
def test_what_waits_and_does_not_meet_the_conditions_is_not_called_matched(
    acme: Account, display: Display, linked: LinkedAccount, state: State
) -> None:
    condition = {"field": "utm.campaign", "op": "is", "value": "autumn_sale"}
    make.rule(display, linked, conditions=[condition])
    contact = make.signup(display, "mira@example.com")
    make.settle(contact, state, Reason.AUTH_REVOKED.value)

    (told,) = explain(contact, acme).destinations

    assert (told.gate, told.gates[1].status) == ("rule", "bad")
    assert told.sentence == "The signup does not meet the conditions of the rule."
    assert told.next_step.startswith("Not met: UTM campaign is autumn_sale.")
