"""The drift watch as a marketer meets it: a field that a provider suddenly asks for
stops the rule, the page says so before the next signup fails, one value for everybody
mends it, and what waited is sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from playwright.sync_api import Page, expect

from contactsync.tenancy.models import Account, User
from displays.models import Display
from integrations import watch
from integrations.drain import drain
from integrations.models import Delivery, LinkedAccount, Target
from integrations.sandbox.testing import RunningSandbox, running_sandbox
from tests.browser.steps import Axe, Login
from tests.integrations.world import delivery, rule_to

NEWSLETTER = "a6b5da1054"
EARLY, LATE = "early@signup.example", "late@signup.example"
SIZE = {
    "audience": NEWSLETTER,
    "tag": "SIZE",
    "name": "Shirt size",
    "type": "dropdown",
    "required": True,
    "options": ["S", "M"],
}


@pytest.fixture
def sandbox(settings: Any) -> Iterator[RunningSandbox]:
    cache.clear()
    with running_sandbox() as running:
        settings.PROVIDER_URLS = {"mailchimp": running.base_url("mailchimp")}
        yield running


@pytest.fixture
def target(sandbox: RunningSandbox, linked: LinkedAccount, display: Display) -> Target:
    rule = rule_to(display, linked, audience_id=NEWSLETTER)
    watch.check(linked.pk)
    target: Target = rule.target
    return target


def the_whole_way(
    page: Page, acme: Account, target: Target, sandbox: RunningSandbox, axe: Any
) -> None:
    linked = target.linked_account
    page.goto(f"/a/{acme.slug}/account/integrations/")
    expect(page.get_by_text("Something changed at")).to_have_count(0)

    sandbox.control("POST", "mailchimp/fields", SIZE)
    watch.check(linked.pk)
    early = delivery(target.rule, email=EARLY)
    drain(linked.pk)
    assert sandbox.member(EARLY) is None, "it waits here and was refused nowhere"

    page.reload()
    warning = page.locator(".note").filter(has_text="Something changed at Mailchimp")
    expect(warning.get_by_text("Shirt size” is required now")).to_be_visible()
    expect(warning.get_by_text("They wait here instead.")).to_be_visible()
    axe(page)

    late = delivery(target.rule, email=LATE)
    drain(linked.pk)
    warning.get_by_label("Send with every signup:").select_option("M")
    warning.get_by_role("button", name="Save and send what waits").click()
    expect(page.get_by_text("What waited for it is being sent.")).to_be_visible()
    expect(page.get_by_text("Something changed at")).to_have_count(0)

    drain(linked.pk)
    rows = Delivery.objects.filter(pk__in=[early.pk, late.pk])
    assert {row.state for row in rows} == {"synced"}
    for email in (EARLY, LATE):
        member = sandbox.member(email)
        assert (member["status"], member["fields"]["SIZE"]) == ("subscribed", "M")


def test_a_new_required_field(
    page: Page,
    login: Login,
    alice: User,
    acme: Account,
    target: Target,
    sandbox: RunningSandbox,
    axe: Axe,
) -> None:
    login(page, alice)
    the_whole_way(page, acme, target, sandbox, axe)


def test_without_javascript(
    no_js: Page,
    login: Login,
    alice: User,
    acme: Account,
    target: Target,
    sandbox: RunningSandbox,
) -> None:
    login(no_js, alice)
    the_whole_way(no_js, acme, target, sandbox, lambda page: None)
