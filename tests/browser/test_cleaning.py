"""Clean your email list, as people use it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from contactsync.tenancy.models import Account, User
from hygiene.cleaning import services, work
from hygiene.cleaning.waker import waker
from hygiene.models import CleaningRun
from tests.browser.steps import Axe, Login, heading
from tests.hygiene.cleaning.world import LIST, cleaned, started

BASE = "/a/acme-outdoor/hygiene/cleaning/"


@pytest.fixture(autouse=True)
def no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no worker to wake; the test works itself."""
    monkeypatch.setattr(waker, "wake", lambda ids: None)


@pytest.fixture
def customers(tmp_path: Path) -> Path:
    path = tmp_path / "customers.csv"
    path.write_bytes(LIST)
    return path


def test_from_upload_to_the_clean_file(
    page: Page, login: Login, axe: Axe, bob: User, customers: Path
) -> None:
    login(page, bob)
    page.goto(BASE)
    axe(page)
    page.get_by_role("link", name="Clean a list").first.click()
    heading(page, "Upload your list")
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_text("Choose a file, or paste addresses.").first).to_be_visible()
    axe(page)
    page.get_by_label("File", exact=True).set_input_files(customers)
    page.get_by_role("button", name="Upload").click()

    heading(page, "Choose columns")
    expect(page.get_by_role("columnheader", name="Email")).to_be_visible()
    axe(page)
    page.get_by_label("Cells end with").select_option("|")
    expect(page.get_by_role("columnheader")).to_have_count(1)
    page.get_by_label("Cells end with").select_option(",")
    expect(page.get_by_role("columnheader")).to_have_count(4)
    page.get_by_role("button", name="Start cleaning").click()

    expect(page.get_by_text("Waiting for a worker")).to_be_visible()
    axe(page)
    work.clean(CleaningRun.objects.get().pk)
    # The page polls, and shows the result by itself.
    expect(page.get_by_role("heading", name="2 of 7 rows are clean")).to_be_visible()
    axe(page)
    page.get_by_role("link", name="Not an address").click()
    expect(page.locator("#results tbody tr")).to_have_count(2)
    with page.expect_download() as download:
        page.get_by_role("link", name="Clean rows (2)").click()
    assert download.value.suggested_filename == "customers-clean.csv"
    assert b"omar.haddad@outlook.com" in Path(download.value.path()).read_bytes()


def test_a_choice_made_the_moment_a_fragment_arrives_counts(
    page: Page, login: Login, bob: User, customers: Path
) -> None:
    login(page, bob)
    page.goto(f"{BASE}new/")
    page.get_by_label("File", exact=True).set_input_files(customers)
    page.get_by_role("button", name="Upload").click()
    heading(page, "Choose columns")
    page.evaluate(
        """addEventListener('htmx:afterSwap', () => queueMicrotask(() => {
             const field = document.querySelector('select[name$=delimiter]')
             field.value = ','
             field.dispatchEvent(new Event('change', {bubbles: true}))
             document.documentElement.dataset.chosen = 'yes'
           }), {once: true})"""
    )
    page.get_by_label("Cells end with").select_option("|")
    expect(page.locator("html[data-chosen]")).to_have_count(1)
    expect(page.get_by_role("columnheader")).to_have_count(4)


def test_progress_survives_a_reload_and_can_be_stopped(
    page: Page,
    login: Login,
    axe: Axe,
    bob: User,
    acme: Account,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(work, "BATCH_ROWS", 3)
    run = started(acme)
    work.clean(run.pk, seconds=0)
    login(page, bob)
    page.goto(f"{BASE}{run.pk}/")
    for _ in range(2):
        expect(page.get_by_text("3 of 7 rows")).to_be_visible()
        page.reload()
    axe(page)
    page.get_by_role("button", name="Pause").click()
    heading(page, "customers.csv")
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    expect(page.get_by_text("3 of 7 rows were judged.")).to_be_visible()
    page.get_by_role("button", name="Resume").click()
    page.get_by_role("button", name="Cancel cleaning").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel cleaning").click()
    expect(page.get_by_text("Cancelled", exact=True)).to_be_visible()
    page.get_by_role("button", name="Delete list").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Delete list").click()
    expect(page.get_by_text("No list cleaned yet")).to_be_visible()


def test_rows_are_found_while_typing(
    page: Page, login: Login, bob: User, acme: Account
) -> None:
    run = cleaned(acme)
    login(page, bob)
    page.goto(f"{BASE}{run.pk}/")
    rows = page.locator("#results tbody tr")
    expect(rows).to_have_count(7)
    page.get_by_label("Find by part of an address").press_sequentially("haddad")
    expect(rows).to_have_count(1)
    expect(page).to_have_url(re.compile("q=haddad"))
    page.get_by_label("Category").select_option("role")
    expect(page.get_by_text("No row matches")).to_be_visible()
    page.get_by_role("link", name="Clear filters").click()
    expect(rows).to_have_count(7)


def test_a_failed_list_says_what_to_do(
    page: Page, login: Login, axe: Axe, bob: User, acme: Account
) -> None:
    run = cleaned(acme, b"Email\n")
    login(page, bob)
    page.goto(f"{BASE}{run.pk}/")
    expect(page.get_by_text("There is nothing below the headings.")).to_be_visible()
    axe(page)
    page.get_by_role("link", name="Choose columns again").click()
    heading(page, "Choose columns")
    expect(page.get_by_text("The last try did not work")).to_be_visible()
    axe(page)


def test_a_file_that_is_too_large_is_said_before_it_is_sent(
    page: Page, login: Login, bob: User, customers: Path
) -> None:
    login(page, bob)
    page.goto(f"{BASE}new/")
    form = page.locator("form[data-upload]")
    form.evaluate("form => { form.dataset.maxBytes = 10 }")
    page.get_by_label("File", exact=True).set_input_files(customers)
    page.get_by_role("button", name="Upload").click()
    said = page.get_by_label("File", exact=True).evaluate("it => it.validationMessage")
    assert said.startswith("This file is larger than")
    assert not CleaningRun.objects.exists()


def test_without_javascript(
    no_js: Page, login: Login, bob: User, customers: Path
) -> None:
    login(no_js, bob)
    no_js.goto(f"{BASE}new/")
    no_js.get_by_label("File", exact=True).set_input_files(customers)
    no_js.get_by_role("button", name="Upload").click()
    no_js.get_by_label("Cells end with").select_option(";")
    no_js.get_by_role("button", name="Show again").click()
    expect(no_js.get_by_role("columnheader")).to_have_count(1)
    no_js.get_by_label("Cells end with").select_option(",")
    no_js.get_by_role("button", name="Show again").click()
    no_js.get_by_role("button", name="Start cleaning").click()
    run = CleaningRun.objects.get()
    expect(no_js.get_by_role("link", name="Refresh")).to_be_visible()
    services.pause(run)
    services.resume(run)
    work.clean(run.pk)
    no_js.reload()
    heading(no_js, "customers.csv")
    expect(no_js.get_by_text("2 of 7 rows are clean")).to_be_visible()
