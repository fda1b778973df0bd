"""The conditions of a rule: added, removed, refused and counted in the editor."""

from __future__ import annotations

import pytest

from contactsync.tenancy.models import Account, User
from displays.models import Display, SyncRule
from integrations.models import LinkedAccount
from tests.displays.rules import form_of, sign_up
from tests.integrations.pages import ClientOf, text_of, url

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sandbox")]


def test_conditions_are_added_removed_and_saved(
    client_of: ClientOf,
    bob: User,
    acme: Account,
    display: Display,
    linked: LinkedAccount,
) -> None:
    client = client_of(bob)
    page = url("rule_new", acme, display.pk)
    first = {
        "match": "any",
        "condition_field": ["utm.campaign"],
        "condition_op": ["starts_with"],
        "condition_value": ["spring"],
    }
    more = text_of(client.post(page, form_of(linked, **first, do="add_condition")))
    assert "Value of condition 2" in more
    assert 'value="spring"' in more
    two = {
        "match": "any",
        "condition_field": ["utm.campaign", "consent"],
        "condition_op": ["starts_with", "is"],
        "condition_value": ["spring", "Given"],
    }
    less = text_of(client.post(page, form_of(linked, **two, do="remove_condition:0")))
    assert "Value of condition 2" not in less
    assert 'value="spring"' not in less
    assert client.post(page, form_of(linked, **two)).status_code == 302
    target = SyncRule.objects.get(display=display).target
    assert target.match == "any"
    assert target.conditions == [
        {"field": "utm.campaign", "op": "starts_with", "value": "spring"},
        {"field": "consent", "op": "is", "value": "yes"},
    ]


ODD_CONDITIONS = [
    ("is", "", "Fill in a value"),
    ("is", "maybe", "Consent is either yes or no"),
    ("is", "a\x00", "cannot be stored"),
    ("no such operator", "maybe", "Consent is either yes or no"),
]


@pytest.mark.parametrize(("op", "value", "sentence"), ODD_CONDITIONS)
def test_odd_conditions(
    client_of: ClientOf,
    bob: User,
    acme: Account,
    display: Display,
    linked: LinkedAccount,
    op: str,
    value: str,
    sentence: str,
) -> None:
    sign_up(display, "ada@acme.test")
    answer = client_of(bob).post(
        url("rule_new", acme, display.pk),
        form_of(
            linked,
            match="all",
            condition_field="consent",
            condition_op=op,
            condition_value=value,
        ),
    )
    assert answer.status_code == 422
    assert sentence in text_of(answer)


def test_dry_run_counts_recent_signups(
    client_of: ClientOf,
    bob: User,
    acme: Account,
    display: Display,
    linked: LinkedAccount,
) -> None:
    for number in range(4):
        sign_up(
            display,
            f"ada{number}@acme.test",
            context={"utm": {"campaign": "Spring VIP" if number < 3 else "other"}},
            consent_given=number != 0,
            consent_text="Yes",
        )
    conditions = {
        "match": "all",
        "condition_field": ["utm.campaign", "consent"],
        "condition_op": ["starts_with", "is"],
        "condition_value": ["spring", "given"],
    }
    page = text_of(
        client_of(bob).post(
            url("rule_new", acme, display.pk),
            form_of(linked, **conditions, do="load"),
            headers={"HX-Request": "true"},
        )
    )
    assert "2 of the last 4 signups</b> would match this rule." in page
    assert "<html" not in page


def test_a_number_without_end_removes_nothing(
    client_of: ClientOf,
    bob: User,
    acme: Account,
    display: Display,
    linked: LinkedAccount,
) -> None:
    form = form_of(
        linked,
        match="any",
        condition_field=["utm.campaign"],
        condition_op=["is"],
        condition_value=["spring"],
        do="remove_condition:" + "9" * 5000,
    )
    page = client_of(bob).post(url("rule_new", acme, display.pk), form)
    assert 'value="spring"' in text_of(page)
