"""Deliverability as a tenant sees it, and the staff area as a reviewer uses it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from activity.staff.views import releaser
from activity.tasks import watch_deliverability
from contactsync.tenancy.models import Account, User
from contactsync.tenancy.suspension import (
    open_suspension,
    suspension_appeal,
    suspension_decide,
    suspension_open,
)
from displays.models import Display
from integrations.adapters.errors import Reason
from integrations.models import LinkedAccount, State
from integrations.waker import waker
from tests.activity import factories as make
from tests.activity.population import bad, reached, signups, suppress
from tests.browser.conftest import DESK, PHONE
from tests.browser.steps import Axe, Login, heading

PAGE = "/a/acme-outdoor/deliverability/"
STAFF = "/staff/accounts/acme-outdoor/"
SHOTS = os.environ.get("SUSPENSION_SHOTS", "")


@pytest.fixture(autouse=True)
def no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waker, "wake", lambda ids: None)
    monkeypatch.setattr(releaser, "wake", lambda ids: None)


@pytest.fixture
def rita(transactional_db: None) -> User:
    return User.objects.create_user(
        "rita@host.test", "x" * 12, name="Rita Reed", is_staff=True
    )


@pytest.fixture
def look(axe: Axe) -> Callable[[Page, str], None]:
    """Axe in both themes and at 390 px; pictures where SUSPENSION_SHOTS says."""

    def check(page: Page, name: str) -> None:
        axe(page)
        if not SHOTS:
            return
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=Path(SHOTS) / f"{name}-{scheme}.png", full_page=True)
        page.emulate_media(color_scheme="light")
        page.set_viewport_size(PHONE)
        page.screenshot(path=Path(SHOTS) / f"{name}-phone.png", full_page=True)
        page.set_viewport_size(DESK)

    return check


Look = Callable[[Page, str], None]


@pytest.fixture
def suspended(
    transactional_db: None, acme: Account, display: Display, linked: LinkedAccount
) -> Account:
    make.rule(display, linked, double_opt_in=False)
    bad(linked)
    reached(linked, 12, state=State.HELD, reason=Reason.SUSPENDED, stem="held")
    reached(linked, 8, state=State.REJECTED, reason=Reason.ADDRESS_FAKE, stem="zxq")
    assert watch_deliverability() == 1
    return acme


def test_from_too_few_to_healthy_to_bad(
    page: Page,
    login: Login,
    look: Look,
    alice: User,
    acme: Account,
    display: Display,
    linked: LinkedAccount,
) -> None:
    login(page, alice)
    page.goto(PAGE)
    heading(page, "Deliverability")
    expect(page.get_by_text("There is no score yet")).to_be_visible()
    look(page, "few")

    people = reached(linked, 2400)
    signups(display, 2500)
    signups(display, 90, category="bot")
    suppress(people[:3], "bounce")
    page.goto(PAGE)
    expect(page.get_by_text("Good", exact=True)).to_be_visible()
    look(page, "healthy")

    make.rule(display, linked, double_opt_in=False)
    suppress(people[100:190], "bounce")
    suppress(people[200:207], "complaint")
    suppress(people[300:370], "person")
    page.goto(PAGE)
    todo = page.get_by_role("region", name="What to do")
    expect(todo.get_by_text("Turn on double opt-in")).to_be_visible()
    look(page, "bad")
    page.goto("/a/acme-outdoor/")
    look(page, "home")
    page.get_by_role("link", name=re.compile("See what costs points")).click()
    heading(page, "Deliverability")


def test_the_banner_leads_to_the_evidence_and_the_appeal_goes_out(
    page: Page, login: Login, look: Look, alice: User, suspended: Account
) -> None:
    login(page, alice)
    page.goto("/a/acme-outdoor/contacts/")
    look(page, "banner")
    page.get_by_role("link", name="See why and what to do").click()
    why = page.get_by_role("region", name="Sending is suspended")
    expect(
        why.get_by_text("12 contacts wait here, and nothing is lost.")
    ).to_be_visible()
    look(page, "suspended")

    page.get_by_role("button", name="Ask for a review").click()
    expect(page.get_by_role("alert")).to_contain_text("Your appeal was not sent")
    page.get_by_label("What have you done").fill("We removed the file from May.")
    page.get_by_role("button", name="Ask for a review").click()
    expect(page.get_by_text("Your appeal waits for a reviewer")).to_be_visible()
    look(page, "appealed")


def test_an_appeal_works_without_javascript(
    no_js: Page, login: Login, alice: User, suspended: Account
) -> None:
    login(no_js, alice)
    no_js.goto(PAGE)
    no_js.get_by_label("What have you done").fill("We removed the file from May.")
    no_js.get_by_role("button", name="Ask for a review").click()
    expect(no_js.get_by_text("Your appeal waits for a reviewer")).to_be_visible()


def test_the_tenant_reads_what_was_kept_and_what_was_cleared(
    page: Page, login: Login, look: Look, alice: User, rita: User, suspended: Account
) -> None:
    suspension_appeal(account=suspended, text="We cleaned it.", by=alice)
    suspension = open_suspension(suspended)
    assert suspension is not None
    suspension_decide(
        suspension=suspension,
        decision="kept",
        reason="The list from May is still in use.",
        by=rita,
    )
    login(page, alice)
    page.goto(PAGE)
    expect(page.get_by_text("A reviewer kept it")).to_be_visible()
    look(page, "kept")
    suspension_decide(
        suspension=suspension, decision="cleared", reason="Clean now.", by=rita
    )
    page.goto(PAGE)
    expect(page.get_by_text("Clean now.")).to_be_visible()
    expect(page.get_by_text("Sending is suspended", exact=True)).to_have_count(0)
    look(page, "cleared")


def test_a_reviewer_goes_from_the_queue_to_a_decision(
    page: Page,
    login: Login,
    look: Look,
    alice: User,
    rita: User,
    other: Account,
    suspended: Account,
) -> None:
    suspension_open(account=other, reason="By hand: phishing.", evidence={}, by=rita)
    suspension_appeal(account=suspended, text="We removed the file.", by=alice)
    login(page, rita)
    page.goto("/staff/")
    heading(page, "Suspensions")
    rows = page.locator("tbody tr")
    expect(rows.first).to_contain_text("Acme Outdoor")
    look(page, "staff-queue")
    page.get_by_role("link", name="Accounts", exact=True).click()
    look(page, "staff-accounts")
    page.get_by_label("Find by name or address").fill("acme")
    page.get_by_role("button", name="Find").click()
    expect(rows).to_have_count(1)

    page.get_by_role("link", name="Acme Outdoor").click()
    expect(page.get_by_text("We removed the file.").first).to_be_visible()
    expect(page.get_by_text("z•••@example.net").first).to_be_visible()
    look(page, "staff-account")
    page.get_by_role("button", name="Save the decision").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was decided")
    page.get_by_label("Clear it").check()
    page.get_by_label("Reason").fill("One bad file, gone.")
    page.get_by_role("button", name="Save the decision").click()
    expect(page.get_by_role("button", name="Suspend Acme Outdoor")).to_be_visible()
    look(page, "staff-cleared")
    suspended.refresh_from_db()
    assert suspended.suspended_at is None


def test_a_member_of_the_account_is_told_that_somebody_else_decides(
    page: Page, login: Login, look: Look, alice: User, suspended: Account
) -> None:
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    login(page, alice)
    page.goto("/a/acme-outdoor/")
    page.get_by_role("link", name="Staff area").click()
    page.get_by_role("link", name="Acme Outdoor").click()
    expect(page.get_by_text("You work in Acme Outdoor")).to_be_visible()
    expect(page.get_by_role("button", name="Save the decision")).to_have_count(0)
    look(page, "staff-member")
