"""The frame and the pages of the account, as people use them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from contactsync.tenancy.models import Account, ApiKey, Membership, Role, User
from contactsync.tenancy.services import IssuedKey, account_create, invitation_create
from tests.browser.conftest import PHONE, Console
from tests.browser.steps import Axe, Login, heading, log_in
from tests.conftest import PASSWORD

TENANT_PAGES = [
    ("", "Acme Outdoor"),
    ("account/team/", "Team"),
    ("account/api-keys/", "API keys"),
    ("account/audit/", "Audit log"),
    ("account/settings/", "Settings"),
]
PERSON_PAGES = [
    "/you/",
    "/new-account/",
    "/accounts/email/",
    "/accounts/password/change/",
    "/accounts/2fa/",
    "/accounts/logout/",
]
ENTRANCE_PAGES = [
    "/accounts/login/",
    "/accounts/signup/",
    "/accounts/password/reset/",
    "/accounts/login/code/",
]


@pytest.mark.parametrize("path", [path for path, _ in TENANT_PAGES])
def test_pages_of_an_account_are_accessible(
    path: str,
    page: Page,
    login: Login,
    axe: Axe,
    acme: Account,
    alice: User,
    bob: User,
    publishable_key: IssuedKey,
) -> None:
    invitation_create(account=acme, email="x@acme.test", role=Role.VIEWER, by=alice)
    login(page, alice)
    page.goto(f"/a/acme-outdoor/{path}")
    axe(page)


@pytest.mark.parametrize("path", [path for path, _ in TENANT_PAGES])
def test_what_a_viewer_sees_is_accessible(
    path: str, page: Page, login: Login, axe: Axe, acme: Account, vera: User
) -> None:
    login(page, vera)
    page.goto(f"/a/acme-outdoor/{path}")
    axe(page)


@pytest.mark.parametrize("path", PERSON_PAGES)
def test_pages_of_a_person_are_accessible(
    path: str, page: Page, login: Login, axe: Axe, acme: Account, alice: User
) -> None:
    login(page, alice)
    page.goto(path)
    axe(page)


@pytest.mark.parametrize("path", ENTRANCE_PAGES)
def test_pages_before_the_log_in_are_accessible(
    path: str, page: Page, axe: Axe, db: None
) -> None:
    page.goto(path)
    axe(page)


def test_error_pages_are_accessible(
    page: Page, login: Login, axe: Axe, console: Console, acme: Account, vera: User
) -> None:
    console.allow_status(404)
    page.goto("/nowhere/")
    heading(page, "This page does not exist")
    axe(page)
    console.allow_status(410)
    page.goto("/invitations/nothing/")
    heading(page, "This invitation cannot be used")
    axe(page)


def test_the_theme_is_chosen_and_kept(
    page: Page, login: Login, acme: Account, alice: User
) -> None:
    login(page, alice)
    page.goto("/a/acme-outdoor/")
    page.get_by_role("button", name="Dark theme").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    scheme = page.evaluate("getComputedStyle(document.documentElement).colorScheme")
    assert scheme == "dark"
    page.goto("/a/acme-outdoor/account/settings/")
    expect(page.get_by_label("Theme", exact=True)).to_have_value("dark")
    page.get_by_label("Theme", exact=True).select_option("light")
    page.get_by_role("button", name="Save your settings").click()
    expect(page.get_by_text("Your settings are saved.")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")


def test_a_key_is_made_copied_and_revoked(
    page: Page, login: Login, axe: Axe, acme: Account, alice: User
) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    login(page, alice)
    page.goto("/a/acme-outdoor/account/api-keys/")
    page.get_by_role("button", name="Create key").click()
    expect(page.get_by_role("alert")).to_be_focused()
    expect(page.get_by_label("Name")).to_have_attribute("aria-invalid", "true")
    axe(page)
    page.get_by_label("Name").fill("Shop")
    page.get_by_label("Allowed origins").fill("https://shop.acme.test")
    page.get_by_role("button", name="Create key").click()
    text = page.locator("#new-key").inner_text()
    assert re.fullmatch(r"pk_live_\w{32}", text)
    page.get_by_role("button", name="Copy key").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == text
    axe(page)
    page.get_by_role("button", name="Revoke Shop").click()
    expect(page.get_by_role("dialog", name="Revoke Shop?")).to_be_visible()
    axe(page)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("button", name="Revoke Shop").click()
    page.get_by_role("button", name="Revoke key").click()
    expect(page.get_by_text("Shop is revoked.")).to_be_visible()
    assert ApiKey.objects.get().revoked_at is not None


def test_an_invited_person_joins(
    page: Page, login: Login, axe: Axe, acme: Account, alice: User
) -> None:
    login(page, alice)
    page.goto("/a/acme-outdoor/account/team/")
    page.get_by_label("Email").fill("dora@acme.test")
    page.get_by_role("button", name="Send invitation").click()
    link = page.locator("main code").inner_text()
    axe(page)
    page.context.clear_cookies()
    page.goto(link)
    axe(page)
    page.get_by_role("link", name="Create a log-in").click()
    expect(page.get_by_label("Email")).to_have_value("dora@acme.test")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign up").click()
    page.get_by_role("button", name="Join Acme Outdoor").click()
    expect(page.get_by_text("Welcome to Acme Outdoor.")).to_be_visible()
    assert Membership.objects.get(user__email="dora@acme.test").role == Role.MARKETER


def test_the_menu_of_a_phone_has_everything(
    page: Page, login: Login, acme: Account, alice: User
) -> None:
    login(page, alice)
    page.set_viewport_size(PHONE)
    page.goto("/a/acme-outdoor/")
    link = page.get_by_role("link", name="Audit log")
    expect(link).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    expect(page.get_by_role("button", name="Log out")).to_be_visible()
    link.click()
    heading(page, "Audit log")


def test_accounts_are_switched(
    page: Page, login: Login, acme: Account, alice: User
) -> None:
    account_create(name="Second Store", owner=alice)
    login(page, alice)
    page.goto("/a/acme-outdoor/")
    page.locator("summary", has_text="Acme Outdoor").click()
    page.get_by_role("link", name="Second Store").click()
    heading(page, "Second Store")
    page.goto("/")
    heading(page, "Second Store")


def test_keys_and_the_jump_box(
    page: Page, login: Login, axe: Axe, acme: Account, alice: User
) -> None:
    login(page, alice)
    page.goto("/a/acme-outdoor/")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    box = page.get_by_role("dialog", name="Search or jump to")
    expect(box).to_be_visible()
    axe(page)
    page.keyboard.type("audit")
    expect(box.get_by_role("link")).to_have_text(
        ["Audit log", "Search contacts for “audit”"]
    )
    page.keyboard.press("Enter")
    heading(page, "Audit log")
    page.keyboard.press("g")
    page.keyboard.press("h")
    heading(page, "Acme Outdoor")
    page.goto("/a/acme-outdoor/account/settings/")
    page.get_by_label("Account name").press_sequentially("gh?")
    expect(page).to_have_url(re.compile("/account/settings/$"))
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_text("Not saved").first).to_be_visible()


def test_leaving_with_changes_is_asked_about(
    page: Page, login: Login, acme: Account, alice: User
) -> None:
    asked: list[str] = []

    def stay(dialog: Any) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    login(page, alice)
    page.goto("/a/acme-outdoor/account/settings/")
    page.get_by_label("Account name").fill("Acme Indoor")
    page.get_by_role("link", name="Team", exact=True).click()
    expect(page.get_by_label("Account name")).to_have_value("Acme Indoor")
    assert asked == ["beforeunload"]
    page.get_by_role("button", name="Save account name").click()
    expect(page.get_by_text("Account name saved.")).to_be_visible()
    assert asked == ["beforeunload"]


def test_a_message_leaves_by_hand(
    page: Page, login: Login, acme: Account, alice: User
) -> None:
    login(page, alice)
    page.goto("/a/acme-outdoor/account/settings/")
    page.get_by_role("button", name="Save account name").click()
    page.get_by_role("button", name="Dismiss").click()
    expect(page.get_by_text("Account name saved.")).to_have_count(0)


def test_a_fragment_can_bring_a_message(
    page: Page, login: Login, acme: Account, alice: User
) -> None:
    login(page, alice)
    page.goto("/a/acme-outdoor/")
    page.evaluate(
        """document.body.dispatchEvent(new CustomEvent("toast",
        {bubbles: true, detail: {text: "<b>Saved</b>", tone: "success"}}))"""
    )
    toasts = page.get_by_role("status", name="Messages")
    expect(toasts.get_by_text("<b>Saved</b>")).to_be_visible()
    toasts.get_by_role("button", name="Dismiss").click()
    expect(toasts.get_by_text("Saved")).to_have_count(0)


def test_the_skip_link_comes_first(
    page: Page, login: Login, acme: Account, alice: User
) -> None:
    login(page, alice)
    page.goto("/a/acme-outdoor/")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to content")
    expect(skip).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()


def test_everything_works_without_javascript(
    no_js: Page, acme: Account, alice: User, bob: User
) -> None:
    page = no_js
    log_in(page, alice.email)
    heading(page, "Acme Outdoor")
    page.get_by_role("button", name="Dark theme").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.get_by_role("link", name="Team", exact=True).click()
    page.get_by_label("Role of Bob Brown").select_option("Viewer")
    page.get_by_role("button", name="Save role of Bob Brown").click()
    expect(page.get_by_text("Bob Brown is now Viewer.")).to_be_visible()
    page.get_by_role("button", name="Remove Bob Brown").click()
    dialog = page.get_by_role("dialog", name="Remove Bob Brown?")
    dialog.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("no longer on the team")).to_be_visible()
    page.set_viewport_size(PHONE)
    page.get_by_role("button", name="Menu").click()
    page.get_by_role("link", name="API keys").click()
    expect(page.locator(".side kbd")).to_be_hidden()
    page.get_by_label("Name").fill("Server")
    page.get_by_label("Secret (sk)").check()
    page.get_by_role("button", name="Create key").click()
    expect(page.locator("#new-key")).to_have_text(re.compile("^sk_live_"))
    page.get_by_role("button", name="Menu").click()
    page.get_by_role("button", name="Log out").click()
    heading(page, "Log in")
