"""Rejected, "My contact didn't get my email", test bench and shadow mode, as used."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from activity import shadow
from contactsync.tenancy.models import Account, User
from displays.models import Display, Signup
from integrations.models import LinkedAccount
from integrations.waker import waker
from tests.activity import factories as make
from tests.activity.world import Kind, every_kind
from tests.browser.steps import Axe, Login, heading

BASE = "/a/acme-outdoor/"
REJECTED = f"{BASE}rejected/"
WHY = f"{BASE}contacts/why/"
BENCH = f"{BASE}hygiene/bench/"
SHADOW = f"{BASE}hygiene/bench/shadow/"
LONG = f"{'a' * 60}@{'long-name-of-a-company.' * 6}shop"


@pytest.fixture(autouse=True)
def no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no worker to wake in these tests."""
    monkeypatch.setattr(waker, "wake", lambda ids: None)


@pytest.fixture
def kinds(
    transactional_db: None, acme: Account, display: Display, linked: LinkedAccount
) -> dict[str, Kind]:
    make.signup(display, LONG, category="role", fields={})
    make.signup(display, "<b>x</b>'\"@@x.shop", category="syntax", fields={})
    return every_kind(display, linked)


def test_rejected_is_filtered_and_shows_its_evidence(
    page: Page, login: Login, axe: Axe, alice: User, kinds: dict[str, Kind]
) -> None:
    login(page, alice)
    page.goto(REJECTED)
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(10)
    row = rows.filter(has_text="disposable@filtered.example")
    row.get_by_text("Evidence").click()
    expect(row.get_by_text("disposable:domain:mailinator.com:")).to_be_visible()
    axe(page)

    page.get_by_role("link", name=re.compile("^Role address")).click()
    expect(rows).to_have_count(2)
    page.get_by_label("Address", exact=True).press_sequentially("aaaa")
    expect(rows).to_have_count(1)
    expect(page).to_have_url(re.compile("category=role.*q=aaaa|q=aaaa.*category=role"))
    page.get_by_label("To", exact=True).fill("2020-01-01")
    expect(page.get_by_text("No rejected signup matches")).to_be_visible()
    axe(page)
    with page.expect_download() as started:
        page.goto(REJECTED)
        page.get_by_role("link", name="Export CSV").click()
    text = started.value.path().read_text("utf-8-sig")
    assert len(list(csv.DictReader(io.StringIO(text)))) == 10


def test_a_marketer_lets_somebody_in_without_javascript(
    no_js: Page, login: Login, bob: User, display: Display, linked: LinkedAccount
) -> None:
    make.rule(display, linked)
    make.signup(display, "sales@hill.shop", category="role", fields={})
    login(no_js, bob)
    no_js.goto(REJECTED)
    row = no_js.get_by_role("row").filter(has_text="sales@hill.shop")
    expect(row.get_by_role("link", name="Allow hill.shop")).to_be_visible()
    row.get_by_role("link", name="Accept this one").click()
    heading(no_js, re.compile(".+"))
    no_js.goto(REJECTED)
    no_js.get_by_role("link", name="sales@hill.shop", exact=True).click()

    no_js.get_by_label("Let it in after all. Why?").fill("They buy from us")
    no_js.get_by_role("button", name="Accept this one").click()

    expect(no_js.get_by_text("They buy from us")).to_be_visible()
    assert Signup.objects.get().status == Signup.Status.ACCEPTED
    expect(no_js.get_by_label("Let it in after all. Why?")).to_have_count(0)


def test_a_viewer_is_told_whom_to_ask(
    page: Page, login: Login, axe: Axe, vera: User, display: Display
) -> None:
    contact = make.signup(display, "sales@hill.shop", category="role", fields={})
    login(page, vera)
    page.goto(REJECTED)
    expect(page.get_by_role("link", name="Accept this one")).to_have_count(0)
    page.goto(f"{BASE}contacts/{contact.pk}/")
    expect(page.get_by_text("Ask a marketer to accept it.")).to_be_visible()
    axe(page)


def test_the_reason_comes_first_then_what_was_checked(
    page: Page, login: Login, axe: Axe, alice: User, kinds: dict[str, Kind]
) -> None:
    login(page, alice)
    page.goto(f"{BASE}contacts/")
    page.get_by_role("link", name="My contact didn’t get my email").click()
    axe(page)
    for asked, reason in (
        (kinds["pending"].contact.email, "has not clicked the confirmation email"),
        (kinds["role"].contact.email, "Your filter turned the signup away"),
        (kinds["fake"].contact.email, "no way to override it"),
        (kinds["synced"].contact.email, "We do not send the mail; Mailchimp does."),
        ("<i>jo</i>", "The @ is missing"),
        (LONG, "Your filter turned the signup away"),
        ("mira.synced@example.nte", "Did you mean mira.synced@example.net"),
    ):
        page.get_by_label("Email address").fill(asked)
        page.get_by_role("button", name="Find the reason").click()
        expect(page.locator(".note").first).to_contain_text(reason)
        expect(page.locator(".checked").first).to_be_visible()
        axe(page)
    page.get_by_role("link", name="Open mira.synced@example.net").click()
    heading(page, "Mira")
    page.get_by_role("link", name="Didn’t get my email").click()
    expect(page.get_by_label("Email address")).to_have_value("mira.synced@example.net")


