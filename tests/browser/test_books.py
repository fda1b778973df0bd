"""The books and the incidents, as people read them."""

from __future__ import annotations

import csv
import re
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from activity.models import Incident
from activity.tasks import check_books
from contactsync.lib.clock import now
from contactsync.tenancy.models import Account, User
from displays.models import Display
from integrations.models import Delivery, LinkedAccount, LivePeriod
from integrations.waker import waker
from tests.activity import factories as make
from tests.activity.world import every_kind
from tests.browser.conftest import PHONE
from tests.browser.steps import Axe, Login, heading

BOOKS = "/a/acme-outdoor/ledger/"
INCIDENTS = "/a/acme-outdoor/incidents/"


@pytest.fixture(autouse=True)
def no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no worker to wake in these tests."""
    monkeypatch.setattr(waker, "wake", lambda ids: None)


@pytest.fixture
def history(
    transactional_db: None, acme: Account, display: Display, linked: LinkedAccount
) -> None:
    every_kind(display, linked)
    LivePeriod.objects.update(since=now() - timedelta(days=30))
    for ago, email in ((1, "yara@example.net"), (4, "dan@example.net")):
        contact = make.signup(display, email, at=now() - timedelta(days=ago))
        make.settle(contact, "synced")


def lose(display: Display) -> None:
    contact = make.signup(display, "lost@example.net")
    Delivery.objects.filter(contact_id=contact.pk).delete()


def test_a_marketer_reads_that_all_is_accounted_for_and_where_everybody_is(
    page: Page, login: Login, axe: Axe, alice: User, history: None
) -> None:
    login(page, alice)
    page.goto("/a/acme-outdoor/")
    page.get_by_role("link", name="Books", exact=True).click()
    heading(page, "Books")
    expect(page.get_by_text("Everything is accounted for")).to_be_visible()
    table = page.get_by_role("table")
    expect(table.locator("tbody tr")).to_have_count(3)
    axe(page)

    page.get_by_role("link", name="By display").click()
    row = table.locator("tbody tr").filter(has_text="Spring welcome popup")
    expect(row.get_by_text("Synced")).to_be_visible()
    axe(page)
    row.get_by_role("link", name="Synced").click()
    heading(page, "Synced")
    expect(page.locator("tbody tr")).to_have_count(3)
    axe(page)
    page.get_by_role("link", name="mira.synced@example.net").click()
    heading(page, re.compile("Mira"))
    page.go_back()
    crumbs = page.get_by_label("Breadcrumb")
    crumbs.get_by_role("link", name="Books").click()
    expect(page.get_by_role("link", name="By display")).to_have_attribute(
        "aria-current", "true"
    )
    page.get_by_role("link", name="By rule").click()
    expect(table.locator("tbody tr")).to_have_count(1)


def test_what_is_missing_stands_out_and_leads_to_the_people(
    page: Page, login: Login, axe: Axe, alice: User, history: None, display: Display
) -> None:
    lose(display)
    check_books()
    login(page, alice)
    page.goto(BOOKS)
    expect(page.get_by_text("1 is not accounted for")).to_be_visible()
    expect(page.locator("tr.wrong")).to_have_count(2)  # the day and the sum
    axe(page)
    page.get_by_role("link", name="Show it").click()
    expect(page.get_by_role("link", name="lost@example.net")).to_be_visible()

    page.get_by_role("link", name="Incidents 1 to look at").click()
    heading(page, "Incidents")
    axe(page)
    page.get_by_role("link", name=re.compile("^Show them")).click()
    expect(page.get_by_role("link", name="lost@example.net")).to_be_visible()
    page.goto(INCIDENTS)
    page.get_by_text("Close it by hand").click()
    page.get_by_label("What was it").fill("A row was deleted by hand. Sent again.")
    axe(page)
    page.get_by_role("button", name="Close incident").click()
    expect(page.get_by_text("Everything is as promised")).to_be_visible()
    expect(page.get_by_text("A row was deleted by hand")).to_be_visible()
    assert Incident.objects.get().closed_by == alice
    axe(page)


def test_the_export_is_the_table(
    page: Page, login: Login, alice: User, history: None
) -> None:
    login(page, alice)
    page.goto(f"{BOOKS}?by=display")
    with page.expect_download() as found:
        page.get_by_role("link", name="Export CSV").click()
    with found.value.path().open(encoding="utf-8-sig", newline="") as file:
        names = [row["name"] for row in csv.DictReader(file)]
    shown = page.locator("tbody .name").all_inner_texts()
    assert names == [*shown, "Total"]


def test_on_a_phone_in_the_dark_nothing_is_cut_off(
    page: Page, login: Login, axe: Axe, alice: User, history: None, display: Display
) -> None:
    lose(display)
    check_books()
    login(page, alice)
    for url in (
        BOOKS,
        f"{BOOKS}?by=display",
        f"{BOOKS}?by=rule",
        f"{BOOKS}rows/?show=captured",
        INCIDENTS,
    ):
        page.set_viewport_size(PHONE)
        page.emulate_media(color_scheme="dark")
        page.goto(url)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        axe(page)


def test_without_javascript_days_can_be_chosen(
    no_js: Page, login: Login, alice: User, history: None
) -> None:
    login(no_js, alice)
    no_js.goto(BOOKS)
    day = (now() - timedelta(days=4)).date().isoformat()
    no_js.get_by_label("From", exact=True).fill(day)
    no_js.get_by_label("To", exact=True).fill(day)
    no_js.get_by_role("button", name="Show").click()
    expect(no_js.locator(".ledger tbody tr")).to_have_count(1)


def test_an_empty_account_is_told_what_will_be_here(
    page: Page, login: Login, axe: Axe, alice: User, acme: Account
) -> None:
    login(page, alice)
    page.goto(BOOKS)
    expect(page.get_by_text("Nothing to count in these days")).to_be_visible()
    axe(page)
    page.goto(INCIDENTS)
    expect(page.get_by_text("Everything is as promised")).to_be_visible()
    axe(page)
