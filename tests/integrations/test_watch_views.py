"""What the drift watch found, on the page, and the buttons that answer it."""

from __future__ import annotations

from typing import Any

import pytest

from contactsync.tenancy.models import Account, AuditEntry, User
from integrations import watch
from integrations.models import LinkedAccount, Target
from integrations.sandbox.testing import RunningSandbox
from tests.integrations.pages import ClientOf, text_of, url
from tests.integrations.world import delivery, rule_to

pytestmark = pytest.mark.django_db

NEWSLETTER = "a6b5da1054"


@pytest.fixture
def target(sandbox: RunningSandbox, linked: LinkedAccount, display: Any) -> Target:
    rule = rule_to(display, linked, audience_id=NEWSLETTER)
    watch.check(linked.pk)
    return rule.target


@pytest.fixture
def drifted(sandbox: RunningSandbox, linked: LinkedAccount, target: Target) -> Target:
    sandbox.control(
        "POST",
        "mailchimp/fields",
        {
            "audience": NEWSLETTER,
            "tag": "SIZE",
            "name": "Shirt size",
            "type": "dropdown",
            "required": True,
            "options": ["S", "M"],
        },
    )
    watch.check(linked.pk)
    target.refresh_from_db()
    assert target.held_reason == "schema.required_field"
    return target


def test_the_row_says_what_changed_and_what_it_breaks(
    client_of: ClientOf, alice: User, acme: Account, drifted: Target
) -> None:
    page = text_of(client_of(alice).get(url("linked_accounts", acme)))
    assert "Shirt size” is required now" in page
    assert "They wait here instead." in page
    assert "<option>M</option>" in page
    assert "Spring welcome popup → Newsletter" in page


def test_a_viewer_reads_and_cannot_answer(
    client_of: ClientOf, vera: User, acme: Account, drifted: Target
) -> None:
    page = text_of(client_of(vera).get(url("linked_accounts", acme)))
    assert "is required now" in page
    assert "Refresh fields" not in page


def test_one_value_for_everybody_lets_go_what_waited(
    client_of: ClientOf, alice: User, acme: Account, drifted: Target
) -> None:
    row = delivery(drifted.rule, email="a@x.org", state="held", reason="x")
    client = client_of(alice)
    there = url("target_send_always", acme, drifted.pk)
    for value in ("", "x" * 501, "XXL"):
        page = text_of(
            client.post(there, {"field": "SIZE", "value": value}, follow=True)
        )
        drifted.refresh_from_db()
        assert drifted.held_reason, value
    assert "S, M" in page
    page = text_of(client.post(there, {"field": "SIZE", "value": "M"}, follow=True))
    assert "What waited for it is being sent." in page
    assert "is required now" not in page
    row.refresh_from_db()
    drifted.refresh_from_db()
    assert row.state == "pending" and not drifted.held_reason
    assert AuditEntry.objects.filter(action="linked_account.send_always").exists()


def test_refresh_takes_things_as_they_are_now(
    client_of: ClientOf,
    alice: User,
    acme: Account,
    sandbox: RunningSandbox,
    linked: LinkedAccount,
    drifted: Target,
) -> None:
    client, there = client_of(alice), url("fields_refresh", acme, linked.pk)
    page = text_of(client.post(there, follow=True))
    assert "1 still to be mended" in page
    sandbox.reset()
    page = text_of(client.post(there, follow=True))
    assert "All fits." in page
    drifted.refresh_from_db()
    assert not drifted.held_reason


def test_a_provider_that_cannot_be_read_changes_nothing(
    client_of: ClientOf,
    alice: User,
    acme: Account,
    sandbox: RunningSandbox,
    linked: LinkedAccount,
    drifted: Target,
) -> None:
    sandbox.faults(status=503)
    client = client_of(alice)
    page = text_of(client.post(url("fields_refresh", acme, linked.pk), follow=True))
    assert "could not be read, nothing was changed" in page
    there = url("target_send_always", acme, drifted.pk)
    page = text_of(client.post(there, {"field": "SIZE", "value": "M"}, follow=True))
    assert "could not be read, nothing was changed" in page
    drifted.refresh_from_db()
    assert drifted.held_reason and drifted.seen
