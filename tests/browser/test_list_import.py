"""A list from its upload to the audience of a linked account, as people do it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from playwright.sync_api import Page, expect

from connections import work
from connections.models import ListImport
from connections.services import import_waker
from contactsync.tenancy.models import Account, User
from hygiene.cleaning import work as cleaning
from hygiene.cleaning.waker import waker as cleaning_waker
from hygiene.models import CleaningRun
from integrations.drain import drain
from integrations.models import LinkedAccount
from integrations.sandbox.testing import RunningSandbox, running_sandbox
from integrations.waker import waker
from tests.browser.steps import Axe, Login, heading
from tests.hygiene.cleaning.world import LIST, cleaned

BASE = "/a/acme-outdoor/hygiene/cleaning/"
CLEAN = ("mira.jensen@gmail.com", "omar.haddad@outlook.com")
AGREED = "Ticked the box in our shop"


@pytest.fixture(autouse=True)
def no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no worker to wake; the test works itself."""
    for each in (cleaning_waker, import_waker, waker):
        monkeypatch.setattr(each, "wake", lambda ids: None)


@pytest.fixture
def sandbox(settings: Any) -> Iterator[RunningSandbox]:
    cache.clear()
    with running_sandbox() as running:
        settings.PROVIDER_URLS = {"mailchimp": running.base_url("mailchimp")}
        yield running


@pytest.fixture
def customers(tmp_path: Path) -> Path:
    path = tmp_path / "customers.csv"
    path.write_bytes(LIST)
    return path


def upload_and_clean(page: Page, customers: Path) -> None:
    page.goto(f"{BASE}new/")
    page.get_by_label("File", exact=True).set_input_files(customers)
    page.get_by_role("button", name="Upload").click()
    heading(page, "Choose columns")
    page.get_by_role("button", name="Start cleaning").click()
    heading(page, "customers.csv")
    cleaning.clean(CleaningRun.objects.get().pk)


def open_import(page: Page) -> None:
    page.get_by_role("link", name="Import the clean ones into an audience").click()
    heading(page, "Import the clean rows")


def say_they_agreed(page: Page) -> None:
    page.get_by_label("How these people agreed").fill(AGREED)
    page.get_by_label("Everybody on this list agreed to hear from us.").check()


def audience_of(sandbox: RunningSandbox, job: ListImport) -> dict[str, str]:
    found = {
        email: sandbox.member(email, audience=job.target.audience_id) for email in CLEAN
    }
    return {email: member["status"] for email, member in found.items()}


def test_a_cleaned_list_reaches_the_audience(
    page: Page,
    login: Login,
    axe: Axe,
    bob: User,
    linked: LinkedAccount,
    sandbox: RunningSandbox,
    customers: Path,
) -> None:
    login(page, bob)
    upload_and_clean(page, customers)
    expect(page.get_by_role("heading", name="2 of 7 rows are clean")).to_be_visible()
    open_import(page)
    axe(page)
    expect(page.get_by_label("Integration")).to_have_value(str(linked.pk))
    expect(page.get_by_text("2 found in Mailchimp.")).to_be_visible()
    page.get_by_label("Audience", exact=True).select_option(
        label="VIP early access · 2 contacts"
    )
    first_name = page.get_by_label("Mailchimp merge field for First name")
    expect(first_name).to_have_value("FNAME")
    axe(page)

    page.get_by_role("button", name="Start the import").click()
    summary = page.get_by_role("alert")
    expect(summary).to_contain_text("The import was not started")
    expect(summary.get_by_role("link")).to_have_count(2)
    expect(first_name).to_have_value("FNAME")
    axe(page)
    assert not ListImport.objects.exists()

    say_they_agreed(page)
    page.get_by_label("Tags", exact=True).fill("spring-2026")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Remove tag spring-2026")).to_be_visible()
    page.get_by_role("button", name="Start the import").click()
    heading(page, "Import of customers.csv")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    axe(page)

    job = ListImport.objects.get()
    assert work.advance(job.pk) == 2
    drain(linked.pk)
    # The page polls: the result comes, and the buttons that have no use go.
    progress = page.locator("#progress")
    expect(progress.get_by_role("heading", name="Done")).to_be_visible()
    expect(progress.get_by_text("7 of 7 rows looked at.")).to_be_visible()
    expect(progress.locator(".tallies li")).to_have_text(re.compile(r"Synced\s*2"))
    expect(page.get_by_role("button", name="Pause")).to_have_count(0)
    axe(page)
    assert job.target.tags == ["spring-2026"]
    assert audience_of(sandbox, job) == dict.fromkeys(CLEAN, "subscribed")

    progress.get_by_role("link", name="Synced").click()
    heading(page, "Sync activity")
    page.get_by_role("link", name=CLEAN[0]).click()
    heading(page, "Mira Jensen")
    expect(page.get_by_text("from an imported list")).to_be_visible()
    expect(page.get_by_text("Imported from customers.csv, row 2")).to_be_visible()
    expect(page.get_by_text("Added to VIP early access in Mailchimp")).to_be_visible()
    expect(page.get_by_text(f"“{AGREED}”").first).to_be_visible()
    axe(page)


def test_an_import_is_paused_and_given_up(
    page: Page,
    login: Login,
    axe: Axe,
    bob: User,
    acme: Account,
    linked: LinkedAccount,
    sandbox: RunningSandbox,
) -> None:
    run = cleaned(acme)
    login(page, bob)
    page.goto(f"{BASE}{run.pk}/import/")
    page.get_by_label("Audience", exact=True).select_option(index=1)
    expect(page.get_by_text("rows of customers.csv were accepted")).to_be_visible()
    say_they_agreed(page)
    page.get_by_role("button", name="Start the import").click()
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("heading", name="Paused")).to_be_visible()
    axe(page)
    page.reload()
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("heading", name="Paused")).to_have_count(0)

    page.get_by_role("button", name="Cancel the import").click()
    dialog = page.get_by_role("dialog", name="Cancel the import?")
    dialog.get_by_role("button", name="Go on importing").click()
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name="Cancel the import").click()
    dialog.get_by_role("button", name="Cancel the import").click()
    expect(page.get_by_role("heading", name="Cancelled", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Resume")).to_have_count(0)
    axe(page)
    assert work.advance(ListImport.objects.get().pk) == 0

    page.goto(f"{BASE}{run.pk}/import/")
    expect(page.get_by_text("adds nobody twice")).to_be_visible()


def test_without_javascript(
    no_js: Page,
    login: Login,
    bob: User,
    linked: LinkedAccount,
    sandbox: RunningSandbox,
    customers: Path,
) -> None:
    page = no_js
    login(page, bob)
    upload_and_clean(page, customers)
    page.reload()
    open_import(page)
    page.get_by_label("Audience", exact=True).select_option(index=1)
    page.get_by_role("button", name="Load fields").click()
    expect(page.get_by_label("Mailchimp merge field for Last name")).to_have_value(
        "LNAME"
    )
    page.get_by_role("button", name="Start the import").click()
    expect(page.get_by_text("The import was not started")).to_be_visible()
    say_they_agreed(page)
    page.get_by_role("button", name="Start the import").click()
    heading(page, "Import of customers.csv")
    job = ListImport.objects.get()
    assert work.advance(job.pk) == 2
    drain(linked.pk)
    page.get_by_role("link", name="Refresh").click()
    expect(page.get_by_role("heading", name="Done")).to_be_visible()
    expect(page.get_by_role("button", name="Cancel the import")).to_have_count(0)
    assert audience_of(sandbox, job) == dict.fromkeys(CLEAN, "subscribed")