PASTED = """sales@hill.shop
jo@gmial.com
Mira Hill <mira@hill.shop>
<script>alert(1)</script>
"""


def test_the_bench_opens_each_rule_s_vote(
    page: Page, login: Login, axe: Axe, vera: User
) -> None:
    login(page, vera)
    page.goto(BENCH)
    axe(page)
    page.get_by_label("Addresses, one a line").fill(PASTED + "x" * 300)
    page.get_by_role("button", name="Judge").click()
    expect(page.get_by_role("heading", name="5 addresses")).to_be_visible()
    expect(page.locator(".votes")).to_have_count(0)
    axe(page)

    every = page.get_by_role("button", name="Every rule on sales@hill.shop")
    every.click()
    votes = page.locator("#votes-1")
    expect(votes.get_by_text("Decides")).to_be_visible()
    expect(votes.get_by_text("role:exact:sales:")).to_be_visible()
    expect(every).to_have_attribute("aria-expanded", "true")
    axe(page)
    every.click()
    expect(votes).to_be_hidden()
    every.click()
    expect(votes.get_by_role("table")).to_have_count(1)

    page.get_by_role("button", name="Rejected", exact=True).click()
    expect(page.locator("table.bench > tbody")).to_have_count(3)


def test_a_file_is_judged_and_the_result_taken_away(
    page: Page, login: Login, vera: User, tmp_path: Path
) -> None:
    file = tmp_path / "list.csv"
    file.write_text("First name,Email\nMira,mira@hill.shop\n,foo@mailinator.com\n")
    login(page, vera)
    page.goto(BENCH)
    page.get_by_label("Or a CSV file").set_input_files(file)
    page.get_by_label("Judged by").select_option("all_on")
    page.get_by_role("button", name="Judge").click()
    expect(page.locator("table.bench > tbody")).to_have_count(2)
    with page.expect_download() as started:
        page.get_by_role("button", name="Export CSV").click()
    text = started.value.path().read_text("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["category"] for row in rows] == ["valid", "disposable"]
    assert rows[0]["first_name"] == "Mira"


def test_the_bench_without_javascript(no_js: Page, login: Login, vera: User) -> None:
    login(no_js, vera)
    no_js.goto(BENCH)
    no_js.get_by_label("Addresses, one a line").fill(PASTED)
    no_js.get_by_role("button", name="Judge").click()
    no_js.get_by_role("button", name="Every rule on jo@gmial.com").click()
    expect(no_js.locator("#votes-2 .votes")).to_be_visible()
    expect(no_js.locator(".votes")).to_have_count(1)


@pytest.mark.parametrize("script", [True, False])
def test_shadow_mode_goes_on_until_all_are_looked_at(
    page: Page,
    no_js: Page,
    login: Login,
    alice: User,
    display: Display,
    monkeypatch: pytest.MonkeyPatch,
    script: bool,
) -> None:
    for number in range(30):
        make.signup(display, f"sales{number}@hill.shop", category="role", fields={})
    monkeypatch.setattr(shadow, "CHUNK", 20)
    monkeypatch.setattr(shadow.go_on, "__defaults__", (0.0,))
    browser = page if script else no_js
    login(browser, alice)
    browser.goto(SHADOW)
    browser.get_by_label("Role address").select_option("off")
    browser.get_by_role("button", name="Look at the last 30 days").click()
    if not script:
        so_far = "So far the newest 20 of 30 signups were judged again."
        expect(browser.get_by_text(so_far)).to_be_visible()
        browser.get_by_role("link", name="Look further").click()
    expect(browser.get_by_text("All 30 signups of these days")).to_be_visible()
    expect(browser.locator(".verdict")).to_have_text("30 of 30 would have been let in.")
    expect(browser.locator("tbody tr")).to_have_count(25)
    browser.get_by_role("link", name="Older").click()
    expect(browser.locator("tbody tr")).to_have_count(5)
    expect(browser.locator(".verdict")).to_have_text("30 of 30 would have been let in.")
    browser.get_by_role("link", name="Switch it on").click()
    expect(browser).to_have_url(re.compile(r"/hygiene/.*\?role=off$"))


def test_shadow_mode_on_every_screen(
    page: Page, login: Login, axe: Axe, vera: User, kinds: dict[str, Kind]
) -> None:
    login(page, vera)
    for query in ("", "?role=on", "?role=off&disposable=off&bot=flag"):
        page.goto(SHADOW + query)
        axe(page)
    expect(page.get_by_role("link", name="See the policy")).to_be_visible()


def test_nobody_yet(
    page: Page, login: Login, axe: Axe, acme: Account, alice: User
) -> None:
    login(page, alice)
    for path, words in (
        (REJECTED, "Nobody has been turned away"),
        (f"{SHADOW}?role=off", "There was no signup in these days"),
    ):
        page.goto(path)
        expect(page.get_by_text(words)).to_be_visible()
        axe(page)
