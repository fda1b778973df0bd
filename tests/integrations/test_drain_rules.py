"""What a rule, a consent or a suppression makes of a delivery."""

from __future__ import annotations

import pytest

from contacts.models import Suppression
from displays.services import RuleSettings, rule_update
from integrations.adapters.base import (
    Outcome,
    OutcomeState,
)
from integrations.adapters.errors import (
    Reason,
)
from integrations.drain import drain
from integrations.holding import target_break
from integrations.services import (
    linked_account_create,
    linked_account_test,
    linked_account_unlink,
)
from tests.integrations.scripted import SYNCED, state_of
from tests.integrations.world import delivery, rule_to

pytestmark = pytest.mark.django_db


def test_a_value_that_does_not_fit_waits_for_a_corrected_rule(
    provider, linked, display
) -> None:
    rule = rule_to(display, linked)
    row = delivery(rule, email="mira@example.org")
    provider.answer = staticmethod(
        lambda contacts: [
            Outcome(
                state=OutcomeState.REJECTED,
                reason=Reason.REQUIRED_FIELD,
                detail="LNAME: Please enter a value",
            )
        ]
    )
    drain(linked.pk)
    assert state_of(row) == ("held", "schema.required_field")
    provider.answer = staticmethod(lambda contacts: [SYNCED for _ in contacts])
    settings = RuleSettings(linked_account=linked, audience_id="8f21c0news")
    rule_update(rule=rule, settings=settings, version=rule.version)
    drain(linked.pk)
    assert state_of(row) == ("synced", "")


def test_who_refused_consent_is_put_on_no_marketing_list(
    provider, linked, display
) -> None:
    rule = rule_to(display, linked)
    payload = {"email": "mira@example.org", "consent": False}
    row = delivery(rule, email="mira@example.org", payload=payload)
    drain(linked.pk)
    assert state_of(row) == ("skipped", "rule.no_consent")
    provider.kind = "crm"
    row = delivery(rule, email="mira@example.org", payload=payload)
    drain(linked.pk)
    assert state_of(row) == ("synced", "")


def test_who_was_suppressed_meanwhile_is_not_sent(
    provider, linked, display, acme
) -> None:
    rule = rule_to(display, linked)
    gone = delivery(rule, email="Mira@Example.org")
    kept = delivery(rule, email="other@example.org")
    Suppression.objects.create(
        account=acme, email_key="mira@example.org", actor="person"
    )
    drain(linked.pk)
    assert state_of(gone) == ("skipped", "rule.suppressed")
    assert state_of(kept) == ("synced", "")
    assert provider.calls == [["other@example.org"]]


def test_a_rule_that_points_elsewhere_takes_what_waits_along(
    provider, linked, display, acme
) -> None:
    rule = rule_to(display, linked)
    done = delivery(rule, email="done@example.org")
    drain(linked.pk)
    old = rule.target
    waits = delivery(rule, email="waits@example.org")
    held = delivery(rule, email="held@example.org", state="held", reason="auth.revoked")
    second = linked_account_create(
        account=acme,
        provider="mailchimp",
        label="Second",
        credentials={"api_key": "fedcba9876543210-us21"},
    )
    linked_account_unlink(linked)
    settings = RuleSettings(linked_account=second, audience_id="elsewhere")
    rule_update(rule=rule, settings=settings, version=rule.version)
    assert rule.target.pk != old.pk
    assert drain(linked.pk) == 0
    assert drain(second.pk) == 2
    assert state_of(waits) == state_of(held) == ("synced", "")
    assert waits.target_id == held.target_id == rule.target.pk
    done.refresh_from_db()
    assert done.target_id == old.pk, "what was sent keeps saying where"


def test_a_successful_test_lets_go_what_a_mended_field_held(
    provider, linked, display
) -> None:
    rule = rule_to(display, linked)
    missing = Outcome(state=OutcomeState.REJECTED, reason=Reason.REQUIRED_FIELD)
    provider.answer = staticmethod(lambda contacts: [missing for _ in contacts])
    row = delivery(rule, email="mira@example.org")
    drain(linked.pk)
    assert state_of(row) == ("held", "schema.required_field")
    target_break(rule.target, "target.missing", "gone")
    provider.answer = staticmethod(lambda contacts: [SYNCED for _ in contacts])
    assert linked_account_test(linked).ok
    drain(linked.pk)
    assert state_of(row) == ("synced", "")


def test_an_account_linked_anew_takes_over_who_was_asked(
    provider, linked, display, acme
) -> None:
    rule = rule_to(display, linked)
    asked = delivery(rule, email="asked@example.org", state="awaiting_opt_in")
    linked_account_unlink(linked)
    again = linked_account_create(
        account=acme,
        provider="mailchimp",
        label="Again",
        credentials={"api_key": "0123456789abcdef-us21"},
    )
    place = RuleSettings(linked_account=again, audience_id=rule.target.audience_id)
    rule_update(rule=rule, settings=place, version=rule.version)
    assert state_of(asked) == ("awaiting_opt_in", "")
    assert asked.linked_account_id == again.pk


def test_conditions_skip_what_they_do_not_match(provider, linked, display) -> None:
    rule = rule_to(
        display,
        linked,
        conditions=[{"field": "utm.campaign", "op": "starts_with", "value": "spring"}],
    )
    wanted = delivery(
        rule,
        email="a@example.org",
        payload={"email": "a@example.org", "utm": {"campaign": "Spring-vip"}},
    )
    other = delivery(rule, email="b@example.org")
    drain(linked.pk)
    assert state_of(wanted) == ("synced", "")
    assert state_of(other) == ("skipped", "rule.condition")
    assert provider.calls == [["a@example.org"]]
