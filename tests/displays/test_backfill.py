"""A display's history is offered to a rule that was made later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from contactsync.tenancy.models import AuditEntry, User
from displays import backfill
from displays.models import Display, Signup, SyncRule
from displays.services import (
    RuleSettings,
    display_create,
    rule_remove,
    rule_set_enabled,
    rule_update,
)
from integrations.bulk import bulk_plan_create
from integrations.models import BulkRun, Delivery, LinkedAccount
from tests.integrations.bulk_world import planned, rule_made, sent, signed_up, worked

pytestmark = pytest.mark.django_db
NORA, OMAR = "nora.new@gmail.com", "omar.two@gmail.com"


@pytest.fixture
def page(client_of: Callable[[User], Client], bob: User) -> Client:
    return client_of(bob)


def settings_of(page: Client, display: Display) -> str:
    url = f"/a/acme-outdoor/convert/displays/{display.pk}/settings/?advanced=1"
    return page.get(url).content.decode()


def test_the_rule_line_offers_it(
    page: Client, sandbox: Any, display: Display, linked: LinkedAccount
) -> None:
    signed_up(display, NORA)
    signed_up(display, NORA)
    signed_up(display, OMAR)
    rule = rule_made(display, linked)
    html = settings_of(page, display)
    assert "Send the 2 people who signed up before?" in html

    url = f"/a/acme-outdoor/convert/displays/{display.pk}/settings/rules/{rule.pk}"
    answer = page.post(f"{url}/backfill/")
    run = BulkRun.objects.get()
    assert answer["Location"] == f"/a/acme-outdoor/activity/bulk/{run.pk}/"
    assert (run.kind, run.target) == ("backfill", rule.target)
    assert AuditEntry.objects.filter(action="bulk_run.plan").exists()
    assert f"/activity/bulk/{run.pk}/" in settings_of(page, display)
    assert not Delivery.objects.exists()


def test_nothing_is_offered_without_a_past(
    page: Client, sandbox: Any, display: Display, linked: LinkedAccount
) -> None:
    signed_up(display, NORA, accepted=False, category="role", rule="role.local")
    rule = rule_made(display, linked)
    signed_up(display, OMAR)
    assert "who signed up before?" not in settings_of(page, display)
    signed_up(display, NORA)
    Signup.objects.filter(status="accepted", email=NORA).update(
        at=rule.created_at.replace(year=2020)
    )
    Delivery.objects.all().delete()
    assert "Send the 1 person who signed up before?" in settings_of(page, display)
    rule_set_enabled(rule=rule, enabled=False)
    assert "who signed up before?" not in settings_of(page, display)


def test_many_people_are_not_counted_to_the_last(
    display: Display, linked: LinkedAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        signed_up(display, f"p{number}.x@gmail.com")
    rule = rule_made(display, linked)
    assert backfill.before_words(rule) == "4 people"
    monkeypatch.setattr(backfill, "COUNTED", 3)
    assert backfill.before_words(rule) == "3 people or more"


def off(rule: SyncRule) -> None:
    rule_set_enabled(rule=rule, enabled=False)


def removed(rule: SyncRule) -> None:
    rule_remove(rule=rule)


def elsewhere(rule: SyncRule) -> None:
    settings = RuleSettings(
        linked_account=rule.target.linked_account,
        audience_id="c1f83e07b2",
        audience_label="VIP",
    )
    rule_update(rule=rule, settings=settings, version=rule.version)


@pytest.mark.parametrize("change", [off, removed, elsewhere])
def test_a_rule_that_is_changed_after_the_plan_sends_nothing_there(
    sandbox: Any,
    display: Display,
    linked: LinkedAccount,
    change: Callable[[SyncRule], None],
) -> None:
    signed_up(display, NORA)
    rule = rule_made(display, linked)
    run = planned(rule)
    assert run.plan["acts"] == 1
    change(rule)
    assert sent(run).progress["kept"] == {backfill.RULE_GONE: 1}
    assert not Delivery.objects.exists()
    assert planned_again(rule).plan["skipped"] == {backfill.RULE_GONE: 1}


def planned_again(rule: SyncRule) -> BulkRun:
    """For the place that the rule had when somebody pressed the button."""
    old = BulkRun.objects.get()
    return worked(
        bulk_plan_create(
            account=rule.account, kind="backfill", what=old.what, target=old.target
        )
    )


@pytest.mark.pg
def test_counting_them_has_a_plan_for_very_many(
    display: Display, linked: LinkedAccount
) -> None:
    """NOT IN compares everybody with everybody once they do not fit into memory."""
    rule = rule_made(display, linked)
    with CaptureQueriesContext(connection) as asked:
        backfill.before_rule(rule)
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {asked.captured_queries[-1]['sql']}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Anti Join" in plan
    assert "SubPlan" not in plan


def test_it_is_about_the_display_s_own_accepted_live_signups(
    sandbox: Any, display: Display, linked: LinkedAccount
) -> None:
    other = display_create(
        account=display.account, name="Other", kind="bar", status="live"
    )
    signed_up(display, NORA)
    signed_up(other, OMAR)
    signed_up(display, "test.key@gmail.com", environment="test")
    signed_up(display, "info@acme.org", accepted=False, category="role", rule="r")
    run = planned(rule_made(display, linked))
    assert (run.plan["total"], run.plan["acts"]) == (1, 1)


def test_who_came_by_the_rule_already_is_not_sent_twice(
    sandbox: Any, display: Display, linked: LinkedAccount
) -> None:
    signed_up(display, NORA)
    rule = rule_made(display, linked)
    signed_up(display, OMAR)
    run = planned(rule)
    assert run.plan["skipped"] == {"bulk.sent_before": 1}
    sent(run)
    assert sorted(Delivery.objects.values_list("payload__email", flat=True)) == [
        NORA,
        OMAR,
    ]


def test_who_signs_up_during_the_run_is_sent_by_the_rule_alone(
    sandbox: Any, display: Display, linked: LinkedAccount
) -> None:
    signed_up(display, NORA)
    rule = rule_made(display, linked)
    run = planned(rule)
    signed_up(display, NORA, fields={"first_name": "Eleonora"})
    sent(run)
    assert run.progress["kept"] == {"bulk.moved_on": 1}
    assert Delivery.objects.get().payload["fields"] == {"first_name": "Eleonora"}


def test_what_a_delivery_keeps_is_what_a_signup_s_would(
    sandbox: Any, display: Display, linked: LinkedAccount
) -> None:
    contact = signed_up(
        display, NORA, context={"utm": {"source": "spring"}}, ip="192.0.2.7"
    )
    signed_up(
        display_create(
            account=display.account, name="Other", kind="bar", status="live"
        ),
        NORA,
        fields={"phone": "1"},
    )
    run = sent(planned(rule_made(display, linked)))
    row = Delivery.objects.get(target=run.target)
    signup = Signup.objects.get(display=display)
    assert (row.origin, row.signup_id) == ("past", signup.pk)
    assert row.contact_id == contact.pk
    assert row.payload == {
        "email": NORA,
        "fields": {"first_name": "Nora", "phone": "1"},
        "consent": True,
        "page_url": "",
        "utm": {"source": "spring"},
        "ip": "192.0.2.7",
        "at": signup.at.isoformat(),
    }
