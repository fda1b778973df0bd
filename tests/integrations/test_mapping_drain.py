"""What becomes of a signup whose values do not fit the provider's fields."""

from __future__ import annotations

from typing import Any

import pytest

from displays.services import RuleSettings, rule_update
from integrations.drain import drain
from tests.integrations.scripted import state_of
from tests.integrations.world import delivery, rule_to

pytestmark = pytest.mark.django_db
SIZE = {
    "field": "SIZE",
    "source": ["size"],
    "type": "choice",
    "options": ["S", "M"],
    "label": "Size",
}


def signup(**fields: Any) -> dict[str, Any]:
    return {"email": "mary@example.org", "fields": fields}


def test_an_optional_one_is_left_out_and_the_delivery_says_so(
    provider, linked, display
) -> None:
    rule = rule_to(display, linked, mapping=[SIZE])
    row = delivery(rule, email="mary@example.org", payload=signup(size="XL"))
    drain(linked.pk)
    assert state_of(row) == ("synced", "")
    assert row.detail.startswith("Size: “XL” is not among its options (S, M).")
    assert row.detail.endswith("The field was left out.")


def test_a_required_one_waits_for_a_changed_rule_and_holds_nobody_else(
    provider, linked, display
) -> None:
    rule = rule_to(display, linked, mapping=[{**SIZE, "required": True}])
    held = delivery(rule, email="mary@example.org", payload=signup(size="XL"))
    fine = delivery(rule, email="anna@example.org", payload=signup(size="s"))
    drain(linked.pk)
    assert state_of(held) == ("held", "schema.option_missing")
    assert "“XL” is not among its options" in held.detail
    assert state_of(fine) == ("synced", "")
    assert sum(map(len, provider.calls)) == 1
    mended = {**SIZE, "required": True, "options": ["S", "M", "XL"]}
    settings = RuleSettings(
        linked_account=linked,
        audience_id=rule.target.audience_id,
        mapping=[mended],
    )
    rule_update(rule=rule, settings=settings, version=rule.version)
    drain(linked.pk)
    assert state_of(held) == ("synced", "")
